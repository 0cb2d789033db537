//! Labels as dots: what keeps clear of their edges, and what label printers are sent.

use bench::paper::{Bitmap, Language as Read, jobs};
use glasskey::paper::Document;
use glasskey::paper::label::LabelSheet;
use glasskey::paper::page::Page;
use glasskey::paper::stock::{Roll, Stock};
use glasskey::printer::raster::{Picture, Resolution};
use glasskey::printer::{Language, labels};

use crate::fixtures::{label, stock};
use crate::tools::{rendered, saved, tool};

/// What must stay blank at each edge of a label, in millimetres.
const EDGE: f32 = 1.0;

fn sheet(stock: Stock, resolution: Resolution, count: u64) -> LabelSheet {
    LabelSheet {
        dots_per_inch: resolution.per_inch(),
        ..LabelSheet::new(stock, 1, (1..=count).map(label).collect())
    }
}

/// What printers of this stock print in; 300 dots for sheets as well, because page printers may scale down.
fn resolutions(stock: Stock) -> impl Iterator<Item = Resolution> {
    let all = [Resolution::Dpi203, Resolution::Dpi300, Resolution::Dpi600];
    all.into_iter().filter(move |resolution| match stock.roll() {
        None => *resolution != Resolution::Dpi203,
        Some(Roll::Brother { .. }) => *resolution == Resolution::Dpi300,
        Some(Roll::Zebra) => true,
    })
}

fn pictures(sheet: &LabelSheet, resolution: Resolution) -> Vec<Picture> {
    let pages = sheet.pages().expect("labels are laid out");
    let draw = |page: &Page| Picture::of(page, resolution).expect("every character has a picture");
    pages.iter().map(draw).collect()
}

fn dots(picture: &Picture) -> Bitmap {
    let extent = picture.extent;
    let mut bitmap = Bitmap::new(extent.width.into(), extent.height.into(), 300);
    bitmap.bits = picture.rows().flatten().copied().collect();
    bitmap
}

/// The code on a picture, by a reader that shares nothing with the program.
fn code(picture: &Bitmap, name: &str) -> String {
    // Labels have no paper around them that a reader could take its bearings from.
    let (width, height) = (picture.width + 80, picture.height + 80);
    let mut framed = Bitmap::new(width, height, picture.dpi);
    for (x, y) in (0..picture.height).flat_map(|y| (0..picture.width).map(move |x| (x, y))) {
        if picture.is_black(x, y) {
            framed.row_mut(y + 40)[(x + 40) / 8] |= 0x80 >> ((x + 40) % 8);
        }
    }
    let path = saved(&format!("{name}.pbm"), &framed.to_pbm());
    let file = path.display().to_string();
    tool("zbarimg", &["-q", "--raw", "-Sdisable", "-Sqrcode.enable", &file])
        .trim()
        .to_owned()
}

/// Where the black dots are.
fn black(picture: &Picture) -> impl Iterator<Item = (f32, f32)> {
    (0_u16..).zip(picture.rows()).flat_map(|(y, row)| {
        let bytes = (0_u16..).step_by(8).zip(row).filter(|(_, byte)| **byte != 0);
        let dots = bytes.flat_map(|(x, byte)| {
            (0..8)
                .filter(move |bit| byte & (0x80 >> bit) != 0)
                .map(move |bit| x + bit)
        });
        dots.map(move |x| (f32::from(x), f32::from(y)))
    })
}

/// A label's edges in dots, left, top, right and bottom, the last two just outside.
fn edges(stock: Stock, position: u16, resolution: Resolution) -> [f32; 4] {
    let g = stock.geometry();
    let left = g.left + f32::from(position % g.columns) * g.pitch_x;
    let top = g.top + f32::from(position / g.columns) * g.pitch_y;
    [left, top, left + g.width, top + g.height].map(|length| length / 25.4 * f32::from(resolution.per_inch()))
}

