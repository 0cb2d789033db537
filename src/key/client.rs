//! The parent's side: one worker per operation, typed answers, deadlines, checks of what keys sign.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};

use super::assertion::{Assertion, CredentialQuery};
use super::bus::{KeyBus, KeyEvent, Watch};
use super::config::Configuration;
use super::credential::{Credential, NewCredential, UserEntity};
use super::device::{self, SecurityKey, SysRoot};
use super::error::{Effect, KeyError};
use super::identity::{self, IdentityCredential, IdentityProof};
use super::info::KeyInfo;
use super::operation::{Answer, Operation, Request, TASK, pack};
use super::pin::{PinProof, PinSet};
use crate::blob::Blob;
use crate::id::Aaguid;
use crate::secret::Pin;
use crate::worker::{Launcher, WorkerError};

/// Time for operations without a touch: start, permission to open the node, a dozen exchanges.
const PLAIN: Duration = Duration::from_secs(20);
/// Time for each credential that a key is asked for without a touch: some take one id at a time, and a batch is long.
const EACH_QUERY: Duration = Duration::from_millis(250);
/// Time for operations with a touch: the child gives up at 35 s by itself and tells the key.
const TOUCH: Duration = Duration::from_secs(50);

/// Security keys on this machine's USB ports.
#[derive(Debug, Clone)]
pub struct KeyClient {
    launcher: Launcher,
    root: SysRoot,
}

impl KeyClient {
    /// Uses `launcher` for workers and reads the ports from `root`.
    #[must_use]
    pub fn new(launcher: Launcher, root: SysRoot) -> Self {
        Self { launcher, root }
    }

    fn call(
        &self,
        key: &SecurityKey,
        operation: Operation,
        pins: &[&Pin],
        watch: &mut Watch<'_>,
    ) -> Result<Answer, KeyError> {
        let gone = |effect| KeyError::Vanished {
            port: key.port.clone(),
            effect,
        };
        // The node may belong to another key by now; the port and its count of pluggings-in cannot lie.
        let Some(current) = self.scan()?.into_iter().find(|k| k.same_plug(key)) else {
            return Err(gone(Effect::Nothing));
        };
        let effect = if operation.writes() {
            Effect::Unknown
        } else {
            Effect::Nothing
        };
        let deadline = deadline(&operation);
        let request = Request {
            key: current,
            operation,
        };
        let internal = |reason: String| KeyError::Worker {
            reason,
            effect: Effect::Nothing,
        };
        let request = serde_json::to_vec(&request).map_err(|e| internal(e.to_string()))?;
        let secret = pack(pins).ok_or_else(|| internal("a PIN is too long".into()))?;
        let mut last = None;
        let mut on_event = |body: &[u8]| {
            let event: Option<KeyEvent> = serde_json::from_slice(body).ok();
            if let Some(event) = event.filter(|e| last != Some(*e)) {
                last = Some(event);
                (watch.on_event)(event);
            }
        };
        let result = self.launcher.call(
            TASK,
            &request,
            Some(&secret),
            deadline,
            watch.cancel,
            &mut on_event,
        );
        match result {
            Ok(body) => serde_json::from_slice(&body).map_err(|e| KeyError::Worker {
                reason: format!("its answer cannot be read ({e})"),
                effect,
            }),
            Err(WorkerError::Failed(body)) => {
                Err(
                    serde_json::from_slice(&body).unwrap_or_else(|e| KeyError::Worker {
                        reason: format!("its failure cannot be read ({e})"),
                        effect,
                    }),
                )
            }
            Err(WorkerError::Cancelled) => Err(KeyError::Cancelled { effect }),
            Err(WorkerError::Deadline(_)) => Err(KeyError::Mute { effect }),
            // Third-party code panics at what some keys send: that is the key's failure, not ours.
            Err(WorkerError::Died) => Err(KeyError::Worker {
                reason: "it ended without an answer".into(),
                effect,
            }),
            Err(WorkerError::Io(error)) => Err(internal(error.to_string())),
        }
        .map_err(|error: KeyError| {
            if effect == Effect::Nothing {
                error.with_effect(effect)
            } else {
                error
            }
        })
    }
}

/// When a worker is given up.
fn deadline(operation: &Operation) -> Duration {
    match operation {
        Operation::FindCredential { queries } => {
            PLAIN + EACH_QUERY * u32::try_from(queries.len()).unwrap_or(u32::MAX)
        }
        operation if operation.needs_touch() => TOUCH,
        _ => PLAIN,
    }
}

fn challenge() -> Result<Blob, KeyError> {
    let mut bytes = vec![0; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| KeyError::Worker {
            reason: "the kernel gave no random numbers".into(),
            effect: Effect::Nothing,
        })?;
    Ok(Blob(bytes))
}

/// An answer of another kind than the question's cannot come from our own child.
fn mismatch<T>(_: Answer) -> Result<T, KeyError> {
    Err(KeyError::Worker {
        reason: "it answered another question".into(),
        effect: Effect::Unknown,
    })
}

