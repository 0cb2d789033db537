//! The report of a registration: what was done and proven for each key (docs/registrar.md).

use serde::Serialize;
use time::OffsetDateTime;

use super::Route;
use crate::graph::{Client, Passkey};
use crate::manifest::Manifest;

/// Version of the report format.
pub const VERSION: u32 = 1;

/// A whole run.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always `glasskey-registration-report`.
    pub format: &'static str,
    /// Format version.
    pub version: u32,
    /// Version of the program.
    pub tool_version: &'static str,
    /// Route of the registration.
    pub route: &'static str,
    /// Start, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// End, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished: Option<OffsetDateTime>,
    /// Base URL of Graph.
    pub graph: String,
    /// The tenant, once it was read.
    pub tenant: Option<Tenant>,
    /// Ceremony id.
    pub ceremony: String,
    /// Whether the manifest is of a rehearsal.
    pub rehearsal: bool,
    /// SHA-256 of the manifest file, lower-case hexadecimal.
    pub manifest_sha256: String,
    /// `registered` when every chosen key is, else the code of the first failure.
    pub result: String,
    /// Passes of earlier runs that this run deleted.
    pub recovered_passes: u32,
    /// What stopped the run before or between keys.
    pub error: Option<Failure>,
    /// One entry per chosen key.
    pub keys: Vec<KeyReport>,
    /// One entry per account, where roles were asked for and every chosen key is registered.
    pub roles: Vec<RoleReport>,
}

impl Report {
    /// The report of a run that begins now.
    #[must_use]
    pub fn begin(route: Route, manifest: &Manifest, graph: &Client, manifest_sha256: String) -> Self {
        Self {
            format: "glasskey-registration-report",
            version: VERSION,
            tool_version: env!("CARGO_PKG_VERSION"),
            route: route.name(),
            started: OffsetDateTime::now_utc(),
            finished: None,
            graph: graph.service().origin().to_owned(),
            tenant: None,
            ceremony: manifest.ceremony.id.to_string(),
            rehearsal: manifest.ceremony.rehearsal,
            manifest_sha256,
            result: String::new(),
            recovered_passes: 0,
            error: None,
            keys: Vec::new(),
            roles: Vec::new(),
        }
    }
}

/// The tenant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Tenant id.
    pub id: String,
    /// Display name.
    pub display_name: String,
    /// True for a sandbox tenant: nothing real was registered.
    pub sandbox: bool,
}

/// One key.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyReport {
    /// Label id.
    pub label: String,
    /// Sign-in name.
    pub account: String,
    /// Object id of the account.
    pub user_id: Option<String>,
    /// Model number from the manifest.
    pub aaguid: String,
    /// `registered`, `alreadyRegistered`, `notTried`, or the code of the failure.
    pub result: String,
    /// What the tenant says of the new passkey.
    pub method: Option<Passkey>,
    /// Proof by the identity credential before the registration.
    pub identity_before: Option<Proof>,
    /// The same afterwards.
    pub identity_after: Option<Proof>,
    /// Proof that this very key holds the registered credential.
    pub credential: Option<Proof>,
    /// The pass.
    pub pass: Option<Pass>,
    /// When the sessions were revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sessions_revoked: Option<OffsetDateTime>,
    /// The audit log: `asExpected`, `notSeenYet`, `notChecked` or `unexpected`.
    pub audit: Option<&'static str>,
    /// Ids of passkeys that appeared and are not proven.
    pub unproven: Vec<String>,
    /// Ids of passkeys that were deleted because they do not belong there.
    pub deleted: Vec<String>,
    /// Credential ids that stay on the key although no account knows them (route `on-behalf`).
    pub orphans: Vec<String>,
    /// What a person should look at.
    pub warnings: Vec<String>,
    /// Why it is not registered.
    pub error: Option<Failure>,
}

/// The role of one account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleReport {
    /// Sign-in name.
    pub account: String,
    /// Object id of the account.
    pub user_id: String,
    /// Template id of the role.
    pub role: &'static str,
    /// `assigned`, `alreadyAssigned`, `notAssigned` (see `why`), `notTried`, or the code of the failure.
    pub result: String,
    /// When its assignment was confirmed, if this run made it.
    #[serde(with = "time::serde::rfc3339::option")]
    pub assigned: Option<OffsetDateTime>,
    /// Why the account does not get it.
    pub why: Option<String>,
}

/// One proof by touch.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// Whether the key verified its user.
    pub user_verified: bool,
    /// Signature counter.
    pub sign_count: u32,
    /// Which key, as it calls itself, with its port.
    pub key: String,
}

/// The life of a pass; never its code.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// Method id.
    pub id: String,
    /// When it was created, by the tenant's clock where it told.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When its deletion was confirmed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub deleted: Option<OffsetDateTime>,
}

/// Why something failed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Kind of failure.
    pub code: &'static str,
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl From<&super::RegistrationError> for Failure {
    fn from(error: &super::RegistrationError) -> Self {
        Self {
            code: error.code(),
            message: error.to_string(),
            hint: error.hint(),
        }
    }
}
