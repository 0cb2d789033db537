//! Roles last: an account becomes Global Administrator when every key of it is proven, and it is not alone.
//!
//! A registered key works at once, so whoever has the role before the keys is guarded by a password alone.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::journal::{Action, State};
use super::report::{Failure, Report, RoleReport};
use super::run::Registration;
use super::{Ledger, RegistrationError};
use crate::graph::{GLOBAL_ADMINISTRATOR, GraphError, RoleAssignment};
use crate::inventory::{Key, KeyState};
use crate::key::KeyBus;
use crate::manifest::Manifest;

/// How often the assignment is sent while answers get lost.
const ATTEMPTS: usize = 5;

/// A key that is to open an account, or does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    label: String,
    account: String,
    /// It proved that it holds its passkey, in this run or as the inventory says.
    proven: bool,
    /// Id of its passkey.
    method: Option<String>,
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Makes each account of a run that registered every key Global Administrator, where the rule allows it.
    ///
    /// An account that has the role already keeps it. The error is a [`RegistrationError::Condition`] where an
    /// account does not get the role; the others do all the same.
    pub fn assign_roles(
        &mut self,
        manifest: &Manifest,
        report: &mut Report,
        ledger: &mut dyn Ledger,
    ) -> Result<(), RegistrationError> {
        let result = self.each_role(manifest, report, ledger);
        report.finished = Some(OffsetDateTime::now_utc());
        if let Err(error) = &result {
            report.result = error.code().into();
            report.error = Some(Failure::from(error));
        }
        result
    }

    fn each_role(
        &mut self,
        manifest: &Manifest,
        report: &mut Report,
        ledger: &mut dyn Ledger,
    ) -> Result<(), RegistrationError> {
        let Some(tenant) = report.tenant.as_ref().map(|tenant| tenant.id.clone()) else {
            return Ok(());
        };
        let keys = known(manifest, report, &ledger.known()?, &tenant);
        report.roles = accounts(report);
        let mut refused = Vec::new();
        for index in 0..report.roles.len() {
            let role = &mut report.roles[index];
            self.graph.interrupt().check()?;
            let result = match refusal(&role.account, &keys) {
                Some(why) => Ok(Some(why)),
                None => self.give_if_registered(&tenant, role, &keys),
            };
            match result {
                Ok(None) => self
                    .voice
                    .say(&format!("{} is Global Administrator.", role.account)),
                Ok(Some(why)) => {
                    let line = format!("{} does not become Global Administrator: {why}", role.account);
                    self.voice.say(&line);
                    role.result = "notAssigned".into();
                    role.why = Some(why);
                    refused.push(line);
                }
                Err(error) => {
                    role.result = error.code().into();
                    role.why = Some(error.to_string());
                    return Err(error);
                }
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(RegistrationError::condition(
            format!("Every chosen key is registered. {}", refused.join(" ")),
            "Register and prove the keys that are named, then repeat the command with `--assign-role`; it proves what is there.",
        ))
    }

    /// Gives the role once the tenant shows the passkey of each key; or says why not.
    fn give_if_registered(
        &mut self,
        tenant: &str,
        role: &mut RoleReport,
        keys: &[Known],
    ) -> Result<Option<String>, RegistrationError> {
        let shown = self.graph.passkeys(&role.user_id)?;
        let gone = |key: &&Known| {
            key.account.eq_ignore_ascii_case(&role.account)
                && key
                    .method
                    .as_ref()
                    .is_none_or(|id| !shown.iter().any(|p| p.id == *id))
        };
        if let Some(key) = keys.iter().find(gone) {
            return Ok(Some(format!(
                "the tenant does not show the passkey of the key with label {}.",
                key.label
            )));
        }
        self.give(tenant, role).map_err(denied)?;
        Ok(None)
    }

    /// Looks first; then writes, journalled, and after a lost answer looks again before the next attempt.
    fn give(&mut self, tenant: &str, role: &mut RoleReport) -> Result<(), RegistrationError> {
        if self.has_role(role)? {
            role.result = "alreadyAssigned".into();
            return Ok(());
        }
        let end = Instant::now() + self.options.usable_within;
        for attempt in 1.. {
            self.graph.interrupt().check()?;
            self.note(
                Action::AssignRole,
                State::Intended,
                tenant,
                &role.user_id,
                Some(role.role),
            )?;
            let Err(error) = self.graph.assign_role(&role.user_id, role.role) else {
                break;
            };
            let status = error.refusal().map(|r| r.status);
            // Refused because it is there, if an answer was lost before; the list may be slow to show it.
            let patience = if status == Some(400) && attempt > 1 {
                end
            } else {
                Instant::now()
            };
            if self.shows_role(role, patience)? {
                break;
            }
            if status.is_some() && !error.is_transient() || status == Some(429) {
                self.note(
                    Action::AssignRole,
                    State::Refused,
                    tenant,
                    &role.user_id,
                    Some(role.role),
                )?;
            }
            let again = error.is_transient() || matches!(error, GraphError::Unreadable { .. });
            if !again || attempt >= ATTEMPTS {
                return Err(error.into());
            }
            let asked = error.refusal().and_then(|r| r.retry_after);
            let pause = asked.unwrap_or_else(|| self.options.poll.min(Duration::from_secs(2)));
            self.graph.interrupt().sleep(pause)?;
        }
        self.note(
            Action::AssignRole,
            State::Done,
            tenant,
            &role.user_id,
            Some(role.role),
        )?;
        role.result = "assigned".into();
        role.assigned = Some(OffsetDateTime::now_utc());
        Ok(())
    }

    fn shows_role(&self, role: &RoleReport, end: Instant) -> Result<bool, RegistrationError> {
        loop {
            if self.has_role(role)? {
                return Ok(true);
            }
            if Instant::now() >= end {
                return Ok(false);
            }
            self.graph.interrupt().sleep(self.options.poll)?;
        }
    }

    fn has_role(&self, role: &RoleReport) -> Result<bool, RegistrationError> {
        let is_it = |a: &RoleAssignment| {
            let whole = a.directory_scope_id.as_deref().is_none_or(|scope| scope == "/");
            let id = a.role_definition_id.as_deref().unwrap_or_default();
            whole && id.eq_ignore_ascii_case(role.role)
        };
        Ok(self.graph.role_assignments(&role.user_id)?.iter().any(is_it))
    }
}

/// A refusal by permission is the caller's to mend, and says with what.
fn denied(error: RegistrationError) -> RegistrationError {
    match &error {
        RegistrationError::Graph(graph) if graph.refusal().is_some_and(|r| r.status == 403) => {
            RegistrationError::condition(
                format!("Every chosen key is registered, and the role could not be assigned: {graph}."),
                "Give the token RoleManagement.ReadWrite.Directory and the caller the role Privileged Role \
                 Administrator, then repeat the command; or assign Global Administrator by hand.",
            )
        }
        _ => error,
    }
}

/// The accounts of a run's keys, each once.
fn accounts(report: &Report) -> Vec<RoleReport> {
    let mut seen = BTreeSet::new();
    let keys = report.keys.iter();
    keys.filter(|key| seen.insert(key.account.to_ascii_lowercase()))
        .map(|key| RoleReport {
            account: key.account.clone(),
            user_id: key.user_id.clone().unwrap_or_default(),
            role: GLOBAL_ADMINISTRATOR,
            result: "notTried".into(),
            assigned: None,
            why: None,
        })
        .collect()
}

/// Every key that counts: the manifest's, and those that the inventory has in service.
///
/// A key of the inventory alone counts for the account of a key in the manifest, or where it opens this tenant.
fn known(manifest: &Manifest, report: &Report, inventory: &[Key], tenant: &str) -> Vec<Known> {
    let recorded = |label: &str| inventory.iter().find(|key| key.label.as_str() == label);
    let planned = |account: &str| {
        let mut keys = manifest.keys.iter();
        keys.any(|key| key.account.as_str().eq_ignore_ascii_case(account))
    };
    let mut all: Vec<Known> = Vec::new();
    for key in &manifest.keys {
        let label = key.label.as_str();
        let tried = report.keys.iter().find(|k| k.label == label);
        let recorded = recorded(label);
        if recorded.is_some_and(|key| !key.state.is_in_service()) {
            continue;
        }
        all.push(match (tried, recorded) {
            (Some(tried), _) => Known {
                label: label.to_owned(),
                account: key.account.to_string(),
                proven: matches!(tried.result.as_str(), "registered" | "alreadyRegistered")
                    && tried.credential.is_some(),
                method: tried.method.as_ref().map(|passkey| passkey.id.clone()),
            },
            (None, Some(recorded)) => of_inventory(recorded, tenant),
            (None, None) => Known {
                label: label.to_owned(),
                account: key.account.to_string(),
                proven: false,
                method: None,
            },
        });
    }
    let others = inventory.iter().filter(|key| {
        let opens = key.state.is_usable() && key.tenant.as_deref() == Some(tenant);
        let counts = opens || key.state.is_in_service() && planned(key.account.as_str());
        counts && !manifest.keys.iter().any(|k| k.label == key.label)
    });
    all.extend(others.map(|key| of_inventory(key, tenant)));
    all
}

fn of_inventory(key: &Key, tenant: &str) -> Known {
    let here = key.tenant.as_deref() == Some(tenant);
    Known {
        label: key.label.to_string(),
        account: key.account.to_string(),
        proven: here && matches!(key.state, KeyState::Proven | KeyState::Drilled),
        method: key.method.clone(),
    }
}

/// Why an account does not get the role yet, as the end of a sentence; nothing when it may have it.
fn refusal(account: &str, keys: &[Known]) -> Option<String> {
    let (own, others): (Vec<&Known>, Vec<&Known>) = keys
        .iter()
        .partition(|key| key.account.eq_ignore_ascii_case(account));
    let open: Vec<&str> = own
        .iter()
        .filter(|key| !key.proven)
        .map(|key| key.label.as_str())
        .collect();
    if !open.is_empty() {
        return Some(format!(
            "not every key of it is proven to hold its passkey: {}.",
            open.join(", ")
        ));
    }
    if own.is_empty() {
        return Some("no key of it is in service.".into());
    }
    if own.len() < 2 && others.is_empty() {
        return Some(
            "it is the only account and has one key: a second key or a second account comes first.".into(),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(label: &str, account: &str, proven: bool) -> Known {
        Known {
            label: label.into(),
            account: account.into(),
            proven,
            method: Some(label.into()),
        }
    }

    #[test]
    fn a_lone_key_or_an_unproven_one_keeps_the_role_away() {
        let lone = [key("1", "a", true)];
        assert!(refusal("a", &lone).unwrap().contains("only account"));
        assert_eq!(refusal("A", &[key("1", "a", true), key("2", "a", true)]), None);
        assert_eq!(refusal("a", &[key("1", "a", true), key("2", "b", false)]), None);
        let half = [key("1", "a", true), key("2", "a", false), key("3", "b", true)];
        assert!(refusal("a", &half).unwrap().ends_with(": 2."));
        assert!(refusal("b", &half).is_none());
    }

    proptest! {
        #[test]
        fn no_account_with_an_unproven_key_gets_the_role(keys in prop::collection::vec((0..3_u8, any::<bool>()), 1..8)) {
            let keys: Vec<Known> = keys
                .iter()
                .enumerate()
                .map(|(label, (account, proven))| key(&label.to_string(), &account.to_string(), *proven))
                .collect();
            for account in ["0", "1", "2"] {
                let own: Vec<&Known> = keys.iter().filter(|k| k.account == account).collect();
                let alone = own.len() == keys.len();
                let may = !own.is_empty() && own.iter().all(|k| k.proven) && (own.len() > 1 || !alone);
                prop_assert_eq!(refusal(account, &keys).is_none(), may);
            }
        }
    }
}
