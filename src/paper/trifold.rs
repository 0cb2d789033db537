//! A sheet that is folded in three, so that its middle panel lies inside and its top panel is the cover.
//!
//! The bottom panel folds up over the middle one, the top panel back behind it.

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Format, Millimetres, Page, at};

/// Left and right of what is printed.
pub(super) const MARGIN: Millimetres = 15.0;
/// Names of fields, and notes at the folds.
pub(super) const CAPTION: Style = Style::sans(7.5);
const NOTE: Style = Style::sans(6.5);
const SMALLEST: f32 = 6.0;

/// Height of a panel.
pub(super) fn panel(paper: impl Into<Format>) -> Millimetres {
    paper.into().height() / 3.0
}

/// Marks both folds, with a note for each; nothing else comes nearer to a fold than 3 mm.
pub(super) fn folds(page: &mut Page, fold_back: &str, fold_up: &str) -> Result<(), LayoutError> {
    let (width, panel) = (page.paper.width(), panel(page.paper));
    for (y, offset, note) in [(panel, -3.6, fold_back), (2.0 * panel, 5.1, fold_up)] {
        page.line(at(5.0, y), at(11.0, y), 0.3);
        page.line(at(width - 11.0, y), at(width - 5.0, y), 0.3);
        page.dashes(at(13.0, y), at(width - 13.0, y), 0.12);
        let style = NOTE.fitted("note at the fold", note, width - 2.0 * MARGIN, SMALLEST)?;
        page.write(
            at(width / 2.0, y + offset),
            Align::Centre,
            style,
            "note at the fold",
            note,
        )?;
    }
    Ok(())
}

/// The line under the head of a cover.
pub(super) fn rule(page: &mut Page) {
    let right = page.paper.width() - MARGIN;
    page.line(at(MARGIN, 17.3), at(right, 17.3), 0.5);
}

/// Captioned boxes in a row across the page for what is written by hand.
pub(super) fn boxes(
    page: &mut Page,
    (top, height): (Millimetres, Millimetres),
    captions: &[&str],
) -> Result<(), LayoutError> {
    const GAP: Millimetres = 4.0;
    let count = f32::from(u8::try_from(captions.len()).unwrap_or(u8::MAX));
    let width = (page.paper.width() - 2.0 * MARGIN - GAP * (count - 1.0)) / count;
    let mut x = MARGIN;
    for caption in captions {
        let area = Area {
            x,
            y: top,
            width,
            height,
        };
        page.frame(area, 0.25);
        page.write_within(
            at(x + 1.2, top + 3.1),
            (width - 2.4, 5.0),
            Style::sans(6.5),
            "caption",
            caption,
        )?;
        x += width + GAP;
    }
    Ok(())
}

/// The warning on a cover, and beside it what to compare before the paper is taken.
pub(super) fn warning(
    page: &mut Page,
    y: Millimetres,
    warning: &str,
    compare: &str,
) -> Result<(), LayoutError> {
    let right = page.paper.width() - MARGIN;
    page.write_within(at(MARGIN, y), (71.0, 9.0), Style::mono(13.5), "title", warning)?;
    page.paragraph_within(
        at(MARGIN + 74.0, y - 2.0),
        (right - MARGIN - 74.0, 2.0 * 3.7),
        (Style::sans(8.5), 3.7, SMALLEST),
        "text",
        compare,
    )?;
    Ok(())
}
