//! PCL 5 raster: the few commands that a page of dots needs; any other is an error.

use super::{Bitmap, wrong};
use crate::error::Result;

/// Reads pages until something comes that is no PCL page.
pub(super) fn pages(mut bytes: &[u8]) -> Result<(Vec<Bitmap>, &[u8])> {
    let mut pages = Vec::new();
    while bytes.starts_with(b"\x1bE") {
        let mut reader = Reader {
            bytes: &bytes[2..],
            page: Setup::default(),
        };
        pages.push(reader.page()?);
        bytes = reader.bytes;
    }
    Ok((pages, bytes))
}

/// The first page of bytes that break off: what was put on its sheet by then.
pub(super) fn torn_page(bytes: &[u8]) -> Option<Bitmap> {
    let mut reader = Reader {
        bytes: bytes.strip_prefix(b"\x1bE")?,
        page: Setup::default(),
    };
    reader.page().ok().or(reader.page.sheet)
}

/// What the commands before the first row have said.
#[derive(Default)]
struct Setup {
    paper: usize,
    dpi: usize,
    unit: usize,
    raster: [usize; 2],
    sheet: Option<Bitmap>,
    next: usize,
    packed: bool,
    in_raster: bool,
}

struct Reader<'a> {
    bytes: &'a [u8],
    page: Setup,
}

impl Reader<'_> {
    /// Reads a page up to the reset behind its form feed.
    fn page(&mut self) -> Result<Bitmap> {
        loop {
            if let Some(rest) = self.bytes.strip_prefix(b"\x0c\x1bE") {
                let sheet = self.page.sheet.take().filter(|_| !self.page.in_raster);
                self.bytes = rest;
                return sheet.ok_or_else(|| wrong("a form feed without a finished raster".to_owned()));
            }
            let (group, value, end) = self.command()?;
            match (group.as_str(), value, end) {
                ("&l", 1, 'X') | ("&l", 0, 'S' | 'O' | 'E' | 'L') | ("*r", 0, 'F') => {}
                ("*p", 0, 'x') => {
                    let (_, value, end) = self.parameter()?;
                    if (value, end) != (0, 'Y') {
                        return Err(wrong(format!("PCL moves to {value}{end}")));
                    }
                }
                ("&l", 2 | 26, 'A') => self.page.paper = value,
                ("&u", 300 | 600, 'D') => self.page.unit = value,
                ("*t", 300 | 600, 'R') => self.page.dpi = value,
                ("*r", _, 'S') => self.page.raster[0] = value,
                ("*r", _, 'T') => self.page.raster[1] = value,
                ("*r", 1, 'A') => self.begin()?,
                ("*r", 0, 'C') if self.page.in_raster => self.page.in_raster = false,
                ("*b", 2, 'M') if self.page.in_raster => self.page.packed = true,
                ("*b", _, 'Y') if self.page.in_raster => self.skip(value)?,
                ("*b", _, 'W') if self.page.in_raster && self.page.packed => self.row(value)?,
                _ => return Err(wrong(format!("unknown PCL: {group}{value}{end}"))),
            }
        }
    }

    /// A command: two characters of group, then its parameter.
    fn command(&mut self) -> Result<(String, usize, char)> {
        let start = self.bytes.split_first_chunk::<3>();
        let Some(([0x1b, a, b], rest)) = start else {
            let shown = &self.bytes[..self.bytes.len().min(16)];
            return Err(wrong(format!("no PCL command: {shown:02x?}")));
        };
        self.bytes = rest;
        let (_, value, end) = self.parameter()?;
        Ok(([*a, *b].map(char::from).iter().collect(), value, end))
    }

    /// Digits, none of them being 0, and the character behind them.
    fn parameter(&mut self) -> Result<(usize, usize, char)> {
        let digits = self.bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = String::from_utf8_lossy(&self.bytes[..digits]).into_owned();
        let value = if digits == 0 { Some(0) } else { number.parse().ok() };
        let end = self.bytes.get(digits).copied();
        match (value, end) {
            (Some(value), Some(end)) => {
                self.bytes = &self.bytes[digits + 1..];
                Ok((digits, value, char::from(end)))
            }
            _ => Err(wrong("a PCL command breaks off".to_owned())),
        }
    }

    /// Begins the raster on a sheet of the announced size.
    fn begin(&mut self) -> Result<()> {
        let Setup { paper, dpi, unit, .. } = self.page;
        // Physical and logical width, physical height at 300 dots to the inch (Technical Reference, figure 2-3).
        let (across, logical, down) = match paper {
            26 => (2480, 2338, 3507),
            2 => (2550, 2400, 3300),
            _ => return Err(wrong("a raster without a paper size".to_owned())),
        };
        if dpi == 0 || unit != dpi {
            return Err(wrong(format!("units of {unit} and dots of {dpi} to the inch")));
        }
        let times = dpi / 300;
        let [width, height] = self.page.raster;
        if width != logical * times || !(down * times..down * times + 2).contains(&height) {
            return Err(wrong(format!("a raster of {width} by {height}")));
        }
        self.page.sheet = Some(Bitmap::new(across * times, height, dpi));
        self.page.in_raster = true;
        Ok(())
    }

    fn skip(&mut self, rows: usize) -> Result<()> {
        self.page.next += rows;
        let fits = rows > 0 && self.page.next < self.page.raster[1];
        fits.then_some(())
            .ok_or_else(|| wrong(format!("{rows} blank rows")))
    }

    /// A row in PackBits, put where the logical page begins.
    fn row(&mut self, length: usize) -> Result<()> {
        let taken = self.bytes.split_at_checked(length);
        let (coded, rest) = taken.ok_or_else(|| wrong("a PCL row breaks off".to_owned()))?;
        self.bytes = rest;
        let row = unpack(coded).ok_or_else(|| wrong("a PCL row is no PackBits".to_owned()))?;
        let Setup {
            raster, dpi, next, ..
        } = self.page;
        let offset = if self.page.paper == 26 { 71 } else { 75 } * dpi / 300;
        let sheet = self.page.sheet.as_mut().filter(|_| next < raster[1]);
        let sheet = sheet.ok_or_else(|| wrong("a row below the raster".to_owned()))?;
        if row.len() > raster[0].div_ceil(8) {
            return Err(wrong(format!("a row of {} bytes", row.len())));
        }
        let target = sheet.row_mut(next);
        for x in (0..raster[0].min(row.len() * 8)).filter(|x| row[x / 8] & (0x80 >> (x % 8)) != 0) {
            target[(x + offset) / 8] |= 0x80 >> ((x + offset) % 8);
        }
        self.page.next += 1;
        Ok(())
    }
}

/// Undoes PackBits; `None` where a run breaks off, or for the code that says nothing.
fn unpack(mut coded: &[u8]) -> Option<Vec<u8>> {
    let mut row = Vec::new();
    while let Some((count, rest)) = coded.split_first() {
        let count = usize::from(*count);
        if count < 128 {
            let (bytes, rest) = rest.split_at_checked(count + 1)?;
            row.extend_from_slice(bytes);
            coded = rest;
        } else {
            let (byte, rest) = rest.split_first()?;
            row.extend(std::iter::repeat_n(*byte, 257 - count));
            coded = (count > 128).then_some(rest)?;
        }
    }
    Some(row)
}
