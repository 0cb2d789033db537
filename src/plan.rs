//! The ceremony plan: TOML on the officer's stick, parsed into valid types or refused with lines and reasons.
//!
//! [`Plan::read`] checks a text and finds every problem of it; what is allowed and yet unwise comes as [`Warning`]s.
//! [`Draft`] writes a new one.

mod advice;
mod check;
mod draft;
mod fields;
mod policy;
#[cfg(feature = "companion")]
pub mod rows;
pub mod stock;

use std::fmt;

pub use draft::{Draft, DraftKey};
pub use policy::{Alphabet, KeyPolicy, PinPolicy, SPLIT_POSSIBILITIES};

use unicode_normalization::UnicodeNormalization as _;

use crate::id::{Aaguid, Upn};
use crate::language::Language;
use crate::manifest::schema::{Person, PinCustody};
use crate::script;

/// Most keys one plan may hold.
pub const MAX_KEYS: usize = 999;

/// Longest name of a person or title, in characters.
pub const MAX_NAME: usize = 60;

/// Most problems that [`PlanErrors`] shows; the rest is counted.
const SHOWN: usize = 20;

/// A plan that can be carried out.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting of the file")]
pub struct Plan {
    /// Title, printed on the record.
    pub title: String,
    /// True for rehearsals: their manifests are registered in sandbox tenants only.
    pub rehearsal: bool,
    /// The tenant (GUID) the keys are for, where named.
    pub tenant_id: Option<String>,
    /// age recipients (`age1…`) of the manifest.
    pub recipients: Vec<String>,
    /// Where PINs are kept.
    pub pin_custody: PinCustody,
    /// What PINs are drawn.
    pub pin: PinPolicy,
    /// Whether each PIN is printed in two halves, for two custodians.
    pub split_slips: bool,
    /// Models that may be prepared; empty for any that is fit.
    pub required_models: Vec<Aaguid>,
    /// Settings that every key gets.
    pub key_policy: KeyPolicy,
    /// Whether a slip names its account, beside the PIN and never on the cover.
    pub slip_shows_account: bool,
    /// What papers are written in.
    pub language: Language,
    /// Paper in the printer.
    pub paper: Paper,
    /// Label sheet or roll, by its name in [`stock`].
    pub label_stock: String,
    /// First free label on the sheet, from 1; 1 for a roll.
    pub first_label: u16,
    /// Corrections of the label sheet for the printer at hand.
    pub label_correction: stock::SheetCorrection,
    /// Whether test pages are offered before the first key.
    pub print_test: bool,
    /// Whether keys and slips go into numbered bags.
    pub bags: bool,
    /// Officer, witness and others.
    pub people: Vec<Person>,
    /// The keys to prepare, in order.
    pub keys: Vec<PlannedKey>,
}

/// One key to prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedKey {
    /// The account it is for.
    pub account: Upn,
    /// Its place among the keys of this account, from 1: the primary key, then its backups.
    pub place: u8,
    /// Who will keep it.
    pub custodian: Option<String>,
    /// Where it will be kept.
    pub safe: Option<String>,
    /// Who will keep the two halves of a split slip.
    pub slip_custodians: Option<[String; 2]>,
    /// USB serial that the key must report, where it is known.
    pub usb_serial: Option<String>,
}

/// Paper size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paper {
    /// 210 x 297 mm.
    A4,
    /// 215.9 x 279.4 mm.
    Letter,
}

impl Paper {
    /// The name in a plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::A4 => "A4",
            Self::Letter => "Letter",
        }
    }
}

/// The name of a custody in a plan.
#[must_use]
pub const fn custody_name(custody: PinCustody) -> &'static str {
    match custody {
        PinCustody::Manifest => "manifest",
        PinCustody::Slip => "slip",
        PinCustody::Rotate => "rotate",
    }
}

/// One reason why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the plan: {reason}")]
pub struct PlanError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong there and what would do.
    pub reason: String,
}

/// Every reason why a plan is refused: at least one, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanErrors(Vec<PlanError>);

impl PlanErrors {
    /// The reasons.
    #[must_use]
    pub fn as_slice(&self) -> &[PlanError] {
        &self.0
    }
}

impl fmt::Display for PlanErrors {
    /// One line each, without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().take(SHOWN).enumerate() {
            let line_feed = if index == 0 { "" } else { "\n" };
            write!(f, "{line_feed}{problem}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, "\nand {} more", self.0.len() - SHOWN)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanErrors {}

/// Something that the plan may say and that people should think about once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Line in the file, from 1.
    pub line: usize,
    /// What it is, what can come of it, and what to do.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of the plan: {}", self.line, self.text)
    }
}

/// A plan that was read, and what to think about before it is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The plan.
    pub plan: Plan,
    /// In the order of the file.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// Reads and checks a plan.
    pub fn parse(text: &str) -> Result<Self, PlanErrors> {
        Self::read(text).map(|checked| checked.plan)
    }

    /// Reads and checks a plan, and says what is unwise in it.
    pub fn read(text: &str) -> Result<Checked, PlanErrors> {
        check::read(text).map_err(PlanErrors)
    }

    /// The accounts, each once, with their keys in order.
    #[must_use]
    pub fn accounts(&self) -> Vec<(&Upn, &[PlannedKey])> {
        let same = |a: &PlannedKey, b: &PlannedKey| a.account == b.account;
        let groups = self.keys.chunk_by(same);
        groups.map(|keys| (&keys[0].account, keys)).collect()
    }
}

/// Text for paper: 1 to [`MAX_NAME`] characters on one line that can be printed, without space around, its accents composed
/// (Unicode NFC); `what` names it in the refusal.
pub(crate) fn name(text: &str, what: &str) -> Result<String, String> {
    let clean: String = text.trim().nfc().collect();
    if clean.is_empty() || clean.chars().count() > MAX_NAME || clean.chars().any(char::is_control) {
        return Err(format!("{what} must have 1 to {MAX_NAME} characters on one line"));
    }
    if let Some(character) = script::unprintable(&clean) {
        return Err(format!(
            "{what} has the character {character:?} ({}), which cannot be printed: write it in Latin, Greek, Cyrillic, \
             Armenian or Georgian letters",
            script::code_point(character)
        ));
    }
    Ok(clean)
}

/// Whether two names mean the same person or place: capital letters and spaces around do not matter.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

#[cfg(test)]
#[path = "plan/plan_tests.rs"]
pub(crate) mod tests;
