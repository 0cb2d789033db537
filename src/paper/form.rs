//! A form for a PIN that is marked by hand, for the day when no printer is at hand: folded and sealed like a slip.
//!
//! The station neither needs it nor shows a PIN for it. It is for a PIN that a custodian sets at the key himself, and it is
//! printed in advance: nothing on it is secret.

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, PaperSize, at};
use super::texts::{self, FormTexts};
use super::trifold::{self, CAPTION, MARGIN};
use crate::language::Language;

/// Digits that a PIN on the form may have.
pub const COLUMNS: u8 = 16;
/// Ten digits, and the row for columns that are left over.
const ROWS: u8 = 11;
const PITCH_X: Millimetres = 9.2;
const PITCH_Y: Millimetres = 5.9;
const BOX_WIDTH: Millimetres = 6.0;
const BOX_HEIGHT: Millimetres = 4.3;
/// Every fourth column stands apart, as on a slip.
const GROUP_GAP: Millimetres = 3.0;

/// Lays an empty form out.
pub fn page(paper: PaperSize, language: Language) -> Result<Page, LayoutError> {
    let texts = &texts::of(language).form;
    let mut page = Page::new(paper);
    cover(&mut page, texts)?;
    trifold::folds(&mut page, &texts.fold_back, &texts.fold_up)?;
    grid(&mut page, texts)?;
    rules(&mut page, texts)?;
    Ok(page)
}

fn cover(page: &mut Page, texts: &FormTexts) -> Result<(), LayoutError> {
    let right = page.paper.width() - MARGIN;
    page.write(
        at(MARGIN, 14.5),
        Align::Left,
        Style::sans(19.0),
        "title",
        &texts.title,
    )?;
    page.write(
        at(right, 14.5),
        Align::Right,
        CAPTION,
        "caption",
        &texts.title_note,
    )?;
    trifold::rule(page);
    let first = [&texts.number, &texts.label, &texts.ceremony, &texts.date].map(String::as_str);
    trifold::boxes(page, (21.5, 12.5), &first)?;
    let second = [&texts.bag, &texts.custodian, &texts.witness].map(String::as_str);
    trifold::boxes(page, (37.5, 14.0), &second)?;
    trifold::warning(page, 62.0, &texts.warning, &texts.compare)?;
    page.write(at(MARGIN, 74.5), Align::Left, CAPTION, "footer", &texts.footer)
}

/// Left edge of a column's boxes, from 0.
fn column(page: &Page, number: u8) -> Millimetres {
    let groups = f32::from(number / 4) * GROUP_GAP;
    let all = f32::from(COLUMNS) * PITCH_X + f32::from((COLUMNS - 1) / 4) * GROUP_GAP;
    (page.paper.width() - all) / 2.0 + f32::from(number) * PITCH_X + groups + (PITCH_X - BOX_WIDTH) / 2.0
}

fn grid(page: &mut Page, texts: &FormTexts) -> Result<(), LayoutError> {
    let (middle, top) = (page.paper.width() / 2.0, trifold::panel(page.paper));
    let style = Style::sans(10.0).fitted("title", &texts.grid, page.paper.width() - 2.0 * MARGIN, 8.0)?;
    page.write(at(middle, top + 9.5), Align::Centre, style, "title", &texts.grid)?;
    let (numbers, digits) = (Style::sans(7.0), Style::mono(10.0));
    for number in 0..COLUMNS {
        let x = column(page, number) + BOX_WIDTH / 2.0;
        let text = (number + 1).to_string();
        page.write(at(x, top + 15.5), Align::Centre, numbers, "column", &text)?;
    }
    for row in 0..ROWS {
        let y = top + 17.0 + f32::from(row) * PITCH_Y;
        let digit = row.to_string();
        let is_end = row == ROWS - 1;
        let (style, name) = if is_end {
            (CAPTION, texts.end.as_str())
        } else {
            (digits, digit.as_str())
        };
        let left = column(page, 0) - 2.5;
        let right = column(page, COLUMNS - 1) + BOX_WIDTH + 2.5;
        page.write(at(left, y + 3.4), Align::Right, style, "row", name)?;
        page.write(at(right, y + 3.4), Align::Left, style, "row", name)?;
        for number in 0..COLUMNS {
            let area = Area {
                x: column(page, number),
                y,
                width: BOX_WIDTH,
                height: BOX_HEIGHT,
            };
            page.frame(area, 0.25);
            if !is_end {
                let place = at(area.x + BOX_WIDTH / 2.0, y + 3.1);
                page.write(place, Align::Centre, Style::sans(7.0), "row", name)?;
            }
        }
    }
    Ok(())
}

fn rules(page: &mut Page, texts: &FormTexts) -> Result<(), LayoutError> {
    let (top, right) = (2.0 * trifold::panel(page.paper), page.paper.width() - MARGIN);
    let (heading, body) = (Style::sans(13.0), (Style::sans(9.5), 4.35, 7.0));
    let second = MARGIN + 122.0;
    page.write(
        at(MARGIN, top + 12.0),
        Align::Left,
        heading,
        "title",
        &texts.rules,
    )?;
    let mut y = top + 18.0;
    let rules = [&texts.rule_1, &texts.rule_2, &texts.rule_3, &texts.rule_4];
    for (number, rule) in (1..).zip(rules) {
        let number = format!("{number}.");
        page.write(at(MARGIN, y), Align::Left, body.0, "text", &number)?;
        y = page.paragraph_within(at(MARGIN + 5.5, y), (108.0, 4.0 * body.1), body, "text", rule)? + 1.2;
    }
    page.write(
        at(second, top + 12.0),
        Align::Left,
        heading,
        "title",
        &texts.emergency,
    )?;
    page.paragraph_within(
        at(second, top + 18.0),
        (right - second, 60.0),
        body,
        "text",
        &texts.emergency_rule,
    )?;
    Ok(())
}
