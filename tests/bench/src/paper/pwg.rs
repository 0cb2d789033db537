//! PWG raster of black dots: every header field is checked, also those that must be zero.

use super::{Bitmap, wrong};
use crate::error::Result;

const HEADER: usize = 1796;

/// Reads one file: as many pages as its first header says.
pub(super) fn pages(bytes: &[u8]) -> Result<(Vec<Bitmap>, &[u8])> {
    let mut rest = &bytes[4..];
    let mut pages = Vec::new();
    let mut of = 1;
    while pages.len() < of {
        let header = rest.split_at_checked(HEADER);
        let (header, rows) = header.ok_or_else(|| wrong("a PWG header breaks off".to_owned()))?;
        let (sheet, count) = sheet(header)?;
        of = count;
        let (sheet, behind) = fill(sheet, rows).ok_or_else(|| wrong("a PWG page is no raster".to_owned()))?;
        pages.push(sheet);
        rest = behind;
    }
    Ok((pages, rest))
}

/// A blank sheet as the header describes it, and the number of pages.
fn sheet(header: &[u8]) -> Result<(Bitmap, usize)> {
    let text = |at: usize| {
        let field = &header[at..at + 64];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(64);
        String::from_utf8_lossy(&field[..end]).into_owned()
    };
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_be_bytes(bytes) as usize
    };
    let [dpi, width, height, pages] = [276, 372, 376, 452].map(number);
    let points: [usize; 2] = match text(1732).as_str() {
        "iso_a4_210x297mm" => [595, 842],
        "na_letter_8.5x11in" => [612, 792],
        other => return Err(wrong(format!("PWG paper {other:?}"))),
    };
    for (points, dots) in points.iter().zip([width, height]) {
        if (points * dpi / 72).abs_diff(dots) > dpi / 72 {
            return Err(wrong(format!("{dots} dots for {points} points")));
        }
    }
    let set = [
        (276, dpi),
        (280, dpi),
        (340, 1),
        (352, points[0]),
        (356, points[1]),
        (372, width),
        (376, height),
        (384, 1),
        (388, 1),
        (392, width.div_ceil(8)),
        (400, 3),
        (420, 1),
        (452, pages),
        (456, 1),
        (460, 1),
        (472, width),
        (476, height),
        (480, 0x00ff_ffff),
        (484, 5),
    ];
    for at in (256..512).step_by(4) {
        let wanted = set
            .iter()
            .find(|(field, _)| *field == at)
            .map_or(0, |(_, value)| *value);
        if number(at) != wanted {
            return Err(wrong(format!("PWG field {at} is {}, not {wanted}", number(at))));
        }
    }
    let is_blank = |range: std::ops::Range<usize>| header[range].iter().all(|byte| *byte == 0);
    if text(0) != "PwgRaster"
        || !is_blank(64..256)
        || !is_blank(512..1732)
        || pages == 0
        || ![300, 600].contains(&dpi)
    {
        return Err(wrong("an unknown PWG header".to_owned()));
    }
    Ok((Bitmap::new(width, height, dpi), pages))
}

/// Fills the sheet with rows; `None` where they break off or run over.
fn fill(mut sheet: Bitmap, mut bytes: &[u8]) -> Option<(Bitmap, &[u8])> {
    let length = sheet.row_bytes();
    let mut y = 0;
    while y < sheet.height {
        let (times, rest) = bytes.split_first()?;
        bytes = rest;
        let mut row = Vec::new();
        while row.len() < length {
            let (count, rest) = bytes.split_first()?;
            let count = usize::from(*count);
            if count < 128 {
                let (byte, rest) = rest.split_first()?;
                row.extend(std::iter::repeat_n(*byte, count + 1));
                bytes = rest;
            } else {
                let (different, rest) = rest.split_at_checked(257 - count)?;
                row.extend_from_slice(different);
                bytes = (count > 128).then_some(rest)?;
            }
        }
        for _ in 0..=*times {
            if row.len() != length || y == sheet.height {
                return None;
            }
            sheet.row_mut(y).copy_from_slice(&row);
            y += 1;
        }
    }
    Some((sheet, bytes))
}
