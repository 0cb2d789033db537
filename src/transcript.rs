//! The transcript: what happened, in order, each line chained to the one before by SHA-256.
//!
//! JSON Lines; line *n* holds in `prev` the SHA-256 of line *n-1* without its line feed (64 zeros in the
//! first). An [`Entry`] has no field that could hold a secret: secrets cannot be serialised.

pub mod entry;
pub mod reading;
pub mod tally;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::manifest::HeadDigest;

pub use entry::{Act, Entry, ExceptionKind, Text};
pub use reading::{ReadLine, Reading};
pub use tally::Tally;

/// `prev` of the first line.
const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    /// Running number from 1.
    n: u64,
    /// UTC.
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    /// SHA-256 of the line before, lower-case hexadecimal.
    prev: String,
    /// What happened.
    #[serde(flatten)]
    entry: Entry,
}

/// Why a transcript is not whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the transcript: {reason}")]
pub struct TranscriptError {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub reason: String,
}

/// The chain so far: enough to write the next line and to name the head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transcript {
    head: String,
    entries: u64,
}

impl Default for Transcript {
    fn default() -> Self {
        Self {
            head: START.to_owned(),
            entries: 0,
        }
    }
}

impl Transcript {
    /// Makes the next line, with its line feed.
    pub fn append(&mut self, time: OffsetDateTime, entry: Entry) -> String {
        let line = Line {
            n: self.entries + 1,
            time,
            prev: self.head.clone(),
            entry,
        };
        // An entry is made of strings and numbers alone, which always serialise.
        let mut text = serde_json::to_string(&line).unwrap_or_default();
        self.head = hex(digest(&SHA256, text.as_bytes()).as_ref());
        self.entries += 1;
        text.push('\n');
        text
    }

    /// SHA-256 of the last line, in lower-case hexadecimal.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The same, as it is printed.
    #[must_use]
    pub fn head_digest(&self) -> HeadDigest {
        // It is always 64 hexadecimal digits.
        self.head.parse().unwrap_or(HeadDigest([0; 32]))
    }

    /// Number of lines.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// How many of a text's first lines hold together: after a power cut, all but an unfinished one.
    #[must_use]
    pub fn whole_lines(text: &str) -> u64 {
        match Self::verify(text) {
            Ok((chain, _)) => chain.entries,
            Err(error) => error.line - 1,
        }
    }

    /// Reads a whole transcript, checking numbers and chain; returns the chain and what happened.
    pub fn verify(text: &str) -> Result<(Self, Vec<(OffsetDateTime, Entry)>), TranscriptError> {
        let mut chain = Self::default();
        let mut entries = Vec::new();
        for text in text.split_terminator('\n') {
            let line = chain.take(text)?;
            entries.push((line.time, line.entry));
        }
        Ok((chain, entries))
    }

    /// Takes a line that was written, without its line feed, if it continues the chain.
    fn take(&mut self, text: &str) -> Result<Line, TranscriptError> {
        let number = self.entries + 1;
        let refuse = |reason: String| TranscriptError { line: number, reason };
        let line: Line = serde_json::from_str(text).map_err(|e| refuse(format!("it does not parse: {e}")))?;
        if line.n != number {
            return Err(refuse(format!("it carries the number {}", line.n)));
        }
        if line.prev != self.head {
            return Err(refuse(
                "it does not continue the line before: a line was changed or removed".into(),
            ));
        }
        self.head = hex(digest(&SHA256, text.as_bytes()).as_ref());
        self.entries = number;
        Ok(line)
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    fn three_lines() -> String {
        let mut transcript = Transcript::default();
        let at = datetime!(2026-11-22 10:00 UTC);
        let mut all = String::new();
        for step in [Act::Identify, Act::Reset, Act::SetPin] {
            all += &transcript.append(
                at,
                Entry::Intended {
                    effect: step,
                    key: None,
                    slip: None,
                },
            );
        }
        let (again, entries) = Transcript::verify(&all).unwrap();
        assert_eq!(hex(&again.head_digest().0), again.head());
        assert_eq!((again, entries.len()), (transcript, 3));
        all
    }

    #[test]
    fn a_changed_removed_or_swapped_line_is_noticed() {
        let text = three_lines();
        assert_eq!(
            Transcript::verify(&text.replace("identify", "export"))
                .unwrap_err()
                .line,
            2
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            Transcript::verify(&format!("{}\n{}\n", lines[0], lines[2]))
                .unwrap_err()
                .line,
            2
        );
        assert_eq!(
            Transcript::verify(&format!("{}\n{}\n", lines[1], lines[0]))
                .unwrap_err()
                .line,
            1
        );
        assert_eq!(Transcript::verify(&text[..text.len() - 10]).unwrap_err().line, 3);
    }
}
