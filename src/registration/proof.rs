//! Asking the key itself: is it the prepared one, and does it hold the credential that was registered?

use serde_json::json;
use time::OffsetDateTime;

use super::report::Proof;
use super::{OnWrongKey, RegistrationError, Voice};
use crate::graph::Interrupt;
use crate::id::LabelId;
use crate::key::auth_data::{AuthData, USER_PRESENT, USER_VERIFIED};
use crate::key::{Blob, CredentialQuery, IdentityCredential, KeyBus, KeyError, KeyEvent, SecurityKey, Watch};
use crate::manifest::schema::PreparedKey;
use crate::secret::Pin;

/// The relying party of Entra ID in every cloud that is known to us.
const RP_ID: &str = crate::key::registration::RP_ID;
/// How often somebody may forget to touch.
pub(super) const TOUCHES: u32 = 3;

/// What is asked of a key: as a manifest has it, or as an inventory has it.
pub(crate) trait Subject {
    /// Number on the key's label.
    fn label(&self) -> &LabelId;
    /// What it proves itself by.
    fn identity(&self) -> &IdentityCredential;
}

impl Subject for PreparedKey {
    fn label(&self) -> &LabelId {
        &self.label
    }

    fn identity(&self) -> &IdentityCredential {
        &self.identity
    }
}

/// Asks one prepared key.
pub(crate) struct Prover<'a, B: KeyBus + ?Sized, K: Subject = PreparedKey> {
    pub(crate) bus: &'a B,
    pub(crate) key: &'a K,
    /// The key's PIN, where it is known: for keys that want it at every use.
    pub(crate) pin: Option<&'a Pin>,
    pub(crate) interrupt: &'a Interrupt,
    pub(crate) wait: std::time::Duration,
    pub(crate) poll: std::time::Duration,
    pub(crate) on_wrong_key: OnWrongKey,
}

