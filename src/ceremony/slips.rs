//! The slips of a ceremony: every number used once, printed = sealed + voided.

use crate::id::SlipNumber;

/// Running account of slip numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Slips {
    printed: u32,
    voided: Vec<SlipNumber>,
    sealed: Vec<SlipNumber>,
}

impl Slips {
    /// Goes on with the account of an earlier start.
    #[must_use]
    pub fn resumed(printed: u32, voided: Vec<SlipNumber>, sealed: Vec<SlipNumber>) -> Self {
        Self {
            printed,
            voided,
            sealed,
        }
    }

    /// The number that would be taken next.
    #[must_use]
    pub fn next(&self) -> Option<SlipNumber> {
        SlipNumber::new(self.printed + 1)
    }

    /// Takes the next number; `None` after 9999.
    pub fn take_next(&mut self) -> Option<SlipNumber> {
        let slip = SlipNumber::new(self.printed + 1)?;
        self.printed += 1;
        Some(slip)
    }

    /// Marks a number as not in use.
    pub fn void(&mut self, slip: SlipNumber) {
        if !self.voided.contains(&slip) && !self.sealed.contains(&slip) {
            self.voided.push(slip);
        }
    }

    /// Marks a number as belonging to a prepared key.
    pub fn seal(&mut self, slip: SlipNumber) {
        if !self.voided.contains(&slip) && !self.sealed.contains(&slip) {
            self.sealed.push(slip);
        }
    }

    /// Slips sent to the printer.
    #[must_use]
    pub fn printed(&self) -> u32 {
        self.printed
    }

    /// Numbers not in use.
    #[must_use]
    pub fn voided(&self) -> &[SlipNumber] {
        &self.voided
    }

    /// Numbers in use.
    #[must_use]
    pub fn sealed(&self) -> &[SlipNumber] {
        &self.sealed
    }

    /// Whether every printed number is sealed or voided, and none is both.
    #[must_use]
    pub fn balance(&self) -> bool {
        usize::try_from(self.printed).is_ok_and(|p| p == self.sealed.len() + self.voided.len())
    }
}
