//! Each fault does what its name says, and a healed key is whole again.

use std::time::{Duration, Instant};

use bench::client::{Client, OK, member};
use bench::command::Command;
use bench::faults::{Effect, Fault, ForeignCid, LongTouch, Rewrite, When};
use bench::key::VirtualKey;
use bench::message::{BROADCAST, Message, command_byte};
use bench::report::{Authenticator, Report};
use ciborium::Value;

use crate::engine_life::powered;

const SHORT: Duration = Duration::from_millis(300);

fn faulty(faults: Vec<Fault>) -> VirtualKey {
    let key = powered();
    key.set_faults(faults);
    key
}

fn drain(key: &VirtualKey) -> Vec<Report> {
    std::iter::from_fn(|| key.recv(SHORT)).collect()
}

/// Sends getInfo and gives every report that follows.
fn get_info_reports(effect: Effect) -> Vec<Report> {
    let key = faulty(vec![Fault::new(When::On(Command::GET_INFO), effect)]);
    let client = Client::connect(&key).unwrap();
    client.send(command_byte::CBOR, &[0x04]);
    drain(&key)
}

#[test]
fn mute_keys_say_nothing() {
    let key = faulty(vec![Fault::mute()]);
    assert!(Client::connect(&key).is_err());
    key.set_faults(Vec::new());
    assert!(Client::connect(&key).is_ok());
    key.set_faults(vec![Fault::mute_after_init()]);
    let client = Client::connect(&key).unwrap().patience(SHORT);
    assert!(client.info().is_err());
    assert!(Client::connect(&key).is_err(), "mute lasts until power-up");
    key.power_on().unwrap();
    assert!(Client::connect(&key).is_ok());
}

#[test]
fn an_answer_can_break_off_and_be_cut_or_prolonged() {
    assert_eq!(get_info_reports(Effect::MuteAfter(1)).len(), 1);
    let whole = get_info_reports(Effect::Append(Vec::new()));
    assert!(whole.len() > 2);
    let long = get_info_reports(Effect::LongLength(500));
    assert_eq!(long.len(), whole.len());
    assert_ne!(long[0][5..7], whole[0][5..7]);
    let cut = get_info_reports(Effect::Cut(20));
    assert_eq!(cut[0][5..7], [0, 20]);
}

#[test]
fn slow_answers_come_with_keepalives_or_in_silence() {
    let by = Duration::from_millis(450);
    let start = Instant::now();
    let reports = get_info_reports(Effect::Slow {
        by,
        keepalive: Some(1),
    });
    assert!(start.elapsed() >= by);
    let alive = reports
        .iter()
        .filter(|report| report[4] == command_byte::KEEPALIVE && report[7] == 1);
    assert_eq!(alive.count(), 5);
    let key = faulty(vec![Fault::new(
        When::On(Command::GET_INFO),
        Effect::Slow { by, keepalive: None },
    )]);
    assert!(Client::connect(&key).unwrap().patience(SHORT).info().is_err());
}

#[test]
fn frames_can_be_wrong() {
    assert_eq!(get_info_reports(Effect::WrongSequence)[1][4], 3);
    assert_eq!(get_info_reports(Effect::WrongCommand(0x81))[0][4], 0x81);
    assert_eq!(
        get_info_reports(Effect::Error(0x06))[0][4..8],
        [command_byte::ERROR, 0, 1, 0x06]
    );
    let stale = get_info_reports(Effect::StaleInit);
    assert_eq!(
        (stale[0][..4].to_vec(), stale[0][4]),
        (BROADCAST.to_vec(), command_byte::INIT)
    );
    let foreign = |at| {
        get_info_reports(Effect::WrongCid(at))
            .iter()
            .map(|r| r[0] == 0xf0)
            .collect::<Vec<_>>()
    };
    let whole = foreign(ForeignCid::Instead).len();
    assert!(foreign(ForeignCid::Instead).iter().all(|is| *is));
    assert_eq!(foreign(ForeignCid::Between)[..3], [false, true, false]);
    let before = foreign(ForeignCid::Before);
    assert!(before[..whole].iter().all(|is| *is) && before[whole..].iter().all(|is| !is));
}

#[test]
fn init_can_answer_somebody_else() {
    let key = faulty(vec![
        Fault::new(When::On(Command::INIT), Effect::WrongNonce).times(1),
    ]);
    assert!(Client::connect(&key).is_err());
    assert!(Client::connect(&key).is_ok(), "the fault struck once");
}

