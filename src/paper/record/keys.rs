//! The table of keys.

use super::KeyLine;
use super::flow::{BODY, CAPTION, Flow, MARGIN};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Millimetres, at};
use crate::paper::texts::RecordTexts;

/// Keys on one page.
const KEYS_PER_PAGE: usize = 10;
const KEY_ROW: Millimetres = 9.2;
const KEY_LEADING: Millimetres = 3.9;
/// Type in the table of keys shrinks to this; then a text takes more lines.
const KEY_SMALLEST: f32 = 6.5;

impl Flow<'_> {
    pub(super) fn keys(&mut self) -> Result<(), LayoutError> {
        for (index, page) in self.content.keys.chunks(KEYS_PER_PAGE).enumerate() {
            if index > 0 {
                self.need(f32::MAX);
            }
            self.need(16.0 + KEY_ROW);
            let texts = self.texts;
            self.heading(if index == 0 {
                &texts.keys
            } else {
                &texts.keys_continued
            })?;
            self.key_captions()?;
            for key in page {
                self.key(key)?;
            }
            let y = self.y;
            self.page.line(at(MARGIN, y), at(self.right(), y), 0.3);
        }
        self.y += 1.5;
        Ok(())
    }

    /// Left edges and widths of the key table's columns.
    fn columns(&self) -> [(Millimetres, Millimetres); 4] {
        let right = self.right();
        [
            (MARGIN, 23.5),
            (MARGIN + 25.5, 71.5),
            (MARGIN + 99.5, 36.0),
            (MARGIN + 138.0, right - MARGIN - 138.0),
        ]
    }

    fn key_captions(&mut self) -> Result<(), LayoutError> {
        let captions = [
            &self.texts.column_label,
            &self.texts.column_account,
            &self.texts.column_bags,
            &self.texts.column_custodian,
        ];
        for ((x, width), caption) in self.columns().into_iter().zip(captions) {
            let place = at(x, self.y + 2.4);
            self.page
                .write_within(place, (width, 5.0), CAPTION, "caption", caption)?;
        }
        self.y += 3.6;
        Ok(())
    }

    fn key(&mut self, key: &KeyLine) -> Result<(), LayoutError> {
        let aaguid: String = key.aaguid.chars().take(8).collect();
        let model = if key.aaguid.is_empty() {
            BODY.legible(&key.model)
        } else {
            BODY.legible(&format!("{} ({aaguid})", key.model))
        };
        let (ids, name) = (Style::mono(8.0), Style::sans(9.0));
        let bags = bags(key, self.texts, ids);
        let cells = [
            vec![
                (Style::mono(10.5), "label id", id(key.label.as_ref())),
                (ids, "key fingerprint", id(key.fingerprint.as_ref())),
            ],
            vec![(name, "account", key.account.clone()), (BODY, "model", model)],
            bags,
            vec![
                (name, "custodian", key.custodian.clone()),
                (BODY, "outcome", BODY.legible(&key.outcome)),
            ],
        ];
        let columns = self.columns();
        let mut texts = Vec::new();
        for (cell, (x, width)) in cells.into_iter().zip(columns) {
            let mut y = 4.0;
            for (style, field, text) in cell {
                for (style, line) in lines(style, field, &text, width)? {
                    texts.push((at(x, y), style, field, line));
                    y += KEY_LEADING;
                }
            }
        }
        let lowest = texts.iter().map(|(at, ..)| at.y).fold(0.0, f32::max);
        let height = lowest + KEY_ROW - 4.0 - KEY_LEADING;
        self.need(height + 1.0);
        let (y, right) = (self.y, self.right());
        self.page.line(at(MARGIN, y), at(right, y), 0.12);
        for (place, style, field, line) in texts {
            self.page
                .write(at(place.x, y + place.y), Align::Left, style, field, &line)?;
        }
        self.y += height;
        Ok(())
    }
}

/// An id, or a dash where there is none.
pub(in crate::paper) fn id<T: ToString>(id: Option<&T>) -> String {
    id.map_or_else(|| "\u{2013}".to_owned(), ToString::to_string)
}

/// A text of a cell: style, name in errors, text.
pub(in crate::paper) type CellText = (Style, &'static str, String);

/// The slip's number and the bags.
pub(in crate::paper) fn bags(key: &KeyLine, texts: &RecordTexts, style: Style) -> Vec<CellText> {
    let line = |field, name: &str, bag: String| (style, field, format!("{name:<6}  {bag}"));
    let mut bags = vec![line(
        "bag number of the slip",
        &id(key.slip.as_ref()),
        id(key.slip_bag.as_ref()),
    )];
    if let Some(bag) = &key.second_slip_bag {
        bags.push(line("bag number of the slip", &texts.second_bag, bag.to_string()));
    }
    bags.push(line(
        "bag number of the key",
        &texts.key_bag,
        id(key.key_bag.as_ref()),
    ));
    bags
}

/// A cell's text: smaller where that is enough, else on several lines.
pub(in crate::paper) fn lines(
    style: Style,
    field: &str,
    text: &str,
    width: Millimetres,
) -> Result<Vec<(Style, String)>, LayoutError> {
    style.check(field, text)?;
    if let Ok(style) = style.fitted(field, text, width, KEY_SMALLEST) {
        return Ok(vec![(style, text.to_owned())]);
    }
    let style = Style {
        size: KEY_SMALLEST.max(style.size - 1.0),
        ..style
    };
    let lines = style.wrapped(text, width);
    Ok(lines.into_iter().map(|line| (style, line)).collect())
}
