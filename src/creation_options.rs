//! Creation options on the stick (route air-gapped): what a tenant asks of each key of a plan, format version 1
//! (docs/formats.md).
//!
//! The companion writes the file with challenges that live long, the station reads it beside the plan. The file is not
//! signed: a tenant takes only an answer to a challenge that it issued itself, for the same account, once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::blob::Blob;
use crate::id::Upn;
use crate::key::registration::MakeRequest;
use crate::plan::Plan;

/// Name of the file beside the plan.
pub const FILE: &str = "creation-options.json";
/// Largest file that is read, in bytes: the most keys that a plan may hold, with room.
pub const MAX_BYTES: u64 = 24 << 20;
/// Value of `format`.
const FORMAT: &str = "glasskey-creation-options";
/// Value of `version`.
const VERSION: u64 = 1;

/// The creation options of every key of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreationOptions {
    format: String,
    version: u64,
    /// True for options of a sandbox tenant, which only a rehearsal uses.
    pub sandbox: bool,
    /// The tenant that issued them.
    pub tenant_id: String,
    /// When they were issued, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub issued: OffsetDateTime,
    /// One entry for each key.
    pub keys: Vec<KeyOptions>,
}

/// The creation options of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyOptions {
    /// The account.
    pub account: Upn,
    /// The key's place among the keys of the account, from 1.
    pub place: u8,
    /// When the challenge ends, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
    /// SHA-256 of the client data.
    pub client_data_hash: Blob,
    /// What is asked of the key.
    pub request: MakeRequest,
}

/// Why creation options cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// It is another kind of file, or damaged.
    #[error("`{FILE}` cannot be read: {0}")]
    Content(String),
    /// A newer program wrote it.
    #[error("`{FILE}` has format version {0}, which this version of glasskey does not know")]
    Newer(u64),
    /// One entry cannot be used.
    #[error("`{FILE}`: the options for key {place} of {account} cannot be used: {why}")]
    Entry {
        /// Account.
        account: Upn,
        /// Place.
        place: u8,
        /// Why, as a clause.
        why: String,
    },
    /// An entry for a key that the plan does not have.
    #[error("`{FILE}` has options for key {place} of {account}, which is not in the plan")]
    Unplanned {
        /// Account.
        account: Upn,
        /// Place.
        place: u8,
    },
    /// A key of the plan without an entry.
    #[error("`{FILE}` has no options for key {place} of {account}, which is in the plan")]
    Missing {
        /// Account.
        account: Upn,
        /// Place.
        place: u8,
    },
    /// A challenge of the sandbox in a real ceremony, or the other way round.
    #[error("`{FILE}` comes from {}, and the plan is {}", tenant(*.sandbox), ceremony(!*.sandbox))]
    Mixed {
        /// Whether the options are a sandbox tenant's.
        sandbox: bool,
    },
    /// Options of another tenant than the plan names.
    #[error("`{FILE}` comes from tenant {found}, and the plan is for tenant {planned}")]
    OtherTenant {
        /// Of the options.
        found: String,
        /// Of the plan.
        planned: String,
    },
    /// A challenge that no longer lives.
    #[error(
        "`{FILE}`: the challenge for key {place} of {account} ended on {expires}, by the clock of this machine"
    )]
    Expired {
        /// Account.
        account: Upn,
        /// Place.
        place: u8,
        /// When.
        expires: OffsetDateTime,
    },
}

fn tenant(is_sandbox: bool) -> &'static str {
    if is_sandbox {
        "a sandbox tenant"
    } else {
        "a real tenant"
    }
}

fn ceremony(is_rehearsal: bool) -> &'static str {
    if is_rehearsal {
        "for a rehearsal"
    } else {
        "for a real ceremony"
    }
}

impl OptionsError {
    /// What to do now, as full sentences.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Expired { .. } => {
                "If that clock is wrong, set it. If not, have `glasskey companion options` fetch new ones."
            }
            Self::Newer(_) => "Use the version of glasskey that wrote it, or a newer one.",
            _ => {
                "Have `glasskey companion options` write it for this plan, or remove it if passkeys are not to be made here."
            }
        }
    }
}

