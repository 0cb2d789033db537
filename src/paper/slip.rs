//! The PIN slip: one sheet, three panels, folded so that the PIN lies inside and the cover outside.
//!
//! One printed side gives a cover that can be read and signed while the slip is closed. What protects the PIN is the opaque
//! numbered bag; the digits printed over each other are an extra, and no text on the paper claims more.

mod panel;

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Format, Millimetres, Page, PaperSize, at};
use super::texts::{self, SlipTexts, filled};
use super::trifold::{self, CAPTION, MARGIN};
use crate::id::{CeremonyId, LabelId, SlipNumber};
use crate::language::Language;
use crate::secret::Pin;

pub use panel::pin_styles;

/// From the upper fold to the middle of the PIN; its mirror images stay clear of the paper's edges.
const PIN_CENTRE: Millimetres = 25.0;
/// How far the obscuring pattern reaches beyond the PIN, up and down.
const OVERHANG: Millimetres = 15.0;
const BODY: Style = Style::sans(10.5);
const LEADING: Millimetres = 4.8;
const SMALLEST: f32 = 7.5;

/// How much of a PIN a slip holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SlipPart {
    /// All of it.
    #[default]
    Whole,
    /// Its first half; the second has a slip of its own.
    FirstHalf,
    /// Its second half.
    SecondHalf,
}

/// What a slip says, apart from the PIN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlipContent {
    /// Number of this slip.
    pub slip: SlipNumber,
    /// The key it belongs to.
    pub label: LabelId,
    /// The account the key is for, where the plan wants it named: beside the PIN, and never on the cover.
    #[serde(default)]
    pub account: Option<String>,
    /// The ceremony that made it.
    pub ceremony: CeremonyId,
    /// Day of the ceremony, UTC, `2026-11-22`.
    pub date: String,
    /// Who keeps it.
    pub custodian: String,
    /// The sheet in the printer.
    pub paper: PaperSize,
    /// How much of the PIN it holds.
    #[serde(default)]
    pub part: SlipPart,
    /// What it is written in.
    #[serde(default)]
    pub text_language: Language,
}

impl SlipContent {
    /// Lays the slip out.
    pub fn page(&self, pin: &Pin, random: &mut dyn FnMut(&mut [u8])) -> Result<Page, LayoutError> {
        let texts = &texts::of(self.text_language).slip;
        let mut page = Page::new(self.paper);
        self.cover(&mut page, texts)?;
        trifold::folds(&mut page, &texts.fold_back, &texts.fold_up)?;
        self.middle(&mut page, texts, pin)?;
        self.instructions(&mut page, texts)?;
        let panel = trifold::panel(self.paper);
        for centre in [panel - PIN_CENTRE, 3.0 * panel - PIN_CENTRE] {
            panel::obscure(&mut page, centre, random)?;
        }
        Ok(page)
    }

    fn cover(&self, page: &mut Page, texts: &SlipTexts) -> Result<(), LayoutError> {
        let right = page.paper.width() - MARGIN;
        let title = match self.part {
            SlipPart::Whole => &texts.title_whole,
            SlipPart::FirstHalf => &texts.title_first,
            SlipPart::SecondHalf => &texts.title_second,
        };
        page.write_within(at(MARGIN, 14.5), (135.0, 14.0), Style::sans(19.0), "title", title)?;
        self.half_mark(page);
        let (number, slip) = (Style::mono(19.0), self.slip.to_string());
        page.write(at(right, 14.5), Align::Right, number, "slip number", &slip)?;
        let before = right - number.width(&slip) - 2.5;
        page.write(at(before, 14.5), Align::Right, CAPTION, "caption", &texts.number)?;
        trifold::rule(page);
        let columns = [
            (0.0, &texts.label, self.label.as_str(), "key label"),
            (36.0, &texts.ceremony, self.ceremony.as_str(), "ceremony"),
            (74.0, &texts.date, self.date.as_str(), "date"),
        ];
        for (x, caption, value, field) in columns {
            page.write_within(at(MARGIN + x, 21.3), (34.0, 5.0), CAPTION, "caption", caption)?;
            page.write_within(at(MARGIN + x, 26.2), (35.0, 6.0), Style::mono(11.0), field, value)?;
        }
        self.custodian(page, texts, right)?;
        let bottom = pattern_top(page.paper) - 2.5;
        // Letter is shorter than A4; what A4 has more goes above the warning.
        let y = 33.4 + (bottom - 47.0) / 2.0;
        trifold::warning(page, y, &texts.warning, &texts.compare)?;
        let captions = [
            texts.bag.as_str(),
            texts.officer_signs.as_str(),
            texts.witness_signs.as_str(),
        ];
        trifold::boxes(page, (bottom - 10.0, 10.0), &captions)
    }

