//! The PIN of a key: text rules, setting, changing, proving.

use ctap_hid_fido2::fidokey::pin::Permission;
use serde::{Deserialize, Serialize};
use unicode_normalization::is_nfc;

use super::error::{Effect, KeyError};
use super::info::{KeyInfo, MIN_PIN_LENGTH, Unfit};
use super::reset::PLAIN;
use super::session::Session;
use crate::secret::{Pin, Secret};

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
/// Rules that a model has besides ([`KeyInfo::pin_complexity_policy`], but not all models tell) show only when it
/// refuses the PIN ([`KeyError::PinPolicy`]).
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

/// Statuses that mean "this protocol does not work here" and cannot have cost an attempt.
fn is_protocol_trouble(error: &KeyError) -> bool {
    matches!(
        error,
        KeyError::Unsupported { .. }
            | KeyError::Status {
                code: 0x02 | 0x03 | 0x11 | 0x12 | 0x14 | 0x7F,
                ..
            }
    )
}

/// Does `work` with the preferred PIN protocol, and once more with 1 where 2 is listed but does not work.
pub(super) fn with_protocol<T>(
    info: &KeyInfo,
    mut work: impl FnMut(u8) -> Result<T, KeyError>,
) -> Result<(u8, T), KeyError> {
    let first = info.pin_protocol().ok_or(KeyError::Unfit(Unfit::NoPinProtocol))?;
    match work(first) {
        Ok(value) => Ok((first, value)),
        Err(error) if first == 2 && info.pin_protocols.contains(&1) && is_protocol_trouble(&error) => {
            work(1).map(|value| (1, value))
        }
        Err(error) => Err(error),
    }
}

/// Does `work`, which fetches a token and uses it, and once more if the token did not live long enough.
///
/// Some keys forget a token that was not used for a while. The right PIN costs no attempt.
pub(super) fn with_token<T>(
    info: &KeyInfo,
    mut work: impl FnMut(u8) -> Result<T, KeyError>,
) -> Result<(u8, T), KeyError> {
    match with_protocol(info, &mut work) {
        Err(KeyError::Status {
            code: 0x33 | 0x38, ..
        }) => with_protocol(info, work),
        other => other,
    }
}

/// Refuses a key that has no PIN, wants a new one, or accepts none now; returns the protocol for questions.
pub(super) fn ready_for_pin(session: &mut Session<'_>, info: &KeyInfo) -> Result<u8, KeyError> {
    if !info.pin_set() {
        return Err(KeyError::PinNotSet);
    }
    // Now a key answers as if the PIN were wrong, so never get as far as trying it.
    if info.force_pin_change {
        return Err(KeyError::PinChangeForced);
    }
    accepts_pin(session, info)
}

/// Refuses a key that accepts no PIN now; returns the protocol for questions.
fn accepts_pin(session: &mut Session<'_>, info: &KeyInfo) -> Result<u8, KeyError> {
    let (protocol, retries) = with_protocol(info, |protocol| session.retries(protocol))?;
    if retries.left == 0 {
        return Err(KeyError::PinBlocked);
    }
    if retries.paused {
        return Err(KeyError::PinPaused);
    }
    Ok(protocol)
}

/// Reads the refusal of a PIN that was to authorise something; adds to "wrong PIN" how many attempts are left.
pub(super) fn count_attempts<T>(
    session: &mut Session<'_>,
    protocol: u8,
    result: Result<T, KeyError>,
) -> Result<T, KeyError> {
    match result {
        Err(KeyError::PinWrong { .. }) => match session.retries(protocol) {
            Ok(retries) if retries.left == 0 => Err(KeyError::PinBlocked),
            Ok(retries) => Err(KeyError::PinWrong {
                retries_left: Some(retries.left),
            }),
            Err(_) => Err(KeyError::PinWrong { retries_left: None }),
        },
        other => other.map_err(without_new_pin),
    }
}

