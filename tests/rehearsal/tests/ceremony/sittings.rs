//! A ceremony in more than one sitting: pauses, power cuts, passphrases, an end before its time.

use rehearsal::people::Passphrases;
use rehearsal::plan::Plan;

use crate::desk::{Desk, known};
use crate::{accepts_only, another, check, key};

/// PINs by the labels of their keys.
fn pins(manifest: &serde_json::Value) -> Vec<Option<&str>> {
    let keys = manifest["keys"].as_array().expect("the manifest has keys");
    keys.iter().map(|key| key["pin"].as_str()).collect()
}

#[test]
fn a_paused_ceremony_goes_on_with_two_other_people() {
    let (first, second) = (key(), key());
    let mut desk = Desk::new(|recipient| {
        Plan::new(2, recipient)
            .setting("pin_alphabet = \"alphanumeric\"\npin_length = 10")
            .person("Charles Babbage", "officer")
            .person("Mary Somerville", "witness")
    });
    desk.sit(known, |officer| {
        officer.begin()?;
        officer.prepare(&first, 0)?;
        officer.see("Put in the security key")?;
        officer.pause()?;
        officer.paused()
    });
    let resets = first.counters().command("reset");
    desk.sit(
        |officer| known(officer).seats("CB", "MS").after(1),
        |officer| {
            officer.begin()?;
            let (label, _) = officer.announced()?;
            // The key of the first sitting has a PIN, and is known all the same.
            officer.see("Put in the security key")?;
            officer.plug(1, &first)?;
            officer.see(
                "This is the key [0-9A-Z]{6}, prepared in this ceremony. Nothing has been changed on it",
            )?;
            officer.see("Take out every security key now")?;
            officer.pull(1)?;
            officer.put_in(&second, 0)?;
            officer.replug_for_reset(&second, 0)?;
            officer.slip_printed(&second)?;
            officer.finish_key(&second, 0, &label)?;
            officer.close()
        },
    );
    assert_eq!(first.counters().command("reset"), resets);
    let evidence = desk.evidence();
    check(&evidence, 2);
    let record = evidence.record();
    for name in [
        "Ada Lovelace",
        "Grace Hopper",
        "Charles Babbage",
        "Mary Somerville",
    ] {
        assert!(record.contains(name), "{name} is not on the record: {record}");
    }
    assert_eq!(evidence.events("present").len(), 2);
    assert!(
        evidence
            .console
            .contains("The ceremony was paused. 1 of 2 keys are prepared.")
    );
    assert_eq!(evidence.events("exception").len(), 0);
    let slips = evidence.slips();
    for (_, pin) in &slips {
        assert!(
            pin.len() == 10 && pin.bytes().any(|b| b.is_ascii_uppercase()),
            "{pin}"
        );
    }
    let manifest = desk.manifest(&evidence);
    assert_eq!(pins(&manifest), [Some(slips[0].1), Some(slips[1].1)]);
    accepts_only(&first, slips[0].1, &[slips[1].1]);
    accepts_only(&second, slips[1].1, &[slips[0].1]);
}

#[test]
fn after_a_power_cut_the_right_passphrase_brings_the_pins_back() {
    let (first, second) = (key(), key());
    let mut desk = Desk::new(|recipient| Plan::new(2, recipient));
    desk.sit_until_cut(known, |officer| {
        officer.begin()?;
        officer.prepare(&first, 0)?;
        officer.announced()?;
        officer.put_in(&second, 0)?;
        officer.replug_for_reset(&second, 0)?;
        officer.slip_printed(&second).map(drop)
    });
    let parts = |officer: &str, witness: &str| Passphrases::Two(officer.into(), witness.into());
    desk.sit(
        |officer| {
            officer
                .with(parts("otter lantern quartz", "this is another one"))
                .after(1)
        },
        |officer| {
            officer.see("The officer's part:")?;
            officer.say("otter lantern quartz")?;
            officer.see("The witness's part:")?;
            officer.say("this is another one")?;
            officer.see("These are not the two parts")?;
            officer.know(Passphrases::two());
            officer.sit_down()?;
            assert_eq!(officer.explain("the mains failed")?, 1);
            officer.prepare(&second, 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 2);
    let slips = evidence.slips();
    assert_eq!(slips.len(), 3, "{slips:?}");
    assert!(evidence.console.contains(&format!("Slip {} is void", slips[1].0)));
    let manifest = desk.manifest(&evidence);
    assert_eq!(pins(&manifest), [Some(slips[0].1), Some(slips[2].1)]);
    accepts_only(&first, slips[0].1, &[slips[1].1]);
    accepts_only(&second, slips[2].1, &[slips[1].1]);
    for part in ["otter lantern", "meadow syrup"] {
        assert!(
            !evidence.console.contains(part),
            "a part of the passphrase is on the screen"
        );
        assert_eq!(evidence.on_stick(part), 0);
    }
}

#[test]
fn with_the_passphrase_lost_the_pins_are_on_their_slips_alone() {
    let (first, second) = (key(), key());
    let mut desk = Desk::new(|recipient| Plan::new(2, recipient));
    desk.sit_until_cut(known, |officer| {
        officer.begin()?;
        officer.prepare(&first, 0)?;
        officer.see("Put in the security key").map(drop)
    });
    desk.sit(
        |officer| officer.after(1),
        |officer| {
            officer.see("The officer's part:")?;
            officer.say("lost")?;
            officer.sit_down()?;
            officer.explain("the officer forgot it")?;
            officer.prepare(&second, 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 2);
    let slips = evidence.slips();
    assert_eq!(pins(&desk.manifest(&evidence)), [None, Some(slips[1].1)]);
    accepts_only(&first, slips[0].1, &[slips[1].1]);
    assert!(
        evidence.record().contains("The passphrase is lost"),
        "{}",
        evidence.record()
    );
}

#[test]
fn a_ceremony_that_is_broken_off_hands_over_what_is_done() {
    let (first, second) = (key(), key());
    let mut desk = Desk::new(|recipient| Plan::new(3, recipient));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            officer.prepare(&first, 0)?;
            officer.put_in(&second, 0)?;
            assert_eq!(officer.abort("the fire alarm")?, 1);
            officer.see("The ceremony is broken off: 1 prepared")?;
            officer.close()
        },
    );
    assert_eq!(second.counters().command("reset"), 0);
    let evidence = desk.evidence();
    check(&evidence, 1);
    assert_eq!(evidence.transcript.last().expect("an end")["aborted"], true);
    let slips = evidence.slips();
    assert_eq!(pins(&desk.manifest(&evidence)), [Some(slips[0].1)]);
    let pin = slips[0].1;
    accepts_only(&first, pin, &[&another(pin)]);
    assert!(
        evidence.record().contains("the fire alarm"),
        "{}",
        evidence.record()
    );
}