impl CreationOptions {
    /// Puts options together.
    #[must_use]
    pub fn new(sandbox: bool, tenant_id: String, issued: OffsetDateTime, keys: Vec<KeyOptions>) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            sandbox,
            tenant_id,
            issued,
            keys,
        }
    }

    /// Reads a file; every entry is one that a key may see, and names its client data's hash rightly.
    pub fn parse(json: &[u8]) -> Result<Self, OptionsError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let content = |error: serde_json::Error| OptionsError::Content(plain(&error.to_string()));
        let head: Head = serde_json::from_slice(json).map_err(content)?;
        if head.format != FORMAT {
            return Err(OptionsError::Content("it is no file of creation options".into()));
        }
        if head.version != VERSION {
            return Err(OptionsError::Newer(head.version));
        }
        let options: Self = serde_json::from_slice(json).map_err(content)?;
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if !(1..=64).contains(&options.tenant_id.len()) || !options.tenant_id.chars().all(is_id) {
            return Err(OptionsError::Content("its tenant id is not one".into()));
        }
        let mut challenges = BTreeSet::new();
        for key in &options.keys {
            key.check()?;
            if !challenges.insert(&key.client_data_hash) {
                return Err(key.refused("its challenge stands in another entry too"));
            }
        }
        Ok(options)
    }

    /// Whether these come from the tenant of this plan: a sandbox for a rehearsal, and no other.
    pub fn suits(&self, plan: &Plan) -> Result<(), OptionsError> {
        if self.sandbox != plan.rehearsal {
            return Err(OptionsError::Mixed {
                sandbox: self.sandbox,
            });
        }
        if let Some(planned) = &plan.tenant_id
            && !planned.eq_ignore_ascii_case(&self.tenant_id)
        {
            return Err(OptionsError::OtherTenant {
                found: self.tenant_id.clone(),
                planned: planned.clone(),
            });
        }
        Ok(())
    }

    /// Whether these are the options of this plan, one entry for each key; `is_left` names the keys that are not prepared
    /// yet, whose challenges must live at `now`.
    pub fn fits(
        &self,
        plan: &Plan,
        now: OffsetDateTime,
        is_left: &dyn Fn(&Upn, u8) -> bool,
    ) -> Result<(), OptionsError> {
        self.suits(plan)?;
        for key in &self.keys {
            let same = |p: &&crate::plan::PlannedKey| same(&p.account, &key.account) && p.place == key.place;
            if plan.keys.iter().filter(same).count() != 1 {
                return Err(OptionsError::Unplanned {
                    account: key.account.clone(),
                    place: key.place,
                });
            }
        }
        for planned in &plan.keys {
            let (account, place) = (planned.account.clone(), planned.place);
            let Some(key) = self.of(&account, place) else {
                return Err(OptionsError::Missing { account, place });
            };
            // A clock from before the options were issued tells nothing.
            if now >= self.issued && now >= key.expires && is_left(&account, place) {
                return Err(OptionsError::Expired {
                    account,
                    place,
                    expires: key.expires,
                });
            }
        }
        Ok(())
    }

    /// The options of one key.
    #[must_use]
    pub fn of(&self, account: &Upn, place: u8) -> Option<&KeyOptions> {
        let mut found = self
            .keys
            .iter()
            .filter(|k| same(&k.account, account) && k.place == place);
        // Of two entries for one key neither is the right one.
        found.next().filter(|_| found.next().is_none())
    }

    /// When the first challenge ends.
    #[must_use]
    pub fn expires(&self) -> Option<OffsetDateTime> {
        self.keys.iter().map(|k| k.expires).min()
    }

    /// The file.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }
}

impl KeyOptions {
    /// Takes a request for one key.
    #[must_use]
    pub fn new(account: Upn, place: u8, expires: OffsetDateTime, request: MakeRequest) -> Self {
        Self {
            account,
            place,
            expires,
            client_data_hash: request.client_data_hash(),
            request,
        }
    }

    /// Whether the request may reach a key, and belongs to this account.
    pub fn check(&self) -> Result<(), OptionsError> {
        self.request.validate().map_err(|why| self.refused(why))?;
        if self.client_data_hash != self.request.client_data_hash() {
            return Err(self.refused("the hash is not the one of the client data"));
        }
        let name = &self.request.user.name;
        if !name.eq_ignore_ascii_case(self.account.as_str()) {
            return Err(self.refused(format!("they name another user: {name:?}")));
        }
        Ok(())
    }

    fn refused(&self, why: impl Into<String>) -> OptionsError {
        OptionsError::Entry {
            account: self.account.clone(),
            place: self.place,
            why: why.into(),
        }
    }
}

/// Text that quotes the file, for a terminal: the file may come from anybody.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() { c } else { ' ' };
    text.chars().map(shown).take(200).collect()
}

