//! The middle panel of a slip: the PIN, its account, and who has read it; and the digits that obscure the PIN.

use super::SlipContent;
use super::{PIN_CENTRE, SlipPart, pattern_reach};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Area, MILLIMETRES_PER_POINT, Millimetres, Page, at};
use crate::paper::texts::SlipTexts;
use crate::paper::trifold::{CAPTION, MARGIN, panel};
use crate::secret::Pin;

/// Sizes that a PIN is tried at: lines, type, baseline to baseline.
const PIN_SIZES: [(usize, f32, Millimetres); 4] =
    [(1, 28.0, 0.0), (2, 26.0, 12.0), (3, 24.0, 10.0), (3, 21.0, 10.0)];
/// Wide enough that nobody takes a gap for a typed space.
const GROUP_GAP: Millimetres = 8.0;

/// The styles that a PIN of so many bytes can be printed in; up to 16 fit in the largest on either paper.
pub fn pin_styles(length: usize) -> impl Iterator<Item = Style> {
    let possible = if length <= 16 { 1 } else { PIN_SIZES.len() };
    PIN_SIZES
        .into_iter()
        .take(possible)
        .map(|(_, size, _)| Style::mono(size))
}

/// Height of a digit of the largest PIN above the baseline.
pub(super) fn largest_digit() -> Millimetres {
    digit_height(PIN_SIZES[0].1)
}

/// Height of a digit above the baseline in this font.
fn digit_height(size: f32) -> Millimetres {
    0.729 * size * MILLIMETRES_PER_POINT
}

impl SlipContent {
    /// The middle panel; no digit stands on it but those of the PIN and of its account.
    pub(super) fn middle(&self, page: &mut Page, texts: &SlipTexts, pin: &Pin) -> Result<(), LayoutError> {
        let (width, top) = (page.paper.width(), panel(page.paper));
        let centre = top + PIN_CENTRE;
        let half = print_pin(page, pin, centre)?;
        let frame = Area {
            x: 25.0,
            y: centre - half,
            width: width - 50.0,
            height: 2.0 * half,
        };
        page.frame(frame, 0.5);
        let title = match self.part {
            SlipPart::Whole => &texts.pin_whole,
            SlipPart::FirstHalf => &texts.pin_first,
            SlipPart::SecondHalf => &texts.pin_second,
        };
        let style = Style::sans(10.5).fitted("title", title, width - 2.0 * MARGIN, 8.0)?;
        let above = at(width / 2.0, centre - half - 2.4);
        page.write(above, Align::Centre, style, "title", title)?;
        let mut y = centre + half + 5.8;
        page.write(
            at(width / 2.0, y),
            Align::Centre,
            Style::sans(11.0),
            "note",
            &texts.spaces,
        )?;
        if let Some(account) = &self.account {
            y += 6.4;
            write_account(page, y, &texts.account, account)?;
        }
        opening_log(page, texts, (top + PIN_CENTRE + 30.0).max(y + 7.0))
    }
}

/// The account and its caption, in the middle of one line.
fn write_account(page: &mut Page, y: Millimetres, caption: &str, account: &str) -> Result<(), LayoutError> {
    const GAP: Millimetres = 2.5;
    let style = Style::sans(11.0);
    style.check("account", account)?;
    let before = CAPTION.width(caption) + GAP;
    let style = style.fitted(
        "account",
        account,
        page.paper.width() - 2.0 * MARGIN - before,
        6.0,
    )?;
    let left = (page.paper.width() - before - style.width(account)) / 2.0;
    page.write(at(left, y), Align::Left, CAPTION, "caption", caption)?;
    page.write(at(left + before, y), Align::Left, style, "account", account)
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

fn opening_log(page: &mut Page, texts: &SlipTexts, top: Millimetres) -> Result<(), LayoutError> {
    let bottom = 2.0 * panel(page.paper) - 5.0;
    let right = page.paper.width() - MARGIN;
    let title = Style::sans(10.0);
    page.write(at(MARGIN, top), Align::Left, title, "title", &texts.log)?;
    page.write(
        at(MARGIN + title.width(&texts.log) + 3.0, top),
        Align::Left,
        Style::sans(8.5),
        "text",
        &texts.log_rule,
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
        (0.0, &texts.log_time),
        (38.0, &texts.log_name),
        (86.0, &texts.log_reason),
        (140.0, &texts.log_signature),
    ];
    for (x, caption) in columns {
        page.write_within(
            at(table.x + x + 1.2, table.y + 3.2),
            (35.0, 5.0),
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
pub(super) fn obscure(
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