impl<B: KeyBus + ?Sized, K: Subject> Prover<'_, B, K> {
    /// Waits for the key and its proof by identity credential; a wrong key is named and waited out, or refused.
    pub(crate) fn identity(&self, voice: &mut dyn Voice) -> Result<(SecurityKey, Proof), RegistrationError> {
        let label = self.key.label();
        let end = std::time::Instant::now() + self.wait;
        let mut said = String::new();
        let mut wrong: Option<SecurityKey> = None;
        let mut touches = TOUCHES;
        loop {
            self.interrupt.check()?;
            if std::time::Instant::now() > end {
                return Err(RegistrationError::TimedOut(format!(
                    "The key with label {label} was not plugged in in time."
                )));
            }
            let mut say = |line: String| {
                if line != said {
                    voice.say(&line);
                    said = line;
                }
            };
            let key = match self.bus.sole_key() {
                Ok(key) => key,
                Err(error @ (KeyError::NoKey | KeyError::SeveralKeys { .. })) => {
                    say(format!(
                        "{error} Plug in the key with label {label}, and no other."
                    ));
                    wrong = None;
                    self.interrupt.sleep(self.poll)?;
                    continue;
                }
                Err(error) => return Err(RegistrationError::Key(error)),
            };
            if wrong.as_ref().is_some_and(|w| w.same_plug(&key)) {
                self.interrupt.sleep(self.poll)?;
                continue;
            }
            say(format!(
                "Touch the key with label {label} when it blinks: it proves that it is the prepared one."
            ));
            match self.ask_identity(&key, voice) {
                Ok(proof) => return Ok((key, proof)),
                Err(KeyError::NotHeld) => {
                    let what = format!(
                        "The {key} is not the key with label {label}, or it was reset after the ceremony. \
                         Nothing has been changed on it."
                    );
                    if self.on_wrong_key == OnWrongKey::Stop {
                        return Err(RegistrationError::WrongKey(what));
                    }
                    voice.say(&format!("{what} Take it out and plug in the right one."));
                    wrong = Some(key);
                }
                Err(KeyError::NotProven { reason }) => {
                    return Err(RegistrationError::WrongKey(format!(
                        "The {key} did not prove that it is the key with label {label}: {reason}."
                    )));
                }
                Err(KeyError::NoTouch) if touches > 1 => touches -= 1,
                Err(KeyError::Vanished { .. } | KeyError::Busy) => self.interrupt.sleep(self.poll)?,
                Err(error) => return Err(self.key_error(error)),
            }
        }
    }

    fn ask_identity(&self, key: &SecurityKey, voice: &mut dyn Voice) -> Result<Proof, KeyError> {
        let identity = self.key.identity();
        let proof = self.with_pin(voice, |pin, watch| {
            self.bus.assert_identity(key, identity, pin, watch)
        })?;
        Ok(Proof {
            time: OffsetDateTime::now_utc(),
            user_verified: proof.checked.user_verified,
            sign_count: proof.checked.sign_count,
            key: key.to_string(),
        })
    }

    /// Asks the key that has just proven its identity whether it holds a credential of Entra ID.
    ///
    /// `Ok(None)`: it does not. Graph never tells the public key. Where the key made the credential in this run it
    /// is known, and the signature is checked; else what counts is that this key finds the credential by its id, and
    /// signs for the right relying party after a touch.
    pub(crate) fn credential(
        &self,
        key: &SecurityKey,
        credential_id: &[u8],
        public_key: Option<&[u8]>,
        voice: &mut dyn Voice,
    ) -> Result<Option<Proof>, RegistrationError> {
        let mut challenge = [0_u8; 32];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut challenge)
            .map_err(|_| RegistrationError::File("The system gives no random numbers.".into()))?;
        let client_data = json!({
            "type": "webauthn.get",
            "challenge": Blob(challenge.to_vec()).to_string(),
            "origin": format!("https://{RP_ID}"),
            "crossOrigin": false,
        });
        let query = CredentialQuery {
            rp_id: RP_ID.into(),
            credential_id: Blob(credential_id.to_vec()),
            client_data: Blob(client_data.to_string().into_bytes()),
        };
        voice.say("Touch the key once more: it proves that it holds the registered credential.");
        let mut touches = TOUCHES;
        loop {
            self.interrupt.check()?;
            let answer = self.with_pin(voice, |pin, watch| {
                self.bus.assert_credential(key, &query, pin, watch)
            });
            let assertion = match answer {
                Ok(assertion) => assertion,
                Err(KeyError::NotHeld) => return Ok(None),
                Err(KeyError::NoTouch) if touches > 1 => {
                    touches -= 1;
                    continue;
                }
                Err(error) => return Err(self.key_error(error)),
            };
            if let Some(public_key) = public_key {
                assertion
                    .check(&query, public_key)
                    .map_err(RegistrationError::Key)?;
            }
            let data = AuthData::parse(assertion.auth_data.as_slice())
                .map_err(|reason| RegistrationError::Key(KeyError::NotProven { reason }))?;
            let proven = data.is_for(RP_ID)
                && data.has(USER_PRESENT)
                && assertion.credential_id == query.credential_id
                && !assertion.signature.as_slice().is_empty();
            if !proven {
                let reason = "it signed for something else".to_owned();
                return Err(RegistrationError::Key(KeyError::NotProven { reason }));
            }
            return Ok(Some(Proof {
                time: OffsetDateTime::now_utc(),
                user_verified: data.has(USER_VERIFIED),
                sign_count: data.sign_count,
                key: key.to_string(),
            }));
        }
    }

    /// Asks without the PIN, and with the one that is known if the key insists (alwaysUv).
    fn with_pin<T>(
        &self,
        voice: &mut dyn Voice,
        mut ask: impl FnMut(Option<&Pin>, &mut Watch<'_>) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let mut on_event = |event| {
            if event == KeyEvent::TouchNeeded {
                voice.say("The key waits for a touch.");
            }
        };
        let mut watch = Watch {
            cancel: self.interrupt.flag(),
            on_event: &mut on_event,
        };
        match ask(None, &mut watch) {
            Err(KeyError::PinRequired) if self.pin.is_some() => ask(self.pin, &mut watch),
            other => other,
        }
    }

    pub(super) fn key_error(&self, error: KeyError) -> RegistrationError {
        match error {
            // Ctrl-C reaches the worker process as well, so its death is no news either.
            _ if self.interrupt.check().is_err() => RegistrationError::Interrupted,
            other => RegistrationError::Key(other),
        }
    }
}
