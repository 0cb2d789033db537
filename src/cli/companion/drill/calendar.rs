//! `glasskey companion drill calendar`: drills for a calendar program.

use std::path::PathBuf;

use clap::Args;

use super::super::inventory::place::Place;
use super::super::{Exit, Failed};
use super::Days;
use crate::inventory::Filter;
use crate::tenant::drill;

/// Writes the next drills as a calendar file (iCalendar, RFC 5545): one event for each account, with two alarms.
///
/// An account's event has the same UID in every file, so importing a later file moves it. Labels and accounts are in the
/// file; places, custodians and PINs are not.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  glasskey companion drill calendar --inventory keys.sqlite --output drills.ics

Exit codes: 0 written; 2 wrong use; 26 the file cannot be written; 50 the inventory cannot be read; 51 it was written by a
newer glasskey.")]
pub(in super::super) struct Calendar {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    days: Days,
    /// The file to write; an older one is replaced.
    #[arg(long, value_name = "FILE.ics")]
    output: PathBuf,
}

impl Calendar {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let (keys, present) = (inventory.keys(&Filter::default())?, inventory.present()?);
        let entries = drill::schedule(&keys, present, self.days.days, 0);
        let text = drill::calendar(&entries, present, self.days.days);
        std::fs::write(&self.output, text).map_err(|error| {
            let what = format!(
                "The calendar {} cannot be written: {error}",
                self.output.display()
            );
            (Exit::File, what, "Correct the path.".into())
        })
    }
}
