//! A manifest against itself: sums, numbers used once, custody, and each key's attestation once more.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Area, Report};
use crate::id::{CeremonyId, LabelId};
use crate::key::identity::check_again;
use crate::key::registration::Made;
use crate::manifest::schema::{PinCustody, PreparedKey};
use crate::manifest::{Manifest, StationFingerprint};

/// What a manifest says, without its PINs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opened {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Title from the plan.
    pub title: String,
    /// Whether it comes from a rehearsal.
    pub rehearsal: bool,
    /// Who signed it.
    pub station: StationFingerprint,
    /// Where PINs are kept.
    pub custody: PinCustody,
    /// Who can open it.
    pub recipients: Vec<String>,
    /// Labels of its keys.
    pub labels: Vec<LabelId>,
    /// How many of them come with a PIN.
    pub pins: usize,
}

/// Says what a manifest holds and wipes the PINs in it: nothing after this needs them.
pub fn summarise(manifest: &mut Manifest, station: StationFingerprint) -> Opened {
    let pins = manifest.keys.iter_mut().filter_map(|key| key.pin.take()).count();
    Opened {
        ceremony: manifest.ceremony.id.clone(),
        title: manifest.ceremony.title.clone(),
        rehearsal: manifest.ceremony.rehearsal,
        station,
        custody: manifest.pin_custody,
        recipients: manifest.recipients.clone(),
        labels: manifest.keys.iter().map(|key| key.label.clone()).collect(),
        pins,
    }
}

/// Checks the content of a manifest that holds `pins` PINs.
pub fn check(manifest: &Manifest, pins: usize, report: &mut Report) {
    slips(manifest, report);
    custody(manifest, pins, report);
    numbers(&manifest.keys, report);
    for key in &manifest.keys {
        identity(key, report);
        passkey(key, report);
    }
    let verified = |key: &&PreparedKey| key.identity.attestation.verified;
    let attested = manifest.keys.iter().filter(verified).count();
    report.remark(format!(
        "{attested} of {} keys are attested by a manufacturer's certificate; its chain to a root is not checked.",
        manifest.keys.len()
    ));
}

fn slips(manifest: &Manifest, report: &mut Report) {
    let slips = &manifest.slips;
    let voided: BTreeSet<_> = slips.voided.iter().copied().collect();
    let used: BTreeSet<_> = manifest.keys.iter().filter_map(|key| key.slip).collect();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let text = format!(
        "{} printed, {} sealed, {} void; {} keys have a slip",
        slips.printed,
        slips.sealed,
        slips.voided.len(),
        used.len()
    );
    let holds = slips.printed.checked_sub(slips.sealed) == Some(count(voided.len()))
        && voided.len() == slips.voided.len()
        && slips.sealed == count(used.len())
        && voided.is_disjoint(&used)
        && used.union(&voided).all(|slip| slip.number() <= slips.printed);
    report.check(Area::Content, "slips", holds, text);
}

fn custody(manifest: &Manifest, pins: usize, report: &mut Report) {
    let keys = manifest.keys.len();
    // A passphrase that nobody knows any more costs PINs in custody `manifest`: they are on their slips.
    let (name, holds) = match manifest.pin_custody {
        PinCustody::Manifest => ("manifest", pins <= keys),
        PinCustody::Slip => ("slip", pins == 0),
        PinCustody::Rotate => ("rotate", pins == keys),
    };
    let found = match pins {
        0 => format!("custody `{name}`: the manifest holds no PIN"),
        _ => format!("custody `{name}`: the manifest holds {pins} PINs for {keys} keys"),
    };
    report.check(Area::Content, "PINs", holds, found);
    if holds && manifest.pin_custody == PinCustody::Manifest && pins < keys {
        report.remark(format!(
            "{} PINs are on their slips alone: that is so after a restart for which the passphrase was lost, or none was set.",
            keys - pins
        ));
    }
}

/// What may occur once only.
fn numbers(keys: &[PreparedKey], report: &mut Report) {
    let bags = |key: &PreparedKey| {
        let bags = [&key.key_bag, &key.slip_bag, &key.second_slip_bag];
        bags.into_iter()
            .flatten()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let kinds: [(&str, Vec<String>); 4] = [
        ("labels", keys.iter().map(|k| k.label.to_string()).collect()),
        (
            "slip numbers",
            keys.iter()
                .filter_map(|k| k.slip)
                .map(|s| s.to_string())
                .collect(),
        ),
        ("bag numbers", keys.iter().flat_map(bags).collect()),
        (
            "identity credentials",
            keys.iter()
                .map(|k| crate::transcript::hex(k.identity.public_key.as_slice()))
                .collect(),
        ),
    ];
    for (name, all) in kinds {
        let once: BTreeSet<&String> = all.iter().collect();
        let found = match all.len() - once.len() {
            0 => format!("{} in use, each once", all.len()),
            twice => format!("{twice} of {} occur a second time", all.len()),
        };
        report.check(Area::Content, name, once.len() == all.len(), found);
    }
}

/// A passkey that was made offline, once more from its bytes.
fn passkey(key: &PreparedKey, report: &mut Report) {
    let Some(made) = &key.registration else { return };
    let bytes = Made {
        credential_id: made.credential_id.as_slice(),
        client_data: made.client_data_json.as_slice(),
        attestation_object: made.attestation_object.as_slice(),
    };
    let mut outcome = bytes.check_again(&key.identity).map(drop);
    if made.account != key.account {
        outcome = Err("it was made for another account".into());
    }
    let holds = outcome.is_ok();
    let found = outcome.map_or_else(
        |why| why,
        |()| format!("made with PIN and touch for tenant {}", made.tenant_id),
    );
    report.check(Area::Content, &format!("passkey of {}", key.label), holds, found);
}

fn identity(key: &PreparedKey, report: &mut Report) {
    let subject = format!("identity credential of {}", key.label);
    let mut outcome = check_again(&key.identity);
    if key.identity.aaguid != key.model.aaguid {
        outcome = Err("its model number is not the one of the key".into());
    }
    let holds = outcome.is_ok();
    let found = outcome.map_or_else(
        |why| why,
        |()| {
            let said = &key.identity.attestation;
            let signature = if said.verified {
                "its attestation holds"
            } else {
                "no manufacturer attests it"
            };
            format!("what was written down is what the key made; {signature}")
        },
    );
    report.check(Area::Content, &subject, holds, found);
}
