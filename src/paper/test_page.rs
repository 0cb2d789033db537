//! Two pages without a secret: what this printer makes of type, lines and codes, and where it puts them.
//!
//! The second page is folded twice. Where the folds cross its two scales is how far the printer's pages have to be
//! moved: no ruler is needed, and the numbers have their sign already.

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, PaperSize, at};
use super::qr::{Robustness, Symbol};

const MARGIN: Millimetres = 20.0;
const TITLE: Style = Style::sans(19.0);
const HEADING: Style = Style::sans(12.0);
const BODY: Style = Style::sans(10.5);
const SMALL: Style = Style::sans(8.0);
const LEADING: Millimetres = 5.0;
/// One dot at 600 dpi.
const DOT: Millimetres = 25.4 / 600.0;
/// How far the scales reach to either side of the middle.
const REACH: i16 = 10;

/// What the test pages say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPages {
    /// Make and model of the printer, or why there is none.
    pub printer: String,
    /// The language it is printed in.
    pub language: String,
    /// Day, UTC, `2026-11-22`.
    pub date: String,
    /// By how much these pages are moved already, in words; empty when not at all.
    pub moved: String,
    /// The sheet in the printer.
    pub paper: PaperSize,
}

impl TestPages {
    /// Lays both pages out.
    pub fn pages(&self) -> Result<Vec<Page>, LayoutError> {
        Ok(vec![self.sample()?, self.calibration()?])
    }

    fn head(&self, title: &str, number: u8) -> Result<Page, LayoutError> {
        let mut page = Page::new(self.paper);
        let right = self.paper.width() - MARGIN;
        page.write(at(MARGIN, 26.0), Align::Left, TITLE, "title", title)?;
        let count = format!("page {number} of 2");
        page.write(at(right, 26.0), Align::Right, SMALL, "page number", &count)?;
        page.line(at(MARGIN, 29.5), at(right, 29.5), 0.5);
        let facts = format!(
            "{}   \u{b7}   {}   \u{b7}   {}",
            self.printer, self.language, self.date
        );
        let width = right - MARGIN;
        page.write_within(at(MARGIN, 35.0), (width, 5.0), BODY, "printer", &facts)?;
        page.write(
            at(MARGIN, 40.5),
            Align::Left,
            SMALL,
            "note",
            "There is no secret on this page.",
        )?;
        Ok(page)
    }

    /// Page 1: what slips, labels and records are made of.
    fn sample(&self) -> Result<Page, LayoutError> {
        let mut page = self.head("Glasskey test page", 1)?;
        headed(
            &mut page,
            55.0,
            "Digits and letters of a PIN",
            "Every one must be clear and solid, and no two must look alike.",
        )?;
        for (y, size, text) in [
            (74.0, 28.0, "0123  4567  89"),
            (87.0, 24.0, "ACDEFGHJKMNPQRTUVWXY"),
        ] {
            page.write(
                at(MARGIN + 6.0, y),
                Align::Left,
                Style::mono(size),
                "sample",
                text,
            )?;
        }
        lines(&mut page)?;
        codes(&mut page)?;
        headed(
            &mut page,
            185.0,
            "Edges",
            "The frames stand 4, 6 and 8 mm from the edges. Papers of Glasskey keep 5 mm free.",
        )?;
        for inset in [4.0, 6.0, 8.0] {
            let area = Area {
                x: inset,
                y: inset,
                width: self.paper.width() - 2.0 * inset,
                height: self.paper.height() - 2.0 * inset,
            };
            page.frame(area, 0.2);
        }
        headed(
            &mut page,
            205.0,
            "Small type",
            "Digits, letters and signs of the smallest text on any paper follow.",
        )?;
        page.write(
            at(MARGIN, 219.0),
            Align::Left,
            Style::sans(6.5),
            "sample",
            "Officer, signature \u{b7} Verwahrer, Unterschrift \u{b7} \u{e4}\u{f6}\u{fc}\u{df} \u{c9}\u{e8}\u{f1}\u{153} \u{391}\u{3b1}\u{3a9}\u{3c9} \
             \u{411}\u{431}\u{42f}\u{44f} 0123456789",
        )?;
        Ok(page)
    }

