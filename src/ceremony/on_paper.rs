//! The ceremony record: what the transcript says, put into the lines of a paper.

use time::OffsetDateTime;

use super::closing::count;
use super::driver::Driver;
use super::job::Job;
use crate::audit::account::{self, Account, ExceptionAccount};
use crate::id::KeyFingerprint;
use crate::manifest::schema::{Person, PreparedKey, Role};
use crate::paper::record::{self, Exception, Interruption, KeyLine, RecordContent, Sitting, Wording};
use crate::plan::{Alphabet, PinPolicy};
use crate::transcript::{ExceptionKind, Reading};

/// The record as the transcript stands now.
pub(super) fn record(driver: &Driver<'_>) -> RecordContent {
    let tally = driver.journal.tally();
    let (prepared, rejected) = (count(tally.prepared.len()), count(tally.rejected.len()));
    let words = Wording::of(driver.plan.language);
    let mut keys: Vec<KeyLine> = driver
        .kept
        .iter()
        .map(|key| prepared_line(key, tally.is_second_pass, words))
        .collect();
    keys.extend(tally.rejected.iter().map(|(_, reason)| KeyLine {
        outcome: words.put_aside(reason.as_str()),
        ..empty_line()
    }));
    let account = Account::of(&Reading::of(driver.journal.text().as_bytes()));
    let earlier = tally.stations.len().saturating_sub(1);
    RecordContent {
        keys,
        aborted: tally.is_aborted,
        pass: if tally.is_second_pass {
            record::Pass::Sealing
        } else {
            record::Pass::Preparing
        },
        sittings: account.sittings.iter().map(sitting).collect(),
        interruptions: account.interruptions.iter().map(interruption).collect(),
        slips_printed: tally.printed,
        slips_sealed: count(tally.sealed().count()),
        slips_voided: tally.voided.clone(),
        keys_seen: prepared + rejected,
        keys_prepared: prepared,
        keys_rejected: rejected,
        exceptions: account.exceptions.iter().map(|e| exception(e, words)).collect(),
        earlier_stations: tally.stations.iter().take(earlier).copied().collect(),
        ..empty_record(driver)
    }
}

/// The record of a plan, to find out beforehand whether it can be printed.
pub(super) fn planned(driver: &Driver<'_>, jobs: &[Job]) -> RecordContent {
    let line = |job: &Job| KeyLine {
        label: Some(job.label.clone()),
        account: job.account.to_string(),
        custodian: job.custodian.clone().unwrap_or_default(),
        safe: safe(job.safe.as_ref()),
        outcome: Wording::of(driver.plan.language).prepared().into(),
        ..empty_line()
    };
    RecordContent {
        keys: jobs.iter().map(line).collect(),
        ..empty_record(driver)
    }
}

/// What is the same on every record of this ceremony.
fn empty_record(driver: &Driver<'_>) -> RecordContent {
    let words = Wording::of(driver.plan.language);
    RecordContent {
        paper: driver.paper(),
        ceremony: driver.id.clone(),
        title: driver.plan.title.clone(),
        pass: record::Pass::Preparing,
        began: minute(driver.started),
        ended: minute((driver.ports.now)()),
        rehearsal: driver.plan.rehearsal,
        aborted: false,
        custody: driver.plan.pin_custody,
        pin_policy: policy(driver.plan.pin, driver.plan.split_slips, words),
        people: driver.plan.people.iter().map(|p| person(p, words)).collect(),
        sittings: Vec::new(),
        interruptions: Vec::new(),
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
        text_language: driver.plan.language,
    }
}

fn minute(time: OffsetDateTime) -> String {
    format!("{} {:02}:{:02}", time.date(), time.hour(), time.minute())
}

fn safe(safe: Option<&String>) -> String {
    safe.cloned().unwrap_or_default()
}

fn policy(pin: PinPolicy, is_split: bool, words: Wording) -> String {
    words.pins(pin.length, pin.alphabet == Alphabet::Digits, is_split)
}

fn sitting(sitting: &account::Sitting) -> Sitting {
    Sitting {
        officer: sitting.officer.clone(),
        witness: sitting.witness.clone(),
        from: minute(sitting.from),
    }
}

fn interruption(stop: &account::Interruption) -> Interruption {
    Interruption {
        stopped: minute(stop.stopped),
        resumed: stop.resumed.map(minute),
        cut: stop.cut,
        found: stop.found.clone(),
    }
}

fn exception(exception: &ExceptionAccount, words: Wording) -> Exception {
    let key = exception.key.as_ref().map(|key| words.subject_key(key));
    let slip = exception.slip.map(|slip| words.subject_slip(slip));
    Exception {
        number: exception.number,
        kind: match exception.kind {
            ExceptionKind::SlipVoided => words.slip_void(),
            ExceptionKind::KeyRejected => words.key_put_aside(),
            ExceptionKind::Restart => words.restart(),
            ExceptionKind::Abort => words.broken_off(),
            ExceptionKind::PinTyped => words.pin_typed(),
            ExceptionKind::KeyNotProven => words.key_not_proven(),
        }
        .into(),
        subject: [key, slip].into_iter().flatten().collect::<Vec<_>>().join(", "),
        what: exception.what.clone(),
        reason: exception.reason.clone(),
    }
}

fn person(person: &Person, words: Wording) -> record::Person {
    let role = match person.role {
        Role::Officer => words.officer(),
        Role::Witness => words.witness(),
        Role::Custodian => words.custodian(),
    };
    record::Person {
        role: role.into(),
        name: person.name.clone(),
    }
}

fn empty_line() -> KeyLine {
    KeyLine {
        label: None,
        account: String::new(),
        model: String::new(),
        aaguid: String::new(),
        slip: None,
        slip_bag: None,
        second_slip_bag: None,
        key_bag: None,
        custodian: String::new(),
        safe: String::new(),
        fingerprint: None,
        outcome: String::new(),
    }
}

fn prepared_line(key: &PreparedKey, is_second_pass: bool, words: Wording) -> KeyLine {
    KeyLine {
        label: Some(key.label.clone()),
        account: key.account.to_string(),
        model: key.model.product.clone(),
        aaguid: key.model.aaguid.to_string(),
        slip: key.slip,
        slip_bag: key.slip_bag.clone(),
        second_slip_bag: key.second_slip_bag.clone(),
        key_bag: key.key_bag.clone(),
        custodian: key.custodian.clone().unwrap_or_default(),
        safe: safe(key.safe.as_ref()),
        fingerprint: Some(KeyFingerprint::of(key.identity.public_key.as_slice())),
        outcome: match (is_second_pass, key.slip) {
            (true, Some(_)) => words.sealed(),
            (true, None) => words.transport_pin(),
            (false, _) => words.prepared(),
        }
        .into(),
    }
}
