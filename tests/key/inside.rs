//! What runs inside a guest: `KeyClient` against the one key that is plugged in, through a real kernel.
//!
//! Not part of an ordinary run: `KEY_WORKER` names the program, the key is reset and has just been plugged in,
//! and somebody (or the bench) touches it whenever it asks.

use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use glasskey::id::{CeremonyId, LabelId};
use glasskey::key::registration::MakeRequest;
use glasskey::key::{
    Configuration, CredentialQuery, Effect, KeyBus as _, KeyClient, KeyError, KeyEvent, KeyInfo,
    NewCredential, PinInForce, SecurityKey, SysRoot, Watch, identity,
};
use glasskey::secret::Pin;
use glasskey::worker::Launcher;

fn client() -> KeyClient {
    let program = std::env::var_os("KEY_WORKER").unwrap();
    KeyClient::new(Launcher::program(program), SysRoot::default())
}

fn pin(text: &str) -> Pin {
    Pin::new(text.to_owned())
}

#[test]
#[ignore = "erases the key that is plugged in; runs inside a guest of the bench"]
fn a_key_s_whole_life() {
    let client = client();
    let cancel = AtomicBool::new(false);
    let mut events = Vec::new();
    let mut on_event = |event| events.push(event);
    let mut watch = Watch {
        cancel: &cancel,
        on_event: &mut on_event,
    };
    let watch = &mut watch;
    let key = client.sole_key().unwrap();
    let before = client.identify(&key, watch).unwrap();
    let info = client.reset(&key, before.aaguid, watch).unwrap();
    assert!(!info.pin_set());

    pins(&client, &key, &info, watch);
    credentials(&client, &key, watch);
    if info.has("authnrCfg") && info.option("alwaysUv") == Some(false) {
        always_uv(&client, &key, watch);
    }
    assert!(events.contains(&KeyEvent::TouchNeeded), "{events:?}");
}

/// PIN after all of it.
const LAST_PIN: &str = "7391 0246";

fn pins(client: &KeyClient, key: &SecurityKey, info: &KeyInfo, watch: &mut Watch<'_>) {
    let (first, second, wrong) = (pin("482913"), pin(LAST_PIN), pin("000000"));
    assert_eq!(client.prove_pin(key, &first, watch), Err(KeyError::PinNotSet));
    assert!(matches!(
        client.set_pin(key, &pin("123"), watch),
        Err(KeyError::PinText(_))
    ));
    let set = client.set_pin(key, &first, watch).unwrap();
    assert_eq!(Some(set.protocol), info.pin_protocol());
    assert_eq!(
        client.set_pin(key, &first, watch).map(drop),
        Err(KeyError::PinAlreadySet)
    );
    let proof = client.prove_pin(key, &first, watch).unwrap();
    let Err(KeyError::PinWrong { retries_left }) = client.prove_pin(key, &wrong, watch) else {
        panic!("a wrong PIN was accepted");
    };
    assert_eq!(retries_left, Some(proof.retries - 1));
    assert_eq!(client.prove_pin(key, &first, watch).unwrap(), proof);
    let user = identity::user(
        &CeremonyId::draw(&mut |b| b.fill(7)),
        &LabelId::draw(&mut |b| b.fill(6)),
    );
    let made = client.make_identity(key, &first, &user, watch).unwrap();
    let Err(KeyError::PinWrong { retries_left }) = client.change_pin(key, &wrong, &second, watch) else {
        panic!("a wrong PIN was enough to change it");
    };
    assert_eq!(retries_left, Some(proof.retries - 1));
    client.change_pin(key, &first, &second, watch).unwrap();
    // The old one is refused, the new one restores the attempt, and what the key holds is still there.
    let (place, after) = client.prove_either(key, &first, &second, watch).unwrap();
    assert_eq!((place, after.retries), (PinInForce::Second, proof.retries));
    assert!(client.assert_identity(key, &made, Some(&second), watch).is_ok());

    if info.has("authnrCfg") {
        let setting = Configuration::MinPinLength(6);
        let after = client.configure(key, &second, &setting, watch).unwrap();
        assert_eq!(after.min_pin_length, 6);
    }
}

