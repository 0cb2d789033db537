//! Labels for keys: the asset number in large type and as a QR code, never an account, a name or a PIN.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, at};
use super::qr::{QUIET_ZONE, Robustness, Symbol};
use super::stock::Stock;
use super::texts::{self, LabelTexts};
use crate::id::{CeremonyId, IdError, KeyFingerprint, LabelId};
use crate::language::Language;
use crate::plan::stock::SheetCorrection;

/// Modules that phones read at all, up to those that they read with ease.
const MODULE: [Millimetres; 2] = [0.335, 0.47];
/// From ink to the edge of a label: a millimetre that must stay blank, and what rounding to dots takes of it.
const BLANK_EDGE: Millimetres = 1.2;

/// What the QR code of a label says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelPayload {
    /// `GLASSKEY:1:<label id>:<ceremony id>:<key fingerprint>`.
    Full {
        /// Asset number of the key.
        label: LabelId,
        /// The ceremony that prepared it.
        ceremony: CeremonyId,
        /// Of its identity credential.
        fingerprint: KeyFingerprint,
    },
    /// `GLASSKEY:1:<label id>`, on labels too small for more.
    Short {
        /// Asset number of the key.
        label: LabelId,
    },
}

impl LabelPayload {
    /// The asset number of the key.
    #[must_use]
    pub fn label(&self) -> &LabelId {
        match self {
            Self::Full { label, .. } | Self::Short { label } => label,
        }
    }
}

impl fmt::Display for LabelPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full {
                label,
                ceremony,
                fingerprint,
            } => write!(f, "GLASSKEY:1:{label}:{ceremony}:{fingerprint}"),
            Self::Short { label } => write!(f, "GLASSKEY:1:{label}"),
        }
    }
}

impl FromStr for LabelPayload {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let parts: Vec<&str> = text.trim().split(':').collect();
        match parts[..] {
            ["GLASSKEY", "1", label, ceremony, fingerprint] => Ok(Self::Full {
                label: label.parse()?,
                ceremony: ceremony.parse()?,
                fingerprint: fingerprint.parse()?,
            }),
            ["GLASSKEY", "1", label] => Ok(Self::Short {
                label: label.parse()?,
            }),
            ["GLASSKEY", version, ..] if version != "1" => Err(IdError::Shape {
                reason: "this label is of a newer kind than this program reads".into(),
            }),
            _ => Err(IdError::Shape {
                reason: "this is not the QR code of a Glasskey label".into(),
            }),
        }
    }
}

/// What one label says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelContent {
    /// Asset number of the key.
    pub label: LabelId,
    /// The ceremony that prepared it.
    pub ceremony: CeremonyId,
    /// Of its identity credential.
    pub fingerprint: KeyFingerprint,
}

/// Labels on a sheet that may have been used before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelSheet {
    /// The sheet in the printer.
    pub stock: Stock,
    /// Position of the first label, from 1 at the top left, row by row.
    pub start: u16,
    /// What this printer needs to hit the labels.
    #[serde(default)]
    pub correction: SheetCorrection,
    /// Dots to the inch of the printer: modules of a code are whole dots, so that no printer has to round.
    #[serde(default = "office_printer")]
    pub dots_per_inch: u16,
    /// Whether to draw the edge of every label, for a trial on plain paper held against the sheet.
    #[serde(default)]
    pub outlines: bool,
    /// What to print.
    pub labels: Vec<LabelContent>,
    /// What it is written in.
    #[serde(default)]
    pub text_language: Language,
}

fn office_printer() -> u16 {
    600
}

impl LabelSheet {
    /// Labels for a sheet, with nothing to correct.
    #[must_use]
    pub fn new(stock: Stock, start: u16, labels: Vec<LabelContent>) -> Self {
        Self {
            stock,
            start,
            correction: SheetCorrection::default(),
            dots_per_inch: office_printer(),
            outlines: false,
            labels,
            text_language: Language::default(),
        }
    }

    /// The same labels, moved to where this printer has to put them.
    #[must_use]
    pub fn corrected(self, correction: SheetCorrection) -> Self {
        Self { correction, ..self }
    }

    /// The edges of every label and nothing else, for a trial on plain paper held against the sheet.
    #[must_use]
    pub fn trial(stock: Stock, correction: SheetCorrection) -> Self {
        Self {
            outlines: true,
            ..Self::new(stock, 1, Vec::new()).corrected(correction)
        }
    }

    /// The same labels in a language.
    #[must_use]
    pub fn written_in(self, text_language: Language) -> Self {
        Self {
            text_language,
            ..self
        }
    }

