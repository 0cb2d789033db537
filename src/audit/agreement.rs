//! Manifest and transcript against each other: two files that one station wrote about one ceremony.

use std::fmt::Debug;

use ring::digest::{SHA256, digest};

use super::{Area, Paper, Report};
use crate::id::KeyFingerprint;
use crate::manifest::schema::PreparedKey;
use crate::manifest::{Manifest, StationFingerprint};
use crate::transcript::tally::{PlannedLine, PreparedLine};
use crate::transcript::{Act, Entry, Reading, Tally, Text, hex};

/// The file as it lies there, against what the transcript says was written.
pub fn check_file(file: &[u8], reading: &Reading, report: &mut Report) {
    let tally = reading.tally_up_to(u64::MAX);
    let Some((sha256, bytes)) = &tally.manifest else {
        return report.check(
            Area::Agreement,
            "manifest file",
            false,
            "the transcript tells of no manifest",
        );
    };
    let found = hex(digest(&SHA256, file).as_ref());
    let holds = found == *sha256 && file.len() as u64 == *bytes;
    let text = if holds {
        format!("its {bytes} bytes with SHA-256 {found} are those that the station wrote")
    } else {
        format!(
            "it has {} bytes with SHA-256 {found}; the station wrote {bytes} bytes with SHA-256 {sha256}",
            file.len()
        )
    };
    report.check(Area::Agreement, "manifest file", holds, text);
}

/// An opened manifest against the paper record.
pub fn check_paper(manifest: &Manifest, paper: &Paper, report: &mut Report) {
    if let Some(ceremony) = &paper.ceremony {
        let (a, b) = (ceremony.as_str(), manifest.ceremony.id.as_str());
        report.compare(
            Area::Paper,
            "ceremony id",
            ("the paper record", a),
            ("the manifest", b),
        );
    }
}

/// What an opened manifest says, against what the transcript says.
pub fn check(manifest: &Manifest, station: &StationFingerprint, reading: &Reading, report: &mut Report) {
    let tally = reading.tally_up_to(u64::MAX);
    let signer = tally.signer.map(|s| s.to_string()).unwrap_or_default();
    let text = |t: &Option<crate::transcript::Text>| t.as_ref().map(|t| t.as_str().to_owned());
    let id = tally
        .ceremony
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let title = text(&tally.title).unwrap_or_default();
    for (subject, ours, theirs) in [
        ("ceremony id", manifest.ceremony.id.to_string(), id),
        ("title", manifest.ceremony.title.clone(), title),
        ("station fingerprint", station.to_string(), signer),
    ] {
        report.compare(
            Area::Agreement,
            subject,
            ("the manifest", &ours),
            ("the transcript", &theirs),
        );
    }
    same(report, "custody", &Some(manifest.pin_custody), &tally.custody);
    same(report, "people", &manifest.people, &tally.people);
    head(manifest, reading, report);
    let then = reading.tally_up_to(manifest.transcript.entries);
    same(report, "printed slips", &manifest.slips.printed, &then.printed);
    same(report, "void slips", &manifest.slips.voided, &then.voided);
    keys(manifest, &then, report);
    passkeys(manifest, reading, report);
}

/// Notes whether manifest and transcript give the same value.
fn same<T: PartialEq + Debug>(report: &mut Report, subject: &str, manifest: &T, transcript: &T) {
    let holds = manifest == transcript;
    let found = if holds {
        "the same in manifest and transcript".to_owned()
    } else {
        format!("the manifest has {manifest:?}, the transcript has {transcript:?}")
    };
    report.check(Area::Agreement, subject, holds, found);
}

/// The manifest names the line that was the last one when it was made.
fn head(manifest: &Manifest, reading: &Reading, report: &mut Report) {
    const SUBJECT: &str = "transcript head in the manifest";
    let said = &manifest.transcript;
    let (holds, found) = match reading.line(said.entries) {
        None => (false, format!("the transcript has no line {}", said.entries)),
        Some(line) if line.sha256 != said.sha256 => (
            false,
            format!(
                "line {} of the transcript has another hash than the manifest says",
                said.entries
            ),
        ),
        Some(_) => match changed_before_writing(reading, said.entries) {
            None => (
                true,
                format!("the transcript continues from line {}", said.entries),
            ),
            Some(why) => (false, why),
        },
    };
    report.check(Area::Agreement, SUBJECT, holds, found);
}

