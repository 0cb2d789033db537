//! What the ceremony and the companion ask of security keys; tests put a fake here.

use std::sync::atomic::AtomicBool;

use serde::{Deserialize, Serialize};

use super::assertion::{Assertion, CredentialQuery};
use super::config::Configuration;
use super::credential::{Credential, NewCredential, UserEntity};
use super::device::{SecurityKey, sole};
use super::error::KeyError;
use super::identity::{IdentityCredential, IdentityProof};
use super::info::KeyInfo;
use super::pin::{PinProof, PinSet};
use crate::id::Aaguid;
use crate::secret::Pin;

/// What a key tells while a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyEvent {
    /// The key is working; nobody needs to do anything.
    Working,
    /// The key waits for a touch (a long one for a reset when [`KeyInfo::wants_long_touch`]).
    TouchNeeded,
}

/// Which of two PINs a key accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PinInForce {
    /// The one that was tried first.
    First,
    /// The other one.
    Second,
}

/// How the caller follows one operation: a flag that stops it and a listener for what the key tells.
pub struct Watch<'a> {
    /// Set by anyone, it ends the operation within a moment: the key gets CANCEL, the child two seconds.
    pub cancel: &'a AtomicBool,
    /// Called in the caller's thread whenever what the key tells changes.
    pub on_event: &'a mut dyn FnMut(KeyEvent),
}

/// The USB ports as far as security keys are concerned; one operation at a time per key.
///
/// The order for a fresh key is `scan`, `identify`, take out and put back, `scan`, `reset`, `set_pin`,
/// `configure`, `prove_pin`, `make_identity`. Nothing but `reset` may follow the replug: on some keys
/// any other command voids the permission to reset. What [`Configuration::possible`] refuses should end the
/// work before the reset; [`Configuration::ForcePinChange`] comes after everything else.
pub trait KeyBus {
    /// Lists the security keys that are plugged in now, ordered by port.
    fn scan(&self) -> Result<Vec<SecurityKey>, KeyError>;

    /// Returns the one security key that is plugged in; none or several are errors.
    fn sole_key(&self) -> Result<SecurityKey, KeyError> {
        sole(self.scan()?)
    }

    /// Asks the key what it is and can do (getInfo); changes nothing.
    fn identify(&self, key: &SecurityKey, watch: &mut Watch<'_>) -> Result<KeyInfo, KeyError>;

    /// Erases the key, which must have been plugged in less than 10 s ago and be of the `expected` model.
    ///
    /// Waits for the touch. The answer is what the key says of itself afterwards; it has no PIN then.
    fn reset(&self, key: &SecurityKey, expected: Aaguid, watch: &mut Watch<'_>) -> Result<KeyInfo, KeyError>;

    /// Sets the first PIN of a key that has none.
    ///
    /// [`KeyError::PinPolicy`]: this PIN breaks a rule of the model; nothing was set, another PIN may do.
    fn set_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinSet, KeyError>;

    /// Replaces the PIN; credentials survive, and a wish for a new PIN (forcePINChange) is fulfilled.
    ///
    /// | result | PIN in force |
    /// |---|---|
    /// | `Ok` | the new one |
    /// | [`KeyError::PinWrong`] | not `current`; one attempt is lost |
    /// | [`KeyError::PinPolicy`] | still `current`; another new PIN may be accepted |
    /// | [`KeyError::PinChangeForced`] | the key took the new PIN and still wants another one |
    /// | others with [`Effect::Nothing`](super::Effect::Nothing) | still `current` |
    /// | others with [`Effect::Unknown`](super::Effect::Unknown) | `current` or `new`: ask with [`KeyBus::prove_either`] |
    fn change_pin(
        &self,
        key: &SecurityKey,
        current: &Pin,
        new: &Pin,
        watch: &mut Watch<'_>,
    ) -> Result<PinSet, KeyError>;

    /// Proves that the key accepts `pin`. A wrong PIN costs one of the key's retries.
    fn prove_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinProof, KeyError>;

    /// Learns which of two PINs is in force, for example after a [`KeyBus::change_pin`] that was cut off.
    ///
    /// A change of PIN takes place or not, so after one that was cut off exactly one of the two is right: give
    /// the new one as `first`, since keys act before they answer. If `second` is right, the one attempt that
    /// `first` cost is restored by the proof. If neither is, the error is [`KeyError::PinWrong`]. The last
    /// attempt that a key allows is not spent on `second`. Where the key wants a new PIN before anything else
    /// ([`KeyError::PinChangeForced`]), the change did not take place, because it would have ended that wish.
    fn prove_either(
        &self,
        key: &SecurityKey,
        first: &Pin,
        second: &Pin,
        watch: &mut Watch<'_>,
    ) -> Result<(PinInForce, PinProof), KeyError> {
        match self.prove_pin(key, first, watch) {
            Ok(proof) => Ok((PinInForce::First, proof)),
            Err(KeyError::PinWrong { retries_left }) if retries_left.is_none_or(|left| left > 1) => self
                .prove_pin(key, second, watch)
                .map(|proof| (PinInForce::Second, proof)),
            Err(error) => Err(error),
        }
    }

    /// Applies one policy setting (authenticatorConfig); the answer is getInfo afterwards, read from the key.
    ///
    /// Does nothing where the setting already holds. After [`Configuration::ForcePinChange`] the key refuses
    /// its PIN for everything but a change of PIN.
    fn configure(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        setting: &Configuration,
        watch: &mut Watch<'_>,
    ) -> Result<KeyInfo, KeyError>;

    /// Makes the identity credential; needs a touch.
    fn make_identity(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        user: &UserEntity,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityCredential, KeyError>;

    /// Proves that this is the key that holds `identity`, and that it was not reset since; needs a touch.
    ///
    /// A PIN is needed only for keys whose `alwaysUv` is on ([`KeyError::PinRequired`] says so).
    /// [`KeyError::NotHeld`] means another key, or one that was reset; asked without a PIN, it can also be
    /// a model that protects every credential by its PIN, so ask again with the PIN before judging.
    fn assert_identity(
        &self,
        key: &SecurityKey,
        identity: &IdentityCredential,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityProof, KeyError>;

    /// Tells which of these identity credentials the key holds, without a touch; changes nothing.
    ///
    /// `None` is no proof: some keys do not tell without a touch or their PIN. The time grows with the number of
    /// identities, by one exchange per list that the model takes: leave out those of other models
    /// ([`KeyInfo::aaguid`]), and ask only a key that has a PIN, because one without was reset or never prepared.
    fn holds_any(
        &self,
        key: &SecurityKey,
        identities: &[IdentityCredential],
        watch: &mut Watch<'_>,
    ) -> Result<Option<usize>, KeyError>;

    /// Makes a credential for any relying party (routes `on-behalf` and `air-gapped`); needs a touch.
    fn make_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        new: &NewCredential,
        watch: &mut Watch<'_>,
    ) -> Result<Credential, KeyError>;

    /// Removes a discoverable credential; one that is not there is success. Needs no touch.
    ///
    /// [`KeyError::ModelCannot`]: this model gives up single credentials only by a reset.
    fn remove_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        credential_id: &[u8],
        watch: &mut Watch<'_>,
    ) -> Result<(), KeyError>;

    /// Gets an assertion of one credential of any relying party; [`KeyError::NotHeld`] if it is not there.
    fn assert_credential(
        &self,
        key: &SecurityKey,
        query: &CredentialQuery,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError>;
}
