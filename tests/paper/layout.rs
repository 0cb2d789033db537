//! Where everything stands on a page, as it was reviewed.

use std::fs;
use std::path::Path;

use glasskey::paper::Document;
use glasskey::paper::font::Style;
use glasskey::paper::label::LabelSheet;
use glasskey::paper::page::{Format, Item, PaperSize};
use glasskey::secret::Pin;

use crate::fixtures::{label, pin, record, seeded, slip, stock};
use crate::tools::pdf;

#[test]
fn equal_pages_give_equal_bytes() {
    let documents = [
        (slip(PaperSize::A4), Some(pin("90417263"))),
        (Document::Record(Box::new(record(PaperSize::A4, 4))), None),
    ];
    for (document, secret) in documents {
        let first = pdf(&document, secret.as_ref());
        assert_eq!(first, pdf(&document, secret.as_ref()));
        assert!(first.len() < 100_000, "{} bytes", first.len());
    }
}

/// A page as text, one item a line, so that a change of layout is reviewed like code.
fn snapshot(document: &Document, pin: Option<&Pin>) -> String {
    let pages = document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out");
    let mut lines = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        let Format::Sheet(paper) = page.paper else {
            panic!("a layout on a sheet");
        };
        lines.push(format!("page {} {paper:?}", index + 1));
        for item in &page.items {
            lines.push(match item {
                Item::Text { at, style, text } => {
                    let Style { font, size } = style;
                    format!("{:6.1} {:6.1}  {font:?} {size:.1}  {}", at.x, at.y, text.expose())
                }
                Item::Line {
                    from,
                    to,
                    thickness,
                    dashed,
                } => {
                    let kind = if *dashed { "dashes" } else { "line" };
                    format!(
                        "{:6.1} {:6.1}  {kind} to {:.1} {:.1}, {thickness:.2}",
                        from.x, from.y, to.x, to.y
                    )
                }
                Item::Frame { area, thickness } => {
                    let [x, y, w, h] = [area.x, area.y, area.width, area.height];
                    format!("{x:6.1} {y:6.1}  frame {w:.1} x {h:.1}, {thickness:.2}")
                }
                Item::Modules { at, module, symbol } => {
                    format!(
                        "{:6.1} {:6.1}  code of {} modules, {module:.3}",
                        at.x, at.y, symbol.side
                    )
                }
            });
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn layouts_are_the_reviewed_ones() {
    let labels = Document::Labels(LabelSheet::new(stock("L7651"), 7, vec![label(5)]));
    let cases = [
        ("slip-a4", slip(PaperSize::A4), Some(pin("90417263"))),
        ("slip-letter", slip(PaperSize::Letter), Some(pin("90417263"))),
        ("label-l7651", labels, None),
        (
            "record-a4",
            Document::Record(Box::new(record(PaperSize::A4, 4))),
            None,
        ),
    ];
    for (name, document, secret) in cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/paper/{name}.txt"));
        let now = snapshot(&document, secret.as_ref());
        if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
            fs::write(&path, &now).expect("the reviewed layout is writable");
        }
        let reviewed = fs::read_to_string(&path).expect("there is a reviewed layout");
        assert_eq!(
            now, reviewed,
            "{name}: run with GLASSKEY_ACCEPT=1 and review the difference"
        );
    }
}
