//! A printer that goes away, runs out of paper or refuses bytes at many places of a slip, is honest or not.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bench::key::VirtualKey;
use bench::usbredir::printer::{At, Manner, Mishap, PortStatus, Printer};
use rehearsal::Result;
use rehearsal::evidence::Evidence;
use rehearsal::officer::Officer;
use rehearsal::papers;
use rehearsal::plan::Plan;
use rehearsal::station::PRINTER_PORT;

use crate::desk::Desk;
use crate::{accepts_only, another, check_record, check_slips, key};

/// Faults of one ceremony.
const POINTS: usize = 20;
/// What every job of a printer with PJL ends with.
const JOB_END: &[u8] = b"@PJL EOJ\r\n\x1b%-12345X";
/// A slip on A4 is longer than this: most of it are the digits printed over each other.
const SLIP_BYTES: usize = 850_000;

/// The points of a seed: the first and the last byte in each way, and others between.
fn points(seed: u64) -> Vec<(At, Mishap)> {
    let ways = [Mishap::Pull, Mishap::Refuse, Mishap::PaperOut];
    let mut state = seed;
    let mut points: Vec<_> = ways
        .iter()
        .flat_map(|way| [(At::Byte(0), *way), (At::EndOf(JOB_END), *way)])
        .collect();
    while points.len() < POINTS {
        // Numerical Recipes' generator: any spread over the bytes will do.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let byte = usize::try_from(state >> 33).expect("31 bits") % SLIP_BYTES;
        points.push((At::Byte(byte), ways[points.len() % 3]));
    }
    points
}

