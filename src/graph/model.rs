//! What Graph sends and takes, as far as it is used; unknown members are tolerated everywhere.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::Aaguid;
use crate::secret::Secret;

/// Whether a tenant carries the mark of a sandbox tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Neither in `organization` nor in the header: a real tenant.
    Absent,
    /// In both places.
    Present,
    /// In one place only: somebody tampers, or a proxy strips; neither kind of manifest may go there.
    Partial,
}

/// The tenant.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Tenant id.
    pub id: String,
    /// Display name.
    pub display_name: String,
    /// The sandbox mark.
    pub mark: Mark,
    /// Its verified domains.
    pub domains: Vec<Domain>,
}

/// A verified domain of a tenant.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    /// Its name.
    pub name: String,
    /// Whether it is the `*.onmicrosoft.com` domain that the tenant began with.
    #[serde(default)]
    pub is_initial: Option<bool>,
    /// `Managed` or `Federated`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// An account.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id.
    pub id: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// Name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether sign-in is possible.
    #[serde(default)]
    pub account_enabled: Option<bool>,
    /// `Member` or `Guest`.
    #[serde(default)]
    pub user_type: Option<String>,
    /// True for an account that comes from a local directory.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
    /// `DisablePasswordExpiration` and its like, separated by commas.
    #[serde(default)]
    pub password_policies: Option<String>,
}

/// A group, or everyone, in a policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Group id, or `all_users`.
    pub id: String,
    /// `group` or `user`.
    #[serde(default)]
    pub target_type: Option<String>,
    /// Passkey profiles that apply to this target.
    #[serde(default)]
    pub allowed_passkey_profiles: Vec<String>,
}

impl Target {
    /// The id of the group that it names, if it is one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        let user = self.target_type.as_deref() == Some("user");
        (self.id != EVERYONE && !user).then_some(&self.id)
    }
}

/// The id of a target that takes in everyone.
pub const EVERYONE: &str = "all_users";

/// Who an account is, as far as targets ask: its own id and the groups that it is in.
#[derive(Debug, Clone)]
pub struct Scope {
    user: String,
    groups: Vec<String>,
}

impl Scope {
    /// An account and the ids of its groups, however deep.
    #[must_use]
    pub fn new(user: &str, groups: Vec<String>) -> Self {
        Self {
            user: user.to_owned(),
            groups,
        }
    }

    /// Whether this id names the account or one of its groups; not everyone.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        id.eq_ignore_ascii_case(&self.user) || self.groups.iter().any(|g| g.eq_ignore_ascii_case(id))
    }

    /// Whether a target takes the account in.
    #[must_use]
    pub fn is_hit(&self, target: &Target) -> bool {
        target.id == EVERYONE || self.has(&target.id)
    }

    /// Whether one of the included targets takes the account in and none of the excluded does.
    #[must_use]
    pub fn is_in(&self, include: &[Target], exclude: &[Target]) -> bool {
        include.iter().any(|t| self.is_hit(t)) && !exclude.iter().any(|t| self.is_hit(t))
    }
}

/// Which models a policy admits.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct KeyRestrictions {
    /// Whether the list counts.
    pub is_enforced: Option<bool>,
    /// `allow` or `block`.
    pub enforcement_type: Option<String>,
    /// Models.
    pub aa_guids: Vec<String>,
}

impl KeyRestrictions {
    fn admits(&self, aaguid: Aaguid) -> bool {
        if self.is_enforced != Some(true) {
            return true;
        }
        let listed = self
            .aa_guids
            .iter()
            .any(|text| text.parse::<Aaguid>().is_ok_and(|a| a == aaguid));
        listed == (self.enforcement_type.as_deref() == Some("allow"))
    }
}

/// A passkey profile: the newer model of key restrictions.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyProfile {
    /// Profile id.
    pub id: String,
    /// `disabled` or `registrationOnly`.
    #[serde(default)]
    pub attestation_enforcement: Option<String>,
    /// Which models.
    #[serde(default)]
    pub key_restrictions: Option<KeyRestrictions>,
    /// `deviceBound`, `synced` or both, separated by a comma.
    #[serde(default)]
    pub passkey_types: Option<String>,
}

impl PasskeyProfile {
    fn admits(&self, aaguid: Aaguid) -> bool {
        let types = self.passkey_types.as_deref();
        types.is_none_or(|t| t.contains("deviceBound"))
            && self.key_restrictions.as_ref().is_none_or(|r| r.admits(aaguid))
    }
}

