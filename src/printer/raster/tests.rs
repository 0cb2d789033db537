use super::*;
use crate::paper::font::Style;
use crate::paper::page::{Align, Area, at};

fn picture(page: &Page, resolution: Resolution) -> Vec<Vec<u8>> {
    let extent = Extent::of(page.paper, resolution);
    let glyphs = Glyphs::of(std::slice::from_ref(page), resolution);
    let mut picture = Vec::new();
    rows(page, &glyphs, extent, &mut |row| picture.push(row.to_vec())).unwrap();
    assert_eq!(picture.len(), usize::from(extent.height));
    picture
}

/// The smallest rectangle around all black dots: left, top, right, bottom, the last two just outside.
fn extent(picture: &[Vec<u8>]) -> [usize; 4] {
    let black = |y: usize, x: usize| picture[y][x / 8] & (0x80 >> (x % 8)) != 0;
    let dots: Vec<(usize, usize)> = (0..picture.len())
        .flat_map(|y| (0..picture[y].len() * 8).map(move |x| (x, y)))
        .filter(|(x, y)| black(*y, *x))
        .collect();
    [
        dots.iter().map(|dot| dot.0).min().unwrap(),
        dots.iter().map(|dot| dot.1).min().unwrap(),
        dots.iter().map(|dot| dot.0).max().unwrap() + 1,
        dots.iter().map(|dot| dot.1).max().unwrap() + 1,
    ]
}

fn black(picture: &[Vec<u8>]) -> u32 {
    picture.iter().flatten().map(|byte| byte.count_ones()).sum()
}

#[test]
fn a_frame_is_where_its_millimetres_say() {
    let mut page = Page::new(PaperSize::A4);
    page.frame(
        Area {
            x: 25.4,
            y: 50.8,
            width: 12.7,
            height: 2.54,
        },
        25.4 / 150.0,
    );
    let picture = picture(&page, Resolution::Dpi600);
    assert_eq!(extent(&picture), [598, 1198, 902, 1262]);
    assert_eq!(black(&picture), 304 * 64 - 296 * 56);
}

#[test]
fn lines_keep_their_thickness_and_dashes_their_gaps() {
    for (to, thickness, dots) in [
        (at(50.8, 25.4), 0.0, 600),
        (at(25.4, 50.8), 25.4 / 150.0, 600 * 4),
        (at(50.8, 50.8), 0.0, 600),
    ] {
        let mut page = Page::new(PaperSize::Letter);
        page.line(at(25.4, 25.4), to, thickness);
        assert_eq!(black(&picture(&page, Resolution::Dpi600)), dots, "{to:?}");
    }
    let mut page = Page::new(PaperSize::A4);
    page.dashes(at(25.4, 25.4), at(50.8, 25.4), 0.0);
    assert_eq!(black(&picture(&page, Resolution::Dpi600)), 300);
}

#[test]
fn text_stands_on_its_baseline_and_reaches_as_far_as_its_width() {
    for resolution in [Resolution::Dpi300, Resolution::Dpi600] {
        let style = Style::mono(28.0);
        let mut page = Page::new(PaperSize::A4);
        page.write(at(20.0, 100.0), Align::Left, style, "PIN", "4821")
            .unwrap();
        let [left, top, right, bottom] = extent(&picture(&page, resolution));
        let dots = |length| usize::try_from(resolution.dots(length)).unwrap();
        let (baseline, end) = (dots(100.0), dots(20.0 + style.width("4821")));
        assert!(left >= dots(20.0) && left < dots(21.0), "{left}");
        assert!(right <= end && right > end - dots(1.5), "{right} {end}");
        // Round digits reach a little below the baseline, and no digit is higher than 0.75 em.
        assert!(bottom.abs_diff(baseline) <= dots(0.3), "{bottom} {baseline}");
        assert!((dots(6.8)..dots(7.8)).contains(&(baseline - top)), "{top}");
    }
}

#[test]
fn a_picture_does_not_depend_on_where_bands_are_cut() {
    let shifted = |rows: usize| {
        let mut page = Page::new(PaperSize::A4);
        let y = 100.0 + f32::from(u16::try_from(rows).unwrap()) * 25.4 / 600.0;
        page.write(
            at(20.0, y),
            Align::Left,
            Style::sans(19.0),
            "title",
            "Sealed PIN slip",
        )
        .unwrap();
        let picture = picture(&page, Resolution::Dpi600);
        let [_, top, _, bottom] = extent(&picture);
        (top, picture[top..bottom].to_vec())
    };
    let (top, title) = shifted(0);
    for rows in [1, 31, 63] {
        assert_eq!(shifted(rows), (top + rows, title.clone()));
    }
}

#[test]
fn a_character_without_a_picture_is_an_error_and_is_not_drawn_later() {
    let mut page = Page::new(PaperSize::A4);
    let style = Style::mono(28.0);
    page.write(at(20.0, 100.0), Align::Left, style, "PIN", "4821")
        .unwrap();
    let sheet = Extent::of(PaperSize::A4.into(), Resolution::Dpi300);
    let mut glyphs = Glyphs::new(Resolution::Dpi300);
    glyphs.draw(style, "482".chars());
    assert_eq!(rows(&page, &glyphs, sheet, &mut |_| {}), Err(MissingGlyph));
    glyphs.draw(style, "1".chars());
    assert_eq!(rows(&page, &glyphs, sheet, &mut |_| {}), Ok(()));
}
