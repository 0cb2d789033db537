//! The PIN slip: one sheet, three panels, folded so that the PIN lies inside and the cover outside.
//!
//! The bottom panel folds up over the PIN, the top panel back behind it; so one printed side gives a cover
//! that can be read and signed while the slip is closed. What protects the PIN is the opaque numbered bag;
//! the digits printed over each other are an extra, and no text on the paper claims more.

use serde::{Deserialize, Serialize};

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Format, Millimetres, Page, PaperSize, at};
use crate::id::{CeremonyId, LabelId, SlipNumber};
use crate::secret::Pin;

const MARGIN: Millimetres = 15.0;
/// From the upper fold to the middle of the PIN; its mirror images stay clear of the paper's edges.
const PIN_CENTRE: Millimetres = 25.0;
/// How far the obscuring pattern reaches beyond the PIN, up and down.
const OVERHANG: Millimetres = 15.0;
const CAPTION: Style = Style::sans(7.5);
const BODY: Style = Style::sans(10.5);
const LEADING: Millimetres = 4.8;
/// Sizes that a PIN is tried at: lines, type, baseline to baseline.
const PIN_SIZES: [(usize, f32, Millimetres); 3] = [(1, 28.0, 0.0), (2, 26.0, 12.0), (3, 24.0, 10.0)];
/// Wide enough that nobody takes a gap for a typed space.
const GROUP_GAP: Millimetres = 8.0;

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
}

impl SlipContent {
    /// Lays the slip out.
    pub fn page(&self, pin: &Pin, random: &mut dyn FnMut(&mut [u8])) -> Result<Page, LayoutError> {
        let mut page = Page::new(self.paper);
        self.cover(&mut page)?;
        folds(&mut page)?;
        pin_panel(&mut page, pin, self.part)?;
        opening_log(&mut page)?;
        self.instructions(&mut page)?;
        let panel = panel(self.paper);
        for centre in [panel - PIN_CENTRE, 3.0 * panel - PIN_CENTRE] {
            obscure(&mut page, centre, random)?;
        }
        Ok(page)
    }

    fn cover(&self, page: &mut Page) -> Result<(), LayoutError> {
        let right = page.paper.width() - MARGIN;
        page.write(
            at(MARGIN, 14.5),
            Align::Left,
            Style::sans(19.0),
            "title",
            match self.part {
                SlipPart::Whole => "Sealed PIN slip",
                SlipPart::FirstHalf => "PIN slip, FIRST HALF of two",
                SlipPart::SecondHalf => "PIN slip, SECOND HALF of two",
            },
        )?;
        self.half_mark(page);
        page.write(
            at(right, 14.5),
            Align::Right,
            Style::mono(19.0),
            "slip number",
            &self.slip.to_string(),
        )?;
        let number = Style::mono(19.0).width(&self.slip.to_string());
        page.write(
            at(right - number - 2.5, 14.5),
            Align::Right,
            CAPTION,
            "caption",
            "Slip",
        )?;
        page.line(at(MARGIN, 17.3), at(right, 17.3), 0.5);
        let columns = [
            (0.0, "Key label", self.label.as_str(), true),
            (36.0, "Ceremony", self.ceremony.as_str(), true),
            (74.0, "Date (UTC)", self.date.as_str(), true),
            (112.0, "Custodian", self.custodian.as_str(), false),
        ];
        for (x, caption, value, mono) in columns {
            page.write(at(MARGIN + x, 21.3), Align::Left, CAPTION, "caption", caption)?;
            let style = if mono {
                Style::mono(11.0)
            } else {
                Style::sans(11.0)
            };
            let width = if mono { 35.0 } else { right - MARGIN - x };
            page.write_within(
                at(MARGIN + x, 26.2),
                (width, 6.0),
                style,
                &caption.to_lowercase(),
                value,
            )?;
        }
        let bottom = panel(page.paper) - PIN_CENTRE - pattern_reach() - 1.5;
        // Letter is shorter than A4; what A4 has more goes above the warning.
        let y = 33.6 + (bottom - 48.0) / 2.0;
        page.write(
            at(MARGIN, y),
            Align::Left,
            Style::mono(13.5),
            "title",
            "Do not accept if opened.",
        )?;
        page.paragraph(
            at(MARGIN + 74.0, y - 2.0),
            (right - MARGIN - 74.0, 3.7),
            Style::sans(8.5),
            "text",
            "Compare the slip and bag numbers with the ceremony record. If one differs, or if bag or fold is \
             open, tell the security officer.",
        )?;
        boxes(
            page,
            bottom - 10.5,
            &["Bag number", "Officer, signature", "Witness, signature"],
        )
    }