/// Why a manifest made after this line says less than the transcript at the time of writing it.
///
/// Between the two there may be attempts to write, and nothing that a manifest tells of.
fn changed_before_writing(reading: &Reading, made: u64) -> Option<String> {
    for line in reading.lines.iter().filter(|l| l.number > made) {
        match &line.entry {
            Entry::ManifestWritten { .. } => return None,
            Entry::KeyPrepared { .. }
            | Entry::KeyRejected { .. }
            | Entry::KeySealed { .. }
            | Entry::SlipVoided { .. }
            | Entry::Resumed { .. } => {
                return Some(format!(
                    "line {} tells of something that the manifest cannot know",
                    line.number
                ));
            }
            _ => {}
        }
    }
    Some(format!("no manifest is written after line {made}"))
}

fn keys(manifest: &Manifest, tally: &Tally, report: &mut Report) {
    for key in &manifest.keys {
        let subject = format!("key {}", key.label);
        let line = tally.prepared.iter().find(|p| p.label == key.label);
        let plan = tally.planned.iter().find(|p| p.label == key.label);
        let Some(line) = line else {
            report.check(
                Area::Agreement,
                &subject,
                false,
                "the transcript does not tell that it was prepared",
            );
            continue;
        };
        let differences = differences(key, line, plan);
        let found = if differences.is_empty() {
            "account, keeper, slip, bags and fingerprint agree".to_owned()
        } else {
            differences.join("; ")
        };
        report.check(Area::Agreement, &subject, differences.is_empty(), found);
    }
    for line in &tally.prepared {
        if !manifest.keys.iter().any(|key| key.label == line.label) {
            let subject = format!("key {}", line.label);
            report.check(
                Area::Agreement,
                &subject,
                false,
                "it is prepared and not in the manifest",
            );
        }
    }
}

/// The passkeys of the manifest are those that the station told of.
fn passkeys(manifest: &Manifest, reading: &Reading, report: &mut Report) {
    if !reading.tally_up_to(u64::MAX).passkeys && manifest.keys.iter().all(|key| key.registration.is_none()) {
        return;
    }
    for key in &manifest.keys {
        // A key that was prepared again made another one: the last one counts.
        let told = reading.lines.iter().rev().find_map(|line| match &line.entry {
            Entry::Done {
                effect: Act::MakePasskey,
                key: Some(label),
                result: Some(id),
                ..
            } if *label == key.label => Some(id.as_str().to_owned()),
            _ => None,
        });
        let made = key.registration.as_ref();
        let made = made.map(|made| Text::new(&made.credential_id.to_string()).as_str().to_owned());
        let none = || "none".to_owned();
        report.compare(
            Area::Agreement,
            &format!("passkey of {}", key.label),
            ("the manifest", &made.unwrap_or_else(none)),
            ("the transcript", &told.unwrap_or_else(none)),
        );
    }
}

fn differences(key: &PreparedKey, line: &PreparedLine, plan: Option<&PlannedLine>) -> Vec<String> {
    let mut all = Vec::new();
    let mut compare = |what: &str, manifest: Option<String>, transcript: Option<String>| {
        if manifest != transcript {
            let none = || "none".to_owned();
            all.push(format!(
                "{what}: the manifest has {}, the transcript has {}",
                manifest.unwrap_or_else(none),
                transcript.unwrap_or_else(none)
            ));
        }
    };
    if let Some(plan) = plan {
        let text = |t: &Option<crate::transcript::Text>| t.as_ref().map(|t| t.as_str().to_owned());
        compare(
            "account",
            Some(key.account.to_string()),
            Some(plan.account.to_string()),
        );
        compare("place", Some(key.place.to_string()), Some(plan.place.to_string()));
        compare("custodian", key.custodian.clone(), text(&plan.custodian));
        compare("safe", key.safe.clone(), text(&plan.safe));
    }
    compare(
        "slip",
        key.slip.map(|s| s.to_string()),
        line.slip.map(|s| s.to_string()),
    );
    let bag = |bag: &Option<crate::id::BagNumber>| bag.as_ref().map(ToString::to_string);
    compare("bag of the key", bag(&key.key_bag), bag(&line.key_bag));
    let slip_bags = [&key.slip_bag, &key.second_slip_bag].into_iter().flatten();
    let joined = |bags: Vec<String>| (!bags.is_empty()).then(|| bags.join(", "));
    compare(
        "bags of the slip",
        joined(slip_bags.map(ToString::to_string).collect()),
        joined(line.slip_bags.iter().map(ToString::to_string).collect()),
    );
    let fingerprint = KeyFingerprint::of(key.identity.public_key.as_slice());
    compare(
        "fingerprint",
        Some(fingerprint.to_string()),
        Some(line.fingerprint.as_str().to_owned()),
    );
    all
}
