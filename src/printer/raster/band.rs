//! A strip of a page as dots, eight to a byte; what does not lie in it is left out.

use std::ops::Range;

use super::Extent;
use super::glyphs::Glyph;
use crate::secret::Secret;

/// A strip of a page; it can show a PIN, and is wiped.
pub(super) struct Band {
    first: i32,
    count: i32,
    width: i32,
    row_bytes: usize,
    bits: Secret<Vec<u8>>,
}

impl Band {
    /// A blank strip of this many rows.
    pub(super) fn new(extent: Extent, rows: i32) -> Self {
        let row_bytes = extent.row_bytes();
        Self {
            first: 0,
            count: rows,
            width: i32::from(extent.width),
            row_bytes,
            bits: Secret::new(vec![0; row_bytes * size(rows)]),
        }
    }

    /// Makes it a blank strip that begins at row `first`, of no more rows than it was made with.
    pub(super) fn clear(&mut self, first: i32, count: i32) {
        self.bits.expose_mut().fill(0);
        self.first = first;
        self.count = count;
    }

    /// Whether any of these rows is in it.
    pub(super) fn meets(&self, rows: &Range<i32>) -> bool {
        rows.start < self.first + self.count && rows.end > self.first
    }

    /// Its rows, from the top.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.bits
            .expose()
            .chunks_exact(self.row_bytes)
            .take(size(self.count))
    }

    /// Blackens a rectangle.
    pub(super) fn fill(&mut self, x: &Range<i32>, y: &Range<i32>) {
        let (left, right) = (size(x.start), size(x.end.min(self.width)));
        for y in y.start.max(self.first)..y.end.min(self.first + self.count) {
            let row = self.row(y);
            for (byte, at) in row
                .iter_mut()
                .zip((0_usize..).step_by(8))
                .take(right.div_ceil(8))
                .skip(left / 8)
            {
                let from = left.saturating_sub(at);
                let to = (right - at).min(8);
                if from < to {
                    *byte |= (0xff_u16 << (8 - to)).to_be_bytes()[1] & (0xff >> from);
                }
            }
        }
    }

    /// Copies a glyph whose origin is at this dot.
    pub(super) fn stamp(&mut self, glyph: &Glyph, x: i32, y: i32) {
        let left = x + glyph.left;
        let (start, shift) = (left.div_euclid(8), left.rem_euclid(8));
        for (source, y) in glyph.rows().zip(y + glyph.top..) {
            if !self.meets(&(y..y + 1)) {
                continue;
            }
            let row = self.row(y);
            for (byte, at) in source.iter().zip(start..) {
                let [high, low] = (u16::from(*byte) << 8 >> shift).to_be_bytes();
                for (at, dots) in [(at, high), (at + 1, low)] {
                    if let Some(target) = usize::try_from(at).ok().and_then(|at| row.get_mut(at)) {
                        *target |= dots;
                    }
                }
            }
        }
    }

    fn row(&mut self, y: i32) -> &mut [u8] {
        let at = size(y - self.first) * self.row_bytes;
        &mut self.bits.expose_mut()[at..at + self.row_bytes]
    }
}

fn size(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}
