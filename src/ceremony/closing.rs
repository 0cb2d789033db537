//! The end of a ceremony: the record on paper, the manifest on the stick.

use ring::digest::{SHA256, digest};

use super::driver::{Driver, DriverError, KeptKey, print_failure};
use super::event::{Failure, FailureKind, Outcome};
use super::state::{Ceremony, Job};
use crate::console::ConsoleError;
use crate::id::{KeyFingerprint, SlipNumber};
use crate::manifest::Manifest;
use crate::manifest::schema::{CeremonyFacts, Person, Role, SlipCount, TranscriptHead};
use crate::media::{MANIFEST, MediaError};
use crate::paper::label::{LabelContent, LabelSheet};
use crate::paper::record::{self, KeyLine, RecordContent};
use crate::paper::{Document, LayoutError};
use crate::transcript::{Entry, hex};

/// Finds what could not be printed later, before a key is touched.
pub(super) fn check_printable(driver: &Driver<'_>, jobs: &[Job]) -> Result<(), LayoutError> {
    for job in jobs {
        if let Some(slip) = SlipNumber::new(1) {
            driver.slip(slip, job).check_printable()?;
        }
    }
    if let Some(job) = jobs.first() {
        // A sheet that the plan calls used beyond its end is noticed here, and not after the first reset.
        let content = LabelContent {
            label: job.label.clone(),
            ceremony: driver.id.clone(),
            fingerprint: KeyFingerprint::of(&[]),
        };
        Document::Labels(LabelSheet::new(driver.stock, driver.next_label, vec![content]))
            .check_printable()?;
    }
    let content = RecordContent {
        keys: jobs.iter().map(planned_line).collect(),
        ..empty_record(driver)
    };
    Document::Record(Box::new(content)).check_printable()
}

/// Shows the fingerprint to read aloud, then prints the ceremony record.
pub(super) fn print_record(
    driver: &mut Driver<'_>,
    ceremony: &Ceremony,
) -> Result<Result<Outcome, Failure>, ConsoleError> {
    let fingerprint = driver.station.fingerprint();
    driver.ports.console.tell(&format!(
        "   The station key's fingerprint, for the witness to compare with the record:\n   {fingerprint}\n   {}",
        fingerprint.words()
    ))?;
    let slips = ceremony.slips();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut keys: Vec<KeyLine> = driver.kept.iter().map(prepared_line).collect();
    keys.extend(ceremony.rejected().iter().map(|rejected| KeyLine {
        label: None,
        account: String::new(),
        model: String::new(),
        aaguid: String::new(),
        slip: None,
        slip_bag: None,
        second_slip_bag: None,
        key_bag: None,
        custodian: String::new(),
        fingerprint: None,
        outcome: format!("put aside: {}", rejected.reason),
    }));
    let content = RecordContent {
        keys,
        slips_printed: slips.printed(),
        slips_sealed: count(slips.sealed().len()),
        slips_voided: slips.voided().to_vec(),
        keys_seen: count(ceremony.prepared().len() + ceremony.rejected().len()),
        keys_prepared: count(ceremony.prepared().len()),
        keys_rejected: count(ceremony.rejected().len()),
        exceptions: (1..)
            .zip(&driver.exceptions)
            .map(|(number, what)| record::Exception {
                number,
                kind: "Exception".into(),
                subject: String::new(),
                what: what.clone(),
                reason: String::new(),
            })
            .collect(),
        ..empty_record(driver)
    };
    let printed = driver
        .ports
        .press
        .print(&Document::Record(Box::new(content)), None);
    Ok(printed
        .map(|()| Outcome::RecordPrinted)
        .map_err(|e| print_failure(&e)))
}

/// Signs, encrypts and writes the manifest, closes the transcript, reads both back.
pub(super) fn export(
    driver: &mut Driver<'_>,
    ceremony: &Ceremony,
) -> Result<Result<Outcome, Failure>, DriverError> {
    if driver.sealed.is_some() {
        // A second attempt: the stick was read-only for reading back.
        if let Err(error) = driver.journal.make_writable() {
            return Ok(Err(media_failure(&error)));
        }
    } else {
        match seal(driver, ceremony) {
            Ok(sealed) => driver.sealed = Some(sealed),
            Err(failure) => return Ok(Err(failure)),
        }
    }
    let sealed = driver.sealed.clone().unwrap_or_default();
    if let Err(error) = driver.journal.write(MANIFEST, &sealed) {
        return Ok(Err(media_failure(&error)));
    }
    close_transcript(driver, ceremony, &sealed)?;
    Ok(match driver.journal.read_back(MANIFEST, &sealed) {
        Ok(()) => Ok(Outcome::Exported),
        Err(error) => {
            // The failure itself has to be recorded, which needs a stick that can be written.
            let _ = driver.journal.make_writable();
            Err(media_failure(&error))
        }
    })
}