/// Where no new PIN was sent, it is the one in force that the key wants replaced (CTAP 2.1, 6.5.5.7.2).
fn without_new_pin(error: KeyError) -> KeyError {
    match error {
        KeyError::PinPolicy => KeyError::PinChangeForced,
        other => other,
    }
}

pub(super) fn set(session: &mut Session<'_>, pin: &Pin) -> Result<PinSet, KeyError> {
    let info = session.identify()?;
    match info.option("clientPin") {
        None => return Err(KeyError::Unfit(Unfit::NoPin)),
        Some(true) => return Err(KeyError::PinAlreadySet),
        Some(false) => {}
    }
    check_pin(pin.expose(), &info).map_err(KeyError::PinText)?;
    let (protocol, ()) = with_protocol(&info, |protocol| {
        session.library(protocol, PLAIN, Effect::Unknown, |key| {
            key.set_new_pin(pin.expose())
        })
    })?;
    confirm(session, protocol)
}

pub(super) fn change(session: &mut Session<'_>, current: &Pin, new: &Pin) -> Result<PinSet, KeyError> {
    let info = session.identify()?;
    if !info.pin_set() {
        return Err(KeyError::PinNotSet);
    }
    check_pin(new.expose(), &info).map_err(KeyError::PinText)?;
    check_length(current)?;
    let ask = accepts_pin(session, &info)?;
    let changed = with_protocol(&info, |protocol| {
        session.library(protocol, PLAIN, Effect::Unknown, |key| {
            key.change_pin(current.expose(), new.expose())
        })
    });
    let (protocol, ()) = match changed {
        Err(KeyError::PinPolicy) => return Err(KeyError::PinPolicy),
        changed => count_attempts(session, ask, changed)?,
    };
    confirm(session, protocol)
}

fn confirm(session: &mut Session<'_>, protocol: u8) -> Result<PinSet, KeyError> {
    let info = session
        .identify()
        .map_err(|error| error.with_effect(Effect::Unknown))?;
    if !info.pin_set() {
        return Err(KeyError::Protocol {
            detail: "it accepted a PIN, and says that it has none".into(),
            effect: Effect::Unknown,
        });
    }
    if info.force_pin_change {
        return Err(KeyError::PinChangeForced);
    }
    Ok(PinSet { protocol, info })
}

/// The library panics at longer ones; a key would count them as wrong.
pub(super) fn check_length(pin: &Pin) -> Result<(), KeyError> {
    if pin.expose().is_empty() {
        return Err(KeyError::PinText(PinTextError::TooShort {
            minimum: MIN_PIN_LENGTH,
            found: 0,
        }));
    }
    if pin.expose().len() > MAX_PIN_BYTES {
        return Err(KeyError::PinText(PinTextError::TooLong {
            limit: 63,
            unit: PinUnit::Bytes,
        }));
    }
    Ok(())
}

/// A permission that needs no relying party, which the library cannot name.
fn bare_permission(info: &KeyInfo) -> Option<Permission> {
    if !info.has("pinUvAuthToken") {
        return None;
    }
    if info.has("authnrCfg") {
        Some(Permission::AuthenticatorConfiguration)
    } else if info.has("credMgmt") {
        Some(Permission::CredentialManagement)
    } else if info.has("largeBlobs") {
        Some(Permission::LargeBlobWrite)
    } else {
        None
    }
}

pub(super) fn prove(session: &mut Session<'_>, pin: &Pin) -> Result<PinProof, KeyError> {
    check_length(pin)?;
    let info = session.identify()?;
    let ask = ready_for_pin(session, &info)?;
    let with_permissions = bare_permission(&info).is_some();
    let proven = with_protocol(&info, |protocol| {
        session.library(protocol, PLAIN, Effect::Nothing, |key| {
            let token = match bare_permission(&info) {
                Some(permission) => key.get_pinuv_auth_token_with_permission(pin.expose(), permission),
                None => key.get_pin_token(pin.expose()),
            };
            token.map(|token| wipe(token.key))
        })
    });
    let (protocol, ()) = count_attempts(session, ask, proven)?;
    let retries = session.retries(ask)?;
    if retries.left == 0 || retries.paused {
        return Err(KeyError::protocol(
            "it accepted its PIN and did not restore the attempts",
        ));
    }
    Ok(PinProof {
        protocol,
        retries: retries.left,
        with_permissions,
    })
}

