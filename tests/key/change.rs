//! Changing the PIN of the bench's key, also when it is pulled out in the middle.

use bench::client::{Client, OK};
use bench::engine::config::EngineConfig;
use bench::faults::{Effect as Spoil, Fault, When};
use bench::key::VirtualKey;
use glasskey::id::Aaguid;
use glasskey::key::{
    Assertion, Configuration, Credential, CredentialQuery, IdentityCredential, IdentityProof, KeyBus,
    KeyError, KeyInfo, NewCredential, PinInForce, PinProof, PinSet, SecurityKey, UsbPort, UserEntity, Watch,
};
use glasskey::secret::Pin;

use crate::engine::{identify, key_of, replug};
use crate::find::{find, make_credential};

const OLD: &str = "482913";
const NEW: &str = "739102";
const CHANGE: When = When::PinSubCommand(0x04);

/// A key that holds a credential and then got its PIN; protocol 1 beside 2, or 2 alone.
fn prepared(protocol_one: bool) -> (VirtualKey, Vec<u8>) {
    let key = key_of(EngineConfig {
        pin_protocol_one: protocol_one,
        ..EngineConfig::default()
    });
    let credential = make_credential(&key);
    assert_eq!(Client::connect(&key).unwrap().set_pin(OLD).unwrap(), OK);
    (key, credential)
}

