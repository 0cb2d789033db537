//! A key as the inventory knows it, and which keys are asked for.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::KeyState;
use crate::id::{Aaguid, BagNumber, CeremonyId, KeyFingerprint, LabelId, SlipNumber, Upn};

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Number on its label.
    pub label: LabelId,
    /// What it is.
    pub state: KeyState,
    /// The account it is for.
    pub account: Upn,
    /// Its place among the keys of its account, from 1.
    pub place: u8,
    /// Who keeps it.
    pub custodian: Option<String>,
    /// Where it is kept.
    pub safe: Option<String>,
    /// Number of its slip.
    pub slip: Option<SlipNumber>,
    /// Bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Bag of the slip.
    pub slip_bag: Option<BagNumber>,
    /// Bag of the second half of a split slip.
    pub second_slip_bag: Option<BagNumber>,
    /// The ceremony that prepared it.
    pub ceremony: CeremonyId,
    /// What the USB device calls itself.
    pub product: String,
    /// Model number.
    pub aaguid: Aaguid,
    /// USB serial, a note.
    pub serial: Option<String>,
    /// Short fingerprint of its identity credential, as in its label's code.
    pub fingerprint: KeyFingerprint,
    /// Whether the attestation of its identity credential was checked at the station.
    pub attested: bool,
    /// When it was prepared, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub prepared: OffsetDateTime,
    /// When it was registered last, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub registered: Option<OffsetDateTime>,
    /// When it proved itself last, UTC; a drill is a proof.
    #[serde(with = "time::serde::rfc3339::option")]
    pub proven: Option<OffsetDateTime>,
    /// When it was drilled last, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub drilled: Option<OffsetDateTime>,
    /// Tenant in which it is registered.
    pub tenant: Option<String>,
    /// Id of its passkey there.
    pub method: Option<String>,
    /// Who works with it now.
    pub claim: Option<Claim>,
}

/// Who works with a key, and until when at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Whose run.
    pub who: String,
    /// End of the lease, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub until: OffsetDateTime,
}

impl Key {
    /// When it is to be drilled: `days` after the last drill or, before the first, after its registration.
    #[must_use]
    pub fn due(&self, days: u32) -> Option<OffsetDateTime> {
        let since = self.drilled.max(self.registered)?;
        self.state
            .is_usable()
            .then(|| since.saturating_add(time::Duration::days(days.into())))
    }
}

/// Which keys are asked for; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Keys in one of these states.
    pub states: Vec<KeyState>,
    /// Keys of one of these accounts.
    pub accounts: Vec<Upn>,
    /// Keys of one of these custodians, by their whole name, in any case.
    pub custodians: Vec<String>,
    /// Keys whose drill is due at this time, with the days between two drills.
    pub due: Option<(OffsetDateTime, u32)>,
}

impl Filter {
    /// Whether a key is asked for.
    #[must_use]
    pub fn admits(&self, key: &Key) -> bool {
        let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
        let in_state = self.states.is_empty() || self.states.contains(&key.state);
        let of_account = self.accounts.is_empty()
            || self
                .accounts
                .iter()
                .any(|a| same(a.as_str(), key.account.as_str()));
        let kept = key.custodian.as_deref().unwrap_or_default();
        let of_custodian = self.custodians.is_empty() || self.custodians.iter().any(|c| same(c, kept));
        let is_due = self
            .due
            .is_none_or(|(time, days)| key.due(days).is_some_and(|due| due <= time));
        in_state && of_account && of_custodian && is_due
    }
}
