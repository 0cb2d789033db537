//! `glasskey station form`: the empty form on which a PIN is marked by hand, or the edges of a label sheet, as a PDF.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::{self, fail};
use crate::language::Language;
use crate::paper::label::LabelSheet;
use crate::paper::page::{Page, PaperSize};
use crate::paper::stock::Stock;
use crate::paper::{LayoutError, form};
use crate::plan::Plan;
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
    /// Writes the edges of this plan's label sheet instead, with its correction, for a trial on plain paper.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["paper", "language"])]
    labels_of: Option<PathBuf>,
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
        let pages = match &self.labels_of {
            Some(plan) => outlines(plan),
            None => self.form(),
        };
        let pages = match pages {
            Ok(pages) => pages,
            Err(exit) => return exit,
        };
        let name = self.out.display();
        let written = File::create_new(&self.out).and_then(|mut file| {
            file.write_all(&pdf::render(&pages))?;
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

    fn form(&self) -> Result<Vec<Page>, ExitCode> {
        let paper = match self.paper {
            FormPaper::A4 => PaperSize::A4,
            FormPaper::Letter => PaperSize::Letter,
        };
        form::page(paper, self.language)
            .map(|page| vec![page])
            .map_err(|error| not_laid_out("The form", &error))
    }
}

/// The edges of a plan's labels.
fn outlines(path: &Path) -> Result<Vec<Page>, ExitCode> {
    let text = cli::plan::read(path).map_err(|problem| fail(UNUSABLE, &problem, ""))?;
    let plan = Plan::parse(&text)
        .map_err(|error| fail(3, &format!("{error}."), "Mend that line and start again."))?;
    let stock = Stock::named(&plan.label_stock)
        .filter(|stock| stock.roll().is_none())
        .ok_or_else(|| {
            let what = format!("{} is a roll: a trial is for sheets.", plan.label_stock);
            fail(3, &what, "Adjust a roll at its printer.")
        })?;
    LabelSheet::trial(stock, plan.label_correction)
        .pages()
        .map_err(|error| not_laid_out("The trial", &error))
}

fn not_laid_out(what: &str, error: &LayoutError) -> ExitCode {
    fail(
        UNUSABLE,
        &format!("{what} cannot be laid out: {error}."),
        error.hint(),
    )
}
