//! The key in hand: everything the driver does with it, from its model to its place among those that are done.

use std::sync::atomic::AtomicBool;

use super::driver::{Driver, Ready, seen_key};
use super::event::{Failure, FailureKind, Outcome, SeenKey};
use super::identifying::settings;
use super::job::PreparedJob;
use super::printing::Ahead;
use super::state::Ceremony;
use crate::id::{KeyFingerprint, SlipNumber};
use crate::key::{Configuration, KeyBus, KeyError, KeyEvent, KeyInfo, SecurityKey, Watch, identity};
use crate::manifest::schema::{MadePasskey, Model, PinCustody, PreparedKey};
use crate::secret::Pin;

/// What is known of the key in hand.
#[derive(Default)]
pub(super) struct InHand {
    pub(super) plugged: Option<SecurityKey>,
    pub(super) info: Option<KeyInfo>,
    pub(super) identity: Option<crate::key::IdentityCredential>,
    /// The passkey that the creation options ask for.
    pub(super) passkey: Option<Box<MadePasskey>>,
    /// The PIN that was drawn, with the slip it is on.
    pub(super) pin: Option<(Option<SlipNumber>, Pin)>,
    /// The other half of its slip, laid out and not printed.
    pub(super) second_half: Option<Box<dyn Ready>>,
}