    /// A name of the length that a plan allows takes two lines where one would be too small.
    fn custodian(&self, page: &mut Page, texts: &SlipTexts, right: Millimetres) -> Result<(), LayoutError> {
        let (x, name) = (MARGIN + 112.0, &self.custodian);
        page.write(at(x, 21.3), Align::Left, CAPTION, "caption", &texts.custodian)?;
        let (style, width) = (Style::sans(11.0), right - x);
        style.check("custodian", name)?;
        if let Ok(style) = style.fitted("custodian", name, width, SMALLEST) {
            return page.write(at(x, 26.2), Align::Left, style, "custodian", name);
        }
        page.paragraph_within(
            at(x, 25.0),
            (width, 6.6),
            (Style::sans(8.5), 3.3, 5.0),
            "custodian",
            name,
        )?;
        Ok(())
    }

    /// A half has a bar down its edge, left or right: nobody takes it for a whole slip, or for the other half.
    fn half_mark(&self, page: &mut Page) {
        let x = match self.part {
            SlipPart::Whole => return,
            SlipPart::FirstHalf => 6.5,
            SlipPart::SecondHalf => page.paper.width() - 6.5,
        };
        page.line(at(x, 8.0), at(x, pattern_top(page.paper) - 3.0), 3.0);
    }

    fn instructions(&self, page: &mut Page, texts: &SlipTexts) -> Result<(), LayoutError> {
        let top = 2.0 * trifold::panel(page.paper);
        let right = page.paper.width() - MARGIN;
        let second = MARGIN + 117.0;
        let end = 3.0 * trifold::panel(page.paper) - PIN_CENTRE - pattern_reach() - 2.0;
        let emergency = match self.part {
            SlipPart::Whole => &texts.emergency_whole,
            SlipPart::FirstHalf | SlipPart::SecondHalf => &texts.emergency_half,
        };
        let emergency = filled(emergency, &[("label", self.label.as_str())]);
        let blocks = [
            (MARGIN, 110.0, &texts.emergency, &emergency),
            (second, right - second, &texts.broken, &texts.broken_rule),
        ];
        for (x, width, title, text) in blocks {
            page.write(at(x, top + 11.0), Align::Left, Style::sans(13.0), "title", title)?;
            page.paragraph_within(
                at(x, top + 16.8),
                (width, end - top - 16.8 - 1.0),
                (BODY, LEADING, SMALLEST),
                "text",
                text,
            )?;
        }
        let footer = [
            ("slip", self.slip.to_string()),
            ("label", self.label.to_string()),
            ("ceremony", self.ceremony.to_string()),
        ];
        let footer = filled(&texts.footer, &footer.each_ref().map(|(n, v)| (*n, v.as_str())));
        page.write(at(MARGIN, end), Align::Left, Style::sans(8.5), "footer", &footer)
    }
}

/// Where the obscuring pattern on the cover begins.
fn pattern_top(paper: impl Into<Format>) -> Millimetres {
    trifold::panel(paper) - PIN_CENTRE - pattern_reach()
}

/// From the middle of the obscuring pattern to its upper or lower edge, for a PIN of one line.
fn pattern_reach() -> Millimetres {
    panel::largest_digit() / 2.0 + OVERHANG
}
