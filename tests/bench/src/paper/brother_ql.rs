//! Brother QL raster: the few commands that a label needs; any other is an error.

use super::{Bitmap, wrong};
use crate::error::Result;

/// What a job begins with, so that nothing is left of an earlier one.
pub(super) const INVALIDATE: [u8; 200] = [0; 200];
/// Pins of the head.
const PINS: usize = 720;
/// Rows at 300 dots to the inch that the printer leaves blank at both ends.
const BLANK: usize = 35;

/// Width in millimetres, dots across, pins that print, pins before the first of them.
const TAPES: [(u8, usize, usize, usize); 2] = [(29, 342, 306, 6), (62, 732, 696, 12)];

/// Die-cut labels: width and length in millimetres, rows that print.
const CUT: [(u8, u8, usize); 1] = [(62, 29, 271)];

/// What comes behind a request for the status, where the bytes begin with one.
pub(super) fn status_request(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(&INVALIDATE)?.strip_prefix(b"\x1b@\x1biS")
}

/// Reads the labels of a job up to the end of its last one: as they come out, the printer's blank strips around them.
pub(super) fn labels(bytes: &[u8]) -> Result<(Vec<Bitmap>, &[u8])> {
    let start = [&INVALIDATE[..], b"\x1b@\x1bia\x01"].concat();
    let mut rest = bytes
        .strip_prefix(start.as_slice())
        .ok_or_else(|| wrong("a label does not begin in raster mode".to_owned()))?;
    let mut labels = Vec::new();
    loop {
        let (label, is_last, behind) = label(rest, !labels.is_empty())?;
        labels.push(label);
        rest = behind;
        if is_last {
            return Ok((labels, rest));
        }
    }
}

/// Takes so many bytes.
fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Result<&'a [u8; N]> {
    let (taken, rest) = bytes
        .split_first_chunk::<N>()
        .ok_or_else(|| wrong("a label breaks off".to_owned()))?;
    *bytes = rest;
    Ok(taken)
}

/// Takes exactly these bytes.
fn expect(bytes: &mut &[u8], wanted: &[u8]) -> Result<()> {
    *bytes = bytes.strip_prefix(wanted).ok_or_else(|| {
        let shown = &bytes[..bytes.len().min(8)];
        wrong(format!("{shown:02x?} where a label printer wants {wanted:02x?}"))
    })?;
    Ok(())
}

/// Reads a label; also tells whether it is the last one.
fn label(mut rest: &[u8], is_later: bool) -> Result<(Bitmap, bool, &[u8])> {
    let bytes = &mut rest;
    expect(bytes, b"\x1biz\xce")?;
    let [kind, width, length, low, high, 0, 0, later, 0] = *take::<9>(bytes)? else {
        return Err(wrong("more rows than a label has".to_owned()));
    };
    let rows = usize::from(u16::from_le_bytes([low, high]));
    expect(bytes, b"\x1biM\x40\x1bid")?;
    let margin = usize::from(u16::from_le_bytes(*take::<2>(bytes)?));
    let fits = match (kind, length) {
        // The shortest piece that the cutter lets go of is half an inch.
        (0x0a, 0) => margin == BLANK && rows >= 150,
        (0x0b, _) => margin == 0 && CUT.contains(&(width, length, rows)),
        _ => false,
    };
    let tape = TAPES.into_iter().find(|(known, ..)| *known == width);
    let Some((_, across, pins, first)) = tape.filter(|_| fits && usize::from(later) == usize::from(is_later))
    else {
        return Err(wrong(format!(
            "a label of kind {kind:02x}, {width} x {length} mm, {rows} rows, margin {margin}, later {later}"
        )));
    };
    let mut label = Bitmap::new(across, rows + 2 * BLANK, 300);
    for y in 0..rows {
        expect(bytes, b"g\x00\x5a")?;
        let row = take::<90>(bytes)?;
        for pin in (0..PINS).filter(|pin| row[pin / 8] & (0x80 >> (pin % 8)) != 0) {
            if !(first..first + pins).contains(&pin) {
                return Err(wrong(format!("pin {pin} does not reach the tape")));
            }
            // The first pin is at the right.
            let x = (across - pins) / 2 + pins - 1 - (pin - first);
            label.row_mut(BLANK + y)[x / 8] |= 0x80 >> (x % 8);
        }
    }
    match *take::<1>(bytes)? {
        [0x1a] => Ok((label, true, rest)),
        [0x0c] => Ok((label, false, rest)),
        [other] => Err(wrong(format!("a label ends with {other:02x}"))),
    }
}
