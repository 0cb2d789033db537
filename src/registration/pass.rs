//! The life of a Temporary Access Pass: created once, usable, deleted whatever happens; journalled throughout.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::RegistrationError;
use super::journal::{Action, State};
use super::report::{self, KeyReport};
use super::tap::Registration;
use crate::graph::{GraphError, NewPass, Pass, User};
use crate::key::KeyBus;
use crate::manifest::schema::PreparedKey;

/// How often the creation of a pass is tried when answers get lost.
const CREATIONS: usize = 5;

/// A pass that exists and must not outlive this run.
pub(super) struct OpenPass {
    pub(super) pass: Pass,
    pub(super) created: OffsetDateTime,
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Deletes the passes that dead runs left in this tenant.
    pub(super) fn recover(&mut self, tenant: &str) -> Result<u32, RegistrationError> {
        let cleaning = self.graph.for_cleaning();
        let mut recovered = 0;
        for left in self.journal.leftovers() {
            if left.tenant != tenant {
                self.voice.say(&format!(
                    "An earlier run may have left a Temporary Access Pass in another tenant: {}",
                    left.tenant
                ));
                continue;
            }
            self.voice
                .say("An earlier run ended before its Temporary Access Pass was deleted: it is deleted now.");
            let passes = match cleaning.passes(&left.user) {
                Ok(passes) => passes,
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            let ours = passes.into_iter().find(|pass| match &left.method {
                Some(id) => pass.id == *id,
                // The answer was lost: the pass is ours if it is not older than our request.
                None => pass
                    .created_date_time
                    .is_none_or(|created| created > left.since - time::Duration::minutes(5)),
            });
            match ours {
                Some(pass) => {
                    self.delete_pass(tenant, &left.user, &pass.id)?;
                    recovered += 1;
                }
                None => self.note(
                    Action::DeletePass,
                    State::Done,
                    tenant,
                    &left.user,
                    left.method.as_deref(),
                )?,
            }
            self.revoke(tenant, &left.user)?;
        }
        Ok(recovered)
    }

    /// A pass that is not ours goes only if somebody says so.
    pub(super) fn clear_foreign_pass(
        &mut self,
        tenant: &str,
        user: &User,
        key: &PreparedKey,
    ) -> Result<(), RegistrationError> {
        for pass in self.graph.passes(&user.id)? {
            let question = format!(
                "{} already has a Temporary Access Pass that this program did not create. Delete it?",
                key.account
            );
            if !self.options.replace_foreign_pass && self.voice.ask(&question) != Some(true) {
                return Err(RegistrationError::condition(
                    format!(
                        "{} already has a Temporary Access Pass that this program did not create. Nothing has been changed.",
                        key.account
                    ),
                    "Ask who created it; delete it, or repeat the command with `--yes`.",
                ));
            }
            self.delete_pass(tenant, &user.id, &pass.id)?;
        }
        Ok(())
    }

    /// Creates a pass. When an answer is lost, the list is read first: a pass without its code is deleted.
    pub(super) fn create_pass(
        &mut self,
        tenant: &str,
        user: &User,
        new: NewPass,
        report: &mut KeyReport,
    ) -> Result<(OpenPass, usize), RegistrationError> {
        let cleaning = self.graph.for_cleaning();
        let mut creations = 0;
        let mut pause = Duration::from_secs(1).min(self.options.poll);
        loop {
            self.graph.interrupt().check()?;
            self.note(Action::CreatePass, State::Intended, tenant, &user.id, None)?;
            let error = match self.graph.create_pass(&user.id, new) {
                Ok(pass) => {
                    let created = pass.created_date_time.unwrap_or_else(OffsetDateTime::now_utc);
                    report.pass = Some(report::Pass {
                        id: pass.id.clone(),
                        created,
                        deleted: None,
                    });
                    let open = OpenPass { pass, created };
                    if let Err(error) = self.note(
                        Action::CreatePass,
                        State::Done,
                        tenant,
                        &user.id,
                        Some(&open.pass.id),
                    ) {
                        // Without a journal the pass could outlive a crash, so it goes at once.
                        let _ = cleaning.delete_pass(&user.id, &open.pass.id);
                        return Err(error);
                    }
                    return Ok((open, creations + 1));
                }
                Err(error) => error,
            };
            let lost = matches!(
                error,
                GraphError::Unanswered { .. } | GraphError::Unreadable { .. }
            );
            if !lost && !error.is_transient() {
                // A plain refusal, or an interruption before anything was sent.
                self.note(Action::CreatePass, State::Refused, tenant, &user.id, None)?;
                return Err(error.into());
            }
            creations += 1;
            self.voice
                .say("It is unknown whether the Temporary Access Pass was created: looking first.");
            // No pass was there before, so what is there now can only be this one. If the list does not show
            // it yet, the intention stays open in the journal, and the next creation replaces it.
            for pass in cleaning.passes(&user.id)? {
                self.delete_pass(tenant, &user.id, &pass.id)?;
            }
            // Throttling is certain to have done nothing; a gateway's 5xx is not.
            if error.refusal().is_some_and(|r| r.status == 429) {
                self.note(Action::CreatePass, State::Refused, tenant, &user.id, None)?;
            }
            if creations >= CREATIONS {
                return Err(error.into());
            }
            let asked = error.refusal().and_then(|r| r.retry_after);
            self.graph.interrupt().sleep(asked.unwrap_or(pause))?;
            pause *= 2;
        }
    }

    pub(super) fn await_usable(&mut self, user: &User, open: &OpenPass) -> Result<(), RegistrationError> {
        let end = Instant::now() + self.options.usable_within;
        let mut pass_state = open.pass.is_usable;
        let mut reason = open.pass.method_usability_reason.clone();
        while pass_state != Some(true) {
            let named = reason.as_deref().unwrap_or("no reason given");
            if Instant::now() > end || matches!(named, "DisabledByPolicy" | "OneTimeUsed" | "Expired") {
                return Err(RegistrationError::condition(
                    format!("The Temporary Access Pass does not become usable: {named}"),
                    "Compare the account with the targets of the Temporary Access Pass policy.",
                ));
            }
            self.graph
                .interrupt()
                .sleep(self.options.poll.min(Duration::from_secs(2)))?;
            let pass = match self.graph.pass(&user.id, &open.pass.id) {
                Ok(pass) => pass,
                // Replication: a pass that was created a moment ago may not be found yet.
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            (pass_state, reason) = (pass.is_usable, pass.method_usability_reason);
        }
        Ok(())
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

    pub(super) fn revoke(&mut self, tenant: &str, user: &str) -> Result<(), RegistrationError> {
        let noted = self.note(Action::RevokeSessions, State::Intended, tenant, user, None);
        self.graph.for_cleaning().revoke_sessions(user)?;
        self.note(Action::RevokeSessions, State::Done, tenant, user, None)?;
        noted
    }

    pub(super) fn note(
        &mut self,
        action: Action,
        state: State,
        tenant: &str,
        user: &str,
        method: Option<&str>,
    ) -> Result<(), RegistrationError> {
        self.journal
            .write(action, state, tenant, user, method)
            .map_err(|error| RegistrationError::File(format!("The journal cannot be written: {error}")))
    }
}
