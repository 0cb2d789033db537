//! Label stock as a layout needs it: where the labels are. The table itself belongs to the plan.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::page::{Format, Millimetres, PaperSize};
use crate::plan::Paper;
pub use crate::plan::stock::Roll;
use crate::plan::stock::{HundredthsOfMillimetre, LabelStock, Medium};

/// A label sheet or a roll of labels; written as its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock(&'static LabelStock);

/// Where labels are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// The sheet, or a single label of a roll.
    pub format: Format,
    /// Width of a label.
    pub width: Millimetres,
    /// Height of a label.
    pub height: Millimetres,
    /// Labels side by side.
    pub columns: u16,
    /// Labels one below the other.
    pub rows: u16,
    /// From the left edge of the sheet to the first label.
    pub left: Millimetres,
    /// From the top edge of the sheet to the first label.
    pub top: Millimetres,
    /// From one label's left edge to the next one's.
    pub pitch_x: Millimetres,
    /// From one label's top edge to the next one's.
    pub pitch_y: Millimetres,
    /// What the printer leaves blank of a label: at left and right, and at top and bottom.
    pub unreached: [Millimetres; 2],
}

fn millimetres(length: HundredthsOfMillimetre) -> Millimetres {
    f32::from(length) / 100.0
}

impl Stock {
    /// All known stock; the first is the default.
    pub fn all() -> impl Iterator<Item = Self> {
        LabelStock::all().iter().map(Self)
    }

    /// The sheet or roll with this name, or nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        LabelStock::named(name).map(Self)
    }

    /// Where the labels are.
    #[must_use]
    pub fn geometry(self) -> Geometry {
        let stock = self.0;
        let [left, top] = [stock.left, stock.top].map(millimetres);
        let (format, [left, top], unreached) = match stock.medium {
            Medium::Sheet(Paper::A4) => (PaperSize::A4.into(), [left, top], [0.0, 0.0]),
            Medium::Sheet(Paper::Letter) => (PaperSize::Letter.into(), [left, top], [0.0, 0.0]),
            Medium::Roll(_) => {
                let (width, height) = (stock.width, stock.height);
                (Format::Label { width, height }, [0.0, 0.0], [left, top])
            }
        };
        Geometry {
            format,
            width: millimetres(stock.width),
            height: millimetres(stock.height),
            columns: stock.columns,
            rows: stock.rows,
            left,
            top,
            pitch_x: millimetres(stock.pitch_x),
            pitch_y: millimetres(stock.pitch_y),
            unreached,
        }
    }

    /// Labels on a sheet; 1 of a roll.
    #[must_use]
    pub fn count(self) -> u16 {
        self.0.labels()
    }

    /// The roll, where it is one.
    #[must_use]
    pub fn roll(self) -> Option<Roll> {
        self.0.roll()
    }

    /// Whether a label is read along the tape, which is as wide as the label is high.
    #[must_use]
    pub fn is_turned(self) -> bool {
        let tape = |width: u8| u16::from(width) * 100;
        matches!(self.roll(), Some(Roll::Brother { width, .. }) if tape(width) != self.0.width)
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

/// A name that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label stock {0:?} is not known")]
pub struct UnknownStock(pub String);

impl FromStr for Stock {
    type Err = UnknownStock;
    fn from_str(text: &str) -> Result<Self, UnknownStock> {
        Self::named(text).ok_or_else(|| UnknownStock(text.to_owned()))
    }
}

impl Serialize for Stock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name)
    }
}

impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_centred_or_carry_a_note() {
        for stock in Stock::all().filter(|stock| stock.roll().is_none()) {
            let g = stock.geometry();
            let right = g.format.width() - g.left - f32::from(g.columns - 1) * g.pitch_x - g.width;
            let bottom = g.format.height() - g.top - f32::from(g.rows - 1) * g.pitch_y - g.height;
            let off = (right - g.left).abs().max((bottom - g.top).abs());
            assert!(right > 0.0 && bottom > 0.0, "{stock} runs over its sheet");
            assert!(
                off <= 0.7 || stock.0.note.is_some(),
                "{stock} is {off} mm off centre"
            );
            assert!(g.pitch_x >= g.width && g.pitch_y >= g.height, "{stock} overlaps");
        }
    }

    #[test]
    fn labels_of_a_roll_fit_its_tape() {
        let turned = ["brother-62", "brother-29", "brother-62x29"].map(|name| Stock::named(name).unwrap());
        assert_eq!(turned.map(Stock::is_turned), [false, true, false]);
        for stock in Stock::all() {
            let Some(Roll::Brother { width, length }) = stock.roll() else {
                continue;
            };
            let g = stock.geometry();
            let [along, across] = if stock.is_turned() {
                [g.width, g.height]
            } else {
                [g.height, g.width]
            };
            assert!((across - f32::from(width)).abs() < 0.2, "{stock}");
            assert!(
                length.is_none_or(|length| (along - f32::from(length)).abs() < 0.2),
                "{stock}"
            );
        }
    }

    #[test]
    fn stock_reads_what_it_writes_and_knows_second_names() {
        for stock in Stock::all() {
            assert_eq!(stock.to_string().parse(), Ok(stock));
            let json = serde_json::to_string(&stock).unwrap();
            assert_eq!(json, format!("\"{stock}\""));
            assert_eq!(serde_json::from_str::<Stock>(&json).unwrap(), stock);
        }
        assert_eq!("j8651".parse(), Ok(Stock::named("L7651").unwrap()));
        assert!("L9999".parse::<Stock>().is_err());
    }
}
