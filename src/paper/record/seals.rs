//! The station key's fingerprint and the transcript head: in digits, in words and as a QR code.

use super::flow::{CAPTION, Flow, MARGIN, SMALLEST};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, at};
use crate::paper::qr::{Robustness, Symbol};

impl Flow<'_> {
    pub(super) fn fingerprints(&mut self) -> Result<(), LayoutError> {
        let content = self.content;
        let station = hexadecimal("station key's fingerprint", &content.station_fingerprint)?;
        let head = hexadecimal("transcript head", &content.transcript_head)?;
        let words: Vec<&str> = content.station_words.split_whitespace().collect();
        let rows = u8::try_from(words.len().div_ceil(6)).map_or(0.0, f32::from);
        self.need(41.0 + 4.6 * rows);
        self.heading("Station key and transcript")?;
        let code = format!("GLASSKEY-STATION:1:{station}");
        let symbol = Symbol::encode(&code, 4, Robustness::Paper).ok_or(LayoutError::Code {
            field: "station key's fingerprint".into(),
        })?;
        // 16 dots at 600 dpi.
        let module = 16.0 * 25.4 / 600.0;
        let side = f32::from(symbol.side_with_quiet_zone()) * module;
        let right = self.right();
        self.page
            .modules(at(right - side + 2.4, self.y - 3.5), module, symbol);
        let width = right - side - MARGIN;
        let mut y = self.y + 2.5;
        let blocks = [
            (
                "Station key's fingerprint (SHA-256): the witness reads it aloud from the screen",
                &station,
            ),
            (
                "Transcript head (SHA-256): the digest of the transcript's last line",
                &head,
            ),
        ];
        for (caption, digits) in blocks {
            self.page
                .write_within(at(MARGIN, y), (width, SMALLEST), CAPTION, "caption", caption)?;
            for line in grouped(digits) {
                y += 4.6;
                let style = Style::mono(11.5).fitted("fingerprint", &line, width, 7.0)?;
                self.page
                    .write(at(MARGIN, y), Align::Left, style, "fingerprint", &line)?;
            }
            y += 5.2;
        }
        let caption = "The station key's fingerprint in words";
        self.page
            .write(at(MARGIN, y), Align::Left, CAPTION, "caption", caption)?;
        let column = (right - MARGIN) / 6.0;
        for row in words.chunks(6) {
            y += 4.6;
            let mut x = MARGIN;
            for word in row {
                self.page.write_within(
                    at(x, y),
                    (column - 1.5, 7.0),
                    Style::mono(10.0),
                    "fingerprint in words",
                    word,
                )?;
                x += column;
            }
        }
        self.y = y + 3.5;
        Ok(())
    }
}

/// 64 hexadecimal digits in upper case, or a refusal.
fn hexadecimal(field: &str, text: &str) -> Result<String, LayoutError> {
    let digits = text.to_ascii_uppercase();
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(digits)
    } else {
        Err(LayoutError::Code {
            field: field.to_owned(),
        })
    }
}

/// 16 groups of 4 on two lines.
fn grouped(digits: &str) -> Vec<String> {
    let groups: Vec<&str> = (0..digits.len())
        .step_by(4)
        .map(|from| &digits[from..digits.len().min(from + 4)])
        .collect();
    groups.chunks(8).map(|line| line.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_64_hexadecimal_digits_or_refused() {
        assert_eq!(hexadecimal("x", &"ab".repeat(32)), Ok("AB".repeat(32)));
        assert!(hexadecimal("x", &"ab".repeat(31)).is_err());
        assert!(hexadecimal("x", &"xy".repeat(32)).is_err());
        assert_eq!(grouped(&"AB".repeat(32)).join(" ").split(' ').count(), 16);
    }
}
