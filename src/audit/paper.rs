//! The paper record against the transcript: where its head stands in the chain, and what came after.

use super::{Area, Report};
use crate::id::CeremonyId;
use crate::manifest::{HeadStart, RecordCode, StationFingerprint};
use crate::transcript::{Act, Entry, ReadLine, Reading};

/// What the auditor read from the signed paper record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paper {
    /// The ceremony.
    pub ceremony: Option<CeremonyId>,
    /// The station key's fingerprint.
    pub station: Option<StationFingerprint>,
    /// The transcript head, or its first digits.
    pub head: Option<HeadStart>,
}

impl From<RecordCode> for Paper {
    fn from(code: RecordCode) -> Self {
        Self {
            ceremony: Some(code.ceremony),
            station: Some(code.station),
            head: Some(code.head.into()),
        }
    }
}

/// Compares what is on paper with a transcript.
pub fn check(paper: &Paper, reading: &Reading, report: &mut Report) {
    let tally = reading.tally_up_to(u64::MAX);
    if let Some(ceremony) = &paper.ceremony {
        let found = tally
            .ceremony
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let paper = ("the paper record", ceremony.as_str());
        report.compare(Area::Paper, "ceremony id", paper, ("the transcript", &found));
    }
    if let Some(head) = &paper.head {
        check_head(head, reading, report);
    }
    if let Some(station) = &paper.station {
        check_station(station, paper.head.as_ref(), reading, report);
    }
}

/// The station that a record printed at this line must name: the one that signs the manifest after it.
fn station_for(reading: &Reading, number: u64) -> Option<StationFingerprint> {
    let written = |l: &&ReadLine| l.number > number && matches!(l.entry, Entry::ManifestWritten { .. });
    let until = reading.lines.iter().rfind(written).map_or(number, |l| l.number);
    reading.tally_up_to(until).stations.last().copied()
}

fn check_station(
    station: &StationFingerprint,
    head: Option<&HeadStart>,
    reading: &Reading,
    report: &mut Report,
) {
    let tally = reading.tally_up_to(u64::MAX);
    let printed = head.and_then(|h| reading.lines.iter().find(|l| h.fits(&l.sha256)));
    let expected = match printed {
        Some(line) => station_for(reading, line.number),
        None => tally.signer.or(tally.stations.last().copied()),
    };
    let expected = expected.map(|s| s.to_string()).unwrap_or_default();
    let paper = ("the paper record", station.to_string());
    report.compare(
        Area::Paper,
        "station fingerprint",
        (paper.0, &paper.1),
        ("the transcript", &expected),
    );
}

/// Whether the record was being printed after this line.
fn is_printing(line: Option<&ReadLine>) -> bool {
    line.is_some_and(|line| {
        matches!(
            line.entry,
            Entry::Intended {
                effect: Act::PrintRecord,
                ..
            }
        )
    })
}

fn check_head(head: &HeadStart, reading: &Reading, report: &mut Report) {
    const SUBJECT: &str = "transcript head";
    let Some(line) = reading.lines.iter().find(|l| head.fits(&l.sha256)) else {
        let found = "no line of this transcript has the hash that stands on paper: lines were changed, cut off or written anew, or this is the record of another ceremony";
        return report.check(Area::Paper, SUBJECT, false, found);
    };
    let number = line.number;
    let after = reading.lines.len() as u64 - number;
    if is_printing(Some(line)) || is_printing(reading.line(number + 1)) {
        let found =
            format!("the record was printed at line {number}; {after} lines follow and continue the chain");
        report.check(Area::Paper, SUBJECT, true, found);
    } else if after == 0 {
        report.check(
            Area::Paper,
            SUBJECT,
            true,
            "it is the last line of this transcript",
        );
    } else {
        let found = format!("it is the hash of line {number}, where no record was printed");
        report.check(Area::Paper, SUBJECT, false, found);
    }
    what_came_after(number, reading, report);
}

/// A record covers what was written before it was printed.
fn what_came_after(number: u64, reading: &Reading, report: &mut Report) {
    let rest = || reading.lines.iter().filter(|l| l.number > number);
    let prepared = rest()
        .filter(|l| matches!(l.entry, Entry::KeyPrepared { .. } | Entry::KeyRejected { .. }))
        .count();
    if prepared > 0 {
        let found = format!("{prepared} keys were prepared or put aside after this record was printed");
        report.check(Area::Paper, "what the record covers", false, found);
    }
    if rest().any(|l| matches!(l.entry, Entry::SealingStarted { .. })) {
        report.remark("The second pass came after this record: it has a record of its own.");
    } else if rest().skip(1).any(|l| is_printing(Some(l))) {
        report.remark("The record was printed again later: ask for that one, and why.");
    }
}
