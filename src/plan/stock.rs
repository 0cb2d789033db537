//! Label stock that can be bought, as data in `stock.csv`: sheets for page printers, rolls for label printers.
//!
//! A plan is checked against it where no paper is laid out; the station lays labels out by the same lines.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::Paper;

/// Where a length is kept exactly.
pub type HundredthsOfMillimetre = u16;

/// A kind of label as a plan may name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelStock {
    /// The maker's number of a sheet, or printer and size of a roll.
    pub name: &'static str,
    /// Another number of the same.
    pub other_name: Option<&'static str>,
    /// What the labels are on.
    pub medium: Medium,
    /// Width of a label, as it is read.
    pub width: HundredthsOfMillimetre,
    /// Height of a label, as it is read.
    pub height: HundredthsOfMillimetre,
    /// Labels side by side; 1 on a roll.
    pub columns: u16,
    /// Labels one below the other; 1 on a roll.
    pub rows: u16,
    /// From a sheet's left edge to the first label; of a roll, what the printer leaves blank at left and right.
    pub left: HundredthsOfMillimetre,
    /// From a sheet's top edge to the first label; of a roll, what the printer leaves blank at top and bottom.
    pub top: HundredthsOfMillimetre,
    /// From one label's left edge to the next one's.
    pub pitch_x: HundredthsOfMillimetre,
    /// From one label's top edge to the next one's.
    pub pitch_y: HundredthsOfMillimetre,
    /// What to do before trusting these numbers.
    pub note: Option<&'static str>,
}

/// Corrections of a sheet for a printer and a batch of sheets, from a trial on plain paper.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SheetCorrection {
    /// To the right, in tenths of a millimetre.
    pub right: i8,
    /// Downwards, in tenths of a millimetre.
    pub down: i8,
    /// Added to the distance between columns, in hundredths of a millimetre.
    pub wider: i8,
    /// Added to the distance between rows, in hundredths of a millimetre: small labels drift.
    pub taller: i8,
}

impl SheetCorrection {
    /// Largest move of the whole sheet, in tenths of a millimetre; more is another sheet.
    pub const MAX_MOVE: i8 = 50;
    /// Largest change of a distance, in hundredths of a millimetre.
    pub const MAX_STRETCH: i8 = 100;

    /// Whether nothing is corrected.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// What labels are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// A sheet for a page printer.
    Sheet(Paper),
    /// A roll for a label printer.
    Roll(Roll),
}

/// A roll for a label printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roll {
    /// For a Brother QL, which tells what is loaded.
    Brother {
        /// Width of the tape in millimetres.
        width: u8,
        /// Length of a die-cut label in millimetres; none on continuous tape.
        length: Option<u8>,
    },
    /// For a Zebra printer, set up for the size of the label.
    Zebra,
}

/// The table, as it is in the repository.
const TABLE: &str = include_str!("stock.csv");

static ALL: LazyLock<Vec<LabelStock>> = LazyLock::new(|| lines().filter_map(LabelStock::read).collect());

fn lines() -> impl Iterator<Item = &'static str> {
    TABLE.lines().filter(|line| !line.starts_with('#'))
}

impl LabelStock {
    /// All known stock; the first is the default.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &ALL
    }

    /// The sheet or roll with this name, or nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name.trim());
        Self::all()
            .iter()
            .find(|stock| is(stock.name) || stock.other_name.is_some_and(is))
    }

    /// The sheet that is taken where a plan names none.
    #[must_use]
    pub fn default_for(paper: Paper) -> &'static Self {
        let fits = |stock: &&Self| stock.medium == Medium::Sheet(paper);
        Self::all().iter().find(fits).unwrap_or(&Self::all()[0])
    }

    /// All names, for messages.
    #[must_use]
    pub fn names() -> String {
        let names: Vec<_> = Self::all().iter().map(|stock| stock.name).collect();
        names.join(", ")
    }

    /// Labels on a sheet; 1 of a roll.
    #[must_use]
    pub fn labels(&self) -> u16 {
        self.columns * self.rows
    }

    /// The roll, where it is one.
    #[must_use]
    pub fn roll(&self) -> Option<Roll> {
        match self.medium {
            Medium::Sheet(_) => None,
            Medium::Roll(roll) => Some(roll),
        }
    }

    /// Whether every label lies on the sheet with this correction; on a roll none is possible.
    #[must_use]
    pub fn takes(&self, correction: SheetCorrection) -> bool {
        let Medium::Sheet(paper) = self.medium else {
            return correction.is_none();
        };
        let (width, height) = match paper {
            Paper::A4 => (21_000, 29_700),
            Paper::Letter => (21_590, 27_940),
        };
        // All in hundredths of a millimetre; the last label is where a stretch tells most.
        let lies = |first: u16, size: u16, count: u16, pitch: u16, moved: i8, stretched: i8, limit: i32| {
            let first = i32::from(first) + 10 * i32::from(moved);
            let last = first + i32::from(count - 1) * (i32::from(pitch) + i32::from(stretched));
            first >= 0 && last + i32::from(size) <= limit
        };
        lies(
            self.left,
            self.width,
            self.columns,
            self.pitch_x,
            correction.right,
            correction.wider,
            width,
        ) && lies(
            self.top,
            self.height,
            self.rows,
            self.pitch_y,
            correction.down,
            correction.taller,
            height,
        )
    }

    /// Reads a line of the table; `None` for what is not one.
    fn read(line: &'static str) -> Option<Self> {
        let cells: [&'static str; 12] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
        let [
            name,
            also,
            medium,
            width,
            height,
            columns,
            rows,
            left,
            top,
            pitch_x,
            pitch_y,
            note,
        ] = cells;
        let text = |cell: &'static str| (!cell.is_empty()).then_some(cell);
        Some(Self {
            name: text(name)?,
            other_name: text(also),
            medium: Medium::read(medium)?,
            width: length(width)?,
            height: length(height)?,
            columns: columns.parse().ok()?,
            rows: rows.parse().ok()?,
            left: length(left)?,
            top: length(top)?,
            pitch_x: length(pitch_x)?,
            pitch_y: length(pitch_y)?,
            note: text(note),
        })
    }
}

