//! The table of keys.

use super::KeyLine;
use super::flow::{BODY, CAPTION, Flow, MARGIN};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Millimetres, at};

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
            self.heading(if index == 0 { "Keys" } else { "Keys, continued" })?;
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
            "Label, fingerprint",
            "Account, model and AAGUID",
            "Bags of slip and key",
            "Custodian, outcome",
        ];
        for ((x, _), caption) in self.columns().into_iter().zip(captions) {
            self.page
                .write(at(x, self.y + 2.4), Align::Left, CAPTION, "caption", caption)?;
        }
        self.y += 3.6;
        Ok(())
    }

    fn key(&mut self, key: &KeyLine) -> Result<(), LayoutError> {
        const NONE: &str = "\u{2013}";
        let text = |id: Option<String>| id.unwrap_or_else(|| NONE.to_owned());
        let slip = format!(
            "{:<6}  {}",
            text(key.slip.map(|s| s.to_string())),
            text(key.slip_bag.as_ref().map(ToString::to_string))
        );
        let key_bag = format!("Key     {}", text(key.key_bag.as_ref().map(ToString::to_string)));
        let aaguid: String = key.aaguid.chars().take(8).collect();
        let model = if key.aaguid.is_empty() {
            BODY.legible(&key.model)
        } else {
            BODY.legible(&format!("{} ({aaguid})", key.model))
        };
        let (ids, name) = (Style::mono(8.0), Style::sans(9.0));
        let mut bags = vec![(ids, "bag number of the slip", slip)];
        if let Some(bag) = &key.second_slip_bag {
            bags.push((ids, "bag number of the slip", format!("Half 2  {bag}")));
        }
        bags.push((ids, "bag number of the key", key_bag));
        let cells = [
            vec![
                (
                    Style::mono(10.5),
                    "label id",
                    text(key.label.as_ref().map(ToString::to_string)),
                ),
                (
                    ids,
                    "key fingerprint",
                    text(key.fingerprint.as_ref().map(ToString::to_string)),
                ),
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

/// A cell's text: smaller where that is enough, else on several lines.
fn lines(
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
