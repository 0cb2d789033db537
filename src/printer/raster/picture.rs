//! A single label as dots, which can be turned; never of a page with a PIN.

use super::{Extent, Glyphs, MissingGlyph, Resolution, rows};
use crate::paper::page::Page;

/// A picture, one bit to a dot; black is 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Dots across and down.
    pub extent: Extent,
    bits: Vec<u8>,
}

impl Picture {
    /// A blank picture.
    #[must_use]
    pub fn new(extent: Extent) -> Self {
        Self {
            extent,
            bits: vec![0; extent.row_bytes() * usize::from(extent.height)],
        }
    }

    /// Draws a page.
    pub fn of(page: &Page, resolution: Resolution) -> Result<Self, MissingGlyph> {
        let glyphs = Glyphs::of(std::slice::from_ref(page), resolution);
        let extent = Extent::of(page.paper, resolution);
        let mut bits = Vec::new();
        rows(page, &glyphs, extent, &mut |row| bits.extend_from_slice(row))?;
        Ok(Self { extent, bits })
    }

    /// Its rows from the top, eight dots to a byte, the leftmost in its highest bit.
    pub fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bits.chunks_exact(self.extent.row_bytes().max(1))
    }

    /// Whether a dot is black; beyond the edge none is.
    #[must_use]
    pub fn is_black(&self, x: u16, y: u16) -> bool {
        x < self.extent.width && y < self.extent.height && self.bits[self.byte(x, y)] & bit(x) != 0
    }

    /// Turns it to the left by a right angle: its right edge becomes the upper one.
    #[must_use]
    pub fn turned(&self) -> Self {
        let Extent { width, height } = self.extent;
        let mut turned = Self::new(Extent {
            width: height,
            height: width,
        });
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            if self.is_black(x, y) {
                let to = (y, width - 1 - x);
                let at = turned.byte(to.0, to.1);
                turned.bits[at] |= bit(to.0);
            }
        }
        turned
    }

    fn byte(&self, x: u16, y: u16) -> usize {
        usize::from(y) * self.extent.row_bytes() + usize::from(x / 8)
    }
}

/// Where a dot is in its byte.
fn bit(x: u16) -> u8 {
    0x80 >> (x % 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::page::{Area, Format};

    fn picture() -> Picture {
        let mut page = Page::new(Format::Label {
            width: 2540,
            height: 1270,
        });
        let area = Area {
            x: 1.0,
            y: 1.0,
            width: 3.0,
            height: 2.0,
        };
        page.frame(area, 0.5);
        Picture::of(&page, Resolution::Dpi300).unwrap()
    }

    #[test]
    fn what_was_at_the_left_is_below_when_turned() {
        let picture = picture();
        assert_eq!((picture.extent.width, picture.extent.height), (300, 150));
        let turned = picture.turned();
        assert_eq!((turned.extent.width, turned.extent.height), (150, 300));
        assert!(picture.is_black(12, 12) && turned.is_black(12, 299 - 12));
        assert!(!picture.is_black(0, 0) && !turned.is_black(0, 299));
        assert_eq!(picture.turned().turned().turned().turned(), picture);
    }

    #[test]
    fn no_dot_is_black_beyond_the_edge() {
        let picture = picture();
        assert!(!picture.is_black(300, 12) && !picture.is_black(12, 150));
        assert_eq!(picture.rows().count(), 150);
    }
}
