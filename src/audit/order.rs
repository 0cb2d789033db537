//! The order of a ceremony: what the lines of a transcript say against each other.

use std::collections::BTreeMap;

use super::{Area, Report};
use crate::id::{BagNumber, LabelId};
use crate::transcript::tally::Stage;
use crate::transcript::{Act, Entry, ExceptionKind, ReadLine, Reading, Tally};

/// Checks a transcript by itself: chain, order and end.
pub fn check(reading: &Reading, report: &mut Report) {
    match &reading.broken {
        Some(error) => report.check(Area::Chain, "chain of lines", false, error.to_string()),
        None => report.check(
            Area::Chain,
            "chain of lines",
            true,
            format!(
                "{} lines, each with the hash of the line before",
                reading.lines.len()
            ),
        ),
    }
    if let Some(bytes) = reading.torn {
        report.remark(format!(
            "The last line is unfinished: {bytes} bytes without a line feed, as a power cut leaves them. They count for nothing."
        ));
    }
    let tally = reading.tally_up_to(u64::MAX);
    let mut found: Vec<(u64, String)> = tally.findings.iter().map(|f| (f.line, f.what.clone())).collect();
    let mut watch = Watch::default();
    let mut sums = Tally::default();
    for line in &reading.lines {
        watch.see(line, sums.stage);
        sums.add(&line.entry);
    }
    found.append(&mut watch.found);
    found.sort();
    for (line, what) in &found {
        report.check(
            Area::Order,
            "order of the ceremony",
            false,
            format!("line {line}: {what}"),
        );
    }
    if found.is_empty() {
        report.check(
            Area::Order,
            "order of the ceremony",
            true,
            "no line contradicts another".to_owned(),
        );
    }
    report.remarks.append(&mut watch.remarks);
    unexplained(reading, &tally, report);
    end(reading, &tally, report);
}

/// Whether the transcript reaches an end.
fn end(reading: &Reading, tally: &Tally, report: &mut Report) {
    if reading.broken.is_some() {
        // Nobody knows what the rest says.
        return;
    }
    let (holds, found) = match (tally.stage, tally.is_aborted) {
        (Stage::Ended | Stage::Sealed, true) => (true, "the ceremony was broken off, and says so"),
        (Stage::Ended, false) => (true, "the ceremony ended"),
        (Stage::Sealed, false) => (true, "the second pass ended"),
        (Stage::Sealing, _) => (false, "unfinished: the second pass has no end"),
        (Stage::Paused, _) => (false, "unfinished: it was paused and not taken up again"),
        _ => (false, "unfinished: the ceremony has no end"),
    };
    report.check(Area::End, "end of the ceremony", holds, found);
}

/// What a person should have explained.
fn unexplained(reading: &Reading, tally: &Tally, report: &mut Report) {
    for slip in &tally.voided {
        if !tally.exceptions.iter().any(|e| e.slip == Some(*slip)) {
            report.remark(format!("Slip {slip} is void, and no exception explains it."));
        }
    }
    let of_kind = |kind| tally.exceptions.iter().filter(|e| e.kind == kind).count();
    if of_kind(ExceptionKind::KeyRejected) < tally.rejected.len() {
        report.remark("A key was put aside, and no exception explains it.");
    }
    if of_kind(ExceptionKind::Restart) < tally.restarts as usize {
        report.remark("It was taken up again after a power cut, and no exception explains it.");
    }
    let ended = matches!(tally.stage, Stage::Ended | Stage::Sealed);
    if ended && !reading.lines.iter().any(printed_record) {
        report.remark("No record was printed.");
    }
    let open = tally.planned.len().saturating_sub(tally.prepared.len());
    if ended && open > 0 {
        report.remark(format!(
            "{open} of {} planned keys were not prepared.",
            tally.planned.len()
        ));
    }
}

fn printed_record(line: &ReadLine) -> bool {
    matches!(
        line.entry,
        Entry::Done {
            effect: Act::PrintRecord,
            ..
        }
    )
}