    /// A half has a bar down its edge, left or right: nobody takes it for a whole slip, or for the other half.
    fn half_mark(&self, page: &mut Page) {
        let x = match self.part {
            SlipPart::Whole => return,
            SlipPart::FirstHalf => 6.5,
            SlipPart::SecondHalf => page.paper.width() - 6.5,
        };
        page.line(
            at(x, 8.0),
            at(x, panel(page.paper) - PIN_CENTRE - pattern_reach() - 3.0),
            3.0,
        );
    }

    fn instructions(&self, page: &mut Page) -> Result<(), LayoutError> {
        let top = 2.0 * panel(page.paper);
        let right = page.paper.width() - MARGIN;
        let second = MARGIN + 117.0;
        let heading = Style::sans(13.0);
        page.write(
            at(MARGIN, top + 11.0),
            Align::Left,
            heading,
            "title",
            "In an emergency",
        )?;
        page.paragraph(
            at(MARGIN, top + 16.8),
            (110.0, LEADING),
            BODY,
            "text",
            &self.emergency(),
        )?;
        page.write(
            at(second, top + 11.0),
            Align::Left,
            heading,
            "title",
            "If the seal is broken",
        )?;
        page.paragraph(
            at(second, top + 16.8),
            (right - second, LEADING),
            BODY,
            "text",
            "If the bag or the fold was open before you came, others may know this PIN. Keep bag and paper as \
             they are and tell the security officer at once: the key needs a new PIN.",
        )?;
        let footer = format!(
            "Slip {}   \u{b7}   Key label {}   \u{b7}   Ceremony {}",
            self.slip, self.label, self.ceremony
        );
        let y = 3.0 * panel(page.paper) - PIN_CENTRE - pattern_reach() - 2.0;
        page.write(at(MARGIN, y), Align::Left, Style::sans(8.5), "footer", &footer)
    }

    fn emergency(&self) -> String {
        let label = &self.label;
        let (take, pin) = match self.part {
            SlipPart::Whole => (
                format!("Take this slip and the security key with the label {label} out of their bags"),
                "type the PIN",
            ),
            SlipPart::FirstHalf | SlipPart::SecondHalf => (
                format!(
                    "Take both halves of this slip and the security key with the label {label} out of their bags"
                ),
                "type the first half and right after it the second half as one PIN",
            ),
        };
        format!(
            "{take}, and write the opening into the log above. Sign in with \u{201c}security key\u{201d}, plug \
             the key in, {pin}, and touch the key when it blinks. Afterwards tell the security officer, who \
             gives the key a new PIN and seals a new slip."
        )
    }
}

/// The styles that a PIN of so many bytes can be printed in; up to 16 fit in the largest on either paper.
pub fn pin_styles(length: usize) -> impl Iterator<Item = Style> {
    let possible = if length <= 16 { 1 } else { PIN_SIZES.len() };
    PIN_SIZES
        .into_iter()
        .take(possible)
        .map(|(_, size, _)| Style::mono(size))
}

/// Height of a panel.
fn panel(paper: impl Into<Format>) -> Millimetres {
    paper.into().height() / 3.0
}