impl KeyBus for KeyClient {
    fn scan(&self) -> Result<Vec<SecurityKey>, KeyError> {
        device::scan(&self.root)
    }

    fn identify(&self, key: &SecurityKey, watch: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        match self.call(key, Operation::Identify, &[], watch)? {
            Answer::Info(info) => Ok(*info),
            other => mismatch(other),
        }
    }

    fn reset(&self, key: &SecurityKey, expected: Aaguid, watch: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        match self.call(key, Operation::Reset { expected }, &[], watch)? {
            Answer::Info(info) => Ok(*info),
            other => mismatch(other),
        }
    }

    fn set_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        match self.call(key, Operation::SetPin, &[pin], watch)? {
            Answer::PinSet(set) => Ok(*set),
            other => mismatch(other),
        }
    }

    fn change_pin(
        &self,
        key: &SecurityKey,
        current: &Pin,
        new: &Pin,
        watch: &mut Watch<'_>,
    ) -> Result<PinSet, KeyError> {
        match self.call(key, Operation::ChangePin, &[current, new], watch)? {
            Answer::PinSet(set) => Ok(*set),
            other => mismatch(other),
        }
    }

    fn prove_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinProof, KeyError> {
        match self.call(key, Operation::ProvePin, &[pin], watch)? {
            Answer::PinProof(proof) => Ok(proof),
            other => mismatch(other),
        }
    }

    fn configure(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        setting: &Configuration,
        watch: &mut Watch<'_>,
    ) -> Result<KeyInfo, KeyError> {
        let operation = Operation::Configure { setting: *setting };
        match self.call(key, operation, &[pin], watch)? {
            Answer::Info(info) => Ok(*info),
            other => mismatch(other),
        }
    }

    fn make_identity(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        user: &UserEntity,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityCredential, KeyError> {
        let new = identity::request(user.clone(), challenge()?);
        self.make_credential(key, pin, &new, watch).map(Into::into)
    }

    fn assert_identity(
        &self,
        key: &SecurityKey,
        identity: &IdentityCredential,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityProof, KeyError> {
        let query = identity::query(identity, challenge()?);
        let assertion = self.assert_credential(key, &query, pin, watch)?;
        identity::prove(identity, &query, assertion)
    }

    fn holds_any(
        &self,
        key: &SecurityKey,
        identities: &[IdentityCredential],
        watch: &mut Watch<'_>,
    ) -> Result<Option<usize>, KeyError> {
        if identities.is_empty() {
            return Ok(None);
        }
        let challenge = challenge()?;
        let queries: Vec<CredentialQuery> = identities
            .iter()
            .map(|identity| identity::query(identity, challenge.clone()))
            .collect();
        let operation = Operation::FindCredential {
            queries: queries.clone(),
        };
        let found = match self.call(key, operation, &[], watch) {
            Ok(Answer::Found(found)) => found,
            Ok(other) => return mismatch(other),
            Err(error @ (KeyError::Vanished { .. } | KeyError::Cancelled { .. })) => return Err(error),
            // A key that does not take the question is not one of ours, as far as anybody can tell.
            Err(_) => None,
        };
        Ok(found.and_then(|(place, assertion)| {
            let (query, identity) = (queries.get(place)?, identities.get(place)?);
            let proven = assertion.check_silent(query, identity.public_key.as_slice());
            proven.is_ok().then_some(place)
        }))
    }

    fn make_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        new: &NewCredential,
        watch: &mut Watch<'_>,
    ) -> Result<Credential, KeyError> {
        let operation = Operation::MakeCredential { new: new.clone() };
        match self.call(key, operation, &[pin], watch)? {
            Answer::Credential(credential) => Ok(*credential),
            other => mismatch(other),
        }
    }

    fn remove_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        credential_id: &[u8],
        watch: &mut Watch<'_>,
    ) -> Result<(), KeyError> {
        let operation = Operation::RemoveCredential {
            credential_id: credential_id.into(),
        };
        match self.call(key, operation, &[pin], watch)? {
            Answer::Removed => Ok(()),
            other => mismatch(other),
        }
    }

    fn assert_credential(
        &self,
        key: &SecurityKey,
        query: &CredentialQuery,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError> {
        let operation = Operation::AssertCredential { query: query.clone() };
        let pins: Vec<&Pin> = pin.into_iter().collect();
        match self.call(key, operation, &pins, watch)? {
            Answer::Assertion(assertion) => Ok(assertion),
            other => mismatch(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_about_many_keys_has_time_for_each() {
        let query = CredentialQuery {
            rp_id: "station.example".into(),
            credential_id: b"id".as_slice().into(),
            client_data: b"challenge".as_slice().into(),
        };
        let find = |count| Operation::FindCredential {
            queries: vec![query.clone(); count],
        };
        assert_eq!(deadline(&Operation::Identify), PLAIN);
        assert_eq!(deadline(&find(0)), PLAIN);
        assert_eq!(deadline(&find(999)), PLAIN + EACH_QUERY * 999);
        let query = find(1);
        assert!(!query.needs_touch(), "it would have the time of a touch");
    }
}
