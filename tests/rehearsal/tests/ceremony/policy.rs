//! What the plan asks of keys: settings, models, serials; and what keys ask of PINs.

use bench::client::Client;
use bench::engine::config::EngineConfig;
use bench::faults::{Fault, LongTouch};
use bench::identity::UsbIdentity;
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use rehearsal::officer::Officer;
use rehearsal::plan::Plan;

use crate::desk::Desk;
use crate::{accepts_only, check, key, key_of};

/// What a key says of itself, without the station.
fn option(key: &VirtualKey, name: &str) -> Option<bool> {
    key.power_on().expect("power");
    let value = Client::connect(key).and_then(|client| client.option(name));
    key.power_off();
    value.expect("an answer")
}

fn min_pin_length(key: &VirtualKey) -> u64 {
    const MIN_PIN_LENGTH: u8 = 0x0d;
    key.power_on().expect("power");
    let info = Client::connect(key).and_then(|client| client.info());
    key.power_off();
    let length = bench::client::member(&info.expect("an answer"), &ciborium::Value::from(MIN_PIN_LENGTH));
    let length = length.and_then(|value| value.as_integer()).expect("a length");
    length.try_into().expect("a length")
}

fn adjustable() -> VirtualKey {
    key_of(EngineConfig {
        enterprise_attestation: true,
        ..EngineConfig::default()
    })
}

fn begin_and_close(officer: &mut Officer<'_>, key: &VirtualKey) -> rehearsal::Result<()> {
    officer.begin()?;
    officer.prepare(key, 0)?;
    officer.close()
}

#[test]
fn a_key_has_the_settings_that_the_plan_asks_for_and_no_others() {
    let asked = |plan: Plan| {
        plan.setting("pin_length = 10")
            .key_policy("min_pin_length = 9")
            .key_policy("enterprise_attestation = true")
            .key_policy("long_touch_for_reset = true")
    };
    for is_asked in [true, false] {
        let (key, touch) = (adjustable(), LongTouch::new(false));
        key.set_faults(touch.faults());
        let before = (option(&key, "ep"), min_pin_length(&key), touch.is_on());
        assert_eq!(before, (Some(false), 4, false));
        let mut desk = Desk::new(|recipient| {
            let plan = Plan::new(1, recipient);
            if is_asked { asked(plan) } else { plan }
        });
        desk.sit(|officer| officer, |officer| begin_and_close(officer, &key));
        let evidence = desk.evidence();
        check(&evidence, 1);
        let after = (option(&key, "ep"), min_pin_length(&key), touch.is_on());
        let expected = if is_asked { (Some(true), 9, true) } else { before };
        assert_eq!(after, expected);
        let configured = evidence.events("intended");
        let configured = configured
            .iter()
            .filter(|line| line["effect"] == "configure")
            .count();
        assert_eq!(configured, usize::from(is_asked));
        accepts_only(&key, evidence.slips()[0].1, &[]);
    }
}

#[test]
fn a_key_that_the_plan_does_not_name_is_refused_before_anything_changes() {
    let named = key_of(EngineConfig {
        aaguid: *b"named by a plan!",
        ..EngineConfig::default()
    });
    named.set_identity(UsbIdentity {
        serial: Some("4711".into()),
        ..UsbIdentity::default()
    });
    let other_serial = key_of(EngineConfig {
        aaguid: *b"named by a plan!",
        ..EngineConfig::default()
    });
    let other_model = key();
    let aaguid = "6e616d65-6420-6279-2061-20706c616e21";
    let mut desk = Desk::new(|recipient| {
        Plan::new(1, recipient)
            .setting(&format!("required_models = [\"{aaguid}\"]"))
            .usb_serial("4711")
    });
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            let refusals = [
                (&other_model, "The plan does not allow this model"),
                (
                    &other_serial,
                    "The plan expects the USB serial \"4711\" for this label",
                ),
            ];
            officer.ready()?;
            for (key, refusal) in refusals {
                officer.plug(0, key)?;
                officer.see(refusal)?;
                officer.see("Nothing has been changed")?;
                officer.see("Try again")?;
                officer.pull(0)?;
                officer.say("yes")?;
                officer.see("Put in the security key")?;
            }
            officer.prepare(&named, 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 1);
    accepts_only(&named, evidence.slips()[0].1, &[]);
    for key in [other_model, other_serial] {
        assert_eq!(option(&key, "clientPin"), Some(false));
        assert_eq!(key.counters().command("reset"), 0);
    }
}

#[test]
fn a_key_that_refuses_a_pin_gets_another_one_on_another_slip() {
    let key = key();
    key.set_faults(Fault::pin_complexity_policy("https://rules.example", 1));
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            let (label, _) = officer.announced()?;
            officer.put_in(&key, 0)?;
            officer.replug_for_reset(&key, 0)?;
            let first = officer.slip_printed(&key)?;
            officer.say("yes")?;
            officer.see(&format!("Slip {first} is void"))?;
            officer.explain("the key has rules of its own")?;
            assert_ne!(officer.slip_printed(&key)?, first);
            officer.finish_key(&key, 0, &label)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 1);
    let slips = evidence.slips();
    assert_eq!(slips.len(), 2);
    accepts_only(&key, slips[1].1, &[slips[0].1]);
    assert_eq!(
        evidence.events("slip-voided")[0]["reason"],
        "the key refused its PIN"
    );
}
