//! The first half of a Temporary Access Pass's life: created once, and usable; journalled throughout.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::RegistrationError;
use super::journal::{Action, State};
use super::report::{self, KeyReport};
use super::run::Registration;
use crate::graph::{GraphError, NewPass, Pass, User};
use crate::key::KeyBus;
use crate::manifest::schema::PreparedKey;

/// How many looks at the list of passkeys there are for one at the pass.
pub(super) const LOOKS: u32 = 6;

/// How often the creation of a pass is tried when answers get lost.
const CREATIONS: usize = 5;

/// A pass that exists and must not outlive this run.
pub(super) struct OpenPass {
    pub(super) pass: Pass,
    pub(super) created: OffsetDateTime,
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
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
                return Err(foreign(key.account.as_str()));
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
                let bad_request = error.refusal().is_some_and(|r| r.status == 400);
                if bad_request && !self.graph.passes(&user.id)?.is_empty() {
                    return Err(foreign(&user.user_principal_name));
                }
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
                return Err(unusable(&user.user_principal_name, named));
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

    /// Writes a line of the journal.
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

/// What is known of an open pass while the person works with it.
pub(super) struct PassWatch {
    next: Instant,
    missing: bool,
    used: bool,
}

impl PassWatch {
    /// The first look is due at this time.
    pub(super) fn new(first: Instant) -> Self {
        Self {
            next: first,
            missing: false,
            used: false,
        }
    }

    /// Whether a one-time pass has opened its session.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Looks at the pass from time to time: it can end before the person does. True when it was used up just now.
    pub(super) fn look_at_pass(
        &mut self,
        user: &User,
        open: &OpenPass,
        watch: &mut PassWatch,
    ) -> Result<bool, RegistrationError> {
        if Instant::now() < watch.next {
            return Ok(false);
        }
        watch.next = Instant::now() + self.options.poll * LOOKS;
        let name = &user.user_principal_name;
        let pass = match self.graph.pass(&user.id, &open.pass.id) {
            Ok(pass) => pass,
            // Once can be a replica that is late; twice, it is gone.
            Err(error) if error.is_not_found() && !watch.missing => {
                watch.missing = true;
                return Ok(false);
            }
            Err(error) if error.is_not_found() => {
                return Err(RegistrationError::condition(
                    format!(
                        "Somebody else deleted the Temporary Access Pass of {name} before the key was added."
                    ),
                    "Ask who did; then repeat the command: it creates another one.",
                ));
            }
            Err(error) => return Err(error.into()),
        };
        watch.missing = false;
        match pass.method_usability_reason.as_deref() {
            Some("OneTimeUsed") => Ok(!std::mem::replace(&mut watch.used, true)),
            Some("Expired") => Err(RegistrationError::TimedOut(format!(
                "The Temporary Access Pass of {name} expired before the key was added. It is deleted."
            ))),
            Some(reason @ "DisabledByPolicy") => Err(unusable(name, reason)),
            _ => Ok(false),
        }
    }
}

fn foreign(account: &str) -> RegistrationError {
    RegistrationError::condition(
        format!(
            "{account} already has a Temporary Access Pass that this program did not create. Nothing has been changed."
        ),
        "Ask who created it; delete it, or repeat the command with `--yes`.",
    )
}

/// Why a pass that exists opens no sign-in.
fn unusable(account: &str, reason: &str) -> RegistrationError {
    let (why, hint) = match reason {
        "DisabledByPolicy" => (
            "the policy does not let this account sign in with one",
            "Compare the account with the targets of the policy `Temporary Access Pass`, and whether that allows one-time passes only.",
        ),
        "OneTimeUsed" => (
            "somebody has signed in with it already",
            "Look at the account's sign-ins and sign-in methods before you repeat the command: nobody has been shown this pass.",
        ),
        "Expired" => (
            "it has expired",
            "Give a longer lifetime with `--pass-minutes`, or in the policy `Temporary Access Pass`, and repeat the command.",
        ),
        _ => (
            "the tenant does not make it valid in time",
            "Repeat the command; a new pass may take some minutes in this tenant.",
        ),
    };
    RegistrationError::condition(
        format!("The Temporary Access Pass of {account} cannot be used: {why} ({reason}). It is deleted."),
        hint,
    )
}
