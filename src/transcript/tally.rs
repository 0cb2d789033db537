//! What a transcript adds up to: pure, one entry at a time.
//!
//! The station takes up a broken-off ceremony from it, and an auditor checks a finished one by it: both rest on
//! the same sums. Whatever contradicts the order of a ceremony becomes a [`Finding`] and stops nothing.

mod rules;

use super::{Act, Entry, ExceptionKind, Text};
use crate::id::{BagNumber, CeremonyId, LabelId, SlipNumber, Upn};
use crate::manifest::StationFingerprint;
use crate::manifest::schema::{Person, PinCustody};

/// Something that does not fit what went before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong, as a clause.
    pub what: String,
}

/// One key of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLine {
    /// Label.
    pub label: LabelId,
    /// Account.
    pub account: Upn,
    /// Its place among the keys of the account, from 1.
    pub place: u8,
    /// Who will keep it.
    pub custodian: Option<Text>,
    /// Where.
    pub safe: Option<Text>,
}

/// A key that is prepared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedLine {
    /// Label.
    pub label: LabelId,
    /// Slip; in custody `rotate` known once the key is sealed.
    pub slip: Option<SlipNumber>,
    /// Its bag.
    pub key_bag: Option<BagNumber>,
    /// Bags of the slip: one, or one for each half.
    pub slip_bags: Vec<BagNumber>,
    /// Short fingerprint of its identity credential.
    pub fingerprint: Text,
    /// Whether its transport PIN was replaced (custody `rotate`).
    pub is_sealed: bool,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionLine {
    /// Running number from 1.
    pub number: u32,
    /// What it is.
    pub kind: ExceptionKind,
    /// The key concerned.
    pub key: Option<LabelId>,
    /// The slip concerned.
    pub slip: Option<SlipNumber>,
    /// What happened, by the program.
    pub what: Text,
    /// Why, by a person.
    pub reason: Text,
}

/// The key that is being worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InHand {
    /// The label it is to get.
    pub label: LabelId,
    /// What was done to it, in order, since it was last identified.
    pub done: Vec<Act>,
    /// What was begun and has no end.
    pub open: Option<Act>,
    /// The slip that is neither sealed nor void.
    pub slip: Option<SlipNumber>,
    /// Whether that slip was confirmed to be whole.
    pub slip_is_confirmed: bool,
}

impl InHand {
    /// Whether the key may differ from what it was when it was put in.
    #[must_use]
    pub fn may_be_changed(&self) -> bool {
        let changes = |act: &Act| {
            matches!(
                act,
                Act::Reset
                    | Act::SetPin
                    | Act::Configure
                    | Act::MakeIdentity
                    | Act::MakePasskey
                    | Act::ChangePin
            )
        };
        self.done.iter().any(changes) || self.open.as_ref().is_some_and(changes)
    }

    /// Whether the key may have a PIN that this ceremony gave it.
    #[must_use]
    pub fn may_have_pin(&self) -> bool {
        self.done.contains(&Act::SetPin) || self.open == Some(Act::SetPin)
    }
}

/// How far a ceremony has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing is written yet.
    Empty,
    /// Keys are being prepared.
    Preparing,
    /// It was stopped between two keys.
    Paused,
    /// The record is printed and confirmed or about to be.
    Closing,
    /// The manifest is on the stick.
    Exported,
    /// It is over.
    Ended,
    /// The second pass of custody `rotate` is under way.
    Sealing,
    /// The second pass is over.
    Sealed,
}

/// The sums of a transcript so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Lines read.
    pub lines: u64,
    /// The ceremony.
    pub ceremony: Option<CeremonyId>,
    /// Title from the plan.
    pub title: Option<Text>,
    /// SHA-256 of the plan file.
    pub plan_sha256: Option<String>,
    /// Where PINs are kept.
    pub custody: Option<PinCustody>,
    /// Whether each key gets a passkey by creation options (route air-gapped).
    pub passkeys: bool,
    /// Who the plan names.
    pub people: Vec<Person>,
    /// Officer and witness, each pair that sat at the station, in order.
    pub present: Vec<(Text, Text)>,
    /// Fingerprint of the station key of each start, in order; the last one signs the manifest.
    pub stations: Vec<StationFingerprint>,
    /// How often it was taken up again after a power cut or a crash.
    pub restarts: u32,
    /// The keys of the plan.
    pub planned: Vec<PlannedLine>,
    /// Keys that are prepared.
    pub prepared: Vec<PreparedLine>,
    /// Keys that were put aside, by the label they would have got, with the reason.
    pub rejected: Vec<(LabelId, Text)>,
    /// Slip numbers in use: the highest one that was about to be printed.
    pub printed: u32,
    /// Slips that are void.
    pub voided: Vec<SlipNumber>,
    /// The slip whose page a printer may hold that was not switched off and on since.
    pub printer_doubt: Option<SlipNumber>,
    /// The slip that was about to be printed and has neither come through nor been given up.
    pub sending: Option<SlipNumber>,
    /// Exceptions.
    pub exceptions: Vec<ExceptionLine>,
    /// Slips of keys of which nobody knows whether they have its PIN (second pass).
    pub undecided: Vec<(LabelId, SlipNumber)>,
    /// Whether it was broken off, the second pass by itself.
    pub is_aborted: bool,
    /// Whether the second pass of custody `rotate` has begun.
    pub is_second_pass: bool,
    /// The key in hand.
    pub in_hand: Option<InHand>,
    /// How far it has come.
    pub stage: Stage,
    /// SHA-256 and length of the manifest, once written.
    pub manifest: Option<(String, u64)>,
    /// Fingerprint of the station key that signed that manifest.
    pub signer: Option<StationFingerprint>,
    /// What contradicts the order of a ceremony.
    pub findings: Vec<Finding>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            lines: 0,
            ceremony: None,
            title: None,
            plan_sha256: None,
            custody: None,
            passkeys: false,
            people: Vec::new(),
            present: Vec::new(),
            stations: Vec::new(),
            restarts: 0,
            planned: Vec::new(),
            prepared: Vec::new(),
            rejected: Vec::new(),
            printed: 0,
            voided: Vec::new(),
            printer_doubt: None,
            sending: None,
            exceptions: Vec::new(),
            undecided: Vec::new(),
            is_aborted: false,
            is_second_pass: false,
            in_hand: None,
            stage: Stage::Empty,
            manifest: None,
            signer: None,
            findings: Vec::new(),
        }
    }
}

impl Tally {
    /// Adds up entries.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut tally = Self::default();
        for entry in entries {
            tally.add(entry);
        }
        tally
    }

    /// Slips that belong to prepared keys.
    pub fn sealed(&self) -> impl Iterator<Item = SlipNumber> + '_ {
        self.prepared.iter().filter_map(|p| p.slip)
    }

    /// The slip whose page a printer may hold: of one whose printing was cut off nobody knows.
    #[must_use]
    pub fn slip_in_printer(&self) -> Option<SlipNumber> {
        self.printer_doubt.or(self.sending)
    }

    /// Whether printed = sealed + voided; an undecided slip of the second pass stands with the sealed ones.
    #[must_use]
    pub fn slips_balance(&self) -> bool {
        let standing = self.sealed().count() + self.undecided.len();
        usize::try_from(self.printed).is_ok_and(|p| p == standing + self.voided.len())
    }

    fn find(&mut self, what: impl Into<String>) {
        self.findings.push(Finding {
            line: self.lines,
            what: what.into(),
        });
    }
}

#[cfg(test)]
#[path = "tally_tests.rs"]
mod tests;
