//! What survives a power cut beside the transcript: each key's data, with its PIN encrypted.
//!
//! One record per key, in two generations (`media::slots`). In custody `slip` no PIN is in it.

use serde::{Deserialize, Serialize};

use super::begin::version;
use super::closing::media_failure;
use super::driver::{Driver, DriverError};
use super::event::{Failure, FailureKind, Outcome};
use super::in_hand::{InHand, no_job};
use super::job::{Pass, PreparedJob};
use super::state::Ceremony;
use super::vault_keeper::Keeper;
use crate::blob::Blob;
use crate::console::ConsoleError;
use crate::id::LabelId;
use crate::manifest::schema::PreparedKey;
use crate::media::MANIFEST;
use crate::pin::{self, NoRandomness};
use crate::secret::Pin;
use crate::transcript::{Entry, Tally};

/// Folder of the records.
const GROUP: &str = "keys";

/// What is kept of one key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    /// Format version, 1.
    version: u8,
    /// Its label.
    label: LabelId,
    /// What the manifest says of it, without its PIN; missing until it is prepared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<PreparedKey>,
    /// Its PIN, encrypted to the stick's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pin: Option<Blob>,
    /// The PIN that is to replace it, encrypted likewise (second pass).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new_pin: Option<Blob>,
}

impl Driver<'_> {
    /// Writes the PIN in memory to the stick, before a key gets it; draws it where none is on paper.
    pub(super) fn store_pin(
        &mut self,
        ceremony: &Ceremony,
    ) -> Result<Result<Outcome, Failure>, NoRandomness> {
        let Some(job) = ceremony.job() else {
            return Ok(Err(no_job()));
        };
        let is_second_pass = ceremony.pass() == Pass::Seal;
        if self.in_hand.pin.is_none() && !is_second_pass {
            let pin = pin::draw(self.pin_policy(), &mut pin::kernel_random)?;
            self.in_hand.pin = Some((None, pin));
        }
        let Some((_, pin)) = &self.in_hand.pin else {
            return Ok(Err(no_job()));
        };
        let stored = self.sealed(Some(pin)).and_then(|sealed| {
            let old = self.kept.iter().find(|k| k.label == job.label);
            let record = StoredKey {
                version: 1,
                label: job.label.clone(),
                key: old.map(without_pin),
                pin: if is_second_pass {
                    self.sealed(old.and_then(|k| k.pin.as_ref()))?
                } else {
                    sealed.clone()
                },
                new_pin: if is_second_pass { sealed } else { None },
            };
            self.write_stored(&job.label, &record)
        });
        Ok(stored.map(|()| Outcome::PinStored))
    }

    /// Writes what is known of the key in hand; from then on it counts.
    pub(super) fn store_key(&mut self, ceremony: &Ceremony) -> Result<Outcome, Failure> {
        let Some(done) = ceremony.storing() else {
            return Err(no_job());
        };
        if ceremony.pass() == Pass::Seal {
            return self.store_sealed(done);
        }
        let Some((key, pin)) = self.prepared_key(done) else {
            return Err(no_job());
        };
        let record = StoredKey {
            version: 1,
            label: key.label.clone(),
            key: Some(without_pin(&key)),
            pin: self.sealed(pin)?,
            new_pin: None,
        };
        let keeps_pin = pin.is_some();
        self.write_stored(&key.label, &record)?;
        let hand = std::mem::take(&mut self.in_hand);
        let pin = hand.pin.map(|(_, pin)| pin).filter(|_| keeps_pin);
        self.kept.push(PreparedKey { pin, ..key });
        Ok(Outcome::KeyStored)
    }

    /// A key whose transport PIN is gone. Its PINs stay on the stick until the transcript says that it is sealed: cut
    /// off in between, the key has to be asked once more which of them it has.
    fn store_sealed(&mut self, done: &PreparedJob) -> Result<Outcome, Failure> {
        let Some(place) = self.kept.iter().position(|k| k.label == done.job.label) else {
            return Err(no_job());
        };
        let key = &mut self.kept[place];
        key.slip = done.slip;
        if done.key_bag.is_some() {
            key.key_bag.clone_from(&done.key_bag);
        }
        key.slip_bag = done.slip_bags.first().cloned();
        key.second_slip_bag = done.slip_bags.get(1).cloned();
        self.store_kept(place)?;
        Ok(Outcome::KeyStored)
    }

    /// Removes the PINs of a sealed key from the stick.
    pub(super) fn forget_pins(&mut self, label: &LabelId) -> Result<(), ConsoleError> {
        let Some(place) = self.kept.iter().position(|k| k.label == *label) else {
            return Ok(());
        };
        self.kept[place].pin = None;
        self.in_hand = InHand::default();
        self.new_pins.retain(|(other, _)| other != label);
        // Both generations: the older one would still hold the encrypted PINs.
        for _ in 0..2 {
            while let Err(failure) = self.store_kept(place) {
                self.say(&format!("!! {}\n   {}", failure.text, failure.hint))?;
                self.journal.ask_for_stick(self.ports.console)?;
            }
        }
        Ok(())
    }

    /// Removes the PINs of keys that were sealed just before the power failed.
    pub(super) fn forget_sealed(&mut self, tally: &Tally) -> Result<(), ConsoleError> {
        for line in tally.prepared.iter().filter(|line| line.is_sealed) {
            let has_pin = |k: &PreparedKey| k.label == line.label && k.pin.is_some();
            if self.kept.iter().any(has_pin) {
                self.forget_pins(&line.label)?;
            }
        }
        Ok(())
    }

    /// Writes the record of a key that is done, with the PINs that it may have.
    fn store_kept(&mut self, place: usize) -> Result<(), Failure> {
        let key = &self.kept[place];
        let tally = self.journal.tally();
        let is_in_hand = tally.is_second_pass && tally.in_hand.as_ref().is_some_and(|h| h.label == key.label);
        let new_pin = self
            .in_hand
            .pin
            .as_ref()
            .filter(|_| is_in_hand)
            .map(|(_, pin)| pin);
        let record = StoredKey {
            version: 1,
            label: key.label.clone(),
            key: Some(without_pin(key)),
            pin: self.sealed(key.pin.as_ref())?,
            new_pin: self.sealed(new_pin)?,
        };
        let label = key.label.clone();
        self.write_stored(&label, &record)
    }

    /// Writes all but the transcript again, on a stick that took the place of another one.
    pub(super) fn store_all(&mut self) -> Result<(), Failure> {
        if let Some(file) = self.vault.file() {
            let file = file.to_vec();
            self.journal
                .write(Keeper::FILE, &file)
                .map_err(|e| media_failure(&e))?;
        }
        for place in 0..self.kept.len() {
            self.store_kept(place)?;
        }
        if let Some(sealed) = &self.exported.manifest {
            self.journal
                .write(MANIFEST, sealed)
                .map_err(|e| media_failure(&e))?;
        }
        Ok(())
    }

    /// Encrypts a PIN to the stick's identity; none where the custody mode or the people want none there.
    fn sealed(&self, pin: Option<&Pin>) -> Result<Option<Blob>, Failure> {
        pin.map_or(Ok(None), |pin| self.vault.seal(self.ports.launcher, pin))
    }

    fn write_stored(&mut self, label: &LabelId, record: &StoredKey) -> Result<(), Failure> {
        let Some(name) = record_name(self.journal.tally(), label) else {
            return Err(no_job());
        };
        let json = serde_json::to_vec(record).map_err(|e| fault(&e.to_string()))?;
        self.journal
            .write_record(GROUP, &name, &json)
            .map_err(|e| media_failure(&e))
    }

    /// Reads what is kept of the keys that are prepared.
    pub(super) fn load_keys(&mut self, tally: &Tally) -> Result<(), DriverError> {
        for line in &tally.prepared {
            let lost = |why: String| {
                DriverError::Unfinished(format!(
                    "What the stick keeps of the key {} cannot be read: {why}.\n   Keep the stick. The key has to be \
                     prepared in a new ceremony. Nothing has been done.",
                    line.label
                ))
            };
            let name = record_name(tally, &line.label).ok_or_else(|| lost("it is not in the plan".into()))?;
            let bytes = self
                .journal
                .read_record(GROUP, &name)?
                .ok_or_else(|| lost("its record is missing or damaged in both copies".into()))?;
            let stored: StoredKey = serde_json::from_slice(&bytes).map_err(|e| lost(e.to_string()))?;
            let mut key = stored
                .key
                .ok_or_else(|| lost("its record is not complete".into()))?;
            let open = |sealed: &Option<Blob>| {
                let sealed = sealed
                    .as_ref()
                    .map(|blob| self.vault.open(self.ports.launcher, blob));
                sealed.transpose().map(Option::flatten).map_err(lost)
            };
            key.pin = open(&stored.pin)?;
            let new_pin = open(&stored.new_pin)?;
            self.kept.push(key);
            self.new_pins.extend(new_pin.map(|pin| (line.label.clone(), pin)));
        }
        Ok(())
    }

    /// The entry of a new start of this ceremony.
    pub(super) fn resumed(&self, cut: bool, torn: u64, found: &str) -> Entry {
        Entry::Resumed {
            station: self.station.fingerprint(),
            version: version(),
            cut,
            torn,
            found: crate::transcript::Text::new(found),
        }
    }

    pub(super) fn say(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.ports.console.tell(text)
    }
}

/// The record of the key with this label: `k001` for the first one of the plan.
fn record_name(tally: &Tally, label: &LabelId) -> Option<String> {
    let place = tally.planned.iter().position(|p| p.label == *label)?;
    Some(format!("k{:03}", place + 1))
}

/// A copy without its PIN.
fn without_pin(key: &PreparedKey) -> PreparedKey {
    PreparedKey {
        label: key.label.clone(),
        account: key.account.clone(),
        place: key.place,
        slip: key.slip,
        key_bag: key.key_bag.clone(),
        slip_bag: key.slip_bag.clone(),
        second_slip_bag: key.second_slip_bag.clone(),
        custodian: key.custodian.clone(),
        safe: key.safe.clone(),
        prepared: key.prepared,
        model: key.model.clone(),
        identity: key.identity.clone(),
        registration: key.registration.clone(),
        pin: None,
    }
}

pub(super) fn fault(why: &str) -> Failure {
    Failure {
        kind: FailureKind::Other,
        text: format!("The key's data could not be written: {why}."),
        hint: "Try again; nothing is lost as long as the station is on.".into(),
    }
}
