//! Pages as one PDF file, through printpdf.
//!
//! printpdf embeds a font as it is given, a megabyte for two; so it gets fonts of the glyphs in use. The same
//! pages give the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use printpdf::{
    Color, FontId, FontMetrics, FontType, Greyscale, Line, LineDashPattern, LinePoint, Mm, Op, PaintMode,
    ParsedFont, PdfDocument, PdfFont, PdfFontHandle, PdfFontMetricsStub, PdfPage, PdfSaveOptions, Point,
    Polygon, PolygonRing, Pt, Rect, TextItem, TextMatrix, WindingOrder,
};

use crate::paper::font::Font;
use crate::paper::page::{Item, MILLIMETRES_PER_POINT, Millimetres, Page, Position};
use crate::paper::qr::Symbol;

/// Renders pages as a PDF.
#[must_use]
pub fn render(pages: &[Page]) -> Vec<u8> {
    let mut document = PdfDocument::new("Glasskey");
    for font in Font::ALL {
        let characters = characters(pages, font);
        if !characters.is_empty() {
            let fonts = &mut document.resources.fonts.map;
            fonts.insert(font_id(font), PdfFont::new(embedded(font, &characters)));
        }
    }
    let pages = pages.iter().map(page).collect();
    let mut warnings = Vec::new();
    let mut bytes = document
        .with_pages(pages)
        .save(&PdfSaveOptions::default(), &mut warnings);
    fix_file_id(&mut bytes);
    bytes
}

/// Every character that pages show in a font.
fn characters(pages: &[Page], font: Font) -> BTreeSet<char> {
    let mut characters = BTreeSet::new();
    for item in pages.iter().flat_map(|page| &page.items) {
        if let Item::Text { style, text, .. } = item
            && style.font == font
        {
            characters.extend(text.expose().chars());
        }
    }
    characters
}

fn font_id(font: Font) -> FontId {
    // Neutral names: the embedded fonts are parts of DejaVu, not DejaVu itself.
    FontId(
        match font {
            Font::Sans => "GKText",
            Font::Mono => "GKDigits",
        }
        .to_owned(),
    )
}

fn embedded(font: Font, characters: &BTreeSet<char>) -> ParsedFont {
    let face = font.face();
    let glyphs: BTreeMap<u32, u16> = characters
        .iter()
        .filter_map(|c| Some((u32::from(*c), face.glyph(*c)?)))
        .collect();
    let widths = glyphs.values().map(|glyph| (*glyph, face.advance(*glyph)));
    let [x_min, y_min, x_max, y_max] = face.bounds;
    ParsedFont {
        original_bytes: face.subset(&glyphs.values().copied().collect()),
        font_index: 0,
        font_name: None,
        glyph_widths: widths.collect(),
        codepoint_to_glyph: glyphs,
        units_per_em: face.units_per_em,
        font_metrics: FontMetrics {
            ascent: face.ascent,
            descent: face.descent,
        },
        font_type: FontType::TrueType,
        pdf_font_metrics: PdfFontMetricsStub {
            units_per_em: face.units_per_em,
            x_min,
            y_min,
            x_max,
            y_max,
            caret_slope_rise: 1,
            caret_slope_run: 0,
            us_weight_class: match font {
                Font::Sans => 400,
                Font::Mono => 700,
            },
        },
    }
}

fn page(page: &Page) -> PdfPage {
    let black = || {
        Color::Greyscale(Greyscale {
            percent: 0.0,
            icc_profile: None,
        })
    };
    let mut ops = vec![
        Op::SetFillColor { col: black() },
        Op::SetOutlineColor { col: black() },
    ];
    for item in &page.items {
        draw(item, page.paper.height(), &mut ops);
    }
    PdfPage::new(Mm(page.paper.width()), Mm(page.paper.height()), ops)
}

