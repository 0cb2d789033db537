//! The power fails at a journal step; the next start ends the ceremony, and papers, keys and files agree.
//!
//! `GLASSKEY_ALL=1` plays every point of every kind of ceremony, `GLASSKEY_ALL=torn` each with every damage to the
//! transcript; `GLASSKEY_SEED` repeats a choice of points; `GLASSKEY_CASES` says how many points are chosen.

use std::time::Instant;

use bench::client::OK;
use bench::report::Authenticator as _;
use glasskey::transcript::{Entry, Reading};
use glasskey::{audit, manifest};

use crate::air_gapped;
use crate::bus::connect;
use crate::outcome;
use crate::stage::{self, Cut, Kind, Left, Torn};

const PIN_INVALID: u8 = 0x31;
pub(crate) const SLIP: Kind = Kind {
    name: "slip",
    custody: "slip",
    split_slips: false,
    passkeys: false,
};
pub(crate) const MANIFEST: Kind = Kind {
    name: "manifest",
    custody: "manifest",
    split_slips: false,
    passkeys: false,
};
pub(crate) const ROTATE: Kind = Kind {
    name: "rotate",
    custody: "rotate",
    split_slips: false,
    passkeys: false,
};
const SPLIT: Kind = Kind {
    name: "split",
    custody: "slip",
    split_slips: true,
    passkeys: false,
};

/// Points at which the power may fail: just after each line, and just before the next one, all work done.
fn points(lines: &[usize]) -> Vec<usize> {
    let starts = (0..lines.len()).filter(|call| *call == 0 || lines[*call] != lines[*call - 1]);
    let ends = (0..lines.len()).filter(|call| lines.get(call + 1) != Some(&lines[*call]));
    let mut points: Vec<usize> = starts.chain(ends).collect();
    points.sort_unstable();
    points.dedup();
    points
}

/// What holds at the end, whenever the power failed.
pub(crate) fn check(kind: Kind, left: &Left) -> Result<(), String> {
    let say = |what: String| Err(format!("{what}\ntold: {:#?}", left.told.last()));
    let tally = &left.tally;
    if !tally.findings.is_empty() || !tally.slips_balance() || tally.prepared.len() != 2 || tally.is_aborted {
        return say(format!("the transcript does not add up: {tally:#?}"));
    }
    let mut report = audit::Report::default();
    audit::order::check(&Reading::of(left.transcript.as_bytes()), &mut report);
    if report.failed().is_some() {
        return say(format!("an auditor finds fault: {report:#?}"));
    }
    let pile = left.pile.borrow();
    for (place, slip) in pile.slips.iter().enumerate() {
        for other in &pile.slips[..place] {
            let is_other_part = slip.number == other.number && slip.part != other.part;
            if slip.pin == other.pin || (slip.number == other.number && !is_other_part) {
                return say(format!("two papers for one PIN or number: {slip:?}, {other:?}"));
            }
        }
    }
    if pile.slips.iter().any(|slip| slip.number > tally.printed) {
        return say("a slip that the transcript does not count".into());
    }
    let voided: Vec<String> = tally
        .voided
        .iter()
        .filter_map(|slip| pile.pin(slip.number()))
        .collect();
    for line in &tally.prepared {
        let label = line.label.to_string();
        let (Some(slip), Some(key)) = (line.slip, left.hands.labelled(&label)) else {
            return say(format!("the key {label} has no slip, or nobody has it"));
        };
        let Some(pin) = pile.pin(slip.number()) else {
            return say(format!("slip {slip} of the key {label} is not on paper"));
        };
        let is_for_it = |s: &&crate::papers::Slip| s.number == slip.number();
        if pile.slips.iter().find(is_for_it).is_none_or(|s| s.label != label) {
            return say(format!("slip {slip} is not for the key {label}"));
        }
        accepts_only(left, key, &pin, &voided)?;
    }
    for (key, label) in &left.hands.aside {
        if has_pin(left, *key) && !is_reported(&left.entries, label) {
            return say(format!(
                "the key of {label} that was put aside has a PIN, and nobody was told"
            ));
        }
    }
    check_stick(kind, left)?;
    check_manifest(kind, left)
}

