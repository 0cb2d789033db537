//! Keys make passkeys by creation options from the stick; whenever the power fails, the manifest holds the ones that the
//! keys have.

use std::fs;

use bench::client::OK;
use bench::report::Authenticator as _;
use ciborium::Value;
use glasskey::audit;
use glasskey::creation_options::{CreationOptions, FILE, KeyOptions};
use glasskey::key::registration::{Made, MakeRequest, RP_ID};
use glasskey::manifest::schema::PreparedKey;
use glasskey::manifest::{self, Manifest};
use glasskey::transcript::{Act, Entry, Reading};
use serde_json::json;
use time::macros::datetime;

use crate::bus::connect;
use crate::power_cut::{self, MANIFEST, ROTATE};
use crate::stage::{self, Kind, Left};

const AIR_GAPPED: Kind = Kind {
    name: "air-gapped",
    passkeys: true,
    ..MANIFEST
};

/// Options for the plan of every ceremony here.
pub(crate) fn options() -> CreationOptions {
    let key = |number: u8| {
        let upn = format!("bg-{number:02}@contoso.onmicrosoft.com");
        let request = MakeRequest::from_options(&json!({
            "rp": {"id": RP_ID, "name": "Microsoft"},
            "user": {"id": format!("T0Y6AAA{number}"), "name": upn, "displayName": "Emergency"},
            "challenge": format!("{number}{}", "A".repeat(6931)),
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
            "extensions": {"hmacCreateSecret": true, "credentialProtectionPolicy": "userVerificationOptional"},
        }));
        KeyOptions::new(
            upn.parse().unwrap(),
            1,
            datetime!(2026-12-22 09:00 UTC),
            request.unwrap(),
        )
    };
    let issued = datetime!(2026-11-22 09:00 UTC);
    CreationOptions::new(true, "tenant".into(), issued, vec![key(1), key(2)])
}

/// The passkey in the manifest is what this very key holds, made for the challenge of its account; without options
/// there is none.
pub(crate) fn check(kind: Kind, left: &Left, key: &PreparedKey, place: usize) -> Result<(), String> {
    let Some(made) = &key.registration else {
        return if kind.passkeys {
            Err(format!("the manifest holds no passkey of {}", key.label))
        } else {
            Ok(())
        };
    };
    let options = options();
    let asked = options.of(&key.account, key.place).ok_or("nobody asked for it")?;
    if made.account != key.account || made.client_data_json != asked.request.client_data {
        return Err(format!("the passkey of {} answers another challenge", key.label));
    }
    let bytes = Made {
        credential_id: made.credential_id.as_slice(),
        client_data: made.client_data_json.as_slice(),
        attestation_object: made.attestation_object.as_slice(),
    };
    bytes.check_again(&key.identity)?;
    let told = |entry: &Entry| {
        matches!(entry, Entry::Done { effect: Act::MakePasskey, key: Some(label), result: Some(id), .. }
            if *label == key.label && id.as_str() == made.credential_id.to_string())
    };
    if !left.entries.iter().any(told) {
        return Err(format!(
            "the transcript does not tell of the passkey of {}",
            key.label
        ));
    }
    let key = left.hands.bus.key(place);
    key.power_on().unwrap();
    let text = |t: &str| Value::Text(t.to_owned());
    let allowed = Value::Map(vec![
        (text("id"), Value::Bytes(made.credential_id.0.clone())),
        (text("type"), text("public-key")),
    ]);
    let request = Value::Map(vec![
        (1.into(), text(RP_ID)),
        (2.into(), Value::Bytes(vec![0; 32])),
        (3.into(), Value::Array(vec![allowed])),
        (5.into(), Value::Map(vec![(text("up"), false.into())])),
    ]);
    let (status, _) = connect(key).ctap(0x02, Some(request)).unwrap();
    key.power_off();
    if status == OK {
        Ok(())
    } else {
        Err(format!(
            "the key does not hold its passkey: status 0x{status:02x}"
        ))
    }
}

#[test]
fn the_manifest_holds_the_passkey_of_each_key_whenever_the_power_fails() {
    power_cut::play(AIR_GAPPED, Some(16), false);
}

