//! What is taken from a manifest: the one place where a prepared key becomes rows, and its PIN is left behind.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::blob::Blob;
use crate::id::{Aaguid, BagNumber, CeremonyId, LabelId, SlipNumber, Upn};
use crate::identity::{AttestationStatement, IdentityCredential};
use crate::manifest::Manifest;
use crate::manifest::schema::PreparedKey;

/// Rehearsal or real: an inventory is either.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Keys that guard real accounts.
    Real,
    /// Keys of rehearsals.
    Rehearsal,
}

impl Kind {
    /// What a manifest is from.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        if manifest.ceremony.rehearsal {
            Self::Rehearsal
        } else {
            Self::Real
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Rehearsal => "rehearsal",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Real => "real keys",
            Self::Rehearsal => "rehearsals",
        })
    }
}

/// What the station said of a key and nobody changes later. Written once, compared at each further import.
#[derive(Serialize)]
pub(super) struct Facts<'m> {
    ceremony: &'m CeremonyId,
    label: &'m LabelId,
    account: &'m Upn,
    place: u8,
    slip: Option<SlipNumber>,
    key_bag: Option<&'m BagNumber>,
    slip_bag: Option<&'m BagNumber>,
    second_slip_bag: Option<&'m BagNumber>,
    custodian: Option<&'m str>,
    safe: Option<&'m str>,
    #[serde(with = "time::serde::rfc3339")]
    prepared: OffsetDateTime,
    product: &'m str,
    usb: &'m str,
    serial: Option<&'m str>,
    firmware: Option<u64>,
    aaguid: Aaguid,
    rp_id: &'m str,
    credential_id: String,
    algorithm: i64,
    public_key: String,
}

impl<'m> Facts<'m> {
    pub(super) fn of(ceremony: &'m CeremonyId, key: &'m PreparedKey) -> Self {
        // Named one by one: a member that a manifest gets later, such as a second PIN, does not slip through.
        let PreparedKey {
            label,
            account,
            place,
            slip,
            key_bag,
            slip_bag,
            second_slip_bag,
            custodian,
            safe,
            prepared,
            model,
            identity,
            registration: _,
            pin: _,
        } = key;
        let IdentityCredential {
            rp_id,
            credential_id,
            algorithm,
            public_key,
            ..
        } = identity;
        Self {
            ceremony,
            label,
            account,
            place: *place,
            slip: *slip,
            key_bag: key_bag.as_ref(),
            slip_bag: slip_bag.as_ref(),
            second_slip_bag: second_slip_bag.as_ref(),
            custodian: custodian.as_deref(),
            safe: safe.as_deref(),
            prepared: *prepared,
            product: &model.product,
            usb: &model.usb,
            serial: model.serial.as_deref(),
            firmware: model.firmware,
            aaguid: model.aaguid,
            rp_id,
            credential_id: credential_id.to_string(),
            algorithm: *algorithm,
            public_key: public_key.to_string(),
        }
    }

    /// One line of JSON.
    pub(super) fn to_json(&self) -> String {
        // Ids, texts and numbers: nothing in here can fail to become JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The identity credential that a line of facts names, without its attestation: enough to ask the key for a proof.
pub(super) fn identity(facts: &str) -> Option<IdentityCredential> {
    #[derive(Deserialize)]
    struct Named {
        aaguid: Aaguid,
        rp_id: String,
        credential_id: Blob,
        algorithm: i64,
        public_key: Blob,
    }
    let named: Named = serde_json::from_str(facts).ok()?;
    Some(IdentityCredential {
        rp_id: named.rp_id,
        credential_id: named.credential_id,
        algorithm: named.algorithm,
        public_key: named.public_key,
        aaguid: named.aaguid,
        auth_data: Blob::default(),
        attestation: AttestationStatement {
            format: "none".into(),
            algorithm: None,
            signature: Blob::default(),
            x5c: Vec::new(),
            client_data_hash: Blob::default(),
            verified: false,
            note: "The inventory does not keep it.".into(),
            thumbprint_sha1: None,
            thumbprint_sha256: None,
        },
    })
}

/// What differs between two lines of facts, each as a clause.
pub(super) fn differences(inventory: &str, manifest: &str) -> Vec<String> {
    let read = |text: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    let (Ok(old), Ok(new)) = (read(inventory), read(manifest)) else {
        return vec!["what the inventory holds cannot be read".to_owned()];
    };
    let shown = |value: Option<&serde_json::Value>| match value {
        None | Some(serde_json::Value::Null) => "nothing".to_owned(),
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    new.iter()
        .filter(|(name, value)| old.get(*name) != Some(value))
        .map(|(name, value)| {
            let (old, new) = (shown(old.get(name)), shown(Some(value)));
            format!("{name}: the inventory has {old}, the manifest has {new}")
        })
        .collect()
}
