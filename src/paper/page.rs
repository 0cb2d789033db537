//! The page model: what stands where on a sheet, in millimetres from the top left corner.
//!
//! This is the seam between layout and printers: every printer language draws from these items and adds
//! nothing. All ink is black, because the languages behind it are one bit deep.

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use crate::secret::Secret;

/// A length on paper.
pub type Millimetres = f32;

/// A size of type; 72 to the inch.
pub type Points = f32;

/// How long a point is.
pub const MILLIMETRES_PER_POINT: Millimetres = 25.4 / 72.0;

/// The sheet in the printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaperSize {
    /// ISO 216: 210 x 297 mm.
    A4,
    /// ANSI A: 8.5 x 11 inches.
    Letter,
}

impl PaperSize {
    /// Short side.
    #[must_use]
    pub fn width(self) -> Millimetres {
        match self {
            Self::A4 => 210.0,
            Self::Letter => 215.9,
        }
    }

    /// Long side.
    #[must_use]
    pub fn height(self) -> Millimetres {
        match self {
            Self::A4 => 297.0,
            Self::Letter => 279.4,
        }
    }
}

/// What a page is printed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A sheet of paper.
    Sheet(PaperSize),
    /// One label of a roll, in hundredths of a millimetre.
    Label {
        /// As it is read.
        width: u16,
        /// As it is read.
        height: u16,
    },
}

impl From<PaperSize> for Format {
    fn from(paper: PaperSize) -> Self {
        Self::Sheet(paper)
    }
}

impl Format {
    /// Extent to the right.
    #[must_use]
    pub fn width(self) -> Millimetres {
        match self {
            Self::Sheet(paper) => paper.width(),
            Self::Label { width, .. } => f32::from(width) / 100.0,
        }
    }

    /// Extent downwards.
    #[must_use]
    pub fn height(self) -> Millimetres {
        match self {
            Self::Sheet(paper) => paper.height(),
            Self::Label { height, .. } => f32::from(height) / 100.0,
        }
    }
}

/// A point on the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Distance from the left edge.
    pub x: Millimetres,
    /// Distance from the top edge.
    pub y: Millimetres,
}

/// Makes a position.
#[must_use]
pub const fn at(x: Millimetres, y: Millimetres) -> Position {
    Position { x, y }
}

/// A rectangle on the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: Millimetres,
    /// Top edge.
    pub y: Millimetres,
    /// Extent to the right.
    pub width: Millimetres,
    /// Extent downwards.
    pub height: Millimetres,
}

impl Area {
    /// Whether it lies within the other one.
    #[must_use]
    pub fn is_inside(&self, other: &Area) -> bool {
        self.x >= other.x
            && self.y >= other.y
            && self.x + self.width <= other.x + other.width
            && self.y + self.height <= other.y + other.height
    }
}

/// One thing on a page.
pub enum Item {
    /// A line of text; `at` is the left end of its baseline.
    Text {
        /// Left end of the baseline.
        at: Position,
        /// Font and size.
        style: Style,
        /// The characters, all covered by the font; possibly a PIN.
        text: Secret<String>,
    },
    /// A straight line.
    Line {
        /// One end.
        from: Position,
        /// The other end.
        to: Position,
        /// Its thickness.
        thickness: Millimetres,
        /// Whether it is dashed.
        dashed: bool,
    },
    /// The outline of a rectangle.
    Frame {
        /// Its middle line.
        area: Area,
        /// Its thickness.
        thickness: Millimetres,
    },
    /// A QR code.
    Modules {
        /// Top left corner of the first module; the quiet zone lies outside.
        at: Position,
        /// Side of one module.
        module: Millimetres,
        /// The symbol.
        symbol: super::qr::Symbol,
    },
}

/// Which end of a text is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The left end.
    Left,
    /// The middle.
    Centre,
    /// The right end.
    Right,
}

/// One side of one sheet, or a label of a roll.
pub struct Page {
    /// What it is printed on.
    pub paper: Format,
    /// What is on it, in drawing order.
    pub items: Vec<Item>,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new(paper: impl Into<Format>) -> Self {
        Self {
            paper: paper.into(),
            items: Vec::new(),
        }
    }

