//! Authentication methods of a user: Temporary Access Pass and passkeys, and how Graph shows them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::logs::By;
use super::relying_party::Registered;
use super::stamp;
use super::tenant::Tenant;

/// A Temporary Access Pass. The code is kept in the clear: it opens a sandbox and nothing else.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pass {
    pub(crate) id: String,
    pub(crate) code: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) start: OffsetDateTime,
    pub(crate) lifetime_minutes: i64,
    pub(crate) once: bool,
    pub(crate) used: bool,
}

/// A registered passkey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Passkey {
    pub(crate) display_name: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) created: OffsetDateTime,
    pub(crate) registered: Registered,
}

/// Why a verified passkey is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAccepted {
    /// Somebody has it already.
    AlreadyThere,
    /// Attestation is enforced, and it has none that verifies.
    Attestation,
    /// The key restrictions refuse the model.
    Model,
}

impl Tenant {
    /// Takes a verified passkey, if the policy admits it, and writes the audit entries.
    pub(crate) fn accept(
        &mut self,
        user: usize,
        by: By,
        display_name: String,
        registered: Registered,
    ) -> Result<Value, NotAccepted> {
        let id = &registered.credential.cred_id;
        let mut all = self.settings.users.iter().flat_map(|u| &u.passkeys);
        if all.any(|p| p.registered.credential.cred_id == *id) {
            return Err(NotAccepted::AlreadyThere);
        }
        let passkey = Passkey {
            display_name,
            created: OffsetDateTime::now_utc(),
            registered,
        };
        let aaguid = passkey.aaguid();
        match self.admits(user, &aaguid, passkey.registered.attested) {
            Err("attestation") => return Err(NotAccepted::Attestation),
            Err(_) => return Err(NotAccepted::Model),
            Ok(()) => {}
        }
        let method = passkey.json();
        self.settings.users[user].passkeys.push(passkey);
        let details =
            json!([{"key": "AuthenticationMethod", "value": "Passkey"}, {"key": "AAGUID", "value": aaguid}]);
        let who = match by {
            By::User => "User",
            By::Administrator => "Admin",
        };
        let activity = format!("{who} registered security info");
        let reason = format!("{who} registered Passkey (device-bound)");
        self.audit(user, by, &activity, &reason, &details);
        self.audit(user, by, "Add Passkey (device-bound)", "", &details);
        Ok(method)
    }

    /// What Graph says of a pass; the code only for the answer that creates it.
    pub(crate) fn pass_json(&self, pass: &Pass, user: usize, with_code: bool) -> Value {
        let reason = self.pass_state(pass, user);
        json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": pass.id,
            "temporaryAccessPass": with_code.then_some(&pass.code),
            "createdDateTime": stamp(pass.created),
            "startDateTime": stamp(pass.start),
            "lifetimeInMinutes": pass.lifetime_minutes,
            "isUsableOnce": pass.once,
            "isUsable": reason == "EnabledByPolicy",
            "methodUsabilityReason": reason,
        })
    }

    /// The five documented reasons why a pass is usable or not.
    pub(crate) fn pass_state(&self, pass: &Pass, user: usize) -> &'static str {
        let now = OffsetDateTime::now_utc();
        let delay = Duration::milliseconds(i64::from(self.settings.pass_delay_milliseconds));
        if !self.in_scope(&self.pass_policy, user) || (self.pass_policy["isUsableOnce"] == true && !pass.once)
        {
            "DisabledByPolicy"
        } else if pass.used {
            "OneTimeUsed"
        } else if now >= pass.start + Duration::minutes(pass.lifetime_minutes) {
            "Expired"
        } else if now < pass.start || now < pass.created + delay {
            "NotYetValid"
        } else {
            "EnabledByPolicy"
        }
    }

    /// Passkeys that have already reached the list.
    pub(crate) fn visible_passkeys(&self, user: usize) -> impl Iterator<Item = &Passkey> {
        let delay = Duration::milliseconds(i64::from(self.settings.method_delay_milliseconds));
        let now = OffsetDateTime::now_utc();
        self.settings.users[user]
            .passkeys
            .iter()
            .filter(move |p| now >= p.created + delay)
    }
}

impl Passkey {
    pub(crate) fn aaguid(&self) -> String {
        crate::id::Aaguid(self.registered.aaguid).to_string()
    }

    /// What Graph says of it: never the public key.
    pub(crate) fn json(&self) -> Value {
        let synced = self.registered.credential.backup_eligible || self.registered.aaguid == [0; 16];
        let thumbprints: Vec<String> = self
            .registered
            .certificate
            .iter()
            .map(|c| thumbprint(c))
            .collect();
        json!({
            "@odata.type": "#microsoft.graph.fido2AuthenticationMethod",
            "id": method_id(&self.registered.credential.cred_id),
            "displayName": self.display_name,
            "createdDateTime": stamp(self.created),
            "aaGuid": self.aaguid(),
            "model": "Security key",
            "attestationCertificates": thumbprints,
            "attestationLevel": if self.registered.attested { "attested" } else { "notAttested" },
            "passkeyType": if synced { "synced" } else { "deviceBound" },
        })
    }
}

/// The id of a passkey as the service forms it: base64url and one digit that counts the missing `=`.
pub(crate) fn method_id(credential_id: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(credential_id);
    let missing = (4 - text.len() % 4) % 4;
    format!("{text}{missing}")
}

fn thumbprint(certificate: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn method_ids_have_the_observed_shape() {
        // 32 bytes give 43 characters and one missing `=`, 16 bytes 22 and two.
        assert!(method_id(&[7; 32]).ends_with('1') && method_id(&[7; 32]).len() == 44);
        assert!(method_id(&[7; 16]).ends_with('2') && method_id(&[7; 16]).len() == 23);
        assert!(method_id(&[7; 48]).ends_with('0'));
    }
}
