//! The end of a ceremony: the record on paper, the manifest on the stick.

use ring::digest::{SHA256, digest};

use super::driver::{Driver, DriverError, print_failure};
use super::event::{Failure, FailureKind, Outcome};
use super::job::Job;
use super::on_paper;
use crate::id::{KeyFingerprint, SlipNumber};
use crate::manifest::Manifest;
use crate::manifest::schema::{CeremonyFacts, SlipCount, TranscriptHead};
use crate::media::{MANIFEST, MediaError, RECORD};
use crate::paper::label::{LabelContent, LabelSheet};
use crate::paper::slip::SlipPart;
use crate::paper::{Document, LayoutError};
use crate::printer::pdf;
use crate::transcript::{Entry, hex};

/// Finds what could not be printed later, before a key is touched.
pub(super) fn check_printable(driver: &Driver<'_>, jobs: &[Job]) -> Result<(), LayoutError> {
    for job in jobs {
        let parts = [SlipPart::Whole, SlipPart::FirstHalf, SlipPart::SecondHalf];
        let parts = if driver.plan.split_slips {
            &parts[1..]
        } else {
            &parts[..1]
        };
        for (slip, part) in SlipNumber::new(1)
            .into_iter()
            .flat_map(|n| parts.iter().map(move |p| (n, *p)))
        {
            driver.slip(slip, job, part).check_printable()?;
        }
    }
    if let Some(job) = jobs.first() {
        // A sheet that the plan calls used beyond its end is noticed here, and not after the first reset.
        let content = LabelContent {
            label: job.label.clone(),
            ceremony: driver.id.clone(),
            fingerprint: KeyFingerprint::of(&[]),
        };
        Document::Labels(
            LabelSheet::new(driver.stock, driver.next_label, vec![content])
                .written_in(driver.plan.language)
                .corrected(driver.plan.label_correction),
        )
        .check_printable()?;
    }
    Document::Record(Box::new(on_paper::planned(driver, jobs))).check_printable()
}

/// How far the export has come, so that a second attempt repeats nothing.
#[derive(Default)]
pub(super) struct Exported {
    pub(super) manifest: Option<Vec<u8>>,
    manifest_is_recorded: bool,
    pub(super) end_is_recorded: bool,
}

/// The fingerprint to read aloud and to compare with the record.
pub(super) fn fingerprint(driver: &Driver<'_>) -> String {
    let fingerprint = driver.station.fingerprint();
    format!(
        "Witness, compare the station key with the record:\n{fingerprint}\n{}",
        fingerprint.words()
    )
}

/// Prints the ceremony record, and leaves the same pages as a file on the stick.
pub(super) fn print_record(driver: &mut Driver<'_>) -> Result<Outcome, Failure> {
    let document = Document::Record(Box::new(on_paper::record(driver)));
    driver.print(&document).map_err(|e| print_failure(&e))?;
    // The signed paper counts: a ceremony does not stop for its copy.
    if let Err(problem) = keep_copy(driver, &document) {
        let told = format!("!  `{RECORD}`, a copy of the record, is not on the stick: {problem}");
        let _ = driver.ports.console.tell(&told);
    }
    Ok(Outcome::RecordPrinted)
}

/// Writes the record as PDF; nothing on it is secret.
fn keep_copy(driver: &Driver<'_>, record: &Document) -> Result<(), String> {
    let pages = record
        .pages(None, &mut |bytes| bytes.fill(0))
        .map_err(|e| e.to_string())?;
    let file = pdf::render(&pages);
    driver.journal.write(RECORD, &file).map_err(|e| e.to_string())
}

pub(super) fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Signs, encrypts and writes the manifest, closes the transcript, reads both back.
pub(super) fn export(driver: &mut Driver<'_>) -> Result<Result<Outcome, Failure>, DriverError> {
    // A ceremony that was broken off before its first key has nothing to hand over.
    let hands_over = !driver.kept.is_empty() && !driver.journal.tally().is_second_pass;
    if hands_over || driver.exported.manifest.is_some() {
        if driver.exported.manifest.is_none() {
            match seal(driver) {
                Ok(sealed) => driver.exported.manifest = Some(sealed),
                Err(failure) => return Ok(Err(failure)),
            }
        }
        let sealed = driver.exported.manifest.clone().unwrap_or_default();
        if let Err(error) = driver.journal.write(MANIFEST, &sealed) {
            return Ok(Err(media_failure(&error)));
        }
        if !driver.exported.manifest_is_recorded {
            driver.record(Entry::ManifestWritten {
                sha256: hex(digest(&SHA256, &sealed).as_ref()),
                bytes: sealed.len() as u64,
            })?;
            driver.exported.manifest_is_recorded = true;
        }
    }
    if !driver.exported.end_is_recorded {
        let tally = driver.journal.tally();
        let entry = Entry::Ended {
            prepared: count(tally.prepared.len()),
            rejected: count(tally.rejected.len()),
            slips_printed: tally.printed,
            slips_voided: count(tally.voided.len()),
            exceptions: count(tally.exceptions.len()),
            aborted: tally.is_aborted,
        };
        driver.record(entry)?;
        driver.exported.end_is_recorded = true;
    }
    let manifest = driver.exported.manifest.clone();
    Ok(match driver.journal.read_back(MANIFEST, manifest.as_deref()) {
        Ok(()) => Ok(Outcome::Exported),
        Err(error) => {
            // The failure itself has to be recorded, which needs a stick that can be written.
            let _ = driver.journal.make_writable();
            Err(media_failure(&error))
        }
    })
}

/// Makes the age file. The keys stay in memory until the ceremony is over: a stick that has to take the place of this
/// one gets them too.
fn seal(driver: &mut Driver<'_>) -> Result<Vec<u8>, Failure> {
    let failed = |text: String| Failure {
        kind: FailureKind::Other,
        text: format!("The manifest could not be made: {text}."),
        hint: "Try again; the keys and slips are not affected.".into(),
    };
    let tally = driver.journal.tally();
    let slips = SlipCount {
        printed: tally.printed,
        sealed: count(tally.sealed().count()),
        voided: tally.voided.clone(),
    };
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
        slips,
        std::mem::take(&mut driver.kept),
    );
    let json = manifest.to_json().map_err(|e| failed(e.to_string()));
    let jws = json.map(|json| driver.station.sign(&json));
    let sealed = jws.and_then(|jws| (driver.ports.seal)(&jws, &driver.plan.recipients).map_err(failed));
    driver.kept = manifest.keys;
    sealed
}

pub(super) fn media_failure(error: &MediaError) -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: error.to_string(),
        hint: error.hint().to_owned(),
    }
}
