//! `glasskey companion report`: the inventory for auditors, as HTML or PDF.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;

use super::inventory::Drill;
use super::inventory::place::Place;
use super::{Exit, Failed, usage};
use crate::inventory::Filter;
use crate::report::{Content, html, pdf};

/// Writes a report on the inventory: what lies where, last proofs and drills, what is due, and what is not as it should be.
#[derive(Debug, Args)]
#[command(
    after_long_help = "Exit codes: 0 written; 2 wrong use; 26 the report cannot be written; 50 the inventory cannot be \
read; 51 it was written by a newer glasskey."
)]
pub(super) struct Report {
    /// The file to write; its name ends in `.html` or `.pdf`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    drill: Drill,
    #[command(flatten)]
    place: Place,
}

impl Report {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let form = self.out.extension().map(OsStr::to_ascii_lowercase);
        let is_pdf = match form.as_ref().and_then(|form| form.to_str()) {
            Some("html" | "htm") => false,
            Some("pdf") => true,
            _ => {
                return Err(usage(
                    "The report's file name ends in neither `.html` nor `.pdf`.",
                    "",
                ));
            }
        };
        let address = self.place.address()?.to_string();
        let mut inventory = self.place.open()?;
        let keys = inventory.keys(&Filter::default())?;
        let (kind, made) = (inventory.kind()?, inventory.present()?);
        let content = Content::new(&keys, address, kind, made, self.drill.drill_days);
        let cannot = |error: &dyn std::fmt::Display| {
            let what = format!("The report {} cannot be written: {error}", self.out.display());
            (Exit::File, what, String::new())
        };
        let bytes = if is_pdf {
            pdf::render(&content).map_err(|error| cannot(&error))?
        } else {
            html::render(&content).into_bytes()
        };
        std::fs::write(&self.out, bytes).map_err(|error| cannot(&error))
    }
}
