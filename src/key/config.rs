//! Policy settings of a key (authenticatorConfig, CTAP 2.1, 6.11).

use ciborium::Value;
use ctap_hid_fido2::fidokey::pin::Permission;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::cbor;
use super::error::{Effect, KeyError};
use super::info::KeyInfo;
use super::pin::{self, PinTextError};
use super::reset::PLAIN;
use super::session::Session;
use crate::secret::{Pin, Secret};

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

const AUTHENTICATOR_CONFIG: u8 = 0x0D;

impl Configuration {
    fn subcommand(self) -> u8 {
        match self {
            Self::EnterpriseAttestation => 0x01,
            Self::AlwaysUv => 0x02,
            Self::MinPinLength(_) => 0x03,
        }
    }

    fn parameters(self) -> Option<Value> {
        match self {
            Self::MinPinLength(length) => Some(Value::Map(vec![(0x01.into(), u64::from(length).into())])),
            Self::AlwaysUv | Self::EnterpriseAttestation => None,
        }
    }

    /// Whether the key already is as wanted; an error where it can never be.
    fn holds(self, info: &KeyInfo) -> Result<bool, KeyError> {
        let unsupported = |what: &str| Err(KeyError::Unsupported { what: what.into() });
        let option = |name: &str, what: &str| info.option(name).map_or_else(|| unsupported(what), Ok);
        match self {
            Self::MinPinLength(length) if info.min_pin_length >= u32::from(length) => Ok(true),
            Self::MinPinLength(_) if !info.has("setMinPINLength") => unsupported("a minimum PIN length"),
            Self::MinPinLength(_) => Ok(false),
            // The command toggles: sent to a key that has it on, it would turn it off.
            Self::AlwaysUv => option("alwaysUv", "alwaysUv"),
            Self::EnterpriseAttestation => option("ep", "enterprise attestation"),
        }
    }

    /// The command's parameters in canonical CBOR, authorised by a token (CTAP 2.1, 6.11).
    fn body(self, protocol: u8, token: &[u8]) -> Vec<u8> {
        let parameters = self.parameters();
        let mut message = vec![0xFF; 32];
        message.extend_from_slice(&[AUTHENTICATOR_CONFIG, self.subcommand()]);
        if let Some(parameters) = &parameters {
            message.extend_from_slice(&cbor::write(parameters));
        }
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, token), &message);
        // Protocol 1 cuts the tag (CTAP 2.1, 6.5.6).
        let tag = if protocol == 1 {
            &tag.as_ref()[..16]
        } else {
            tag.as_ref()
        };
        let mut map = vec![(0x01.into(), u64::from(self.subcommand()).into())];
        map.extend(parameters.map(|parameters| (0x02.into(), parameters)));
        map.push((0x03.into(), u64::from(protocol).into()));
        map.push((0x04.into(), Value::Bytes(tag.to_vec())));
        cbor::write(&Value::Map(map))
    }
}

/// Applies one setting with the PIN, and reads back that it holds.
pub(super) fn apply(
    session: &mut Session<'_>,
    pin: &Pin,
    setting: Configuration,
) -> Result<KeyInfo, KeyError> {
    pin::check_length(pin)?;
    let info = session.identify()?;
    if setting.holds(&info)? {
        return Ok(info);
    }
    if !info.has("authnrCfg") || !info.has("pinUvAuthToken") {
        return Err(KeyError::Unsupported {
            what: "policy settings (authenticatorConfig)".into(),
        });
    }
    if let Configuration::MinPinLength(minimum) = setting {
        // A PIN that is too short then would have to be changed before its next use.
        let found = u32::try_from(pin.expose().chars().count()).unwrap_or(u32::MAX);
        if found < u32::from(minimum) {
            return Err(KeyError::PinText(PinTextError::TooShort {
                minimum: minimum.into(),
                found,
            }));
        }
    }
    let protocol = pin::ready_for_pin(session, &info)?;
    let token = session.library(protocol, PLAIN, Effect::Nothing, |key| {
        key.get_pinuv_auth_token_with_permission(pin.expose(), Permission::AuthenticatorConfiguration)
            .map(|token| Secret::new(token.key))
    });
    let token = pin::count_attempts(session, protocol, token)?;
    let body = setting.body(protocol, token.expose());
    session.exchange(AUTHENTICATOR_CONFIG, &body, Effect::Unknown)?;
    let after = session
        .identify()
        .map_err(|error| error.with_effect(Effect::Unknown))?;
    if after.force_pin_change {
        return Err(KeyError::PinChangeForced);
    }
    if setting.holds(&after)? {
        Ok(after)
    } else {
        Err(KeyError::Protocol {
            detail: "it accepted a setting and does not show it".into(),
            effect: Effect::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::info::tests::plain_info;

    /// Computed with Python's hmac module from the rule in CTAP 2.1, 6.11 (token: bytes 0 to 31).
    #[test]
    fn signs_and_orders_the_command_as_specified() {
        let token: Vec<u8> = (0..32).collect();
        let two = Configuration::MinPinLength(8).body(2, &token);
        assert_eq!(two[..8], [0xA4, 0x01, 0x03, 0x02, 0xA1, 0x01, 0x08, 0x03]);
        assert_eq!(two[8..12], [0x02, 0x04, 0x58, 0x20]);
        assert_eq!(two[12..], VECTOR);
        let one = Configuration::MinPinLength(8).body(1, &token);
        assert_eq!(one[8..11], [0x01, 0x04, 0x50]);
        assert_eq!(one[11..], VECTOR[..16]);
        let always = Configuration::AlwaysUv.body(2, &token);
        assert_eq!(always[..7], [0xA3, 0x01, 0x02, 0x03, 0x02, 0x04, 0x58]);
    }

    const VECTOR: [u8; 32] = [
        0x6C, 0x05, 0x74, 0xEF, 0x43, 0x77, 0x49, 0xCD, 0xB7, 0x17, 0x2F, 0x8D, 0x32, 0x22, 0xB5, 0x5D, 0x62,
        0x89, 0x87, 0xD5, 0x1C, 0x65, 0x9F, 0x00, 0xC7, 0xA2, 0x66, 0xC3, 0xCC, 0x02, 0x6D, 0x76,
    ];

    #[test]
    fn knows_when_nothing_is_to_be_done_or_nothing_can() {
        let mut info = plain_info();
        assert_eq!(Configuration::MinPinLength(4).holds(&info), Ok(true));
        assert!(Configuration::MinPinLength(6).holds(&info).is_err());
        assert!(Configuration::AlwaysUv.holds(&info).is_err());
        info.options.insert("setMinPINLength".into(), true);
        info.options.insert("alwaysUv".into(), true);
        assert_eq!(Configuration::MinPinLength(6).holds(&info), Ok(false));
        assert_eq!(Configuration::AlwaysUv.holds(&info), Ok(true));
    }
}