#[test]
fn keepalives_can_be_endless_and_end_with_the_next_request() {
    let key = faulty(vec![
        Fault::new(When::On(Command::GET_INFO), Effect::Keepalives(2)).times(1),
    ]);
    let client = Client::connect(&key).unwrap().patience(SHORT);
    assert!(client.info().is_err());
    assert!(key.counters().keepalives >= 3);
    assert!(
        key.wait_touch_awaited(Duration::ZERO),
        "status 2 is a request for a touch"
    );
    assert!(client.patience(Duration::from_secs(5)).info().is_ok());
}

#[test]
fn every_command_can_have_its_status() {
    for status in [0x30, 0x27, 0x2f, 0x01] {
        let key = faulty(vec![Fault::status(Command::RESET, status)]);
        assert_eq!(Client::connect(&key).unwrap().reset().unwrap(), status);
    }
    let key = faulty(vec![Fault::status_except(&[Command::GET_INFO], 0x7f)]);
    let client = Client::connect(&key).unwrap();
    assert!(client.info().is_ok());
    assert_eq!(client.reset().unwrap(), 0x7f);
    assert_eq!(client.set_pin("1234").unwrap(), 0x7f);
}

#[test]
fn a_status_afterwards_hides_work_that_was_done() {
    let key = powered();
    assert_eq!(Client::connect(&key).unwrap().set_pin("1234").unwrap(), OK);
    key.power_on().unwrap();
    key.set_faults(vec![Fault::new(
        When::On(Command::RESET),
        Effect::StatusAfterwards(0x30),
    )]);
    let client = Client::connect(&key).unwrap();
    assert_eq!(client.reset().unwrap(), 0x30);
    assert_eq!(client.option("clientPin").unwrap(), Some(false));
}

#[test]
fn reset_can_be_voided_by_any_command_but_get_info() {
    let key = faulty(vec![Fault::reset_voided_by_others()]);
    let client = Client::connect(&key).unwrap();
    client.info().unwrap();
    assert_eq!(client.reset().unwrap(), OK);
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    client
        .ctap(0x06, Some(Value::Map(vec![(Value::from(2), Value::from(1))])))
        .unwrap();
    assert_eq!(client.reset().unwrap(), 0x30);
    key.power_on().unwrap();
    assert_eq!(Client::connect(&key).unwrap().reset().unwrap(), OK);
}

/// authenticatorConfig 0x04 with a parameter of this many bytes; gives the status.
fn enable_long_touch(client: &Client<'_>, tag: Option<usize>) -> u8 {
    let mut members = vec![(Value::from(1), Value::from(4)), (Value::from(3), Value::from(2))];
    members.extend(tag.map(|length| (Value::from(4), Value::Bytes(vec![7; length]))));
    client.ctap(0x0d, Some(Value::Map(members))).unwrap().0
}

fn long_touch(client: &Client<'_>) -> Option<Value> {
    member(&client.info().unwrap(), &Value::from(0x18))
}

#[test]
fn a_long_touch_is_turned_on_by_who_has_a_token_and_off_by_a_reset() {
    let feature = LongTouch::new(false);
    let key = faulty(feature.faults());
    let client = Client::connect(&key).unwrap();
    assert_eq!(long_touch(&client), Some(Value::from(false)));
    assert_eq!(client.set_pin("482913").unwrap(), OK);
    assert_eq!(enable_long_touch(&client, None), 0x36);
    assert_eq!(enable_long_touch(&client, Some(32)), 0x33, "no token was given");
    assert!(client.token_for(2, "482913", 0x04).unwrap().is_ok());
    assert_eq!(
        enable_long_touch(&client, Some(32)),
        0x33,
        "a token for something else"
    );
    assert_eq!(client.token_for(2, "000000", 0x20).unwrap(), Err(0x31));
    assert_eq!(
        enable_long_touch(&client, Some(32)),
        0x33,
        "a wrong PIN gives no token"
    );
    assert!(client.token_for(2, "482913", 0x20).unwrap().is_ok());
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    assert_eq!(
        enable_long_touch(&client, Some(32)),
        0x33,
        "tokens die with the power"
    );
    assert!(client.token_for(2, "482913", 0x20).unwrap().is_ok());
    assert_eq!(enable_long_touch(&client, Some(16)), 0x33);
    assert!(!feature.is_on());
    assert_eq!(enable_long_touch(&client, Some(32)), OK);
    assert!(feature.is_on());
    key.power_on().unwrap();
    let client = Client::connect(&key).unwrap();
    assert_eq!(long_touch(&client), Some(Value::from(true)));
    assert_eq!(client.reset().unwrap(), OK);
    assert_eq!(long_touch(&client), Some(Value::from(false)));
    assert_eq!(long_touch(&Client::connect(&powered()).unwrap()), None);
}

