//! Policy settings against the bench's key: what can be had, how it is turned on, and what a reset leaves of it.

use std::sync::atomic::AtomicBool;

use bench::client::{Client, OK};
use bench::command::Command;
use bench::engine::config::EngineConfig;
use bench::faults::info::InfoEdit;
use bench::faults::{Effect as Spoil, Fault, LongTouch, When};
use bench::key::VirtualKey;
use glasskey::key::{Configuration, Effect, KeyError, KeyInfo, PinTextError, check_pin, fitness};

use crate::engine::{identify, key_of, replug, reset, with_call};

const CONFIG: u8 = 0x0D;
const ACFG: u8 = 0x20;
const PIN: &str = "482913";

const ALL: [Configuration; 5] = [
    Configuration::MinPinLength(6),
    Configuration::AlwaysUv,
    Configuration::EnterpriseAttestation,
    Configuration::LongTouchForReset,
    Configuration::ForcePinChange,
];

/// A key with a PIN that has every setting, all of them off.
fn able_key() -> (VirtualKey, LongTouch) {
    let key = key_of(EngineConfig {
        enterprise_attestation: true,
        ..EngineConfig::default()
    });
    let feature = LongTouch::new(false);
    key.set_faults(feature.faults());
    replug(&key);
    assert_eq!(Client::connect(&key).unwrap().set_pin(PIN).unwrap(), OK);
    (key, feature)
}

/// Sends the setting's command with this token.
fn send(key: &VirtualKey, setting: Configuration, protocol: u8, token: &[u8]) -> Result<Vec<u8>, KeyError> {
    with_call(key, &AtomicBool::new(false), |channel, port, call| {
        channel
            .cbor(CONFIG, &setting.command(protocol, token), call)
            .map_err(|error| error.into_key_error(port, Effect::Unknown))
    })
    .0
}

fn token(key: &VirtualKey, protocol: u8) -> Result<Vec<u8>, u8> {
    let client = Client::connect(key).unwrap();
    client.token_for(protocol, PIN, ACFG).unwrap()
}

#[test]
fn every_setting_can_be_turned_on_and_a_reset_turns_it_off() {
    for protocol in [1, 2] {
        for setting in ALL {
            let (key, _) = able_key();
            let before = identify(&key).unwrap();
            assert_eq!(setting.possible(&before), Ok(()), "{setting:?}");
            assert_eq!(setting.holds(&before), Ok(false), "{setting:?}");
            let token = token(&key, protocol).unwrap();
            send(&key, setting, protocol, &token).unwrap();
            let after = identify(&key).unwrap();
            assert_eq!(setting.confirm(&after), Ok(()), "{setting:?}");
            assert_eq!(setting.holds(&after), Ok(true), "{setting:?}");
            assert_eq!(setting.possible(&after), Ok(()), "{setting:?}");
            replug(&key);
            let fresh = reset(&key).0.unwrap();
            assert_eq!(setting.holds(&fresh), Ok(false), "{setting:?}");
        }
    }
}

#[test]
fn no_setting_is_turned_on_by_a_wrong_token() {
    for setting in ALL {
        let (key, _) = able_key();
        let wrong = vec![7; 32];
        let refused = send(&key, setting, 2, &wrong).unwrap_err();
        assert!(
            matches!(refused, KeyError::Status { code: 0x33, .. }),
            "{setting:?}: {refused:?}"
        );
        let after = identify(&key).unwrap();
        assert!(setting.confirm(&after).is_err(), "{setting:?}");
    }
}

#[test]
fn a_model_without_a_setting_says_so_before_anything_is_erased() {
    let plain = identify(&key_of(EngineConfig::default())).unwrap();
    for setting in [
        Configuration::EnterpriseAttestation,
        Configuration::LongTouchForReset,
    ] {
        let refusal = setting.possible(&plain).unwrap_err();
        assert!(matches!(refusal, KeyError::ModelCannot { .. }), "{refusal:?}");
    }
    assert_eq!(Configuration::AlwaysUv.possible(&plain), Ok(()));
    let old = key_of(EngineConfig::default());
    old.set_faults(Fault::ctap_2_0());
    let old = identify(&old).unwrap();
    for setting in ALL {
        assert!(setting.possible(&old).is_err(), "{setting:?}");
    }
}

#[test]
fn what_a_model_enforces_holds_from_the_start() {
    let key = key_of(EngineConfig {
        always_uv: true,
        min_pin_length: 8,
        ..EngineConfig::default()
    });
    key.set_faults(LongTouch::new(true).faults());
    let info = identify(&key).unwrap();
    for setting in [
        Configuration::AlwaysUv,
        Configuration::MinPinLength(8),
        Configuration::LongTouchForReset,
    ] {
        assert_eq!(setting.possible(&info), Ok(()));
        assert_eq!(setting.holds(&info), Ok(true));
    }
    assert!(info.wants_long_touch());
    assert_eq!(Configuration::MinPinLength(9).holds(&info), Ok(false));
    assert_eq!(
        check_pin("1234567", &info),
        Err(PinTextError::TooShort { minimum: 8, found: 7 })
    );
    assert_eq!(check_pin("12345678", &info), Ok(()));
}

#[test]
fn after_a_forced_change_there_is_no_token_until_the_pin_is_changed() {
    for protocol in [1, 2] {
        let (key, _) = able_key();
        let setting = Configuration::ForcePinChange;
        let good = token(&key, protocol).unwrap();
        send(&key, setting, protocol, &good).unwrap();
        let refused = token(&key, protocol).unwrap_err();
        assert!(matches!(refused, 0x31 | 0x37), "0x{refused:02x}");
        let client = Client::connect(&key).unwrap();
        assert_eq!(client.change_pin(protocol, PIN, "739102").unwrap(), OK);
        assert_eq!(setting.holds(&identify(&key).unwrap()), Ok(false));
        assert!(client.token_for(protocol, "739102", ACFG).unwrap().is_ok());
    }
}

#[test]
fn a_setting_that_is_accepted_and_not_shown_is_noticed() {
    let (key, _) = able_key();
    let off = InfoEdit {
        set: vec![(0x18, false.into())],
        ..InfoEdit::default()
    };
    key.set_faults(vec![
        Fault::new(When::On(Command::GET_INFO), Spoil::Info(off)),
        Fault::new(When::ConfigSubCommand(4), Spoil::Status(OK)),
    ]);
    let setting = Configuration::LongTouchForReset;
    let token = token(&key, 2).unwrap();
    send(&key, setting, 2, &token).unwrap();
    assert!(matches!(
        setting.confirm(&identify(&key).unwrap()),
        Err(KeyError::Protocol { .. })
    ));
}

#[test]
fn a_key_that_cannot_be_reset_over_usb_is_unfit() {
    let of = |transports: &[&str]| -> KeyInfo {
        let key = key_of(EngineConfig::default());
        let list = transports.iter().map(|t| (*t).into()).collect();
        let edit = InfoEdit {
            set: vec![(0x1A, ciborium::Value::Array(list))],
            ..InfoEdit::default()
        };
        key.set_faults(vec![Fault::new(When::On(Command::GET_INFO), Spoil::Info(edit))]);
        identify(&key).unwrap()
    };
    assert_eq!(fitness(&of(&["nfc", "usb"])), Ok(()));
    assert!(fitness(&of(&["nfc"])).is_err());
    let none = fitness(&of(&[])).unwrap_err().to_string();
    assert_eq!(none, "It cannot be reset over USB (it lists none).");
}
