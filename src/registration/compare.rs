//! Compares what appeared in the tenant with what the manifest says; the key itself proves the rest.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use time::{Duration, OffsetDateTime};

use crate::graph::Passkey;
use crate::id::Aaguid;
use crate::manifest::schema::PreparedKey;

/// What a look at the list says.
#[derive(Debug)]
pub(super) enum Look {
    /// Nothing new yet.
    Nothing,
    /// One new passkey that fits; with things to look at.
    Fits(Box<Passkey>, Vec<String>),
    /// Something new that does not fit.
    Wrong {
        /// Ids of what is new.
        ids: Vec<String>,
        /// Why it does not fit, as a sentence.
        why: String,
    },
}

/// Looks for exactly one new passkey and compares it with the prepared key.
pub(super) fn look(baseline: &[String], now: &[Passkey], key: &PreparedKey, since: OffsetDateTime) -> Look {
    let new: Vec<&Passkey> = now.iter().filter(|p| !baseline.contains(&p.id)).collect();
    match new.as_slice() {
        [] => Look::Nothing,
        [passkey] => match fits(passkey, key, since) {
            Ok(warnings) => Look::Fits(Box::new((*passkey).clone()), warnings),
            Err(why) => Look::Wrong {
                ids: vec![passkey.id.clone()],
                why,
            },
        },
        several => Look::Wrong {
            ids: several.iter().map(|p| p.id.clone()).collect(),
            why: format!(
                "{} passkeys appeared where one was to be registered.",
                several.len()
            ),
        },
    }
}

/// Whether a passkey can be the prepared key; warnings where only part could be compared.
pub(super) fn fits(
    passkey: &Passkey,
    key: &PreparedKey,
    since: OffsetDateTime,
) -> Result<Vec<String>, String> {
    let mut warnings = Vec::new();
    let model = passkey.aa_guid.as_deref().unwrap_or("none");
    if model.parse::<Aaguid>() != Ok(key.model.aaguid) {
        return Err(format!(
            "The passkey that appeared is of another model: it has AAGUID {model}, the prepared key {}.",
            key.model.aaguid
        ));
    }
    match passkey.passkey_type.as_deref() {
        Some("deviceBound") => {}
        Some(other) => {
            return Err(format!(
                "The passkey that appeared is not bound to a device but: {other}"
            ));
        }
        None => warnings.push("The tenant does not say whether the passkey is bound to a device.".into()),
    }
    // Both times are the tenant's; some tolerance, because they come from different parts of it.
    match passkey.created_date_time {
        Some(created) if created < since - Duration::minutes(1) => {
            return Err("The passkey that appeared is older than this registration.".into());
        }
        Some(_) => {}
        None => warnings.push("The tenant does not say when the passkey was registered.".into()),
    }
    match thumbprints(passkey, key) {
        Some(true) => {}
        Some(false) => {
            return Err(
                "The passkey that appeared has another attestation certificate than the prepared key.".into(),
            );
        }
        None => warnings.push("The attestation certificate could not be compared.".into()),
    }
    if passkey.attestation_level.as_deref() != Some("attested") {
        warnings.push("The tenant did not verify the key's attestation (notAttested).".into());
    }
    if passkey.display_name.as_deref().map(str::trim) != Some(key.label.as_str()) {
        warnings.push(format!(
            "The passkey is not named {}, so sign-in logs will not tell which key was used; it is named: {}",
            key.label,
            passkey.display_name.as_deref().unwrap_or_default()
        ));
    }
    Ok(warnings)
}

/// Whether one of the tenant's thumbprints is the prepared key's; `None` when there is nothing to compare.
fn thumbprints(passkey: &Passkey, key: &PreparedKey) -> Option<bool> {
    let leaf = key.identity.attestation.x5c.first()?.as_slice();
    let hex = |bytes: &[u8]| -> String {
        use std::fmt::Write as _;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let sha1 = hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, leaf).as_ref());
    let sha256 = hex(digest(&SHA256, leaf).as_ref());
    // Thumbprints of another length are of an algorithm that nobody has documented.
    let known: Vec<&String> = passkey
        .attestation_certificates
        .iter()
        .filter(|t| [sha1.len(), sha256.len()].contains(&t.len()))
        .collect();
    if known.is_empty() {
        return None;
    }
    Some(
        known
            .iter()
            .any(|t| t.eq_ignore_ascii_case(&sha1) || t.eq_ignore_ascii_case(&sha256)),
    )
}
