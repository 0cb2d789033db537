//! Reads ids and PINs in the fixed-width font of the papers from dots, by the shapes of the released font file.

use ab_glyph::{Font as _, FontRef, PxScale};
use bench::paper::Bitmap;

use crate::{Error, Result};

const FONT: &[u8] = include_bytes!("../../../../src/paper/fonts/DejaVuSansMono-Bold.ttf");
/// Cells that a shape is compared in.
const GRID: [usize; 2] = [16, 24];
/// Mean difference of a cell, in per mille, up to which a shape is the character's.
const ALIKE: usize = 90;

/// How black each cell of a shape's rectangle is, in per mille, and how much wider than high it is, in per cent.
struct Shape {
    cells: Vec<usize>,
    proportion: usize,
}

/// Reads one line of characters in a part of a sheet in millimetres: left, top, width, height.
pub(super) fn read(sheet: &Bitmap, area: [f32; 4], alphabet: &str) -> Result<String> {
    let line = sheet.cut(area.map(|length| dots(length, sheet.dpi)));
    let known = shapes(alphabet)?;
    let mut text = String::new();
    for part in characters(&line) {
        let found = shape(&line, part);
        let mut ranked: Vec<(usize, char)> = known
            .iter()
            .map(|(character, shape)| (difference(&found, shape), *character))
            .collect();
        ranked.sort_unstable();
        match ranked.as_slice() {
            [(best, character), (second, _), ..] if *best <= ALIKE && best < second => text.push(*character),
            _ => {
                return Err(Error::Wrong(format!(
                    "{text:?} and then a shape like {:?}",
                    &ranked[..2]
                )));
            }
        }
    }
    Ok(text)
}

fn dots(length: f32, dpi: usize) -> usize {
    whole(length / 25.4 * f32::from(u16::try_from(dpi).unwrap_or(u16::MAX)))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places on a sheet"
)]
fn whole(place: f32) -> usize {
    place.round() as usize
}

/// Width of a character's cell, in per mille of the height of a digit.
const PITCH: usize = 826;

/// Black dots of a column.
fn ink(line: &Bitmap, x: usize) -> usize {
    (0..line.height).filter(|y| line.is_black(x, *y)).count()
}

/// The rectangle around what is black between two columns.
fn around(line: &Bitmap, left: usize, right: usize) -> [usize; 4] {
    let rows = |y: &usize| (left..right).any(|x| line.is_black(x, *y));
    let top = (0..line.height).find(rows).unwrap_or(0);
    [left, top, right, (0..line.height).rfind(rows).unwrap_or(0) + 1]
}

/// The rectangles around shapes that blank columns part, from the left: left, top, right, bottom.
fn parts(line: &Bitmap) -> Vec<[usize; 4]> {
    let mut parts = Vec::new();
    let mut start = None;
    for x in 0..=line.width {
        match (start, x < line.width && ink(line, x) > 0) {
            (None, true) => start = Some(x),
            (Some(left), false) => {
                parts.push(around(line, left, x));
                start = None;
            }
            _ => {}
        }
    }
    parts
}

/// The same, with letters that touch each other told apart.
fn characters(line: &Bitmap) -> Vec<[usize; 4]> {
    let parts = parts(line);
    // A hyphen is lower than a digit, and the tail of a Q reaches lower: the height in the middle is a digit's.
    let mut heights: Vec<usize> = parts.iter().map(|[_, top, _, bottom]| bottom - top).collect();
    heights.sort_unstable();
    let height = heights.get(heights.len() / 2).copied().unwrap_or(0);
    let cell = (height * PITCH / 1000).max(1);
    let apart = |[left, top, right, bottom]: [usize; 4]| {
        // The outer sides of a row of letters are blank in part: it is rounded, and a leg of R reaches W so.
        let count = ((right - left + cell / 2) / cell).max(1);
        if count == 1 {
            return vec![[left, top, right, bottom]];
        }
        // Wide letters touch each other where there is least ink.
        let mut cuts = vec![left];
        for number in 1..count {
            let middle = left + (right - left) * number / count;
            let near = middle - cell / 5..middle + cell / 5;
            cuts.push(
                near.min_by_key(|x| (ink(line, *x), x.abs_diff(middle)))
                    .unwrap_or(middle),
            );
        }
        cuts.push(right);
        cuts.windows(2)
            .map(|pair| around(line, pair[0], pair[1]))
            .collect()
    };
    parts.into_iter().flat_map(apart).collect()
}