#[test]
fn ink_keeps_a_millimetre_from_every_edge_of_every_label() {
    let all = Stock::all().flat_map(|stock| resolutions(stock).map(move |resolution| (stock, resolution)));
    for (stock, resolution) in all {
        let sheet = sheet(stock, resolution, stock.count().into());
        let picture = pictures(&sheet, resolution).remove(0);
        let clear = EDGE / 25.4 * f32::from(resolution.per_inch());
        let [strip_x, strip_y] = stock
            .geometry()
            .unreached
            .map(|strip| strip.max(EDGE) / EDGE * clear);
        let labels: Vec<_> = (0..stock.count())
            .map(|position| {
                let [left, top, right, bottom] = edges(stock, position, resolution);
                [left + strip_x, top + strip_y, right - strip_x, bottom - strip_y]
            })
            .collect();
        let mut inked = vec![0_u32; labels.len()];
        let (mut row, mut of_this_row) = (-1.0, Vec::new());
        for (x, y) in black(&picture) {
            if y > row {
                let meets = |[_, top, _, bottom]: &[f32; 4]| y >= *top && y + 1.0 <= *bottom;
                of_this_row = (0..labels.len()).filter(|at| meets(&labels[*at])).collect();
                row = y;
            }
            let inside = |at: &&usize| x >= labels[**at][0] && x + 1.0 <= labels[**at][2];
            let at = of_this_row.iter().find(inside);
            let at = at.unwrap_or_else(|| panic!("{stock} {resolution:?}: a dot at {x}, {y}"));
            inked[*at] += 1;
        }
        assert!(inked.iter().all(|count| *count > 1000), "{stock}: {inked:?}");
    }
}

#[test]
fn modules_are_whole_dots_at_every_resolution() {
    use glasskey::paper::page::Item;
    for stock in Stock::all() {
        for resolution in resolutions(stock) {
            let sheet = sheet(stock, resolution, 1);
            let dot = 25.4 / f32::from(resolution.per_inch());
            for item in &sheet.pages().expect("labels are laid out")[0].items {
                let Item::Modules { at, module, .. } = item else {
                    continue;
                };
                for length in [at.x, at.y, *module] {
                    let off = (length / dot - (length / dot).round()).abs();
                    assert!(off < 0.01, "{stock} {resolution:?}: {length} mm");
                }
                assert!(
                    (0.335..0.47).contains(module),
                    "{stock} {resolution:?}: {module} mm"
                );
            }
        }
    }
}

