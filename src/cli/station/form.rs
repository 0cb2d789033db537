//! `glasskey station form`: the empty form on which a PIN is marked by hand, as a PDF.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::fail;
use crate::language::Language;
use crate::paper::form;
use crate::paper::page::PaperSize;
use crate::printer::pdf;

/// Exit code for a file that cannot be written.
const UNUSABLE: u8 = 4;

/// Which form, and where to.
#[derive(Debug, Args)]
pub struct Form {
    /// Paper in the printer.
    #[arg(long, value_enum, default_value = "a4")]
    paper: FormPaper,
    /// Language of the form: en or de.
    #[arg(long, value_name = "CODE", default_value = "en")]
    language: Language,
    /// Where the PDF is written; a file that is there stays as it is.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Paper of the form.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormPaper {
    /// 210 x 297 mm.
    A4,
    /// 8.5 x 11 inches.
    Letter,
}

impl Form {
    pub(super) fn run(self) -> ExitCode {
        let paper = match self.paper {
            FormPaper::A4 => PaperSize::A4,
            FormPaper::Letter => PaperSize::Letter,
        };
        let page = match form::page(paper, self.language) {
            Ok(page) => page,
            Err(error) => {
                return fail(
                    UNUSABLE,
                    &format!("The form cannot be laid out: {error}."),
                    error.hint(),
                );
            }
        };
        let name = self.out.display();
        let written = File::create_new(&self.out).and_then(|mut file| {
            file.write_all(&pdf::render(&[page]))?;
            file.sync_all()
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let what = format!("{name} is there already. It was left as it is.");
                fail(UNUSABLE, &what, "Give another --out.")
            }
            Err(error) => fail(UNUSABLE, &format!("{name} cannot be written: {error}."), ""),
        }
    }
}
