//! Where the next thing on the record goes: page after page, from the top.

use super::RecordContent;
use crate::paper::LayoutError;
use crate::paper::font::Style;
use crate::paper::page::{Align, Millimetres, Page, at};
use crate::paper::texts::{self, RecordTexts};

pub(in crate::paper) const MARGIN: Millimetres = 15.0;
const TOP: Millimetres = 30.0;
const BOTTOM: Millimetres = 14.0;
const HEADING: Style = Style::sans(10.5);
pub(in crate::paper) const BODY: Style = Style::sans(8.5);
pub(in crate::paper) const CAPTION: Style = Style::sans(6.8);
pub(super) const LEADING: Millimetres = 4.1;
/// Below this nothing on the record is legible.
pub(super) const SMALLEST: f32 = 5.0;

/// Where the next thing goes; opens a page when one is full.
pub(super) struct Flow<'a> {
    pub(super) content: &'a RecordContent,
    pub(super) texts: &'static RecordTexts,
    pages: Vec<Page>,
    pub(super) page: Page,
    pub(super) y: Millimetres,
}

impl<'a> Flow<'a> {
    /// Begins the first page.
    pub(super) fn new(content: &'a RecordContent) -> Self {
        Self {
            content,
            texts: &texts::of(content.text_language).record,
            pages: Vec::new(),
            page: Page::new(content.paper),
            y: TOP,
        }
    }

    /// All pages.
    pub(super) fn finish(mut self) -> Vec<Page> {
        self.pages.push(self.page);
        self.pages
    }

    pub(super) fn right(&self) -> Millimetres {
        self.page.paper.width() - MARGIN
    }

    /// Makes sure that `height` is free; opens a page otherwise, unless this one is empty.
    pub(super) fn need(&mut self, height: Millimetres) {
        if self.y > TOP && self.y + height > self.page.paper.height() - BOTTOM {
            let full = std::mem::replace(&mut self.page, Page::new(self.content.paper));
            self.pages.push(full);
            self.y = TOP;
        }
    }

    pub(super) fn heading(&mut self, text: &str) -> Result<(), LayoutError> {
        self.page
            .write(at(MARGIN, self.y + 4.0), Align::Left, HEADING, "title", text)?;
        self.y += 5.5;
        Ok(())
    }

    /// Text that may run on to the next page, `indent` from the margin; nothing in it stops the record.
    pub(super) fn flowing(
        &mut self,
        field: &str,
        indent: Millimetres,
        text: &str,
    ) -> Result<(), LayoutError> {
        let width = self.right() - MARGIN - indent;
        for line in BODY.wrapped(&BODY.legible(text), width) {
            self.need(LEADING);
            self.page
                .write(at(MARGIN + indent, self.y + 3.2), Align::Left, BODY, field, &line)?;
            self.y += LEADING;
        }
        Ok(())
    }
}
