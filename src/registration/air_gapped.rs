//! Route `air-gapped`: keys make their passkeys at the station, by creation options fetched before, and what they made is
//! posted from here.
//!
//! Neither key nor PIN is needed here. A key that is here all the same proves that it is the prepared one and holds the
//! passkey; without it a passkey is registered, and not proven.

pub mod options;
mod post;

use std::time::Instant;

use time::OffsetDateTime;

use super::compare;
use super::proof::Prover;
use super::report::KeyReport;
use super::{OnWrongKey, Registration, RegistrationError, conditions};
use crate::graph::{Client, Passkey, User, method_id};
use crate::id::{Aaguid, Upn};
use crate::key::KeyBus;
use crate::key::registration::Made;
use crate::manifest::schema::{MadePasskey, PreparedKey};
use crate::tenant::rules;

/// Whether a key has to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proving {
    /// A key that is plugged in proves itself; any other is registered, and not proven.
    IfHere,
    /// Each key is waited for.
    Always,
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Posts the passkey of one key, and has the key prove it where it is here.
    pub(super) fn submit_one(
        &mut self,
        tenant: &str,
        key: &PreparedKey,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let proving = self.options.proving;
        let (made, public_key) = check(key, tenant)?;
        let user = account(self.graph, &key.account)?;
        report.user_id = Some(user.id.clone());
        report
            .warnings
            .extend(policy(self.graph, &user, &[key.model.aaguid])?);
        let before = self.graph.passkeys(&user.id)?;
        let (passkey, is_new) = match there(&before, key, made)? {
            Some(passkey) => {
                self.voice.say("This passkey is already registered.");
                (passkey.clone(), false)
            }
            None => (self.post_made(tenant, &user, key, made, &before)?, true),
        };
        report.method = Some(passkey.clone());
        report.audit = Some("notChecked");
        let fits = compare::fits(&passkey, key, OffsetDateTime::UNIX_EPOCH);
        let fits = fits.map_err(RegistrationError::Mismatch);
        report
            .warnings
            .extend(fits.inspect_err(|_| report.unproven.push(passkey.id.clone()))?);
        let is_proven = self
            .prove_passkey(key, made, &public_key, proving, report)
            .inspect_err(|_| report.unproven.push(passkey.id.clone()))?;
        let result = match (is_proven, is_new) {
            (false, _) => NOT_PROVEN,
            (true, true) => "registered",
            (true, false) => "alreadyRegistered",
        };
        report.result = result.into();
        let how = if is_proven {
            "proven"
        } else {
            "not proven: the key is not here"
        };
        self.voice.say(&format!(
            "The key with label {} is registered and {how}.",
            key.label
        ));
        Ok(())
    }

    /// The key proves that it is the prepared one and holds the passkey; `false` where it is not here and need not be.
    fn prove_passkey(
        &mut self,
        key: &PreparedKey,
        made: &MadePasskey,
        public_key: &[u8],
        proving: Proving,
        report: &mut KeyReport,
    ) -> Result<bool, RegistrationError> {
        let may_be_away = proving == Proving::IfHere;
        if may_be_away && self.bus.sole_key().is_err() {
            return Ok(false);
        }
        let prover = Prover {
            bus: self.bus,
            key,
            pin: key.pin.as_ref(),
            interrupt: self.graph.interrupt(),
            wait: self.options.wait,
            poll: self.options.poll.min(std::time::Duration::from_millis(500)),
            on_wrong_key: if may_be_away {
                OnWrongKey::Stop
            } else {
                self.options.on_wrong_key
            },
        };
        let (plugged, proof) = match prover.identity(self.voice) {
            Ok(answer) => answer,
            Err(RegistrationError::WrongKey(what)) if may_be_away => {
                report.warnings.push(what);
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        report.identity_after = Some(proof);
        match prover.credential(
            &plugged,
            made.credential_id.as_slice(),
            Some(public_key),
            self.voice,
        )? {
            Some(proof) => {
                report.credential = Some(proof);
                Ok(true)
            }
            None => Err(RegistrationError::Mismatch(format!(
                "The key with label {} does not hold the passkey that it made at the station.",
                key.label
            ))),
        }
    }

    /// Reads the list until the passkey is in it; what the post answered where it does not come.
    fn listed(&self, user: &User, posted: &Passkey) -> Result<Passkey, RegistrationError> {
        let end = Instant::now() + self.options.usable_within;
        loop {
            let now = self.graph.passkeys(&user.id)?;
            if let Some(passkey) = now.into_iter().find(|p| p.id == posted.id) {
                return Ok(passkey);
            }
            if Instant::now() > end {
                return Err(RegistrationError::TimedOut(format!(
                    "The passkey of {} was taken and is not in the account's list yet.",
                    user.user_principal_name
                )));
            }
            self.graph.interrupt().sleep(self.options.poll)?;
        }
    }
}

/// The result of a key whose passkey is in the tenant and that was not asked.
pub(super) const NOT_PROVEN: &str = "registeredNotProven";

/// The passkey of a key in the manifest, checked from its bytes, and its public key (`COSE_Key`).
pub(super) fn check<'k>(
    key: &'k PreparedKey,
    tenant: &str,
) -> Result<(&'k MadePasskey, Vec<u8>), RegistrationError> {
    let Some(made) = &key.registration else {
        return Err(RegistrationError::condition(
            format!(
                "The manifest holds no passkey of the key {}: its ceremony had no creation options. Nothing has been changed.",
                key.label
            ),
            "Register it with `glasskey companion register`.",
        ));
    };
    if !made.tenant_id.eq_ignore_ascii_case(tenant) || made.account != key.account {
        return Err(RegistrationError::condition(
            format!(
                "The passkey of the key {} was made for {} in tenant {}, and not for {} in tenant {tenant}. Nothing has \
                 been changed.",
                key.label, made.account, made.tenant_id, key.account
            ),
            "Sign in to the tenant that issued the creation options.",
        ));
    }
    let bytes = Made {
        credential_id: made.credential_id.as_slice(),
        client_data: made.client_data_json.as_slice(),
        attestation_object: made.attestation_object.as_slice(),
    };
    let public_key = bytes.check_again(&key.identity).map_err(|why| {
        RegistrationError::condition(
            format!(
                "The passkey of the key {} is not what that key made: {why}. Nothing has been changed.",
                key.label
            ),
            "Prepare the key again, with new creation options.",
        )
    })?;
    Ok((made, public_key))
}

