//! A printer that may hold the page of a void slip prints nothing before it was off and on.

use super::tests::{Play, failure};
use super::*;
use crate::ceremony::{AfterPage, Answer, FailureKind, Outcome, SeenPrinter, Wish};
use crate::transcript::{Entry, Tally};

const PRINTER: SeenPrinter = SeenPrinter(1, 5);
const AGAIN: SeenPrinter = SeenPrinter(1, 6);

fn printers(seen: &[SeenPrinter]) -> Event {
    Event::PrintersSeen(seen.to_vec())
}

fn slip(number: u32) -> SlipNumber {
    SlipNumber::new(number).unwrap()
}

/// A key whose first slip is being sent.
fn sending() -> Play {
    let mut play = Play::new(1);
    play.event(printers(&[PRINTER]));
    play.reset_key(10);
    assert_eq!(play.last(), &Effect::Do(Work::PrintSlip(slip(1))));
    play
}

/// The same, and the slip is in doubt; the people have explained it and want another one.
fn doubtful(seen_after: &[SeenPrinter]) -> Play {
    let mut play = sending();
    play.event(printers(seen_after));
    let effects = play.event(Event::Failed(failure(FailureKind::Other))).to_vec();
    let at = |wanted: &Effect| effects.iter().position(|e| e == wanted);
    let doubt = at(&Effect::Record(Entry::PrinterDoubt { slip: slip(1) })).unwrap();
    let void = at(&Effect::Tell(Notice::SlipVoided(slip(1)))).unwrap();
    assert!(doubt < void, "what is certain is written last: {effects:?}");
    play.explain();
    play.event(Event::Answered(Answer::Yes));
    play
}

fn prints(play: &Play, number: u32) -> bool {
    play.last() == &Effect::Do(Work::PrintSlip(slip(number)))
}

#[test]
fn after_a_doubtful_slip_the_printer_goes_off_and_on() {
    let mut play = doubtful(&[PRINTER]);
    assert_eq!(play.last(), &Effect::Tell(Notice::SwitchPrinterOff(slip(1))));
    // Nothing has happened to it.
    assert!(play.event(printers(&[PRINTER])).is_empty());
    assert_eq!(play.event(printers(&[])), [Effect::Tell(Notice::SwitchPrinterOn)]);
    let effects = play.event(printers(&[AGAIN])).to_vec();
    assert_eq!(effects[0], Effect::Record(Entry::PrinterCycled { slip: slip(1) }));
    assert!(prints(&play, 2));
}

#[test]
fn a_printer_that_was_off_already_is_not_asked_off() {
    // Pulled while it printed.
    let mut play = doubtful(&[]);
    assert_eq!(play.last(), &Effect::Tell(Notice::SwitchPrinterOn));
    play.event(printers(&[AGAIN]));
    assert!(prints(&play, 2));
    // Off and on while people explained it, or between two looks at the bus.
    assert!(prints(&doubtful(&[AGAIN]), 2));
    // Another printer beside it is not enough: the old one has the page.
    let mut play = doubtful(&[PRINTER, SeenPrinter(1, 9)]);
    assert_eq!(play.last(), &Effect::Tell(Notice::SwitchPrinterOff(slip(1))));
    play.event(printers(&[SeenPrinter(1, 9)]));
    assert!(prints(&play, 2));
}

#[test]
fn a_slip_that_was_not_sent_holds_no_printer() {
    let mut play = sending();
    play.event(Event::Failed(failure(FailureKind::NothingPrinted)));
    play.event(Event::Answered(Answer::Yes));
    assert!(prints(&play, 2));
}

#[test]
fn a_spoiled_slip_holds_the_printer_when_that_is_not_well() {
    for (after, holds) in [
        (AfterPage::Silent, false),
        (AfterPage::Well, false),
        (AfterPage::OutOfPaper, true),
        (AfterPage::Trouble, true),
    ] {
        let mut play = sending();
        let effects = play.event(Event::Done(Outcome::SlipPrinted(after))).to_vec();
        let is_told = effects.contains(&Effect::Tell(Notice::PaperForSlip));
        assert_eq!(is_told, after == AfterPage::OutOfPaper);
        play.event(Event::Answered(Answer::No));
        play.explain();
        assert_eq!(prints(&play, 2), !holds, "{after:?}");
        let off = Effect::Tell(Notice::SwitchPrinterOff(slip(1)));
        assert_eq!(play.last() == &off, holds, "{after:?}");
    }
}

#[test]
fn whole_paper_counts_more_than_what_the_printer_says() {
    let mut play = sending();
    play.event(Event::Done(Outcome::SlipPrinted(AfterPage::Trouble)));
    play.event(Event::Answered(Answer::Yes));
    // The key fails: the slip is void, and it is not in the printer.
    let effects = play.event(Event::Failed(failure(FailureKind::Other))).to_vec();
    assert!(effects.contains(&Effect::Tell(Notice::SlipVoided(slip(1)))));
    assert!(!effects.contains(&Effect::Record(Entry::PrinterDoubt { slip: slip(1) })));
}

#[test]
fn the_record_waits_for_the_printer_too_and_the_ceremony_can_be_broken_off() {
    let mut play = doubtful(&[PRINTER]);
    play.event(Event::Wanted(Wish::Abort));
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Answered(Answer::Text("GH".into())));
    play.explain();
    play.event(Event::KeysSeen(vec![]));
    assert_eq!(play.last(), &Effect::Tell(Notice::SwitchPrinterOff(slip(1))));
    play.event(printers(&[]));
    play.event(printers(&[AGAIN]));
    assert_eq!(play.last(), &Effect::Do(Work::PrintRecord));
    let recorded = play.log.iter().filter(|e| {
        matches!(
            e,
            Effect::Record(Entry::PrinterDoubt { .. } | Entry::PrinterCycled { .. })
        )
    });
    assert_eq!(recorded.count(), 2);
}

#[test]
fn after_a_power_cut_the_next_start_asks_for_it() {
    let team = || Team::new(&["Ada Lovelace"], &["Grace Hopper"]);
    let rules = super::tests::RULES;
    let start = |doubt, sending| {
        let tally = Tally {
            printed: 1,
            printer_doubt: doubt,
            sending,
            ..Tally::default()
        };
        let (mut ceremony, effects) = Ceremony::resumed(rules, team(), &tally, true, "cut", vec![]);
        ceremony.handle(printers(&[PRINTER]));
        (
            ceremony,
            effects.contains(&Effect::Record(Entry::PrinterDoubt { slip: slip(1) })),
        )
    };
    let (ceremony, is_recorded) = start(None, None);
    assert!(ceremony.held.is_none() && !is_recorded);
    // It was being sent: that is written down, because the power can fail again.
    let (ceremony, is_recorded) = start(None, Some(slip(1)));
    assert!(ceremony.held.is_some() && is_recorded);
    let (mut ceremony, is_recorded) = start(Some(slip(1)), None);
    assert!(ceremony.held.is_some() && !is_recorded);
    // The printers of the first look are those that may have it.
    let off = ceremony.cycle_printer(Step::PrintRecord);
    assert_eq!(off, [Effect::Tell(Notice::SwitchPrinterOff(slip(1)))]);
    ceremony.handle(printers(&[]));
    let on = ceremony.handle(printers(&[AGAIN]));
    assert_eq!(on.last(), Some(&Effect::Do(Work::PrintRecord)));
}
