//! The key in hand: everything the driver does with it, from its model to its place among those that are done.

use std::sync::atomic::AtomicBool;

use super::driver::{Driver, KeptKey, seen_key};
use super::event::{Failure, FailureKind, Outcome, SeenKey};
use super::state::{Ceremony, Job};
use crate::console::ConsoleError;
use crate::id::{KeyFingerprint, SlipNumber};
use crate::key::{KeyBus, KeyError, KeyEvent, KeyInfo, SecurityKey, Watch, fitness, identity};
use crate::manifest::schema::{Model, PreparedKey};
use crate::secret::{Pin, Secret};
use crate::transcript::{Entry, Text};

/// What is known of the key in hand.
#[derive(Default)]
pub(super) struct InHand {
    pub(super) plugged: Option<SecurityKey>,
    pub(super) info: Option<KeyInfo>,
    pub(super) identity: Option<crate::key::IdentityCredential>,
    pub(super) pin: Option<(SlipNumber, Pin)>,
}

impl InHand {
    /// Whether a typed text holds the PIN of the key in hand, spaces and dashes aside.
    pub(super) fn pin_is_in(&self, typed: &str) -> bool {
        let typed = Secret::new(
            typed
                .chars()
                .filter(|c| !c.is_whitespace() && *c != '-')
                .collect::<String>(),
        );
        self.pin
            .as_ref()
            .is_some_and(|(_, pin)| typed.expose().contains(pin.expose().as_str()))
    }
}

impl Driver<'_> {
    /// Makes sure that exactly this key is plugged in, then works with it; says when a touch is wanted.
    fn with_key<T>(
        &mut self,
        seen: &SeenKey,
        work: impl FnOnce(&mut InHandKeys<'_>, &SecurityKey, &mut Watch<'_>) -> Result<T, KeyError>,
    ) -> Result<T, Failure> {
        let keys = self.ports.keys.scan().map_err(|e| key_failure(&e))?;
        if keys.len() > 1 {
            return Err(key_failure(&KeyError::SeveralKeys {
                names: keys.iter().map(ToString::to_string).collect(),
            }));
        }
        let Some(key) = keys.into_iter().find(|k| seen_key(k) == *seen) else {
            return Err(Failure {
                kind: FailureKind::Vanished,
                text: "The key was taken out.".into(),
                hint: "Follow the next instruction.".into(),
            });
        };
        let cancel = AtomicBool::new(false);
        let console = &mut *self.ports.console;
        let mut on_event = |event: KeyEvent| {
            if event == KeyEvent::TouchNeeded {
                let _ = console.tell(">> Touch the key now.");
            }
        };
        let mut watch = Watch {
            cancel: &cancel,
            on_event: &mut on_event,
        };
        let mut hands = InHandKeys {
            bus: self.ports.keys,
            in_hand: &mut self.in_hand,
        };
        work(&mut hands, &key, &mut watch).map_err(|e| key_failure(&e))
    }

    pub(super) fn identify(
        &mut self,
        seen: &SeenKey,
        job: Option<&Job>,
    ) -> Result<Result<Outcome, Failure>, ConsoleError> {
        self.in_hand = InHand::default();
        let prepared: Vec<_> = self.kept.iter().map(|k| k.key.identity.clone()).collect();
        let found = self.with_key(seen, |hands, key, watch| {
            let info = hands.bus.identify(key, watch)?;
            fitness(&info).map_err(KeyError::Unfit)?;
            let known = hands.bus.holds_any(key, &prepared, watch)?;
            hands.in_hand.plugged = Some(key.clone());
            Ok((info, known))
        });
        let (info, known) = match found {
            Ok(found) => found,
            Err(failure) => return Ok(Err(failure)),
        };
        if let Some(known) = known.and_then(|place| self.kept.get(place)) {
            return Ok(Err(Failure {
                kind: FailureKind::AlreadyPrepared,
                text: format!(
                    "This is the key {}, prepared in this ceremony. Nothing has been changed on it.",
                    known.key.label
                ),
                hint: "Put it into its bag, and take another key for this label.".into(),
            }));
        }
        let least = info.min_pin_length;
        if least > u32::from(self.plan.pin.length) {
            return Ok(Err(Failure {
                kind: FailureKind::Other,
                text: format!(
                    "This key wants PINs of at least {least} digits; the plan says {}.",
                    self.plan.pin.length
                ),
                hint: "Use another model of key, or a plan with longer PINs. Nothing has been changed."
                    .into(),
            }));
        }
        if let (Some(job), Some(key)) = (job, &self.in_hand.plugged) {
            let entry = Entry::KeyIdentified {
                label: job.label.clone(),
                account: job.account.clone(),
                aaguid: info.aaguid,
                product: Text::new(&key.product),
                port: Text::new(key.port.as_str()),
            };
            self.record(entry)?;
        }
        let description = format!(
            "{} (model {}, {}; {})",
            seen.name,
            info.aaguid,
            info.versions.join(" "),
            if info.pin_set() {
                "it HAS a PIN: somebody uses or used it"
            } else {
                "no PIN set"
            }
        );
        let long_touch = info.wants_long_touch();
        self.in_hand.info = Some(info);
        Ok(Ok(Outcome::Identified {
            description,
            long_touch,
        }))
    }

    pub(super) fn reset(&mut self, seen: &SeenKey) -> Result<Outcome, Failure> {
        self.with_key(seen, |hands, key, watch| {
            let Some(before) = &hands.in_hand.info else {
                return Err(no_pin());
            };
            let info = hands.bus.reset(key, before.aaguid, watch)?;
            hands.in_hand.info = Some(info);
            hands.in_hand.plugged = Some(key.clone());
            Ok(Outcome::Reset)
        })
    }

    pub(super) fn set_pin(&mut self, seen: &SeenKey, slip: SlipNumber) -> Result<Outcome, Failure> {
        self.with_key(seen, |hands, key, watch| {
            let pin = hands.pin(slip)?;
            hands.bus.set_pin(key, pin, watch).map(|_| Outcome::PinSet)
        })
    }

    pub(super) fn prove_pin(&mut self, seen: &SeenKey, slip: SlipNumber) -> Result<Outcome, Failure> {
        self.with_key(seen, |hands, key, watch| {
            let pin = hands.pin(slip)?;
            hands.bus.prove_pin(key, pin, watch).map(|_| Outcome::PinProven)
        })
    }

    pub(super) fn make_identity(&mut self, seen: &SeenKey, job: Option<&Job>) -> Result<Outcome, Failure> {
        let Some(job) = job else { return Err(no_job()) };
        let user = identity::user(&self.id, &job.label);
        self.with_key(seen, |hands, key, watch| {
            let Some((_, pin)) = &hands.in_hand.pin else {
                return Err(no_pin());
            };
            let identity = hands.bus.make_identity(key, pin, &user, watch)?;
            let fingerprint = KeyFingerprint::of(identity.public_key.as_slice()).to_string();
            hands.in_hand.identity = Some(identity);
            Ok(Outcome::IdentityMade { fingerprint })
        })
    }

    /// Puts the key in hand with those that are done; its PIN stays in memory until the manifest is sealed.
    pub(super) fn keep(&mut self, ceremony: &Ceremony) {
        let in_hand = std::mem::take(&mut self.in_hand);
        let (Some(done), Some(key), Some(info), Some(identity)) = (
            ceremony.prepared().last(),
            in_hand.plugged,
            in_hand.info,
            in_hand.identity,
        ) else {
            return;
        };
        let fingerprint = KeyFingerprint::of(identity.public_key.as_slice());
        let pin = in_hand.pin.map(|(_, pin)| pin);
        let in_manifest = self.plan.pin_custody == crate::manifest::schema::PinCustody::Manifest;
        let key = PreparedKey {
            label: done.job.label.clone(),
            account: done.job.account.clone(),
            place: 1,
            slip: Some(done.slip),
            key_bag: done.key_bag.clone(),
            slip_bag: done.slip_bag.clone(),
            second_slip_bag: None,
            safe: None,
            custodian: done.job.custodian.clone(),
            prepared: (self.ports.now)(),
            model: Model {
                aaguid: info.aaguid,
                product: key.product.clone(),
                usb: format!("{:04x}:{:04x}", key.vid, key.pid),
                serial: key.serial.clone(),
                firmware: info.firmware,
                versions: info.versions,
            },
            identity,
            pin: if in_manifest { pin } else { None },
        };
        self.kept.push(KeptKey { key, fingerprint });
    }
}

