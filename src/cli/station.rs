//! `glasskey station`: the ceremony outside the image, for rehearsals only.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::fail;
use crate::appliance;
use crate::console::line::LineConsole;
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
    },
}

impl Command {
    pub(crate) fn run(self) -> ExitCode {
        let Self::Rehearse { stick } = self;
        let mut stick = Stick::directory(stick);
        let plan = match stick.read_plan() {
            Ok(text) => Plan::parse(&text),
            Err(error) => return fail(FAILED, &error.to_string(), error.hint()),
        };
        match plan {
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
        let mut console = match LineConsole::standard() {
            Ok(console) => console,
            Err(error) => return fail(FAILED, &format!("The terminal cannot be used: {error}."), ""),
        };
        match appliance::hold(&mut console, Vec::new(), &mut stick, &Launcher::current()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => fail(FAILED, &problem, ""),
        }
    }
}
