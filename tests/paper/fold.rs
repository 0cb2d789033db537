//! Folded papers, simulated on their dots: nothing is printed into a fold, and the pattern lies on the PIN.

use bench::paper::Bitmap;
use glasskey::language::Language;
use glasskey::paper::form;
use glasskey::paper::page::PaperSize;
use glasskey::paper::slip::SlipPart;

use crate::dots::{dots, drawn, sheets};
use crate::fixtures::{pin, slip_with};

const PAPERS: [PaperSize; 2] = [PaperSize::A4, PaperSize::Letter];

/// Every slip, whole and in halves, in every language, and every form.
fn folded() -> Vec<(String, PaperSize, Bitmap)> {
    let mut all = Vec::new();
    for paper in PAPERS {
        for language in Language::ALL {
            let mut add = |name: &str, sheet: Bitmap| {
                all.push((format!("{name}, {paper:?}, {}", language.code()), paper, sheet));
            };
            for part in [SlipPart::Whole, SlipPart::FirstHalf, SlipPart::SecondHalf] {
                let slip = slip_with(paper, part, language);
                add(
                    &format!("{part:?}"),
                    sheets(&slip, Some(&pin("90417263"))).remove(0),
                );
            }
            let form = form::page(paper, language).expect("the form is laid out");
            add("form", drawn(&[form]).remove(0));
        }
    }
    all
}

/// Black dots of a row between two columns.
fn ink(sheet: &Bitmap, y: usize, columns: std::ops::Range<usize>) -> usize {
    columns.filter(|x| sheet.is_black(*x, y)).count()
}

#[test]
fn folds_are_marked_at_the_thirds_and_nothing_else_is_near_them() {
    for (name, paper, sheet) in folded() {
        for third in [1.0, 2.0] {
            let fold = paper.height() * third / 3.0;
            // The marks at both edges, 6 mm long and 0.3 mm thick.
            for left in [5.0, paper.width() - 11.0] {
                let columns = dots(left) + 1..dots(left + 6.0) - 1;
                let rows = dots(fold) - 6..dots(fold) + 6;
                let black: Vec<usize> = rows
                    .filter(|y| ink(&sheet, *y, columns.clone()) == columns.len())
                    .collect();
                let middle = black.iter().sum::<usize>() / black.len().max(1);
                assert!(
                    (3..=4).contains(&black.len()) && middle.abs_diff(dots(fold)) <= 1,
                    "{name}: {black:?}, fold at {}",
                    dots(fold)
                );
            }
            let near = dots(fold - 3.0)..dots(fold + 3.0);
            let beside = near.filter(|y| y.abs_diff(dots(fold)) > 3);
            for y in beside {
                assert_eq!(ink(&sheet, y, 0..sheet.width), 0, "{name}: row {y}");
            }
        }
    }
}

/// The rectangle around the ink in a part of a sheet: left, top, right, bottom.
fn extent(sheet: &Bitmap, [left, top, right, bottom]: [usize; 4]) -> [usize; 4] {
    let black = |x: &usize, y: usize| sheet.is_black(*x, y);
    let rows: Vec<usize> = (top..bottom)
        .filter(|y| (left..right).any(|x| black(&x, *y)))
        .collect();
    let columns: Vec<usize> = (left..right)
        .filter(|x| (top..bottom).any(|y| black(x, y)))
        .collect();
    [
        columns[0],
        rows[0],
        columns[columns.len() - 1] + 1,
        rows[rows.len() - 1] + 1,
    ]
}

#[test]
fn folded_panels_lay_the_pattern_over_the_pin_and_15_mm_beyond() {
    for paper in PAPERS {
        for secret in ["90417263", "174068352991", "9041726390417263"] {
            let slip = slip_with(paper, SlipPart::Whole, Language::default());
            let sheet = sheets(&slip, Some(&pin(secret))).remove(0);
            let third = paper.height() / 3.0;
            // Inside the frame around the PIN.
            let inside = [26.0, third + 18.0, paper.width() - 26.0, third + 32.0].map(dots);
            let pin = extent(&sheet, inside);
            for fold in [dots(third), dots(2.0 * third)] {
                let reach = dots(15.0);
                let (left, right) = (pin[0] - reach, pin[2] + reach);
                // Where the rows around the PIN come to lie when the sheet is folded here.
                let (top, bottom) = (2 * fold - (pin[3] + reach), 2 * fold - (pin[1] - reach));
                let [pattern_left, pattern_top, pattern_right, pattern_bottom] =
                    extent(&sheet, [0, top - 20, sheet.width, bottom + 20]);
                let slack = dots(0.6);
                assert!(
                    pattern_top <= top + slack && pattern_bottom + slack >= bottom,
                    "{paper:?}: {pattern_top} to {pattern_bottom} for {top} to {bottom}"
                );
                // Rows begin at random, up to a digit from the edge.
                let digit = dots(6.0);
                assert!(pattern_left <= left + digit && pattern_right + digit >= right);
                // No hole that a digit could be read through.
                let side = dots(4.0);
                for y in (top + slack..bottom - slack - side).step_by(side / 2) {
                    for x in
                        (left.max(dots(21.5))..right.min(dots(paper.width() - 21.5)) - side).step_by(side / 2)
                    {
                        let black: usize = (y..y + side).map(|y| ink(&sheet, y, x..x + side)).sum();
                        let share = 100 * black / (side * side);
                        assert!((10..=95).contains(&share), "{paper:?}: {share} % at {x}, {y}");
                    }
                }
            }
        }
    }
}

#[test]
fn halves_and_whole_slips_are_told_apart_by_their_edges() {
    for paper in PAPERS {
        let bars = |part| {
            let sheet = sheets(&slip_with(paper, part, Language::default()), Some(&pin("904172"))).remove(0);
            let bar = |x: f32| (dots(10.0)..dots(25.0)).all(|y| sheet.is_black(dots(x), y));
            [bar(6.5), bar(paper.width() - 6.5)]
        };
        assert_eq!(bars(SlipPart::Whole), [false, false]);
        assert_eq!(bars(SlipPart::FirstHalf), [true, false]);
        assert_eq!(bars(SlipPart::SecondHalf), [false, true]);
    }
}
