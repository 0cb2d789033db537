//! What a ceremony leaves behind: papers, stick, console text; checked without the station's own code.

use std::fs;
use std::path::{Path, PathBuf};

use bench::stick::Stick;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::papers::{self, Paper, Recognised};
use crate::recipient::Recipient;
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
    /// Where the pictures lie, and copies of transcript and manifest.
    pub folder: PathBuf,
}

impl Evidence {
    /// Waits for the station to switch itself off, and reads everything; `folder` is for pictures and files.
    pub fn collect(station: Station, ceremony: &str, folder: &Path) -> Result<Self> {
        // The console is gone with the machine; by the last question it has said all but good-bye.
        let console = station.console().text();
        let (stick, printed) = station.finish()?;
        Self::read(&stick, &printed, console, ceremony, folder)
    }

    /// Reads what one or more starts of the station have left.
    pub fn read(
        stick: &Stick,
        printed: &[u8],
        console: String,
        ceremony: &str,
        folder: &Path,
    ) -> Result<Self> {
        let papers = papers::render(printed, folder)?;
        let read = |name: &str| {
            let bytes = stick.read(&format!("ceremony-{ceremony}/{name}"))?;
            fs::write(folder.join(name), &bytes).map_err(at(folder.join(name)))?;
            Ok::<_, Error>(bytes)
        };
        let transcript_text = String::from_utf8(read("transcript.jsonl")?)
            .map_err(|e| Error::Wrong(format!("the transcript is no text: {e}")))?;
        Ok(Self {
            ceremony: ceremony.to_owned(),
            papers,
            transcript: transcript(&transcript_text)?,
            transcript_text,
            manifest: read("manifest.age")?,
            stick: raw(stick)?,
            console,
            folder: folder.to_owned(),
        })
    }

    /// Has `glasskey verify` compare transcript, manifest and every record of this ceremony.
    pub fn verify(&self, program: &Path, recipient: &Recipient) -> Result<()> {
        let file = |name: &str| self.folder.join(name).to_string_lossy().into_owned();
        let (transcript, manifest) = (file("transcript.jsonl"), file("manifest.age"));
        let identity = recipient.identity.to_string_lossy().into_owned();
        let opened = ["--manifest", &manifest, "--identity", &identity];
        let code = self.record_code();
        let head = code.rsplit(':').next().unwrap_or_default();
        verified(program, &["transcript", &transcript, "--head", head])?;
        verified(
            program,
            &[
                "manifest",
                &manifest,
                "--identity",
                &identity,
                "--transcript",
                &transcript,
            ],
        )?;
        // The manifest was signed in the first pass: a record of the second one has another station's fingerprint.
        let second_pass = !self.events("sealing-started").is_empty();
        let files = if second_pass { &[][..] } else { &opened[..] };
        verified(
            program,
            &[&["record", "--qr", code, "--transcript", &transcript], files].concat(),
        )
    }

    /// What the QR code of the record printed last says.
    #[must_use]
    pub fn record_code(&self) -> &str {
        let code = self.papers.iter().rev().find_map(|paper| match paper {
            Paper::Record { qr, .. } => Some(qr.as_str()),
            _ => None,
        });
        code.unwrap_or_default()
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

    /// The text of the ceremony record printed last.
    #[must_use]
    pub fn record(&self) -> Recognised {
        let text = self.papers.iter().rev().find_map(|paper| match paper {
            Paper::Record { text, .. } => Some(text.clone()),
            _ => None,
        });
        text.unwrap_or_default()
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

/// Runs `glasskey verify`, which must find nothing wrong.
fn verified(program: &Path, request: &[&str]) -> Result<()> {
    let done = std::process::Command::new(program)
        .arg("verify")
        .args(request)
        .output()
        .map_err(at(program))?;
    if done.status.success() {
        return Ok(());
    }
    Err(Error::Wrong(format!(
        "glasskey verify {} says {}:\n{}{}",
        request.join(" "),
        done.status,
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    )))
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

/// A slip's number as papers show it: four digits and the check character of ISO/IEC 7064 MOD 37,36.
#[must_use]
pub fn slip_number(number: u64) -> String {
    let digits = format!("{number:04}");
    let product = digits.bytes().fold(36, |product, digit| {
        let sum = (product + u32::from(digit - b'0')) % 36;
        (if sum == 0 { 36 } else { sum }) * 2 % 37
    });
    let check = char::from_digit((37 - product) % 36, 36).unwrap_or('?');
    format!("{digits}-{}", check.to_ascii_uppercase())
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

    #[test]
    fn slip_numbers_have_the_check_characters_of_the_standard() {
        assert_eq!(slip_number(1), "0001-E");
        assert_eq!(slip_number(2), "0002-C");
        assert_eq!(slip_number(3), "0003-A");
        assert_ne!(slip_number(10), slip_number(1000));
    }
}