/// What is remembered from line to line, beside the sums.
#[derive(Default)]
struct Watch {
    last: Option<time::OffsetDateTime>,
    bags: BTreeMap<String, u64>,
    fingerprints: BTreeMap<String, u64>,
    planned: BTreeMap<LabelId, String>,
    people: Vec<String>,
    someone_sat: bool,
    noted_nobody: bool,
    exporting: bool,
    found: Vec<(u64, String)>,
    remarks: Vec<String>,
}

impl Watch {
    fn see(&mut self, line: &ReadLine, stage: Stage) {
        if let Entry::ClockSet { was, to } = &line.entry {
            self.remarks.push(format!(
                "Line {}: the officer set the station's clock from {was} to {to}.",
                line.number
            ));
        } else if self.last.is_some_and(|last| last > line.time) {
            self.remarks.push(format!(
                "Line {} is dated before the line above it: the station's clock was set back.",
                line.number
            ));
        }
        self.last = Some(line.time);
        let number = line.number;
        if stage == Stage::Ended && touches_keys(&line.entry) {
            self.find(number, "a key is worked on after the ceremony ended");
        }
        if stage == Stage::Paused && touches_keys(&line.entry) {
            self.find(number, "a key is worked on during a pause");
        }
        match &line.entry {
            Entry::Started { people, .. } => self.people = people.iter().map(|p| p.name.clone()).collect(),
            Entry::Planned { label, account, .. } => {
                self.planned.insert(label.clone(), account.to_string());
            }
            Entry::Present { officer, witness } => {
                self.someone_sat = true;
                for name in [officer.as_str(), witness.as_str()] {
                    if !self.people.iter().any(|p| p == name) {
                        self.find(
                            number,
                            format!("{name:?} sits at the station and is not in the plan"),
                        );
                    }
                }
            }
            Entry::KeyIdentified { label, account, .. } => {
                if !self.someone_sat && !self.noted_nobody {
                    self.noted_nobody = true;
                    self.remarks
                        .push("Nobody is named as sitting at the station.".into());
                }
                let planned = self.planned.get(label);
                if planned.is_some_and(|p| p != account.as_str()) {
                    self.find(
                        number,
                        format!("key {label} is made for {account}, which is not its account"),
                    );
                }
            }
            Entry::KeyPrepared {
                key_bag,
                slip_bag,
                second_slip_bag,
                fingerprint,
                ..
            } => {
                self.bags(number, [key_bag, slip_bag, second_slip_bag]);
                if let Some(first) = self.fingerprints.insert(fingerprint.as_str().to_owned(), number) {
                    let what = format!("this key is the one of line {first}: their fingerprints are equal");
                    self.find(number, what);
                }
            }
            Entry::KeySealed {
                slip_bag,
                second_slip_bag,
                ..
            } => self.bags(number, [slip_bag, second_slip_bag, &None]),
            Entry::Intended {
                effect: Act::Export, ..
            } => self.exporting = true,
            Entry::ManifestWritten { .. } => {
                let announced = std::mem::take(&mut self.exporting);
                if !announced {
                    self.find(number, "a manifest is written that nobody was about to export");
                }
            }
            _ => {}
        }
    }

    fn bags(&mut self, line: u64, bags: [&Option<BagNumber>; 3]) {
        for bag in bags.into_iter().flatten() {
            if let Some(first) = self.bags.insert(bag.to_string(), line) {
                self.find(line, format!("bag {bag} is used again; line {first} used it"));
            }
        }
    }

    fn find(&mut self, line: u64, what: impl Into<String>) {
        self.found.push((line, what.into()));
    }
}

/// Whether an entry belongs between the beginning and the end of a ceremony only.
fn touches_keys(entry: &Entry) -> bool {
    match entry {
        Entry::KeyPrepared { .. }
        | Entry::KeyRejected { .. }
        | Entry::KeyIdentified { .. }
        | Entry::KeySealed { .. }
        | Entry::Planned { .. }
        | Entry::SlipVoided { .. } => true,
        Entry::Intended { effect, .. } => !matches!(effect, Act::PrintRecord | Act::Export),
        _ => false,
    }
}
