//! The inventory of a ceremony's keys, for whoever counts them later: ten keys on a page, each page signed by itself.

use super::LayoutError;
use super::font::Style;
use super::page::{Align, Area, Millimetres, Page, Position, at};
use super::record::flow::{BODY, CAPTION, MARGIN};
use super::record::keys::{CellText, bags, id, lines};
use super::record::{KeyLine, RecordContent};
use super::texts::{self, Texts, filled};
use super::trifold;

const KEYS_PER_PAGE: usize = 10;
/// Where the first key stands.
const TOP: Millimetres = 33.0;
/// Room for signatures and the foot.
const BOTTOM: Millimetres = 37.0;
const LEADING: Millimetres = 3.9;
/// Gap between columns.
const GAP: Millimetres = 2.5;
/// Width of the box that is filled in whenever the keys are counted.
const COUNTED: Millimetres = 25.0;

/// A text where it stands in its row.
struct Placed {
    at: Position,
    style: Style,
    field: &'static str,
    text: String,
}

/// Lays the inventory out; no page where no key was touched.
pub(super) fn pages(content: &RecordContent) -> Result<Vec<Page>, LayoutError> {
    let texts = texts::of(content.text_language);
    let bottom = content.paper.height() - BOTTOM;
    let least = (bottom - TOP) / f32::from(u8::try_from(KEYS_PER_PAGE).unwrap_or(u8::MAX));
    let mut pages: Vec<Page> = Vec::new();
    let (mut y, mut on_page) = (TOP, 0);
    for key in &content.keys {
        let row = row(content, texts, key)?;
        let lowest = row.iter().map(|text| text.at.y).fold(0.0, f32::max);
        let height = least.max(lowest + 2.5);
        let is_full = on_page == KEYS_PER_PAGE || y + height > bottom + 0.01;
        if pages.is_empty() || is_full && on_page > 0 {
            pages.push(Page::new(content.paper));
            (y, on_page) = (TOP, 0);
        }
        let page = pages.last_mut().expect("one was just made");
        draw_row(page, y, height, row)?;
        y += height;
        on_page += 1;
    }
    let total = pages.len();
    for (index, page) in pages.iter_mut().enumerate() {
        frame(page, content, texts, index + 1, total)?;
    }
    Ok(pages)
}

/// Left edges and widths of the columns.
fn columns(content: &RecordContent) -> [(Millimetres, Millimetres); 4] {
    let custodian = content.paper.width() - MARGIN - COUNTED - GAP - (MARGIN + 116.0);
    [
        (MARGIN, 22.0),
        (MARGIN + 24.0, 53.5),
        (MARGIN + 79.5, 34.5),
        (MARGIN + 116.0, custodian),
    ]
}

fn row(content: &RecordContent, texts: &Texts, key: &KeyLine) -> Result<Vec<Placed>, LayoutError> {
    let (name, ids) = (Style::sans(9.0), Style::mono(8.0));
    let cells = [
        vec![
            (Style::mono(10.5), "label id", id(key.label.as_ref())),
            (ids, "key fingerprint", id(key.fingerprint.as_ref())),
        ],
        account_and_model(&key.account, key, columns(content)[1].1),
        bags(key, &texts.record, ids),
        vec![
            (name, "custodian", key.custodian.clone()),
            (BODY, "safe", BODY.legible(&key.safe)),
            (BODY, "outcome", BODY.legible(&key.outcome)),
        ],
    ];
    let mut placed = Vec::new();
    for (cell, (x, width)) in cells.into_iter().zip(columns(content)) {
        let mut y = 4.4;
        for (style, field, text) in cell {
            for (style, text) in lines(style, field, &text, width)? {
                if text.is_empty() {
                    continue;
                }
                placed.push(Placed {
                    at: at(x, y),
                    style,
                    field,
                    text,
                });
                y += LEADING;
            }
        }
    }
    Ok(placed)
}

