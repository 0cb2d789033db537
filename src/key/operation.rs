//! What a worker can be asked to do with one key: request, answer and failure as JSON, PINs as its secret.

use serde::{Deserialize, Serialize};

use super::assertion::{Assertion, CredentialQuery};
use super::config::Configuration;
use super::credential::{Credential, NewCredential};
use super::device::SecurityKey;
use super::info::KeyInfo;
use super::pin::{PinProof, PinSet};
use crate::id::Aaguid;

/// One request to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which key; only `node` and `port` matter to the child.
    pub key: SecurityKey,
    /// What to do with it.
    pub operation: Operation,
}

/// One piece of work with one key; PINs travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// getInfo.
    Identify,
    /// authenticatorReset, if the model is the expected one.
    Reset {
        /// Model number of the key that was taken out.
        expected: Aaguid,
    },
    /// Sets the first PIN (secret: the PIN).
    SetPin,
    /// Changes the PIN (secret: the current one, then the new one).
    ChangePin,
    /// Proves the PIN (secret: the PIN).
    ProvePin,
    /// Applies a policy setting (secret: the PIN).
    Configure {
        /// The setting.
        setting: Configuration,
    },
    /// Makes a credential (secret: the PIN).
    MakeCredential {
        /// Which.
        new: NewCredential,
    },
    /// Gets an assertion (secret: the PIN, or none).
    AssertCredential {
        /// Of which credential.
        query: CredentialQuery,
    },
}

/// The answer to an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Identify`, `Reset` and `Configure`: getInfo, taken last.
    Info(Box<KeyInfo>),
    /// To `SetPin` and `ChangePin`.
    PinSet(Box<PinSet>),
    /// To `ProvePin`.
    PinProof(PinProof),
    /// To `MakeCredential`.
    Credential(Box<Credential>),
    /// To `AssertCredential`.
    Assertion(Assertion),
}

impl Operation {
    /// Whether a failure can leave the key changed.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Identify | Self::ProvePin | Self::AssertCredential { .. }
        )
    }

    /// Whether it waits for a touch.
    #[must_use]
    pub fn needs_touch(&self) -> bool {
        matches!(
            self,
            Self::Reset { .. } | Self::MakeCredential { .. } | Self::AssertCredential { .. }
        )
    }
}
