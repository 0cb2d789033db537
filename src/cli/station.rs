//! `glasskey station`: the ceremony outside the image, for rehearsals only.

pub mod form;
mod print_test;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::fail;
use crate::appliance;
use crate::console::Console;
use crate::console::line::LineConsole;
use crate::console::screen::Screen;
use crate::media::Stick;
use crate::plan::Plan;
use crate::worker::Launcher;

/// Exit code for a ceremony that could not be held.
const FAILED: u8 = 5;

/// Subcommands of `glasskey station`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Holds a rehearsal with the keys and the printer of this machine.
    ///
    /// Everything is real: keys are erased, slips are printed. Only plans with `rehearsal = true` are
    /// taken, because this machine has a network: real ceremonies are held on the image.
    Rehearse {
        /// Folder that stands for the officer's stick; it holds `plan.toml`.
        #[arg(long)]
        stick: PathBuf,
        /// Shows the station's full screen instead of plain lines.
        #[arg(long)]
        full_screen: bool,
    },
    /// Holds the second pass of a rehearsal in custody `rotate`: registered keys get their final PIN.
    ///
    /// Each key's transport PIN gives way to a new one that is printed on a slip; its credentials survive. The image
    /// does the same by itself when the stick holds a ceremony whose keys wait for it.
    Seal {
        /// Folder that stands for the officer's stick; it holds `plan.toml` and the ceremony.
        #[arg(long)]
        stick: PathBuf,
        /// Shows the station's full screen instead of plain lines.
        #[arg(long)]
        full_screen: bool,
    },
    /// Prints test pages, and remembers how far this printer's pages have to be moved.
    ///
    /// Two pages without a secret: type, lines and codes to look at, and a page to fold twice. Where the folds cross
    /// its scales is how far the printer is off; type the two numbers, and every later page on this model is moved.
    /// At the station the same is offered where the plan says `print_test = true`.
    #[command(after_long_help = "Examples:
  Print on the printer at this machine; the officer's stick remembers the result:
    glasskey station print-test --stick /media/officer
  See the pages without a printer:
    glasskey station print-test --pdf test.pdf --paper letter")]
    PrintTest(print_test::Arguments),
    /// Writes the form on which a PIN is marked by hand where no printer is at hand (docs/officer.md); nothing on it is secret.
    ///
    /// With `--labels-of`, it writes the edges of every label of a plan's sheet instead: printed on plain paper and held
    /// against the sheet, they show what `label_correction` in the plan has to be.
    ///
    /// Exit codes: 0 written, 2 wrong use, 3 the plan is refused, 4 a file cannot be read or written, or is there already.
    #[command(after_long_help = "Examples:
  glasskey station form --paper letter --language en --out form.pdf
  glasskey station form --labels-of plan.toml --out trial.pdf")]
    Form(form::Form),
    /// Holds the session of the image, as the child of process 1 (not for people).
    #[command(hide = true)]
    Session {
        /// After a crash: keyboards that were let in stay, and no other one comes with them.
        #[arg(long)]
        again: bool,
        /// What process 1 could not mount.
        problems: Vec<String>,
    },
}

impl Command {
    pub(crate) fn run(self) -> ExitCode {
        let (folder, full_screen, is_second_pass) = match self {
            Self::Rehearse { stick, full_screen } => (stick, full_screen, false),
            Self::Seal { stick, full_screen } => (stick, full_screen, true),
            Self::PrintTest(arguments) => return arguments.run(),
            Self::Form(form) => return form.run(),
            Self::Session { again, problems } => return session(&problems, again),
        };
        let mut stick = Stick::directory(folder);
        let text = match stick.read_plan() {
            Ok(text) => text,
            Err(error) => return fail(FAILED, &error.to_string(), error.hint()),
        };
        match Plan::parse(&text) {
            Err(error) => return fail(3, &format!("{error}."), "Mend that line and start again."),
            Ok(plan) if !plan.rehearsal => {
                return fail(
                    FAILED,
                    "This machine has a network: only rehearsals are held here. Nothing has been done.",
                    "Hold the ceremony on the image, or set `rehearsal = true` in the plan.",
                );
            }
            Ok(_) => {}
        }
        if is_second_pass {
            match appliance::waits_for_second_pass(&stick, &text) {
                Ok(true) => {}
                Ok(false) => {
                    return fail(
                        FAILED,
                        "No ceremony in this folder waits for its second pass. Nothing has been done.",
                        "Give the folder of a finished ceremony in custody `rotate`.",
                    );
                }
                Err(problem) => return fail(FAILED, &problem, ""),
            }
        }
        let console: std::io::Result<Box<dyn Console>> = if full_screen {
            Screen::open().map(|screen| Box::new(screen) as Box<dyn Console>)
        } else {
            LineConsole::standard().map(|line| Box::new(line) as Box<dyn Console>)
        };
        let mut console = match console {
            Ok(console) => console,
            Err(error) => return fail(FAILED, &format!("The terminal cannot be used: {error}."), ""),
        };
        match appliance::hold(console.as_mut(), Vec::new(), &mut stick, &Launcher::current()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => fail(FAILED, &problem, ""),
        }
    }
}

fn session(problems: &[String], again: bool) -> ExitCode {
    if rustix::process::getppid() != Some(rustix::process::Pid::INIT) {
        return fail(
            FAILED,
            "Only process 1 of the image starts this. Nothing has been done.",
            "Start a rehearsal with `glasskey station rehearse`.",
        );
    }
    appliance::session::run(problems, again)
}
