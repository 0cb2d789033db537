//! The report of a drill, as it is signed: JSON in a JWS (RFC 7515) of a registrar's key.

use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::sign_in::Told;
use crate::graph::{Passkey, SignIn};
use crate::inventory::Evidence;
use crate::manifest::sign::{StationKey, verify_as};
use crate::manifest::{OpenError, StationFingerprint};
use crate::registration::report::{Failure, Proof, Tenant};
use crate::secret::{self, Secret};
use crate::tenant::preflight::{Finding, Outcome};

/// What a report calls itself.
pub const FORMAT: &str = "glasskey-drill-report";
/// Version of the report format.
pub const VERSION: u64 = 1;
/// Media type in the signature's header.
const TYPE: &str = "glasskey-drill-report+jws";

/// One drill.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Always [`FORMAT`].
    pub format: &'static str,
    /// Format version.
    pub version: u64,
    /// Version of the program.
    pub tool_version: &'static str,
    /// Id of the drill.
    pub drill: String,
    /// Why it was held.
    pub reason: String,
    /// Who held it.
    pub registrar: String,
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
    /// Sign-in name of the account.
    pub account: String,
    /// Its object id, once it was read.
    pub user_id: Option<String>,
    /// Label of the key.
    pub label: String,
    /// Model number of the key.
    pub aaguid: String,
    /// Who keeps it, as the inventory says.
    pub custodian: Option<String>,
    /// The last drill that it passed before, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_drill: Option<OffsetDateTime>,
    /// When drills of this key began that have no end on record, UTC.
    pub cut_off: Vec<String>,
    /// `passed`, `attested`, `failed`, or the code of what stopped it.
    pub result: String,
    /// What stopped it.
    pub error: Option<Failure>,
    /// What was found of account and tenant.
    pub findings: Vec<Finding>,
    /// What the tenant says of the key's passkey.
    pub method: Option<Passkey>,
    /// Proof by the identity credential.
    pub identity: Option<Proof>,
    /// Proof that this key holds the registered credential.
    pub credential: Option<Proof>,
    /// What of the sign-in log could be read: `steps`, `outcome`, or `none`.
    pub log: &'static str,
    /// The sign-in that the log shows.
    pub sign_in: Option<Seen>,
    /// What else was seen in the log during the drill.
    pub others: Vec<Other>,
    /// Two people who saw the sign-in, where the log does not show the method.
    pub attested: Vec<Attestation>,
    /// What a person confirmed, or not.
    pub confirmations: Vec<Confirmation>,
    /// From when on the log was searched for use of the account outside of drills, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub searched_from: Option<OffsetDateTime>,
    /// Sign-ins since then that belong to no drill and no registration: each is to be explained.
    pub alarms: Vec<Use>,
    /// How many sign-ins failed since then.
    pub failed_attempts: usize,
    /// When the sessions were revoked.
    #[serde(with = "time::serde::rfc3339::option")]
    pub sessions_revoked: Option<OffsetDateTime>,
}

/// An entry of the sign-in log.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// Entry id.
    pub id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339::option")]
    pub time: Option<OffsetDateTime>,
    /// Where to.
    pub app: Option<String>,
    /// Where from.
    pub ip_address: Option<String>,
}

impl From<&SignIn> for Use {
    fn from(entry: &SignIn) -> Self {
        Self {
            id: entry.id.clone(),
            time: entry.created_date_time,
            app: entry.app_display_name.clone(),
            ip_address: entry.ip_address.clone(),
        }
    }
}

/// The sign-in of the drill.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The entry.
    #[serde(flatten)]
    pub entry: Use,
    /// What it tells of which key it was; nothing where it does not show the method.
    pub told: Option<Told>,
}

/// Another entry of the log that came during the drill.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Other {
    /// The entry.
    #[serde(flatten)]
    pub entry: Use,
    /// What it was, as a sentence.
    pub what: String,
}

/// One of two people who saw the sign-in.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// Their name, as they gave it.
    pub name: String,
    /// When they confirmed, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
}

/// What no log shows and a person answers.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// Which check.
    pub check: &'static str,
    /// The answer; nothing where nobody could be asked.
    pub answer: Option<bool>,
    /// Minutes until the alarm came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
}

impl Report {
    /// Whether the key opened its account, and nothing of the account is as it must not be.
    #[must_use]
    pub fn passed(&self) -> bool {
        matches!(self.result.as_str(), "passed" | "attested")
    }

    /// Findings that fail.
    #[must_use]
    pub fn failures(&self) -> usize {
        let failures = self.findings.iter().filter(|f| f.outcome == Outcome::Failure);
        failures.count()
    }

    /// What the inventory keeps of it, with the report as it was signed.
    #[must_use]
    pub fn evidence(&self, signed: String) -> Evidence {
        let sign_in = self.sign_in.iter().map(|seen| &seen.entry);
        let others = self.others.iter().map(|other| &other.entry);
        Evidence {
            drill: self.drill.clone(),
            result: self.result.clone(),
            sign_ins: sign_in.chain(others).map(|entry| entry.id.clone()).collect(),
            report: signed,
        }
    }

    /// Signs it; one line of ASCII.
    #[must_use]
    pub fn sign(&self, key: &StationKey) -> String {
        // Texts, times and numbers: nothing in here can fail to become JSON.
        let payload = Secret::new(serde_json::to_vec(self).unwrap_or_default());
        let jws = key.sign_as(TYPE, &payload);
        String::from_utf8_lossy(jws.expose()).into_owned()
    }
}

/// Checks a signed report against its signer's fingerprint and returns its content.
pub fn verify(jws: &[u8], signer: &StationFingerprint) -> Result<Value, OpenError> {
    let mut bytes = secret::with_capacity(jws.len());
    bytes.expose_mut().extend_from_slice(jws.trim_ascii());
    let payload = verify_as(TYPE, &bytes, signer)?;
    let content = |_| OpenError::Content("it is no JSON".into());
    let report: Value = serde_json::from_slice(payload.expose()).map_err(content)?;
    if report["format"] != FORMAT {
        return Err(OpenError::Content("it is no report of a drill".into()));
    }
    match report["version"].as_u64() {
        Some(VERSION) => Ok(report),
        Some(version) => Err(OpenError::NewerVersion(version)),
        None => Err(OpenError::Content("it has no version".into())),
    }
}
