//! What a sandbox tenant knows: policies, users, their methods and the audit log. No HTTP here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::relying_party::Registered;

/// How a sandbox tenant is set up; every member may be left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The tenant id; a rehearsal plan may name one.
    pub tenant_id: String,
    /// Display name of the organization; the mark is added to it.
    pub display_name: String,
    /// Members that replace those of the passkey (fido2) policy.
    pub fido2: BTreeMap<String, Value>,
    /// Members that replace those of the Temporary Access Pass policy.
    pub temporary_access_pass: BTreeMap<String, Value>,
    /// How long a new pass is not usable yet.
    pub pass_delay_milliseconds: u32,
    /// How long a new passkey is missing from the list.
    pub method_delay_milliseconds: u32,
    /// How long an entry is missing from the audit log.
    pub audit_delay_milliseconds: u32,
    /// Refuse a second pass instead of replacing the first.
    pub refuse_second_pass: bool,
    /// Entries per page of a list.
    pub page_size: usize,
    /// The users of the tenant.
    pub users: Vec<User>,
    /// Leave out the sandbox mark: for tests that need a tenant that looks real. No option reaches it.
    #[serde(skip)]
    pub hide_mark: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tenant_id: "5a4db0c5-0000-4000-8000-000000000001".into(),
            display_name: "Sandbox".into(),
            fido2: BTreeMap::new(),
            temporary_access_pass: BTreeMap::new(),
            pass_delay_milliseconds: 1000,
            method_delay_milliseconds: 1000,
            audit_delay_milliseconds: 1000,
            refuse_second_pass: false,
            page_size: 20,
            users: Vec::new(),
            hide_mark: false,
        }
    }
}

/// One user of the sandbox tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id; made up when left out.
    #[serde(default = "super::guid")]
    pub id: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// Name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// False refuses every sign-in.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// `Member` or `Guest`.
    #[serde(default = "member")]
    pub user_type: String,
    /// True for an account that comes from a local directory.
    #[serde(default)]
    pub on_premises_sync_enabled: Option<bool>,
    /// Ids of all groups the user is in, nested ones included.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The WebAuthn user.id: `OF:` and 48 opaque bytes.
    #[serde(default)]
    pub(crate) handle: Vec<u8>,
    /// The pass, if there is one.
    #[serde(default)]
    pub(crate) pass: Option<Pass>,
    /// Registered passkeys.
    #[serde(default)]
    pub(crate) passkeys: Vec<Passkey>,
}

impl User {
    /// A cloud-only, enabled member with this name.
    #[must_use]
    pub fn named(user_principal_name: &str) -> Self {
        Self {
            id: super::guid(),
            user_principal_name: user_principal_name.to_owned(),
            display_name: None,
            account_enabled: true,
            user_type: member(),
            on_premises_sync_enabled: None,
            groups: Vec::new(),
            handle: Vec::new(),
            pass: None,
            passkeys: Vec::new(),
        }
    }

    pub(crate) fn shown_name(&self) -> &str {
        let local = self.user_principal_name.split('@').next();
        self.display_name
            .as_deref()
            .unwrap_or_else(|| local.unwrap_or_default())
    }
}

fn yes() -> bool {
    true
}

fn member() -> String {
    "Member".into()
}

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

/// One entry of the audit log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) user: Option<String>,
    pub(crate) body: Value,
}

/// The tenant: what the state file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) settings: Settings,
    pub(crate) fido2: Value,
    pub(crate) pass_policy: Value,
    pub(crate) audit: Vec<AuditEntry>,
    pub(crate) role_assignments: Vec<Value>,
}

