//! How far each printer's pages have to be moved, as people read it from the calibration page, kept on the stick.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Printer;
use crate::paper::page::{Millimetres, Page};

/// Name of the file on the stick.
pub const FILE: &str = "printers.json";
/// Largest file that is read, in bytes: some hundred printers.
pub const MAX_FILE: u64 = 64 << 10;
/// Version of the file that this program writes and reads.
const VERSION: u32 = 1;
/// More than this is no offset of a printer but a sheet of another size, in tenths of a millimetre.
const LARGEST: i16 = 150;
/// Moved pages stay on the dots of 600 dpi, so that every distance within them stays what it was.
const DOT: Millimetres = 25.4 / 600.0;

/// How far a page is moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offset {
    /// To the right, in tenths of a millimetre.
    pub right: i16,
    /// Downwards, in tenths of a millimetre.
    pub down: i16,
}

/// Offsets of the printers that were tried; the content of [`FILE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offsets {
    version: u32,
    printers: Vec<Known>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    make: String,
    model: String,
    #[serde(flatten)]
    offset: Offset,
}

/// Why offsets cannot be used; a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// The file is no such file, or a newer one.
    #[error(
        "`{FILE}` on the stick cannot be read: {0}. Take it away, or mend it, and print the test pages again."
    )]
    File(String),
    /// What was typed is no distance.
    #[error(
        "{0:?} is no distance in millimetres: type a number between -15 and 15, for example 1.5 or -0.5."
    )]
    Reading(String),
}

impl Offset {
    /// Reads what somebody read from a scale, in millimetres with one decimal, as tenths.
    pub fn reading(text: &str) -> Result<i16, CalibrationError> {
        let refused = || CalibrationError::Reading(text.to_owned());
        let typed = text.trim().replace(',', ".");
        let typed = typed.strip_suffix("mm").unwrap_or(&typed).trim_end();
        let (sign, digits) = match typed.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (-1, rest),
            None => (1, typed.strip_prefix('+').unwrap_or(typed)),
        };
        let (whole, tenths) = digits.split_once('.').unwrap_or((digits, "0"));
        let number = |text: &str, longest| {
            let plain = (1..=longest).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            plain
                .then(|| text.parse::<i16>().ok())
                .flatten()
                .ok_or_else(refused)
        };
        let value = sign * (number(whole, 2)? * 10 + number(tenths, 1)?);
        if value.abs() > LARGEST {
            Err(refused())
        } else {
            Ok(value)
        }
    }

    /// The sum of both, within what a page can be moved.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        let sum = |a: i16, b: i16| a.saturating_add(b).clamp(-LARGEST, LARGEST);
        Self {
            right: sum(self.right, more.right),
            down: sum(self.down, more.down),
        }
    }

    /// Whether nothing is moved.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }

    /// Moves all that stands on a page.
    pub fn apply(self, page: &mut Page) {
        let dots = |tenths: i16| (f32::from(tenths) / 10.0 / DOT).round() * DOT;
        page.shift(dots(self.right), dots(self.down));
    }
}

