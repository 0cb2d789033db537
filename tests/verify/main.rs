//! `glasskey verify` from outside: what holds passes, and each single fact that is changed is refused.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod ceremony;
mod good;
mod image;
mod properties;
mod tampered;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use ceremony::{Ceremony, Files};

/// A folder with the files of a ceremony.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new(ceremony: &Ceremony, files: &Files) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        std::fs::write(folder.path("transcript.jsonl"), &files.transcript).unwrap();
        std::fs::write(folder.path("manifest.age"), &files.manifest).unwrap();
        std::fs::write(folder.path("auditor.txt"), ceremony.identity.to_file().expose()).unwrap();
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `glasskey verify` in the folder: exit code, output. No PIN may come out.
    pub(crate) fn verify(&self, arguments: &[&str]) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .arg("verify")
            .args(arguments)
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        assert!(!text.contains(ceremony::PIN), "{text}");
        (output.status.code().unwrap(), text)
    }

    /// The same as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let (code, text) = self.verify(&[arguments, &["--json"]].concat());
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["exit_code"], code);
        json
    }
}

/// Runs a command on fresh files and returns its exit code.
pub(crate) fn code(ceremony: &Ceremony, files: &Files, arguments: &[&str]) -> i32 {
    let folder = Folder::new(ceremony, files);
    let (code, text) = folder.verify(arguments);
    assert!(!text.contains("panicked"), "{text}");
    code
}

/// What an auditor asks of a manifest: everything.
pub(crate) const MANIFEST: [&str; 6] = [
    "manifest",
    "manifest.age",
    "--identity",
    "auditor.txt",
    "--transcript",
    "transcript.jsonl",
];

pub(crate) const TRANSCRIPT: [&str; 2] = ["transcript", "transcript.jsonl"];

/// `verify record` with the code on paper and every file.
pub(crate) fn record(code: &str) -> Vec<&str> {
    let files = [
        "--transcript",
        "transcript.jsonl",
        "--manifest",
        "manifest.age",
        "--identity",
    ];
    [&["record", "--qr", code][..], &files, &["auditor.txt"]].concat()
}

#[test]
fn files_that_are_not_there_are_unreadable() {
    let folder = Folder::new(&Ceremony::new(), &Ceremony::new().write());
    assert!(!Path::new("none.jsonl").exists());
    assert_eq!(folder.verify(&["transcript", "none.jsonl"]).0, 40);
    assert_eq!(folder.verify(&["manifest", "none.age", "--sealed"]).0, 40);
    assert_eq!(folder.verify(&["manifest", "manifest.age"]).0, 2);
    assert_eq!(folder.verify(&["record", "--head", "0123456789abcdef"]).0, 2);
}
