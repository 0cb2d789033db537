//! Label stock that can be bought: the geometry of each sheet as data (source: glabels-data 3.4.1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::page::{Millimetres, PaperSize};

/// A label sheet, by the maker's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stock {
    /// Avery L7651 or J8651: 65 labels of 38.1 x 21.2 mm.
    L7651,
    /// Avery L4731: 189 labels of 25.4 x 10 mm, small enough for a key.
    L4731,
    /// Avery L4732: 80 labels of 35.6 x 16.9 mm.
    L4732,
    /// Avery 5160 or 8160: 30 labels of 66.67 x 25.4 mm.
    #[serde(rename = "5160")]
    N5160,
    /// Avery 5167: 80 labels of 44.45 x 12.7 mm.
    #[serde(rename = "5167")]
    N5167,
    /// Avery 6570: 32 labels of 44.45 x 31.75 mm.
    #[serde(rename = "6570")]
    N6570,
    /// Avery L4770: 40 labels of 45.7 x 25.4 mm.
    L4770,
    /// Avery L7160: 21 labels of 64 x 38.1 mm.
    L7160,
    /// Avery L7163: 14 labels of 99.1 x 38.1 mm.
    L7163,
}

/// Where the labels of a sheet are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// The maker's number.
    pub name: &'static str,
    /// Another number of the same sheet.
    pub other_name: Option<&'static str>,
    /// The sheet.
    pub paper: PaperSize,
    /// Width of a label.
    pub width: Millimetres,
    /// Height of a label.
    pub height: Millimetres,
    /// Labels side by side.
    pub columns: u16,
    /// Labels one below the other.
    pub rows: u16,
    /// From the sheet's left edge to the first label.
    pub left: Millimetres,
    /// From the sheet's top edge to the first label.
    pub top: Millimetres,
    /// From one label's left edge to the next one's.
    pub pitch_x: Millimetres,
    /// From one label's top edge to the next one's.
    pub pitch_y: Millimetres,
    /// What to do before trusting these numbers.
    pub note: Option<&'static str>,
}

impl Stock {
    /// All known sheets; the first is the default.
    pub const ALL: [Self; 9] = [
        Self::L7651,
        Self::L4731,
        Self::L4732,
        Self::N5160,
        Self::N5167,
        Self::N6570,
        Self::L4770,
        Self::L7160,
        Self::L7163,
    ];

    /// Where the labels are.
    #[must_use]
    pub fn geometry(self) -> Geometry {
        use PaperSize::{A4, Letter};
        const MEASURE: Option<&str> = Some("measure the sheet first: published margins disagree");
        let (name, other_name, paper, size, grid, origin, pitch, note) = match self {
            Self::L7651 => (
                "L7651",
                Some("J8651"),
                A4,
                (38.1, 21.2),
                (5, 13),
                (4.7, 10.9),
                (40.6, 21.2),
                None,
            ),
            Self::L4731 => (
                "L4731",
                None,
                A4,
                (25.4, 10.0),
                (7, 27),
                (8.5, 13.5),
                (27.94, 10.0),
                None,
            ),
            Self::L4732 => (
                "L4732",
                None,
                A4,
                (35.6, 16.9),
                (5, 16),
                (11.0, 13.0),
                (38.1, 16.9),
                None,
            ),
            Self::N5160 => (
                "5160",
                Some("8160"),
                Letter,
                (66.67, 25.4),
                (3, 10),
                (3.97, 12.7),
                (70.64, 25.4),
                None,
            ),
            Self::N5167 => (
                "5167",
                None,
                Letter,
                (44.45, 12.7),
                (4, 20),
                (7.14, 12.7),
                (52.39, 12.7),
                None,
            ),
            Self::N6570 => (
                "6570",
                None,
                Letter,
                (44.45, 31.75),
                (4, 8),
                (12.7, 12.7),
                (49.23, 31.75),
                MEASURE,
            ),
            Self::L4770 => (
                "L4770",
                None,
                A4,
                (45.7, 25.4),
                (4, 10),
                (10.0, 22.0),
                (48.5, 25.4),
                MEASURE,
            ),
            Self::L7160 => (
                "L7160",
                None,
                A4,
                (64.0, 38.1),
                (3, 7),
                (7.48, 15.49),
                (66.04, 38.1),
                MEASURE,
            ),
            Self::L7163 => (
                "L7163",
                None,
                A4,
                (99.1, 38.1),
                (2, 7),
                (3.35, 15.17),
                (103.01, 38.1),
                MEASURE,
            ),
        };
        Geometry {
            name,
            other_name,
            paper,
            width: size.0,
            height: size.1,
            columns: grid.0,
            rows: grid.1,
            left: origin.0,
            top: origin.1,
            pitch_x: pitch.0,
            pitch_y: pitch.1,
            note,
        }
    }

    /// Labels on a sheet.
    #[must_use]
    pub fn count(self) -> u16 {
        let geometry = self.geometry();
        geometry.columns * geometry.rows
    }
}

impl fmt::Display for Stock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.geometry().name)
    }
}

/// A number that is not in the table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("label stock {0:?} is not known")]
pub struct UnknownStock(pub String);

impl FromStr for Stock {
    type Err = UnknownStock;
    fn from_str(text: &str) -> Result<Self, UnknownStock> {
        let named = |stock: &Self| {
            let geometry = stock.geometry();
            [Some(geometry.name), geometry.other_name]
                .iter()
                .flatten()
                .any(|name| name.eq_ignore_ascii_case(text.trim()))
        };
        Self::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| UnknownStock(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_centred_or_carry_a_note() {
        for stock in Stock::ALL {
            let g = stock.geometry();
            let right = g.paper.width() - g.left - f32::from(g.columns - 1) * g.pitch_x - g.width;
            let bottom = g.paper.height() - g.top - f32::from(g.rows - 1) * g.pitch_y - g.height;
            let off = (right - g.left).abs().max((bottom - g.top).abs());
            assert!(right > 0.0 && bottom > 0.0, "{stock} runs over its sheet");
            assert!(off <= 0.7 || g.note.is_some(), "{stock} is {off} mm off centre");
            assert!(g.pitch_x >= g.width && g.pitch_y >= g.height, "{stock} overlaps");
        }
    }

    #[test]
    fn stock_reads_what_it_writes_and_knows_second_names() {
        for stock in Stock::ALL {
            assert_eq!(stock.to_string().parse(), Ok(stock));
            let json = serde_json::to_string(&stock).unwrap();
            assert_eq!(json, format!("\"{stock}\""));
        }
        assert_eq!("j8651".parse(), Ok(Stock::L7651));
        assert!("L9999".parse::<Stock>().is_err());
    }
}
