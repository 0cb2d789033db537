//! Policy settings of a key (authenticatorConfig, CTAP 2.1, 6.11; longTouchForReset, CTAP 2.3).

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
    /// Makes the key ask for a long touch before a reset (CTAP 2.3, 6.11.5).
    LongTouchForReset,
    /// Makes the key refuse its PIN until it is changed (forceChangePin, CTAP 2.1, 6.11.4).
    ///
    /// Unfit for emergency keys: whoever opens the envelope could not sign in. It must come last, because no
    /// token, and so no other setting, proof or credential, is to be had afterwards.
    ForcePinChange,
}

const AUTHENTICATOR_CONFIG: u8 = 0x0D;
/// Longest PIN that a key can be told to want: longer ones do not fit the padding (CTAP 2.1, 6.5.1).
const LONGEST_MINIMUM: u32 = 63;

impl Configuration {
    fn subcommand(self) -> u8 {
        match self {
            Self::EnterpriseAttestation => 0x01,
            Self::AlwaysUv => 0x02,
            Self::MinPinLength(_) | Self::ForcePinChange => 0x03,
            Self::LongTouchForReset => 0x04,
        }
    }

    fn parameters(self) -> Option<Value> {
        let only = |number: i64, value: Value| Some(Value::Map(vec![(number.into(), value)]));
        match self {
            Self::MinPinLength(length) => only(0x01, u64::from(length).into()),
            Self::ForcePinChange => only(0x03, true.into()),
            Self::AlwaysUv | Self::EnterpriseAttestation | Self::LongTouchForReset => None,
        }
    }

    /// What a model without the setting cannot do.
    fn refusal(self) -> KeyError {
        let what = match self {
            Self::MinPinLength(length) => {
                return cannot(format!("insist on PINs of at least {length} characters"));
            }
            Self::AlwaysUv => "be made to verify its user at every use (alwaysUv)",
            Self::EnterpriseAttestation => "give enterprise attestation",
            Self::LongTouchForReset => "be made to want a long touch for a reset (longTouchForReset)",
            Self::ForcePinChange => "be made to insist on a new PIN (forcePINChange)",
        };
        cannot(what.into())
    }

    /// Whether this model has the setting at all; its state is `None` if not.
    fn state(self, info: &KeyInfo) -> Option<bool> {
        match self {
            Self::MinPinLength(length) => {
                let reached = info.min_pin_length >= u32::from(length);
                (reached || info.has("setMinPINLength")).then_some(reached)
            }
            Self::AlwaysUv => info.option("alwaysUv"),
            Self::EnterpriseAttestation => info.option("ep"),
            Self::LongTouchForReset => info.long_touch_for_reset,
            Self::ForcePinChange => info.has("setMinPINLength").then_some(info.force_pin_change),
        }
    }

    /// Whether the key takes the command that makes the setting.
    fn has_command(self, info: &KeyInfo) -> bool {
        let listed = info
            .config_commands
            .as_ref()
            .is_none_or(|commands| commands.contains(&self.subcommand().into()));
        listed && info.has("authnrCfg") && info.has("pinUvAuthToken")
    }

    /// Finds out from getInfo alone, before a reset or after one, whether the key can be made so.
    ///
    /// The state before a reset counts for nothing where the key has the command, since a reset ends it.
    pub fn possible(self, info: &KeyInfo) -> Result<(), KeyError> {
        if let Self::MinPinLength(length) = self {
            let longest = info
                .max_pin_length
                .unwrap_or(LONGEST_MINIMUM)
                .min(LONGEST_MINIMUM);
            if u32::from(length) > longest {
                return Err(self.refusal());
            }
        }
        match self.state(info) {
            Some(_) if self.has_command(info) => Ok(()),
            // Nobody can have turned it on, so the model is made so.
            Some(true) if self != Self::ForcePinChange => Ok(()),
            Some(_) | None => Err(self.refusal()),
        }
    }

    /// Whether the key is as wanted now; an error where the model does not have the setting.
    pub fn holds(self, info: &KeyInfo) -> Result<bool, KeyError> {
        self.state(info).ok_or_else(|| self.refusal())
    }