    /// Lays the labels out, on a second sheet where one is not enough.
    pub fn pages(&self) -> Result<Vec<Page>, LayoutError> {
        let count = self.stock.count();
        if !(1..=count).contains(&self.start) {
            return Err(LayoutError::Position {
                stock: self.stock.to_string(),
                count,
                position: self.start,
            });
        }
        let texts = &texts::of(self.text_language).label;
        let mut pages = Vec::new();
        if self.outlines {
            let mut page = Page::new(self.stock.geometry().format);
            for position in 0..count {
                page.frame(self.area(position), 0.1);
            }
            pages.push(page);
        }
        let dot = 25.4 / f32::from(self.dots_per_inch.max(1));
        let unreached = self.stock.geometry().unreached;
        let mut position = self.start - 1;
        for content in &self.labels {
            if pages.is_empty() || position == count {
                pages.push(Page::new(self.stock.geometry().format));
                position %= count;
            }
            if let Some(page) = pages.last_mut() {
                content.draw(page, self.area(position), texts, unreached, dot)?;
            }
            position += 1;
        }
        Ok(pages)
    }

    /// The position after the last label on its sheet; `None` when that sheet is full.
    #[must_use]
    pub fn next_start(&self) -> Option<u16> {
        let used = u32::from(self.start) - 1 + u32::try_from(self.labels.len()).ok()?;
        let used = used % u32::from(self.stock.count());
        (used != 0).then(|| u16::try_from(used + 1).ok()).flatten()
    }

    /// Where a label is, `position` counted from 0.
    fn area(&self, position: u16) -> Area {
        let geometry = self.stock.geometry();
        let (column, row) = (position % geometry.columns, position / geometry.columns);
        let SheetCorrection {
            right,
            down,
            wider,
            taller,
        } = self.correction;
        Area {
            x: geometry.left
                + f32::from(right) / 10.0
                + f32::from(column) * (geometry.pitch_x + f32::from(wider) / 100.0),
            y: geometry.top
                + f32::from(down) / 10.0
                + f32::from(row) * (geometry.pitch_y + f32::from(taller) / 100.0),
            width: geometry.width,
            height: geometry.height,
        }
    }
}

impl LabelContent {
    /// What the QR code on a label of this height says.
    #[must_use]
    pub fn payload(&self, stock: Stock) -> LabelPayload {
        self.code(stock.geometry().height, 25.4 / f32::from(office_printer()))
            .map_or_else(|| self.short(), |(payload, ..)| payload)
    }

    fn short(&self) -> LabelPayload {
        LabelPayload::Short {
            label: self.label.clone(),
        }
    }

    /// The largest code that fits: what it says, the symbol, the side of a module of whole dots.
    fn code(&self, height: Millimetres, dot: Millimetres) -> Option<(LabelPayload, Symbol, Millimetres)> {
        let full = LabelPayload::Full {
            label: self.label.clone(),
            ceremony: self.ceremony.clone(),
            fingerprint: self.fingerprint.clone(),
        };
        let kinds = [
            (full, 3, Robustness::Handled),
            (self.short(), 1, Robustness::Paper),
        ];
        kinds.into_iter().find_map(|(payload, version, robustness)| {
            let symbol = Symbol::encode(&payload.to_string(), version, robustness)?;
            let side = f32::from(symbol.side_with_quiet_zone());
            let modules = (1..=u8::MAX).rev().map(|dots| f32::from(dots) * dot);
            let module = modules
                .filter(|module| (MODULE[0]..=MODULE[1]).contains(module))
                .find(|module| side * module <= height)?;
            Some((payload, symbol, module))
        })
    }

