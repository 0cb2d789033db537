//! Nothing is left over, and the story in `lib.rs` is complete.

use std::fs;

use std::path::Path;

use super::{files, repository};

/// Words that say that something is not finished.
const LEFTOVER: [&str; 6] = [
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// The leftover word of a line, if it has one; `mktemp` wants its own letters.
fn leftover(line: &str) -> Option<&'static str> {
    let line = line.replace(&"X".repeat(6), "");
    LEFTOVER.into_iter().find(|word| line.contains(word))
}

#[test]
fn nothing_is_left_over() {
    let mut paths = Vec::new();
    for directory in ["src", "image", "tests", "udev", "docs", ".ci"] {
        let directory = repository(directory);
        if directory.is_dir() {
            files(&directory, &mut paths);
        }
    }
    let mut found = Vec::new();
    let mut read = 0;
    for path in paths {
        // Fonts and fixtures are not text.
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        read += 1;
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = leftover(line) {
                found.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(read > 100, "only {read} files were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_leftover_word_is_noticed() {
    for word in LEFTOVER {
        assert_eq!(leftover(&format!("    // {word} later")), Some(word));
    }
    assert_eq!(leftover("new=$(mktemp -d .build.XXXXXX)"), None);
}

/// Top-level modules that `lib.rs` declares but whose names its documentation does not link.
fn untold(library: &str) -> Vec<String> {
    let documentation: String = library.lines().filter(|line| line.starts_with("//!")).collect();
    library
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .filter(|module| !documentation.contains(&format!("[`{module}`]")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_library_tells_of_every_module() {
    let library = fs::read_to_string(repository("src/lib.rs")).unwrap();
    assert_eq!(untold(&library), [""; 0]);
    assert_eq!(untold(&format!("{library}\npub mod foreign;")), ["foreign"]);
}

/// What a document names that is not there: links, paths in backticks, and tests as `path: name`.
fn missing(document: &Path, text: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for link in text.split("](").skip(1) {
        let target = link.split([')', '#']).next().unwrap_or_default();
        if !target.contains("://") && !target.is_empty() && !document.with_file_name(target).exists() {
            missing.push(target.to_owned());
        }
    }
    for quoted in text.split('`').skip(1).step_by(2) {
        let (path, name) = quoted.split_once(": ").unwrap_or((quoted, ""));
        let path = path.split_whitespace().next().unwrap_or_default();
        let of_ours = ["src/", "image/", "tests/", "docs/"]
            .iter()
            .any(|start| path.starts_with(start));
        if !of_ours || path.contains(['{', '<', '*']) {
            continue;
        }
        let file = repository(path);
        let has_test = || fs::read_to_string(&file).is_ok_and(|text| text.contains(&format!("fn {name}(")));
        if !file.exists() || !name.is_empty() && !has_test() {
            missing.push(quoted.to_owned());
        }
    }
    missing
}

#[test]
fn documents_name_only_what_exists() {
    let mut documents = vec![repository("README.md"), repository("CHANGELOG.md")];
    files(&repository("docs"), &mut documents);
    // Pictures name nothing.
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    for document in documents {
        let text = fs::read_to_string(&document).unwrap();
        assert_eq!(missing(&document, &text), [""; 0], "{}", document.display());
    }
    let wrong = "[a](docs/none.md) `src/none.rs` `src/pin.rs: no_such_test` `src/pin.rs` [b](README.md#c)";
    assert_eq!(missing(&repository("README.md"), wrong).len(), 3);
}