/// The passkey (fido2) policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasskeyPolicy {
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub state: Option<String>,
    /// Must be true for any registration.
    #[serde(default)]
    pub is_self_service_registration_allowed: Option<bool>,
    /// Whether only attested keys register.
    #[serde(default)]
    pub is_attestation_enforced: Option<bool>,
    /// Which models (older than profiles).
    #[serde(default)]
    pub key_restrictions: Option<KeyRestrictions>,
    /// Who.
    #[serde(default)]
    pub include_targets: Vec<Target>,
    /// Who not; wins.
    #[serde(default)]
    pub exclude_targets: Vec<Target>,
    /// Profiles, where the tenant has opted in.
    #[serde(default)]
    pub passkey_profiles: Vec<PasskeyProfile>,
    /// The profile of targets that name none.
    #[serde(default)]
    pub default_passkey_profile: Option<String>,
}

impl PasskeyPolicy {
    /// The profiles that apply to an account.
    fn profiles(&self, scope: &Scope) -> impl Iterator<Item = &PasskeyProfile> {
        let targets = self.include_targets.iter().filter(|t| scope.is_hit(t));
        let mut named: Vec<&String> = targets.flat_map(|t| &t.allowed_passkey_profiles).collect();
        if named.is_empty() {
            named.extend(&self.default_passkey_profile);
        }
        let profiles = self.passkey_profiles.iter();
        // A policy that says nothing about it is left to the service: every profile may apply.
        profiles.filter(move |p| named.is_empty() || named.contains(&&p.id))
    }

    /// Whether the policy admits this key model for an account: by the older list, or by a profile.
    #[must_use]
    pub fn admits(&self, aaguid: Aaguid, scope: &Scope) -> bool {
        if self.passkey_profiles.is_empty() {
            return self.key_restrictions.as_ref().is_none_or(|r| r.admits(aaguid));
        }
        self.profiles(scope).any(|profile| profile.admits(aaguid))
    }

    /// Whether attestation is asked of this model: by the older switch, or by every profile that admits it.
    #[must_use]
    pub fn enforces_attestation(&self, aaguid: Aaguid, scope: &Scope) -> bool {
        let enforced = |p: &PasskeyProfile| p.attestation_enforcement.as_deref() == Some("registrationOnly");
        if self.passkey_profiles.is_empty() {
            return self.is_attestation_enforced == Some(true);
        }
        let mut admitting = self.profiles(scope).filter(|p| p.admits(aaguid)).peekable();
        admitting.peek().is_some() && admitting.all(enforced)
    }
}

/// The Temporary Access Pass policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PassPolicy {
    /// `enabled` or `disabled`.
    #[serde(default)]
    pub state: Option<String>,
    /// Shortest lifetime.
    #[serde(default)]
    pub minimum_lifetime_in_minutes: Option<u32>,
    /// Longest lifetime.
    #[serde(default)]
    pub maximum_lifetime_in_minutes: Option<u32>,
    /// Whether only one-time passes are allowed.
    #[serde(default)]
    pub is_usable_once: Option<bool>,
    /// Who.
    #[serde(default)]
    pub include_targets: Vec<Target>,
    /// Who not; wins.
    #[serde(default)]
    pub exclude_targets: Vec<Target>,
}

/// What a new pass is to be.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPass {
    /// Lifetime.
    pub lifetime_in_minutes: u32,
    /// Whether it is good for one sign-in.
    pub is_usable_once: bool,
}

/// A Temporary Access Pass. It has no Debug: the code must not get into a message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// Method id.
    pub id: String,
    /// The code, in the answer to its creation only.
    #[serde(default, deserialize_with = "secret")]
    pub temporary_access_pass: Option<Secret<String>>,
    /// When it was created.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_date_time: Option<OffsetDateTime>,
    /// From when it is valid.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub start_date_time: Option<OffsetDateTime>,
    /// For how long.
    #[serde(default)]
    pub lifetime_in_minutes: Option<u32>,
    /// Whether it works now.
    #[serde(default)]
    pub is_usable: Option<bool>,
    /// Whether it is good for one sign-in.
    #[serde(default)]
    pub is_usable_once: Option<bool>,
    /// Why it works or not.
    #[serde(default)]
    pub method_usability_reason: Option<String>,
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret<String>>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

/// A registered passkey.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passkey {
    /// Method id.
    pub id: String,
    /// Name the person gave it.
    #[serde(default)]
    pub display_name: Option<String>,
    /// When it was registered.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub created_date_time: Option<OffsetDateTime>,
    /// Model number.
    #[serde(default)]
    pub aa_guid: Option<String>,
    /// Model name.
    #[serde(default)]
    pub model: Option<String>,
    /// Thumbprints of the attestation certificate.
    #[serde(default)]
    pub attestation_certificates: Vec<String>,
    /// `attested` or `notAttested`.
    #[serde(default)]
    pub attestation_level: Option<String>,
    /// `deviceBound` or `synced`.
    #[serde(default)]
    pub passkey_type: Option<String>,
}