fn wipe(key: Vec<u8>) {
    drop(Secret::new(key));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::info::tests::plain_info;

    #[test]
    fn refuses_pins_that_a_key_would_misread() {
        let info = plain_info();
        assert_eq!(check_pin("1234", &info), Ok(()));
        assert_eq!(
            check_pin("123", &info),
            Err(PinTextError::TooShort { minimum: 4, found: 3 })
        );
        assert_eq!(check_pin("12345\0", &info), Err(PinTextError::Nul));
        assert_eq!(check_pin("e\u{301}abc", &info), Err(PinTextError::NotNormal));
        // Four code points, though eight bytes: the specification counts code points.
        assert_eq!(check_pin("\u{e9}\u{e9}\u{e9}\u{e9}", &info), Ok(()));
        assert_eq!(check_pin(&"1".repeat(63), &info), Ok(()));
        assert!(matches!(
            check_pin(&"1".repeat(64), &info),
            Err(PinTextError::TooLong { limit: 63, .. })
        ));
        let strict = KeyInfo {
            min_pin_length: 8,
            max_pin_length: Some(10),
            ..info
        };
        assert!(matches!(
            check_pin("1234567", &strict),
            Err(PinTextError::TooShort { minimum: 8, found: 7 })
        ));
        assert!(matches!(
            check_pin("12345678901", &strict),
            Err(PinTextError::TooLong { limit: 10, .. })
        ));
    }

    #[test]
    fn falls_back_to_protocol_1_but_never_after_a_pin_error() {
        let info = KeyInfo {
            pin_protocols: vec![2, 1],
            ..plain_info()
        };
        let run = |error: KeyError| {
            let mut tried = Vec::new();
            let result = with_protocol(&info, |protocol| {
                tried.push(protocol);
                if protocol == 2 { Err(error.clone()) } else { Ok(()) }
            });
            (tried, result)
        };
        let status = |code| super::super::error::of_status(code, Effect::Unknown);
        assert_eq!(run(status(0x02)), (vec![2, 1], Ok((1, ()))));
        for code in [0x31, 0x32, 0x33, 0x34, 0x36, 0x37] {
            assert_eq!(run(status(code)), (vec![2], Err(status(code))));
        }
        let only_two = KeyInfo {
            pin_protocols: vec![2],
            ..plain_info()
        };
        let mut tried = Vec::new();
        let result: Result<(u8, ()), _> = with_protocol(&only_two, |protocol| {
            tried.push(protocol);
            Err(status(0x02))
        });
        assert!(result.is_err());
        assert_eq!(tried, [2]);
    }

    #[test]
    fn a_breach_of_rules_without_a_new_pin_is_a_wish_for_one() {
        let status = |code| super::super::error::of_status(code, Effect::Nothing);
        assert_eq!(status(0x37), KeyError::PinPolicy);
        assert_eq!(without_new_pin(status(0x37)), KeyError::PinChangeForced);
        assert_eq!(without_new_pin(status(0x34)), KeyError::PinPaused);
    }

    #[test]
    fn asks_for_permissions_only_where_no_relying_party_is_needed() {
        let mut info = plain_info();
        assert!(bare_permission(&info).is_none());
        info.options.insert("pinUvAuthToken".into(), true);
        assert!(bare_permission(&info).is_none());
        info.options.insert("credMgmt".into(), true);
        assert!(matches!(
            bare_permission(&info),
            Some(Permission::CredentialManagement)
        ));
    }
}
