//! ZPL II: labels of one graphic field each, written in one way; any other is an error.

use super::{Bitmap, wrong};
use crate::error::Result;

/// Reads labels until something comes that is none; of the dots to the inch the language says nothing.
pub(super) fn labels(mut bytes: &[u8]) -> Result<(Vec<Bitmap>, &[u8])> {
    let mut labels = Vec::new();
    while bytes.starts_with(b"^XA") {
        let (label, rest) = label(bytes)?;
        labels.push(label);
        bytes = rest;
    }
    Ok((labels, bytes))
}

fn label(bytes: &[u8]) -> Result<(Bitmap, &[u8])> {
    let mut reader = Reader(bytes);
    reader.expect("^XA^LH0,0^PON^PW")?;
    let width = reader.number()?;
    reader.expect("^LL")?;
    let height = reader.number()?;
    reader.expect("^FO0,0^GFA,")?;
    let sizes = [reader.number()?, reader.field()?, reader.field()?];
    reader.expect(",")?;
    let mut label = Bitmap::new(width, height, 0);
    let row = label.row_bytes();
    if sizes != [row * height, row * height, row] || label.bits.is_empty() {
        return Err(wrong(format!(
            "a field of {sizes:?} bytes on a label of {width} by {height}"
        )));
    }
    let (digits, rest) = reader
        .0
        .split_at_checked(2 * row * height)
        .ok_or_else(|| wrong("a graphic field breaks off".to_owned()))?;
    for (byte, pair) in label.bits.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'A'..=b'F' => Ok(digit - b'A' + 10),
            other => Err(wrong(format!("{other:02x} is no digit of a graphic field"))),
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    let padding = 0xff_u8
        .checked_shr(u32::try_from(width % 8).unwrap_or(0))
        .filter(|_| width % 8 > 0);
    if (0..height).any(|y| label.row(y)[row - 1] & padding.unwrap_or(0) != 0) {
        return Err(wrong("a dot beyond the edge of its label".to_owned()));
    }
    let mut reader = Reader(rest);
    reader.expect("^FS^PQ1^XZ\n")?;
    Ok((label, reader.0))
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn expect(&mut self, wanted: &str) -> Result<()> {
        self.0 = self.0.strip_prefix(wanted.as_bytes()).ok_or_else(|| {
            let shown = String::from_utf8_lossy(&self.0[..self.0.len().min(16)]);
            wrong(format!("{shown:?} where ZPL wants {wanted:?}"))
        })?;
        Ok(())
    }

    /// A number without zeros before it.
    fn number(&mut self) -> Result<usize> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = self.0.split_at(digits);
        let text = String::from_utf8_lossy(number).into_owned();
        self.0 = rest;
        let value = text
            .parse()
            .ok()
            .filter(|value: &usize| value.to_string() == text);
        value.ok_or_else(|| wrong(format!("{text:?} is no number of ZPL")))
    }

    fn field(&mut self) -> Result<usize> {
        self.expect(",")?;
        self.number()
    }
}
