//! Ceremonies on the real image whose stick is full, locked, pulled, exchanged, slow or failing.
//!
//! Each ends with a whole transcript and manifest on the last stick, and says on the way what happened and what to do.
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod hand;

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use bench::medium::{Cut, Medium, Refusal};
use bench::stick::Stick;
use rehearsal::evidence::raw;
use rehearsal::officer::Officer;
use rehearsal::station::STICK;
use rehearsal::{Result, plan};

use crate::hand::{Bench, Prompt, Reply, exchange, put_in};

/// A station that refuses its stick at the start goes on with what is there when Enter is pressed.
fn refused(
    officer: &mut Officer<'_>,
    said: &str,
    mend: impl FnOnce(&mut Officer<'_>) -> Result<()>,
) -> String {
    let played = (|| {
        officer.see(said)?;
        officer.see("Press Enter to try again")?;
        mend(officer)?;
        officer.say("")?;
        let ceremony = officer.begin()?;
        officer.see("Put in the security key")?;
        Ok::<_, rehearsal::Error>(ceremony)
    })();
    played.unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_full_stick_is_refused_at_the_start() {
    let bench = Bench::new();
    let (full, empty) = (bench.stick("full.img"), bench.stick("empty.img"));
    full.fill(0).unwrap();
    let (medium, other) = (
        Medium::serve(full.path()).unwrap(),
        Medium::serve(empty.path()).unwrap(),
    );
    let mut station = bench.boot(&full, &medium);
    let mut officer = Officer::new(&mut station);
    let said = "(?s)failed: the stick is full.*put in an empty stick that holds the plan";
    let ceremony = refused(&mut officer, said, |officer| exchange(officer, &other));
    station.machine().pull_stick(STICK).unwrap();
    assert!(
        empty
            .read(&format!("ceremony-{ceremony}/transcript.jsonl"))
            .is_ok()
    );
    let begun = full.list().unwrap();
    assert!(
        !begun.iter().any(|name| name.ends_with("transcript.jsonl")),
        "{begun:?}"
    );
}

#[test]
fn a_locked_stick_is_refused_at_the_start() {
    let bench = Bench::new();
    let stick = bench.stick("stick.img");
    let medium = Medium::serve(stick.path()).unwrap();
    medium.write_protect(true);
    let before = raw(&stick).unwrap();
    let mut station = bench.boot(&stick, &medium);
    let mut officer = Officer::new(&mut station);
    let said = "(?s)failed: the stick is write-protected.*slide its lock to the open side";
    let ceremony = refused(&mut officer, said, |officer| {
        assert_eq!(raw(&stick)?, before);
        officer.pull_stick()?;
        medium.write_protect(false);
        put_in(officer, &medium)
    });
    station.machine().pull_stick(STICK).unwrap();
    assert!(
        stick
            .read(&format!("ceremony-{ceremony}/transcript.jsonl"))
            .is_ok()
    );
}

#[test]
fn a_ceremony_that_began_by_another_plan_is_left_as_it_is() {
    let bench = Bench::new();
    let (stick, other) = (bench.stick("stick.img"), bench.stick("other.img"));
    let medium = Medium::serve(stick.path()).unwrap();
    let mut station = bench.boot(&stick, &medium);
    let mut officer = Officer::new(&mut station);
    let first = officer.begin().unwrap();
    officer.see("Put in the security key").unwrap();
    station.machine().kill().unwrap();
    drop(station);
    assert!(medium.wait_closed(Duration::from_secs(10)));
    drop(medium);
    let second_plan = plan::plan(2, &bench.recipient);
    stick.write("plan.toml", second_plan.as_bytes()).unwrap();
    let before = raw(&stick).unwrap();
    let (medium, fresh) = (
        Medium::serve(stick.path()).unwrap(),
        Medium::serve(other.path()).unwrap(),
    );
    let mut station = bench.boot(&stick, &medium);
    let mut officer = Officer::new(&mut station);
    let said = format!(
        "(?s)unfinished ceremony {first}, and the plan is not the one it began with.*Put the first plan back, or use another stick"
    );
    let ceremony = refused(&mut officer, &said, |officer| exchange(officer, &fresh));
    assert_ne!(ceremony, first);
    assert_eq!(
        raw(&stick).unwrap(),
        before,
        "something was written to the stick that was refused"
    );
}

#[test]
fn a_stick_that_fills_up_gives_way_to_an_empty_one() {
    let bench = Bench::new();
    let (stick, empty) = (bench.stick("stick.img"), bench.stick("empty.img"));
    let (medium, other) = (
        Medium::serve(stick.path()).unwrap(),
        Medium::serve(empty.path()).unwrap(),
    );
    let left = bench.hold(&stick, &medium, |prompt, text, officer| {
        match prompt {
            // What is free on a mounted stick cannot be changed from outside.
            Prompt::SlipWhole => {
                officer.pull_stick()?;
                stick.fill(0)?;
                put_in(officer, &medium)?;
            }
            Prompt::StickIsIn if text.contains("is full") => exchange(officer, &other)?,
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&[
        "failed: the stick is full. Do not delete anything on this stick. Take it out, keep it with the record, and put in an \
         empty stick that holds the plan.",
        "This is another stick: it has a plan, and nothing of this ceremony.",
    ]);
    left.check(&bench, &empty, &[&stick]);
}

#[test]
fn a_stick_that_comes_back_locked_is_asked_for_again() {
    let bench = Bench::new();
    let stick = bench.stick("stick.img");
    let medium = Medium::serve(stick.path()).unwrap();
    let left = bench.hold(&stick, &medium, |prompt, text, officer| {
        match prompt {
            Prompt::SlipWhole => {
                officer.pull_stick()?;
                medium.write_protect(true);
                put_in(officer, &medium)?;
            }
            Prompt::StickIsIn if text.contains("write-protected") => {
                officer.pull_stick()?;
                medium.write_protect(false);
                put_in(officer, &medium)?;
            }
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&["failed: the stick is write-protected. Take the stick out, slide its lock to the open side"]);
    left.check(&bench, &stick, &[]);
}

#[test]
fn a_stick_pulled_during_the_export_gets_it_again() {
    let bench = Bench::new();
    let stick = bench.stick("stick.img");
    let medium = Medium::serve(stick.path()).unwrap();
    let mut is_out = false;
    let left = bench.hold(&stick, &medium, |prompt, _, officer| {
        match prompt {
            Prompt::RecordWhole => {
                medium.arm(Cut::at_text(br#""event":"manifest-written""#));
                officer.say("yes")?;
                assert!(medium.wait_cut(Duration::from_mins(1)), "no manifest was written");
                medium.disconnect();
                officer.pull_stick()?;
                is_out = true;
                return Ok(Reply::Given);
            }
            Prompt::StickIsIn if std::mem::take(&mut is_out) => {
                medium.power_on();
                put_in(officer, &medium)?;
            }
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&[
        "Writing manifest and transcript",
        "does not answer",
        "Put the same stick back",
        "is finished",
    ]);
    left.check(&bench, &stick, &[]);
}

#[test]
fn a_stick_lost_during_the_export_is_replaced_by_one_that_gets_everything() {
    let bench = Bench::new();
    let (stick, second) = (bench.stick("stick.img"), bench.stick("second.img"));
    let (medium, other) = (
        Medium::serve(stick.path()).unwrap(),
        Medium::serve(second.path()).unwrap(),
    );
    let mut is_out = false;
    let left = bench.hold(&stick, &medium, |prompt, _, officer| {
        match prompt {
            Prompt::RecordWhole => {
                medium.arm(Cut::at_text(br#""event":"manifest-written""#));
                officer.say("yes")?;
                assert!(medium.wait_cut(Duration::from_mins(1)), "no manifest was written");
                medium.disconnect();
                officer.pull_stick()?;
                is_out = true;
                return Ok(Reply::Given);
            }
            Prompt::StickIsIn if std::mem::take(&mut is_out) => put_in(officer, &other)?,
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&[
        "This is another stick",
        "Keep the first one with the record",
        "is finished",
    ]);
    assert!(!left.console.contains("the stick is faulty"), "{}", left.console);
    left.check(&bench, &second, &[&stick]);
}

#[test]
fn sticks_of_another_ceremony_and_of_another_story_are_not_written() {
    let bench = Bench::new();
    let (stick, foreign) = (bench.stick("stick.img"), bench.stick("foreign.img"));
    let forged = Stick::at(&bench.path("forged.img"), bench::stick::Layout::Gpt);
    foreign.create_directory("ceremony-0123456A").unwrap();
    foreign
        .write("ceremony-0123456A/transcript.jsonl", b"{}\n")
        .unwrap();
    let before = raw(&foreign).unwrap();
    let medium = Medium::serve(stick.path()).unwrap();
    let foreign_medium = Medium::serve(foreign.path()).unwrap();
    let mut forged_medium = None;
    let mut forgery = Vec::new();
    let left = bench.hold(&stick, &medium, |prompt, text, officer| {
        match prompt {
            Prompt::SlipWhole => {
                officer.pull_stick()?;
                forge(&stick, &forged);
                forgery = raw(&forged)?;
                put_in(officer, forged_medium.insert(Medium::serve(forged.path())?))?;
            }
            Prompt::StickIsIn if text.contains("tells another story") => exchange(officer, &foreign_medium)?,
            Prompt::GoOnWithStick => return Ok(Reply::Line("no")),
            Prompt::StickIsIn if text.contains("the first one is wanted") => exchange(officer, &medium)?,
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&[
        "This is another stick: its transcript of this ceremony tells another story. Put the first stick back",
        "This is another stick: it has a plan, and nothing of this ceremony.",
        "This is another stick: the first one is wanted. Put the first stick back",
    ]);
    assert_eq!(
        raw(&foreign).unwrap(),
        before,
        "another ceremony's stick was written"
    );
    assert_eq!(
        raw(&forged).unwrap(),
        forgery,
        "the stick with another story was written"
    );
    left.check(&bench, &stick, &[]);
}

/// Copies a stick, and has the copy's transcripts tell another account.
fn forge(stick: &Stick, forged: &Stick) {
    fs::copy(stick.path(), forged.path()).unwrap();
    for name in stick
        .list()
        .unwrap()
        .iter()
        .filter(|name| name.ends_with("transcript.jsonl"))
    {
        let text = String::from_utf8(stick.read(name).unwrap()).unwrap();
        forged
            .write(name, text.replace("bg-01@", "bg-07@").as_bytes())
            .unwrap();
    }
}

#[test]
fn a_stick_that_fails_for_a_while_and_is_slow_ends_with_everything() {
    let bench = Bench::new();
    let stick = bench.stick("stick.img");
    let medium = Medium::serve(stick.path()).unwrap();
    medium.slow_writes(Duration::from_millis(20));
    let mut failures = 0;
    let left = bench.hold(&stick, &medium, |prompt, text, _| {
        match prompt {
            Prompt::SlipWhole | Prompt::Bag => medium.fail_writes(Refusal::Io, None),
            Prompt::StickIsIn => {
                assert!(text.contains("Writing `transcript.jsonl` failed"), "{text}");
                failures += 1;
                medium.fail_writes(Refusal::Io, Some(0));
            }
            _ => {}
        }
        Ok(Reply::Usual)
    });
    assert!(failures >= 2, "{failures}");
    left.said(&[
        "the stick is damaged (a place on it cannot be read or written).",
        "Take this stick out and keep it with the record",
    ]);
    left.check(&bench, &stick, &[]);
}

/// Waits until a text stands on a stick, and changes what follows it behind the station's back.
fn spoil(stick: &Stick, text: &[u8]) {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(stick.path())
        .unwrap();
    let mut bytes = vec![0; 4 << 20];
    let until = Instant::now() + Duration::from_secs(30);
    let found = loop {
        file.read_exact_at(&mut bytes, 1 << 20).unwrap();
        let starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == text[0]);
        let mut places = starts
            .map(|(at, _)| at)
            .filter(|at| bytes[*at..].starts_with(text));
        match places.next() {
            Some(at) => break at + text.len(),
            None => assert!(Instant::now() < until, "it does not come"),
        }
    };
    file.write_all_at(&[bytes[found] ^ 1], (1 << 20) + found as u64)
        .unwrap();
}

/// What is compared comes from the medium: something that changed there after it was written is noticed at once.
#[test]
fn what_is_written_is_read_back_from_the_medium() {
    let bench = Bench::new();
    let stick = bench.stick("stick.img");
    let medium = Medium::serve(stick.path()).unwrap();
    let left = bench.hold(&stick, &medium, |prompt, text, officer| {
        match prompt {
            Prompt::Bag => {
                // The content of a file is written before its length: that is the time to change it.
                medium.slow_writes(Duration::from_millis(300));
                officer.say("-")?;
                let is_last = text.contains("bag for the slip");
                spoil(
                    &stick,
                    if is_last {
                        b"glasskey-slot-1 "
                    } else {
                        br#""question":"key-bag""#
                    },
                );
                medium.slow_writes(Duration::ZERO);
                return Ok(Reply::Given);
            }
            Prompt::StickIsIn | Prompt::TryAgain => {
                assert!(
                    text.contains("but something else was read back: the stick is faulty"),
                    "{text}"
                );
            }
            _ => {}
        }
        Ok(Reply::Usual)
    });
    left.said(&[
        "`transcript.jsonl` was written, but something else",
        "`k001` was written, but something else",
    ]);
    left.check(&bench, &stick, &[]);
}
