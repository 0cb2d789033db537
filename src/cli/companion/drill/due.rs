//! `glasskey companion drill due`: what is due, for people and for timers.

use std::fmt::Write as _;

use clap::Args;
use serde_json::{Value, json};

use super::super::inventory::place::Place;
use super::super::inventory::{print, print_json};
use super::super::{Exit, Failed};
use super::Days;
use crate::inventory::event::stamp;
use crate::inventory::{Drill, Filter};
use crate::tenant::drill::{self, Entry};

/// Lists every key that opens an account: its last drill, when the next one is due, and whether that is over.
///
/// Reads the inventory and nothing else. Its exit code says whether something is due, for timers
/// (`glasskey-drill.timer` of the Debian package).
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  glasskey companion drill due --inventory keys.sqlite --ahead 14

Exit codes: 0 nothing is due; 2 wrong use; 26 the list cannot be written; 50 the inventory cannot be read; 51 it was
written by a newer glasskey; 60 at least one drill is due.")]
pub(in super::super) struct Due {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    days: Days,
    /// Counts a drill as due so many days before.
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=3660))]
    ahead: u32,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Due {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let (keys, present) = (inventory.keys(&Filter::default())?, inventory.present()?);
        let entries = drill::schedule(&keys, present, self.days.days, self.ahead);
        let claimed: Vec<_> = keys
            .iter()
            .filter(|key| key.claim.as_ref().is_some_and(|claim| claim.until >= present))
            .map(|key| key.label.clone())
            .collect();
        let mut cut_off = inventory.drills()?;
        // One that is being held now is not cut off.
        cut_off.retain(|drill| drill.ended.is_none() && !claimed.contains(&drill.label));
        let due = entries.iter().filter(|entry| entry.is_due).count();
        if self.json {
            print_json(&json!({
                "format": "glasskey-drills",
                "version": 1,
                "time": stamp(present),
                "days": self.days.days,
                "ahead": self.ahead,
                "due": due,
                "keys": entries.iter().map(|entry| row(entry, present, &cut_off)).collect::<Vec<_>>(),
            }))?;
        } else {
            print(&lines(&entries, present, &cut_off))?;
        }
        if due == 0 {
            return Ok(());
        }
        Err((
            Exit::DrillDue,
            format!("{due} of {} keys are to be drilled.", entries.len()),
            "Hold the drills: glasskey companion drill run --account UPN --label ID".into(),
        ))
    }
}

/// When a drill of this key began that has no end, if the last one has none.
fn begun(entry: &Entry, cut_off: &[Drill]) -> Option<String> {
    let of_key = cut_off.iter().rev().find(|drill| drill.label == entry.label)?;
    // A drill that passed later has shown what that one did not.
    let is_later = entry.last.is_none_or(|last| last < of_key.begun);
    is_later.then(|| stamp(of_key.begun))
}

fn row(entry: &Entry, present: time::OffsetDateTime, cut_off: &[Drill]) -> Value {
    json!({
        "account": entry.account,
        "label": entry.label,
        "custodian": entry.custodian,
        "safe": entry.safe,
        "lastDrill": entry.last.map(stamp),
        "due": stamp(entry.due),
        "isDue": entry.is_due,
        "isOverdue": entry.due < present,
        "cutOff": begun(entry, cut_off),
    })
}

fn lines(entries: &[Entry], present: time::OffsetDateTime, cut_off: &[Drill]) -> String {
    if entries.is_empty() {
        return "No key opens an account, as far as the inventory knows.\n".into();
    }
    let mut text = String::new();
    for keys in drill::by_account(entries) {
        let account = keys.first().map(|key| key.account.as_str()).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{account}");
        for key in keys {
            let last = key.last.map_or_else(
                || "never drilled".into(),
                |last| format!("drilled {}", last.date()),
            );
            let mark = match (key.due < present, key.is_due) {
                (true, _) => "  OVERDUE",
                (false, true) => "  due",
                (false, false) => "",
            };
            let kept: Vec<&str> = [&key.custodian, &key.safe]
                .into_iter()
                .filter_map(|o| o.as_deref())
                .collect();
            let _ = writeln!(
                text,
                "  {}  {last:<18}  due {}{mark}  {}",
                key.label,
                key.due.date(),
                kept.join(", ")
            );
            if let Some(begun) = begun(key, cut_off) {
                let _ = writeln!(text, "          a drill began {begun} and has no end on record");
            }
        }
    }
    text
}