/// No PIN is on the stick in the clear, and none is left there encrypted once a slip has it.
fn check_stick(kind: Kind, left: &Left) -> Result<(), String> {
    let holds = |text: &str| {
        left.stick
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    if let Some(slip) = left.pile.borrow().slips.iter().find(|slip| holds(&slip.pin)) {
        return Err(format!("the PIN of slip {} is on the stick", slip.number));
    }
    let keeps_pins = holds("\"pin\":\"");
    if keeps_pins != (kind.custody == "manifest") || holds("\"new_pin\"") {
        return Err(format!("encrypted PINs on the stick: {keeps_pins}"));
    }
    Ok(())
}

/// The manifest opens, is the one that the transcript names, and holds the PINs that it should.
fn check_manifest(kind: Kind, left: &Left) -> Result<(), String> {
    let station = left.tally.signer.as_ref().ok_or("no manifest was signed")?;
    let manifest = manifest::open(&left.manifest, &left.identity, station).map_err(|e| e.to_string())?;
    let sha256 =
        glasskey::transcript::hex(ring::digest::digest(&ring::digest::SHA256, &left.manifest).as_ref());
    if left
        .tally
        .manifest
        .as_ref()
        .is_none_or(|(told, _)| *told != sha256)
    {
        return Err("the manifest is not the one that the transcript names".into());
    }
    let pile = left.pile.borrow();
    for line in &left.tally.prepared {
        let key = manifest.keys.iter().find(|key| key.label == line.label);
        let key = key.ok_or_else(|| format!("the key {} is not in the manifest", line.label))?;
        let pin = key.pin.as_ref().map(|pin| pin.expose().clone());
        let on_paper = line.slip.and_then(|slip| pile.pin(slip.number()));
        let place = left
            .hands
            .labelled(line.label.as_str())
            .ok_or("nobody has the key")?;
        air_gapped::check(kind, left, key, place)?;
        match (kind.custody, pin) {
            ("slip", None) => {}
            ("manifest", pin @ Some(_)) if pin == on_paper => {}
            ("rotate", Some(transport)) if pile.slips.iter().all(|slip| slip.pin != transport) => {
                accepts_only(left, place, &on_paper.unwrap_or_default(), &[transport])?;
            }
            (_, pin) => {
                let held = pin.is_some();
                return Err(format!("the manifest and the PIN of {}: held {held}", line.label));
            }
        }
    }
    Ok(())
}

/// Makes sure that a key accepts this PIN and none of the others.
fn accepts_only(left: &Left, key: usize, pin: &str, others: &[String]) -> Result<(), String> {
    let key = left.hands.bus.key(key);
    key.power_on().unwrap();
    let client = connect(key);
    let protocol = client.pin_protocol().unwrap();
    let mut asked = vec![(pin, OK)];
    for other in others {
        asked.extend([(other.as_str(), PIN_INVALID), (pin, OK)]);
    }
    for (pin, expected) in asked {
        let status = client.pin_token(protocol, pin).unwrap();
        if status != expected {
            return Err(format!(
                "a key answers 0x{status:02x} and not 0x{expected:02x} to a PIN"
            ));
        }
    }
    key.power_off();
    Ok(())
}

fn has_pin(left: &Left, key: usize) -> bool {
    let key = left.hands.bus.key(key);
    key.power_on().unwrap();
    let has_pin = connect(key).option("clientPin").unwrap();
    key.power_off();
    has_pin == Some(true)
}

/// Whether the record says that the key for this label has or may have a PIN.
fn is_reported(entries: &[Entry], label: &str) -> bool {
    entries.iter().any(|entry| match entry {
        Entry::Resumed { found, .. } => {
            let found = found.as_str();
            found.contains(label) && (found.contains("has a PIN") || found.contains("may have a PIN"))
        }
        _ => false,
    })
}

/// A choice that is the same for the same seed (xorshift).
struct Choice(u64);

impl Choice {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % below
    }
}

