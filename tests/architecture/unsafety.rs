//! One file has `unsafe` code, and no other one may lift the lint against it.

use std::fs;

use super::source::without_comments;
use super::{files, repository};

/// The file that may.
const ALLOWED: &str = "src/ioctl.rs";
const WORDS: [&str; 2] = [concat!("un", "safe"), concat!("un", "safe_code")];

/// Whether a text without comments has one of the words, whole.
fn is_lifted(text: &str) -> bool {
    let text = without_comments(text);
    // A hyphen makes another word: a content security policy has one with the same beginning.
    text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-'))
        .any(|word| WORDS.contains(&word))
}

#[test]
fn one_file_has_unsafe_code() {
    let mut paths = Vec::new();
    for directory in ["src", "tests"] {
        files(&repository(directory), &mut paths);
    }
    let mut lifted = Vec::new();
    let mut read = 0;
    for path in paths
        .iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
    {
        read += 1;
        if is_lifted(&fs::read_to_string(path).unwrap()) {
            lifted.push(path.strip_prefix(repository("")).unwrap().to_owned());
        }
    }
    assert!(read > 200, "only {read} files were read");
    assert_eq!(lifted, [std::path::PathBuf::from(ALLOWED)]);
}

#[test]
fn a_lifted_lint_is_noticed() {
    assert!(is_lifted(&format!("#![allow({})]", WORDS[1])));
    assert!(is_lifted(&format!("{} {{ call() }}", WORDS[0])));
    assert!(!is_lifted(&format!("style-src '{}-inline'", WORDS[0])));
    assert!(!is_lifted(&format!(
        "// nothing {} here\nfn {}_to_show() {{}}",
        WORDS[0], WORDS[0]
    )));
}

#[test]
fn every_crate_of_the_workspace_refuses_it() {
    let workspace = fs::read_to_string(repository("Cargo.toml")).unwrap();
    assert!(workspace.contains(&format!("\n{} = \"deny\"\n", WORDS[1])));
    let mut paths = Vec::new();
    files(&repository("tests"), &mut paths);
    let mut manifests: Vec<_> = paths
        .into_iter()
        .filter(|path| path.ends_with("Cargo.toml"))
        .collect();
    manifests.push(repository("Cargo.toml"));
    assert!(manifests.len() >= 4, "{manifests:?}");
    for manifest in manifests {
        let text = fs::read_to_string(&manifest).unwrap();
        assert!(
            text.contains("[lints]\nworkspace = true\n"),
            "{}",
            manifest.display()
        );
    }
}