    /// Page 2: two scales about the middle of the page.
    fn calibration(&self) -> Result<Page, LayoutError> {
        let mut page = self.head("Calibration page", 2)?;
        let right = self.paper.width() - MARGIN;
        let (x, y) = (self.paper.width() / 2.0, self.paper.height() / 2.0);
        let steps = [
            "1.  Fold the page so that its left edge lies exactly on its right edge. Open it again.",
            "2.  Fold the page so that its top edge lies exactly on its bottom edge. Open it again.",
            "3.  Read where the first fold crosses scale A, and where the second crosses scale B. Type both numbers, for \
             example 1.5 or -0.5.",
            "Both folds at 0: nothing has to be moved. Paper that was taken in crookedly shows a fold that is not \
             parallel to the scale's lines: print again.",
        ];
        let mut line = 52.0;
        for step in steps {
            line = page.paragraph(at(MARGIN, line), (right - MARGIN, LEADING), BODY, "text", step)? + 1.5;
        }
        if !self.moved.is_empty() {
            let moved = format!(
                "This page was moved already: {}. What you type is added.",
                self.moved
            );
            page.paragraph(at(MARGIN, line), (right - MARGIN, LEADING), BODY, "text", &moved)?;
        }
        // Each scale is crossed by one fold only.
        let (across, down) = (y + 45.0, x - 50.0);
        page.write(at(x - 24.0, across + 1.8), Align::Right, TITLE, "scale", "A")?;
        page.write(at(down, y - 20.0), Align::Centre, TITLE, "scale", "B")?;
        for half in -2 * REACH..=2 * REACH {
            let offset = f32::from(half) / 2.0;
            let length = match half {
                half if half % 10 == 0 => 9.0,
                half if half % 2 == 0 => 6.0,
                _ => 3.0,
            };
            page.line(at(x + offset, across - length), at(x + offset, across), 0.12);
            page.line(at(down, y + offset), at(down + length, y + offset), 0.12);
            if half % 10 == 0 {
                let number = (half / 2).to_string();
                page.write(
                    at(x + offset, across + 4.6),
                    Align::Centre,
                    BODY,
                    "scale",
                    &number,
                )?;
                page.write(
                    at(down - 1.5, y + offset + 1.3),
                    Align::Right,
                    BODY,
                    "scale",
                    &number,
                )?;
            }
        }
        let reach = f32::from(REACH);
        page.line(at(x - reach, across), at(x + reach, across), 0.25);
        page.line(at(down, y - reach), at(down, y + reach), 0.25);
        Ok(page)
    }
}

/// A heading with what to look for under it.
fn headed(page: &mut Page, y: Millimetres, heading: &str, note: &str) -> Result<(), LayoutError> {
    page.write(at(MARGIN, y), Align::Left, HEADING, "heading", heading)?;
    let width = page.paper.width() - 2.0 * MARGIN;
    page.paragraph(at(MARGIN, y + 5.5), (width, LEADING), BODY, "note", note)
        .map(drop)
}

/// Lines from a tenth of a millimetre on, alone and side by side.
fn lines(page: &mut Page) -> Result<(), LayoutError> {
    headed(
        page,
        102.0,
        "Lines",
        "The thinnest must be there from end to end; lines side by side must not run together.",
    )?;
    for (row, thickness) in (0_u8..).zip([0.1, 0.2, 0.3, 0.5]) {
        let y = 115.0 + f32::from(row) * 4.0;
        let caption = format!("{thickness} mm");
        page.write(at(MARGIN, y + 1.0), Align::Left, SMALL, "caption", &caption)?;
        page.line(at(MARGIN + 14.0, y), at(MARGIN + 90.0, y), thickness);
        for bar in 0_u8..12 {
            let x = MARGIN + 100.0 + f32::from(bar) * 2.0 * thickness;
            page.line(at(x, y - 1.5), at(x, y + 1.5), thickness);
        }
    }
    Ok(())
}

/// A code with the modules of a label, and one with the smallest there are.
fn codes(page: &mut Page) -> Result<(), LayoutError> {
    headed(
        page,
        141.0,
        "QR codes",
        "Scan both: a telephone must read them at arm's length. They hold the text beside them.",
    )?;
    for (x, dots, text) in [
        (MARGIN, 11.0, "GLASSKEY TEST 1"),
        (MARGIN + 85.0, 8.0, "GLASSKEY TEST 2"),
    ] {
        let module = dots * DOT;
        let symbol = Symbol::encode(text, 2, Robustness::Handled).ok_or_else(|| LayoutError::Code {
            field: "test text".into(),
        })?;
        let side = f32::from(symbol.side_with_quiet_zone()) * module;
        let snap = |length: Millimetres| (length / DOT).round() * DOT;
        page.modules(at(snap(x), snap(153.0)), module, symbol);
        let place = at(x + side + 2.0, 160.0);
        page.write(place, Align::Left, Style::mono(11.0), "sample", text)?;
    }
    Ok(())
}
