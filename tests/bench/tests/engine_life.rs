//! A key's whole life over the report trait.

use std::time::Duration;

use bench::client::{Client, OK};
use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::message::command_byte;
use bench::report::Authenticator;
use ciborium::Value;

const SOON: Duration = Duration::from_secs(5);

pub(crate) fn powered() -> VirtualKey {
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.power_on().unwrap();
    key
}

#[test]
fn a_new_key_takes_a_pin_and_reset_forgets_it() {
    let key = powered();
    let client = Client::connect(&key).unwrap();
    assert_eq!(client.option("clientPin").unwrap(), Some(false));
    assert_eq!(client.set_pin("correct horse").unwrap(), OK);
    assert_eq!(client.option("clientPin").unwrap(), Some(true));
    assert_eq!(client.set_pin("again").unwrap(), 0x33);
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    assert_eq!(
        client.option("clientPin").unwrap(),
        Some(true),
        "the PIN survives a power cycle"
    );
    assert_eq!(client.reset().unwrap(), OK);
    assert_eq!(client.option("clientPin").unwrap(), Some(false));
    let counters = key.counters();
    assert_eq!(counters.power_ups, 2);
    assert_eq!(counters.command("INIT"), 2);
    assert_eq!(counters.answer("reset 0x00"), 1);
    assert_eq!(counters.answer("clientPIN 0x33"), 1);
    let names: Vec<String> = key
        .exchanges()
        .iter()
        .map(|exchange| exchange.command.to_string())
        .collect();
    assert_eq!(names, ["INIT", "getInfo", "reset", "getInfo"]);
}

#[test]
fn a_wrong_pin_costs_a_retry_under_both_protocols() {
    let key = powered();
    let client = Client::connect(&key).unwrap();
    assert_eq!(client.set_pin("correct horse").unwrap(), OK);
    assert_eq!(client.pin_protocol().unwrap(), 1);
    for protocol in [1, 2] {
        assert_eq!(client.pin_token(protocol, "correct horse").unwrap(), OK);
        assert_eq!(client.pin_retries().unwrap(), 8);
        assert_eq!(client.pin_token(protocol, "battery staple").unwrap(), 0x31);
        assert_eq!(client.pin_retries().unwrap(), 7);
        assert_eq!(client.pin_token(protocol, "correct horse").unwrap(), OK);
        assert_eq!(client.pin_retries().unwrap(), 8);
    }
}

#[test]
fn a_changed_pin_replaces_the_old_one_under_both_protocols() {
    for (protocol, one) in [(1, true), (2, true), (2, false)] {
        let key = VirtualKey::new(EngineConfig {
            pin_protocol_one: one,
            ..EngineConfig::default()
        })
        .unwrap();
        key.power_on().unwrap();
        let client = Client::connect(&key).unwrap();
        assert_eq!(client.set_pin("482913").unwrap(), OK);
        assert_eq!(client.change_pin(protocol, "000000", "739102").unwrap(), 0x31);
        assert_eq!(client.pin_retries().unwrap(), 7);
        assert_eq!(client.change_pin(protocol, "482913", "739102").unwrap(), OK);
        assert_eq!(client.pin_retries().unwrap(), 8);
        assert_eq!(client.pin_token(protocol, "482913").unwrap(), 0x31);
        assert_eq!(client.pin_token(protocol, "739102").unwrap(), OK);
        assert_eq!(
            client.token_for(protocol, "739102", 0x20).unwrap().unwrap().len(),
            32
        );
        assert_eq!(client.token_for(protocol, "482913", 0x20).unwrap(), Err(0x31));
    }
}

#[test]
fn counters_are_json() {
    let key = powered();
    Client::connect(&key).unwrap().info().unwrap();
    let json = serde_json::to_value(key.counters()).unwrap();
    assert_eq!(json["commands"]["getInfo"], 1);
    assert_eq!(json["answers"]["getInfo 0x00"], 1);
}

#[test]
fn reset_comes_too_late_after_ten_seconds() {
    let key = powered();
    let client = Client::connect(&key).unwrap();
    client.info().unwrap();
    key.advance_clock(Duration::from_secs(9));
    assert_eq!(client.reset().unwrap(), OK);
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    key.advance_clock(Duration::from_millis(10_001));
    assert_eq!(client.reset().unwrap(), 0x30);
}

