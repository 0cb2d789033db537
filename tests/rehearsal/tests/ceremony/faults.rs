//! Keys, printer, stick and officer do what they should not.

use std::time::Duration;

use bench::client::Client;
use bench::command::Command;
use bench::engine::config::EngineConfig;
use bench::faults::Fault;
use bench::identity::UsbIdentity;
use bench::report::Authenticator as _;
use bench::usbredir::printer::PortStatus;
use rehearsal::Result;
use rehearsal::evidence::Evidence;
use rehearsal::officer::Officer;
use rehearsal::plan::Plan;
use rehearsal::station::PRINTER_PORT;

use crate::desk::Desk;
use crate::{accepts_only, another, check, key, key_of, touch_awaited, wait};

/// The officer is asked whether to try again.
const TRY_AGAIN: &str = r"Try again\? no puts this key aside. \(yes/no\)";

/// Holds a ceremony for this many keys; the script goes from the first announcement to the last key's removal.
fn hold(keys: usize, script: impl FnOnce(&mut Officer<'_>) -> Result<()>) -> Evidence {
    hold_all(keys, |officer| {
        script(officer)?;
        officer.close()
    })
}

/// The same, with a script that goes on until the station is switched off.
fn hold_all(keys: usize, script: impl FnOnce(&mut Officer<'_>) -> Result<()>) -> Evidence {
    let mut desk = Desk::new(|recipient| Plan::new(keys, recipient));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            script(officer)
        },
    );
    let evidence = desk.evidence();
    check(&evidence, keys);
    evidence
}

#[test]
fn the_key_accepts_the_pin_on_its_slip_and_nothing_else_holds_it() {
    let key = key();
    let evidence = hold(1, |officer| officer.prepare(&key, 0).map(drop));
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1);
    let pin = slips[0].1;
    accepts_only(&key, pin, &[&another(pin)]);
    assert!(!evidence.transcript_text.contains(pin));
    assert_eq!(key.counters().answer("reset 0x00"), 1);
}

#[test]
fn a_key_pulled_out_gets_a_new_slip_and_a_new_pin() {
    let key = key();
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        // While the question to erase it stands.
        officer.put_in(&key, 0)?;
        officer.pull(0)?;
        officer.see("The key was taken out: .*The question is withdrawn; nothing has been erased")?;
        officer.put_in(&key, 0)?;
        assert_eq!(key.counters().command("reset"), 0);
        // While the reset waits for the touch.
        officer.replug_for_reset(&key, 0)?;
        touch_awaited(officer, &key)?;
        officer.pull(0)?;
        let told = officer.see("Put it back into the same socket")?;
        assert!(
            told.contains("is gone") && !told.contains("Take the key out now"),
            "{told}"
        );
        officer.plug(0, &key)?;
        // While the question about the slip stands: what comes back may be another key.
        let first = officer.slip_printed(&key)?;
        officer.pull(0)?;
        officer.say("yes")?;
        officer.see(&format!("The key was taken out(.|\n)*Slip {first} is void"))?;
        officer.explain("the officer pulled the key")?;
        officer.see(TRY_AGAIN)?;
        officer.say("yes")?;
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        // While the identity credential waits for the touch: the PIN is on the key by then.
        let second = officer.slip_printed(&key)?;
        officer.say("yes")?;
        touch_awaited(officer, &key)?;
        officer.pull(0)?;
        officer.see(&format!("is gone(.|\n)*Slip {second} is void"))?;
        officer.explain("the officer pulled the key once more")?;
        officer.see(TRY_AGAIN)?;
        // Put back before the answer, as people do.
        officer.plug(0, &key)?;
        wait();
        officer.say("yes")?;
        let told = officer.see(r"Erase this key\? \(yes/no\)")?;
        assert!(
            told.contains("it HAS a PIN") && !told.contains("Take out every"),
            "{told}"
        );
        officer.replug_for_reset(&key, 0)?;
        officer.slip_printed(&key)?;
        officer.finish_key(&key, 0, &label)
    });
    let slips = evidence.slips();
    assert_eq!(slips.len(), 3);
    accepts_only(&key, slips[2].1, &[slips[0].1, slips[1].1]);
    assert_eq!(key.counters().answer("reset 0x00"), 3);
}

