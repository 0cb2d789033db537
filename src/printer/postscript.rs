//! PostScript level 2: a page as one `imagemask` of run-length rows in ASCII85 (PostScript Language Reference, 3).

use super::packbits;
use super::raster::{Encoder, Sheet};
use super::spool::Spool;
use crate::secret::{self, Secret};

/// Characters of ASCII85 on a line.
const LINE: usize = 75;

/// Writes pages in PostScript.
pub struct PostScript {
    page: usize,
    /// A row as it is coded.
    coded: Secret<Vec<u8>>,
    /// Up to four bytes that make no group yet.
    group: Secret<Vec<u8>>,
    /// Characters on this line.
    column: usize,
}

impl Default for PostScript {
    fn default() -> Self {
        Self {
            page: 0,
            coded: secret::with_capacity(0),
            group: secret::with_capacity(4),
            column: 0,
        }
    }
}

impl Encoder for PostScript {
    fn begin(&mut self, pages: usize, out: &mut Spool) {
        let head = format!("%!PS-Adobe-3.0\n%%LanguageLevel: 2\n%%Pages: {pages}\n%%EndComments\n");
        out.push(head.as_bytes());
    }

    fn begin_page(&mut self, sheet: Sheet, out: &mut Spool) {
        self.page += 1;
        self.column = 0;
        self.coded = secret::with_capacity(packbits::worst(sheet.row_bytes()));
        let (width, height) = (sheet.width(), sheet.height());
        let points = |dots: u16| f32::from(dots) * 72.0 / f32::from(sheet.resolution.per_inch());
        let (across, down) = (points(width), points(height));
        // The procedure is read whole before it runs, so that what it reads begins right behind it.
        let setup = format!(
            "%%Page: {page} {page}\n\
             << /PageSize [{across:.2} {down:.2}] /Duplex false /NumCopies 1 >> setpagedevice\n\
             save {across:.2} {down:.2} scale 0 setgray\n\
             /Text currentfile /ASCII85Decode filter def\n\
             /Rows Text /RunLengthDecode filter def\n\
             {{ << /ImageType 1 /Width {width} /Height {height} /BitsPerComponent 1 /Decode [1 0]\n\
             /ImageMatrix [{width} 0 0 -{height} 0 {height}] /DataSource Rows >> imagemask\n\
             Rows flushfile Text flushfile }} exec\n",
            page = self.page,
        );
        out.push(setup.as_bytes());
    }

    fn row(&mut self, row: &[u8], out: &mut Spool) {
        self.coded.expose_mut().clear();
        packbits::encode(row, self.coded.expose_mut());
        let Self {
            coded, group, column, ..
        } = self;
        for byte in coded.expose() {
            add(*byte, group.expose_mut(), column, out);
        }
    }

    fn end_page(&mut self, out: &mut Spool) {
        // The end of run-length data.
        add(128, self.group.expose_mut(), &mut self.column, out);
        let rest = self.group.expose_mut();
        let count = rest.len();
        if count > 0 {
            rest.resize(4, 0);
            out.push(&digits(rest)[..=count]);
            rest.clear();
        }
        // What is shown is what is drawn: restored first, the page would be blank.
        out.push(b"~>\nshowpage restore\n");
    }

    fn end(&mut self, out: &mut Spool) {
        out.push(b"%%EOF\n\x04");
    }
}

/// Adds a byte; four make a group of five characters, or of one where all are zero.
fn add(byte: u8, group: &mut Vec<u8>, column: &mut usize, out: &mut Spool) {
    group.push(byte);
    if group.len() < 4 {
        return;
    }
    if group.iter().all(|byte| *byte == 0) {
        out.push(b"z");
        *column += 1;
    } else {
        out.push(&digits(group));
        *column += 5;
    }
    group.clear();
    if *column >= LINE {
        out.push(b"\n");
        *column = 0;
    }
}

/// The five characters of four bytes.
fn digits(group: &[u8]) -> [u8; 5] {
    let mut value = group
        .iter()
        .fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    let mut digits = [b'!'; 5];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(value % 85).unwrap_or(0);
        value /= 85;
    }
    digits
}