impl Passkey {
    /// The credential id that the method id holds, if it has the observed form.
    ///
    /// Observed, not documented: base64url, then one digit that counts the `=` that are missing.
    #[must_use]
    pub fn credential_id(&self) -> Option<Vec<u8>> {
        credential_id(&self.id)
    }
}

/// The credential id that a method id holds, if it has the observed form.
#[must_use]
pub fn credential_id(method: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let digit = method.chars().last()?.to_digit(10)? as usize;
    let text = method.get(..method.len() - 1)?;
    let padded = (4 - text.len() % 4) % 4 == digit;
    let bytes = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    (padded && bytes.len() >= 16).then_some(bytes)
}

/// The method id of a credential id, in the observed form.
#[must_use]
pub fn method_id(credential_id: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(credential_id);
    format!("{text}{}", (4 - text.len() % 4) % 4)
}

/// One entry of the audit log.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Entry id.
    #[serde(default)]
    pub id: String,
    /// What was done.
    #[serde(default)]
    pub activity_display_name: String,
    /// When.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub activity_date_time: Option<OffsetDateTime>,
    /// More words about it.
    #[serde(default)]
    pub result_reason: Option<String>,
    /// Free-form details.
    #[serde(default)]
    pub additional_details: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn passkey(id: &str) -> Passkey {
        serde_json::from_value(serde_json::json!({"id": id, "unknown": {"a": 1}})).unwrap()
    }

    #[test]
    fn the_published_method_id_decodes() {
        let id = "Xd-q6r1BdYMX35ikRUkK66uS9jF7ZWEnfG9dJWBJMko1";
        assert_eq!(passkey(id).credential_id().unwrap().len(), 32);
        assert_eq!(method_id(&passkey(id).credential_id().unwrap()), id);
        assert_eq!(
            passkey("73e4b2c6-8a2f-4d3e-9b1a-5c7d8e9f0a1b").credential_id(),
            None
        );
    }

    proptest! {
        #[test]
        fn method_ids_read_what_they_write(id in proptest::collection::vec(any::<u8>(), 16..200)) {
            prop_assert_eq!(passkey(&method_id(&id)).credential_id(), Some(id));
        }

        #[test]
        fn reading_a_method_id_never_panics(id: String) {
            let _ = passkey(&id).credential_id();
        }
    }

    #[test]
    fn key_restrictions_and_profiles_admit_and_refuse() {
        let model = Aaguid([7; 16]);
        let with = |kind: &str, listed: bool| {
            let list: Vec<String> = listed.then(|| model.to_string()).into_iter().collect();
            serde_json::json!({"isEnforced": true, "enforcementType": kind, "aaGuids": list})
        };
        for (kind, listed, admitted) in [
            ("allow", true, true),
            ("allow", false, false),
            ("block", true, false),
            ("block", false, true),
        ] {
            let old: PasskeyPolicy =
                serde_json::from_value(serde_json::json!({"keyRestrictions": with(kind, listed)})).unwrap();
            let scope = Scope::new("u", vec!["g".into()]);
            assert_eq!(old.admits(model, &scope), admitted);
            let profiles = serde_json::json!([{"id": "p", "keyRestrictions": with(kind, listed)}]);
            let new: PasskeyPolicy =
                serde_json::from_value(serde_json::json!({"passkeyProfiles": profiles})).unwrap();
            assert_eq!(new.admits(model, &scope), admitted);
        }
    }

    #[test]
    fn a_profile_counts_only_for_those_it_is_allowed_to() {
        let model = Aaguid([7; 16]);
        let policy: PasskeyPolicy = serde_json::from_value(serde_json::json!({
            "includeTargets": [{"id": "g", "targetType": "group", "allowedPasskeyProfiles": ["open"]},
                {"id": "h", "targetType": "group"}],
            "defaultPasskeyProfile": "closed",
            "passkeyProfiles": [{"id": "open", "attestationEnforcement": "registrationOnly"},
                {"id": "closed", "passkeyTypes": "synced"}],
        }))
        .unwrap();
        let (g, h) = (
            Scope::new("u", vec!["G".into()]),
            Scope::new("u", vec!["h".into()]),
        );
        assert!(policy.admits(model, &g) && !policy.admits(model, &h));
        assert!(policy.enforces_attestation(model, &g) && !policy.enforces_attestation(model, &h));
    }
}
