//! Labels for keys: the asset number in large type and as a QR code, never an account, a name or a PIN.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, at};
use super::qr::{Robustness, Symbol};
use super::stock::Stock;
use crate::id::{CeremonyId, IdError, KeyFingerprint, LabelId};

/// One dot at 600 dpi: modules are whole dots, so that no printer has to round.
const DOT: Millimetres = 25.4 / 600.0;
/// Modules of 0.508 to 0.339 mm: what phones read with ease, down to what they read at all.
const MODULE_DOTS: [u8; 5] = [12, 11, 10, 9, 8];

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
    /// How far this printer prints too far left and too high, in tenths of a millimetre.
    #[serde(default)]
    pub shift: (i8, i8),
    /// What to print.
    pub labels: Vec<LabelContent>,
}

impl LabelSheet {
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
        let mut pages = Vec::new();
        let mut position = self.start - 1;
        for content in &self.labels {
            if pages.is_empty() || position == count {
                pages.push(Page::new(self.stock.geometry().paper));
                position %= count;
            }
            if let Some(page) = pages.last_mut() {
                content.draw(page, self.area(position))?;
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
        Area {
            x: geometry.left + f32::from(column) * geometry.pitch_x + f32::from(self.shift.0) / 10.0,
            y: geometry.top + f32::from(row) * geometry.pitch_y + f32::from(self.shift.1) / 10.0,
            width: geometry.width,
            height: geometry.height,
        }
    }
}

impl LabelContent {
    /// What the QR code on a label of this height says.
    #[must_use]
    pub fn payload(&self, stock: Stock) -> LabelPayload {
        self.code(stock.geometry().height)
            .map_or_else(|| self.short(), |(payload, ..)| payload)
    }

    fn short(&self) -> LabelPayload {
        LabelPayload::Short {
            label: self.label.clone(),
        }
    }

    /// The largest code that fits: what it says, the symbol, the side of a module.
    fn code(&self, height: Millimetres) -> Option<(LabelPayload, Symbol, Millimetres)> {
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
            let dots = MODULE_DOTS
                .into_iter()
                .find(|dots| side * f32::from(*dots) * DOT <= height)?;
            Some((payload, symbol, f32::from(dots) * DOT))
        })
    }

    fn draw(&self, page: &mut Page, area: Area) -> Result<(), LayoutError> {
        let (payload, symbol, module) = self.code(area.height).ok_or(LayoutError::Code {
            field: "label id".into(),
        })?;
        let side = f32::from(symbol.side_with_quiet_zone()) * module;
        // Whole dots from the sheet's corner too: a symbol between two dots gets uneven bars.
        let snap = |length: Millimetres| (length / DOT).round() * DOT;
        let margin = (area.height - side) / 2.0;
        page.modules(
            at(snap(area.x + margin.min(0.5)), snap(area.y + margin)),
            module,
            symbol,
        );
        let x = area.x + margin.min(0.5) + side;
        let width = (area.x + area.width - x - 0.8).min(34.0);
        // The four lines below are 0.9 mm high for every point of the large one.
        let largest = ((area.height - 1.2) / 0.9).min(26.0);
        let large = Style::mono(largest).fitted("label id", self.label.as_str(), width, 8.0)?;
        let caption = Style::sans((large.size * 0.47).clamp(4.8, 9.0)).fitted(
            "caption",
            "Emergency key",
            width,
            4.0,
        )?;
        let line = caption.size * 0.44;
        let middle = area.y + area.height / 2.0;
        let mut write = |y, style, field, text: &str| page.write(at(x, y), Align::Left, style, field, text);
        if matches!(payload, LabelPayload::Short { .. }) {
            write(middle + 0.4, large, "label id", self.label.as_str())?;
            return write(middle + 0.4 + line, caption, "caption", "Emergency key");
        }
        let small = Style::mono(caption.size).fitted("ceremony id", "Cer. 00000000", width, 4.5)?;
        let height = caption.size * 0.26 + large.size * 0.32 + line * 2.15;
        let mut y = middle - height / 2.0 + caption.size * 0.26;
        write(y, caption, "caption", "Emergency key")?;
        y += large.size * 0.32;
        write(y, large, "label id", self.label.as_str())?;
        y += line * 1.15;
        write(y, small, "ceremony id", &format!("Cer. {}", self.ceremony))?;
        y += line;
        write(y, small, "key fingerprint", &format!("Key  {}", self.fingerprint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::page::Item;
    use proptest::prelude::*;

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
        let text = content(3).payload(Stock::L7651).to_string();
        assert_eq!(text.len(), 35);
        assert_eq!(
            text.parse::<LabelPayload>().unwrap(),
            content(3).payload(Stock::L7651)
        );
        let short = content(3).payload(Stock::L4731);
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
        for stock in Stock::ALL {
            let labels: Vec<_> = (0..stock.count()).map(|i| content(i.to_le_bytes()[0])).collect();
            let sheet = LabelSheet {
                stock,
                start: 1,
                shift: (0, 0),
                labels,
            };
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
                let inside = |area: &Area| {
                    let grown = Area {
                        x: area.x - DOT,
                        y: area.y - DOT,
                        width: area.width + 2.0 * DOT,
                        height: area.height + 2.0 * DOT,
                    };
                    extent.is_inside(&grown)
                };
                assert!(areas.iter().any(inside), "{stock}: {extent:?}");
            }
        }
    }

    #[test]
    fn used_sheets_go_on_where_they_were_left() {
        let sheet = |start, labels| LabelSheet {
            stock: Stock::L7651,
            start,
            shift: (0, 0),
            labels: (0..labels).map(content).collect(),
        };
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
}
