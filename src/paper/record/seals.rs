//! The station key's fingerprint and the transcript head: in digits, in words and as a QR code.

use super::flow::{CAPTION, Flow, LEADING, MARGIN, SMALLEST};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Millimetres, at};
use crate::paper::qr::{Robustness, Symbol};
use crate::paper::texts::filled;

/// Version 7 holds 178 characters in level M (ISO/IEC 18004, table 7); the code has 156.
const VERSION: u8 = 7;
/// 14 dots at 600 dpi, 7 at 300 dpi.
const MODULE: Millimetres = 14.0 * 25.4 / 600.0;
const ROW: Millimetres = 4.4;
/// Words in a row: 24 make three rows.
const COLUMNS: usize = 8;

impl Flow<'_> {
    pub(super) fn fingerprints(&mut self) -> Result<(), LayoutError> {
        let (content, texts) = (self.content, self.texts);
        let symbol =
            Symbol::encode(&content.code().to_string(), VERSION, Robustness::Paper).ok_or_else(|| {
                LayoutError::Code {
                    field: "record's code".into(),
                }
            })?;
        // Whoever signs sees on the same page what the signature is for.
        let earlier = f32::from(u8::try_from(content.earlier_stations.len()).unwrap_or(u8::MAX));
        self.need(80.0 + LEADING * earlier + self.signatures_height());
        self.heading(&texts.fingerprints)?;
        let side = f32::from(symbol.side_with_quiet_zone()) * MODULE;
        let (top, right) = (self.y, self.right());
        // The quiet zone may reach over the margin.
        self.page
            .modules(at(right - side + 2.0, top - 5.0), MODULE, symbol);
        let width = right - side - MARGIN;
        let mut y = top + 2.5;
        let station = content.station.to_string();
        let head = content.transcript_head.to_string();
        let line = content.transcript_lines.to_string();
        let line = filled(&texts.head, &[("line", &line)]);
        let blocks = [(texts.station_key.as_str(), &station), (line.as_str(), &head)];
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
        self.y = (y - 2.0).max(top + side - 9.0);
        self.words(&texts.station_words, &content.station.words())?;
        self.words(&texts.head_words, &content.transcript_head.words())?;
        self.earlier_stations()?;
        self.y += 1.5;
        Ok(())
    }

    fn earlier_stations(&mut self) -> Result<(), LayoutError> {
        let stations = &self.content.earlier_stations;
        if !stations.is_empty() {
            let caption = &self.texts.earlier_stations;
            let y = self.y + 3.0;
            self.page
                .write(at(MARGIN, y), Align::Left, CAPTION, "caption", caption)?;
            self.y = y;
        }
        for station in stations {
            self.need(LEADING);
            let (place, style) = (at(MARGIN, self.y + 3.6), Style::mono(8.0));
            self.page
                .write(place, Align::Left, style, "fingerprint", &station.to_string())?;
            self.y += LEADING;
        }
        Ok(())
    }

    fn words(&mut self, caption: &str, words: &str) -> Result<(), LayoutError> {
        let mut y = self.y + 3.0;
        self.page
            .write(at(MARGIN, y), Align::Left, CAPTION, "caption", caption)?;
        let columns: Millimetres = 8.0;
        let column = (self.right() - MARGIN) / columns;
        let words: Vec<&str> = words.split_whitespace().collect();
        for row in words.chunks(COLUMNS) {
            y += ROW;
            let mut x = MARGIN;
            for word in row {
                self.page.write_within(
                    at(x, y),
                    (column - 1.5, 7.0),
                    Style::mono(9.5),
                    "fingerprint in words",
                    word,
                )?;
                x += column;
            }
        }
        self.y = y + 2.0;
        Ok(())
    }
}

/// 16 groups of 4 on two lines.
fn grouped(digits: &str) -> Vec<String> {
    let groups: Vec<&str> = digits.split(' ').collect();
    groups.chunks(8).map(|line| line.join(" ")).collect()
}
