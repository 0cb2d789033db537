//! A sheet in dots.

use std::fs;
use std::path::Path;

use crate::error::{Context as _, Result};

/// A sheet, one bit to a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Dots across.
    pub width: usize,
    /// Dots down.
    pub height: usize,
    /// Dots to the inch.
    pub dpi: usize,
    /// Rows from the top, each of whole bytes, the leftmost dot in the highest bit; black is 1.
    pub bits: Vec<u8>,
}

impl Bitmap {
    /// A blank sheet.
    #[must_use]
    pub fn new(width: usize, height: usize, dpi: usize) -> Self {
        Self {
            width,
            height,
            dpi,
            bits: vec![0; width.div_ceil(8) * height],
        }
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.width.div_ceil(8)
    }

    /// A row.
    #[must_use]
    pub fn row(&self, y: usize) -> &[u8] {
        &self.bits[y * self.row_bytes()..(y + 1) * self.row_bytes()]
    }

    /// A row, to draw on.
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        let length = self.row_bytes();
        &mut self.bits[y * length..(y + 1) * length]
    }

    /// Whether a dot is black; beyond the edge none is.
    #[must_use]
    pub fn is_black(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.height && self.row(y)[x / 8] & (0x80 >> (x % 8)) != 0
    }

    /// A part of the sheet.
    #[must_use]
    pub fn cut(&self, [left, top, width, height]: [usize; 4]) -> Self {
        let mut part = Self::new(width, height, self.dpi);
        for y in 0..height {
            for x in 0..width {
                if self.is_black(left + x, top + y) {
                    part.row_mut(y)[x / 8] |= 0x80 >> (x % 8);
                }
            }
        }
        part
    }

    /// Half as many dots each way; one is black where any of its four was.
    #[must_use]
    pub fn halved(&self) -> Self {
        let mut half = Self::new(self.width / 2, self.height / 2, self.dpi / 2);
        for y in 0..half.height {
            let (upper, lower) = (self.row(2 * y), self.row(2 * y + 1));
            for (x, target) in half.row_mut(y).iter_mut().enumerate() {
                for (at, shift) in [(2 * x, 4), (2 * x + 1, 0)] {
                    let both = |row: &[u8]| row.get(at).copied().unwrap_or(0);
                    let dots = both(upper) | both(lower);
                    let pairs = (0..4).filter(|pair| dots & (0xc0 >> (2 * pair)) != 0);
                    *target |= pairs.fold(0_u8, |bits, pair| bits | 8 >> pair) << shift;
                }
            }
        }
        half
    }

    /// The picture as a PBM file, in which black is 1 as well.
    #[must_use]
    pub fn to_pbm(&self) -> Vec<u8> {
        let mut file = format!("P4\n{} {}\n", self.width, self.height).into_bytes();
        file.extend_from_slice(&self.bits);
        file
    }

    /// Writes it as a PBM file.
    pub fn save(&self, path: &Path) -> Result<()> {
        fs::write(path, self.to_pbm()).context(|| format!("write {}", path.display()))
    }

    /// Reads a PBM file as Ghostscript writes it; returns what comes behind it.
    pub(super) fn from_pbm(file: &[u8], dpi: usize) -> Option<(Self, &[u8])> {
        let mut rest = file.strip_prefix(b"P4\n")?;
        while rest.first() == Some(&b'#') {
            let end = rest.iter().position(|byte| *byte == b'\n')?;
            rest = &rest[end + 1..];
        }
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let (width, height) = size.split_once(' ')?;
        let mut sheet = Self::new(width.parse().ok()?, height.parse().ok()?, dpi);
        let (bits, rest) = rest[end + 1..].split_at_checked(sheet.bits.len())?;
        sheet.bits.copy_from_slice(bits);
        Some((sheet, rest))
    }
}
