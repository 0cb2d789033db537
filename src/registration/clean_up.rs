//! Clean-up that cannot be forgotten: a pass is deleted and the sessions that it opened are ended, by this run or the next.
//!
//! What a dead run left is known from the journal on this machine and, where an inventory is kept, from there:
//! so another registrar's machine can do it as well.

use std::collections::BTreeSet;

use time::OffsetDateTime;

use super::journal::{Action, Leftover, State};
use super::pass::OpenPass;
use super::report::KeyReport;
use super::run::Registration;
use super::{Ledger, RegistrationError};
use crate::graph::{Pass, User};
use crate::key::KeyBus;

/// How much later than the inventory's note a pass of that run can have been created: all attempts, and clocks that differ.
const LATEST: time::Duration = time::Duration::minutes(15);
/// How much earlier it can seem to have been created.
const EARLIEST: time::Duration = time::Duration::minutes(5);

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Cleans up after the dead runs of this machine; returns how many passes were deleted, and which accounts were cleaned.
    pub(super) fn recover(&mut self, tenant: &str) -> Result<(u32, BTreeSet<String>), RegistrationError> {
        let (here, elsewhere): (Vec<Leftover>, Vec<Leftover>) = self
            .journal
            .leftovers()
            .into_iter()
            .partition(|left| left.tenant == tenant);
        let tenants: BTreeSet<&str> = elsewhere.iter().map(|left| left.tenant.as_str()).collect();
        for other in tenants {
            self.voice.say(&format!(
                "An earlier run may have left a Temporary Access Pass in another tenant: {other}"
            ));
        }
        if !here.is_empty() {
            // The file of a dead run holds a pass as well.
            self.voice.forget();
        }
        let mut recovered = 0;
        let mut cleaned = BTreeSet::new();
        for left in &here {
            if !cleaned.insert(left.user.clone()) {
                continue;
            }
            let of_account: Vec<&Leftover> = here.iter().filter(|l| l.user == left.user).collect();
            let ours = |pass: &Pass| of_account.iter().any(|left| may_be(left, pass));
            let deleted = of_account.iter().all(|left| left.deleted);
            self.voice.say(if deleted {
                "An earlier run ended before the account's sessions were revoked: they are revoked now."
            } else {
                "An earlier run ended before its Temporary Access Pass was deleted: it is deleted now."
            });
            recovered += u32::from(self.clean(tenant, &left.user, !deleted, &ours)?);
        }
        Ok((recovered, cleaned))
    }

    /// Cleans up after dead runs that the inventory knows of, on whatever machine; returns how many passes were deleted.
    ///
    /// `cleaned` names accounts that were cleaned already.
    pub(super) fn recover_recorded(
        &mut self,
        tenant: &str,
        ledger: &mut dyn Ledger,
        cleaned: &BTreeSet<String>,
    ) -> Result<u32, RegistrationError> {
        let mut recovered = 0;
        for open in ledger.left_open(tenant)? {
            if !cleaned.contains(&open.user) {
                self.voice.say(&format!(
                    "A run of {} ended before its Temporary Access Pass for the key with label {} was deleted: it is deleted now.",
                    open.who, open.label
                ));
                let ours = |pass: &Pass| {
                    pass.created_date_time
                        .is_none_or(|at| at > open.since - EARLIEST && at < open.since + LATEST)
                };
                recovered += u32::from(self.clean(tenant, &open.user, true, &ours)?);
            }
            ledger.pass_closed(&open.label, tenant, &open.user)?;
        }
        Ok(recovered)
    }

    /// Deletes the account's pass if it is ours, and ends its sessions; returns whether there was one.
    fn clean(
        &mut self,
        tenant: &str,
        user: &str,
        look: bool,
        ours: &dyn Fn(&Pass) -> bool,
    ) -> Result<bool, RegistrationError> {
        let mut found = false;
        if look {
            let passes = match self.graph.for_cleaning().passes(user) {
                Ok(passes) => passes,
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            match passes.into_iter().find(|pass| ours(pass)) {
                Some(pass) => {
                    self.delete_pass(tenant, user, &pass.id)?;
                    found = true;
                }
                None => self.note(Action::DeletePass, State::Done, tenant, user, None)?,
            }
        }
        match self.revoke(tenant, user) {
            // The account is gone, and its sessions with it.
            Err(RegistrationError::Graph(error)) if error.is_not_found() => {
                self.note(Action::RevokeSessions, State::Done, tenant, user, None)?;
            }
            other => other?,
        }
        Ok(found)
    }

    /// Deletes the pass and ends the sessions; tries both even if one fails.
    pub(super) fn close(
        &mut self,
        tenant: &str,
        user: &User,
        open: &OpenPass,
        report: &mut KeyReport,
    ) -> Result<(), RegistrationError> {
        let deleted = self.delete_pass(tenant, &user.id, &open.pass.id);
        if deleted.is_ok() {
            if let Some(pass) = &mut report.pass {
                pass.deleted = Some(OffsetDateTime::now_utc());
            }
            self.voice.say("The Temporary Access Pass is deleted.");
        } else {
            let warning = format!(
                "The Temporary Access Pass of {} could not be deleted. Repeat the command, or delete it by hand.",
                user.user_principal_name
            );
            self.voice.say(&format!("warning: {warning}"));
            report.warnings.push(warning);
        }
        self.voice.forget();
        let revoked = self.revoke(tenant, &user.id);
        if revoked.is_ok() {
            report.sessions_revoked = Some(OffsetDateTime::now_utc());
        } else {
            report
                .warnings
                .push("The sessions of the account could not be revoked.".into());
        }
        deleted.and(revoked)
    }

    /// Deletes a pass, journalled, and not stopped by an interruption.
    pub(super) fn delete_pass(
        &mut self,
        tenant: &str,
        user: &str,
        id: &str,
    ) -> Result<(), RegistrationError> {
        // A journal that cannot be written must not keep a pass alive.
        let noted = self.note(Action::DeletePass, State::Intended, tenant, user, Some(id));
        self.graph.for_cleaning().delete_pass(user, id)?;
        self.note(Action::DeletePass, State::Done, tenant, user, Some(id))?;
        noted
    }

    /// Ends the account's sessions, journalled, and not stopped by an interruption.
    fn revoke(&mut self, tenant: &str, user: &str) -> Result<(), RegistrationError> {
        let noted = self.note(Action::RevokeSessions, State::Intended, tenant, user, None);
        self.graph.for_cleaning().revoke_sessions(user)?;
        self.note(Action::RevokeSessions, State::Done, tenant, user, None)?;
        noted
    }
}

/// Whether a pass that is there can be the one that a dead run left.
fn may_be(left: &Leftover, pass: &Pass) -> bool {
    match &left.method {
        Some(id) => pass.id == *id,
        // The answer was lost: the pass is ours if it is not older than our request.
        None => pass
            .created_date_time
            .is_none_or(|created| created > left.since - EARLIEST),
    }
}
