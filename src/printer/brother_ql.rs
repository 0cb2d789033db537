//! Brother QL raster: labels as rows of dots for a head of 720 pins (Raster Command Reference QL-800, 4).

use super::raster::Picture;
use super::spool::Spool;

/// Bytes of a row: one bit for each pin of the head.
const ROW_BYTES: u8 = 90;
/// Rows that the printer leaves blank before and after a label: 3 mm.
const FEED: u16 = 35;

/// The tape in the printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tape {
    /// Its width in millimetres.
    pub width: u8,
    /// The length of a die-cut label in millimetres; none on continuous tape.
    pub length: Option<u8>,
}

impl Tape {
    /// Pins that print on it, and pins beside its right edge before the first of them.
    fn pins(self) -> Option<[u16; 2]> {
        // Width in millimetres, pins, offset (Raster Command Reference, 2.3.2).
        let known = [
            (12, 106, 29),
            (29, 306, 6),
            (38, 413, 12),
            (50, 554, 12),
            (54, 590, 0),
            (62, 696, 12),
        ];
        let of_this_width = known.into_iter().find(|(width, ..)| *width == self.width);
        of_this_width.map(|(_, pins, offset)| [pins, offset])
    }
}

/// Labels on this tape, each as wide as it; `None` for a tape that is not known, or for no label.
#[must_use]
pub fn encode(labels: &[Picture], tape: Tape) -> Option<Spool> {
    let pins = tape.pins()?;
    let mut out = Spool::default();
    // Whatever the printer thinks it is in ends; it begins anew, in raster mode.
    out.push(&[0; 200]);
    out.push(b"\x1b@\x1bia\x01");
    let last = labels.len().checked_sub(1)?;
    for (number, label) in labels.iter().enumerate() {
        begin(label, tape, number > 0, &mut out);
        rows(label, pins, &mut out);
        out.push(if number == last { b"\x1a" } else { b"\x0c" });
    }
    Some(out)
}

/// Rows of a label between those that the printer leaves blank.
fn printed(label: &Picture) -> std::ops::Range<u16> {
    FEED..label.extent.height.saturating_sub(FEED).max(FEED)
}

/// Tape, number of rows, cut and margin.
fn begin(label: &Picture, tape: Tape, is_later: bool, out: &mut Spool) {
    let (kind, margin) = match tape.length {
        None => (0x0a, FEED),
        Some(_) => (0x0b, 0),
    };
    // Valid are kind, width and length; quality before speed.
    let [low, high] = u16::try_from(printed(label).len()).unwrap_or(0).to_le_bytes();
    out.push(b"\x1biz\xce");
    out.push(&[kind, tape.width, tape.length.unwrap_or(0)]);
    out.push(&[low, high, 0, 0, u8::from(is_later), 0]);
    out.push(b"\x1biM\x40\x1bid");
    out.push(&margin.to_le_bytes());
}

/// The rows, mirrored: the first pin is at the right. Blank rows are sent like others, which every model takes.
fn rows(label: &Picture, [pins, offset]: [u16; 2], out: &mut Spool) {
    let left = (label.extent.width.saturating_sub(pins)) / 2;
    for y in printed(label) {
        let mut row = [0_u8; ROW_BYTES as usize];
        for x in (0..pins).filter(|x| label.is_black(left + x, y)) {
            let pin = offset + pins - 1 - x;
            row[usize::from(pin / 8)] |= 0x80 >> (pin % 8);
        }
        out.push(&[b'g', 0, ROW_BYTES]);
        out.push(&row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::raster::Extent;

    fn label(width: u16, height: u16) -> Picture {
        Picture::new(Extent { width, height })
    }

    #[test]
    fn a_label_is_told_its_tape_and_its_rows() {
        let tape = Tape {
            width: 62,
            length: Some(29),
        };
        let spool = encode(&[label(732, 341), label(732, 341)], tape).unwrap();
        let bytes = spool.joined();
        let bytes = bytes.expose();
        assert_eq!(bytes[..200], [0; 200]);
        let head = b"\x1b@\x1bia\x01\x1biz\xce\x0b\x3e\x1d\x0f\x01\0\0\0\0\x1biM\x40\x1bid\0\0";
        assert_eq!(bytes[200..][..head.len()], *head);
        assert_eq!(bytes.len(), 200 + 6 + 2 * (13 + 4 + 5 + 271 * 93 + 1));
        assert_eq!(bytes.last(), Some(&0x1a));
    }

    #[test]
    fn a_tape_that_is_not_known_is_refused() {
        let tape = |width| Tape { width, length: None };
        assert!(encode(&[label(300, 300)], tape(29)).is_some());
        assert!(encode(&[label(300, 300)], tape(30)).is_none());
        assert!(encode(&[], tape(29)).is_none());
    }

    #[test]
    fn a_label_that_is_too_short_has_no_rows_and_does_no_harm() {
        let tape = Tape {
            width: 62,
            length: None,
        };
        let spool = encode(&[label(732, 60)], tape).unwrap();
        assert_eq!(spool.len(), 200 + 6 + 13 + 4 + 5 + 1);
    }
}