/// From the middle of the obscuring pattern to its upper or lower edge, for a PIN of one line.
fn pattern_reach() -> Millimetres {
    digit_height(PIN_SIZES[0].1) / 2.0 + OVERHANG
}

/// Height of a digit above the baseline in this font.
fn digit_height(size: f32) -> Millimetres {
    0.729 * size * super::page::MILLIMETRES_PER_POINT
}

/// Captioned boxes across the page for what is written by hand.
fn boxes(page: &mut Page, top: Millimetres, captions: &[&str; 3]) -> Result<(), LayoutError> {
    let width = (page.paper.width() - 2.0 * MARGIN - 8.0) / 3.0;
    let mut x = MARGIN;
    for caption in captions {
        page.frame(
            Area {
                x,
                y: top,
                width,
                height: 10.5,
            },
            0.25,
        );
        page.write(
            at(x + 1.2, top + 3.1),
            Align::Left,
            Style::sans(6.5),
            "caption",
            caption,
        )?;
        x += width + 4.0;
    }
    Ok(())
}

fn folds(page: &mut Page) -> Result<(), LayoutError> {
    let (width, panel) = (page.paper.width(), panel(page.paper));
    let notes = [
        (
            panel,
            -1.6,
            "2.  Fold this panel back, so that the cover shows.   \u{b7}   The digits above are random: an extra. \
             What protects the PIN is the bag.",
        ),
        (2.0 * panel, 4.0, "1.  Fold this panel up, over the PIN."),
    ];
    for (y, offset, note) in notes {
        page.line(at(5.0, y), at(11.0, y), 0.3);
        page.line(at(width - 11.0, y), at(width - 5.0, y), 0.3);
        page.dashes(at(13.0, y), at(width - 13.0, y), 0.12);
        page.write(
            at(width / 2.0, y + offset),
            Align::Centre,
            Style::sans(7.0),
            "caption",
            note,
        )?;
    }
    Ok(())
}

/// The middle panel; no digit but the PIN's stands on it.
fn pin_panel(page: &mut Page, pin: &Pin, part: SlipPart) -> Result<(), LayoutError> {
    let (width, panel) = (page.paper.width(), panel(page.paper));
    let centre = panel + PIN_CENTRE;
    let half = print_pin(page, pin, centre)?;
    page.frame(
        Area {
            x: 25.0,
            y: centre - half,
            width: width - 50.0,
            height: 2.0 * half,
        },
        0.5,
    );
    let title = Style::sans(10.5);
    let text = match part {
        SlipPart::Whole => "PIN of the security key with the label named on the cover",
        SlipPart::FirstHalf => "FIRST half of the PIN of the security key with the label named on the cover",
        SlipPart::SecondHalf => {
            "SECOND half of the PIN of the security key with the label named on the cover"
        }
    };
    page.write(
        at(width / 2.0, centre - half - 2.4),
        Align::Centre,
        title,
        "title",
        text,
    )?;
    let note = Style::sans(11.0);
    page.write(
        at(width / 2.0, centre + half + 5.8),
        Align::Centre,
        note,
        "note",
        "Spaces are not typed.",
    )
}

