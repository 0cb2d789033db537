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
    /// The key waits for a touch (a long one for a reset when [`KeyInfo::long_touch_for_reset`]).
    TouchNeeded,
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
/// any other command voids the permission to reset.
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
    fn set_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinSet, KeyError>;

    /// Replaces the PIN; credentials survive.
    fn change_pin(
        &self,
        key: &SecurityKey,
        current: &Pin,
        new: &Pin,
        watch: &mut Watch<'_>,
    ) -> Result<PinSet, KeyError>;

    /// Proves that the key accepts `pin`. A wrong PIN costs one of the key's retries.
    fn prove_pin(&self, key: &SecurityKey, pin: &Pin, watch: &mut Watch<'_>) -> Result<PinProof, KeyError>;

    /// Applies one policy setting (authenticatorConfig); the answer is getInfo afterwards.
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
    /// `None` is no proof: some keys do not tell without a touch or their PIN.
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

    /// Gets an assertion of one credential of any relying party; [`KeyError::NotHeld`] if it is not there.
    fn assert_credential(
        &self,
        key: &SecurityKey,
        query: &CredentialQuery,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError>;
}