/// What a printer received, slip by slip.
#[derive(Default)]
struct Pile {
    /// Slips that came through.
    whole: Vec<Vec<u8>>,
    /// Slips that broke off.
    torn: Vec<Vec<u8>>,
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_mins(2);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Switches the printer off and on as the station asks for it.
fn cycle(officer: &mut Officer<'_>, printer: &Printer) -> Result<()> {
    let asked = officer.see("Switch the printer (off now|on again)")?;
    if asked.ends_with("off now") {
        officer.pull(PRINTER_PORT)?;
        officer.see("Switch the printer on again")?;
    }
    printer.set_status(PortStatus::Ready);
    officer.plug(PRINTER_PORT, printer)
}

/// The officer explains a slip in doubt, wants another one, and has the printer off and on.
fn lose(officer: &mut Officer<'_>, printer: &Printer, pile: &mut Pile) -> Result<()> {
    officer.explain("the printer failed")?;
    officer.see(r"Try again\? no puts this key aside. \(yes/no\)")?;
    officer.say("yes")?;
    pile.torn.push(printer.take_printed());
    cycle(officer, printer)
}

/// A slip that came through is called spoiled, so that another one is drawn.
fn spoil(officer: &mut Officer<'_>, key: &VirtualKey, printer: &Printer, pile: &mut Pile) -> Result<()> {
    officer.slip_printed(key)?;
    pile.whole.push(printer.take_printed());
    officer.say("no")?;
    officer.explain("only a trial")?;
    Ok(())
}

/// Holds a ceremony for one key, whose slips meet these points before the last one is undisturbed.
fn hold(
    script: impl FnOnce(&mut Officer<'_>, &VirtualKey, &Printer, &mut Pile) -> Result<()>,
) -> (VirtualKey, Evidence, Pile) {
    let key = key();
    let mut pile = Pile::default();
    let mut desk = Desk::new(|recipient| Plan::new(1, recipient));
    desk.sit(
        |officer| officer,
        |officer| {
            officer.begin()?;
            let printer = officer.station().printer().clone();
            let (label, _) = officer.announced()?;
            officer.put_in(&key, 0)?;
            officer.replug_for_reset(&key, 0)?;
            script(officer, &key, &printer, &mut pile)?;
            officer.slip_printed(&key)?;
            assert_eq!(
                key.counters().command("clientPIN"),
                0,
                "no PIN is set before a slip is confirmed"
            );
            officer.finish_key(&key, 0, &label)?;
            officer.close()
        },
    );
    (key, desk.evidence(), pile)
}

/// Papers, transcript and key agree; returns the PIN that the key has.
fn check(key: &VirtualKey, evidence: &Evidence, pile: &Pile) -> String {
    check_record(evidence, 1);
    let [(last, pin)] = evidence.slips()[..] else {
        panic!("{:?}", evidence.slips())
    };
    let mut pins = vec![pin.to_owned()];
    let mut numbers = vec![last.to_owned()];
    for printed in &pile.whole {
        // Strictly read: a row too many or too few is an error.
        let (slips, labels) = papers::texts(printed).unwrap_or_else(|error| panic!("{error}"));
        assert!(slips.len() == 1 && labels.is_empty(), "{slips:?}");
        pins.push(slips[0].pin.clone());
        numbers.push(slips[0].number.clone());
    }
    for printed in &pile.torn {
        let (number, torn) = papers::torn_slip(printed);
        pins.extend(torn);
        numbers.extend(number);
    }
    let is_once = |of: &[String]| of.iter().collect::<BTreeSet<_>>().len() == of.len();
    assert!(is_once(&pins), "two papers with one PIN");
    assert!(is_once(&numbers), "{numbers:?}");
    check_slips(evidence, &pins.iter().map(String::as_str).collect::<Vec<_>>());
    let voided = evidence.events("slip-voided").len();
    assert_eq!(voided, pile.whole.len() + pile.torn.len());
    assert!(
        last.starts_with(&format!("{:04}-", voided + 1)),
        "{last} after {voided} void ones"
    );
    accepts_only(
        key,
        pin,
        &[
            &another(pin),
            &pins.get(1).cloned().unwrap_or_else(|| another(pin)),
        ],
    );
    pins.swap_remove(0)
}

/// What came of each slip that was printed, as the transcript says it.
fn results(evidence: &Evidence) -> Vec<&str> {
    let printed = evidence
        .events("done")
        .into_iter()
        .filter(|e| e["effect"] == "print-slip");
    printed.filter_map(|event| event["result"].as_str()).collect()
}

#[test]
fn twenty_faults_cost_slips_and_never_make_a_pin_without_paper() {
    let points = points(20_261_123);
    let (key, evidence, pile) = hold(|officer, key, printer, pile| {
        for (place, (at, mishap)) in points.iter().enumerate() {
            printer.arm(*at, *mishap);
            officer.touching(key, &format!("Drawing a PIN and printing slip {:04}", place + 1))?;
            match mishap {
                Mishap::PaperOut => {
                    officer.see("The printer is out of paper: add paper")?;
                    assert!(printer.is_waiting(), "{at:?}");
                    printer.set_status(PortStatus::Ready);
                    spoil(officer, key, printer, pile)?;
                }
                Mishap::Pull | Mishap::Refuse => {
                    officer.see("The printer (went away|refused more) after")?;
                    lose(officer, printer, pile)?;
                }
            }
            assert!(!printer.is_armed(), "{at:?} {mishap:?} did not happen");
            assert_eq!(key.counters().command("clientPIN"), 0, "{at:?} {mishap:?}");
        }
        Ok(())
    });
    check(&key, &evidence, &pile);
    let lost = points
        .iter()
        .filter(|(_, mishap)| *mishap != Mishap::PaperOut)
        .count();
    assert_eq!(pile.torn.len(), lost);
    for event in ["printer-doubt", "printer-cycled"] {
        assert_eq!(evidence.events(event).len(), lost, "{event}");
    }
    // Where nothing was wrong, and where paper was added, the printer is well in the end.
    assert_eq!(
        results(&evidence),
        vec!["all bytes taken, status well"; POINTS - lost + 1]
    );
}

#[test]
fn an_undisturbed_slip_asks_nothing_of_the_printer() {
    let (key, evidence, pile) = hold(|_, _, _, _| Ok(()));
    check(&key, &evidence, &pile);
    assert_eq!(
        evidence.events("slip-voided").len() + evidence.events("printer-doubt").len(),
        0
    );
    assert!(
        !evidence.console.contains("paper: add paper") && !evidence.console.contains("Switch the printer")
    );
    assert_eq!(results(&evidence), ["all bytes taken, status well"]);
}

#[test]
fn a_printer_is_waited_for_whether_it_says_why_or_not_and_can_be_given_up() {
    let (key, evidence, pile) = hold(|officer, key, printer, pile| {
        // It says nothing, or that all is well, while it waits for paper.
        for manner in [Manner::Silent, Manner::Lies] {
            printer.set_manner(manner);
            printer.arm(At::Byte(SLIP_BYTES / 2), Mishap::PaperOut);
            officer.touching(key, "Drawing a PIN and printing slip")?;
            wait_until("nothing waits", || printer.is_waiting());
            std::thread::sleep(Duration::from_secs(5));
            printer.set_status(PortStatus::Ready);
            spoil(officer, key, printer, pile)?;
        }
        assert!(!officer.station().console().text().contains("out of paper"));
        // It says so, and nobody has paper.
        printer.set_manner(Manner::Honest);
        printer.arm(At::Byte(SLIP_BYTES / 2), Mishap::PaperOut);
        officer.see("The printer is out of paper: add paper")?;
        officer.say("no paper")?;
        officer.say("stop")?;
        officer.see("Printing was stopped")?;
        lose(officer, printer, pile)
    });
    check(&key, &evidence, &pile);
    assert_eq!(
        results(&evidence),
        [
            "all bytes taken, no status",
            "all bytes taken, status well",
            "all bytes taken, status well"
        ]
    );
    assert_eq!(evidence.events("printer-cycled").len(), 1);
}
