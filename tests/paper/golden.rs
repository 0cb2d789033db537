//! Every paper as a picture that a person looked at: not a dot may differ.
//!
//! The pictures have half the dots, for people; the list of digests holds every dot in squares of 50 mm.
//! `GLASSKEY_ACCEPT=1 cargo test --test paper` renews them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::paper::Bitmap;
use glasskey::language::Language;
use glasskey::paper::Document;
use glasskey::paper::form;
use glasskey::paper::page::PaperSize;
use glasskey::paper::slip::SlipPart;
use ring::digest::{Context, SHA256};

use crate::dots::{DPI, drawn, sheets_with};
use crate::fixtures::{in_language, pin, record, slip_with};
use crate::tools::saved;

/// Stands for random bytes: a pattern of one digit, so that its picture stays small.
fn one_digit(bytes: &mut [u8]) {
    bytes.fill(8);
}

/// All pictures with their names.
fn pictures() -> Vec<(String, Bitmap)> {
    let [english, german] = Language::ALL;
    let mut pictures = Vec::new();
    let mut add = |name: String, sheets: Vec<Bitmap>| {
        let several = sheets.len() > 1;
        pictures.extend(sheets.into_iter().zip(1..).map(|(sheet, page)| {
            let page = if several {
                format!("-{page}")
            } else {
                String::new()
            };
            (format!("{name}{page}"), sheet)
        }));
    };
    for (paper, size) in [(PaperSize::A4, "a4"), (PaperSize::Letter, "letter")] {
        for language in [english, german] {
            let code = language.code();
            for (part, kind) in [
                (SlipPart::Whole, "whole"),
                (SlipPart::FirstHalf, "first"),
                (SlipPart::SecondHalf, "second"),
            ] {
                let secret = pin(if part == SlipPart::Whole {
                    "90417263"
                } else {
                    "904172"
                });
                let document = slip_with(paper, part, language);
                add(
                    format!("slip-{kind}-{size}-{code}"),
                    sheets_with(&document, Some(&secret), &mut one_digit),
                );
            }
            let form = form::page(paper, language).expect("the form is laid out");
            add(format!("form-{size}-{code}"), drawn(&[form]));
        }
    }
    for (paper, language, name) in [
        (PaperSize::A4, english, "record-a4-en"),
        (PaperSize::Letter, german, "record-letter-de"),
    ] {
        let content = in_language(record(paper, 3), language);
        add(
            name.into(),
            sheets_with(&Document::Record(Box::new(content)), None, &mut one_digit),
        );
    }
    pictures
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/paper/golden")
}

/// The dots of a PNG file of one bit.
fn read(path: &Path) -> Bitmap {
    let output = Command::new("pngtopnm").arg(path).output();
    let output =
        output.unwrap_or_else(|error| panic!("pngtopnm is needed for this test (Debian: netpbm): {error}"));
    assert!(output.status.success(), "{}", path.display());
    let (width, height, bits) = crate::raster::pbm(&output.stdout);
    let mut picture = Bitmap::new(width, height, DPI / 2);
    picture.bits = bits;
    picture
}

fn write(picture: &Bitmap, path: &Path) {
    let dots = path.with_extension("pbm");
    fs::write(&dots, picture.to_pbm()).expect("the pictures can be written");
    let output = Command::new("pnmtopng")
        .args(["-compression", "9"])
        .arg(&dots)
        .output();
    fs::write(path, output.expect("pnmtopng is there").stdout).expect("the pictures can be written");
    fs::remove_file(&dots).expect("it was just written");
}

/// A digest of every square of 50 mm (592 dots, which are whole bytes), row by row.
fn tiles(picture: &Bitmap) -> String {
    const SIDE: usize = 592;
    let mut tiles = Vec::new();
    for top in (0..picture.height).step_by(SIDE) {
        for left in (0..picture.row_bytes()).step_by(SIDE / 8) {
            let mut tile = Context::new(&SHA256);
            for y in top..picture.height.min(top + SIDE) {
                tile.update(&picture.row(y)[left..picture.row_bytes().min(left + SIDE / 8)]);
            }
            let digest = tile.finish();
            let first = digest.as_ref().first_chunk::<4>().expect("a digest has 32 bytes");
            tiles.push(format!("{:08x}", u32::from_be_bytes(*first)));
        }
    }
    tiles.join(" ")
}

#[test]
fn papers_are_the_pictures_that_were_looked_at() {
    let pictures = pictures();
    let list = folder().join("tiles.txt");
    let now: BTreeMap<&str, String> = pictures
        .iter()
        .map(|(name, sheet)| (name.as_str(), tiles(sheet)))
        .collect();
    if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
        let lines: Vec<String> = now
            .iter()
            .map(|(name, tiles)| format!("{name}: {tiles}\n"))
            .collect();
        fs::write(&list, lines.concat()).expect("the list can be written");
        for (name, sheet) in &pictures {
            write(&sheet.halved(), &folder().join(format!("{name}.png")));
        }
    }
    let then = fs::read_to_string(&list).expect("there is a list");
    let then: BTreeMap<&str, &str> = then.lines().filter_map(|line| line.split_once(": ")).collect();
    assert!(
        then.keys().eq(now.keys()),
        "there is a line for each picture and no other"
    );
    let mut wrong = Vec::new();
    for (name, sheet) in &pictures {
        let path = folder().join(format!("{name}.png"));
        assert!(
            fs::metadata(&path).expect("there is a picture").len() < 40_000,
            "{name}"
        );
        let pairs = now[name.as_str()].split(' ').zip(then[name.as_str()].split(' '));
        let differing: Vec<usize> = (1..)
            .zip(pairs)
            .filter(|(_, (a, b))| a != b)
            .map(|(n, _)| n)
            .collect();
        if !differing.is_empty() || read(&path).bits != sheet.halved().bits {
            let seen = saved(&format!("golden-{name}.pbm"), &sheet.to_pbm());
            wrong.push(format!("{name}: squares {differing:?}, now {}", seen.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "run with GLASSKEY_ACCEPT=1 and look at the pictures:\n{}",
        wrong.join("\n")
    );
}
