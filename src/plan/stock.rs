//! Names of the label sheets that the station knows, so that a plan is checked where no paper is laid out.
//!
//! The geometry is data of the station (`paper::stock`); a test there holds both lists together.

use super::Paper;

/// A label sheet as a plan may name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelStock {
    /// The maker's number.
    pub name: &'static str,
    /// Another number of the same sheet.
    pub other_name: Option<&'static str>,
    /// Labels on a sheet.
    pub labels: u16,
    /// Size of the sheet.
    pub paper: Paper,
}

const fn stock(name: &'static str, labels: u16, paper: Paper) -> LabelStock {
    LabelStock {
        name,
        other_name: None,
        labels,
        paper,
    }
}

impl LabelStock {
    /// All known sheets; the first is the default.
    pub const ALL: [Self; 9] = [
        Self {
            other_name: Some("J8651"),
            ..stock("L7651", 65, Paper::A4)
        },
        stock("L4731", 189, Paper::A4),
        stock("L4732", 80, Paper::A4),
        Self {
            other_name: Some("8160"),
            ..stock("5160", 30, Paper::Letter)
        },
        stock("5167", 80, Paper::Letter),
        stock("6570", 32, Paper::Letter),
        stock("L4770", 40, Paper::A4),
        stock("L7160", 21, Paper::A4),
        stock("L7163", 14, Paper::A4),
    ];

    /// The sheet with this number, or nothing.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let is = |known: &str| known.eq_ignore_ascii_case(name.trim());
        Self::ALL
            .into_iter()
            .find(|stock| is(stock.name) || stock.other_name.is_some_and(is))
    }

    /// All names, for messages.
    #[must_use]
    pub fn names() -> String {
        Self::ALL.map(|stock| stock.name).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_found_by_either_number() {
        for stock in LabelStock::ALL {
            assert_eq!(LabelStock::named(stock.name), Some(stock));
        }
        assert_eq!(LabelStock::named(" j8651 ").unwrap().name, "L7651");
        assert_eq!(LabelStock::named("L9999"), None);
    }

    #[cfg(feature = "station")]
    #[test]
    fn the_station_knows_the_same_sheets() {
        use crate::paper::page::PaperSize;
        use crate::paper::stock::Stock;
        assert_eq!(Stock::ALL.len(), LabelStock::ALL.len());
        for (ours, sheet) in LabelStock::ALL.into_iter().zip(Stock::ALL) {
            let geometry = sheet.geometry();
            let paper = match geometry.paper {
                PaperSize::A4 => Paper::A4,
                PaperSize::Letter => Paper::Letter,
            };
            let theirs = LabelStock {
                name: geometry.name,
                other_name: geometry.other_name,
                labels: sheet.count(),
                paper,
            };
            assert_eq!(ours, theirs);
            assert_eq!(ours.name.parse(), Ok(sheet));
        }
    }
}