/// The part of the driver that work with a key may touch while the console is lent to the watch.
struct InHandKeys<'a> {
    bus: &'a dyn KeyBus,
    in_hand: &'a mut InHand,
}

impl InHandKeys<'_> {
    /// The PIN of this very slip.
    fn pin(&self, slip: SlipNumber) -> Result<&Pin, KeyError> {
        match &self.in_hand.pin {
            Some((number, pin)) if *number == slip => Ok(pin),
            _ => Err(no_pin()),
        }
    }
}

/// The state machine never asks for this; should it, the officer sees a failure and no key a wrong PIN.
fn no_pin() -> KeyError {
    KeyError::Unsupported {
        what: "a step out of order".into(),
    }
}

pub(super) fn no_job() -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: "A step came out of order.".into(),
        hint: "This is a fault of the program: note it on the record.".into(),
    }
}

fn key_failure(error: &KeyError) -> Failure {
    let kind = match error {
        KeyError::Vanished { .. } | KeyError::NoKey => FailureKind::Vanished,
        KeyError::SeveralKeys { .. } => FailureKind::SeveralKeys,
        KeyError::WindowPassed => FailureKind::WindowPassed,
        KeyError::NoTouch => FailureKind::NoTouch,
        _ => FailureKind::Other,
    };
    let hint = match kind {
        // Whether to put it back, and which key to leave in, is for the ceremony to say.
        FailureKind::Vanished | FailureKind::SeveralKeys => "Follow the next instruction.",
        _ => error.hint(),
    };
    Failure {
        kind,
        text: error.to_string(),
        hint: hint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_pin_is_known_in_any_grouping() {
        let pin = Some((SlipNumber::new(1).unwrap(), Secret::new("73915082".to_owned())));
        let in_hand = InHand {
            pin,
            ..InHand::default()
        };
        for typed in ["73915082", "7391 5082", "PIN 7391-5082."] {
            assert!(in_hand.pin_is_in(typed), "{typed}");
        }
        for typed in ["K-104481", "7391508", ""] {
            assert!(!in_hand.pin_is_in(typed), "{typed}");
        }
        assert!(!InHand::default().pin_is_in("73915082"));
    }
}
