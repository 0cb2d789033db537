//! Which of many credentials a key holds, asked without a touch in as few exchanges as the key allows.

use std::sync::atomic::AtomicBool;

use bench::client::{Client, OK, member};
use bench::command::Command;
use bench::engine::config::EngineConfig;
use bench::faults::Effect as Spoil;
use bench::faults::{Fault, Rewrite, When};
use bench::key::VirtualKey;
use ciborium::Value;
use glasskey::key::{self, Blob, CredentialQuery, KeyError, reset};

use crate::engine::{key_of, replug, with_call};

const RP: &str = "station.example";

fn map(members: Vec<(Value, Value)>) -> Value {
    Value::Map(members)
}

/// Makes a credential on a key without a PIN and gives its id.
pub(crate) fn make_credential(key: &VirtualKey) -> Vec<u8> {
    let request = map(vec![
        (1.into(), Value::Bytes(vec![5; 32])),
        (2.into(), map(vec![("id".into(), RP.into())])),
        (
            3.into(),
            map(vec![
                ("id".into(), Value::Bytes(vec![6; 8])),
                ("name".into(), "label".into()),
            ]),
        ),
        (
            4.into(),
            Value::Array(vec![map(vec![
                ("alg".into(), (-7).into()),
                ("type".into(), "public-key".into()),
            ])]),
        ),
    ]);
    let (status, answer) = Client::connect(key).unwrap().ctap(0x01, Some(request)).unwrap();
    assert_eq!(status, OK);
    let auth_data = member(&answer, &Value::from(2)).unwrap().into_bytes().unwrap();
    // CTAP 2.1, 6.1: hash, flags, counter, model number, then the id with its length in front.
    let length = usize::from(u16::from_be_bytes([auth_data[53], auth_data[54]]));
    auth_data[55..55 + length].to_vec()
}

fn query(id: &[u8]) -> CredentialQuery {
    CredentialQuery {
        rp_id: RP.into(),
        credential_id: Blob(id.to_vec()),
        client_data: Blob(vec![1; 32]),
    }
}

/// Asks for these ids; gives the place of the one that is held.
pub(crate) fn find(key: &VirtualKey, ids: &[Vec<u8>]) -> Result<Option<usize>, KeyError> {
    let queries: Vec<_> = ids.iter().map(|id| query(id)).collect();
    with_call(key, &AtomicBool::new(false), |channel, port, call| {
        let info = reset::identify(channel, port, call)?;
        let found = key::find::find(channel, port, &info, &queries, call)?;
        Ok(found.map(|(place, assertion)| {
            assert_eq!(assertion.credential_id, queries[place].credential_id);
            place
        }))
    })
    .0
}

/// A key, and ten ids of which it holds the one at place 7.
fn holder(config: EngineConfig) -> (VirtualKey, Vec<Vec<u8>>) {
    let key = key_of(config);
    let own = make_credential(&key);
    let mut ids: Vec<Vec<u8>> = (0..10_u8).map(|n| vec![n; own.len()]).collect();
    ids[7] = own;
    (key, ids)
}

fn asked(key: &VirtualKey) -> u64 {
    key.counters().command("getAssertion")
}

#[test]
fn asks_as_many_at_once_as_the_key_takes() {
    for (most, exchanges) in [(None, 8), (Some(3), 3), (Some(10), 1)] {
        let (key, ids) = holder(EngineConfig {
            max_credentials_in_list: most,
            max_message: 7609,
            ..EngineConfig::default()
        });
        assert_eq!(find(&key, &ids), Ok(Some(7)), "{most:?}");
        assert_eq!(asked(&key), exchanges, "{most:?}");
        let mut others = ids;
        others.remove(7);
        assert_eq!(find(&key, &others), Ok(None), "{most:?}");
    }
}

#[test]
fn no_message_is_longer_than_the_key_takes() {
    let (key, ids) = holder(EngineConfig {
        max_credentials_in_list: Some(100),
        max_message: 1024,
        ..EngineConfig::default()
    });
    assert_eq!(find(&key, &ids), Ok(Some(7)));
    let total: usize = ids[..8].iter().map(Vec::len).sum();
    assert!(asked(&key) >= u64::try_from(total / 1024).unwrap());
    assert!(asked(&key) < 8, "{}", asked(&key));
}

#[test]
fn a_key_that_trips_over_a_list_is_asked_one_by_one() {
    let config = EngineConfig {
        max_credentials_in_list: Some(10),
        max_message: 7609,
        ..EngineConfig::default()
    };
    // REQUEST_TOO_LARGE, and an answer that does not say which credential signed.
    let nameless = Rewrite::new(|answer| {
        let Ok(Value::Map(mut members)) = ciborium::from_reader(&answer[1..]) else {
            return answer.to_vec();
        };
        members.retain(|(key, _)| *key != Value::from(1));
        let mut bytes = vec![OK];
        ciborium::into_writer(&Value::Map(members), &mut bytes).unwrap();
        bytes
    });
    for spoil in [Spoil::Status(0x39), Spoil::Rewrite(nameless)] {
        let (key, ids) = holder(config.clone());
        key.set_faults(vec![
            Fault::new(When::On(Command::GET_ASSERTION), spoil.clone()).times(1),
        ]);
        assert_eq!(find(&key, &ids), Ok(Some(7)), "{spoil:?}");
        assert_eq!(asked(&key), 1 + 8, "{spoil:?}");
    }
}

#[test]
fn a_key_that_does_not_tell_without_its_pin_is_no_error() {
    let (key, ids) = holder(EngineConfig::default());
    key.set_faults(vec![Fault::status(Command::GET_ASSERTION, 0x36)]);
    assert_eq!(find(&key, &ids), Ok(None));
    assert_eq!(asked(&key), 1);
}

#[test]
fn a_key_that_falls_silent_is_an_error() {
    let (key, ids) = holder(EngineConfig::default());
    key.set_faults(vec![Fault::new(When::On(Command::GET_ASSERTION), Spoil::Mute)]);
    assert!(matches!(find(&key, &ids), Err(KeyError::Mute { .. })));
}

#[test]
fn a_reset_key_holds_nothing() {
    let (key, ids) = holder(EngineConfig::default());
    assert_eq!(find(&key, &ids), Ok(Some(7)));
    replug(&key);
    crate::engine::reset(&key).0.unwrap();
    assert_eq!(find(&key, &ids), Ok(None));
}