    /// Parameters of authenticatorConfig in canonical CBOR, authorised by a token (CTAP 2.1, 6.11).
    ///
    /// [`Configuration::AlwaysUv`] toggles: sent to a key that has it on, it would turn it off.
    #[must_use]
    pub fn command(self, protocol: u8, token: &[u8]) -> Vec<u8> {
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

    /// Reads why the key refused the command, as opposed to the token: no new PIN was sent.
    fn read_refusal(self, error: KeyError) -> KeyError {
        match error {
            KeyError::PinPolicy => self.refusal(),
            other => other,
        }
    }

    /// Checks getInfo after the key accepted the command.
    pub fn confirm(self, after: &KeyInfo) -> Result<(), KeyError> {
        if after.force_pin_change && self != Self::ForcePinChange {
            return Err(KeyError::PinChangeForced);
        }
        if self.state(after) == Some(true) {
            Ok(())
        } else {
            Err(KeyError::Protocol {
                detail: "it accepted a setting and does not show it".into(),
                effect: Effect::Unknown,
            })
        }
    }
}

fn cannot(what: String) -> KeyError {
    KeyError::ModelCannot { what }
}

/// Applies one setting with the PIN, and reads back that it holds.
pub(super) fn apply(
    session: &mut Session<'_>,
    pin: &Pin,
    setting: Configuration,
) -> Result<KeyInfo, KeyError> {
    pin::check_length(pin)?;
    let info = session.identify()?;
    setting.possible(&info)?;
    if setting.holds(&info)? {
        return Ok(info);
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
    let ask = pin::ready_for_pin(session, &info)?;
    let applied = pin::with_token(&info, |protocol| {
        let token = session.library(protocol, PLAIN, Effect::Nothing, |key| {
            key.get_pinuv_auth_token_with_permission(pin.expose(), Permission::AuthenticatorConfiguration)
                .map(|token| Secret::new(token.key))
        })?;
        let command = setting.command(protocol, token.expose());
        session
            .exchange(AUTHENTICATOR_CONFIG, &command, Effect::Unknown)
            .map_err(|error| setting.read_refusal(error))
    });
    pin::count_attempts(session, ask, applied)?;
    let after = session
        .identify()
        .map_err(|error| error.with_effect(Effect::Unknown))?;
    setting.confirm(&after).map(|()| after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::info::tests::plain_info;

    /// Computed with Python's hmac module from the rule in CTAP 2.1, 6.11 (token: bytes 0 to 31).
    #[test]
    fn signs_and_orders_the_command_as_specified() {
        let token: Vec<u8> = (0..32).collect();
        let two = Configuration::MinPinLength(8).command(2, &token);
        assert_eq!(two[..8], [0xA4, 0x01, 0x03, 0x02, 0xA1, 0x01, 0x08, 0x03]);
        assert_eq!(two[8..12], [0x02, 0x04, 0x58, 0x20]);
        assert_eq!(two[12..], VECTOR);
        let one = Configuration::MinPinLength(8).command(1, &token);
        assert_eq!(one[8..11], [0x01, 0x04, 0x50]);
        assert_eq!(one[11..], VECTOR[..16]);
        let always = Configuration::AlwaysUv.command(2, &token);
        assert_eq!(always[..7], [0xA3, 0x01, 0x02, 0x03, 0x02, 0x04, 0x58]);
    }

    const VECTOR: [u8; 32] = [
        0x6C, 0x05, 0x74, 0xEF, 0x43, 0x77, 0x49, 0xCD, 0xB7, 0x17, 0x2F, 0x8D, 0x32, 0x22, 0xB5, 0x5D, 0x62,
        0x89, 0x87, 0xD5, 0x1C, 0x65, 0x9F, 0x00, 0xC7, 0xA2, 0x66, 0xC3, 0xCC, 0x02, 0x6D, 0x76,
    ];

    #[test]
    fn encodes_the_settings_of_later_editions() {
        let token = [7; 32];
        let long = Configuration::LongTouchForReset.command(2, &token);
        assert_eq!(long[..7], [0xA3, 0x01, 0x04, 0x03, 0x02, 0x04, 0x58]);
        let force = Configuration::ForcePinChange.command(1, &token);
        assert_eq!(
            force[..11],
            [0xA4, 0x01, 0x03, 0x02, 0xA1, 0x03, 0xF5, 0x03, 0x01, 0x04, 0x50]
        );
    }

    const ALL: [Configuration; 5] = [
        Configuration::MinPinLength(6),
        Configuration::AlwaysUv,
        Configuration::EnterpriseAttestation,
        Configuration::LongTouchForReset,
        Configuration::ForcePinChange,
    ];

    /// A key that has every setting, all of them off.
    fn able_info() -> KeyInfo {
        let mut info = plain_info();
        for (name, value) in [
            ("authnrCfg", true),
            ("pinUvAuthToken", true),
            ("setMinPINLength", true),
            ("alwaysUv", false),
            ("ep", false),
        ] {
            info.options.insert(name.into(), value);
        }
        info.long_touch_for_reset = Some(false);
        info
    }

    #[test]
    fn says_beforehand_what_a_model_cannot_do() {
        for setting in ALL {
            assert_eq!(setting.possible(&able_info()), Ok(()), "{setting:?}");
            assert_eq!(setting.holds(&able_info()), Ok(false), "{setting:?}");
            let refusal = setting.possible(&plain_info()).unwrap_err();
            let text = refusal.to_string();
            assert!(text.starts_with("This model of key cannot "), "{text}");
            assert_eq!(refusal.effect(), Effect::Nothing);
            assert_eq!(setting.holds(&plain_info()), Err(refusal));
        }
    }

    #[test]
    fn a_setting_needs_its_command() {
        for setting in ALL {
            for option in ["authnrCfg", "pinUvAuthToken"] {
                let mut info = able_info();
                info.options.remove(option);
                assert!(setting.possible(&info).is_err(), "{setting:?} without {option}");
            }
            let listing = |commands: &[u64]| KeyInfo {
                config_commands: Some(commands.to_vec()),
                ..able_info()
            };
            assert_eq!(setting.possible(&listing(&[1, 2, 3, 4])), Ok(()));
            let others: Vec<u64> = (1..=4)
                .filter(|n| *n != u64::from(setting.subcommand()))
                .collect();
            assert!(setting.possible(&listing(&others)).is_err(), "{setting:?}");
        }
    }

    #[test]
    fn a_model_made_so_needs_no_command() {
        let mut info = plain_info();
        info.min_pin_length = 8;
        info.options.insert("alwaysUv".into(), true);
        info.long_touch_for_reset = Some(true);
        for setting in [
            Configuration::MinPinLength(8),
            Configuration::AlwaysUv,
            Configuration::LongTouchForReset,
        ] {
            assert_eq!(setting.possible(&info), Ok(()), "{setting:?}");
            assert_eq!(setting.holds(&info), Ok(true), "{setting:?}");
        }
        assert!(Configuration::MinPinLength(9).possible(&info).is_err());
        // A reset ends the wish for a new PIN, so without the command it cannot be had.
        info.force_pin_change = true;
        assert!(Configuration::ForcePinChange.possible(&info).is_err());
    }

    #[test]
    fn no_key_wants_longer_pins_than_it_takes() {
        let mut info = able_info();
        assert_eq!(Configuration::MinPinLength(63).possible(&info), Ok(()));
        assert!(Configuration::MinPinLength(64).possible(&info).is_err());
        info.max_pin_length = Some(20);
        assert_eq!(Configuration::MinPinLength(20).possible(&info), Ok(()));
        assert!(Configuration::MinPinLength(21).possible(&info).is_err());
    }

    #[test]
    fn believes_a_setting_only_when_getinfo_shows_it() {
        let mut on = able_info();
        on.min_pin_length = 6;
        on.options.insert("alwaysUv".into(), true);
        on.options.insert("ep".into(), true);
        on.long_touch_for_reset = Some(true);
        for setting in ALL {
            assert!(
                matches!(setting.confirm(&able_info()), Err(KeyError::Protocol { .. })),
                "{setting:?}"
            );
            let mut after = on.clone();
            after.force_pin_change = setting == Configuration::ForcePinChange;
            assert_eq!(setting.confirm(&after), Ok(()), "{setting:?}");
        }
        on.force_pin_change = true;
        assert_eq!(
            Configuration::AlwaysUv.confirm(&on),
            Err(KeyError::PinChangeForced)
        );
    }

    #[test]
    fn a_length_the_key_refuses_is_no_refused_pin() {
        let length = Configuration::MinPinLength(6);
        assert_eq!(length.read_refusal(KeyError::PinPolicy), length.refusal());
        assert_eq!(length.read_refusal(KeyError::Busy), KeyError::Busy);
    }
}
