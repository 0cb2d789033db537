//! The second pass of custody `rotate`: a registered key's transport PIN gives way to the PIN on a slip.

use super::begin::version;
use super::driver::{Driver, DriverError, Finished, seen_key};
use super::event::{Failure, FailureKind, Outcome, SeenKey};
use super::in_hand::{InHand, out_of_order};
use super::job::{Pass, Rules};
use super::state::Ceremony;
use crate::console::ConsoleError;
use crate::id::{LabelId, SlipNumber};
use crate::key::PinInForce;
use crate::transcript::{Entry, Tally, Text};

impl Driver<'_> {
    /// Replaces the transport PINs of a ceremony whose first pass has ended.
    pub(super) fn seal_keys(
        mut self,
        tally: &Tally,
        cut: bool,
        found: &str,
        checks: Vec<Entry>,
    ) -> Result<Finished, DriverError> {
        self.say("=== Second pass: transport PINs are replaced, and slips are printed ===")?;
        self.unlock()?;
        self.load_keys(tally)?;
        self.record(Entry::SealingStarted {
            station: self.station.fingerprint(),
            version: version(),
        })?;
        for check in checks {
            self.record(check)?;
        }
        self.forget_sealed(tally)?;
        let rules = Rules {
            pass: Pass::Seal,
            ..self.rules()
        };
        let seen = self.look()?;
        let (mut ceremony, effects) = Ceremony::resumed(rules, self.team(), tally, cut, found, seen.clone());
        let ending = self.drive(&mut ceremony, effects, seen)?;
        Ok(self.finished(ending, ceremony.prepared().len(), ceremony.rejected().len()))
    }

    /// Finds out which of this ceremony's keys is in hand; nothing is changed.
    pub(super) fn recognise(&mut self, seen: &SeenKey) -> Result<Result<Outcome, Failure>, ConsoleError> {
        self.park_pin();
        self.in_hand = InHand::default();
        let identities: Vec<_> = self.kept.iter().map(|k| k.identity.clone()).collect();
        let found = self.with_key(seen, |hands, key, watch| {
            let info = hands.bus.identify(key, watch)?;
            let place = hands.bus.holds_any(key, &identities, watch)?;
            hands.in_hand.plugged = Some(key.clone());
            hands.in_hand.info = Some(info);
            Ok(place)
        });
        let place = match found {
            Ok(Some(place)) => place,
            Ok(None) => return Ok(Err(unknown())),
            Err(failure) => return Ok(Err(failure)),
        };
        let kept = &self.kept[place];
        let (label, account) = (kept.label.clone(), kept.account.clone());
        if let (Some(key), Some(info)) = (&self.in_hand.plugged, &self.in_hand.info) {
            let entry = Entry::KeyIdentified {
                label: label.clone(),
                account,
                aaguid: info.aaguid,
                product: Text::new(&key.product),
                port: Text::new(key.port.as_str()),
            };
            debug_assert_eq!(seen_key(key), *seen);
            self.record(entry)?;
        }
        Ok(Ok(Outcome::Recognised(label)))
    }

    pub(super) fn change_pin(&mut self, seen: &SeenKey, slip: SlipNumber) -> Result<Outcome, Failure> {
        let place = self.place_in_hand();
        let transport = place.and_then(|place| self.kept[place].pin.take());
        let Some(transport) = transport else {
            return Err(no_transport());
        };
        let changed = self.with_key(seen, |hands, key, watch| {
            let new = hands.pin(Some(slip))?;
            hands.bus.change_pin(key, &transport, new, watch)
        });
        if let Some(place) = place {
            self.kept[place].pin = Some(transport);
        }
        changed.map(|_| Outcome::PinChanged)
    }

    /// Asks the key which PIN it has; at most one of its tries is spent, and given back by the proof.
    pub(super) fn which_pin(&mut self, seen: &SeenKey, slip: SlipNumber) -> Result<Outcome, Failure> {
        let Some(place) = self.place_in_hand() else {
            return Err(no_transport());
        };
        let label = self.kept[place].label.clone();
        if self.in_hand.pin.is_none()
            && let Some(at) = self.new_pins.iter().position(|(l, _)| *l == label)
        {
            self.in_hand.pin = Some((Some(slip), self.new_pins.swap_remove(at).1));
        }
        let Some(transport) = self.kept[place].pin.take() else {
            return Err(no_transport());
        };
        let asked = self.with_key(seen, |hands, key, watch| {
            let new = hands.any_pin().map_err(|_| out_of_order())?;
            hands.bus.prove_either(key, new, &transport, watch)
        });
        self.kept[place].pin = Some(transport);
        asked.map(|(which, _)| Outcome::PinInForce {
            new: which == PinInForce::First,
        })
    }

    /// Keeps the PIN that the key in hand may have, until that key comes back and is asked.
    fn park_pin(&mut self) {
        let tally = self.journal.tally();
        let label = tally.in_hand.as_ref().map(|h| h.label.clone());
        let is_undecided = |label: &LabelId| tally.undecided.iter().any(|(l, _)| l == label);
        if let Some(label) = label.filter(is_undecided)
            && let Some((_, pin)) = self.in_hand.pin.take()
        {
            self.new_pins.push((label, pin));
        }
    }

    /// The kept key that is in hand, by what was recognised last.
    fn place_in_hand(&self) -> Option<usize> {
        let label = self.journal.tally().in_hand.as_ref().map(|h| &h.label)?;
        self.kept.iter().position(|k| k.label == *label)
    }
}

fn unknown() -> Failure {
    Failure {
        kind: FailureKind::AlreadyPrepared,
        text: "This key was not prepared in this ceremony, or it was reset since. Nothing has been changed."
            .into(),
        hint: "Put in a key with a label of this ceremony. If this is one, note its label for the registrar."
            .into(),
    }
}

fn no_transport() -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: "The transport PIN of this key is not known.".into(),
        hint: "The key has to be prepared and registered again.".into(),
    }
}