impl Driver<'_> {
    /// Makes sure that exactly this key is plugged in, then works with it; says when a touch is wanted.
    pub(super) fn with_key<T>(
        &mut self,
        seen: &SeenKey,
        work: impl FnOnce(&mut InHandKeys<'_>, &SecurityKey, &mut Watch<'_>) -> Result<T, KeyError>,
    ) -> Result<T, Failure> {
        self.with_key_and(seen, None, work)
    }

    /// The same; while the key waits for its touch, the slip that comes next is laid out.
    fn with_key_and<T>(
        &mut self,
        seen: &SeenKey,
        mut ahead: Option<Ahead>,
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
        let (scene, press, ready) = (&mut self.scene, &mut *self.ports.press, &mut self.ready);
        let mut on_event = |event: KeyEvent| {
            if event == KeyEvent::TouchNeeded {
                let _ = console.tell(">> Touch the key now.");
                scene.touch();
                let _ = console.show(scene.view());
                // A slip that cannot be laid out now is laid out, or refused, when its turn comes.
                if let Some(slip) = ahead.take().and_then(|a| a.prepare(press).ok()) {
                    *ready = Some(slip);
                }
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

    pub(super) fn reset(&mut self, seen: &SeenKey, ceremony: &Ceremony) -> Result<Outcome, Failure> {
        let ahead = self.ahead(ceremony.slips().next(), ceremony.job());
        self.with_key_and(seen, ahead, |hands, key, watch| {
            let Some(before) = &hands.in_hand.info else {
                return Err(out_of_order());
            };
            let info = hands.bus.reset(key, before.aaguid, watch)?;
            hands.in_hand.info = Some(info);
            hands.in_hand.plugged = Some(key.clone());
            Ok(Outcome::Reset)
        })
    }

    pub(super) fn set_pin(&mut self, seen: &SeenKey, slip: Option<SlipNumber>) -> Result<Outcome, Failure> {
        self.with_key(seen, |hands, key, watch| {
            let pin = hands.pin(slip)?;
            hands.bus.set_pin(key, pin, watch).map(|_| Outcome::PinSet)
        })
    }

    pub(super) fn configure(&mut self, seen: &SeenKey) -> Result<Outcome, Failure> {
        for setting in settings(self.plan.key_policy) {
            self.with_key(seen, |hands, key, watch| {
                let pin = hands.any_pin()?;
                let info = hands.bus.configure(key, pin, &setting, watch)?;
                hands.in_hand.info = Some(info);
                Ok(())
            })?;
        }
        Ok(Outcome::Configured)
    }

    pub(super) fn prove_pin(&mut self, seen: &SeenKey) -> Result<Outcome, Failure> {
        self.with_key(seen, |hands, key, watch| {
            let pin = hands.any_pin()?;
            hands.bus.prove_pin(key, pin, watch).map(|_| Outcome::PinProven)
        })
    }

    pub(super) fn make_identity(&mut self, seen: &SeenKey, ceremony: &Ceremony) -> Result<Outcome, Failure> {
        let Some(job) = ceremony.job() else {
            return Err(no_job());
        };
        let user = identity::user(&self.id, &job.label);
        let ahead = self.ahead(ceremony.slips().next(), ceremony.next_job());
        // A passkey is made after it, with the same PIN.
        let forces_change = self.plan.key_policy.force_pin_change && self.options.is_none();
        self.with_key_and(seen, ahead, |hands, key, watch| {
            let pin = hands.any_pin()?;
            let identity = hands.bus.make_identity(key, pin, &user, watch)?;
            let fingerprint = KeyFingerprint::of(identity.public_key.as_slice()).to_string();
            if forces_change {
                // Last of all: from here on the key refuses its PIN for everything but a change of PIN.
                hands
                    .bus
                    .configure(key, pin, &Configuration::ForcePinChange, watch)?;
            }
            hands.in_hand.identity = Some(identity);
            Ok(Outcome::IdentityMade { fingerprint })
        })
    }

    /// What the manifest will say of the key in hand; its PIN where the custody mode puts it there.
    pub(super) fn prepared_key(&self, done: &PreparedJob) -> Option<(PreparedKey, Option<&Pin>)> {
        let hand = &self.in_hand;
        let (plugged, info, identity) = (
            hand.plugged.as_ref()?,
            hand.info.as_ref()?,
            hand.identity.as_ref()?,
        );
        let pin = hand
            .pin
            .as_ref()
            .map(|(_, pin)| pin)
            .filter(|_| self.plan.pin_custody != PinCustody::Slip);
        let key = PreparedKey {
            label: done.job.label.clone(),
            account: done.job.account.clone(),
            place: done.job.place,
            slip: done.slip,
            key_bag: done.key_bag.clone(),
            slip_bag: done.slip_bags.first().cloned(),
            second_slip_bag: done.slip_bags.get(1).cloned(),
            custodian: done.job.custodian.clone(),
            safe: done.job.safe.clone(),
            prepared: (self.ports.now)(),
            model: Model {
                aaguid: info.aaguid,
                product: plugged.product.clone(),
                usb: format!("{:04x}:{:04x}", plugged.vid, plugged.pid),
                serial: plugged.serial.clone(),
                firmware: info.firmware,
                versions: info.versions.clone(),
            },
            identity: identity.clone(),
            registration: hand.passkey.clone(),
            pin: None,
        };
        Some((key, pin))
    }
}

/// The part of the driver that work with a key may touch while the console is lent to the watch.
pub(super) struct InHandKeys<'a> {
    pub(super) bus: &'a dyn KeyBus,
    pub(super) in_hand: &'a mut InHand,
}

impl InHandKeys<'_> {
    /// The PIN of this very slip, or the one without a slip.
    pub(super) fn pin(&self, slip: Option<SlipNumber>) -> Result<&Pin, KeyError> {
        match &self.in_hand.pin {
            Some((number, pin)) if *number == slip => Ok(pin),
            _ => Err(out_of_order()),
        }
    }

    /// The PIN of the key in hand.
    pub(super) fn any_pin(&self) -> Result<&Pin, KeyError> {
        let pin = self.in_hand.pin.as_ref().map(|(_, pin)| pin);
        pin.ok_or_else(out_of_order)
    }
}

/// The state machine never asks for this; should it, the officer sees a failure and no key a wrong PIN.
pub(super) fn out_of_order() -> KeyError {
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
        KeyError::PinPolicy => FailureKind::PinRefused,
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