/// Writes the PIN around `centre`; returns half the height of the box that it needs.
fn print_pin(page: &mut Page, pin: &Pin, centre: Millimetres) -> Result<Millimetres, LayoutError> {
    let pin = pin.expose();
    // A typed space cannot be told from a gap; CTAP 2.1, 6.5.1 allows 63 bytes at most.
    if pin.is_empty() || pin.len() > 63 || !pin.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(LayoutError::Pin);
    }
    let groups: Vec<&str> = (0..pin.len())
        .step_by(4)
        .map(|from| &pin[from..pin.len().min(from + 4)])
        .collect();
    let room = page.paper.width() - 60.0;
    for (lines, size, leading) in PIN_SIZES {
        let style = Style::mono(size);
        let per_line = groups.len().div_ceil(lines);
        let extent = |line: &[&str]| {
            let gaps = u8::try_from(line.len().saturating_sub(1)).unwrap_or(u8::MAX);
            line.iter().map(|group| style.width(group)).sum::<f32>() + f32::from(gaps) * GROUP_GAP
        };
        if groups.chunks(per_line).any(|line| extent(line) > room) {
            continue;
        }
        let below = u8::try_from(lines - 1).map_or(0.0, f32::from) * leading / 2.0;
        let mut y = centre + digit_height(size) / 2.0 - below;
        for line in groups.chunks(per_line) {
            let mut x = (page.paper.width() - extent(line)) / 2.0;
            for group in line {
                // The error of writing names a character: of a PIN it must not.
                page.write(at(x, y), Align::Left, style, "PIN", group)
                    .map_err(|_| LayoutError::Pin)?;
                x += style.width(group) + GROUP_GAP;
            }
            y += leading;
        }
        return Ok(digit_height(size) / 2.0 + below + 4.5);
    }
    Err(LayoutError::Pin)
}

fn opening_log(page: &mut Page) -> Result<(), LayoutError> {
    let top = panel(page.paper) + PIN_CENTRE + 30.0;
    let bottom = 2.0 * panel(page.paper) - 5.0;
    let right = page.paper.width() - MARGIN;
    page.write(
        at(MARGIN, top),
        Align::Left,
        Style::sans(10.0),
        "title",
        "Opening log",
    )?;
    page.write(
        at(MARGIN + 24.0, top),
        Align::Left,
        Style::sans(8.5),
        "text",
        "Whoever reads the PIN signs here, at once.",
    )?;
    let table = Area {
        x: MARGIN,
        y: top + 2.0,
        width: right - MARGIN,
        height: bottom - top - 2.0,
    };
    page.frame(table, 0.25);
    let row = (table.height - 4.5) / 3.0;
    for line in [0.0, 1.0, 2.0] {
        let y = table.y + 4.5 + line * row;
        page.line(at(table.x, y), at(right, y), 0.2);
    }
    let columns = [
        (0.0, "Date and time"),
        (38.0, "Name"),
        (86.0, "Reason"),
        (140.0, "Signature"),
    ];
    for (x, caption) in columns {
        page.write(
            at(table.x + x + 1.2, table.y + 3.2),
            Align::Left,
            Style::sans(7.0),
            "caption",
            caption,
        )?;
        if x > 0.0 {
            page.line(at(table.x + x, table.y), at(table.x + x, bottom), 0.2);
        }
    }
    Ok(())
}

/// Prints random digits over each other where the folded paper lies on the PIN: an extra, not the protection.
fn obscure(
    page: &mut Page,
    centre: Millimetres,
    random: &mut dyn FnMut(&mut [u8]),
) -> Result<(), LayoutError> {
    let style = Style::mono(PIN_SIZES[0].1);
    let (digit, height) = (style.width("0"), digit_height(style.size));
    let (left, right) = (MARGIN, page.paper.width() - MARGIN);
    let (top, bottom) = (centre - pattern_reach(), centre + pattern_reach());
    let step = (bottom - top - height) / 4.0;
    // Rows of digits, and more rows between them, so that every place is printed on about twice.
    for half_rows in 0_u8..9 {
        let mut shift = [0_u8; 1];
        random(&mut shift);
        let x = left + f32::from(shift[0]) / 256.0 * digit;
        let y = top + height + f32::from(half_rows) * step / 2.0;
        let mut line = String::new();
        while x + style.width(&line) + digit <= right {
            line.push(random_digit(random));
        }
        page.write(at(x, y), Align::Left, style, "pattern", &line)?;
    }
    Ok(())
}

/// Draws a digit without bias.
fn random_digit(random: &mut dyn FnMut(&mut [u8])) -> char {
    loop {
        let mut byte = [0_u8; 1];
        random(&mut byte);
        if byte[0] < 250 {
            return char::from(b'0' + byte[0] % 10);
        }
    }
}