/// The account, which can take a passkey from this caller.
fn account(graph: &Client, name: &Upn) -> Result<User, RegistrationError> {
    let user = graph.user(name.as_str()).map_err(|error| {
        let absent = rules::present(name.as_str(), None).err();
        match absent.filter(|_| error.is_not_found()) {
            Some(condition) => condition.into(),
            None => RegistrationError::from(error),
        }
    })?;
    conditions::account(&user, graph.caller().as_deref())?;
    Ok(user)
}

/// The passkey policy lets this account register these models; returns warnings.
fn policy(graph: &Client, user: &User, models: &[Aaguid]) -> Result<Vec<String>, RegistrationError> {
    let policy = graph.passkey_policy()?;
    rules::passkeys_enabled(&policy)?;
    rules::self_service(&policy)?;
    let lists = [&policy.include_targets, &policy.exclude_targets];
    let groups = lists.into_iter().flatten().filter_map(|t| t.group());
    let scope = graph.scope(&user.id, groups)?;
    rules::passkey_scope(&policy, &user.user_principal_name, &scope)?;
    let mut warnings = Vec::new();
    for model in models {
        warnings.extend(rules::model(&policy, &scope, *model)?);
    }
    Ok(warnings)
}

/// The passkey in the account's list, if it is there already; another one of that name is in the way.
fn there<'p>(
    list: &'p [Passkey],
    key: &PreparedKey,
    made: &MadePasskey,
) -> Result<Option<&'p Passkey>, RegistrationError> {
    let id = made.credential_id.as_slice();
    let is_it = |p: &&Passkey| p.id == method_id(id) || p.credential_id().as_deref() == Some(id);
    if let Some(passkey) = list.iter().find(is_it) {
        return Ok(Some(passkey));
    }
    let named = |p: &&Passkey| p.display_name.as_deref().map(str::trim) == Some(key.label.as_str());
    match list.iter().find(named) {
        // An id of another form tells nothing; the name does, because labels are drawn.
        Some(passkey) if passkey.credential_id().is_none() => Ok(Some(passkey)),
        Some(passkey) => Err(RegistrationError::Mismatch(format!(
            "{} has another passkey named {}: {}. Nothing has been changed.",
            key.account, key.label, passkey.id
        ))),
        None => Ok(None),
    }
}
