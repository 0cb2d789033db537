//! PCL 5e: a page as one raster picture of PackBits rows (PCL 5 Printer Language Technical Reference, 15).

use super::packbits;
use super::raster::{Encoder, Sheet};
use super::spool::Spool;
use crate::paper::page::PaperSize;
use crate::secret::{self, Secret};

/// Writes pages in PCL 5e.
pub struct Pcl5 {
    /// Dots between the paper's left edge and the logical page's, which a raster cannot begin before.
    skipped: usize,
    /// Bytes of a row on the logical page.
    row_bytes: usize,
    /// Blank rows not yet written.
    blank: u16,
    /// A row as it is cut and coded.
    cut: Secret<Vec<u8>>,
    coded: Secret<Vec<u8>>,
}

impl Default for Pcl5 {
    fn default() -> Self {
        Self {
            skipped: 0,
            row_bytes: 0,
            blank: 0,
            cut: secret::with_capacity(0),
            coded: secret::with_capacity(0),
        }
    }
}

/// Width of the margin left of the logical page and of the page itself, in dots at 600 to the inch.
fn logical_page(paper: PaperSize) -> (u16, u16) {
    match paper {
        PaperSize::A4 => (142, 4676),
        PaperSize::Letter => (150, 4800),
    }
}

impl Encoder for Pcl5 {
    fn begin(&mut self, _pages: usize, _out: &mut Spool) {}

    fn begin_page(&mut self, sheet: Sheet, out: &mut Spool) {
        let (skipped, width) = logical_page(sheet.paper);
        let dpi = sheet.resolution.per_inch();
        let (skipped, width) = (skipped / (600 / dpi), width / (600 / dpi));
        self.skipped = skipped.into();
        self.row_bytes = usize::from(width.div_ceil(8));
        self.blank = 0;
        self.cut = secret::with_capacity(self.row_bytes);
        self.coded = secret::with_capacity(packbits::worst(self.row_bytes));
        let size = match sheet.paper {
            PaperSize::A4 => 26,
            PaperSize::Letter => 2,
        };
        // Reset; one copy, one side, the size, portrait, no margin at the top, no skip at the bottom; dots as
        // unit and resolution; a raster of this size that follows the page, from its corner, in PackBits.
        let setup = format!(
            "\x1bE\x1b&l1X\x1b&l0S\x1b&l{size}A\x1b&l0O\x1b&l0E\x1b&l0L\x1b&u{dpi}D\x1b*t{dpi}R\x1b*r0F\
             \x1b*r{width}S\x1b*r{}T\x1b*p0x0Y\x1b*r1A\x1b*b2M",
            sheet.height(),
        );
        out.push(setup.as_bytes());
    }

    fn row(&mut self, row: &[u8], out: &mut Spool) {
        let cut = self.cut.expose_mut();
        cut.clear();
        let (first, shift) = (self.skipped / 8, self.skipped % 8);
        for at in first..first + self.row_bytes {
            let pair = [at, at + 1].map(|at| row.get(at).copied().unwrap_or(0));
            cut.push((u16::from_be_bytes(pair) << shift).to_be_bytes()[0]);
        }
        let Some(last) = cut.iter().rposition(|byte| *byte != 0) else {
            self.blank += 1;
            return;
        };
        if self.blank > 0 {
            out.push(format!("\x1b*b{}Y", self.blank).as_bytes());
            self.blank = 0;
        }
        let coded = self.coded.expose_mut();
        coded.clear();
        packbits::encode(&cut[..=last], coded);
        out.push(format!("\x1b*b{}W", coded.len()).as_bytes());
        out.push(coded);
    }

    fn end_page(&mut self, out: &mut Spool) {
        out.push(b"\x1b*rC\x0c\x1bE");
    }

    fn end(&mut self, _out: &mut Spool) {}
}
