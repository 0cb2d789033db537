//! `glasskey companion inventory`: what is known of every key.

mod export;
mod import;
pub(super) mod place;
mod set;
mod table;

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use serde::Serialize;

use self::place::Place;
use super::{Exit, Failed};
use crate::id::{LabelId, Upn};
use crate::inventory::{Filter, History, Key, KeyState, Kind};

/// Version of the JSON that these commands print.
const VERSION: u32 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Import(import::Import),
    List(List),
    Show(Show),
    Set(set::Set),
    Export(export::Export),
}

/// Lists keys: state, account, where they lie, when they are to be drilled.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct List {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    choice: Choice,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Shows one key and its history.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
pub(super) struct Show {
    /// Number on its label.
    label: LabelId,
    #[command(flatten)]
    place: Place,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Which keys.
#[derive(Debug, Args)]
struct Choice {
    /// Keys in this state; may be given several times.
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<KeyState>,
    /// Keys of this account; may be given several times.
    #[arg(long, value_name = "UPN")]
    account: Vec<Upn>,
    /// Keys of this custodian; may be given several times.
    #[arg(long, value_name = "NAME")]
    custodian: Vec<String>,
    /// Keys whose drill is due, or becomes due within so many days.
    #[arg(long, value_name = "DAYS", num_args = 0..=1, default_missing_value = "0")]
    due: Option<u32>,
    #[command(flatten)]
    drill: Drill,
}

/// How often keys are drilled.
#[derive(Debug, Args)]
pub(super) struct Drill {
    /// Days from one drill to the next.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(super) drill_days: u32,
}

/// Exit codes of these commands, for `--help`.
const EXIT_CODES: &str = "Exit codes: 0 done; 2 wrong use; 10 to 15 manifest (10 damaged, 11 wrong identity, 12 wrong \
station or signature, 13 not meant for this identity, 14 unknown content, 15 cut off); 26 a file cannot be written; \
50 the inventory cannot be read or written; 51 it was written by a newer glasskey; 52 a key is there with other data, or \
belongs to another account; 53 rehearsal and real keys do not mix; 54 no such key, or its state does not allow it; \
55 another run has claimed the key.";

impl Command {
    pub(super) fn run(&self) -> Result<(), Failed> {
        match self {
            Self::Import(import) => import.run(),
            Self::List(list) => list.run(),
            Self::Show(show) => show.run(),
            Self::Set(set) => set.run(),
            Self::Export(export) => export.run(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listing<'a> {
    format: &'static str,
    version: u32,
    kind: Option<Kind>,
    keys: &'a [Key],
}

impl List {
    fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let present = inventory.present()?;
        let days = self.choice.drill.drill_days;
        let filter = Filter {
            states: self.choice.state.clone(),
            accounts: self.choice.account.clone(),
            custodians: self.choice.custodian.clone(),
            due: self
                .choice
                .due
                .map(|ahead| (present.saturating_add(time::Duration::days(ahead.into())), days)),
        };
        let keys = inventory.keys(&filter)?;
        if self.json {
            return print_json(&Listing {
                format: "glasskey-inventory",
                version: VERSION,
                kind: inventory.kind()?,
                keys: &keys,
            });
        }
        print(&table::of(&keys, present, days))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    format: &'static str,
    version: u32,
    kind: Option<Kind>,
    key: &'a Key,
    history: &'a [History],
}

impl Show {
    fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let key = inventory.key(&self.label)?;
        let history = inventory.history(&self.label)?;
        if self.json {
            return print_json(&Whole {
                format: "glasskey-inventory-key",
                version: VERSION,
                kind: inventory.kind()?,
                key: &key,
                history: &history,
            });
        }
        print(&table::one(&key, &history))
    }
}

fn state(word: &str) -> Result<KeyState, String> {
    let words = || KeyState::ALL.map(KeyState::word).join(", ");
    KeyState::from_word(word).ok_or_else(|| format!("it is one of {}", words()))
}

/// A name, place or reason: one line of text that a table can show.
pub(super) fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        _ if text.chars().any(char::is_control) => Err("it holds a control character".into()),
        1..=200 => Ok(text.to_owned()),
        _ => Err("it has 1 to 200 characters".into()),
    }
}

pub(super) fn print(text: &str) -> Result<(), Failed> {
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| unwritten(&error))
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failed> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| unwritten(&error))?;
    text.push('\n');
    print(&text)
}

fn unwritten(error: &dyn std::fmt::Display) -> Failed {
    (
        Exit::File,
        format!("The result cannot be written: {error}"),
        String::new(),
    )
}
