//! Pages as rows of dots for the raster languages, drawn by own code from pictures of glyphs made beforehand.
//!
//! A slip's digits are copied from pictures that existed before its PIN was read, so no foreign code meets a
//! PIN. A page is drawn in bands, so that no more than a strip of it is in memory at a time.

mod band;
mod draw;
pub mod glyphs;
pub mod picture;

use super::spool::Spool;
use crate::paper::page::{Format, Millimetres, Page, PaperSize};
use band::Band;
pub use glyphs::Glyphs;
pub use picture::Picture;

/// Rows drawn at a time: 40 KB at 600 dots to the inch.
const BAND_ROWS: i32 = 64;

/// Dots to the inch, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// Label printers of 8 dots to the millimetre.
    Dpi203,
    /// For printers that take no more.
    Dpi300,
    /// What office printers take.
    Dpi600,
}

impl Resolution {
    /// Dots to the inch.
    #[must_use]
    pub fn per_inch(self) -> u16 {
        match self {
            Self::Dpi203 => 203,
            Self::Dpi300 => 300,
            Self::Dpi600 => 600,
        }
    }

    /// The one of so many dots to the inch.
    #[must_use]
    pub fn of(per_inch: u16) -> Option<Self> {
        [Self::Dpi203, Self::Dpi300, Self::Dpi600]
            .into_iter()
            .find(|resolution| resolution.per_inch() == per_inch)
    }

    /// As many dots of this resolution as fit in these of 600 to the inch.
    fn of_600(self, dots: u16) -> u16 {
        let scaled = u32::from(dots) * u32::from(self.per_inch()) / 600;
        u16::try_from(scaled).unwrap_or(dots)
    }

    /// The nearest whole number of dots.
    #[must_use]
    pub fn dots(self, length: Millimetres) -> i32 {
        whole(length / 25.4 * f32::from(self.per_inch()))
    }
}

/// The nearest whole number; lengths on paper are far below the limits of either type.
#[expect(clippy::cast_possible_truncation, reason = "see above")]
fn whole(value: f32) -> i32 {
    value.round() as i32
}

/// Dots across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Whole dots across.
    pub width: u16,
    /// Whole dots down.
    pub height: u16,
}

impl Extent {
    /// Those of a page.
    #[must_use]
    pub fn of(format: Format, resolution: Resolution) -> Self {
        // A dot that the edge cuts is none.
        let half = 25.4 / f32::from(resolution.per_inch()) / 2.0;
        let dots = |length| u16::try_from(resolution.dots(length - half)).unwrap_or(0);
        match format {
            Format::Sheet(paper) => Sheet { paper, resolution }.extent(),
            Format::Label { .. } => Self {
                width: dots(format.width()),
                height: dots(format.height()),
            },
        }
    }

    /// Bytes in a row; eight dots in a byte, the leftmost in its highest bit.
    #[must_use]
    pub fn row_bytes(self) -> usize {
        usize::from(self.width.div_ceil(8))
    }
}

/// A sheet in dots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// The paper.
    pub paper: PaperSize,
    /// The dots on it.
    pub resolution: Resolution,
}

impl Sheet {
    /// Whole dots across.
    #[must_use]
    pub fn width(self) -> u16 {
        let at_600 = match self.paper {
            PaperSize::A4 => 4960,
            PaperSize::Letter => 5100,
        };
        self.resolution.of_600(at_600)
    }

    /// Whole dots down.
    #[must_use]
    pub fn height(self) -> u16 {
        let at_600 = match self.paper {
            PaperSize::A4 => 7015,
            PaperSize::Letter => 6600,
        };
        self.resolution.of_600(at_600)
    }

    /// Both.
    #[must_use]
    pub fn extent(self) -> Extent {
        Extent {
            width: self.width(),
            height: self.height(),
        }
    }

    /// Bytes in a row.
    #[must_use]
    pub fn row_bytes(self) -> usize {
        self.extent().row_bytes()
    }
}

/// What turns rows of dots into a printer language; black is 1.
pub trait Encoder {
    /// The job begins.
    fn begin(&mut self, pages: usize, out: &mut Spool);
    /// A page begins.
    fn begin_page(&mut self, sheet: Sheet, out: &mut Spool);
    /// The next row from the top, of [`Sheet::row_bytes`].
    fn row(&mut self, row: &[u8], out: &mut Spool);
    /// The page has had all its rows.
    fn end_page(&mut self, out: &mut Spool);
    /// The job ends.
    fn end(&mut self, out: &mut Spool);
}

/// A character on a page of which no picture was made; it is not told which, it can be one of a PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a character on the page has no picture")]
pub struct MissingGlyph;

/// Why pages were not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotDrawn {
    /// A character without a picture.
    #[error(transparent)]
    Glyph(#[from] MissingGlyph),
    /// A page that is no sheet, for a printer of sheets.
    #[error("labels of a roll go to a label printer")]
    Label,
}

/// Draws sheets and encodes them.
pub fn render(pages: &[Page], glyphs: &Glyphs, encoder: &mut dyn Encoder) -> Result<Spool, NotDrawn> {
    let mut out = Spool::default();
    encoder.begin(pages.len(), &mut out);
    for page in pages {
        let Format::Sheet(paper) = page.paper else {
            return Err(NotDrawn::Label);
        };
        let sheet = Sheet {
            paper,
            resolution: glyphs.resolution(),
        };
        encoder.begin_page(sheet, &mut out);
        rows(page, glyphs, sheet.extent(), &mut |row| {
            encoder.row(row, &mut out);
        })?;
        encoder.end_page(&mut out);
    }
    encoder.end(&mut out);
    Ok(out)
}

/// Draws a page and lends its rows from the top.
pub fn rows(
    page: &Page,
    glyphs: &Glyphs,
    extent: Extent,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), MissingGlyph> {
    let mut band = Band::new(extent, BAND_ROWS);
    let height = i32::from(extent.height);
    let mut first = 0;
    while first < height {
        band.clear(first, BAND_ROWS.min(height - first));
        for item in &page.items {
            draw::item(item, glyphs, &mut band)?;
        }
        band.rows().for_each(&mut *each);
        first += BAND_ROWS;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
