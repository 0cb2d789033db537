//! Where everybody signs.

use super::Person;
use super::flow::{CAPTION, Flow, MARGIN};
use crate::paper::LayoutError;
use crate::paper::page::{Area, Millimetres, at};
use crate::paper::texts::filled;

/// One row of boxes.
const ROW: Millimetres = 13.0;

impl Flow<'_> {
    /// Room for heading, statement and boxes, on a page of their own where they are many.
    pub(super) fn signatures_height(&self) -> Millimetres {
        let rows = self.content.people.len().div_ceil(2);
        16.0 + ROW * f32::from(u8::try_from(rows).unwrap_or(u8::MAX))
    }

    pub(super) fn signatures(&mut self) -> Result<(), LayoutError> {
        let signing: Vec<&Person> = self.content.people.iter().collect();
        self.need(16.0 + ROW);
        let texts = self.texts;
        self.heading(&texts.signatures)?;
        self.flowing("signatures", 0.0, &texts.statement)?;
        self.y += 1.0;
        let width = (self.right() - MARGIN - 4.0) / 2.0;
        for pair in signing.chunks(2) {
            self.need(ROW);
            for (person, x) in pair.iter().zip([MARGIN, MARGIN + width + 4.0]) {
                let area = Area {
                    x,
                    y: self.y,
                    width,
                    height: 12.0,
                };
                self.page.frame(area, 0.25);
                let caption = filled(&texts.signs, &[("role", &person.role), ("name", &person.name)]);
                self.page.write_within(
                    at(x + 1.2, self.y + 3.0),
                    (width - 2.4, 4.5),
                    CAPTION,
                    "name of a person",
                    &caption,
                )?;
            }
            self.y += ROW;
        }
        Ok(())
    }
}
