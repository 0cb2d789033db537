//! The key in the person's hand: it proves itself, gets its PIN, makes the passkey, and answers for it.

use std::time::Duration;

use super::super::RegistrationError;
use super::super::proof::{Prover, TOUCHES};
use super::super::report::{KeyReport, Proof};
use super::super::run::Registration;
use super::{Life, Place};
use crate::graph::Passkey;
use crate::key::registration::MakeRequest;
use crate::key::{Credential, Effect, KeyBus, KeyError, KeyEvent, SecurityKey, Watch};
use crate::manifest::schema::PreparedKey;
use crate::secret::Pin;

/// How often a key may be taken out and put back in the middle.
const RETURNS: u32 = 3;
/// A typed PIN is asked for again while the key allows more than so many attempts.
const SPARED_ATTEMPTS: u8 = 3;

/// The key that has proven itself, with its PIN.
pub(super) struct Hand<'k> {
    pub(super) key: &'k PreparedKey,
    plugged: SecurityKey,
    typed: Option<Pin>,
}

impl Hand<'_> {
    fn pin(&self) -> Option<&Pin> {
        self.key.pin.as_ref().or(self.typed.as_ref())
    }
}

impl<B: KeyBus + ?Sized> Registration<'_, B> {
    /// Waits for the key and its proof, and learns its PIN: from the manifest, else from the person.
    pub(super) fn take_in_hand<'k>(
        &mut self,
        key: &'k PreparedKey,
        report: &mut KeyReport,
    ) -> Result<Hand<'k>, RegistrationError> {
        let mut typed = None;
        let (plugged, proof) = match self.prover(key).identity(self.voice) {
            Err(RegistrationError::Key(KeyError::PinRequired)) if key.pin.is_none() => {
                typed = Some(self.ask_pin(key)?);
                self.prover_with(key, typed.as_ref()).identity(self.voice)?
            }
            other => other?,
        };
        report.identity_before = Some(proof);
        if key.pin.is_none() && typed.is_none() {
            typed = Some(self.learn_pin(key, &plugged)?);
        }
        Ok(Hand { key, plugged, typed })
    }

    /// Asks for the PIN until the key accepts it, before creation options begin to age.
    fn learn_pin(&mut self, key: &PreparedKey, plugged: &SecurityKey) -> Result<Pin, RegistrationError> {
        loop {
            let pin = self.ask_pin(key)?;
            let mut watch = Watch {
                cancel: self.graph.interrupt().flag(),
                on_event: &mut |_| {},
            };
            match self.bus.prove_pin(plugged, &pin, &mut watch) {
                Ok(_) => return Ok(pin),
                Err(error @ KeyError::PinWrong { retries_left })
                    if retries_left.is_some_and(|left| left > SPARED_ATTEMPTS) =>
                {
                    self.voice.say(&error.to_string());
                }
                Err(error) => return Err(self.prover(key).key_error(error)),
            }
        }
    }

    fn ask_pin(&mut self, key: &PreparedKey) -> Result<Pin, RegistrationError> {
        let from = key
            .slip
            .map_or_else(String::new, |slip| format!(" (slip {slip})"));
        let question = format!("PIN of the key with label {}{from}", key.label);
        let answer = self.voice.pin(&question);
        self.graph.interrupt().check()?;
        answer.ok_or_else(|| {
            RegistrationError::condition(
                format!(
                    "The manifest does not hold the PIN of the key with label {}, and nobody can be asked for it.",
                    key.label
                ),
                "Run the command on a terminal, or register this key with `--route tap`.",
            )
        })
    }

    /// Has the key make the passkey; nothing if the options are over before that.
    pub(super) fn make(
        &mut self,
        place: Place<'_>,
        request: &MakeRequest,
        life: Life,
        before: &[Passkey],
        hand: &mut Hand<'_>,
    ) -> Result<Option<Credential>, RegistrationError> {
        let new = request.credential();
        let (mut touches, mut returns) = (TOUCHES, RETURNS);
        self.voice.say(&format!(
            "Touch the key with label {} when it blinks: it makes the passkey for {}.",
            place.key.label, place.key.account
        ));
        loop {
            self.graph.interrupt().check()?;
            if life.is_over() {
                return Ok(None);
            }
            let Some(pin) = hand.pin() else {
                return Err(RegistrationError::Key(KeyError::PinRequired));
            };
            let voice = &mut *self.voice;
            let mut on_event = |event| {
                if event == KeyEvent::TouchNeeded {
                    voice.say("The key waits for a touch.");
                }
            };
            let mut watch = Watch {
                cancel: self.graph.interrupt().flag(),
                on_event: &mut on_event,
            };
            match self.bus.make_credential(&hand.plugged, pin, &new, &mut watch) {
                Ok(made) => return Ok(Some(made)),
                Err(KeyError::NoTouch) if touches > 1 => touches -= 1,
                Err(error @ (KeyError::Vanished { .. } | KeyError::NoKey)) if returns > 0 => {
                    returns -= 1;
                    if error.effect() == Effect::Unknown {
                        self.voice.say(
                            "It is not known whether the key made a passkey before it went; if so, nothing knows of it.",
                        );
                    }
                    hand.plugged = self.prover_with(hand.key, hand.pin()).identity(self.voice)?.0;
                }
                Err(KeyError::AlreadyHeld) => return Err(already_held(place, before)),
                Err(error) => return Err(self.prover(place.key).key_error(error)),
            }
        }
    }

    /// The key signs with the credential; taken out meanwhile, it first proves again who it is.
    pub(super) fn prove_held(
        &mut self,
        credential_id: &[u8],
        public_key: Option<&[u8]>,
        hand: &mut Hand<'_>,
        report: &mut KeyReport,
    ) -> Result<Proof, RegistrationError> {
        let mut returns = RETURNS;
        loop {
            let prover: Prover<'_, B> = self.prover_with(hand.key, hand.pin());
            match prover.credential(&hand.plugged, credential_id, public_key, self.voice) {
                Ok(Some(proof)) => return Ok(proof),
                Ok(None) => {
                    return Err(RegistrationError::Mismatch(format!(
                        "The key with label {} does not hold the passkey that the tenant lists.",
                        hand.key.label
                    )));
                }
                Err(RegistrationError::Key(KeyError::Vanished { .. } | KeyError::NoKey)) if returns > 0 => {
                    returns -= 1;
                    let (plugged, proof) = prover.identity(self.voice)?;
                    report.identity_after = Some(proof);
                    hand.plugged = plugged;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes a credential that no account knows; not stopped by an interruption.
    pub(super) fn remove_from(&self, hand: &Hand<'_>, credential_id: &[u8]) -> Result<(), KeyError> {
        let pin = hand.pin().ok_or(KeyError::PinRequired)?;
        let never = std::sync::atomic::AtomicBool::new(false);
        let mut watch = Watch {
            cancel: &never,
            on_event: &mut |_| {},
        };
        self.bus
            .remove_credential(&hand.plugged, pin, credential_id, &mut watch)
    }

    fn prover_with<'p>(&self, key: &'p PreparedKey, pin: Option<&'p Pin>) -> Prover<'p, B>
    where
        Self: 'p,
    {
        Prover {
            pin,
            poll: self.options.poll.min(Duration::from_millis(500)),
            ..self.prover(key)
        }
    }
}

/// The exclude list met: the key has a passkey of this account under a name that is not its label.
fn already_held(place: Place<'_>, before: &[Passkey]) -> RegistrationError {
    let names: Vec<&str> = before.iter().filter_map(|p| p.display_name.as_deref()).collect();
    RegistrationError::condition(
        format!(
            "The key with label {} already holds a passkey of {}, and none there has its label for a name. \
             Names there: {}",
            place.key.label,
            place.key.account,
            names.join(", ")
        ),
        "Find out which one it is. Name it by the key's label, and the next run proves it; or delete it, and the next \
         run registers the key anew.",
    )
}
