//! The form for a PIN that is marked by hand, as the command writes it.

use std::path::Path;
use std::process::Command;

use crate::tools::text_of;

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
