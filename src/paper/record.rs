//! The ceremony record: what officer and witness sign, and what an auditor compares with the files.

mod flow;
mod keys;
mod people;
mod seals;
mod signatures;
mod sums;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::flow::{BODY, CAPTION, Flow, MARGIN};
use super::LayoutError;
use super::font::Style;
use super::page::{Align, Page, PaperSize, at};
use crate::id::{BagNumber, CeremonyId, KeyFingerprint, LabelId, SlipNumber};

/// Everything the record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordContent {
    /// The sheet in the printer.
    pub paper: PaperSize,
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// When it began and ended, UTC, as text.
    pub began: String,
    /// See `began`.
    pub ended: String,
    /// Whether it was a rehearsal, which every page then says.
    #[serde(default)]
    pub rehearsal: bool,
    /// Who took part, the officer first.
    pub people: Vec<Person>,
    /// The keys in the order of the ceremony.
    pub keys: Vec<KeyLine>,
    /// Slips that were printed.
    pub slips_printed: u32,
    /// Slips that went into bags.
    pub slips_sealed: u32,
    /// Numbers of the slips that were voided.
    pub slips_voided: Vec<SlipNumber>,
    /// Keys that were plugged in.
    pub keys_seen: u32,
    /// Keys that are ready.
    pub keys_prepared: u32,
    /// Keys that were turned down.
    pub keys_rejected: u32,
    /// Whatever did not go by the plan, one sentence each.
    pub exceptions: Vec<String>,
    /// SHA-256 of the transcript's last line, 64 hexadecimal digits.
    pub transcript_head: String,
    /// The station key's fingerprint, 64 hexadecimal digits.
    pub station_fingerprint: String,
    /// The same fingerprint in words.
    pub station_words: String,
}

/// Someone who took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Officer, witness, custodian ...
    pub role: String,
    /// Name as signed.
    pub name: String,
}

/// One key on the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLine {
    /// Asset number, where it got that far.
    pub label: Option<LabelId>,
    /// User principal name of the account.
    pub account: String,
    /// Maker and model.
    pub model: String,
    /// The model's AAGUID; its first 8 digits are printed.
    pub aaguid: String,
    /// Its slip.
    pub slip: Option<SlipNumber>,
    /// The bag of the slip.
    pub slip_bag: Option<BagNumber>,
    /// The bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Who keeps it.
    pub custodian: String,
    /// Of its identity credential.
    pub fingerprint: Option<KeyFingerprint>,
    /// Prepared, or rejected and why.
    pub outcome: String,
}

impl RecordContent {
    /// Lays the record out on as many pages as it needs.
    pub fn pages(&self) -> Result<Vec<Page>, LayoutError> {
        let mut flow = Flow::new(self);
        flow.people()?;
        flow.keys()?;
        flow.reconciliation()?;
        flow.exceptions()?;
        flow.fingerprints()?;
        flow.signatures()?;
        let mut pages = flow.finish();
        let total = pages.len();
        for (index, page) in pages.iter_mut().enumerate() {
            self.frame(page, index + 1, total)?;
        }
        Ok(pages)
    }

    /// The head and foot that every page has.
    fn frame(&self, page: &mut Page, number: usize, total: usize) -> Result<(), LayoutError> {
        let (right, bottom) = (page.paper.width() - MARGIN, page.paper.height());
        page.write(
            at(MARGIN, 16.5),
            Align::Left,
            Style::sans(19.0),
            "title",
            "Ceremony record",
        )?;
        let id = Style::mono(19.0);
        page.write(
            at(right, 16.5),
            Align::Right,
            id,
            "ceremony id",
            self.ceremony.as_str(),
        )?;
        let before = right - id.width(self.ceremony.as_str()) - 2.5;
        page.write(at(before, 16.5), Align::Right, CAPTION, "caption", "Ceremony")?;
        page.line(at(MARGIN, 19.3), at(right, 19.3), 0.5);
        let times = format!("Began {} UTC, ended {} UTC", self.began, self.ended);
        page.write(
            at(MARGIN, 23.8),
            Align::Left,
            BODY,
            "times of the ceremony",
            &times,
        )?;
        if self.rehearsal {
            let text = "REHEARSAL: not valid for any key in use";
            page.write(at(right, 23.8), Align::Right, BODY, "caption", text)?;
        }
        let foot = format!("Ceremony {}, page {number} of {total}", self.ceremony);
        page.write(at(right, bottom - 8.5), Align::Right, CAPTION, "caption", &foot)?;
        let note =
            "Emergency-access security keys, prepared offline with Glasskey. No PIN stands on this record.";
        page.write(at(MARGIN, bottom - 8.5), Align::Left, CAPTION, "caption", note)
    }
}
