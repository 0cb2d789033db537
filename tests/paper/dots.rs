//! Pages as the printer's dots: 300 to the inch, with the same pattern in every run.

use bench::paper::Bitmap;
use glasskey::paper::Document;
use glasskey::paper::page::Page;
use glasskey::printer::raster::{self, Encoder, Glyphs, Resolution, Sheet};
use glasskey::printer::spool::Spool;
use glasskey::secret::Pin;

use crate::fixtures::seeded;

/// Dots to the inch.
pub(crate) const DPI: usize = 300;

/// Collects rows of dots.
#[derive(Default)]
struct Collector {
    pages: Vec<Bitmap>,
    row: usize,
}

impl Encoder for Collector {
    fn begin(&mut self, _: usize, _: &mut Spool) {}

    fn begin_page(&mut self, sheet: Sheet, _: &mut Spool) {
        let (width, height) = (sheet.width().into(), sheet.height().into());
        self.pages.push(Bitmap::new(width, height, DPI));
        self.row = 0;
    }

    fn row(&mut self, row: &[u8], _: &mut Spool) {
        let page = self.pages.last_mut().expect("a page has begun");
        page.row_mut(self.row).copy_from_slice(row);
        self.row += 1;
    }

    fn end_page(&mut self, _: &mut Spool) {}

    fn end(&mut self, _: &mut Spool) {}
}

/// Draws pages as the station's own code draws them.
pub(crate) fn drawn(pages: &[Page]) -> Vec<Bitmap> {
    let glyphs = Glyphs::of(pages, Resolution::Dpi300);
    let mut collector = Collector::default();
    raster::render(pages, &glyphs, &mut collector).expect("every character has its picture");
    collector.pages
}

/// Lays a document out and draws it, with a random pattern.
pub(crate) fn sheets(document: &Document, pin: Option<&Pin>) -> Vec<Bitmap> {
    sheets_with(document, pin, &mut seeded(99))
}

/// The same with a pattern of one's own.
pub(crate) fn sheets_with(
    document: &Document,
    pin: Option<&Pin>,
    random: &mut dyn FnMut(&mut [u8]),
) -> Vec<Bitmap> {
    drawn(&document.pages(pin, random).expect("the page is laid out"))
}

/// A length in dots.
pub(crate) fn dots(millimetres: f32) -> usize {
    usize::try_from(Resolution::Dpi300.dots(millimetres)).expect("a length on paper")
}