#[test]
fn a_key_that_never_answers_is_put_aside() {
    let (dead, sleepy) = (key(), key());
    dead.set_faults(vec![Fault::mute()]);
    sleepy.set_faults(vec![Fault::mute_after_init()]);
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        officer.see("Put in the security key")?;
        officer.plug(0, &dead)?;
        officer.see("The key does not answer. Nothing has been changed on it")?;
        officer.see(TRY_AGAIN)?;
        officer.pull(0)?;
        officer.plug(0, &dead)?;
        wait();
        officer.say("yes")?;
        officer.see("The key does not answer")?;
        officer.see(TRY_AGAIN)?;
        officer.say("no")?;
        officer.see(&format!(
            "This key is put aside. Another key will get the label {label}"
        ))?;
        assert_eq!(officer.explain("it is broken")?, 1);
        officer.see("Take out every security key now")?;
        officer.pull(0)?;
        officer.see("Put in the security key")?;
        officer.plug(0, &sleepy)?;
        officer.see("The key does not answer. Nothing has been changed on it")?;
        officer.see(TRY_AGAIN)?;
        // This one only has to be taken out and put back.
        officer.pull(0)?;
        sleepy.set_faults(Vec::new());
        officer.say("yes")?;
        officer.put_in(&sleepy, 0)?;
        officer.replug_for_reset(&sleepy, 0)?;
        officer.slip_printed(&sleepy)?;
        officer.finish_key(&sleepy, 0, &label)
    });
    assert_eq!(evidence.events("key-rejected").len(), 1);
    let record = evidence.record();
    assert!(
        record.contains("Keys: 2 seen = 1 prepared + 1 rejected: agrees."),
        "{record}"
    );
    assert_eq!(
        dead.counters().command("reset") + dead.counters().command("clientPIN"),
        0
    );
    let pin = evidence.slips()[0].1;
    accepts_only(&sleepy, pin, &[&another(pin)]);
}

#[test]
fn a_reset_after_the_window_is_asked_for_again_and_never_repeated_in_place() {
    let key = key();
    key.set_faults(vec![Fault::status(Command::RESET, 0x30).times(1)]);
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        officer.see("The time for a reset has passed")?;
        officer.see("Take the key out now")?;
        wait();
        assert_eq!(
            key.counters().command("reset"),
            1,
            "the reset was repeated in place"
        );
        officer.pull(0)?;
        officer.see("Put it back into the same socket")?;
        // Now the key itself finds it too late.
        officer.plug(0, &key)?;
        std::thread::sleep(Duration::from_millis(150));
        key.advance_clock(Duration::from_secs(11));
        officer.see("The time for a reset has passed")?;
        officer.see("Take the key out now")?;
        wait();
        assert_eq!(
            key.counters().command("reset"),
            2,
            "the reset was repeated in place"
        );
        officer.pull(0)?;
        officer.see("Put it back into the same socket")?;
        officer.plug(0, &key)?;
        officer.slip_printed(&key)?;
        let names: Vec<String> = key.exchanges().iter().map(|e| e.command.to_string()).collect();
        assert_eq!(names[..3], ["INIT", "getInfo", "reset"]);
        officer.finish_key(&key, 0, &label)
    });
    let counters = key.counters();
    assert_eq!(counters.answer("reset 0x30"), 2);
    assert_eq!(counters.answer("reset 0x00"), 1);
    assert_eq!(counters.power_ups, 4, "identified once, put back three times");
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1);
    accepts_only(&key, slips[0].1, &[&another(slips[0].1)]);
}

