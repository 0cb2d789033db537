//! PWG raster (PWG 5102.4-2012): a header of fixed fields for every page, then rows with repeat counts.

use super::packbits::{self, Run};
use super::raster::{Encoder, Sheet};
use super::spool::Spool;
use crate::paper::page::PaperSize;
use crate::secret::{self, Secret};

/// Bytes of a page header.
const HEADER: usize = 1796;

/// Writes pages in PWG raster.
pub struct Pwg {
    pages: usize,
    /// The row before, and how often it came.
    row: Secret<Vec<u8>>,
    times: u16,
}

impl Default for Pwg {
    fn default() -> Self {
        Self {
            pages: 0,
            row: secret::with_capacity(0),
            times: 0,
        }
    }
}

impl Pwg {
    /// Writes the rows that wait: their count less one, then groups, each with its own count less one.
    fn flush(&mut self, out: &mut Spool) {
        if self.times == 0 {
            return;
        }
        out.push(&[u8::try_from(self.times - 1).unwrap_or(u8::MAX)]);
        for run in packbits::runs(self.row.expose()) {
            match run {
                Run::Equal(byte, count) => out.push(&[count - 1, byte]),
                // One by itself is a run of one; counts of several count down from 257 and never are 128.
                Run::Different([byte]) => out.push(&[0, *byte]),
                Run::Different(bytes) if bytes.len() == 128 => {
                    let (most, last) = bytes.split_at(127);
                    out.push(&[different(most.len())]);
                    out.push(most);
                    out.push(&[0, last[0]]);
                }
                Run::Different(bytes) => {
                    out.push(&[different(bytes.len())]);
                    out.push(bytes);
                }
            }
        }
        self.times = 0;
    }
}

fn different(count: usize) -> u8 {
    u8::try_from(257 - count).unwrap_or(u8::MAX)
}

impl Encoder for Pwg {
    fn begin(&mut self, pages: usize, out: &mut Spool) {
        self.pages = pages;
        out.push(b"RaS2");
    }

    fn begin_page(&mut self, sheet: Sheet, out: &mut Spool) {
        self.row = secret::with_capacity(sheet.row_bytes());
        self.times = 0;
        out.push(&header(sheet, self.pages));
    }

    fn row(&mut self, row: &[u8], out: &mut Spool) {
        if self.times == 0 || self.times == 256 || self.row.expose() != row {
            self.flush(out);
            self.row.expose_mut().clear();
            self.row.expose_mut().extend_from_slice(row);
        }
        self.times += 1;
    }

    fn end_page(&mut self, out: &mut Spool) {
        self.flush(out);
    }

    fn end(&mut self, _out: &mut Spool) {}
}

/// The page header (5102.4, table 1); fields not named here are zero.
fn header(sheet: Sheet, pages: usize) -> Vec<u8> {
    let (name, points) = match sheet.paper {
        PaperSize::A4 => ("iso_a4_210x297mm", [595, 842]),
        PaperSize::Letter => ("na_letter_8.5x11in", [612, 792]),
    };
    let dpi = sheet.resolution.per_inch().into();
    let (width, height) = (sheet.width().into(), sheet.height().into());
    let row_bytes = u32::try_from(sheet.row_bytes()).unwrap_or(u32::MAX);
    let numbers: [(usize, u32); 20] = [
        (276, dpi), // HWResolution
        (280, dpi),
        (340, 1),         // NumCopies
        (352, points[0]), // PageSize
        (356, points[1]),
        (372, width),                             // Width
        (376, height),                            // Height
        (384, 1),                                 // BitsPerColor
        (388, 1),                                 // BitsPerPixel
        (392, row_bytes),                         // BytesPerLine
        (396, 0),                                 // ColorOrder: chunky
        (400, 3),                                 // ColorSpace: black
        (420, 1),                                 // NumColors
        (452, u32::try_from(pages).unwrap_or(0)), // TotalPageCount
        (456, 1),                                 // CrossFeedTransform
        (460, 1),                                 // FeedTransform
        (472, width),                             // ImageBoxRight
        (476, height),                            // ImageBoxBottom
        (480, 0x00ff_ffff),                       // AlternatePrimary
        (484, 5),                                 // PrintQuality: high
    ];
    let texts = [(0, "PwgRaster"), (1732, name)];
    let mut header = vec![0; HEADER];
    let texts = texts.iter().map(|(at, text)| (*at, text.as_bytes().to_vec()));
    let numbers = numbers
        .iter()
        .map(|(at, number)| (*at, number.to_be_bytes().to_vec()));
    for (at, value) in texts.chain(numbers) {
        header[at..at + value.len()].copy_from_slice(&value);
    }
    header
}
