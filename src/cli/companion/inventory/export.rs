//! `inventory export`: everything, for other programs.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde::Serialize;
use time::OffsetDateTime;

use super::super::{Exit, Failed};
use super::place::Place;
use super::{EXIT_CODES, VERSION, print, unwritten};
use crate::inventory::event::stamp;
use crate::inventory::{Filter, History, Key, Kind};

/// Writes every key as CSV, or every key with its history as JSON.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
#[command(group(ArgGroup::new("form").required(true).args(["csv", "json"])))]
pub(in super::super) struct Export {
    /// One line for each key.
    #[arg(long)]
    csv: bool,
    /// Keys and histories.
    #[arg(long)]
    json: bool,
    /// Writes to this file [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    format: &'static str,
    version: u32,
    kind: Option<Kind>,
    #[serde(with = "time::serde::rfc3339")]
    exported: OffsetDateTime,
    keys: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    #[serde(flatten)]
    key: Key,
    history: Vec<History>,
}

impl Export {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let keys = inventory.keys(&Filter::default())?;
        let text = if self.csv {
            csv_of(&keys)?
        } else {
            let mut entries = Vec::with_capacity(keys.len());
            for key in keys {
                let history = inventory.history(&key.label)?;
                entries.push(Entry { key, history });
            }
            let document = Document {
                format: "glasskey-inventory-export",
                version: VERSION,
                kind: inventory.kind()?,
                exported: inventory.present()?,
                keys: entries,
            };
            let mut text = serde_json::to_string_pretty(&document).map_err(|error| unwritten(&error))?;
            text.push('\n');
            text
        };
        match &self.out {
            None => print(&text),
            Some(path) => std::fs::write(path, text).map_err(|error| {
                let what = format!("{} cannot be written: {error}", path.display());
                (Exit::File, what, String::new())
            }),
        }
    }
}

const COLUMNS: [&str; 20] = [
    "label",
    "state",
    "account",
    "place",
    "custodian",
    "safe",
    "slip",
    "key_bag",
    "slip_bag",
    "second_slip_bag",
    "ceremony",
    "product",
    "aaguid",
    "serial",
    "fingerprint",
    "prepared",
    "registered",
    "proven",
    "drilled",
    "tenant",
];

fn csv_of(keys: &[Key]) -> Result<String, Failed> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS).map_err(|error| unwritten(&error))?;
    for key in keys {
        let bag =
            |bag: &Option<crate::id::BagNumber>| bag.as_ref().map(ToString::to_string).unwrap_or_default();
        let time = |time: Option<OffsetDateTime>| time.map(stamp).unwrap_or_default();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let record = [
            key.label.to_string(),
            key.state.word().to_owned(),
            key.account.to_string(),
            key.place.to_string(),
            text(&key.custodian),
            text(&key.safe),
            key.slip.map(|slip| slip.to_string()).unwrap_or_default(),
            bag(&key.key_bag),
            bag(&key.slip_bag),
            bag(&key.second_slip_bag),
            key.ceremony.to_string(),
            key.product.clone(),
            key.aaguid.to_string(),
            text(&key.serial),
            key.fingerprint.as_str().to_owned(),
            stamp(key.prepared),
            time(key.registered),
            time(key.proven),
            time(key.drilled),
            text(&key.tenant),
        ];
        let cells = record.iter().map(|cell| harmless(cell));
        writer.write_record(cells).map_err(|error| unwritten(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| unwritten(&error))?;
    String::from_utf8(bytes).map_err(|error| unwritten(&error))
}

/// A spreadsheet calculates what begins like a formula; an apostrophe makes it text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("@SUM", "'@SUM"),
            ("Ada", "Ada"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), expected);
        }
    }
}
