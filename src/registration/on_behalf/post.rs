//! The POST that registers a passkey: journalled before and after, and never repeated without looking first.

use std::time::{Duration, Instant};

use super::super::RegistrationError;
use super::super::journal::State;
use super::super::run::{Registration, named};
use super::{Life, Place, refusal};
use crate::graph::{GraphError, NewPasskey, Passkey, method_id};
use crate::key::registration::MakeRequest;
use crate::key::{Credential, KeyBus};

/// How often the POST is sent when answers get lost.
const POSTS: u32 = 5;

/// What became of it.
pub(super) enum Posted {
    /// The tenant has it.
    Stored(Box<Passkey>),
    /// The challenge was over; the tenant does not have it.
    Expired,
    /// The tenant does not have it.
    Refused(RegistrationError),
    /// Nobody knows; the journal keeps it open.
    Unknown(RegistrationError),
}

/// What an answer that is no success means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Throttled: certainly not done.
    Throttled,
    /// Lost, or a gateway's: done or not.
    Lost,
    /// Refused as it is, or because it is there already.
    Refused,
    /// Refused for a reason that has nothing to do with the passkey.
    NotAllowed,
}

impl Answer {
    fn of(error: &GraphError) -> Self {
        match error {
            GraphError::Refused(refusal) => match refusal.status {
                429 => Self::Throttled,
                500 | 502..=504 => Self::Lost,
                400 | 409 => Self::Refused,
                _ => Self::NotAllowed,
            },
            // A 2xx that cannot be read is as good as none.
            GraphError::Unanswered { .. } | GraphError::Unreadable { .. } => Self::Lost,
            GraphError::Interrupted(_) | GraphError::SignIn(_) => Self::NotAllowed,
        }
    }
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Registers what the key made.
    pub(super) fn post(
        &mut self,
        place: Place<'_>,
        request: &MakeRequest,
        made: &Credential,
        life: Life,
        before: &[Passkey],
    ) -> Posted {
        let method = method_id(made.id.as_slice());
        if let Err(error) = self.note_passkey(place, State::Intended, &method) {
            return Posted::Refused(error);
        }
        match self.send(place, request, made, life, before) {
            Posted::Stored(passkey) => match self.note_passkey(place, State::Done, &passkey.id) {
                Ok(()) => Posted::Stored(passkey),
                Err(error) => Posted::Unknown(error),
            },
            Posted::Unknown(error) => Posted::Unknown(error),
            other => match self.note_passkey(place, State::Refused, &method) {
                Ok(()) => other,
                Err(error) => Posted::Refused(error),
            },
        }
    }

    fn send(
        &mut self,
        place: Place<'_>,
        request: &MakeRequest,
        made: &Credential,
        life: Life,
        before: &[Passkey],
    ) -> Posted {
        let new = NewPasskey {
            display_name: place.key.label.as_str(),
            credential_id: made.id.as_slice(),
            client_data: request.client_data.as_slice(),
            attestation_object: made.attestation_object.as_slice(),
        };
        let first = Duration::from_secs(1).min(self.options.poll);
        let (mut pause, mut losses, mut unsure) = (first, 0, false);
        loop {
            let error = match self.graph.register_passkey(&place.user.id, &new, false) {
                Ok(passkey) => return Posted::Stored(Box::new(passkey)),
                Err(error) => error,
            };
            let answer = Answer::of(&error);
            if answer == Answer::Lost {
                (unsure, losses) = (true, losses + 1);
                self.voice
                    .say("It is not known whether the passkey was registered: looking first.");
            }
            let again = match answer {
                Answer::Throttled => !life.is_over(),
                Answer::Lost => losses < POSTS && !life.is_over(),
                Answer::Refused | Answer::NotAllowed => false,
            };
            // What may be there and not be listed yet is waited for, unless the POST itself is tried again.
            let patience = match answer {
                Answer::Throttled => None,
                Answer::Lost if again => Some(Duration::ZERO),
                _ if unsure => Some(self.options.usable_within),
                Answer::Refused => Some(Duration::ZERO),
                Answer::Lost | Answer::NotAllowed => None,
            };
            let found = patience.map_or(Ok(None), |patience| self.look(place, made, before, patience));
            match found {
                Ok(Some(passkey)) => return Posted::Stored(Box::new(passkey)),
                Ok(None) => {}
                Err(error) => return Posted::Unknown(error),
            }
            if again {
                let asked = error.refusal().and_then(|r| r.retry_after);
                if self.graph.interrupt().sleep(asked.unwrap_or(pause)).is_err() {
                    return sure(unsure, RegistrationError::Interrupted);
                }
                pause = (pause * 2).min(Duration::from_mins(1));
                continue;
            }
            if unsure {
                return Posted::Unknown(error.into());
            }
            if life.is_over() && matches!(answer, Answer::Throttled | Answer::Refused) {
                return Posted::Expired;
            }
            let aaguid = place.key.model.aaguid;
            return Posted::Refused(refusal::of_post(self.graph, error, place.user, aaguid));
        }
    }

    /// Looks for the passkey in the account's list, for so long.
    fn look(
        &self,
        place: Place<'_>,
        made: &Credential,
        before: &[Passkey],
        patience: Duration,
    ) -> Result<Option<Passkey>, RegistrationError> {
        let expected = method_id(made.id.as_slice());
        let end = Instant::now() + patience;
        loop {
            let list = self.graph.passkeys(&place.user.id)?;
            let is_new = |p: &Passkey| before.iter().all(|b| b.id != p.id);
            // An id of a form that is not known is told by its name, which is this key's label.
            let found = list.into_iter().find(|p| {
                p.id == expected || is_new(p) && p.credential_id().is_none() && named(p, place.key)
            });
            if found.is_some() || Instant::now() >= end {
                return Ok(found);
            }
            self.graph.interrupt().sleep(self.options.poll)?;
        }
    }
}

fn sure(unsure: bool, error: RegistrationError) -> Posted {
    if unsure {
        Posted::Unknown(error)
    } else {
        Posted::Refused(error)
    }
}
