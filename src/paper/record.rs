//! The ceremony record: what officer and witness sign, and what an auditor compares with the files.

mod course;
pub(super) mod flow;
pub(super) mod keys;
mod people;
mod seals;
mod signatures;
mod sums;
#[cfg(test)]
mod tests;
mod wording;

use serde::{Deserialize, Serialize};

pub use wording::Wording;

use self::flow::{BODY, CAPTION, Flow, MARGIN};
use super::LayoutError;
use super::font::Style;
use super::inventory;
use super::page::{Align, Page, PaperSize, at};
use super::texts::{self, filled};
use crate::id::{BagNumber, CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use crate::language::Language;
use crate::manifest::schema::PinCustody;
use crate::manifest::{HeadDigest, RecordCode, StationFingerprint};

/// Everything the record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordContent {
    /// The sheet in the printer.
    pub paper: PaperSize,
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Title from the plan.
    pub title: String,
    /// Which pass it is the record of.
    pub pass: Pass,
    /// When it began and ended, UTC, as text.
    pub began: String,
    /// See `began`.
    pub ended: String,
    /// Whether it was a rehearsal, which every page then says.
    pub rehearsal: bool,
    /// Whether it was broken off, which every page then says.
    pub aborted: bool,
    /// Where PINs are kept.
    pub custody: PinCustody,
    /// How PINs are drawn, as a sentence.
    pub pin_policy: String,
    /// Who takes part, the officer first; each of them signs.
    pub people: Vec<Person>,
    /// Who sat at the station, in order.
    pub sittings: Vec<Sitting>,
    /// Pauses and power cuts, in order.
    pub interruptions: Vec<Interruption>,
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
    /// Whatever did not go by the plan.
    pub exceptions: Vec<Exception>,
    /// SHA-256 of the transcript's last line at this moment; lines that follow continue the chain.
    pub transcript_head: HeadDigest,
    /// The number of that line.
    pub transcript_lines: u64,
    /// Fingerprint of the station key that signs the manifest.
    pub station: StationFingerprint,
    /// Fingerprints of the station keys before a pause or a power cut, in order.
    pub earlier_stations: Vec<StationFingerprint>,
    /// What it is written in.
    #[serde(default)]
    pub text_language: Language,
}

/// Which part of a ceremony a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pass {
    /// Keys are prepared: the only pass in custody `manifest` and `slip`.
    Preparing,
    /// Transport PINs are replaced by those on slips (custody `rotate`).
    Sealing,
}

/// Officer and witness from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sitting {
    /// Officer.
    pub officer: String,
    /// Witness.
    pub witness: String,
    /// From when, UTC, as text.
    pub from: String,
}

/// A pause, or a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When it stopped, UTC, as text.
    pub stopped: String,
    /// When it was taken up again, UTC, as text; none of a pause that this record ends with.
    pub resumed: Option<String>,
    /// True for a power cut or a crash.
    pub cut: bool,
    /// What was known of the key in hand.
    pub found: String,
}

/// Something out of the ordinary, and the reason that a person typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Running number from 1.
    pub number: u32,
    /// What kind of exception it is, such as `Slip voided`.
    pub kind: String,
    /// The key or slip concerned, as it is called; empty where there is none.
    pub subject: String,
    /// What happened.
    pub what: String,
    /// Why, as a person typed it; empty where nobody was asked.
    pub reason: String,
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
    /// The bag of the second half of a split slip.
    pub second_slip_bag: Option<BagNumber>,
    /// The bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Who keeps it.
    pub custodian: String,
    /// Where it lies; empty where the plan does not say.
    #[serde(default)]
    pub safe: String,
    /// Of its identity credential.
    pub fingerprint: Option<KeyFingerprint>,
    /// Prepared, or rejected and why.
    pub outcome: String,
}

impl RecordContent {
    /// What its QR code says.
    #[must_use]
    pub fn code(&self) -> RecordCode {
        RecordCode {
            ceremony: self.ceremony.clone(),
            station: self.station,
            head: self.transcript_head,
        }
    }

    /// Lays the record out on as many pages as it needs, and the inventory of its keys after it.
    pub fn pages(&self) -> Result<Vec<Page>, LayoutError> {
        let mut flow = Flow::new(self);
        flow.policy()?;
        flow.people()?;
        flow.keys()?;
        flow.reconciliation()?;
        flow.exceptions()?;
        flow.interruptions()?;
        flow.fingerprints()?;
        flow.signatures()?;
        let mut pages = flow.finish();
        let total = pages.len();
        for (index, page) in pages.iter_mut().enumerate() {
            self.frame(page, index + 1, total)?;
        }
        pages.extend(inventory::pages(self)?);
        Ok(pages)
    }

    /// The head and foot that every page has.
    fn frame(&self, page: &mut Page, number: usize, total: usize) -> Result<(), LayoutError> {
        let (right, bottom) = (page.paper.width() - MARGIN, page.paper.height());
        let texts = &texts::of(self.text_language).record;
        let title = match self.pass {
            Pass::Preparing => &texts.title,
            Pass::Sealing => &texts.title_sealing,
        };
        page.write_within(at(MARGIN, 16.5), (115.0, 14.0), Style::sans(19.0), "title", title)?;
        let id = Style::mono(19.0);
        page.write(
            at(right, 16.5),
            Align::Right,
            id,
            "ceremony id",
            self.ceremony.as_str(),
        )?;
        let before = right - id.width(self.ceremony.as_str()) - 2.5;
        page.write(
            at(before, 16.5),
            Align::Right,
            CAPTION,
            "caption",
            &texts.ceremony,
        )?;
        page.line(at(MARGIN, 19.3), at(right, 19.3), 0.5);
        let times = filled(&texts.times, &[("began", &self.began), ("ended", &self.ended)]);
        page.write(
            at(MARGIN, 23.8),
            Align::Left,
            BODY,
            "times of the ceremony",
            &times,
        )?;
        let warning = match (self.rehearsal, self.aborted) {
            (false, false) => None,
            (true, false) => Some(&texts.rehearsal),
            (false, true) => Some(&texts.aborted),
            (true, true) => Some(&texts.rehearsal_aborted),
        };
        if let Some(text) = warning {
            page.write(at(right, 23.8), Align::Right, Style::sans(9.5), "caption", text)?;
        }
        let values = [
            ("ceremony", self.ceremony.to_string()),
            ("page", number.to_string()),
            ("pages", total.to_string()),
        ];
        let foot = filled(&texts.foot, &values.each_ref().map(|(n, v)| (*n, v.as_str())));
        page.write(at(right, bottom - 8.5), Align::Right, CAPTION, "caption", &foot)?;
        page.write(
            at(MARGIN, bottom - 8.5),
            Align::Left,
            CAPTION,
            "caption",
            &texts.note,
        )
    }
}
