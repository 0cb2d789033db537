//! Where everybody signs.

use super::Person;
use super::flow::{CAPTION, Flow, MARGIN};
use crate::paper::LayoutError;
use crate::paper::page::{Area, Millimetres, at};

/// What everybody signs.
const STATEMENT: &str = "Officer and witness: I was present, and these pages say what happened. Custodian: I received the sealed bags that \
                         stand beside my name.";
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
        self.heading("Signatures")?;
        self.flowing("signatures", 0.0, STATEMENT)?;
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
                let caption = format!("{}: {} (date, signature)", person.role, person.name);
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
