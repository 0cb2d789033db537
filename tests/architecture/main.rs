//! The lines between the parts hold: who may name whom, who may open a socket, no leftovers.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod layers;
mod source;
mod udev;
mod unsafety;
mod words;

use std::path::{Path, PathBuf};

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Files below a directory, sorted; what was built is left out.
fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                files(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}