    /// Puts a line of text on the page; `field` names it in an error.
    pub fn write(
        &mut self,
        at: Position,
        align: Align,
        style: Style,
        field: &str,
        text: &str,
    ) -> Result<(), LayoutError> {
        style.check(field, text)?;
        let width = style.width(text);
        let x = match align {
            Align::Left => at.x,
            Align::Centre => at.x - width / 2.0,
            Align::Right => at.x - width,
        };
        if x < 0.0 || x + width > self.paper.width() {
            return Err(LayoutError::TooLong {
                field: field.to_owned(),
            });
        }
        self.items.push(Item::Text {
            at: Position { x, y: at.y },
            style,
            text: Secret::new(text.to_owned()),
        });
        Ok(())
    }

    /// Puts a line of text on the page, smaller where `width` asks for it, but never below `smallest`.
    pub fn write_within(
        &mut self,
        at: Position,
        (width, smallest): (Millimetres, Points),
        style: Style,
        field: &str,
        text: &str,
    ) -> Result<(), LayoutError> {
        style.check(field, text)?;
        let style = style.fitted(field, text, width, smallest)?;
        self.write(at, Align::Left, style, field, text)
    }

    /// Puts text on the page over as many lines as it needs; returns the baseline after the last.
    pub fn paragraph(
        &mut self,
        at: Position,
        (width, leading): (Millimetres, Millimetres),
        style: Style,
        field: &str,
        text: &str,
    ) -> Result<Millimetres, LayoutError> {
        style.check(field, text)?;
        let mut y = at.y;
        for line in style.wrapped(text, width) {
            self.write(Position { x: at.x, y }, Align::Left, style, field, &line)?;
            y += leading;
        }
        Ok(y)
    }

    /// Moves all that stands on the page; what leaves the paper is cut off by whoever draws it.
    pub fn shift(&mut self, right: Millimetres, down: Millimetres) {
        let move_by = |position: &mut Position| {
            position.x += right;
            position.y += down;
        };
        for item in &mut self.items {
            match item {
                Item::Text { at, .. } | Item::Modules { at, .. } => move_by(at),
                Item::Line { from, to, .. } => [from, to].into_iter().for_each(move_by),
                Item::Frame { area, .. } => {
                    area.x += right;
                    area.y += down;
                }
            }
        }
    }

    /// Puts text into a room of a width and a height, smaller where it has to be; the style comes with its leading and its
    /// smallest size. Returns the baseline after the last line.
    pub fn paragraph_within(
        &mut self,
        at: Position,
        (width, height): (Millimetres, Millimetres),
        (style, leading, smallest): (Style, Millimetres, Points),
        field: &str,
        text: &str,
    ) -> Result<Millimetres, LayoutError> {
        const STEP: Points = 0.25;
        let mut style = style;
        let per_point = leading / style.size;
        loop {
            let leading = per_point * style.size;
            let lines = u16::try_from(style.wrapped(text, width).len()).unwrap_or(u16::MAX);
            if f32::from(lines) * leading <= height + 0.01 {
                return self.paragraph(at, (width, leading), style, field, text);
            }
            style.size -= STEP;
            if style.size < smallest {
                return Err(LayoutError::TooLong {
                    field: field.to_owned(),
                });
            }
        }
    }

    /// Draws a line.
    pub fn line(&mut self, from: Position, to: Position, thickness: Millimetres) {
        self.items.push(Item::Line {
            from,
            to,
            thickness,
            dashed: false,
        });
    }

    /// Draws a dashed line.
    pub fn dashes(&mut self, from: Position, to: Position, thickness: Millimetres) {
        self.items.push(Item::Line {
            from,
            to,
            thickness,
            dashed: true,
        });
    }

    /// Draws the outline of a rectangle.
    pub fn frame(&mut self, area: Area, thickness: Millimetres) {
        self.items.push(Item::Frame { area, thickness });
    }
}