/// Makes the age file; from here on the PINs are in it and nowhere else.
fn seal(driver: &mut Driver<'_>, ceremony: &Ceremony) -> Result<Vec<u8>, Failure> {
    let failed = |text: String| Failure {
        kind: FailureKind::Other,
        text: format!("The manifest could not be made: {text}."),
        hint: "Try again; the keys and slips are not affected.".into(),
    };
    let slips = ceremony.slips();
    let manifest = Manifest::new(
        CeremonyFacts {
            id: driver.id.clone(),
            title: driver.plan.title.clone(),
            started: driver.started,
            finished: (driver.ports.now)(),
            rehearsal: driver.plan.rehearsal,
            station_version: env!("CARGO_PKG_VERSION").into(),
        },
        driver.plan.tenant_id.clone(),
        driver.plan.pin_custody,
        driver.plan.people.clone(),
        driver.plan.recipients.clone(),
        TranscriptHead {
            sha256: driver.journal.transcript().head().to_owned(),
            entries: driver.journal.transcript().entries(),
        },
        SlipCount {
            printed: slips.printed(),
            sealed: u32::try_from(slips.sealed().len()).unwrap_or(u32::MAX),
            voided: slips.voided().to_vec(),
        },
        std::mem::take(&mut driver.kept)
            .into_iter()
            .map(|k| k.key)
            .collect(),
    );
    let json = manifest.to_json().map_err(|e| failed(e.to_string()));
    // The keys are needed again when the sealing fails.
    let jws = json.map(|json| driver.station.sign(&json));
    let sealed = jws.and_then(|jws| (driver.ports.seal)(&jws, &driver.plan.recipients).map_err(failed));
    if sealed.is_err() {
        driver.kept = manifest
            .keys
            .into_iter()
            .map(|key| KeptKey {
                fingerprint: fingerprint(&key),
                key,
            })
            .collect();
    }
    sealed
}

fn close_transcript(driver: &mut Driver<'_>, ceremony: &Ceremony, sealed: &[u8]) -> Result<(), ConsoleError> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    driver.record(Entry::ManifestWritten {
        sha256: hex(digest(&SHA256, sealed).as_ref()),
        bytes: sealed.len() as u64,
    })?;
    driver.record(Entry::Ended {
        prepared: count(ceremony.prepared().len()),
        rejected: count(ceremony.rejected().len()),
        slips_printed: ceremony.slips().printed(),
        slips_voided: count(ceremony.slips().voided().len()),
        exceptions: 0,
        aborted: false,
    })
}

/// A record without keys: what is the same on every one of this ceremony.
fn empty_record(driver: &Driver<'_>) -> RecordContent {
    let time = |t: time::OffsetDateTime| format!("{} {:02}:{:02}", t.date(), t.hour(), t.minute());
    RecordContent {
        paper: driver.paper(),
        ceremony: driver.id.clone(),
        began: time(driver.started),
        ended: time((driver.ports.now)()),
        rehearsal: driver.plan.rehearsal,
        title: driver.plan.title.clone(),
        pass: record::Pass::Preparing,
        aborted: false,
        custody: driver.plan.pin_custody,
        pin_policy: format!("{} characters, drawn at random.", driver.plan.pin.length),
        sittings: Vec::new(),
        interruptions: Vec::new(),
        people: driver.plan.people.iter().map(person).collect(),
        keys: Vec::new(),
        slips_printed: 0,
        slips_sealed: 0,
        slips_voided: Vec::new(),
        keys_seen: 0,
        keys_prepared: 0,
        keys_rejected: 0,
        exceptions: Vec::new(),
        transcript_head: driver.journal.transcript().head_digest(),
        transcript_lines: driver.journal.transcript().entries(),
        station: driver.station.fingerprint(),
        earlier_stations: Vec::new(),
    }
}

fn person(person: &Person) -> record::Person {
    let role = match person.role {
        Role::Officer => "Officer",
        Role::Witness => "Witness",
        Role::Custodian => "Custodian",
    };
    record::Person {
        role: role.into(),
        name: person.name.clone(),
    }
}

fn planned_line(job: &Job) -> KeyLine {
    KeyLine {
        label: Some(job.label.clone()),
        account: job.account.to_string(),
        model: String::new(),
        aaguid: String::new(),
        slip: None,
        slip_bag: None,
        second_slip_bag: None,
        key_bag: None,
        custodian: job.custodian.clone().unwrap_or_default(),
        fingerprint: None,
        outcome: "prepared".into(),
    }
}

fn prepared_line(kept: &KeptKey) -> KeyLine {
    let key = &kept.key;
    KeyLine {
        label: Some(key.label.clone()),
        account: key.account.to_string(),
        model: printable(&key.model.product),
        aaguid: key.model.aaguid.to_string(),
        slip: key.slip,
        slip_bag: key.slip_bag.clone(),
        second_slip_bag: key.second_slip_bag.clone(),
        key_bag: key.key_bag.clone(),
        custodian: key.custodian.clone().unwrap_or_default(),
        fingerprint: Some(kept.fingerprint.clone()),
        outcome: "prepared".into(),
    }
}

/// A device's own name, in characters that every font has: it must not stop the record from printing.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .take(40)
        .collect()
}

fn fingerprint(key: &crate::manifest::schema::PreparedKey) -> crate::id::KeyFingerprint {
    crate::id::KeyFingerprint::of(key.identity.public_key.as_slice())
}

fn media_failure(error: &MediaError) -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: error.to_string(),
        hint: error.hint().to_owned(),
    }
}
