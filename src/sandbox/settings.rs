//! How a sandbox tenant is set up: the settings file of `glasskey sandbox serve`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::fault::RandomFaults;
use super::login::Login;
use super::methods::{Pass, Passkey};

/// How a sandbox tenant is set up; every member may be left out.
#[expect(clippy::struct_excessive_bools, reason = "a settings file has switches")]
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
    /// Verified domains as Graph shows them; the users' domains when left out.
    pub domains: Vec<Value>,
    /// The groups of the tenant.
    pub groups: Vec<Group>,
    /// Members that replace those of the authentication methods registration campaign.
    pub registration_campaign: BTreeMap<String, Value>,
    /// Whether security defaults are on.
    pub security_defaults: bool,
    /// Conditional Access policies as Graph shows them.
    pub conditional_access: Vec<Value>,
    /// Role assignments as Graph shows them; `assignmentType` and `endDateTime` make one temporary.
    pub role_assignments: Vec<Value>,
    /// What the tenant has paid for.
    pub licence: Licence,
    /// How long a new user or group is not found yet.
    pub replication_delay_milliseconds: u32,
    /// How long a sign-in is missing from the log.
    pub sign_in_delay_milliseconds: u32,
    /// The older name of the method in sign-in logs: `FIDO2 security key`.
    pub old_method_name: bool,
    /// `revokeSignInSessions` answers 204 instead of 200.
    pub revoke_without_body: bool,
    /// Members that are added to the creation options.
    pub creation_options: BTreeMap<String, Value>,
    /// Life of a challenge in v1.0, instead of five minutes.
    pub challenge_milliseconds: Option<u32>,
    /// Requests per second of Graph calls; beyond, 429 with `Retry-After`.
    pub requests_per_second: Option<u32>,
    /// Faults at random places.
    pub random_faults: Option<RandomFaults>,
    /// How the sign-in service answers.
    pub login: Login,
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
            domains: Vec::new(),
            groups: Vec::new(),
            registration_campaign: BTreeMap::new(),
            security_defaults: false,
            conditional_access: Vec::new(),
            role_assignments: Vec::new(),
            licence: Licence::P2,
            replication_delay_milliseconds: 500,
            sign_in_delay_milliseconds: 1000,
            old_method_name: false,
            revoke_without_body: false,
            creation_options: BTreeMap::new(),
            challenge_milliseconds: None,
            requests_per_second: None,
            random_faults: None,
            login: Login::default(),
            hide_mark: false,
        }
    }
}

/// The edition of Entra ID, as far as it decides what Graph answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Licence {
    /// No sign-in log, no role-assignable groups.
    Free,
    /// No schedules of roles.
    P1,
    /// Everything.
    P2,
}

/// One group of the sandbox tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Group {
    /// Object id; made up when left out.
    #[serde(default = "super::guid")]
    pub id: String,
    /// Name for people; not unique.
    pub display_name: String,
    /// Name for mail.
    #[serde(default)]
    pub mail_nickname: Option<String>,
    /// More words.
    #[serde(default)]
    pub description: Option<String>,
    /// Whether roles may be given to it.
    #[serde(default)]
    pub is_assignable_to_role: bool,
    /// Object ids of users and groups that are direct members; names of users are taken as well.
    #[serde(default)]
    pub members: Vec<String>,
    /// When it was created over Graph.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(crate) created: Option<OffsetDateTime>,
}

impl Group {
    /// An empty security group.
    #[must_use]
    pub fn named(display_name: &str) -> Self {
        Self {
            id: super::guid(),
            display_name: display_name.to_owned(),
            mail_nickname: None,
            description: None,
            is_assignable_to_role: false,
            members: Vec::new(),
            created: None,
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
    /// Ids of groups the user is in, besides those that name it as a member.
    #[serde(default)]
    pub groups: Vec<String>,
    /// `DisablePasswordExpiration` and its like.
    #[serde(default)]
    pub password_policies: Option<String>,
    /// When it was created over Graph.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub(crate) created: Option<OffsetDateTime>,
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
            password_policies: None,
            created: None,
            handle: Vec::new(),
            pass: None,
            passkeys: Vec::new(),
        }
    }

    /// Gives it a WebAuthn user.id, if it has none.
    pub(crate) fn draw_handle(&mut self) {
        if self.handle.is_empty() {
            self.handle = vec![0; 51];
            super::fill_random(&mut self.handle);
            self.handle[..3].copy_from_slice(b"OF:");
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
