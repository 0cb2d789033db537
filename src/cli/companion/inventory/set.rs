//! `inventory set`: where a key lies and who keeps it, or that it left service.

use clap::{ArgGroup, Args, ValueEnum};
use serde::Serialize;

use super::super::Failed;
use super::place::{Name, Place};
use super::{EXIT_CODES, VERSION, line, print, print_json};
use crate::id::{BagNumber, LabelId, SlipNumber};
use crate::inventory::{Event, KeyState, Places};

/// Changes where a key and its slip lie and who keeps them, or takes the key out of service.
///
/// Each change is added to the key's history. A key that left service never comes back: it is prepared anew at a station,
/// under another label.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["custodian", "safe", "slip", "key_bag", "slip_bag", "second_slip_bag", "state"])))]
pub(in super::super) struct Set {
    /// Number on its label.
    label: LabelId,
    /// Who keeps the key.
    #[arg(long, value_name = "NAME", value_parser = line)]
    custodian: Option<String>,
    /// Where it is kept.
    #[arg(long, value_name = "PLACE", value_parser = line)]
    safe: Option<String>,
    /// Number of its slip, as printed (0007-5) or bare (7).
    #[arg(long, value_name = "NUMBER", value_parser = slip)]
    slip: Option<SlipNumber>,
    /// Number of the key's bag.
    #[arg(long, value_name = "NUMBER")]
    key_bag: Option<BagNumber>,
    /// Number of the slip's bag.
    #[arg(long, value_name = "NUMBER")]
    slip_bag: Option<BagNumber>,
    /// Number of the bag of a split slip's second half.
    #[arg(long, value_name = "NUMBER")]
    second_slip_bag: Option<BagNumber>,
    /// What became of the key.
    #[arg(long, value_enum, requires = "reason")]
    state: Option<End>,
    /// Why it left service; never a PIN.
    #[arg(long, value_name = "TEXT", value_parser = line, requires = "state")]
    reason: Option<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    name: Name,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// States that a person gives to a key; the others are earned by it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum End {
    /// Nobody knows where it is.
    Lost,
    /// Its passkey was taken off the account.
    Revoked,
    /// It is out of service for good.
    Retired,
}

#[derive(Serialize)]
struct Outcome<'a> {
    format: &'static str,
    version: u32,
    label: &'a LabelId,
    state: KeyState,
}

impl Set {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let mut inventory = self.place.open()?;
        let author = self.name.author("companion inventory set");
        let mut state = inventory.key(&self.label)?.state;
        // The step first: where it is refused, nothing is changed.
        if let (Some(end), Some(reason)) = (self.state, self.reason.clone()) {
            let event = match end {
                End::Lost => Event::Lost { reason },
                End::Revoked => Event::Revoked { reason },
                End::Retired => Event::Retired { reason },
            };
            state = inventory.record(&self.label, &event, &author, None)?;
        }
        let places = Places {
            custodian: self.custodian.clone(),
            safe: self.safe.clone(),
            slip: self.slip,
            key_bag: self.key_bag.clone(),
            slip_bag: self.slip_bag.clone(),
            second_slip_bag: self.second_slip_bag.clone(),
        };
        if !places.is_empty() {
            state = inventory.record(&self.label, &Event::Moved(places), &author, None)?;
        }
        if self.json {
            return print_json(&Outcome {
                format: "glasskey-inventory-change",
                version: VERSION,
                label: &self.label,
                state,
            });
        }
        print(&format!(
            "The key with label {} is {}.\n",
            self.label,
            state.word()
        ))
    }
}

/// A slip's number; the check character, where it is given, must fit.
fn slip(text: &str) -> Result<SlipNumber, String> {
    let digits = text.split_once('-').map_or(text, |(digits, _)| digits);
    let slip = digits.parse().ok().and_then(SlipNumber::new);
    let slip = slip.ok_or("slip numbers run from 1 to 9999")?;
    if text.contains('-') && !text.eq_ignore_ascii_case(&slip.to_string()) {
        return Err("the check character does not fit: compare it with the slip again".into());
    }
    Ok(slip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_read_as_printed_or_bare() {
        let printed = SlipNumber::new(7).unwrap().to_string();
        assert_eq!(slip(&printed), Ok(SlipNumber::new(7).unwrap()));
        assert_eq!(slip("7"), Ok(SlipNumber::new(7).unwrap()));
        let other = if printed.ends_with('0') {
            "0007-1"
        } else {
            "0007-0"
        };
        for wrong in [other, "0", "10000", "", "7-", "x"] {
            assert!(slip(wrong).is_err(), "{wrong}");
        }
    }
}
