//! What stands on a page, as dots of a band: every length becomes a whole number of dots.

use std::ops::Range;

use super::band::Band;
use super::{Glyphs, MissingGlyph, Resolution};
use crate::paper::font::Style;
use crate::paper::page::{Area, Item, MILLIMETRES_PER_POINT, Millimetres, Position};
use crate::paper::qr::Symbol;

/// Length of a dash, and of the gap after it, as in the PDF.
const DASH: Millimetres = 3.0 * MILLIMETRES_PER_POINT;

/// Draws one item as far as it lies in the band.
pub(super) fn item(item: &Item, glyphs: &Glyphs, band: &mut Band) -> Result<(), MissingGlyph> {
    let resolution = glyphs.resolution();
    match item {
        Item::Text { at, style, text } => return write(*at, *style, text.expose(), glyphs, band),
        Item::Line {
            from,
            to,
            thickness,
            dashed,
        } => line([*from, *to], *thickness, *dashed, resolution, band),
        Item::Frame { area, thickness } => frame(area, *thickness, resolution, band),
        Item::Modules { at, module, symbol } => modules(*at, *module, symbol, resolution, band),
    }
    Ok(())
}

fn write(
    at: Position,
    style: Style,
    text: &str,
    glyphs: &Glyphs,
    band: &mut Band,
) -> Result<(), MissingGlyph> {
    let em = style.size * MILLIMETRES_PER_POINT;
    let baseline = glyphs.resolution().dots(at.y);
    // No glyph of the two fonts is higher or deeper than an em and a half.
    let reach = glyphs.resolution().dots(1.5 * em);
    if !band.meets(&(baseline - reach..baseline + reach)) {
        return Ok(());
    }
    let mut x = at.x;
    for character in text.chars() {
        let glyph = glyphs.get(style, character).ok_or(MissingGlyph)?;
        band.stamp(glyph, glyphs.resolution().dots(x), baseline);
        x += glyph.advance * em;
    }
    Ok(())
}

/// The dots that a stroke of this thickness covers about its middle, one at least.
fn stroke(middle: Millimetres, thickness: Millimetres, resolution: Resolution) -> Range<i32> {
    let start = resolution.dots(middle - thickness / 2.0);
    start..start + resolution.dots(thickness).max(1)
}

/// Draws a line dot by dot along its longer side; its ends are cut off straight.
fn line(ends: [Position; 2], thickness: Millimetres, dashed: bool, resolution: Resolution, band: &mut Band) {
    let [a, b] = ends;
    let level = (b.x - a.x).abs() >= (b.y - a.y).abs();
    let along = |p: Position| if level { p.x } else { p.y };
    let across = |p: Position| if level { p.y } else { p.x };
    let [a, b] = if along(a) <= along(b) { [a, b] } else { [b, a] };
    let range = resolution.dots(along(a))..resolution.dots(along(b));
    let slope = (across(b) - across(a)) / (along(b) - along(a)).max(f32::MIN_POSITIVE);
    let dot = 25.4 / f32::from(resolution.per_inch());
    let dash = resolution.dots(DASH);
    let mut middle = across(a);
    for (at, count) in range.zip(0_i32..) {
        if !dashed || (count / dash) % 2 == 0 {
            let width = stroke(middle, thickness, resolution);
            let length = at..at + 1;
            if level {
                band.fill(&length, &width);
            } else {
                band.fill(&width, &length);
            }
        }
        middle += slope * dot;
    }
}

fn frame(area: &Area, thickness: Millimetres, resolution: Resolution, band: &mut Band) {
    let [left, right] = [area.x, area.x + area.width].map(|x| stroke(x, thickness, resolution));
    let [top, bottom] = [area.y, area.y + area.height].map(|y| stroke(y, thickness, resolution));
    let (across, down) = (left.start..right.end, top.start..bottom.end);
    for side in [&top, &bottom] {
        band.fill(&across, side);
    }
    for side in [&left, &right] {
        band.fill(side, &down);
    }
}

/// Draws a QR code; all modules are of the same whole number of dots, which scanners need most.
fn modules(at: Position, module: Millimetres, symbol: &Symbol, resolution: Resolution, band: &mut Band) {
    let side = resolution.dots(module).max(1);
    let (left, top) = (resolution.dots(at.x), resolution.dots(at.y));
    for (row, y) in symbol
        .dark
        .chunks(usize::from(symbol.side))
        .zip((top..).step_by(step(side)))
    {
        if !band.meets(&(y..y + side)) {
            continue;
        }
        for (_, x) in row
            .iter()
            .zip((left..).step_by(step(side)))
            .filter(|(dark, _)| **dark)
        {
            band.fill(&(x..x + side), &(y..y + side));
        }
    }
}

fn step(side: i32) -> usize {
    usize::try_from(side).unwrap_or(1)
}
