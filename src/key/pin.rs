//! The PIN of a key: text rules, setting, changing, proving.

use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;

use super::info::KeyInfo;

/// Longest PIN in bytes of UTF-8 (CTAP 2.1, 6.5.1).
pub const MAX_PIN_BYTES: usize = 63;

/// Why a text cannot be a PIN of this key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PinTextError {
    /// Fewer characters than the key wants.
    #[error(
        "The PIN is too short for this key: it has {found} characters, the key wants at least {minimum}."
    )]
    TooShort {
        /// What the key wants, in code points.
        minimum: u32,
        /// What the PIN has.
        found: u32,
    },
    /// More characters or bytes than the key takes.
    #[error("The PIN is too long: a key takes at most {limit} {unit}.")]
    TooLong {
        /// The limit.
        limit: u32,
        /// What it counts.
        unit: PinUnit,
    },
    /// Not in Unicode normalisation form C.
    #[error("The PIN holds characters in a form that keys do not accept (it is not in NFC).")]
    NotNormal,
    /// A NUL character would be taken for padding.
    #[error("The PIN holds a NUL character.")]
    Nul,
}

/// What a limit of PIN length counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PinUnit {
    /// Unicode code points.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

impl std::fmt::Display for PinUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Characters => "characters",
            Self::Bytes => "bytes",
        })
    }
}

/// Checks a PIN's text against the specification and what the key says of itself.
///
/// Rules that a model keeps to itself show only when it refuses ([`super::KeyError::PinRefused`]).
pub fn check_pin(pin: &str, info: &KeyInfo) -> Result<(), PinTextError> {
    if pin.contains('\0') {
        return Err(PinTextError::Nul);
    }
    if pin.len() > MAX_PIN_BYTES {
        return Err(PinTextError::TooLong {
            limit: 63,
            unit: PinUnit::Bytes,
        });
    }
    if !is_nfc(pin) {
        return Err(PinTextError::NotNormal);
    }
    let found = u32::try_from(pin.chars().count()).unwrap_or(u32::MAX);
    if let Some(limit) = info.max_pin_length.filter(|limit| found > *limit) {
        return Err(PinTextError::TooLong {
            limit,
            unit: PinUnit::Characters,
        });
    }
    let minimum = info.min_pin_length;
    if found < minimum {
        return Err(PinTextError::TooShort { minimum, found });
    }
    Ok(())
}

/// A PIN was set or changed, and the key confirms that it has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinSet {
    /// PIN/UV auth protocol that worked.
    pub protocol: u8,
    /// What the key says of itself now.
    pub info: KeyInfo,
}

/// The key accepted the PIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinProof {
    /// PIN/UV auth protocol that worked.
    pub protocol: u8,
    /// Attempts allowed from now on: all that the model gives, because the right PIN restores them.
    pub retries: u8,
    /// Whether the token came with permissions (CTAP 2.1) or by the older command.
    pub with_permissions: bool,
}