#[test]
fn a_second_key_halts_the_ceremony_and_stays_as_it_was() {
    let (key, second) = (key(), key());
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        // Before one is chosen.
        officer.put_in(&key, 0)?;
        officer.plug(1, &second)?;
        wait();
        officer.say("no")?;
        officer.see("Take out every security key now: .*1-1, .*1-2")?;
        officer.pull(1)?;
        officer.see("Take out every security key now: .*1-1")?;
        officer.pull(0)?;
        // In the socket beside that of the reset.
        officer.put_in(&key, 0)?;
        officer.say("yes")?;
        officer.see("Take the key out now")?;
        officer.pull(0)?;
        officer.see("Put it back into the same socket")?;
        officer.plug(1, &second)?;
        officer.see("A key is in another socket")?;
        officer.plug(0, &key)?;
        officer.see("Take out every other security key, and leave this one in: .*1-1")?;
        officer.pull(1)?;
        officer.slip_printed(&key)?;
        // During work with a PIN.
        officer.plug(1, &second)?;
        wait();
        officer.say("yes")?;
        officer.see("2 security keys are plugged in, and only one may be: .*1-1.*1-2")?;
        officer.see("Take out every other security key, and leave this one in: .*1-1")?;
        wait();
        assert_eq!(
            key.counters().command("clientPIN"),
            0,
            "no PIN is set with two keys in"
        );
        officer.pull(1)?;
        officer.finish_after_slip(&key, 0, &label)
    });
    assert_eq!(
        second.counters().command("INIT"),
        0,
        "nobody spoke to the second key"
    );
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1, "the slip stays valid");
    accepts_only(&key, slips[0].1, &[&another(slips[0].1)]);
}

#[test]
fn a_spoiled_slip_is_void_and_its_pin_with_it() {
    let key = key();
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        // Typed while the slip is not there yet: it answers nothing.
        touch_awaited(officer, &key)?;
        officer.say("yes")?;
        key.touch();
        let first = officer.slip_printed(&key)?;
        wait();
        assert_eq!(key.counters().command("clientPIN"), 0);
        officer.say("y")?;
        officer.see("whole word yes or no")?;
        officer.see(r"Did it come out whole\? \(yes/no\)")?;
        officer.say("no")?;
        officer.see(&format!("Slip {first} is void"))?;
        officer.explain("ink on the PIN")?;
        let second = officer.slip_printed(&key)?;
        assert_ne!(first, second);
        officer.finish_key(&key, 0, &label)
    });
    let slips = evidence.slips();
    assert_eq!(slips.len(), 2);
    accepts_only(&key, slips[1].1, &[slips[0].1]);
    let voided = evidence.events("slip-voided");
    assert_eq!(voided[0]["reason"], "the officer called it spoiled");
}

#[test]
fn keys_of_ctap_2_0_and_of_pin_protocol_2_alone_are_prepared() {
    let old = key();
    old.set_faults(Fault::ctap_2_0());
    let strict = key_of(EngineConfig {
        pin_protocol_one: false,
        ..EngineConfig::default()
    });
    // What makes them special is what they say of themselves.
    for (key, protocol, newer) in [(&old, 1, false), (&strict, 2, true)] {
        key.power_on().unwrap();
        let client = Client::connect(key).unwrap();
        assert_eq!(client.pin_protocol().unwrap(), protocol);
        assert_eq!(client.option("pinUvAuthToken").unwrap().is_some(), newer);
        key.power_off();
    }
    let evidence = hold(2, |officer| {
        officer.prepare(&old, 0)?;
        officer.prepare(&strict, 0).map(drop)
    });
    let slips = evidence.slips();
    accepts_only(&old, slips[0].1, &[slips[1].1]);
    accepts_only(&strict, slips[1].1, &[slips[0].1]);
}

#[test]
fn a_printer_that_goes_away_costs_slip_numbers_and_no_key() {
    let key = key();
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        let printer = officer.station().printer().clone();
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        // In the middle of a slip.
        printer.set_status(PortStatus::PaperOut);
        officer.touching(&key, "Drawing a PIN and printing slip 0001")?;
        // Drawing takes seconds under emulation.
        let end = std::time::Instant::now() + Duration::from_mins(2);
        while !printer.is_waiting() {
            assert!(std::time::Instant::now() < end, "nothing is sent to the printer");
            wait();
        }
        officer.pull(PRINTER_PORT)?;
        officer.see("The printer (went away|refused)")?;
        officer.see("Slip 0001-. is void")?;
        officer.explain("the cable came loose")?;
        officer.see(TRY_AGAIN)?;
        // Still without one: it may hold the old page, and has to come back.
        officer.say("yes")?;
        officer.see("Switch the printer on again")?;
        printer.set_status(PortStatus::Ready);
        officer.plug(PRINTER_PORT, &printer)?;
        officer.slip_printed(&key)?;
        // Before the label: the slip is on paper and stays valid.
        officer.pull(PRINTER_PORT)?;
        officer.say("yes")?;
        officer.touching(&key, "No printer was found on USB")?;
        officer.see(TRY_AGAIN)?;
        officer.plug(PRINTER_PORT, &printer)?;
        wait();
        officer.say("yes")?;
        officer.finish_after_slip(&key, 0, &label)
    });
    assert_eq!(evidence.events("slip-voided").len(), 1);
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1, "{slips:?}");
    assert!(slips[0].0.starts_with("0002-"), "{slips:?}");
    accepts_only(&key, slips[0].1, &[&another(slips[0].1)]);
}

