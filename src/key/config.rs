//! Policy settings of a key (authenticatorConfig, CTAP 2.1, 6.11).

use serde::{Deserialize, Serialize};

/// One policy setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Configuration {
    /// Raises the shortest PIN that the key will accept; it can never be lowered again without a reset.
    MinPinLength(u8),
    /// Turns on user verification for every use of the key.
    AlwaysUv,
    /// Allows enterprise attestation.
    EnterpriseAttestation,
}
