//! `glasskey verify image`: digests of published files as words to read aloud, compared with a list or with what was heard.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::{Failed, exit, read};
use crate::manifest::FileDigest;

pub(super) const CODES: &str = "Exit codes:
  0   every file has the digest that was asked for, or nothing was asked for
  2   wrong use of the command line, or what was heard was mistyped
  40  a file cannot be read
  47  a file has another digest, or the list does not name it";

#[derive(Debug, Args)]
pub(in crate::cli) struct Image {
    /// The files: `glasskey.img`, `glasskey.efi`, `SHA256SUMS`, or the stick's device.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The published list, as `sha256sum` writes it; each file is looked up by its name.
    #[arg(long, value_name = "SHA256SUMS")]
    sums: Option<PathBuf>,
    /// What was read aloud: 24 words, or 64 digits. For one file.
    #[arg(long, value_name = "TEXT", conflicts_with = "sums")]
    heard: Option<FileDigest>,
    /// Reads only this many bytes from the start: of a stick, the length of the image that was written to it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    bytes: Option<u64>,
    /// The name under which the list has the file, where it is another: `glasskey.img` for a stick.
    #[arg(long, value_name = "NAME", requires = "sums")]
    name: Option<String>,
    /// Prints JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// One file, as `--json` prints it.
#[derive(Serialize)]
struct Found {
    file: String,
    bytes: u64,
    sha256: String,
    words: String,
    /// What it should have; nothing where the list does not name the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// Whether it has it; nothing where nothing was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    holds: Option<bool>,
}

#[derive(Serialize)]
struct Findings {
    format: &'static str,
    version: u32,
    tool_version: &'static str,
    exit_code: u8,
    result: &'static str,
    files: Vec<Found>,
}

pub(super) fn run(asked: &Image) -> ExitCode {
    let findings = match compare(asked) {
        Ok(findings) => findings,
        Err((code, what, hint)) => return crate::cli::fail(code, what.trim_end_matches('.'), &hint),
    };
    let mut out = std::io::stdout().lock();
    let written = if asked.json {
        serde_json::to_writer_pretty(&mut out, &findings)
            .map_err(std::io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        out.write_all(text(&findings).as_bytes())
    };
    match written {
        Ok(()) => ExitCode::from(findings.exit_code),
        Err(error) => {
            let what = format!("The result cannot be written: {error}");
            crate::cli::fail(exit::USAGE, &what, "")
        }
    }
}

fn compare(asked: &Image) -> Result<Findings, Failed> {
    if asked.files.len() > 1 && (asked.heard.is_some() || asked.name.is_some() || asked.bytes.is_some()) {
        let what = "--heard, --name and --bytes are for one file".to_owned();
        return Err((exit::USAGE, what, "Give one FILE, or --sums alone.".into()));
    }
    let sums = asked.sums.as_deref().map(list).transpose()?;
    let mut files = Vec::new();
    for path in &asked.files {
        let (digest, bytes) = digest(path, asked.bytes)?;
        let own = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let name = asked.name.as_deref().unwrap_or(&own);
        let expected = match &sums {
            Some(sums) => sums.get(name).copied(),
            None => asked.heard,
        };
        let is_compared = sums.is_some() || asked.heard.is_some();
        files.push(Found {
            file: path.to_string_lossy().chars().map(shown).collect(),
            bytes,
            sha256: digest.to_string(),
            words: digest.words(),
            expected: expected.map(|expected| expected.to_string()),
            holds: is_compared.then(|| expected == Some(digest)),
        });
    }
    let (exit_code, result) = if files.iter().any(|file| file.holds == Some(false)) {
        (exit::FILE, "file-differs")
    } else if files.iter().any(|file| file.holds.is_none()) {
        (0, "not-compared")
    } else {
        (0, "holds")
    };
    Ok(Findings {
        format: "glasskey-file-verification",
        version: 1,
        tool_version: env!("CARGO_PKG_VERSION"),
        exit_code,
        result,
        files,
    })
}

/// A name in a file system may hold anything; a terminal should not.
fn shown(c: char) -> char {
    if super::text::unsafe_to_show(c) { '?' } else { c }
}

fn digest(path: &Path, limit: Option<u64>) -> Result<(FileDigest, u64), Failed> {
    let cannot = |error: &dyn std::fmt::Display| {
        let what = format!("{} cannot be read: {error}", path.display());
        (
            exit::UNREADABLE,
            what,
            "Give the path of a file or of a stick.".to_owned(),
        )
    };
    let file = std::fs::File::open(path).map_err(|error| cannot(&error))?;
    let (digest, bytes) =
        FileDigest::of(file.take(limit.unwrap_or(u64::MAX))).map_err(|error| cannot(&error))?;
    match limit {
        Some(limit) if bytes < limit => Err(cannot(&format!("it ends after {bytes} bytes of {limit}"))),
        _ => Ok((digest, bytes)),
    }
}

/// The lines of a `SHA256SUMS`: 64 digits, two spaces (or a space and `*`), a name.
fn list(path: &Path) -> Result<BTreeMap<String, FileDigest>, Failed> {
    let unusable = |what: String| {
        let what = format!("{} is no list of SHA-256 digests: {what}", path.display());
        (
            exit::UNREADABLE,
            what,
            "Give a file as sha256sum writes it.".to_owned(),
        )
    };
    let bytes = read(path)?;
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| unusable("it is not text".into()))?;
    let mut sums = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let entry = line.split_at_checked(64).and_then(|(digits, rest)| {
            let name = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
            (!name.is_empty()).then_some((name, digits.parse().ok()?))
        });
        let Some((name, digest)) = entry else {
            return Err(unusable(format!("line {}", number + 1)));
        };
        if sums.insert(name.to_owned(), digest).is_some() {
            return Err(unusable(format!("line {} names a file again", number + 1)));
        }
    }
    if sums.is_empty() {
        return Err(unusable("it is empty".into()));
    }
    Ok(sums)
}

/// As it is read aloud: the words in numbered lines of six.
fn text(findings: &Findings) -> String {
    let mut lines = Vec::new();
    for file in &findings.files {
        lines.push(format!("{} ({} bytes)", file.file, file.bytes));
        lines.push(format!("  SHA-256  {}", file.sha256));
        let words: Vec<&str> = file.words.split(' ').collect();
        for (index, six) in words.chunks(6).enumerate() {
            lines.push(format!(
                "  {:>2}-{:<2}    {}",
                index * 6 + 1,
                index * 6 + six.len(),
                six.join(" ")
            ));
        }
        match (file.holds, &file.expected) {
            (Some(true), _) => lines.push("  ok       as expected".into()),
            (_, Some(expected)) => lines.push(format!("  FAIL     expected {expected}")),
            (Some(false), None) => lines.push("  FAIL     the list does not name this file".into()),
            (None, None) => {}
        }
    }
    lines.push(String::new());
    lines.push(match findings.result {
        "holds" => "Every file has the digest that was asked for.".into(),
        "file-differs" => "A file DIFFERS: do not use it.".into(),
        _ => "Nothing was compared: read the words to somebody who built or published the same files.".into(),
    });
    lines.push(String::new());
    lines.join("\n")
}