fn draw(item: &Item, height: Millimetres, ops: &mut Vec<Op>) {
    match item {
        Item::Text { at, style, text } => {
            let point = point(*at, height);
            ops.extend([
                Op::StartTextSection,
                Op::SetFont {
                    font: PdfFontHandle::External(font_id(style.font)),
                    size: Pt(style.size),
                },
                Op::SetTextMatrix {
                    matrix: TextMatrix::Translate(point.x, point.y),
                },
                Op::ShowText {
                    items: vec![TextItem::Text(text.expose().clone())],
                },
                Op::EndTextSection,
            ]);
        }
        Item::Line {
            from,
            to,
            thickness,
            dashed,
        } => {
            let dash = LineDashPattern {
                pattern: if *dashed { vec![3.0, 3.0] } else { Vec::new() }.into(),
                ..LineDashPattern::default()
            };
            let points = [from, to].map(|end| LinePoint {
                p: point(*end, height),
                bezier: false,
            });
            ops.extend([
                Op::SetOutlineThickness {
                    pt: points_of(*thickness),
                },
                Op::SetLineDashPattern { dash },
                Op::DrawLine {
                    line: Line {
                        points: points.to_vec(),
                        is_closed: false,
                    },
                },
            ]);
        }
        Item::Frame { area, thickness } => ops.extend([
            Op::SetOutlineThickness {
                pt: points_of(*thickness),
            },
            Op::SetLineDashPattern {
                dash: LineDashPattern::default(),
            },
            Op::DrawRectangle {
                rectangle: Rect {
                    x: points_of(area.x),
                    y: points_of(height - area.y - area.height),
                    width: points_of(area.width),
                    height: points_of(area.height),
                    mode: Some(PaintMode::Stroke),
                    winding_order: None,
                },
            },
        ]),
        Item::Modules { at, module, symbol } => ops.push(Op::DrawPolygon {
            polygon: Polygon {
                rings: bars(*at, *module, symbol, height),
                mode: PaintMode::Fill,
                winding_order: WindingOrder::NonZero,
            },
        }),
    }
}

/// One rectangle for every run of dark modules in a row.
fn bars(at: Position, module: Millimetres, symbol: &Symbol, height: Millimetres) -> Vec<PolygonRing> {
    let mut rings = Vec::new();
    let side = symbol.side;
    for (row, y) in symbol.dark.chunks(usize::from(side)).zip(0_u8..) {
        let mut from = None;
        for (dark, x) in row.iter().copied().chain([false]).zip(0_u8..) {
            match (from, dark) {
                (None, true) => from = Some(x),
                (Some(start), false) => {
                    let corners = [(start, y), (x, y), (x, y + 1), (start, y + 1)];
                    let corner = |(x, y): (u8, u8)| LinePoint {
                        p: point(
                            Position {
                                x: at.x + f32::from(x) * module,
                                y: at.y + f32::from(y) * module,
                            },
                            height,
                        ),
                        bezier: false,
                    };
                    rings.push(PolygonRing {
                        points: corners.map(corner).to_vec(),
                    });
                    from = None;
                }
                _ => {}
            }
        }
    }
    rings
}

/// PDF counts upwards from the bottom.
fn point(at: Position, height: Millimetres) -> Point {
    Point {
        x: points_of(at.x),
        y: points_of(height - at.y),
    }
}

fn points_of(length: Millimetres) -> Pt {
    Pt(length / MILLIMETRES_PER_POINT)
}

/// Puts a constant in place of the file's id, which printpdf counts up within a process.
fn fix_file_id(bytes: &mut [u8]) {
    const MARK: &[u8] = b"/ID[(";
    let Some(start) = bytes.windows(MARK.len()).rposition(|window| window == MARK) else {
        return;
    };
    for byte in bytes[start + MARK.len()..]
        .iter_mut()
        .take_while(|byte| **byte != b']')
    {
        if byte.is_ascii_alphanumeric() {
            *byte = b'0';
        }
    }
}