#[test]
fn passkeys_survive_the_second_pass_which_asks_for_no_options() {
    let kind = Kind {
        name: "air-gapped-rotate",
        passkeys: true,
        ..ROTATE
    };
    power_cut::play(kind, Some(6), false);
}

#[test]
fn a_cut_around_a_passkey_has_it_made_again_for_the_same_challenge() {
    let whole = stage::play(AIR_GAPPED, None).unwrap();
    let is_it = |entry: &&Entry| {
        matches!(
            entry,
            Entry::Intended {
                effect: Act::MakePasskey,
                ..
            } | Entry::Done {
                effect: Act::MakePasskey,
                ..
            }
        )
    };
    assert_eq!(whole.entries.iter().filter(is_it).count(), 4);
    for (line, entry) in whole.entries.iter().enumerate() {
        if !is_it(&entry) {
            continue;
        }
        let call = whole.lines.iter().position(|count| *count == line + 1).unwrap();
        let cut = stage::Cut {
            call,
            torn: stage::Torn::Nothing,
            place: 0,
            takes_spare: line % 2 == 0,
            again: None,
        };
        let left = stage::play(AIR_GAPPED, Some(cut)).unwrap_or_else(|error| panic!("line {line}: {error}"));
        power_cut::check(AIR_GAPPED, &left).unwrap_or_else(|error| panic!("line {line}: {error}"));
        let made = left.entries.iter().filter(is_it).count();
        assert!((5..=6).contains(&made), "line {line}: {made}");
    }
}

#[test]
fn a_ceremony_does_not_begin_with_options_that_do_not_fit() {
    let refused = |change: fn(&mut CreationOptions), word: &str| {
        let mut options = options();
        change(&mut options);
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(FILE), options.to_json().unwrap()).unwrap();
        let error = stage::begin(AIR_GAPPED, root.path()).unwrap_err();
        assert!(
            error.contains(word) && error.contains("Nothing has been done"),
            "{error}"
        );
        assert!(crate::power::folders(root.path()).is_empty(), "{word}");
    };
    refused(|o| o.keys.truncate(1), "has no options for key 1 of bg-02");
    refused(|o| o.sandbox = false, "a real tenant");
    refused(|o| o.keys[0].expires = o.issued, "ended on");
    refused(
        |o| o.keys[0].request.rp_id = "evil.example".into(),
        "relying party",
    );
}

#[test]
fn options_neither_come_nor_go_while_a_ceremony_is_under_way() {
    for (kind, word) in [(AIR_GAPPED, "put it back"), (MANIFEST, "remove it")] {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join(FILE);
        let options = options().to_json().unwrap();
        if kind.passkeys {
            fs::write(&file, &options).unwrap();
        }
        assert!(stage::begin(kind, root.path()).is_ok());
        if kind.passkeys {
            fs::remove_file(&file).unwrap();
        } else {
            fs::write(&file, &options).unwrap();
        }
        let error = stage::begin(kind, root.path()).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn an_auditor_finds_the_passkeys_in_order_and_notices_those_of_another_key() {
    let left = stage::play(AIR_GAPPED, None).unwrap();
    let station = left.tally.signer.unwrap();
    let mut manifest = manifest::open(&left.manifest, &left.identity, &station).unwrap();
    let reading = Reading::of(left.transcript.as_bytes());
    let findings = |manifest: &Manifest| {
        let (mut content, mut agreement) = (audit::Report::default(), audit::Report::default());
        audit::content::check(manifest, 2, &mut content);
        audit::agreement::check(manifest, &station, &reading, &mut agreement);
        (content.failed().is_some(), agreement.failed().is_some())
    };
    assert_eq!(findings(&manifest), (false, false));
    let [first, second] = &mut manifest.keys[..] else {
        panic!("two keys")
    };
    std::mem::swap(&mut first.registration, &mut second.registration);
    assert_eq!(findings(&manifest), (true, true));
    manifest.keys[0].registration = None;
    manifest.keys[1].registration = None;
    assert_eq!(findings(&manifest), (false, true), "passkeys were taken away");
}