#[test]
fn a_manual_key_waits_for_its_touch() {
    let key = powered();
    key.set_touch(Touch::Manual);
    let client = Client::connect(&key).unwrap();
    client.send(command_byte::CBOR, &[0x07]);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| client.answer().unwrap());
        assert!(key.wait_touch_awaited(SOON));
        key.touch();
        assert_eq!(answer.join().unwrap().payload, [OK]);
    });
    assert!(key.counters().keepalives >= 1);
    assert!(!key.wait_touch_awaited(Duration::ZERO), "one request asks once");
}

#[test]
fn an_early_touch_is_no_touch() {
    let key = powered();
    key.set_touch(Touch::Manual);
    let client = Client::connect(&key)
        .unwrap()
        .patience(Duration::from_millis(900));
    key.touch();
    std::thread::sleep(Duration::from_millis(600));
    client.send(command_byte::CBOR, &[0x07]);
    assert!(client.answer().is_err());
}

#[test]
fn an_untouched_key_gives_up_after_thirty_seconds() {
    let key = powered();
    key.set_touch(Touch::Never);
    let client = Client::connect(&key).unwrap();
    client.send(command_byte::CBOR, &[0x07]);
    std::thread::scope(|scope| {
        let answer = scope.spawn(|| client.answer().unwrap());
        assert!(key.wait_touch_awaited(SOON));
        key.advance_clock(Duration::from_secs(31));
        assert_eq!(answer.join().unwrap().payload, [0x2f]);
    });
}

#[test]
fn cancel_and_refusal_end_the_wait() {
    let key = powered();
    key.set_touch(Touch::Never);
    for (status, end) in [(0x2d, None), (0x27, Some(()))] {
        key.power_on().unwrap();
        let client = Client::connect(&key).unwrap();
        client.send(command_byte::CBOR, &[0x07]);
        std::thread::scope(|scope| {
            let answer = scope.spawn(|| client.answer().unwrap());
            assert!(key.wait_touch_awaited(SOON));
            match end {
                None => client.send(command_byte::CANCEL, &[]),
                Some(()) => key.decline(),
            }
            assert_eq!(answer.join().unwrap().payload, [status]);
        });
    }
}

#[test]
fn nothing_comes_from_a_key_that_lost_its_power_while_waiting() {
    let key = powered();
    key.set_touch(Touch::Never);
    let client = Client::connect(&key).unwrap();
    client.send(command_byte::CBOR, &[0x07]);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| while key.recv(Duration::from_millis(300)).is_some() {});
        assert!(key.wait_touch_awaited(SOON));
        key.power_off();
        watcher.join().unwrap();
    });
    assert!(key.recv(Duration::from_millis(200)).is_none());
    key.power_on().unwrap();
    assert!(Client::connect(&key).unwrap().info().is_ok());
}

#[test]
fn knobs_show_in_get_info() {
    let config = EngineConfig {
        aaguid: [0xab; 16],
        pin_protocol_one: false,
        min_pin_length: 8,
        always_uv: true,
        enterprise_attestation: true,
        max_credentials_in_list: Some(5),
        ..EngineConfig::default()
    };
    let key = VirtualKey::new(config).unwrap();
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    let info = client.info().unwrap();
    let member = |number: i64| bench::client::member(&info, &Value::from(number));
    assert_eq!(member(0x03), Some(Value::Bytes(vec![0xab; 16])));
    assert_eq!(member(0x06), Some(Value::Array(vec![Value::from(2)])));
    assert_eq!(member(0x0d), Some(Value::from(8)));
    assert_eq!(client.option("alwaysUv").unwrap(), Some(true));
    assert_eq!(client.option("ep").unwrap(), Some(false));
    assert_eq!(member(0x07), Some(Value::from(5)));
    let plain = powered();
    let client = Client::connect(&plain).unwrap();
    assert_eq!(client.option("alwaysUv").unwrap(), Some(false));
    assert_eq!(client.option("ep").unwrap(), None);
    assert!(
        VirtualKey::new(EngineConfig {
            min_pin_length: 3,
            ..EngineConfig::default()
        })
        .is_err()
    );
}