fn credentials(client: &KeyClient, key: &SecurityKey, watch: &mut Watch<'_>) {
    let second = pin(LAST_PIN);
    let user = identity::user(
        &CeremonyId::draw(&mut |b| b.fill(7)),
        &LabelId::draw(&mut |b| b.fill(7)),
    );
    let made = client.make_identity(key, &second, &user, watch).unwrap();
    assert!(made.attestation.verified, "{}", made.attestation.note);
    let mut unknown = made.clone();
    unknown.credential_id = vec![9; 64].into();
    let both = [unknown.clone(), made.clone()];
    assert_eq!(client.holds_any(key, &both, watch), Ok(Some(1)));
    assert_eq!(client.holds_any(key, &[unknown], watch), Ok(None));
    let proven = client.assert_identity(key, &made, None, watch).unwrap();
    assert!(!proven.checked.user_verified);
    let proven = client.assert_identity(key, &made, Some(&second), watch).unwrap();
    assert!(proven.checked.user_verified);

    let new = NewCredential {
        rp_id: "login.microsoft.com".into(),
        user,
        client_data: b"{\"type\":\"webauthn.create\"}".as_slice().into(),
        algorithms: vec![-7, -257],
        discoverable: true,
        exclude: Vec::new(),
        hmac_secret: true,
        cred_protect: Some(3),
    };
    let credential = client.make_credential(key, &second, &new, watch).unwrap();
    let query = CredentialQuery {
        rp_id: new.rp_id.clone(),
        credential_id: credential.id.clone(),
        client_data: b"{\"type\":\"webauthn.get\"}".as_slice().into(),
    };
    let assertion = client
        .assert_credential(key, &query, Some(&second), watch)
        .unwrap();
    assert!(
        assertion
            .check(&query, credential.public_key.as_slice())
            .unwrap()
            .user_verified
    );
    let again = NewCredential {
        exclude: vec![credential.id.clone()],
        ..new
    };
    assert_eq!(
        client.make_credential(key, &second, &again, watch).map(drop),
        Err(KeyError::AlreadyHeld)
    );
    let unknown = CredentialQuery {
        credential_id: vec![9; 64].into(),
        ..query
    };
    assert_eq!(
        client
            .assert_credential(key, &unknown, Some(&second), watch)
            .map(drop),
        Err(KeyError::NotHeld)
    );
    let removed = client.remove_credential(key, &second, credential.id.as_slice(), watch);
    let gone = CredentialQuery {
        credential_id: credential.id.clone(),
        ..unknown
    };
    let held = client
        .assert_credential(key, &gone, Some(&second), watch)
        .map(drop);
    let info = client.identify(key, watch).unwrap();
    if info.has("credMgmt") || info.has("credentialMgmtPreview") {
        assert_eq!((removed, held), (Ok(()), Err(KeyError::NotHeld)));
        // What is not there any more is no failure.
        let again = client.remove_credential(key, &second, credential.id.as_slice(), watch);
        assert_eq!(again, Ok(()));
    } else {
        assert!(
            matches!(removed, Err(KeyError::ModelCannot { .. })),
            "{removed:?}"
        );
        assert_eq!(held, Ok(()));
    }
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn a_passkey_for_a_tenant() {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let request: MakeRequest = serde_json::from_slice(&std::fs::read("/request.json").unwrap()).unwrap();
    let pin = pin(LAST_PIN);
    client.set_pin(&key, &pin, &mut watch).unwrap();
    let made = client
        .make_credential(&key, &pin, &request.credential(), &mut watch)
        .unwrap();
    assert!(made.attestation.verified, "{}", made.attestation.note);
    let line = serde_json::to_string(&[made.id, made.attestation_object]).unwrap();
    std::io::stdout()
        .write_all(format!("made {line}\n").as_bytes())
        .unwrap();
}

fn always_uv(client: &KeyClient, key: &SecurityKey, watch: &mut Watch<'_>) {
    let second = pin(LAST_PIN);
    let user = identity::user(
        &CeremonyId::draw(&mut |b| b.fill(7)),
        &LabelId::draw(&mut |b| b.fill(8)),
    );
    let made = client.make_identity(key, &second, &user, watch).unwrap();
    client
        .configure(key, &second, &Configuration::AlwaysUv, watch)
        .unwrap();
    assert_eq!(
        client.assert_identity(key, &made, None, watch).map(drop),
        Err(KeyError::PinRequired)
    );
    assert!(client.assert_identity(key, &made, Some(&second), watch).is_ok());
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn every_setting() {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let watch = &mut watch;
    let (first, second) = (pin("482913"), pin(LAST_PIN));
    let info = client.set_pin(&key, &first, watch).unwrap().info;
    for setting in [
        Configuration::MinPinLength(6),
        Configuration::LongTouchForReset,
        Configuration::EnterpriseAttestation,
        Configuration::AlwaysUv,
        Configuration::ForcePinChange,
    ] {
        assert_eq!(setting.possible(&info), Ok(()), "{setting:?}");
        for _ in 0..2 {
            let after = client.configure(&key, &first, &setting, watch).unwrap();
            assert_eq!(setting.holds(&after), Ok(true), "{setting:?}");
        }
    }
    let forced = Err(KeyError::PinChangeForced);
    assert_eq!(client.prove_pin(&key, &first, watch), forced);
    let changed = client.change_pin(&key, &first, &second, watch).unwrap();
    assert!(!changed.info.force_pin_change);
    assert!(client.prove_pin(&key, &second, watch).is_ok());
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn a_setting_the_model_lacks() {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let pin = pin(LAST_PIN);
    client.set_pin(&key, &pin, &mut watch).unwrap();
    for setting in [
        Configuration::LongTouchForReset,
        Configuration::EnterpriseAttestation,
    ] {
        let refused = client.configure(&key, &pin, &setting, &mut watch).map(drop);
        assert!(
            matches!(refused, Err(KeyError::ModelCannot { .. })),
            "{refused:?}"
        );
    }
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn pins_against_the_rules() {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let watch = &mut watch;
    let (first, second) = (pin("482913"), pin(LAST_PIN));
    let info = client.identify(&key, watch).unwrap();
    assert_eq!(info.pin_complexity_policy, Some(true));
    let refused = client.set_pin(&key, &pin("111111"), watch).map(drop);
    assert_eq!(refused, Err(KeyError::PinPolicy));
    client.set_pin(&key, &first, watch).unwrap();
    assert!(client.prove_pin(&key, &first, watch).is_ok());
    client.change_pin(&key, &first, &second, watch).unwrap();
    assert!(client.prove_pin(&key, &second, watch).is_ok());
}

/// The key goes at its first change of PIN, and comes back by itself.
fn cut_off(in_force: PinInForce) {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let watch = &mut watch;
    let (old, new) = (pin("482913"), pin(LAST_PIN));
    client.set_pin(&key, &old, watch).unwrap();
    let error = client.change_pin(&key, &old, &new, watch).map(drop).unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Vanished {
                effect: Effect::Unknown,
                ..
            }
        ),
        "{error:?}"
    );
    std::io::stdout().write_all(b"the key is gone\n").unwrap();
    let key = loop {
        match client.sole_key() {
            Ok(back) if back.came_back_as(&key) => break back,
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    };
    let (found, _) = client.prove_either(&key, &new, &old, watch).unwrap();
    assert_eq!(found, in_force);
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn a_change_cut_off_before_it_was_done() {
    cut_off(PinInForce::Second);
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn a_change_cut_off_after_it_was_done() {
    cut_off(PinInForce::First);
}

/// What becomes of a credential that is asked for while `on_event` listens.
fn interrupted(cancel: &AtomicBool, on_event: &mut dyn FnMut(KeyEvent)) -> KeyError {
    let client = client();
    let key = client.sole_key().unwrap();
    let mut watch = Watch { cancel, on_event };
    let pin = pin(LAST_PIN);
    client.set_pin(&key, &pin, &mut watch).unwrap();
    let user = identity::user(
        &CeremonyId::draw(&mut |b| b.fill(7)),
        &LabelId::draw(&mut |b| b.fill(7)),
    );
    client.make_identity(&key, &pin, &user, &mut watch).unwrap_err()
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn a_touch_that_is_given_up() {
    let cancel = AtomicBool::new(false);
    let mut give_up = |event| {
        if event == KeyEvent::TouchNeeded {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    let error = interrupted(&cancel, &mut give_up);
    let effect = Effect::Nothing;
    assert_eq!(error, KeyError::Cancelled { effect });
    // The key was told, so it is free for the next command at once.
    let client = client();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let key = client.sole_key().unwrap();
    assert!(client.prove_pin(&key, &pin(LAST_PIN), &mut watch).is_ok());
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn pulled_out_in_the_middle() {
    let error = interrupted(&AtomicBool::new(false), &mut |_| {});
    assert!(
        matches!(
            error,
            KeyError::Vanished {
                effect: Effect::Unknown,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
#[ignore = "sets a PIN on the key that is plugged in; runs inside a guest of the bench"]
fn silent_in_the_middle() {
    let error = interrupted(&AtomicBool::new(false), &mut |_| {});
    let effect = Effect::Unknown;
    assert_eq!(error, KeyError::Mute { effect });
}