impl Medium {
    fn read(text: &str) -> Option<Self> {
        let sheets = [Paper::A4, Paper::Letter];
        if let Some(paper) = sheets.into_iter().find(|paper| paper.name() == text) {
            return Some(Self::Sheet(paper));
        }
        if text == "zebra" {
            return Some(Self::Roll(Roll::Zebra));
        }
        let tape = text.strip_prefix("brother ")?;
        let (width, length) = match tape.split_once('x') {
            Some((width, length)) => (width, Some(length.parse().ok()?)),
            None => (tape, None),
        };
        let width = width.parse().ok()?;
        Some(Self::Roll(Roll::Brother { width, length }))
    }
}

/// Reads a length in millimetres with two digits behind the point at most.
fn length(text: &str) -> Option<HundredthsOfMillimetre> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = match part.len() {
        0..=2 => format!("{part:0<2}").parse::<u16>().ok()?,
        _ => return None,
    };
    whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_stop_at_the_edge_of_the_sheet() {
        for stock in LabelStock::all() {
            assert!(stock.takes(SheetCorrection::default()), "{}", stock.name);
            let moved = |right, taller| SheetCorrection {
                right,
                taller,
                ..SheetCorrection::default()
            };
            assert_eq!(stock.takes(moved(1, 0)), stock.roll().is_none(), "{}", stock.name);
        }
        let sheet = LabelStock::named("L7651").unwrap();
        let edge = |right| SheetCorrection {
            right,
            ..SheetCorrection::default()
        };
        let left = i8::try_from(sheet.left / 10).unwrap();
        assert!(sheet.takes(edge(-left)) && !sheet.takes(edge(-left - 1)));
    }

    #[test]
    fn every_line_of_the_table_is_read_and_has_a_name_of_its_own() {
        assert_eq!(lines().count(), LabelStock::all().len());
        for stock in LabelStock::all() {
            assert_eq!(LabelStock::named(stock.name), Some(stock));
            assert!(stock.labels() > 0 && stock.width > 0 && stock.height > 0);
            assert!(stock.roll().is_none() || stock.labels() == 1, "{}", stock.name);
            if let Some(other) = stock.other_name {
                assert_eq!(LabelStock::named(other), Some(stock));
            }
        }
        assert_eq!(LabelStock::named(" j8651 ").unwrap().name, "L7651");
        assert_eq!(LabelStock::named("L9999"), None);
    }

    #[test]
    fn the_first_sheet_of_a_size_is_its_default() {
        assert_eq!(LabelStock::default_for(Paper::A4).name, "L7651");
        assert_eq!(LabelStock::default_for(Paper::Letter).name, "5160");
    }

    #[test]
    fn a_line_is_read_whole_or_not_at_all() {
        let line = "n,,brother 62x29,62,29.05,1,1,1.5,3,0,0,";
        let stock = LabelStock::read(line).unwrap();
        let tape = Roll::Brother {
            width: 62,
            length: Some(29),
        };
        assert_eq!((stock.roll(), stock.height), (Some(tape), 2905));
        for wrong in [
            "n,,brother 62x29,62,29.05,1,1,1.5,3,0,0",
            ",,A4,62,29,1,1,1.5,3,0,0,",
            "n,,A5,62,29,1,1,1.5,3,0,0,",
            "n,,brother 62x,62,29,1,1,1.5,3,0,0,",
            "n,,A4,62,29.123,1,1,1.5,3,0,0,",
            "n,,A4,900,29,1,1,1.5,3,0,0,",
        ] {
            assert_eq!(LabelStock::read(wrong), None, "{wrong}");
        }
    }
}