fn shape(sheet: &Bitmap, [left, top, right, bottom]: [usize; 4]) -> Shape {
    let (width, height) = (right - left, bottom - top);
    let cell = |column: usize, row: usize| {
        let span = |from: usize, length: usize, at: usize, of: usize| {
            let start = from + length * at / of;
            start..(from + length * (at + 1) / of).max(start + 1)
        };
        let rows = span(top, height, row, GRID[1]);
        let columns = span(left, width, column, GRID[0]);
        let count = rows.len() * columns.len();
        let black = rows.flat_map(|y| columns.clone().map(move |x| (x, y)));
        black.filter(|(x, y)| sheet.is_black(*x, *y)).count() * 1000 / count
    };
    let places = (0..GRID[1]).flat_map(|row| (0..GRID[0]).map(move |column| (column, row)));
    Shape {
        cells: places.map(|(column, row)| cell(column, row)).collect(),
        proportion: width * 100 / height,
    }
}

fn difference(a: &Shape, b: &Shape) -> usize {
    let cells: usize = a.cells.iter().zip(&b.cells).map(|(a, b)| a.abs_diff(*b)).sum();
    cells / a.cells.len() + 5 * a.proportion.abs_diff(b.proportion).saturating_sub(4)
}

/// The shapes of these characters, drawn large.
fn shapes(alphabet: &str) -> Result<Vec<(char, Shape)>> {
    let font = FontRef::try_from_slice(FONT).map_err(|e| Error::Wrong(e.to_string()))?;
    let shape_of = |character: char| {
        let glyph = font.glyph_id(character).with_scale(PxScale::from(240.0));
        let outlined = font.outline_glyph(glyph)?;
        let mut drawn = Bitmap::new(300, 300, 600);
        outlined.draw(|x, y, covered| {
            let (x, y) = (x as usize, y as usize);
            if covered >= 0.5 && x < 300 && y < 300 {
                drawn.row_mut(y)[x / 8] |= 0x80 >> (x % 8);
            }
        });
        let part = parts(&drawn).into_iter().next()?;
        Some((character, shape(&drawn, part)))
    };
    Ok(alphabet.chars().filter_map(shape_of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of text drawn with gaps between its characters.
    fn line(text: &str, size: f32) -> Bitmap {
        let font = FontRef::try_from_slice(FONT).unwrap();
        let mut sheet = Bitmap::new(4960, 300, 600);
        for (character, place) in text.chars().zip(0_u16..) {
            let origin = ab_glyph::point(40.0 + 0.602 * size * f32::from(place), 200.0);
            let scale = PxScale::from(size * font.height_unscaled() / font.units_per_em().unwrap());
            let glyph = font.glyph_id(character).with_scale_and_position(scale, origin);
            let Some(outlined) = font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outlined.px_bounds();
            outlined.draw(|x, y, covered| {
                let (x, y) = (x as usize + whole(bounds.min.x), y as usize + whole(bounds.min.y));
                if covered >= 0.5 {
                    sheet.row_mut(y)[x / 8] |= 0x80 >> (x % 8);
                }
            });
        }
        sheet
    }

    #[test]
    fn letters_that_touch_are_told_apart() {
        let all = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ";
        for text in ["9VQYRW", "QRW0KW"] {
            let sheet = line(text, 92.0);
            assert_eq!(read(&sheet, [0.0, 0.0, 209.0, 12.0], all).unwrap(), text);
        }
        for (text, size) in [("Q6Q5RW", 92.0), ("RWC0AG", 93.3), ("RW9196", 110.0)] {
            let sheet = line(text, size);
            assert_eq!(read(&sheet, [0.0, 0.0, 209.0, 12.0], all).unwrap(), text);
        }
        for first in "KWMXAVTJ0QR".chars() {
            for second in all.as_bytes().chunks(6) {
                let second = second.iter().map(|c| char::from(*c));
                let text: String = second.flat_map(|second| [first, second]).collect();
                let sheet = line(&text, 92.0);
                assert_eq!(read(&sheet, [0.0, 0.0, 209.0, 12.0], all).unwrap(), text);
            }
        }
    }

    #[test]
    fn every_character_reads_as_itself_and_a_stroke_as_none() {
        let all = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ-";
        for size in [92.0, 158.0, 233.0] {
            for part in ["0123456789", "ABCDEFGHJKLM", "NPQRSTUVWXYZ", "0007-X"] {
                let sheet = line(part, size);
                assert_eq!(
                    read(&sheet, [0.0, 0.0, 209.0, 12.0], all).unwrap(),
                    part,
                    "{size}"
                );
            }
        }
        let mut stroke = Bitmap::new(4960, 300, 600);
        (20..280).for_each(|y| stroke.row_mut(y)[30] = 0x3c);
        assert!(read(&stroke, [0.0, 0.0, 209.0, 12.0], all).is_err());
    }
}
