//! `glasskey plan` as a program: what it prints, its exit codes, the files it writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod check;
mod new;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// Two recipients whose identities are published.
const RECIPIENTS: [&str; 2] = [
    "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
    "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
];

/// Runs `glasskey plan` in a folder.
fn plan(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .arg("plan")
        .args(arguments)
        .current_dir(folder.path())
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

/// Exit code, standard output, standard error.
fn told(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code().unwrap(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Everything that a command answered, as it is compared with what was reviewed.
fn transcript(arguments: &[&str], output: &Output) -> String {
    let (code, stdout, stderr) = told(output);
    let command = arguments.join(" ");
    format!("$ glasskey plan {command}\n{stdout}--- standard error\n{stderr}--- exit code {code}\n")
}

fn reviewed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/plan/reviewed")
        .join(name)
}

/// Compares with the reviewed text; GLASSKEY_ACCEPT=1 takes the new one.
fn same_as_reviewed(name: &str, now: &str) {
    let path = reviewed(name);
    if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
        std::fs::write(&path, now).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        now, expected,
        "{name}: run with GLASSKEY_ACCEPT=1 and review the difference"
    );
}