impl Tenant {
    /// A fresh tenant.
    pub(crate) fn new(mut settings: Settings) -> Self {
        for user in &mut settings.users {
            if user.handle.is_empty() {
                user.handle = vec![0; 51];
                super::fill_random(&mut user.handle);
                user.handle[..3].copy_from_slice(b"OF:");
            }
        }
        let everyone = json!([{"targetType": "group", "id": "all_users", "isRegistrationRequired": false}]);
        let mut fido2 = json!({
            "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
            "id": "Fido2", "state": "enabled",
            "isSelfServiceRegistrationAllowed": true, "isAttestationEnforced": false,
            "keyRestrictions": {"isEnforced": false, "enforcementType": "block", "aaGuids": []},
            "includeTargets": everyone, "excludeTargets": [],
        });
        let mut pass_policy = json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
            "id": "TemporaryAccessPass", "state": "enabled",
            "defaultLifetimeInMinutes": 60, "defaultLength": 8,
            "minimumLifetimeInMinutes": 60, "maximumLifetimeInMinutes": 480, "isUsableOnce": false,
            "includeTargets": everyone, "excludeTargets": [],
        });
        for (name, value) in &settings.fido2 {
            fido2[name] = value.clone();
        }
        for (name, value) in &settings.temporary_access_pass {
            pass_policy[name] = value.clone();
        }
        Self {
            settings,
            fido2,
            pass_policy,
            audit: Vec::new(),
            role_assignments: Vec::new(),
        }
    }

    /// Finds a user by object id or sign-in name.
    pub(crate) fn user(&self, name: &str) -> Option<usize> {
        self.settings
            .users
            .iter()
            .position(|u| u.id.eq_ignore_ascii_case(name) || u.user_principal_name.eq_ignore_ascii_case(name))
    }

    /// Writes an audit entry about a user (or about nobody).
    pub(crate) fn audit(
        &mut self,
        user: Option<usize>,
        by: By,
        activity: &str,
        reason: &str,
        details: &Value,
    ) {
        let at = OffsetDateTime::now_utc();
        let target = user.map(|index| &self.settings.users[index]);
        let initiator = match (by, target) {
            (By::User, Some(user)) => json!({"user": {
                "id": user.id, "userPrincipalName": user.user_principal_name, "ipAddress": "127.0.0.1"}}),
            _ => json!({"app": null, "user": {
                "id": "00000000-0000-4000-8000-00000000ad01", "userPrincipalName": "registrar@sandbox"}}),
        };
        let targets = target.map_or_else(
            || json!([]),
            |u| {
                json!([{"id": u.id, "type": "User", "displayName": u.display_name,
                "userPrincipalName": u.user_principal_name, "modifiedProperties": []}])
            },
        );
        let user = target.map(|u| u.id.clone());
        let body = json!({
            "id": super::guid(), "category": "UserManagement", "correlationId": super::guid(),
            "result": "success", "resultReason": reason, "activityDisplayName": activity,
            "activityDateTime": stamp(at), "loggedByService": "Authentication Methods",
            "operationType": "Update", "initiatedBy": initiator, "targetResources": targets,
            "additionalDetails": details,
        });
        self.audit.push(AuditEntry { at, user, body });
    }

    /// Whether a policy takes this user in: one include target, and no exclude target (exclusion wins).
    pub(crate) fn in_scope(&self, policy: &Value, user: usize) -> bool {
        let groups = &self.settings.users[user].groups;
        let hit = |list: &str| {
            policy[list].as_array().is_some_and(|targets| {
                targets.iter().any(|target| {
                    let id = target["id"].as_str().unwrap_or_default();
                    id == "all_users" || groups.iter().any(|g| g.eq_ignore_ascii_case(id))
                })
            })
        };
        policy["state"] == "enabled" && hit("includeTargets") && !hit("excludeTargets")
    }

    /// Whether the passkey policy admits this model, and if not, why not.
    pub(crate) fn admits(&self, aaguid: &str, attested: bool) -> Result<(), &'static str> {
        let policy = &self.fido2;
        if policy["isAttestationEnforced"] == true && !attested {
            return Err("attestation");
        }
        let restrictions = &policy["keyRestrictions"];
        let listed = restrictions["aaGuids"].as_array().is_some_and(|list| {
            list.iter()
                .any(|a| a.as_str().is_some_and(|a| a.eq_ignore_ascii_case(aaguid)))
        });
        let allow = restrictions["enforcementType"] == "allow";
        if restrictions["isEnforced"] == true && listed != allow {
            return Err("aaguid");
        }
        Ok(())
    }

    /// What Graph says of a pass; the code only for the answer that creates it.
    pub(crate) fn pass_json(&self, pass: &Pass, user: usize, with_code: bool) -> Value {
        let reason = self.pass_state(pass, user);
        json!({
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

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The caller of Graph.
    Administrator,
    /// The user himself, on the sign-in stand-in.
    User,
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

pub(crate) fn stamp(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
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

    #[test]
    fn exclusion_wins_over_inclusion() {
        let mut user = User::named("bg-01@sandbox.example");
        user.groups = vec!["g".into()];
        let mut settings = Settings {
            users: vec![user],
            ..Settings::default()
        };
        assert!({
            let tenant = Tenant::new(settings.clone());
            tenant.in_scope(&tenant.fido2, 0)
        });
        settings.fido2.insert(
            "excludeTargets".into(),
            json!([{"targetType": "group", "id": "G"}]),
        );
        let tenant = Tenant::new(settings);
        assert!(!tenant.in_scope(&tenant.fido2, 0));
    }
}