fn watching<T>(work: impl FnOnce(&mut Watch<'_>) -> T) -> T {
    work(&mut Watch {
        cancel: &std::sync::atomic::AtomicBool::new(false),
        on_event: &mut |_| {},
    })
}

fn which(key: &VirtualKey, first: &str, second: &str) -> Result<(PinInForce, PinProof), KeyError> {
    let [first, second] = [first, second].map(|pin| Pin::new(pin.to_owned()));
    let bus = PinBus(key.clone());
    watching(|watch| bus.prove_either(&plugged(), &first, &second, watch))
}

#[test]
fn the_new_pin_replaces_the_old_one_and_credentials_survive() {
    for (protocol, protocol_one) in [(1, true), (2, true), (2, false)] {
        let (key, credential) = prepared(protocol_one);
        let client = Client::connect(&key).unwrap();
        assert_eq!(client.change_pin(protocol, OLD, NEW).unwrap(), OK);
        assert_eq!(client.pin_token(protocol, OLD).unwrap(), 0x31);
        assert_eq!(client.pin_token(protocol, NEW).unwrap(), OK);
        assert_eq!(find(&key, &[credential]), Ok(Some(0)));
    }
}

#[test]
fn a_refused_change_leaves_the_old_pin() {
    let (key, credential) = prepared(true);
    let client = Client::connect(&key).unwrap();
    assert_eq!(client.change_pin(2, "000000", NEW).unwrap(), 0x31);
    assert_eq!(client.change_pin(2, OLD, "123").unwrap(), 0x37);
    assert_eq!(client.pin_token(2, OLD).unwrap(), OK);
    assert_eq!(find(&key, &[credential]), Ok(Some(0)));
}

#[test]
fn after_a_change_that_was_cut_off_one_proof_or_two_tell_the_pin() {
    // Pulled out before the key heard of it, and after it had done it.
    for (spoil, in_force) in [(Spoil::Unplug, OLD), (Spoil::UnplugAfter(0), NEW)] {
        let (key, credential) = prepared(true);
        key.set_faults(vec![Fault::new(CHANGE, spoil.clone()).times(1)]);
        let client = Client::connect(&key)
            .unwrap()
            .patience(std::time::Duration::from_millis(500));
        assert!(client.change_pin(2, OLD, NEW).is_err(), "{spoil:?}");
        replug(&key);
        let (place, proof) = which(&key, NEW, OLD).unwrap();
        let found = match place {
            PinInForce::First => NEW,
            PinInForce::Second => OLD,
        };
        assert_eq!(found, in_force, "{spoil:?}");
        assert_eq!(proof.retries, 8, "the right PIN restores every attempt");
        assert_eq!(find(&key, &[credential]), Ok(Some(0)));
    }
}

#[test]
fn neither_pin_is_a_wrong_pin() {
    let (key, _) = prepared(true);
    let neither = which(&key, "111111", "222222").unwrap_err();
    let retries_left = Some(6);
    assert_eq!(neither, KeyError::PinWrong { retries_left });
}

#[test]
fn the_last_attempt_is_not_spent_on_a_guess() {
    let key = key_of(EngineConfig {
        max_pin_retries: 2,
        ..EngineConfig::default()
    });
    assert_eq!(Client::connect(&key).unwrap().set_pin(OLD).unwrap(), OK);
    let stopped = which(&key, NEW, OLD).unwrap_err();
    let retries_left = Some(1);
    assert_eq!(stopped, KeyError::PinWrong { retries_left });
    // Whoever is sure may try it.
    let (place, proof) = which(&key, OLD, NEW).unwrap();
    assert_eq!((place, proof.retries), (PinInForce::First, 2));
}

/// Proves PINs of a virtual key as the real bus does, without a kernel; knows nothing else.
struct PinBus(VirtualKey);

fn plugged() -> SecurityKey {
    SecurityKey {
        port: UsbPort::new("1-1"),
        busnum: 1,
        devnum: 1,
        vid: 0x1209,
        pid: 1,
        product: String::new(),
        serial: None,
        node: "/dev/null".into(),
    }
}

fn unused<T>() -> Result<T, KeyError> {
    let what = "this call".into();
    Err(KeyError::Unsupported { what })
}

impl KeyBus for PinBus {
    fn scan(&self) -> Result<Vec<SecurityKey>, KeyError> {
        Ok(vec![plugged()])
    }
    fn identify(&self, _: &SecurityKey, _: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        identify(&self.0)
    }
    fn prove_pin(&self, _: &SecurityKey, pin: &Pin, _: &mut Watch<'_>) -> Result<PinProof, KeyError> {
        let client = Client::connect(&self.0).unwrap();
        let status = client.pin_token(2, pin.expose()).unwrap();
        let retries = client.pin_retries().unwrap();
        match status {
            OK => Ok(PinProof {
                protocol: 2,
                retries,
                with_permissions: false,
            }),
            0x31 => Err(KeyError::PinWrong {
                retries_left: Some(retries),
            }),
            _ => unused(),
        }
    }
    fn reset(&self, _: &SecurityKey, _: Aaguid, _: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        unused()
    }
    fn set_pin(&self, _: &SecurityKey, _: &Pin, _: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        unused()
    }
    fn change_pin(&self, _: &SecurityKey, _: &Pin, _: &Pin, _: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        unused()
    }
    fn configure(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &Configuration,
        _: &mut Watch<'_>,
    ) -> Result<KeyInfo, KeyError> {
        unused()
    }
    fn make_identity(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &UserEntity,
        _: &mut Watch<'_>,
    ) -> Result<IdentityCredential, KeyError> {
        unused()
    }
    fn assert_identity(
        &self,
        _: &SecurityKey,
        _: &IdentityCredential,
        _: Option<&Pin>,
        _: &mut Watch<'_>,
    ) -> Result<IdentityProof, KeyError> {
        unused()
    }
    fn holds_any(
        &self,
        _: &SecurityKey,
        _: &[IdentityCredential],
        _: &mut Watch<'_>,
    ) -> Result<Option<usize>, KeyError> {
        unused()
    }
    fn make_credential(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &NewCredential,
        _: &mut Watch<'_>,
    ) -> Result<Credential, KeyError> {
        unused()
    }
    fn remove_credential(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &[u8],
        _: &mut Watch<'_>,
    ) -> Result<(), KeyError> {
        unused()
    }
    fn assert_credential(
        &self,
        _: &SecurityKey,
        _: &CredentialQuery,
        _: Option<&Pin>,
        _: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError> {
        unused()
    }
}
