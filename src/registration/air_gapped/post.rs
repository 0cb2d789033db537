//! The post of a passkey: never twice, and looked for where its answer was lost.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::super::RegistrationError;
use super::super::journal::{Action, State};
use super::super::run::Registration;
use super::there;
use crate::graph::{GraphError, NewPasskey, Passkey, User};
use crate::key::KeyBus;
use crate::manifest::schema::{MadePasskey, PreparedKey};

/// How often a post is tried when answers get lost.
const POSTS: usize = 5;

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Posts the passkey and waits until it is in the list.
    pub(super) fn post_made(
        &mut self,
        tenant: &str,
        user: &User,
        key: &PreparedKey,
        made: &MadePasskey,
        before: &[Passkey],
    ) -> Result<Passkey, RegistrationError> {
        if OffsetDateTime::now_utc() >= made.expires {
            return Err(RegistrationError::condition(
                format!(
                    "The challenge that the key {} answered ended on {} UTC. Nothing has been changed.",
                    key.label, made.expires
                ),
                "Fetch new ones with `glasskey companion options`, and prepare the key again.",
            ));
        }
        let new = NewPasskey {
            display_name: key.label.as_str(),
            credential_id: made.credential_id.as_slice(),
            client_data: made.client_data_json.as_slice(),
            attestation_object: made.attestation_object.as_slice(),
        };
        let mut pause = Duration::from_secs(1).min(self.options.poll);
        let mut posts = 0;
        loop {
            self.graph.interrupt().check()?;
            self.note(Action::RegisterPasskey, State::Intended, tenant, &user.id, None)?;
            let error = match self.graph.register_passkey(&user.id, &new, true) {
                Ok(posted) => {
                    let id = Some(posted.id.as_str());
                    self.note(Action::RegisterPasskey, State::Done, tenant, &user.id, id)?;
                    return self.listed(user, &posted);
                }
                Err(error) => error,
            };
            let is_lost = matches!(
                error,
                GraphError::Unanswered { .. } | GraphError::Unreadable { .. }
            );
            let is_throttled = error.refusal().is_some_and(|r| r.status == 429);
            if !is_lost && (is_throttled || !error.is_transient()) {
                self.note(Action::RegisterPasskey, State::Refused, tenant, &user.id, None)?;
            }
            if !is_lost && !error.is_transient() {
                return Err(refused(error, key, made));
            }
            if !is_throttled {
                self.voice
                    .say("It is unknown whether the passkey was registered: looking first.");
                if let Some(found) = self.appeared(user, key, made, before)? {
                    let id = Some(found.id.as_str());
                    self.note(Action::RegisterPasskey, State::Done, tenant, &user.id, id)?;
                    return Ok(found);
                }
            }
            posts += 1;
            if posts >= POSTS {
                return Err(error.into());
            }
            let asked = error.refusal().and_then(|r| r.retry_after);
            self.graph.interrupt().sleep(asked.unwrap_or(pause))?;
            pause *= 2;
        }
    }

    /// Looks whether the passkey is in the list now; a list may be late.
    fn appeared(
        &self,
        user: &User,
        key: &PreparedKey,
        made: &MadePasskey,
        before: &[Passkey],
    ) -> Result<Option<Passkey>, RegistrationError> {
        let end = Instant::now() + self.options.usable_within;
        loop {
            let now = self.graph.passkeys(&user.id)?;
            let new: Vec<Passkey> = now
                .into_iter()
                .filter(|p| before.iter().all(|b| b.id != p.id))
                .collect();
            if let Some(found) = there(&new, key, made)? {
                return Ok(Some(found.clone()));
            }
            if Instant::now() > end {
                return Ok(None);
            }
            self.graph.interrupt().sleep(self.options.poll)?;
        }
    }
}

/// A refusal in words: what it can mean besides what Graph says.
fn refused(error: GraphError, key: &PreparedKey, made: &MadePasskey) -> RegistrationError {
    match error.refusal() {
        Some(refusal) if refusal.status == 400 => RegistrationError::condition(
            format!(
                "The tenant refused the passkey of the key {}: {refusal}.",
                key.label
            ),
            format!(
                "Its challenge is for {}, good once and until {} UTC. If it was used or replaced, fetch new options with \
                 `glasskey companion options` and prepare the key again; if a policy refuses it, run `glasskey companion \
                 preflight`.",
                made.account, made.expires
            ),
        ),
        _ => error.into(),
    }
}
