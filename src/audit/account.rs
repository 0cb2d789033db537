//! What a transcript tells, in the order in which an auditor asks: who, which keys, what went wrong, the sums.

pub mod keys;

use serde::Serialize;
use time::OffsetDateTime;

use crate::id::{CeremonyId, LabelId, SlipNumber};
use crate::manifest::StationFingerprint;
use crate::manifest::schema::{Person, PinCustody};
use crate::transcript::{Entry, ExceptionKind, ReadLine, Reading};

pub use keys::{KeyAccount, Outcome};

/// Who sat at the station.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sitting {
    /// From when, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub from: OffsetDateTime,
    /// Officer.
    pub officer: String,
    /// Witness.
    pub witness: String,
}

/// A pause, or a power cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Interruption {
    /// When the last line before it was written, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub stopped: OffsetDateTime,
    /// When it was taken up again, UTC; none while it was not.
    #[serde(with = "time::serde::rfc3339::option")]
    pub resumed: Option<OffsetDateTime>,
    /// True for a power cut or a crash.
    pub cut: bool,
    /// Bytes of an unfinished line that were dropped.
    pub torn: u64,
    /// What was known of the key in hand.
    pub found: String,
}

/// An exception with its reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExceptionAccount {
    /// Running number from 1.
    pub number: u32,
    /// What it is.
    pub kind: ExceptionKind,
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The key concerned.
    pub key: Option<LabelId>,
    /// The slip concerned.
    pub slip: Option<SlipNumber>,
    /// What happened, by the program.
    pub what: String,
    /// Why, as a person typed it.
    pub reason: String,
}

/// The whole account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The ceremony; none of an empty transcript.
    pub ceremony: Option<CeremonyId>,
    /// Title from the plan.
    pub title: Option<String>,
    /// SHA-256 of the plan file.
    pub plan_sha256: Option<String>,
    /// Where PINs are kept.
    pub custody: Option<PinCustody>,
    /// When the first line was written, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub began: Option<OffsetDateTime>,
    /// When the last line was written, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last: Option<OffsetDateTime>,
    /// Versions of the program, one for each start.
    pub versions: Vec<String>,
    /// Fingerprints of the station keys, one for each start.
    pub stations: Vec<StationFingerprint>,
    /// Fingerprint of the one that signed the manifest.
    pub signer: Option<StationFingerprint>,
    /// Everybody the plan names.
    pub people: Vec<Person>,
    /// Who sat at the station.
    pub sittings: Vec<Sitting>,
    /// Pauses and power cuts.
    pub interruptions: Vec<Interruption>,
    /// The keys of the plan, and any that are not in it.
    pub keys: Vec<KeyAccount>,
    /// Keys that were put aside: the label they would have got, and why.
    pub rejected: Vec<(LabelId, String)>,
    /// Exceptions.
    pub exceptions: Vec<ExceptionAccount>,
    /// Slips printed.
    pub slips_printed: u32,
    /// Slips that belong to prepared keys.
    pub slips_sealed: usize,
    /// Void slips.
    pub slips_voided: Vec<SlipNumber>,
    /// Whether the ceremony ended by being broken off.
    pub aborted: bool,
    /// Lines.
    pub lines: u64,
    /// SHA-256 of the last line, in lower-case hexadecimal.
    pub head: String,
}

impl Account {
    /// Tells what a transcript tells, as far as its chain holds.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let tally = reading.tally_up_to(u64::MAX);
        let lines = &reading.lines;
        let text = |t: &crate::transcript::Text| t.as_str().to_owned();
        Self {
            ceremony: tally.ceremony.clone(),
            title: tally.title.as_ref().map(text),
            plan_sha256: tally.plan_sha256.clone(),
            custody: tally.custody,
            began: lines.first().map(|l| l.time),
            last: lines.last().map(|l| l.time),
            versions: lines.iter().filter_map(version).collect(),
            stations: tally.stations.clone(),
            signer: tally.signer,
            people: tally.people.clone(),
            sittings: lines.iter().filter_map(sitting).collect(),
            interruptions: interruptions(lines),
            keys: keys::of(lines, &tally),
            rejected: tally
                .rejected
                .iter()
                .map(|(l, why)| (l.clone(), text(why)))
                .collect(),
            exceptions: lines.iter().filter_map(exception).collect(),
            slips_printed: tally.printed,
            slips_sealed: tally.sealed().count(),
            slips_voided: tally.voided.clone(),
            aborted: tally.is_aborted,
            lines: tally.lines,
            head: reading.head().to_owned(),
        }
    }
}