fn same(a: &Upn, b: &Upn) -> bool {
    a.as_str().eq_ignore_ascii_case(b.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-23 10:00 UTC);
    const PLAN: &str = r#"
version = 1
title = "Test"
rehearsal = true
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
people = [{ name = "Ada", role = "officer" }, { name = "Grace", role = "witness" }]
[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [{ custodian = "Alan" }, { custodian = "Hedy" }]
"#;

    fn request(challenge: &str, name: &str) -> MakeRequest {
        MakeRequest::from_options(&json!({
            "rp": {"id": "login.microsoft.com"},
            "user": {"id": "T0Y6AAAA", "name": name, "displayName": "BG-01"},
            "challenge": challenge,
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
        }))
        .unwrap()
    }

    fn good() -> CreationOptions {
        let upn = "bg-01@contoso.onmicrosoft.com";
        let key = |place: u8| {
            let request = request(&format!("QUJD{place}"), upn);
            KeyOptions::new(
                upn.parse().unwrap(),
                place,
                datetime!(2026-12-23 10:00 UTC),
                request,
            )
        };
        CreationOptions::new(
            true,
            "t".into(),
            datetime!(2026-11-23 09:00 UTC),
            vec![key(1), key(2)],
        )
    }

    fn fits(options: &CreationOptions, now: OffsetDateTime) -> Result<(), OptionsError> {
        options.fits(&Plan::parse(PLAN).unwrap(), now, &|_, _| true)
    }

    #[test]
    fn what_is_written_is_read_and_fits_its_plan() {
        let options = CreationOptions::parse(&good().to_json().unwrap()).unwrap();
        assert_eq!(options, good());
        assert_eq!(fits(&options, NOW), Ok(()));
        let account = "BG-01@contoso.onmicrosoft.com".parse().unwrap();
        assert_eq!(options.of(&account, 2), Some(&options.keys[1]));
    }

    #[test]
    fn refuses_a_file_whose_entries_no_key_may_see() {
        let changes: [(&str, Value, &str); 8] = [
            ("/tenant_id", json!("\u{1b}[2J"), "tenant id"),
            ("/format", json!("shopping-list"), "no file of creation options"),
            ("/version", json!(2), "version 2"),
            ("/keys/1/request/rp_id", json!("evil.example"), "relying party"),
            ("/keys/1/client_data_hash", json!("AAAA"), "hash"),
            (
                "/keys/1/request/user/name",
                json!("other@contoso.onmicrosoft.com"),
                "another user",
            ),
            (
                "/keys/1/request/user/name",
                json!("bg-01@contoso"),
                "another user",
            ),
            ("/keys/1/place", json!("two"), "cannot be read"),
        ];
        for (path, value, word) in changes {
            let mut json: Value = serde_json::from_slice(&good().to_json().unwrap()).unwrap();
            *json.pointer_mut(path).unwrap() = value;
            let error = CreationOptions::parse(json.to_string().as_bytes()).unwrap_err();
            assert!(error.to_string().contains(word), "{path}: {error}");
        }
        let mut twice = good();
        twice.keys[1].request = twice.keys[0].request.clone();
        twice.keys[1].client_data_hash = twice.keys[0].client_data_hash.clone();
        let error = CreationOptions::parse(&twice.to_json().unwrap()).unwrap_err();
        assert!(error.to_string().contains("another entry"), "{error}");
    }

    #[test]
    fn what_a_file_has_said_of_it_commands_no_terminal() {
        let json = String::from_utf8(good().to_json().unwrap()).unwrap();
        for text in ["\\u001b[2J", "\\u202e", "\\n>> Touch"] {
            let changed = json.replacen("\"sandbox\"", &format!("\"{text}\":1,\"sandbox\""), 1);
            let error = CreationOptions::parse(changed.as_bytes())
                .unwrap_err()
                .to_string();
            assert!(error.contains("unknown field"), "{error}");
            assert!(
                error.chars().all(|c| c == ' ' || c.is_ascii_graphic()),
                "{error:?}"
            );
        }
    }

    #[test]
    fn refuses_options_of_another_plan_tenant_or_kind() {
        let refused = |change: fn(&mut CreationOptions), word: &str| {
            let mut options = good();
            change(&mut options);
            let error = fits(&options, NOW).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(!error.hint().is_empty());
        };
        refused(
            |o| o.sandbox = false,
            "from a real tenant, and the plan is for a rehearsal",
        );
        refused(|o| o.keys.truncate(1), "has no options for key 2");
        refused(|o| o.keys[1].place = 3, "not in the plan");
        refused(|o| o.keys[1].place = 1, "has no options for key");
        let tenant = "11111111-2222-3333-4444-555555555555";
        let text = PLAN.replace("rehearsal", &format!("tenant_id = \"{tenant}\"\nrehearsal"));
        let plan = Plan::parse(&text).unwrap();
        let error = good().fits(&plan, NOW, &|_, _| true).unwrap_err();
        assert!(matches!(error, OptionsError::OtherTenant { .. }));
        let mut same = good();
        same.tenant_id = tenant.to_uppercase();
        assert_eq!(same.fits(&plan, NOW, &|_, _| true), Ok(()));
    }

    #[test]
    fn a_challenge_that_ended_counts_only_for_keys_that_are_left_and_by_a_clock_that_can_be_right() {
        let (late, wrong) = (datetime!(2026-12-24 10:00 UTC), datetime!(2000-01-01 0:00 UTC));
        assert!(matches!(
            fits(&good(), late),
            Err(OptionsError::Expired { place: 1, .. })
        ));
        assert_eq!(fits(&good(), wrong), Ok(()));
        let plan = Plan::parse(PLAN).unwrap();
        assert_eq!(good().fits(&plan, late, &|_, _| false), Ok(()));
        let second = good().fits(&plan, late, &|_, place| place == 2);
        assert!(matches!(second, Err(OptionsError::Expired { place: 2, .. })));
    }

    proptest! {
        #[test]
        fn no_file_panics(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
            let _ = CreationOptions::parse(&bytes);
            let mut changed = good().to_json().unwrap();
            let at = at.index(changed.len());
            changed[at] = byte;
            if let Ok(options) = CreationOptions::parse(&changed) {
                let _ = fits(&options, NOW);
            }
        }
    }
}
