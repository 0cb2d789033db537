//! Ceremonies on the real image in QEMU, in which keys, printer, stick and officer do what they should not.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

use std::path::PathBuf;
use std::time::Duration;

use bench::client::{Client, OK};
use bench::command::Command;
use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::faults::Fault;
use bench::identity::UsbIdentity;
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use bench::usbredir::printer::PortStatus;
use rehearsal::Result;
use rehearsal::evidence::{Evidence, occurrences, sha256};
use rehearsal::officer::Officer;
use rehearsal::plan;
use rehearsal::station::{self, PRINTER_PORT, Station};

/// Somebody else's; nothing here is decrypted.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
/// Time in which the station must not have done anything, or must have seen what changed.
const A_WHILE: Duration = Duration::from_secs(2);
const TOUCH_WAIT: Duration = Duration::from_secs(20);
const PIN_INVALID: u8 = 0x31;

fn image() -> PathBuf {
    let default = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/image").into();
    let folder = std::env::var_os("GLASSKEY_IMAGE").map_or_else(default, PathBuf::from);
    let kernel = folder.join("glasskey-serial.bzImage");
    assert!(
        kernel.is_file(),
        "There is no image: {}. image/build makes it; GLASSKEY_IMAGE names another folder.",
        kernel.display()
    );
    kernel
}

/// Holds a ceremony for this many keys; the script goes from the first announcement to the last key's removal.
fn hold(keys: usize, script: impl FnOnce(&mut Officer<'_>) -> Result<()>) -> Evidence {
    hold_all(keys, |officer| {
        script(officer)?;
        officer.close()
    })
}

/// The same, with a script that goes on until the station is switched off.
fn hold_all(keys: usize, script: impl FnOnce(&mut Officer<'_>) -> Result<()>) -> Evidence {
    let kernel = image();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let played = (|| {
        let stick = station::make_stick(&folder.path().join("stick.img"), &plan::plan(keys, RECIPIENT))?;
        let mut station = Station::start(&kernel, stick, &folder.path().join("console.log"))?;
        let mut officer = Officer::new(&mut station);
        let ceremony = officer.begin()?;
        script(&mut officer)?;
        Evidence::collect(station, &ceremony, &folder.path().join("papers"))
    })();
    let evidence = played.unwrap_or_else(|error| panic!("{error}"));
    check(&evidence, keys);
    evidence
}

/// What holds at the end of every ceremony, whatever happened in it.
fn check(evidence: &Evidence, keys: usize) {
    let slips = evidence.slips();
    assert!(slips.len() >= keys, "{slips:?}");
    let console = evidence.console.as_bytes();
    for (place, (number, pin)) in slips.iter().enumerate() {
        for (other_number, other_pin) in &slips[..place] {
            assert!(number != other_number && pin != other_pin, "{slips:?}");
        }
        let groups: Vec<&[u8]> = pin.as_bytes().chunks(4).collect();
        for text in [pin.as_bytes().to_vec(), groups.join(&b' ')] {
            assert_eq!(occurrences(&evidence.stick, &text), 0, "a PIN is on the stick");
            assert_eq!(occurrences(console, &text), 0, "a PIN is on the screen");
        }
    }
    // The same search finds what is there.
    let ceremony = evidence.ceremony.as_bytes();
    assert!(occurrences(&evidence.stick, ceremony) > 0 && occurrences(console, ceremony) > 0);

    let ended = evidence.transcript.last().expect("the transcript has lines");
    assert_eq!(ended["event"], "ended");
    assert_eq!(ended["prepared"], keys);
    let voided = evidence.events("slip-voided");
    assert_eq!(ended["slips_voided"], voided.len());
    assert_eq!(ended["slips_printed"], keys + voided.len());
    let record = evidence.record();
    let balance = format!(
        "Slips: {} printed = {keys} sealed + {} voided: agrees.",
        keys + voided.len(),
        voided.len()
    );
    assert!(
        record.contains(&balance),
        "not on the record: {balance}\n{record}"
    );
    let sealed: Vec<_> = evidence
        .events("key-prepared")
        .iter()
        .map(|e| e["slip"].clone())
        .collect();
    assert_eq!(sealed.len(), keys);
    for event in voided {
        assert!(!sealed.contains(&event["slip"]), "void and sealed: {event}");
        // The transcript has the bare number, the paper four digits and a check character.
        let number = format!("{:04}-", event["slip"].as_u64().expect("a slip number"));
        assert!(record.contains(&number), "not on the record: {number}\n{record}");
    }
    let written = evidence.events("manifest-written");
    let written = written.last().expect("a manifest was written");
    assert_eq!(written["sha256"], sha256(&evidence.manifest));
}

/// A key that is touched by the officer only.
fn key() -> VirtualKey {
    key_of(EngineConfig::default())
}

fn key_of(config: EngineConfig) -> VirtualKey {
    let key = VirtualKey::new(config).expect("a virtual key");
    key.set_touch(Touch::Manual);
    key
}

/// Makes sure, without the station, that the key accepts this PIN and not the others.
fn accepts_only(key: &VirtualKey, pin: &str, others: &[&str]) {
    let check = || {
        let client = Client::connect(key)?;
        assert_eq!(client.option("clientPin")?, Some(true));
        let protocol = client.pin_protocol()?;
        let retries = client.pin_retries()?;
        for other in others {
            assert_eq!(
                client.pin_token(protocol, other)?,
                PIN_INVALID,
                "the key accepts {other}"
            );
            assert_eq!(client.pin_retries()?, retries - 1);
            assert_eq!(client.pin_token(protocol, pin)?, OK, "the key refuses {pin}");
            assert_eq!(client.pin_retries()?, retries);
        }
        Ok::<(), bench::error::Error>(())
    };
    key.power_on().expect("power");
    check().unwrap_or_else(|error| panic!("{error}"));
    key.power_off();
}

/// A PIN that is not this one.
fn another(pin: &str) -> String {
    let (first, rest) = pin.split_at(1);
    format!("{}{rest}", if first == "7" { "8" } else { "7" })
}

/// Waits until the station says to touch and the key asks for it.
fn touch_awaited(officer: &mut Officer<'_>, key: &VirtualKey) -> Result<()> {
    officer.see("Touch the key now")?;
    assert!(
        key.wait_touch_awaited(TOUCH_WAIT),
        "the key does not wait for a touch"
    );
    Ok(())
}

fn wait() {
    std::thread::sleep(A_WHILE);
}

/// The officer is asked whether to try again.
const TRY_AGAIN: &str = r"Try again\? no puts this key aside. \(yes/no\)";

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
        wait();
        officer.pull(PRINTER_PORT)?;
        officer.see("The printer (went away|refused)")?;
        officer.see("Slip 0001-. is void")?;
        officer.see(TRY_AGAIN)?;
        // Still without one.
        officer.say("yes")?;
        officer.see("No printer was found on USB")?;
        officer.see("Slip 0002-. is void")?;
        officer.see(TRY_AGAIN)?;
        printer.set_status(PortStatus::Ready);
        officer.plug(PRINTER_PORT, &printer)?;
        wait();
        officer.say("yes")?;
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
    assert_eq!(evidence.events("slip-voided").len(), 2);
    let slips = evidence.slips();
    assert_eq!(slips.len(), 1, "{slips:?}");
    assert!(slips[0].0.starts_with("0003-"), "{slips:?}");
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
        officer.see("Nothing goes on before the stick is back")?;
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
