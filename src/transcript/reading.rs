//! Reads a transcript as an auditor does: as far as the chain holds, and why it ends there.

use time::OffsetDateTime;

use super::{Entry, START, Tally, Transcript, TranscriptError};

/// One line that continues the chain.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadLine {
    /// Its number, from 1.
    pub number: u64,
    /// When it was written, UTC.
    pub time: OffsetDateTime,
    /// SHA-256 of the line without its line feed, in lower-case hexadecimal.
    pub sha256: String,
    /// What happened.
    pub entry: Entry,
}

/// A transcript, as far as its chain holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The lines, in order.
    pub lines: Vec<ReadLine>,
    /// Bytes of a last line that has no line feed, as a power cut leaves it; it counts for nothing.
    pub torn: Option<u64>,
    /// Where and why the chain breaks; whatever follows is not read.
    pub broken: Option<TranscriptError>,
}

impl Reading {
    /// Reads a file.
    #[must_use]
    pub fn of(file: &[u8]) -> Self {
        let whole = file.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let (whole, tail) = file.split_at(whole);
        let mut reading = Self {
            lines: Vec::new(),
            torn: (!tail.is_empty()).then_some(tail.len() as u64),
            broken: None,
        };
        let mut chain = Transcript::default();
        for line in whole.split_inclusive(|b| *b == b'\n') {
            let text = std::str::from_utf8(&line[..line.len() - 1]).map_err(|_| TranscriptError {
                line: chain.entries + 1,
                reason: "it is not text".into(),
            });
            match text.and_then(|text| chain.take(text)) {
                Ok(line) => reading.lines.push(ReadLine {
                    number: line.n,
                    time: line.time,
                    sha256: chain.head.clone(),
                    entry: line.entry,
                }),
                Err(error) => {
                    reading.broken = Some(error);
                    break;
                }
            }
        }
        reading
    }

    /// SHA-256 of the last line whose chain holds.
    #[must_use]
    pub fn head(&self) -> &str {
        self.lines.last().map_or(START, |line| &line.sha256)
    }

    /// The line with this number.
    #[must_use]
    pub fn line(&self, number: u64) -> Option<&ReadLine> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.lines.get(index)
    }

    /// What the first `lines` lines add up to.
    #[must_use]
    pub fn tally_up_to(&self, lines: u64) -> Tally {
        let lines = usize::try_from(lines).unwrap_or(usize::MAX);
        Tally::of(self.lines.iter().take(lines).map(|line| &line.entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    fn three_lines() -> String {
        let mut transcript = Transcript::default();
        let entries = [Entry::Paused, Entry::Paused, Entry::Paused].into_iter();
        entries
            .map(|entry| transcript.append(datetime!(2026-11-22 10:00 UTC), entry))
            .collect()
    }

    #[test]
    fn names_the_hash_of_each_line() {
        let text = three_lines();
        let reading = Reading::of(text.as_bytes());
        let (chain, _) = Transcript::verify(&text).unwrap();
        assert_eq!((reading.lines.len(), reading.head()), (3, chain.head()));
        assert_eq!((reading.torn, reading.broken.clone()), (None, None));
        assert!(text.contains(&reading.line(2).unwrap().sha256));
        assert_eq!((reading.line(0), reading.line(4)), (None, None));
    }

    #[test]
    fn a_torn_last_line_is_told_from_a_changed_one() {
        let text = three_lines();
        let torn = Reading::of(&text.as_bytes()[..text.len() - 10]);
        assert!(torn.torn.is_some() && torn.broken.is_none() && torn.lines.len() == 2);
        let changed = Reading::of(text.replacen("paused", "Paused", 2).as_bytes());
        assert!(changed.torn.is_none());
        assert_eq!(changed.broken.unwrap().line, 1);
    }

    proptest! {
        #[test]
        fn every_cut_gives_the_whole_lines_before_it(cut in 0..1000_usize) {
            let text = three_lines();
            let cut = cut.min(text.len());
            let reading = Reading::of(&text.as_bytes()[..cut]);
            let whole = text[..cut].matches('\n').count();
            prop_assert_eq!(reading.broken, None);
            prop_assert_eq!(reading.lines.len(), whole);
            prop_assert_eq!(reading.torn.is_some(), cut > 0 && !text[..cut].ends_with('\n'));
        }

        #[test]
        fn no_bytes_are_too_odd(bytes: Vec<u8>) {
            let _ = Reading::of(&bytes);
        }
    }
}
