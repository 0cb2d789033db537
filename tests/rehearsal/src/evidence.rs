//! What a ceremony leaves behind: papers, stick, console text; checked without the station's own code.

use std::fs;
use std::path::Path;

use bench::stick::Stick;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::papers::{self, Paper};
use crate::station::Station;
use crate::{Error, Result, at};

/// `prev` of a transcript's first line.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Everything that is left when the station has switched itself off.
#[derive(Debug)]
pub struct Evidence {
    /// The ceremony.
    pub ceremony: String,
    /// All paper, in the order it was printed.
    pub papers: Vec<Paper>,
    /// The transcript's lines, their chain checked.
    pub transcript: Vec<Value>,
    /// The transcript's text.
    pub transcript_text: String,
    /// The encrypted manifest.
    pub manifest: Vec<u8>,
    /// Every byte of the stick.
    pub stick: Vec<u8>,
    /// All that the console said and what was typed.
    pub console: String,
}

impl Evidence {
    /// Waits for the station to switch itself off, and reads everything.
    pub fn collect(station: Station, ceremony: &str, folder: &Path) -> Result<Self> {
        // The console is gone with the machine; by the last question it has said all but good-bye.
        let console = station.console().text();
        let (stick, printed) = station.finish()?;
        let read = |name: &str| stick.read(&format!("ceremony-{ceremony}/{name}"));
        let transcript_text = String::from_utf8(read("transcript.jsonl")?)
            .map_err(|e| Error::Wrong(format!("the transcript is no text: {e}")))?;
        Ok(Self {
            ceremony: ceremony.to_owned(),
            papers: papers::render(&printed, folder)?,
            transcript: transcript(&transcript_text)?,
            transcript_text,
            manifest: read("manifest.age")?,
            stick: raw(&stick)?,
            console,
        })
    }

    /// Numbers and PINs of all slips, in the order they were printed.
    #[must_use]
    pub fn slips(&self) -> Vec<(&str, &str)> {
        let slips = self.papers.iter().filter_map(|paper| match paper {
            Paper::Slip { number, pin, .. } => Some((number.as_str(), pin.as_str())),
            _ => None,
        });
        slips.collect()
    }

    /// The text of the ceremony record printed last, line breaks as spaces.
    #[must_use]
    pub fn record(&self) -> String {
        let text = self.papers.iter().rev().find_map(|paper| match paper {
            Paper::Record { text, .. } => Some(text.as_str()),
            _ => None,
        });
        text.unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The transcript's lines about one kind of event, such as `slip-voided`.
    #[must_use]
    pub fn events(&self, kind: &str) -> Vec<&Value> {
        self.transcript
            .iter()
            .filter(|line| line["event"] == kind)
            .collect()
    }

    /// How often these bytes stand on the stick.
    #[must_use]
    pub fn on_stick(&self, wanted: &str) -> usize {
        occurrences(&self.stick, wanted.as_bytes())
    }
}

/// Every byte of a stick.
pub fn raw(stick: &Stick) -> Result<Vec<u8>> {
    fs::read(stick.path()).map_err(at(stick.path()))
}

/// How often `wanted` stands in `bytes`.
#[must_use]
pub fn occurrences(bytes: &[u8], wanted: &[u8]) -> usize {
    let Some(first) = wanted.first() else { return 0 };
    let mut count = 0;
    let mut rest = bytes;
    // Sticks are mostly zeros, and tests are built without optimisation: look for the first byte first.
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        count += usize::from(rest.starts_with(wanted));
        rest = &rest[1..];
    }
    count
}

/// Reads a transcript and checks its chain: line *n* names the SHA-256 of line *n-1*.
pub fn transcript(text: &str) -> Result<Vec<Value>> {
    let wrong = |number: usize, why: &str| Error::Wrong(format!("line {number} of the transcript {why}"));
    let mut previous = START.to_owned();
    let mut lines = Vec::new();
    if !text.ends_with('\n') {
        return Err(Error::Wrong("the transcript ends in the middle of a line".into()));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let value: Value =
            serde_json::from_str(line).map_err(|e| wrong(number, &format!("is no JSON: {e}")))?;
        if value["n"] != number {
            return Err(wrong(number, "has another number"));
        }
        if value["prev"] != previous.as_str() {
            return Err(wrong(number, "does not continue the line before"));
        }
        previous = sha256(line.as_bytes());
        lines.push(value);
    }
    Ok(lines)
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_or_changed_line_breaks_the_chain() {
        let mut text = String::new();
        let mut previous = START.to_owned();
        for n in 1..=3 {
            let line = format!("{{\"n\":{n},\"prev\":\"{previous}\",\"event\":\"e{n}\"}}");
            previous = sha256(line.as_bytes());
            text.push_str(&line);
            text.push('\n');
        }
        assert_eq!(transcript(&text).unwrap().len(), 3);
        assert!(transcript(&text.replace("e1", "e9")).is_err());
        let without_second: Vec<&str> = text
            .lines()
            .enumerate()
            .filter(|(n, _)| *n != 1)
            .map(|(_, l)| l)
            .collect();
        assert!(transcript(&(without_second.join("\n") + "\n")).is_err());
        assert!(transcript(text.trim_end()).is_err());
    }

    #[test]
    fn counts_what_overlaps_too() {
        assert_eq!(occurrences(b"121 1213121", b"121"), 3);
        assert_eq!(occurrences(b"", b"1"), 0);
    }
}
