//! `glasskey station print-test`: the test pages on this machine's printer, or as a file.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgGroup, Args, ValueEnum};
use time::OffsetDateTime;

use super::FAILED;
use crate::appliance::UsbPress;
use crate::appliance::print_test;
use crate::cli::fail;
use crate::console::line::LineConsole;
use crate::media::Stick;
use crate::plan::Paper;
use crate::worker::Launcher;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Sheet {
    A4,
    Letter,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["stick", "pdf"])))]
pub struct Arguments {
    /// Folder of the officer's stick: the offsets are kept there in `printers.json`.
    #[arg(long)]
    stick: Option<PathBuf>,
    /// Writes the pages into a new PDF file instead of printing them.
    #[arg(long, value_name = "FILE")]
    pdf: Option<PathBuf>,
    /// The sheet in the printer.
    #[arg(long, value_enum, default_value = "a4")]
    paper: Sheet,
}

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let paper = match self.paper {
            Sheet::A4 => Paper::A4,
            Sheet::Letter => Paper::Letter,
        };
        let today = OffsetDateTime::now_utc().date().to_string();
        match (self.pdf, self.stick) {
            (Some(file), _) => to_file(&file, paper, &today),
            (None, Some(folder)) => on_paper(folder, paper, &today),
            // clap asks for one of both.
            (None, None) => ExitCode::FAILURE,
        }
    }
}

fn to_file(file: &std::path::Path, paper: Paper, today: &str) -> ExitCode {
    let pages = match print_test::pdf(paper, today) {
        Ok(pages) => pages,
        Err(error) => {
            let problem = format!("The pages cannot be laid out: {error}.");
            return fail(FAILED, &problem, error.hint());
        }
    };
    let written =
        std::fs::File::create_new(file).and_then(|mut made| io::Write::write_all(&mut made, &pages));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(
            FAILED,
            &format!("{} could not be written: {error}.", file.display()),
            "Give the name of a file that does not exist yet, in a folder that does.",
        ),
    }
}

fn on_paper(folder: PathBuf, paper: Paper, today: &str) -> ExitCode {
    if !folder.is_dir() {
        return fail(
            FAILED,
            &format!(
                "There is no folder {}. Nothing has been printed.",
                folder.display()
            ),
            "Give the folder in which the officer's stick is mounted.",
        );
    }
    let mut console = match LineConsole::standard() {
        Ok(console) => console,
        Err(error) => return fail(FAILED, &format!("The terminal cannot be used: {error}."), ""),
    };
    let mut stick = Stick::directory(folder);
    let (offsets, _) = print_test::offsets(&stick);
    let mut press = UsbPress::new(Launcher::current(), offsets);
    match print_test::run(&mut console, &mut press, &mut stick, paper, today) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => fail(
            FAILED,
            &format!("The test was not finished: {error}."),
            "Start it again.",
        ),
    }
}
