//! Credentials on a key that no account knows: removed where the model can, and named where it cannot.

use std::time::Duration;

use time::OffsetDateTime;

use super::super::RegistrationError;
use super::super::journal::State;
use super::super::report::KeyReport;
use super::super::run::Registration;
use super::hand::Hand;
use super::{Place, REGISTER};
use crate::graph::{Passkey, credential_id};
use crate::key::{Blob, KeyBus};

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Removes a credential that was made and not registered.
    pub(super) fn remove_orphan(&mut self, id: &[u8], hand: &Hand<'_>, report: &mut KeyReport) {
        match self.remove_from(hand, id) {
            Ok(()) => self
                .voice
                .say("The passkey that was not registered is removed from the key."),
            Err(error) => {
                let text = Blob(id.to_vec()).to_string();
                let warning = format!(
                    "The key with label {} keeps a passkey that no account knows ({text}): {error} It opens nothing, and \
                     takes one place in the key's memory until the key is reset.",
                    hand.key.label
                );
                self.voice.say(&format!("warning: {warning}"));
                report.warnings.push(warning);
                report.orphans.push(text);
            }
        }
    }

    /// Decides about passkeys whose POST a dead run left open: listed by now, or orphans on the key.
    ///
    /// Returns the list, read again where it was not old enough to tell.
    pub(super) fn clear_dead_runs(
        &mut self,
        place: Place<'_>,
        mut list: Vec<Passkey>,
        hand: &mut Hand<'_>,
        report: &mut KeyReport,
    ) -> Result<Vec<Passkey>, RegistrationError> {
        let (user, label) = (&place.user.id, place.key.label.as_str());
        for left in self.journal.registrations(place.tenant, user, label) {
            if !left.open {
                continue;
            }
            self.voice
                .say("An earlier run ended before it was known whether this key was registered: looking.");
            loop {
                if list.iter().any(|p| p.id == left.method) {
                    self.note_passkey(place, State::Done, &left.method)?;
                    break;
                }
                // What was registered a moment ago may not be listed yet.
                let age = Duration::try_from(OffsetDateTime::now_utc() - left.since).unwrap_or_default();
                if age >= self.options.usable_within {
                    if let Some(id) = credential_id(&left.method) {
                        self.remove_orphan(&id, hand, report);
                    }
                    self.note_passkey(place, State::Refused, &left.method)?;
                    break;
                }
                self.graph.interrupt().sleep(self.options.poll)?;
                list = self.graph.passkeys(user)?;
            }
        }
        Ok(list)
    }

    /// Notes one step of this key's registration.
    pub(super) fn note_passkey(
        &mut self,
        place: Place<'_>,
        state: State,
        method: &str,
    ) -> Result<(), RegistrationError> {
        let label = place.key.label.as_str();
        self.journal
            .write_for(REGISTER, state, place.tenant, &place.user.id, Some(method), label)
            .map_err(|error| RegistrationError::File(format!("The journal cannot be written: {error}")))
    }
}
