//! Pages as rows of dots for the raster languages, drawn by own code from pictures of glyphs made beforehand.
//!
//! A slip's digits are copied from pictures that existed before its PIN was read, so no foreign code meets a
//! PIN. A page is drawn in bands, so that no more than a strip of it is in memory at a time.

mod band;
mod draw;
pub mod glyphs;

use super::spool::Spool;
use crate::paper::page::{Millimetres, Page, PaperSize};
use band::Band;
pub use glyphs::Glyphs;

/// Rows drawn at a time: 40 KB at 600 dots to the inch.
const BAND_ROWS: i32 = 64;

/// Dots to the inch, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
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
            Self::Dpi300 => 300,
            Self::Dpi600 => 600,
        }
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
        at_600 / (600 / self.resolution.per_inch())
    }

    /// Whole dots down.
    #[must_use]
    pub fn height(self) -> u16 {
        let at_600 = match self.paper {
            PaperSize::A4 => 7015,
            PaperSize::Letter => 6600,
        };
        at_600 / (600 / self.resolution.per_inch())
    }

    /// Bytes in a row; eight dots in a byte, the leftmost in its highest bit.
    #[must_use]
    pub fn row_bytes(self) -> usize {
        usize::from(self.width().div_ceil(8))
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

/// Draws pages and encodes them.
pub fn render(pages: &[Page], glyphs: &Glyphs, encoder: &mut dyn Encoder) -> Result<Spool, MissingGlyph> {
    let mut out = Spool::default();
    encoder.begin(pages.len(), &mut out);
    for page in pages {
        let sheet = Sheet {
            paper: page.paper,
            resolution: glyphs.resolution(),
        };
        encoder.begin_page(sheet, &mut out);
        rows(page, glyphs, sheet, &mut |row| encoder.row(row, &mut out))?;
        encoder.end_page(&mut out);
    }
    encoder.end(&mut out);
    Ok(out)
}

/// Draws a page and lends its rows from the top.
pub fn rows(
    page: &Page,
    glyphs: &Glyphs,
    sheet: Sheet,
    each: &mut dyn FnMut(&[u8]),
) -> Result<(), MissingGlyph> {
    let mut band = Band::new(sheet, BAND_ROWS);
    let height = i32::from(sheet.height());
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
