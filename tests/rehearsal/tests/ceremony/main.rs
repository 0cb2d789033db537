//! Ceremonies on the real image in QEMU.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

mod air_gapped;
mod custody;
mod desk;
mod faults;
mod labels;
mod languages;
mod policy;
mod print_test;
mod printer;
mod sittings;

use std::time::Duration;

use bench::client::{Client, OK};
use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use rehearsal::Result;
use rehearsal::evidence::{Evidence, occurrences, sha256, slip_number};
use rehearsal::officer::Officer;

/// Time in which the station must not have done anything, or must have seen what changed.
const A_WHILE: Duration = Duration::from_secs(2);
const TOUCH_WAIT: Duration = Duration::from_secs(20);
const PIN_INVALID: u8 = 0x31;

/// What holds at the end of every ceremony in which each prepared key has a slip, whatever happened in it.
pub(crate) fn check(evidence: &Evidence, prepared: usize) {
    let slips = evidence.slips();
    assert!(slips.len() >= prepared, "{slips:?}");
    for (place, (number, pin)) in slips.iter().enumerate() {
        for (other_number, other_pin) in &slips[..place] {
            assert!(number != other_number && pin != other_pin, "{slips:?}");
        }
    }
    let pins: Vec<&str> = slips.iter().map(|(_, pin)| *pin).collect();
    check_slips(evidence, &pins);
    check_record(evidence, prepared);
}

/// No PIN is where it must not be.
pub(crate) fn check_slips(evidence: &Evidence, pins: &[&str]) {
    let console = evidence.console.as_bytes();
    for pin in pins {
        let groups: Vec<&[u8]> = pin.as_bytes().chunks(4).collect();
        for text in [pin.as_bytes().to_vec(), groups.join(&b' ')] {
            assert_eq!(occurrences(&evidence.stick, &text), 0, "a PIN is on the stick");
            assert_eq!(occurrences(console, &text), 0, "a PIN is on the screen");
        }
    }
    // The same search finds what is there.
    let ceremony = evidence.ceremony.as_bytes();
    assert!(occurrences(&evidence.stick, ceremony) > 0 && occurrences(console, ceremony) > 0);
}

/// The sums of transcript and record.
pub(crate) fn check_record(evidence: &Evidence, prepared: usize) {
    let ended = evidence.transcript.last().expect("the transcript has lines");
    assert_eq!(ended["event"], "ended");
    assert_eq!(ended["prepared"], prepared);
    let voided = evidence.events("slip-voided");
    assert_eq!(ended["slips_voided"], voided.len());
    assert_eq!(ended["slips_printed"], prepared + voided.len());
    let record = evidence.record();
    let balance = format!(
        "Slips: {} printed = {prepared} sealed + {} voided: agrees.",
        prepared + voided.len(),
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
    assert_eq!(sealed.len(), prepared);
    let numbers: Vec<String> = voided
        .iter()
        .map(|event| {
            assert!(!sealed.contains(&event["slip"]), "void and sealed: {event}");
            // The transcript has the bare number, the paper four digits and a check character.
            slip_number(event["slip"].as_u64().expect("a slip number"))
        })
        .collect();
    let numbers = format!("Voided: {}.", numbers.join(", "));
    assert!(
        voided.is_empty() || record.contains(&numbers),
        "not on the record: {numbers}\n{record}"
    );
    let exceptions = evidence.events("exception");
    assert_eq!(ended["exceptions"], exceptions.len());
    for (place, exception) in exceptions.iter().enumerate() {
        assert_eq!(exception["number"], place + 1, "{exception}");
        let reason = exception["reason"].as_str().expect("a reason");
        assert!(record.contains(reason), "not on the record: {reason}\n{record}");
    }
    let written = evidence.events("manifest-written");
    let written = written.last().expect("a manifest was written");
    assert_eq!(written["sha256"], sha256(&evidence.manifest));
}

/// A key that is touched by the officer only.
pub(crate) fn key() -> VirtualKey {
    key_of(EngineConfig::default())
}

pub(crate) fn key_of(config: EngineConfig) -> VirtualKey {
    let key = VirtualKey::new(config).expect("a virtual key");
    key.set_touch(Touch::Manual);
    key
}

/// Makes sure, without the station, that the key accepts this PIN and not the others.
pub(crate) fn accepts_only(key: &VirtualKey, pin: &str, others: &[&str]) {
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
pub(crate) fn another(pin: &str) -> String {
    let (first, rest) = pin.split_at(1);
    format!("{}{rest}", if first == "7" { "8" } else { "7" })
}

/// Waits until the station says to touch and the key asks for it.
pub(crate) fn touch_awaited(officer: &mut Officer<'_>, key: &VirtualKey) -> Result<()> {
    officer.see("Touch the key now")?;
    assert!(
        key.wait_touch_awaited(TOUCH_WAIT),
        "the key does not wait for a touch"
    );
    Ok(())
}

pub(crate) fn wait() {
    std::thread::sleep(A_WHILE);
}
