//! The form for a PIN that is marked by hand, as the command writes it.

use std::path::Path;
use std::process::Command;

use bench::paper::Bitmap;

use crate::tools::{text_of, tool};

const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// Exit code of `glasskey station form`.
fn written(paper: &str, language: &str, out: &Path) -> Option<i32> {
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args([
            "station",
            "form",
            "--paper",
            paper,
            "--language",
            language,
            "--out",
        ])
        .arg(out)
        .output();
    output.expect("the program starts").status.code()
}

#[test]
fn the_command_writes_an_empty_form_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (paper, language, title) in [
        ("a4", "en", "Hand-marked PIN form"),
        ("letter", "de", "PIN-Formular zum Markieren"),
    ] {
        let out = folder.path().join(format!("form-{language}.pdf"));
        assert_eq!(written(paper, language, &out), Some(0));
        let text = text_of(&out);
        assert!(text.contains(title), "{text}");
        // Ten rows of sixteen boxes, and the digit at both ends of its row.
        for digit in '0'..='9' {
            let row = |line: &&str| {
                line.split_whitespace()
                    .filter(|word| *word == digit.to_string())
                    .count()
                    == 18
            };
            assert!(text.lines().any(|line| row(&line)), "{digit}: {text}");
        }
        let before = std::fs::read(&out).expect("it was written");
        assert_eq!(written(paper, language, &out), Some(4));
        assert_eq!(std::fs::read(&out).expect("it is there"), before);
    }
    assert_eq!(written("a4", "fr", &folder.path().join("form-fr.pdf")), Some(2));
    assert!(!folder.path().join("form-fr.pdf").exists());
}

/// A page's dots at 600 dpi.
fn dots_of(page: &Path) -> Bitmap {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let picture = folder.path().join("page");
    let text = |path: &Path| path.to_str().expect("a path of letters").to_owned();
    tool(
        "pdftoppm",
        &["-r", "600", "-mono", "-singlefile", &text(page), &text(&picture)],
    );
    let bytes = std::fs::read(picture.with_extension("pbm")).expect("pdftoppm wrote it");
    let (width, height, bits) = crate::raster::pbm(&bytes);
    let mut dots = Bitmap::new(width, height, 600);
    dots.bits = bits;
    dots
}

fn outlines(plan: &Path, out: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args(["station", "form", "--labels-of"])
        .arg(plan)
        .arg("--out")
        .arg(out)
        .output()
        .expect("the program starts");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_trial_of_the_label_sheet_follows_the_plan_and_a_roll_has_none() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = folder.path().join("plan.toml");
    let write = |settings: &str| {
        let text = format!(
            "version = 1\ntitle = \"Trial\"\nrehearsal = true\nrecipients = [\"{RECIPIENT}\"]\n{settings}\n\
             [[people]]\nname = \"Ada Lovelace\"\nrole = \"officer\"\n\
             [[people]]\nname = \"Grace Hopper\"\nrole = \"witness\"\n\
             [[accounts]]\nupn = \"bg-01@contoso.onmicrosoft.com\"\nkeys = [{{}}]\n"
        );
        std::fs::write(&plan, text).expect("a plan");
    };
    let first_edge = |name: &str, settings: &str| {
        write(settings);
        let out = folder.path().join(name);
        let (code, said) = outlines(&plan, &out);
        assert_eq!(code, Some(0), "{said}");
        let (sheet, dpi) = (dots_of(&out), 600.0);
        let column =
            |x: &usize| (0..sheet.height).filter(|y| sheet.is_black(*x, *y)).count() > sheet.height / 4;
        let dots = (0..sheet.width).find(column).expect("the edge of a label");
        f64::from(u32::try_from(dots).expect("a sheet")) / dpi * 25.4
    };
    let uncorrected = first_edge("uncorrected.pdf", "");
    let moved = first_edge("moved.pdf", "label_correction = { right = 1.5, down = -0.5 }");
    assert!((moved - uncorrected - 1.5).abs() < 0.1, "{uncorrected} {moved}");
    write("label_stock = \"brother-62\"");
    let (code, said) = outlines(&plan, &folder.path().join("roll.pdf"));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("is a roll"), "{said}");
}
