//! The words that whoever fills a record in takes from its language.

use std::fmt::Display;

use crate::language::Language;
use crate::paper::texts::{self, RecordTexts, filled};

/// Words of a record in its language.
#[derive(Debug, Clone, Copy)]
pub struct Wording(&'static RecordTexts);

impl Wording {
    /// The words of a language.
    #[must_use]
    pub fn of(language: Language) -> Self {
        Self(&texts::of(language).record)
    }

    /// Outcome of a key that is ready.
    #[must_use]
    pub fn prepared(self) -> &'static str {
        &self.0.prepared
    }

    /// Outcome of a key whose PIN of the second pass is on its slip.
    #[must_use]
    pub fn sealed(self) -> &'static str {
        &self.0.sealed
    }

    /// Outcome of a key that still has its transport PIN.
    #[must_use]
    pub fn transport_pin(self) -> &'static str {
        &self.0.transport_pin
    }

    /// An exception: a slip is void.
    #[must_use]
    pub fn slip_void(self) -> &'static str {
        &self.0.slip_void
    }

    /// An exception: a key is put aside.
    #[must_use]
    pub fn key_put_aside(self) -> &'static str {
        &self.0.key_put_aside
    }

    /// An exception: the station started again.
    #[must_use]
    pub fn restart(self) -> &'static str {
        &self.0.restart
    }

    /// An exception: the ceremony was broken off.
    #[must_use]
    pub fn broken_off(self) -> &'static str {
        &self.0.broken_off
    }

    /// An exception: a PIN was typed where it does not belong.
    #[must_use]
    pub fn pin_typed(self) -> &'static str {
        &self.0.pin_typed
    }

    /// An exception: it is not proven which key was in hand.
    #[must_use]
    pub fn key_not_proven(self) -> &'static str {
        &self.0.key_not_proven
    }

    /// A role.
    #[must_use]
    pub fn officer(self) -> &'static str {
        &self.0.officer
    }

    /// A role.
    #[must_use]
    pub fn witness(self) -> &'static str {
        &self.0.witness
    }

    /// A role.
    #[must_use]
    pub fn custodian(self) -> &'static str {
        &self.0.custodian
    }

    /// Outcome of a key that was turned down.
    #[must_use]
    pub fn put_aside(self, reason: &str) -> String {
        filled(&self.0.put_aside, &[("reason", reason)])
    }

    /// The key that an exception is about.
    #[must_use]
    pub fn subject_key(self, label: impl Display) -> String {
        filled(&self.0.subject_key, &[("label", &label.to_string())])
    }

    /// The slip that an exception is about.
    #[must_use]
    pub fn subject_slip(self, slip: impl Display) -> String {
        filled(&self.0.subject_slip, &[("slip", &slip.to_string())])
    }

    /// How PINs are drawn.
    #[must_use]
    pub fn pins(self, length: u8, is_digits: bool, is_split: bool) -> String {
        let halves = if is_split { self.0.pins_halves.as_str() } else { "" };
        let text = if is_digits {
            &self.0.pins_digits
        } else {
            &self.0.pins_alphanumeric
        };
        filled(text, &[("length", &length.to_string()), ("halves", halves)])
    }
}