/// What a label printer is sent, as a job that the strict reader knows.
fn sent(sheet: &LabelSheet, language: Language) -> Vec<Bitmap> {
    let pages = sheet.pages().expect("labels are laid out");
    let spool = labels::render(language, sheet, &pages).expect("every character has a picture");
    let bytes = spool
        .expect("the printer takes this stock")
        .joined()
        .expose()
        .clone();
    let mut jobs = jobs(&bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(jobs.len(), 1);
    let job = jobs.remove(0);
    let read = if language == Language::Zpl {
        Read::Zpl
    } else {
        Read::BrotherQl
    };
    assert_eq!(job.language, read);
    job.pages
}

/// Back to how a label is read: the bench gives it as it leaves the printer.
fn turned_back(label: &Bitmap) -> Bitmap {
    let mut back = Bitmap::new(label.height, label.width, label.dpi);
    for (x, y) in (0..label.height).flat_map(|y| (0..label.width).map(move |x| (x, y))) {
        if label.is_black(x, y) {
            let to = label.height - 1 - y;
            back.row_mut(x)[to / 8] |= 0x80 >> (to % 8);
        }
    }
    back
}

#[test]
fn label_printers_print_the_dots_of_the_layout() {
    let rolls = Stock::all().filter(|stock| stock.roll().is_some());
    for (stock, language) in rolls.filter_map(|stock| Some((stock, labels::language_for(stock.roll()?)))) {
        for resolution in resolutions(stock) {
            let sheet = sheet(stock, resolution, 2);
            let printed = sent(&sheet, language);
            let laid_out = pictures(&sheet, resolution);
            assert_eq!((printed.len(), laid_out.len()), (2, 2));
            for (number, (printed, laid_out)) in printed.iter().zip(&laid_out).enumerate() {
                let printed = if stock.is_turned() {
                    turned_back(printed)
                } else {
                    printed.clone()
                };
                let drawn = dots(laid_out);
                assert!(
                    printed.bits == drawn.bits,
                    "{stock} {resolution:?}: label {number}"
                );
                let expected = sheet.labels[number].payload(stock).to_string();
                let name = format!("label-{stock}-{}-{number}", resolution.per_inch());
                assert_eq!(code(&printed, &name), expected, "{stock} {resolution:?}");
            }
        }
    }
}

#[test]
fn both_languages_print_the_same_dots_as_a_page_printer_of_300_dots() {
    // The same label, for each language on a roll of its own and on a sheet; only what surrounds it differs.
    let at_300 =
        |name: &str| pictures(&sheet(stock(name), Resolution::Dpi300, 1), Resolution::Dpi300).remove(0);
    let brother = sent(
        &sheet(stock("brother-62"), Resolution::Dpi300, 1),
        Language::BrotherQl,
    )
    .remove(0);
    let zebra = sent(&sheet(stock("zebra-57x32"), Resolution::Dpi300, 1), Language::Zpl).remove(0);
    assert!(dots(&at_300("brother-62")).bits == brother.bits);
    assert!(dots(&at_300("zebra-57x32")).bits == zebra.bits);
    let symbol = |bitmap: &Bitmap, side: usize| {
        let black = |(x, y): &(usize, usize)| bitmap.is_black(*x, *y);
        let all = (0..bitmap.height).flat_map(|y| (0..bitmap.width).map(move |x| (x, y)));
        let corner = all
            .filter(black)
            .fold((usize::MAX, usize::MAX), |(a, b), (x, y)| (a.min(x), b.min(y)));
        let first = (0..bitmap.height)
            .find(|y| bitmap.is_black(corner.0, *y))
            .expect("a symbol");
        bitmap.cut([corner.0, first, side, side])
    };
    // Version 3, modules of five dots.
    assert!(
        symbol(&brother, 29 * 5) == {
            let mut other = symbol(&zebra, 29 * 5);
            other.dpi = 300;
            other
        }
    );
}

#[test]
fn a_roll_goes_to_its_own_printer_alone() {
    let roll = sheet(stock("brother-62"), Resolution::Dpi300, 1);
    let pages = roll.pages().expect("labels are laid out");
    let made = |sheet: &LabelSheet, language| {
        labels::render(language, sheet, &pages)
            .expect("every character has a picture")
            .is_some()
    };
    assert!(made(&roll, Language::BrotherQl));
    assert!(!made(&roll, Language::Zpl) && !made(&roll, Language::Pcl5));
    assert!(!made(
        &sheet(stock("L7651"), Resolution::Dpi300, 1),
        Language::BrotherQl
    ));
    assert!(Language::Pcl5.render(&pages).is_err());
    let on_paper = sheet(stock("L7651"), Resolution::Dpi600, 1)
        .pages()
        .expect("labels are laid out");
    assert!(!rendered(Language::Pcl5, &on_paper).is_empty());
    let document = Document::Labels(roll).at_dots(203);
    assert!(matches!(document, Document::Labels(sheet) if sheet.dots_per_inch == 203));
}

#[test]
fn the_readers_refuse_what_they_do_not_know() {
    let bytes = |name: &str, language| {
        let sheet = sheet(stock(name), Resolution::Dpi300, 1);
        let pages = sheet.pages().expect("labels are laid out");
        let spool = labels::render(language, &sheet, &pages).expect("every character has a picture");
        spool
            .expect("the printer takes this stock")
            .joined()
            .expose()
            .clone()
    };
    let brother = bytes("brother-62x29", Language::BrotherQl);
    let zebra = bytes("zebra-50x25", Language::Zpl);
    assert!(jobs(&brother).is_ok() && jobs(&zebra).is_ok());
    let changed = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from);
        let at = at.expect("it is there");
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    for (from, to) in [
        (&b"\x1bia\x01"[..], &b"\x1bia\x00"[..]),
        (b"\x1biz\xce\x0b", b"\x1biz\xce\x0a"),
        (b"\x1biM\x40", b"\x1biK\x08"),
        (b"\x1bid\0\0", b"\x1bid\x23\0"),
        (b"g\x00\x5a", b"Z"),
        (b"\x1a", b"\x1b"),
    ] {
        assert!(jobs(&changed(&brother, from, to)).is_err(), "{from:02x?}");
    }
    for (from, to) in [
        (&b"^PON"[..], &b"^POI"[..]),
        (b"^PW", b"^PW0"),
        (b"^GFA", b"^GFB"),
        (b"^PQ1", b"^PQ2"),
        (b"0000", b"000g"),
        (b"^XZ\n", b""),
    ] {
        assert!(
            jobs(&changed(&zebra, from, to)).is_err(),
            "{}",
            String::from_utf8_lossy(from)
        );
    }
    // A request for the status prints nothing, and any other request is not known.
    let request = [&[0; 200][..], b"\x1b@\x1biS"].concat();
    assert_eq!(
        jobs(&[request.clone(), brother.clone()].concat())
            .map(|jobs| jobs.len())
            .ok(),
        Some(1)
    );
    assert!(jobs(&request).is_ok_and(|jobs| jobs.is_empty()));
    assert!(jobs(&[&request[..203], b"T"].concat()).is_err());
}