fn seed() -> u64 {
    let given = std::env::var("GLASSKEY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| {
        let mut bytes = [0; 8];
        glasskey::pin::kernel_random(&mut bytes).unwrap();
        u64::from_le_bytes(bytes) >> 1 | 1
    })
}

/// Plays a kind of ceremony with cuts at `chosen` points, or all; gives the outcomes of all points in order.
pub(crate) fn play(kind: Kind, chosen: Option<usize>, twice: bool) -> Vec<outcome::Row> {
    let began = Instant::now();
    let whole = stage::play(kind, None).unwrap_or_else(|error| panic!("without a cut: {error}"));
    check(kind, &whole).unwrap_or_else(|error| panic!("without a cut: {error}"));
    let all = points(&whole.lines);
    let wish = std::env::var("GLASSKEY_ALL").ok();
    let (is_all, is_torn) = (wish.is_some(), wish.as_deref() == Some("torn"));
    let seed = seed();
    let mut choice = Choice(seed);
    let wanted = std::env::var("GLASSKEY_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let picked: Vec<usize> = match chosen.filter(|_| !is_all) {
        None => all.clone(),
        Some(count) => (0..wanted.unwrap_or(count))
            .map(|_| all[choice.next(all.len())])
            .collect(),
    };
    let mut rows = Vec::new();
    let (mut failures, mut played) = (Vec::new(), 0);
    for call in picked {
        let damages: Vec<Torn> = if is_torn {
            Torn::ALL.to_vec()
        } else {
            vec![Torn::ALL[choice.next(Torn::ALL.len())]]
        };
        for torn in damages {
            let cut = Cut {
                call,
                torn,
                place: choice.next(1000),
                takes_spare: choice.next(2) == 0,
                again: twice.then(|| choice.next(250)),
            };
            played += 1;
            let result = stage::play(kind, Some(cut)).and_then(|left| check(kind, &left).map(|()| left));
            match result {
                Ok(left) => rows.push(outcome::row(&whole, &left, call, &all)),
                Err(error) => failures.push(format!(
                    "{cut:?} after line {} ({}): {error}",
                    whole.lines[call],
                    outcome::step(&whole, whole.lines[call])
                )),
            }
        }
    }
    let lines = whole.entries.len();
    let seconds = began.elapsed().as_secs();
    let summary = format!(
        "{}: {lines} lines, {} points, {played} cuts played in {seconds} s, seed {seed}",
        kind.name,
        all.len()
    );
    assert!(
        failures.is_empty(),
        "{summary}; {} failed, the first ones:\n{}",
        failures.len(),
        failures[..failures.len().min(6)].join("\n\n")
    );
    outcome::note(kind.name, &summary, &rows);
    rows
}

#[test]
fn custody_slip_ends_whenever_the_power_fails() {
    let rows = play(SLIP, None, false);
    outcome::compare_with_docs(&rows);
}

#[test]
fn custody_manifest_ends_whenever_the_power_fails() {
    play(MANIFEST, Some(12), false);
}

#[test]
fn custody_rotate_ends_whenever_the_power_fails_in_either_pass() {
    play(ROTATE, Some(12), false);
}

#[test]
fn split_slips_end_whenever_the_power_fails() {
    play(SPLIT, Some(12), false);
}

#[test]
fn a_ceremony_ends_when_the_power_fails_twice() {
    for kind in [SLIP, ROTATE] {
        let name = match kind.custody {
            "slip" => "slip-twice",
            _ => "rotate-twice",
        };
        play(Kind { name, ..kind }, Some(8), true);
    }
}

#[test]
fn a_stick_with_a_ceremony_that_ended_says_so_and_one_without_does_not() {
    let told = stage::started_again(SLIP).unwrap();
    let [first, second] = &told[..] else {
        panic!("{told:?}")
    };
    let says_so = |told: &[String]| {
        told.iter()
            .any(|text| text.contains("which has ended. Its manifest is whole"))
    };
    assert!(says_so(second) && !says_so(first), "{told:#?}");
}
