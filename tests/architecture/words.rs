//! Nothing is left over, and the story in `lib.rs` is complete.

use std::fs;

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