    fn draw(
        &self,
        page: &mut Page,
        area: Area,
        texts: &LabelTexts,
        unreached: [Millimetres; 2],
        dot: Millimetres,
    ) -> Result<(), LayoutError> {
        let (payload, symbol, module) = self.code(area.height, dot).ok_or(LayoutError::Code {
            field: "label id".into(),
        })?;
        let side = f32::from(symbol.side_with_quiet_zone()) * module;
        // Whole dots from the sheet's corner too: a symbol between two dots gets uneven bars.
        let snap = |length: Millimetres| (length / dot).round() * dot;
        // The quiet zone may reach the edge and lie where the printer does not reach.
        let [blank_x, blank_y] = unreached.map(|strip| (strip + 0.2).max(BLANK_EDGE));
        let margin = (area.height - side) / 2.0;
        let left = margin.min(0.5).max(blank_x - f32::from(QUIET_ZONE) * module);
        page.modules(at(snap(area.x + left), snap(area.y + margin)), module, symbol);
        let x = area.x + left + side;
        let width = (area.x + area.width - x - blank_x).min(34.0);
        // The four lines below are 0.97 mm high for every point of the large one, descenders on both sides counted.
        let largest = ((area.height - 2.0 * blank_y) / 0.97).min(26.0);
        let large = Style::mono(largest).fitted("label id", self.label.as_str(), width, 8.0)?;
        let caption =
            Style::sans((large.size * 0.47).clamp(4.8, 9.0)).fitted("caption", &texts.title, width, 4.0)?;
        let line = caption.size * 0.44;
        let middle = area.y + area.height / 2.0;
        let mut write = |y, style, field, text: &str| page.write(at(x, y), Align::Left, style, field, text);
        if matches!(payload, LabelPayload::Short { .. }) {
            write(middle + 0.4, large, "label id", self.label.as_str())?;
            return write(middle + 0.4 + line, caption, "caption", &texts.title);
        }
        let small = Style::mono(caption.size).fitted("ceremony id", "Cer. 00000000", width, 4.5)?;
        let height = caption.size * 0.26 + large.size * 0.32 + line * 2.15;
        let mut y = middle - height / 2.0 + caption.size * 0.26;
        write(y, caption, "caption", &texts.title)?;
        y += large.size * 0.32;
        write(y, large, "label id", self.label.as_str())?;
        y += line * 1.15;
        write(
            y,
            small,
            "ceremony id",
            &format!("{:<4} {}", texts.ceremony, self.ceremony),
        )?;
        y += line;
        write(
            y,
            small,
            "key fingerprint",
            &format!("{:<4} {}", texts.fingerprint, self.fingerprint),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::page::Item;
    use proptest::prelude::*;

    fn stock(name: &str) -> Stock {
        name.parse().unwrap()
    }

    fn content(seed: u8) -> LabelContent {
        let mut next = seed;
        let mut random = move |bytes: &mut [u8]| {
            for byte in bytes {
                next = next.wrapping_mul(37).wrapping_add(11);
                *byte = next;
            }
        };
        LabelContent {
            label: LabelId::draw(&mut random),
            ceremony: CeremonyId::draw(&mut random),
            fingerprint: KeyFingerprint::of(&[seed]),
        }
    }

    #[test]
    fn payload_has_35_characters_and_reads_back() {
        let text = content(3).payload(stock("L7651")).to_string();
        assert_eq!(text.len(), 35);
        assert_eq!(
            text.parse::<LabelPayload>().unwrap(),
            content(3).payload(stock("L7651"))
        );
        let short = content(3).payload(stock("L4731"));
        assert_eq!(short.to_string().parse::<LabelPayload>().unwrap(), short);
        assert_eq!(short.to_string().len(), 17);
        for wrong in ["GLASSKEY:2:X", "HTTPS://EXAMPLE", "", "GLASSKEY:1:000000"] {
            assert!(wrong.parse::<LabelPayload>().is_err());
        }
    }

    proptest! {
        #[test]
        fn payload_parser_never_panics(text: String) {
            let _ = text.parse::<LabelPayload>();
        }
    }

    #[test]
    fn every_label_of_every_stock_stays_inside_its_edges() {
        for stock in Stock::all() {
            let labels: Vec<_> = (0..stock.count()).map(|i| content(i.to_le_bytes()[0])).collect();
            let sheet = LabelSheet::new(stock, 1, labels);
            let pages = sheet.pages().unwrap();
            assert_eq!(pages.len(), 1, "{stock}");
            assert_eq!(sheet.next_start(), None);
            let areas: Vec<Area> = (0..stock.count()).map(|i| sheet.area(i)).collect();
            for item in &pages[0].items {
                let extent = match item {
                    Item::Text { at, style, text } => Area {
                        x: at.x,
                        y: at.y - style.size * 0.73 * 25.4 / 72.0,
                        width: style.width(text.expose()),
                        height: style.size * 0.74 * 25.4 / 72.0,
                    },
                    Item::Modules { at, module, symbol } => Area {
                        x: at.x - 4.0 * module,
                        y: at.y - 4.0 * module,
                        width: f32::from(symbol.side_with_quiet_zone()) * module,
                        height: f32::from(symbol.side_with_quiet_zone()) * module,
                    },
                    _ => panic!("a label has text and a code only"),
                };
                // Snapping to dots moves by half a dot at most.
                let dot = 25.4 / 600.0;
                let inside = |area: &Area| {
                    let grown = Area {
                        x: area.x - dot,
                        y: area.y - dot,
                        width: area.width + 2.0 * dot,
                        height: area.height + 2.0 * dot,
                    };
                    extent.is_inside(&grown)
                };
                assert!(areas.iter().any(inside), "{stock}: {extent:?}");
            }
        }
    }

    #[test]
    fn used_sheets_go_on_where_they_were_left() {
        let sheet =
            |start, labels| LabelSheet::new(stock("L7651"), start, (0..labels).map(content).collect());
        assert_eq!(sheet(1, 1).next_start(), Some(2));
        assert_eq!(sheet(65, 1).next_start(), None);
        assert_eq!(sheet(64, 3).next_start(), Some(2));
        assert_eq!(sheet(64, 3).pages().unwrap().len(), 2);
        for wrong in [0, 66] {
            assert!(matches!(
                sheet(wrong, 1).pages(),
                Err(LayoutError::Position { .. })
            ));
        }
    }

    #[test]
    fn corrections_move_labels_and_an_outline_page_shows_them() {
        let mut sheet = LabelSheet::new(stock("L4731"), 1, Vec::new());
        let before = sheet.area(188);
        sheet.correction = SheetCorrection {
            right: -5,
            down: 3,
            wider: 0,
            taller: 2,
        };
        let after = sheet.area(188);
        assert!((after.x - before.x + 0.5).abs() < 0.001);
        assert!((after.y - before.y - 0.3 - 26.0 * 0.02).abs() < 0.001);
        sheet.outlines = true;
        let pages = sheet.pages().unwrap();
        assert_eq!((pages.len(), pages[0].items.len()), (1, 189));
    }
}