/// A long account breaks after its `@`, so that both parts stay legible.
fn account_and_model(account: &str, key: &KeyLine, width: Millimetres) -> Vec<CellText> {
    let style = Style::sans(9.0);
    let parts = match account.split_once('@') {
        Some((user, domain)) if style.width(account) > width => vec![format!("{user}@"), domain.to_owned()],
        _ => vec![account.to_owned()],
    };
    let account = parts.into_iter().map(|part| (style, "account", part));
    let model = [
        (BODY, "model", BODY.legible(&key.model)),
        (Style::mono(7.0), "AAGUID", key.aaguid.clone()),
    ];
    account.chain(model).collect()
}

fn draw_row(
    page: &mut Page,
    y: Millimetres,
    height: Millimetres,
    row: Vec<Placed>,
) -> Result<(), LayoutError> {
    let right = page.paper.width() - MARGIN;
    page.line(at(MARGIN, y), at(right, y), 0.12);
    for Placed {
        at: place,
        style,
        field,
        text,
    } in row
    {
        page.write(at(place.x, y + place.y), Align::Left, style, field, &text)?;
    }
    let counted = Area {
        x: right - COUNTED,
        y: y + 1.6,
        width: COUNTED,
        height: height - 3.2,
    };
    page.frame(counted, 0.2);
    Ok(())
}

/// Head, captions, signatures and foot.
fn frame(
    page: &mut Page,
    content: &RecordContent,
    texts: &Texts,
    number: usize,
    total: usize,
) -> Result<(), LayoutError> {
    let (record, texts) = (&texts.record, &texts.inventory);
    let (right, bottom) = (page.paper.width() - MARGIN, page.paper.height());
    page.write_within(
        at(MARGIN, 16.5),
        (115.0, 14.0),
        Style::sans(19.0),
        "title",
        &texts.title,
    )?;
    let (style, ceremony) = (Style::mono(19.0), content.ceremony.as_str());
    page.write(at(right, 16.5), Align::Right, style, "ceremony id", ceremony)?;
    let before = right - style.width(ceremony) - 2.5;
    page.write(
        at(before, 16.5),
        Align::Right,
        CAPTION,
        "caption",
        &record.ceremony,
    )?;
    page.line(at(MARGIN, 19.3), at(right, 19.3), 0.5);
    let values = [
        ("ceremony", content.ceremony.to_string()),
        ("ended", content.ended.clone()),
        ("count", content.keys.len().to_string()),
        ("page", number.to_string()),
        ("pages", total.to_string()),
    ];
    let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
    let as_of = filled(&texts.as_of, &values);
    page.write(
        at(MARGIN, 23.8),
        Align::Left,
        BODY,
        "times of the ceremony",
        &as_of,
    )?;
    if content.rehearsal {
        let style = Style::sans(9.5);
        page.write(at(right, 23.8), Align::Right, style, "caption", &record.rehearsal)?;
    }
    let captions = [
        &record.column_label,
        &record.column_account,
        &record.column_bags,
        &texts.column_custodian,
    ];
    let places = columns(content).into_iter().chain([(right - COUNTED, COUNTED)]);
    for ((x, width), caption) in places.zip(captions.into_iter().chain([&texts.seen])) {
        page.write_within(at(x, TOP - 1.4), (width, 4.5), CAPTION, "caption", caption)?;
    }
    page.line(at(MARGIN, bottom - BOTTOM), at(right, bottom - BOTTOM), 0.3);
    let heading = at(MARGIN, bottom - BOTTOM + 5.5);
    page.write(
        heading,
        Align::Left,
        Style::sans(10.5),
        "title",
        &texts.signatures,
    )?;
    let signing = [
        texts.officer.as_str(),
        texts.witness.as_str(),
        texts.keeper.as_str(),
    ];
    trifold::boxes(page, (bottom - BOTTOM + 7.5, 15.0), &signing)?;
    let foot = filled(&texts.foot, &values);
    page.write(at(right, bottom - 8.5), Align::Right, CAPTION, "caption", &foot)?;
    page.write(
        at(MARGIN, bottom - 8.5),
        Align::Left,
        CAPTION,
        "caption",
        &texts.note,
    )
}