#[test]
fn a_key_can_refuse_pins_by_rules_of_its_own() {
    let key = faulty(Fault::pin_complexity_policy("https://pins.example", 2));
    let client = Client::connect(&key).unwrap();
    let info = client.info().unwrap();
    assert_eq!(member(&info, &Value::from(0x1b)), Some(Value::from(true)));
    assert_eq!(
        member(&info, &Value::from(0x1c)),
        Some(Value::Bytes(b"https://pins.example".to_vec()))
    );
    assert_eq!(client.set_pin("111111").unwrap(), 0x37);
    assert_eq!(client.set_pin("123456").unwrap(), 0x37);
    assert_eq!(client.set_pin("482913").unwrap(), OK);
    key.set_faults(vec![Fault::refuse_pins(1)]);
    assert_eq!(client.change_pin(2, "482913", "111111").unwrap(), 0x37);
    assert_eq!(client.pin_token(2, "482913").unwrap(), OK);
    assert_eq!(client.change_pin(2, "482913", "739102").unwrap(), OK);
}

#[test]
fn a_key_can_look_like_ctap_2_0() {
    let key = faulty(Fault::ctap_2_0());
    let client = Client::connect(&key).unwrap();
    let info = client.info().unwrap();
    let versions = Value::Array(vec![Value::from("U2F_V2"), Value::from("FIDO_2_0")]);
    assert_eq!(member(&info, &Value::from(1)), Some(versions));
    assert_eq!(
        member(&info, &Value::from(6)),
        Some(Value::Array(vec![Value::from(1)]))
    );
    assert_eq!(client.option("pinUvAuthToken").unwrap(), None);
    assert_eq!(client.option("clientPin").unwrap(), Some(false));
    assert_eq!(client.set_pin("1234").unwrap(), OK);
    assert_eq!(client.ctap(0x0b, None).unwrap().0, 0x01);
}

#[test]
fn a_key_can_fall_out_at_any_step() {
    let key = faulty(vec![Fault::new(When::Step(3), Effect::Unplug)]);
    let client = Client::connect(&key).unwrap().patience(SHORT);
    assert!(client.info().is_ok());
    assert!(client.info().is_err());
    assert!(Client::connect(&key).is_err(), "it lies on the table");
    key.power_on().unwrap();
    assert!(Client::connect(&key).is_ok());
    let reports = get_info_reports(Effect::UnplugAfter(2));
    assert_eq!(reports.len(), 2);
}

#[test]
fn faults_can_wait_and_wear_off() {
    let key = faulty(vec![Fault::status(Command::GET_INFO, 0x7f).after(1).times(1)]);
    let client = Client::connect(&key).unwrap();
    let statuses: Vec<u8> = (0..3).map(|_| client.ctap(0x04, None).unwrap().0).collect();
    assert_eq!(statuses, [OK, 0x7f, OK]);
}

#[test]
fn malformed_reports_reach_the_key_and_do_no_harm() {
    let key = faulty(vec![Fault::status(Command::RESET, 0x30)]);
    key.send(&[0; 64]);
    for report in &Message::new([9; 4], command_byte::PING, &[1; 100]).reports()[..1] {
        key.send(report);
    }
    drain(&key);
    assert!(Client::connect(&key).unwrap().info().is_ok());
}

#[test]
fn an_answer_can_come_just_after_cancel() {
    let key = faulty(vec![Fault::new(When::On(Command::RESET), Effect::AfterCancel(2))]);
    let client = Client::connect(&key).unwrap();
    client.send(command_byte::CBOR, &[0x07]);
    let before = drain_for(&key, SHORT);
    assert!(before.len() >= 3 && before.iter().all(|report| report[4] == command_byte::KEEPALIVE));
    client.send(command_byte::CANCEL, &[]);
    assert_eq!(client.answer().unwrap().payload, [OK]);
}

#[test]
fn an_answer_can_be_rewritten() {
    let rewrite = Rewrite::new(|payload| payload.iter().rev().copied().collect());
    let key = faulty(vec![
        Fault::new(When::On(Command::INIT), Effect::Rewrite(rewrite)).times(1),
    ]);
    assert!(Client::connect(&key).is_err());
    assert!(Client::connect(&key).is_ok());
}

fn drain_for(key: &VirtualKey, time: Duration) -> Vec<Report> {
    let end = Instant::now() + time;
    std::iter::from_fn(|| key.recv(end.saturating_duration_since(Instant::now()))).collect()
}
