//! Where everybody signs.

use super::Person;
use super::flow::{CAPTION, Flow, MARGIN};
use crate::paper::LayoutError;
use crate::paper::page::{Area, at};

impl Flow<'_> {
    pub(super) fn signatures(&mut self) -> Result<(), LayoutError> {
        let signing: Vec<&Person> = self.content.people.iter().collect();
        self.need(19.0);
        self.heading("Signatures")?;
        let width = (self.right() - MARGIN - 4.0) / 2.0;
        for pair in signing.chunks(2) {
            self.need(13.0);
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
            self.y += 13.0;
        }
        Ok(())
    }
}