/// `1.5 mm right, 0.5 mm up`; empty when nothing is moved.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |value: i16, plus, minus| {
            let size = value.unsigned_abs();
            let word = if value < 0 { minus } else { plus };
            (value != 0).then(|| format!("{}.{} mm {word}", size / 10, size % 10))
        };
        let sides = [side(self.right, "right", "left"), side(self.down, "down", "up")];
        f.write_str(&sides.into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

impl Default for Offsets {
    fn default() -> Self {
        Self {
            version: VERSION,
            printers: Vec::new(),
        }
    }
}

impl Offsets {
    /// Reads the file's content.
    pub fn parse(bytes: &[u8]) -> Result<Self, CalibrationError> {
        let file = |reason: String| CalibrationError::File(reason);
        let read: Self = serde_json::from_slice(bytes).map_err(|e| file(e.to_string()))?;
        if read.version != VERSION {
            return Err(file(format!(
                "it has version {}, and this program reads {VERSION}",
                read.version
            )));
        }
        let far = |offset: Offset| {
            offset.right.unsigned_abs().max(offset.down.unsigned_abs()) > LARGEST.unsigned_abs()
        };
        match read.printers.iter().find(|known| far(known.offset)) {
            Some(known) => Err(file(format!(
                "the offset of {} {} is too large",
                known.make, known.model
            ))),
            None => Ok(read),
        }
    }

    /// The file's content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// How far the pages of this printer are moved; two of one model share it.
    #[must_use]
    pub fn of(&self, printer: &Printer) -> Offset {
        let known = self.printers.iter().find(|known| known.is(printer));
        known.map_or_else(Offset::default, |known| known.offset)
    }

    /// Remembers how far the pages of this printer are moved.
    pub fn set(&mut self, printer: &Printer, offset: Offset) {
        self.printers.retain(|known| !known.is(printer));
        self.printers.push(Known {
            make: printer.make.clone(),
            model: printer.model.clone(),
            offset,
        });
        self.printers
            .sort_by(|a, b| (&a.make, &a.model).cmp(&(&b.make, &b.model)));
    }
}

impl Known {
    fn is(&self, printer: &Printer) -> bool {
        self.make == printer.make && self.model == printer.model
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::page::{Item, PaperSize, at};
    use proptest::prelude::*;

    fn printer(model: &str) -> Printer {
        Printer {
            name: "lp0".into(),
            node: "/dev/usb/lp0".into(),
            port: "1-1".into(),
            make: "Bench".into(),
            model: model.into(),
            commands: Vec::new(),
            language: None,
            offset: Offset::default(),
        }
    }

    #[test]
    fn readings_are_tenths_of_a_millimetre() {
        let good = [
            ("1.5", 15),
            ("-0.5", -5),
            ("0", 0),
            ("+2", 20),
            (" 3,5 mm", 35),
            ("\u{2212}10", -100),
            ("15", 150),
        ];
        for (text, tenths) in good {
            assert_eq!(Offset::reading(text), Ok(tenths), "{text}");
        }
        for text in ["", "x", "1.55", "15.1", "-16", "1.", ".5", "1 2", "--1", "100"] {
            let refused = Offset::reading(text);
            assert!(
                matches!(&refused, Err(CalibrationError::Reading(t)) if t == text),
                "{text}: {refused:?}"
            );
        }
    }

    #[test]
    fn offsets_read_back_as_written_and_belong_to_one_model() {
        let mut offsets = Offsets::default();
        assert!(offsets.of(&printer("A")).is_none());
        let moved = Offset { right: 15, down: -5 };
        offsets.set(&printer("A"), Offset { right: 1, down: 1 });
        offsets.set(&printer("A"), moved);
        let read = Offsets::parse(&offsets.to_bytes()).unwrap();
        assert_eq!(read, offsets);
        assert_eq!(read.of(&printer("A")), moved);
        assert!(read.of(&printer("B")).is_none());
        assert_eq!(moved.to_string(), "1.5 mm right, 0.5 mm up");
        assert_eq!(Offset::default().to_string(), "");
        assert_eq!(
            moved.plus(Offset { right: 149, down: 5 }),
            Offset { right: 150, down: 0 }
        );
    }

    #[test]
    fn foreign_newer_and_impossible_files_are_refused() {
        let far = br#"{"version":1,"printers":[{"make":"","model":"","right":-151,"down":0}]}"#;
        let files: [&[u8]; 5] = [b"", b"{}", b"[1]", br#"{"version":2,"printers":[]}"#, far];
        for file in files {
            assert!(matches!(Offsets::parse(file), Err(CalibrationError::File(_))));
        }
        assert_eq!(
            Offsets::parse(br#"{"version":1,"printers":[]}"#),
            Ok(Offsets::default())
        );
    }

    #[test]
    fn a_page_moves_by_whole_dots() {
        let mut page = Page::new(PaperSize::A4);
        page.line(at(10.0, 20.0), at(30.0, 20.0), 0.2);
        Offset { right: 15, down: -5 }.apply(&mut page);
        let [Item::Line { from, to, .. }] = &page.items[..] else {
            panic!("one line");
        };
        assert!((from.x - 11.5).abs() < DOT && (from.y - 19.5).abs() < DOT);
        let dots = (from.x - 10.0) / DOT;
        assert!((dots - dots.round()).abs() < 0.01, "{dots}");
        assert!((to.x - from.x - 20.0).abs() < 0.001);
    }

    proptest! {
        #[test]
        fn no_reading_panics(text: String) {
            let _ = Offset::reading(&text);
        }

        #[test]
        fn no_file_panics(bytes: Vec<u8>) {
            let _ = Offsets::parse(&bytes);
        }
    }
}
