//! What is on paper: PIN slips, labels for keys, the ceremony record; knows no device and no printer language.
//!
//! Contents come in as ids and plain text and leave as [`page::Page`]s, from which every printer language
//! draws. Text that a page cannot show as written is refused, and [`Document::check_printable`] finds it
//! before there is a PIN.

pub mod face;
pub mod font;
pub mod form;
mod inventory;
pub mod label;
pub mod page;
pub mod qr;
pub mod record;
pub mod slip;
pub mod stock;
pub mod test_page;
mod texts;
mod trifold;

use serde::{Deserialize, Serialize};

use crate::script;
use crate::secret::{Pin, Secret};
use page::Page;

/// Why something cannot be put on paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum LayoutError {
    /// A character that the fonts lack or that needs a script's own rules.
    #[error("the character {character:?} ({code}) in the {field} cannot be printed", code = script::code_point(*.character))]
    Uncovered {
        /// Which text, as the officer knows it.
        field: String,
        /// The first such character.
        character: char,
    },
    /// A text that does not fit its place even in the smallest legible type.
    #[error("the {field} is too long for its place on the paper")]
    TooLong {
        /// Which text, as the officer knows it.
        field: String,
    },
    /// A slip without a PIN, or a PIN for something that is no slip.
    #[error("a PIN goes on a slip, and on nothing else")]
    PinMismatch,
    /// The PIN is empty, too long, or holds a character that a reader could mistake; it is not told which.
    #[error("this PIN cannot be printed so that everyone reads it the same way")]
    Pin,
    /// A label position that the sheet does not have.
    #[error("a sheet of {stock} has {count} labels: there is no position {position}")]
    Position {
        /// Name of the label stock.
        stock: String,
        /// Labels on it.
        count: u16,
        /// The position asked for, from 1.
        position: u16,
    },
    /// A text for a QR code that is not what the code may hold.
    #[error("the {field} does not fit its QR code")]
    Code {
        /// Which text.
        field: String,
    },
}

impl LayoutError {
    /// What the officer can do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Uncovered { .. } => {
                "Write it with Latin, Greek, Cyrillic, Armenian or Georgian letters in the plan. Nothing was printed."
            }
            Self::TooLong { .. } => "Shorten it in the plan. Nothing was printed.",
            Self::Position { .. } => {
                "Count the label positions from the top left, row by row. Nothing was printed."
            }
            Self::Pin => "Have the PIN policy of the plan checked. Nothing was printed.",
            Self::PinMismatch | Self::Code { .. } => {
                "This is a fault of the program: note it on the record. Nothing was printed."
            }
        }
    }
}

/// Everything that can be printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "document", rename_all = "lowercase")]
pub enum Document {
    /// A PIN slip; the PIN comes separately.
    Slip(slip::SlipContent),
    /// Labels for keys.
    Labels(label::LabelSheet),
    /// The ceremony record.
    Record(Box<record::RecordContent>),
    /// The test and calibration pages.
    Test(test_page::TestPages),
}

impl Document {
    /// Whether it is printed with a PIN.
    #[must_use]
    pub fn takes_pin(&self) -> bool {
        matches!(self, Self::Slip(_))
    }

    /// The same for a printer of so many dots to the inch.
    #[must_use]
    pub fn at_dots(&self, dots_per_inch: u16) -> Self {
        match self {
            Self::Labels(sheet) => Self::Labels(label::LabelSheet {
                dots_per_inch,
                ..sheet.clone()
            }),
            other => other.clone(),
        }
    }

    /// The stock of labels; none of anything else.
    #[must_use]
    pub fn labels(&self) -> Option<stock::Stock> {
        match self {
            Self::Labels(sheet) => Some(sheet.stock),
            _ => None,
        }
    }

    /// Lays the document out; `random` fills a slice with random bytes, for a slip's obscuring pattern.
    pub fn pages(
        &self,
        pin: Option<&Pin>,
        random: &mut dyn FnMut(&mut [u8]),
    ) -> Result<Vec<Page>, LayoutError> {
        match (self, pin) {
            (Self::Slip(content), Some(pin)) => Ok(vec![content.page(pin, random)?]),
            (Self::Labels(sheet), None) => sheet.pages(),
            (Self::Record(content), None) => content.pages(),
            (Self::Test(content), None) => content.pages(),
            _ => Err(LayoutError::PinMismatch),
        }
    }

    /// Finds whatever would be refused at printing time, without a PIN.
    pub fn check_printable(&self) -> Result<(), LayoutError> {
        self.stand_in_pages().map(drop)
    }

    /// Lays the document out with some other PIN where it takes one: all that it shows apart from the PIN.
    pub fn stand_in_pages(&self) -> Result<Vec<Page>, LayoutError> {
        let stand_in = self.takes_pin().then(|| Secret::new("00000000".to_owned()));
        self.pages(stand_in.as_ref(), &mut |bytes| bytes.fill(0))
    }
}
