//! The ceremony record: what officer and witness sign, and what an auditor compares with the files.

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, PaperSize, at};
use super::qr::{Robustness, Symbol};
use crate::id::{BagNumber, CeremonyId, KeyFingerprint, LabelId, SlipNumber};

const MARGIN: Millimetres = 15.0;
const TOP: Millimetres = 30.0;
const BOTTOM: Millimetres = 14.0;
/// Keys on one page.
const KEYS_PER_PAGE: usize = 10;
const KEY_ROW: Millimetres = 9.2;
const HEADING: Style = Style::sans(10.5);
const BODY: Style = Style::sans(8.5);
const CAPTION: Style = Style::sans(6.8);
const LEADING: Millimetres = 4.1;
/// Below this nothing on the record is legible.
const SMALLEST: f32 = 5.0;

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

/// Where the next thing goes; opens a page when one is full.
struct Flow<'a> {
    content: &'a RecordContent,
    pages: Vec<Page>,
    page: Page,
    y: Millimetres,
}

impl RecordContent {
    /// Lays the record out on as many pages as it needs.
    pub fn pages(&self) -> Result<Vec<Page>, LayoutError> {
        let mut flow = Flow {
            content: self,
            pages: Vec::new(),
            page: Page::new(self.paper),
            y: TOP,
        };
        flow.people()?;
        flow.keys()?;
        flow.reconciliation()?;
        flow.exceptions()?;
        flow.fingerprints()?;
        flow.signatures()?;
        let mut pages = flow.pages;
        pages.push(flow.page);
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

impl Flow<'_> {
    fn right(&self) -> Millimetres {
        self.page.paper.width() - MARGIN
    }

    /// Makes sure that `height` is free; opens a page otherwise.
    fn need(&mut self, height: Millimetres) {
        if self.y + height > self.page.paper.height() - BOTTOM {
            let full = std::mem::replace(&mut self.page, Page::new(self.content.paper));
            self.pages.push(full);
            self.y = TOP;
        }
    }

    fn heading(&mut self, text: &str) -> Result<(), LayoutError> {
        self.page
            .write(at(MARGIN, self.y + 4.0), Align::Left, HEADING, "title", text)?;
        self.y += 5.5;
        Ok(())
    }

    fn people(&mut self) -> Result<(), LayoutError> {
        self.heading("People")?;
        for pair in self.content.people.chunks(2) {
            self.need(LEADING);
            for (person, x) in pair.iter().zip([MARGIN, MARGIN + 92.0]) {
                self.page.write_within(
                    at(x, self.y + 3.2),
                    (25.0, SMALLEST),
                    CAPTION,
                    "role of a person",
                    &person.role,
                )?;
                self.page.write_within(
                    at(x + 26.0, self.y + 3.2),
                    (62.0, SMALLEST),
                    Style::sans(9.5),
                    "name of a person",
                    &person.name,
                )?;
            }
            self.y += LEADING + 0.4;
        }
        self.y += 1.5;
        Ok(())
    }

    fn keys(&mut self) -> Result<(), LayoutError> {
        for (index, page) in self.content.keys.chunks(KEYS_PER_PAGE).enumerate() {
            if index > 0 {
                self.need(f32::MAX);
            }
            self.need(16.0 + KEY_ROW);
            self.heading(if index == 0 { "Keys" } else { "Keys, continued" })?;
            self.key_captions()?;
            for key in page {
                self.key(key)?;
            }
            let y = self.y;
            self.page.line(at(MARGIN, y), at(self.right(), y), 0.3);
        }
        self.y += 1.5;
        Ok(())
    }

    /// Left edges and widths of the key table's columns.
    fn columns(&self) -> [(Millimetres, Millimetres); 4] {
        let right = self.right();
        [
            (MARGIN, 21.0),
            (MARGIN + 23.0, 74.0),
            (MARGIN + 99.5, 36.0),
            (MARGIN + 138.0, right - MARGIN - 138.0),
        ]
    }

    fn key_captions(&mut self) -> Result<(), LayoutError> {
        let captions = [
            "Label, fingerprint",
            "Account, model and AAGUID",
            "Bags of slip and key",
            "Custodian, outcome",
        ];
        for ((x, _), caption) in self.columns().into_iter().zip(captions) {
            self.page
                .write(at(x, self.y + 2.4), Align::Left, CAPTION, "caption", caption)?;
        }
        self.y += 3.6;
        Ok(())
    }

    fn key(&mut self, key: &KeyLine) -> Result<(), LayoutError> {
        const NONE: &str = "\u{2013}";
        let text = |id: Option<String>| id.unwrap_or_else(|| NONE.to_owned());
        let columns = self.columns();
        let outcome = Style::sans(8.0).wrapped("outcome", &key.outcome, columns[3].1)?;
        let more = u8::try_from(outcome.len().saturating_sub(1)).map_or(0.0, f32::from);
        let height = KEY_ROW + more * 3.3;
        self.need(height + 1.0);
        let (y, right) = (self.y, self.right());
        self.page.line(at(MARGIN, y), at(right, y), 0.12);
        let slip = format!(
            "{:<6}  {}",
            text(key.slip.map(|s| s.to_string())),
            text(key.slip_bag.as_ref().map(ToString::to_string))
        );
        let key_bag = format!("Key     {}", text(key.key_bag.as_ref().map(ToString::to_string)));
        let aaguid: String = key.aaguid.chars().take(8).collect();
        let model = format!("{} ({aaguid})", key.model);
        let label = text(key.label.as_ref().map(ToString::to_string));
        let fingerprint = text(key.fingerprint.as_ref().map(ToString::to_string));
        let ids = Style::mono(8.0);
        let name = Style::sans(9.0);
        let cells = [
            (0, 4.0, Style::mono(10.5), "label id", &label),
            (0, 7.9, ids, "key fingerprint", &fingerprint),
            (1, 4.0, name, "account", &key.account),
            (1, 7.9, BODY, "model", &model),
            (2, 4.0, ids, "bag number of the slip", &slip),
            (2, 7.9, ids, "bag number of the key", &key_bag),
            (3, 4.0, name, "custodian", &key.custodian),
        ];
        for (column, below, style, field, text) in cells {
            let (x, width) = columns[column];
            self.page
                .write_within(at(x, y + below), (width, 4.5), style, field, text)?;
        }
        self.page.paragraph(
            at(columns[3].0, y + 7.9),
            (columns[3].1, 3.3),
            Style::sans(8.0),
            "outcome",
            &key.outcome,
        )?;
        self.y += height;
        Ok(())
    }

    fn reconciliation(&mut self) -> Result<(), LayoutError> {
        let content = self.content;
        self.need(20.0);
        self.heading("Reconciliation")?;
        let voided = u32::try_from(content.slips_voided.len()).unwrap_or(u32::MAX);
        let slips_agree = content.slips_sealed.checked_add(voided) == Some(content.slips_printed);
        let keys_agree = content.keys_prepared.checked_add(content.keys_rejected) == Some(content.keys_seen);
        let verdict = |agree| if agree { "agrees" } else { "DOES NOT AGREE" };
        let mut slips = format!(
            "Slips: {} printed = {} sealed + {voided} voided: {}.",
            content.slips_printed,
            content.slips_sealed,
            verdict(slips_agree)
        );
        if voided > 0 {
            let numbers: Vec<String> = content.slips_voided.iter().map(ToString::to_string).collect();
            slips = format!("{slips} Voided: {}.", numbers.join(", "));
        }
        let keys = format!(
            "Keys: {} seen = {} prepared + {} rejected: {}.",
            content.keys_seen,
            content.keys_prepared,
            content.keys_rejected,
            verdict(keys_agree)
        );
        self.flowing("reconciliation", &slips)?;
        self.flowing("reconciliation", &keys)?;
        self.y += 1.5;
        Ok(())
    }

    fn exceptions(&mut self) -> Result<(), LayoutError> {
        self.need(14.0);
        self.heading("Exceptions")?;
        if self.content.exceptions.is_empty() {
            self.flowing("exceptions", "None.")?;
        }
        for (index, exception) in self.content.exceptions.iter().enumerate() {
            self.flowing("exceptions", &format!("{}. {exception}", index + 1))?;
        }
        self.y += 1.5;
        Ok(())
    }

    /// Text that may run on to the next page.
    fn flowing(&mut self, field: &str, text: &str) -> Result<(), LayoutError> {
        let width = self.right() - MARGIN;
        BODY.check(field, text)?;
        for line in BODY.wrapped(field, text, width)? {
            self.need(LEADING);
            self.page
                .write(at(MARGIN, self.y + 3.2), Align::Left, BODY, field, &line)?;
            self.y += LEADING;
        }
        Ok(())
    }

    fn fingerprints(&mut self) -> Result<(), LayoutError> {
        let content = self.content;
        let station = hexadecimal("station key's fingerprint", &content.station_fingerprint)?;
        let head = hexadecimal("transcript head", &content.transcript_head)?;
        self.need(57.0);
        self.heading("Station key and transcript")?;
        let code = format!("GLASSKEY-STATION:1:{station}");
        let symbol = Symbol::encode(&code, 4, Robustness::Paper).ok_or(LayoutError::Code {
            field: "station key's fingerprint".into(),
        })?;
        // 16 dots at 600 dpi.
        let module = 16.0 * 25.4 / 600.0;
        let side = f32::from(symbol.side_with_quiet_zone()) * module;
        let right = self.right();
        self.page
            .modules(at(right - side + 2.4, self.y - 3.5), module, symbol);
        let width = right - side - MARGIN;
        let mut y = self.y + 2.5;
        let blocks = [
            (
                "Station key's fingerprint (SHA-256): the witness reads it aloud from the screen",
                &station,
            ),
            (
                "Transcript head (SHA-256): the digest of the transcript's last line",
                &head,
            ),
        ];
        for (caption, digits) in blocks {
            self.page
                .write_within(at(MARGIN, y), (width, SMALLEST), CAPTION, "caption", caption)?;
            for line in grouped(digits) {
                y += 4.6;
                let style = Style::mono(11.5).fitted("fingerprint", &line, width, 7.0)?;
                self.page
                    .write(at(MARGIN, y), Align::Left, style, "fingerprint", &line)?;
            }
            y += 5.2;
        }
        let caption = "The station key's fingerprint in words";
        self.page
            .write(at(MARGIN, y), Align::Left, CAPTION, "caption", caption)?;
        let words: Vec<&str> = content.station_words.split_whitespace().collect();
        let column = (right - MARGIN) / 6.0;
        for row in words.chunks(6) {
            y += 4.6;
            let mut x = MARGIN;
            for word in row {
                self.page.write_within(
                    at(x, y),
                    (column - 1.5, 7.0),
                    Style::mono(10.0),
                    "fingerprint in words",
                    word,
                )?;
                x += column;
            }
        }
        self.y = y + 3.5;
        Ok(())
    }

    fn signatures(&mut self) -> Result<(), LayoutError> {
        let signing: Vec<&Person> = self.content.people.iter().collect();
        self.need(19.0);
        self.heading("Signatures")?;
        let width = (self.right() - MARGIN - 4.0) / 2.0;
        for pair in signing.chunks(2) {
            self.need(13.0);
            for (person, x) in pair.iter().zip([MARGIN, MARGIN + width + 4.0]) {
                let area = Area {
                    x,
                    y: self.y,
                    width,
                    height: 12.0,
                };
                self.page.frame(area, 0.25);
                let caption = format!("{}: {} (date, signature)", person.role, person.name);
                self.page.write_within(
                    at(x + 1.2, self.y + 3.0),
                    (width - 2.4, 4.5),
                    CAPTION,
                    "name of a person",
                    &caption,
                )?;
            }
            self.y += 13.0;
        }
        Ok(())
    }
}

/// 64 hexadecimal digits in upper case, or a refusal.
fn hexadecimal(field: &str, text: &str) -> Result<String, LayoutError> {
    let digits = text.to_ascii_uppercase();
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err(LayoutError::Code {
            field: field.to_owned(),
        })
    }
}

/// 16 groups of 4 on two lines.
fn grouped(digits: &str) -> Vec<String> {
    let groups: Vec<&str> = (0..digits.len())
        .step_by(4)
        .map(|from| &digits[from..digits.len().min(from + 4)])
        .collect();
    groups.chunks(8).map(|line| line.join(" ")).collect()
}
