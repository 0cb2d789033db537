//! Who took part.

use super::Sitting;
use super::flow::{CAPTION, Flow, LEADING, MARGIN, SMALLEST};
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::at;
use crate::paper::texts::filled;

impl Flow<'_> {
    pub(super) fn people(&mut self) -> Result<(), LayoutError> {
        self.need(14.0);
        self.heading(&self.texts.people)?;
        for pair in self.content.people.chunks(2) {
            self.need(LEADING);
            for (person, x) in pair.iter().zip([MARGIN, MARGIN + 92.0]) {
                self.page.write_within(
                    at(x, self.y + 3.2),
                    (25.0, SMALLEST),
                    CAPTION,
                    "role of a person",
                    &person.role,
                )?;
                self.page.write_within(
                    at(x + 26.0, self.y + 3.2),
                    (62.0, SMALLEST),
                    Style::sans(9.5),
                    "name of a person",
                    &person.name,
                )?;
            }
            self.y += LEADING + 0.4;
        }
        for sitting in &self.content.sittings {
            let Sitting {
                officer,
                witness,
                from,
            } = sitting;
            let values = [
                ("from", from.as_str()),
                ("officer", officer),
                ("witness", witness),
            ];
            let text = filled(&self.texts.sitting, &values);
            self.flowing("who sat at the station", 0.0, &text)?;
        }
        self.y += 1.5;
        Ok(())
    }
}