fn version(line: &ReadLine) -> Option<String> {
    match &line.entry {
        Entry::Started { version, .. }
        | Entry::Resumed { version, .. }
        | Entry::SealingStarted { version, .. } => Some(version.as_str().to_owned()),
        _ => None,
    }
}

fn sitting(line: &ReadLine) -> Option<Sitting> {
    match &line.entry {
        Entry::Present { officer, witness } => Some(Sitting {
            from: line.time,
            officer: officer.as_str().to_owned(),
            witness: witness.as_str().to_owned(),
        }),
        _ => None,
    }
}

fn exception(line: &ReadLine) -> Option<ExceptionAccount> {
    match &line.entry {
        Entry::Exception {
            number,
            kind,
            key,
            slip,
            what,
            reason,
        } => Some(ExceptionAccount {
            number: *number,
            kind: *kind,
            at: line.time,
            key: key.clone(),
            slip: *slip,
            what: what.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
        }),
        _ => None,
    }
}

fn interruptions(lines: &[ReadLine]) -> Vec<Interruption> {
    let mut all: Vec<Interruption> = Vec::new();
    let mut before: Option<&ReadLine> = None;
    for line in lines {
        match &line.entry {
            Entry::Paused => all.push(Interruption {
                stopped: line.time,
                resumed: None,
                cut: false,
                torn: 0,
                found: String::new(),
            }),
            Entry::Resumed { cut, torn, found, .. } => {
                take_up(&mut all, before, line, (*cut, *torn, found.as_str()));
            }
            // After the end of the first pass the second one is no interruption.
            Entry::SealingStarted { .. }
                if !before.is_some_and(|b| matches!(b.entry, Entry::Ended { .. })) =>
            {
                let paused = before.is_some_and(|b| matches!(b.entry, Entry::Paused));
                take_up(&mut all, before, line, (!paused, 0, "Second pass."));
            }
            _ => {}
        }
        before = Some(line);
    }
    all
}

/// Ends the pause that is open, or adds what no line announced.
fn take_up(
    all: &mut Vec<Interruption>,
    before: Option<&ReadLine>,
    line: &ReadLine,
    (cut, torn, found): (bool, u64, &str),
) {
    let open = all.pop_if(|pause| !cut && pause.resumed.is_none());
    all.push(Interruption {
        stopped: open.map_or_else(|| before.map_or(line.time, |b| b.time), |pause| pause.stopped),
        resumed: Some(line.time),
        cut,
        torn,
        found: found.to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::{Text, Transcript};
    use time::macros::datetime;

    fn ended() -> Entry {
        Entry::Ended {
            prepared: 0,
            rejected: 0,
            slips_printed: 0,
            slips_voided: 0,
            exceptions: 0,
            aborted: false,
        }
    }

    /// Of each interruption: whether it was a power cut, and whether somebody took the ceremony up again.
    fn stops(entries: Vec<Entry>) -> Vec<(bool, bool)> {
        let mut transcript = Transcript::default();
        let lines = entries.into_iter();
        let text: String = lines
            .map(|entry| transcript.append(datetime!(2026-11-22 10:00 UTC), entry))
            .collect();
        let account = Account::of(&Reading::of(text.as_bytes()));
        let stops = account.interruptions.iter();
        stops.map(|stop| (stop.cut, stop.resumed.is_some())).collect()
    }

    #[test]
    fn the_second_pass_is_interrupted_like_the_first() {
        let sealing = || Entry::SealingStarted {
            version: Text::new("1"),
            station: StationFingerprint([7; 32]),
        };
        assert_eq!(stops(vec![ended(), sealing()]), []);
        assert_eq!(stops(vec![ended(), sealing(), Entry::Paused]), [(false, false)]);
        assert_eq!(
            stops(vec![ended(), sealing(), Entry::Paused, sealing()]),
            [(false, true)]
        );
        assert_eq!(stops(vec![ended(), sealing(), sealing()]), [(true, true)]);
    }
}