#[test]
fn a_stick_that_was_out_holds_the_whole_transcript_at_the_end() {
    let key = key();
    let evidence = hold_all(1, |officer| {
        let (label, _) = officer.announced()?;
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        officer.slip_printed(&key)?;
        officer.pull_stick()?;
        officer.say("yes")?;
        officer.see("taken out(.|\n)*Nothing goes on before the transcript is written")?;
        officer.see("Press Enter when the stick is in")?;
        assert_eq!(
            key.counters().command("clientPIN"),
            0,
            "nothing goes on without the stick"
        );
        // Not yet.
        officer.say("")?;
        officer.see("No stick with a file `plan.toml` was found")?;
        officer.see("Press Enter when the stick is in")?;
        officer.plug_stick()?;
        officer.say("")?;
        officer.finish_after_slip(&key, 0, &label)?;
        // Once more before the last files are written.
        officer.see(r"record come out whole\? \(yes/no\)")?;
        officer.pull_stick()?;
        officer.say("yes")?;
        officer.see("Press Enter when the stick is in")?;
        officer.plug_stick()?;
        officer.say("")?;
        officer.finished()
    });
    assert!(!evidence.manifest.is_empty());
    assert_eq!(evidence.events("started").len(), 1);
    assert_eq!(evidence.events("key-identified").len(), 1);
    let pin = evidence.slips()[0].1;
    accepts_only(&key, pin, &[&another(pin)]);
}

#[test]
fn a_touch_that_was_not_given_is_asked_for_again() {
    let key = key();
    let evidence = hold(1, |officer| {
        let (label, _) = officer.announced()?;
        officer.put_in(&key, 0)?;
        officer.replug_for_reset(&key, 0)?;
        // At the reset: another one needs another replug.
        touch_awaited(officer, &key)?;
        key.advance_clock(Duration::from_secs(31));
        officer.see("was not touched in time")?;
        officer.see(TRY_AGAIN)?;
        officer.say("yes")?;
        officer.see("Take the key out now")?;
        officer.pull(0)?;
        officer.see("Put it back into the same socket")?;
        officer.plug(0, &key)?;
        // At the identity credential: the PIN is set and stays.
        officer.slip_printed(&key)?;
        officer.say("yes")?;
        touch_awaited(officer, &key)?;
        key.advance_clock(Duration::from_secs(31));
        officer.see("was not touched in time")?;
        officer.see(TRY_AGAIN)?;
        officer.say("yes")?;
        officer.finish_after_slip(&key, 0, &label)
    });
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1, "the slip stays valid");
    accepts_only(&key, slips[0].1, &[&another(slips[0].1)]);
}

#[test]
fn keys_with_equal_serial_numbers_are_two_keys_and_none_is_prepared_twice() {
    let (first, second) = (key(), key());
    for key in [&first, &second] {
        key.set_identity(UsbIdentity {
            serial: Some("0001".into()),
            ..UsbIdentity::default()
        });
    }
    let evidence = hold(2, |officer| {
        let notes = officer.prepare(&first, 0)?;
        let resets = first.counters().command("reset");
        let (label, _) = officer.announced()?;
        // The one that is done already, in another socket.
        officer.see("Put in the security key")?;
        officer.plug(1, &first)?;
        officer.see(&format!(
            "This is the key {}, prepared in this ceremony. Nothing has been changed on it",
            notes.label
        ))?;
        officer.see("Take out every security key now: .*1-2")?;
        officer.pull(1)?;
        assert_eq!(first.counters().command("reset"), resets);
        officer.put_in(&second, 0)?;
        officer.replug_for_reset(&second, 0)?;
        officer.slip_printed(&second)?;
        officer.finish_key(&second, 0, &label)
    });
    let slips = evidence.slips();
    accepts_only(&first, slips[0].1, &[slips[1].1]);
    accepts_only(&second, slips[1].1, &[slips[0].1]);
}
