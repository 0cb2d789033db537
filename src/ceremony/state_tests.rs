//! Rules of the ceremony, tested without any device.

use super::*;
use crate::ceremony::{AfterPage, Answer, Failure, FailureKind, Outcome, Wish};
use crate::manifest::schema::PinCustody;
use crate::transcript::Entry;

pub(super) const RULES: Rules = Rules {
    pass: Pass::Prepare,
    custody: PinCustody::Manifest,
    split_slips: false,
    bags: false,
    configures: false,
    passkeys: false,
};

fn team() -> Team {
    Team::new(&["Ada Lovelace"], &["Grace Hopper"])
}

fn text(text: &str) -> Event {
    Event::Answered(Answer::Text(text.into()))
}

fn job(number: u8) -> Job {
    let mut next = number;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(37).wrapping_add(11);
            *byte = next;
        }
    };
    Job {
        label: LabelId::draw(&mut random),
        account: format!("bg-{number:02}@contoso.onmicrosoft.com").parse().unwrap(),
        place: 1,
        custodian: None,
        safe: None,
    }
}

fn key(port: &str, device: u16) -> SeenKey {
    SeenKey {
        port: port.into(),
        device: (1, device),
        name: format!("Key on {port}"),
    }
}

pub(super) fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        text: "It failed.".into(),
        hint: "Try again.".into(),
    }
}

/// Plays a ceremony and notes what matters.
pub(super) struct Play {
    ceremony: Ceremony,
    pub(super) log: Vec<Effect>,
}

impl Play {
    pub(super) fn new(jobs: u8) -> Self {
        Self::under(RULES, jobs)
    }

    /// Starts under other rules; officer and witness have sat down.
    fn under(rules: Rules, jobs: u8) -> Self {
        let (ceremony, log) = Ceremony::new(rules, team(), (1..=jobs).map(job).collect(), vec![]);
        let mut play = Self { ceremony, log };
        play.sit_down();
        play
    }

    fn sit_down(&mut self) {
        self.event(text("AL"));
        self.event(text("gh"));
    }

    /// Explains an exception, and has the witness agree.
    pub(super) fn explain(&mut self) {
        assert!(
            matches!(self.last(), Effect::Ask(Question::Reason { .. })),
            "{:?}",
            self.last()
        );
        self.event(text("the printer jammed"));
        assert!(
            matches!(self.last(), Effect::Ask(Question::Agree { .. })),
            "{:?}",
            self.last()
        );
        self.event(text("GH"));
    }

    pub(super) fn event(&mut self, event: Event) -> &[Effect] {
        let start = self.log.len();
        self.log.extend(self.ceremony.handle(event));
        &self.log[start..]
    }

    pub(super) fn last(&self) -> &Effect {
        self.log.last().unwrap()
    }

    /// Puts a key without a PIN into the empty bus: it is known, and its erasure is asked for.
    fn put_in(&mut self, device: u16) {
        self.event(Event::KeysSeen(vec![]));
        self.event(Event::KeysSeen(vec![key("1-1", device)]));
        self.event(Event::Done(Outcome::Identified {
            description: "a key".into(),
            long_touch: false,
            in_use: false,
        }));
    }

    /// Goes from an empty bus to a key that is reset: its slip is printed.
    pub(super) fn reset_key(&mut self, device: u16) {
        self.put_in(device);
        self.event(Event::Answered(Answer::Yes));
        self.event(Event::KeysSeen(vec![]));
        self.event(Event::KeysSeen(vec![key("1-1", device + 1)]));
        self.event(Event::Done(Outcome::Reset));
    }

    /// Goes from an empty bus to the question whether the slip is whole.
    fn up_to_slip(&mut self, device: u16) -> SlipNumber {
        self.reset_key(device);
        self.event(Event::Done(Outcome::SlipPrinted(AfterPage::Well)));
        match self.last() {
            Effect::Ask(Question::SlipWhole(slip, _)) => *slip,
            other => panic!("{other:?}"),
        }
    }

    /// Goes from a whole slip to the next key.
    fn finish_key(&mut self, label: &str) {
        self.event(Event::Answered(Answer::Yes));
        self.event(Event::Done(Outcome::PinSet));
        self.event(Event::Done(Outcome::PinProven));
        self.event(Event::Done(Outcome::IdentityMade {
            fingerprint: "F".into(),
        }));
        self.event(Event::Done(Outcome::LabelPrinted));
        self.event(text(label));
        self.event(Event::Done(Outcome::KeyStored));
        self.event(Event::KeysSeen(vec![]));
    }
}

#[test]
fn a_key_that_was_in_from_the_start_is_asked_out_first() {
    let (ceremony, log) = Ceremony::new(RULES, team(), vec![job(1)], vec![key("1-1", 1)]);
    let mut play = Play { ceremony, log };
    play.sit_down();
    let effects = &play.log;
    assert!(
        matches!(
            effects[..],
            [
                ..,
                Effect::Tell(Notice::NextKey { .. }),
                Effect::Tell(Notice::TakeOutAll(_))
            ]
        ),
        "{effects:?}"
    );
}

#[test]
fn two_keys_go_through_and_the_slips_balance() {
    let mut play = Play::new(2);
    for number in 1..=2_u8 {
        play.up_to_slip(u16::from(number) * 10);
        play.finish_key(job(number).label.as_str());
    }
    assert_eq!(play.last(), &Effect::Do(Work::PrintRecord));
    play.event(Event::Done(Outcome::RecordPrinted));
    play.event(Event::Answered(Answer::Yes));
    assert_eq!(play.last(), &Effect::Do(Work::Export));
    play.event(Event::Done(Outcome::Exported));
    assert!(play.ceremony.ended() && play.ceremony.slips().balance());
    assert_eq!(play.ceremony.prepared().len(), 2);
}

#[test]
fn a_spoiled_slip_is_voided_and_a_new_pin_is_drawn() {
    let mut play = Play::new(1);
    let first = play.up_to_slip(10);
    let effects = play.event(Event::Answered(Answer::No)).to_vec();
    assert!(
        effects.contains(&Effect::ForgetPin) && effects.contains(&Effect::Tell(Notice::SlipVoided(first)))
    );
    play.explain();
    assert!(play.log.iter().any(|e| matches!(
        e,
        Effect::Record(Entry::Exception {
            number: 1,
            kind: ExceptionKind::SlipVoided,
            ..
        })
    )));
    let Some(Effect::Do(Work::PrintSlip(second))) = play.log.last() else {
        panic!("{effects:?}")
    };
    assert_ne!(first, *second);
}

#[test]
fn a_passed_window_asks_for_a_replug_and_never_repeats_in_place() {
    let mut play = Play::new(1);
    play.up_to_slip(10);
    let mut play = Play::new(1);
    play.put_in(1);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    play.event(Event::Failed(failure(FailureKind::WindowPassed)));
    assert!(matches!(play.last(), Effect::Tell(Notice::TakeOut(_))));
    assert!(play.event(Event::KeysSeen(vec![key("1-1", 2)])).is_empty());
    play.event(Event::KeysSeen(vec![]));
    assert_eq!(play.last(), &Effect::Tell(Notice::PutBack));
    play.event(Event::KeysSeen(vec![key("1-1", 3)]));
    assert_eq!(play.last(), &Effect::Do(Work::Reset(key("1-1", 3))));
}

#[test]
fn a_replug_between_two_looks_is_seen() {
    let mut play = Play::new(1);
    play.put_in(1);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    assert_eq!(play.last(), &Effect::Do(Work::Reset(key("1-1", 2))));
}

#[test]
fn another_socket_is_not_taken_for_the_same_key() {
    let mut play = Play::new(1);
    play.put_in(1);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-2", 2)]));
    assert_eq!(play.last(), &Effect::Tell(Notice::WrongSocket));
    play.event(Event::KeysSeen(vec![key("1-1", 3), key("1-2", 2)]));
    assert_eq!(play.last(), &Effect::Tell(Notice::LeaveOnly(key("1-1", 3).name)));
    play.event(Event::KeysSeen(vec![key("1-1", 3)]));
    assert_eq!(play.last(), &Effect::Do(Work::Reset(key("1-1", 3))));
}

#[test]
fn a_second_key_halts_work_until_it_is_gone() {
    let mut play = Play::new(1);
    let slip = play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), Some(slip))));
    let leave = Effect::Tell(Notice::LeaveOnly(key("1-1", 11).name));
    play.event(Event::KeysSeen(vec![key("1-1", 11), key("1-3", 20)]));
    play.event(Event::Failed(failure(FailureKind::SeveralKeys)));
    assert_eq!(play.last(), &leave);
    assert_eq!(
        play.event(Event::KeysSeen(vec![key("1-1", 11), key("1-3", 21)])),
        [leave]
    );
    play.event(Event::KeysSeen(vec![key("1-1", 11)]));
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), Some(slip))));
}

#[test]
fn a_second_key_that_is_gone_again_already_halts_nothing() {
    let mut play = Play::new(1);
    let slip = play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    // The bus looks as it did before: no change will come that could wake the ceremony.
    play.event(Event::KeysSeen(vec![key("1-1", 11)]));
    play.event(Event::Failed(failure(FailureKind::SeveralKeys)));
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), Some(slip))));
}

#[test]
fn a_key_pulled_while_the_question_to_erase_it_stands_withdraws_the_question() {
    let mut play = Play::new(1);
    play.put_in(1);
    assert_eq!(
        play.event(Event::KeysSeen(vec![])),
        [
            Effect::Withdraw,
            Effect::Tell(Notice::Gone(key("1-1", 1).name)),
            Effect::Tell(Notice::PutInKey)
        ]
    );
    assert!(play.event(Event::Answered(Answer::Yes)).is_empty());
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    assert_eq!(play.last(), &Effect::Do(Work::Identify(key("1-1", 2))));
}

#[test]
fn a_key_that_was_replugged_before_the_answer_is_not_asked_out_again() {
    let mut play = Play::new(1);
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Failed(failure(FailureKind::Other)));
    assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    assert_eq!(
        play.event(Event::Answered(Answer::Yes)),
        [Effect::Do(Work::Identify(key("1-1", 2)))]
    );
}

#[test]
fn a_key_that_is_gone_during_its_reset_is_not_asked_out() {
    let mut play = Play::new(1);
    play.put_in(1);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    play.event(Event::KeysSeen(vec![]));
    let effects = play.event(Event::Failed(failure(FailureKind::Vanished)));
    assert!(
        matches!(
            effects,
            [Effect::Tell(Notice::Trouble(_)), Effect::Tell(Notice::PutBack)]
        ),
        "{effects:?}"
    );
}

#[test]
fn the_next_key_put_in_before_the_last_one_is_out_is_asked_out() {
    let mut play = Play::new(2);
    play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Done(Outcome::PinSet));
    play.event(Event::Done(Outcome::PinProven));
    play.event(Event::Done(Outcome::IdentityMade {
        fingerprint: "F".into(),
    }));
    play.event(Event::Done(Outcome::LabelPrinted));
    play.event(text(job(1).label.as_str()));
    play.event(Event::Done(Outcome::KeyStored));
    assert!(matches!(play.last(), Effect::Tell(Notice::Prepared { .. })));
    assert!(matches!(
        play.event(Event::KeysSeen(vec![key("1-2", 12)])),
        [Effect::Tell(Notice::TakeOutAll(_))]
    ));
    play.event(Event::KeysSeen(vec![]));
    assert_eq!(play.last(), &Effect::Tell(Notice::PutInKey));
}

#[test]
fn a_key_pulled_after_its_pin_voids_the_slip_and_starts_over() {
    let mut play = Play::new(1);
    let slip = play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Done(Outcome::PinSet));
    let effects = play.event(Event::Failed(failure(FailureKind::Vanished))).to_vec();
    assert!(effects.contains(&Effect::Tell(Notice::SlipVoided(slip))));
    play.explain();
    assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
    play.event(Event::Answered(Answer::Yes));
    let again = play.up_to_slip(30);
    assert_ne!(slip, again);
    play.finish_key(job(1).label.as_str());
    assert!(play.ceremony.slips().balance());
}

#[test]
fn a_wrong_label_is_asked_for_again() {
    let mut play = Play::new(1);
    play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Done(Outcome::PinSet));
    play.event(Event::Done(Outcome::PinProven));
    play.event(Event::Done(Outcome::IdentityMade {
        fingerprint: "F".into(),
    }));
    play.event(Event::Done(Outcome::LabelPrinted));
    play.event(Event::Answered(Answer::Text(job(2).label.to_string())));
    assert!(matches!(play.last(), Effect::Ask(Question::Label(_))));
    let scanned = format!("GLASSKEY:1:{}:X:Y", job(1).label);
    play.event(text(&scanned));
    assert_eq!(play.last(), &Effect::Do(Work::StoreKey));
    assert_eq!(
        play.ceremony.prepared().len(),
        0,
        "nothing counts before it is on the stick"
    );
    play.event(Event::Done(Outcome::KeyStored));
    assert_eq!(play.ceremony.prepared().len(), 1);
}

#[test]
fn a_bag_number_is_taken_once() {
    let mut play = Play::under(Rules { bags: true, ..RULES }, 1);
    play.up_to_slip(10);
    play.finish_key(job(1).label.as_str());
    assert_eq!(play.last(), &Effect::Ask(Question::KeyBag));
    play.event(text("B-1"));
    assert_eq!(play.last(), &Effect::Ask(Question::SlipBag(Part::Whole)));
    assert!(matches!(
        play.event(text("B-1")),
        [
            Effect::Tell(Notice::NotUnderstood(_)),
            Effect::Ask(Question::SlipBag(_))
        ]
    ));
    play.event(text("B-2"));
    play.event(Event::Done(Outcome::KeyStored));
    assert_eq!(play.ceremony.prepared()[0].slip_bags, ["B-2".parse().unwrap()]);
}

#[test]
fn a_split_slip_is_confirmed_half_by_half_and_bagged_twice() {
    let rules = Rules {
        split_slips: true,
        bags: true,
        ..RULES
    };
    let mut play = Play::under(rules, 1);
    let slip = play.up_to_slip(10);
    assert_eq!(play.last(), &Effect::Ask(Question::SlipWhole(slip, Part::First)));
    play.event(Event::Answered(Answer::Yes));
    assert_eq!(play.last(), &Effect::Do(Work::PrintSecondHalf(slip)));
    play.event(Event::Done(Outcome::SecondHalfPrinted(AfterPage::Silent)));
    assert_eq!(play.last(), &Effect::Ask(Question::SlipWhole(slip, Part::Second)));
    // The officer spoils the second half: both are void.
    play.event(Event::Answered(Answer::No));
    play.explain();
    play.event(Event::Done(Outcome::SlipPrinted(AfterPage::Well)));
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Done(Outcome::SecondHalfPrinted(AfterPage::Silent)));
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::Done(Outcome::PinSet));
    play.event(Event::Done(Outcome::PinProven));
    play.event(Event::Done(Outcome::IdentityMade {
        fingerprint: "F".into(),
    }));
    play.event(Event::Done(Outcome::LabelPrinted));
    for answer in [job(1).label.as_str(), "K-1", "S-1", "S-2"] {
        play.event(text(answer));
    }
    play.event(Event::Done(Outcome::KeyStored));
    assert_eq!(play.ceremony.prepared()[0].slip_bags.len(), 2);
    assert!(play.ceremony.slips().balance());
}

#[test]
fn a_passkey_is_made_after_the_identity_and_a_missing_touch_is_asked_for_again() {
    let identity = || {
        Event::Done(Outcome::IdentityMade {
            fingerprint: "F".into(),
        })
    };
    for passkeys in [true, false] {
        let mut play = Play::under(Rules { passkeys, ..RULES }, 1);
        let slip = play.up_to_slip(10);
        play.event(Event::Answered(Answer::Yes));
        play.event(Event::Done(Outcome::PinSet));
        play.event(Event::Done(Outcome::PinProven));
        play.event(identity());
        if !passkeys {
            assert!(matches!(play.last(), Effect::Do(Work::PrintLabel(_))));
            continue;
        }
        let makes = |play: &Play| matches!(play.last(), Effect::Do(Work::MakePasskey(_)));
        assert!(makes(&play));
        play.event(Event::Failed(failure(FailureKind::NoTouch)));
        assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
        play.event(Event::Answered(Answer::Yes));
        assert!(makes(&play));
        assert!(play.ceremony.slips().voided().is_empty());
        // Anything else: the key starts over, with another slip.
        play.event(Event::Failed(failure(FailureKind::Other)));
        assert_eq!(play.ceremony.slips().voided(), [slip]);
    }
}

#[test]
fn a_key_in_use_is_erased_only_when_the_witness_agrees() {
    let seen = |play: &mut Play| {
        play.event(Event::KeysSeen(vec![]));
        play.event(Event::KeysSeen(vec![key("1-1", 1)]));
        play.event(Event::Done(Outcome::Identified {
            description: "a key".into(),
            long_touch: false,
            in_use: true,
        }));
        play.event(Event::Answered(Answer::Yes));
    };
    let mut play = Play::new(1);
    seen(&mut play);
    assert!(matches!(play.last(), Effect::Ask(Question::Agree { .. })));
    // The officer's own initials are not the witness's, and a bare yes is nobody's.
    for typed in ["AL", "yes", ""] {
        play.event(text(typed));
        assert!(
            matches!(play.last(), Effect::Ask(Question::Agree { .. })),
            "{typed}"
        );
    }
    play.event(text("GH"));
    assert!(matches!(play.last(), Effect::Tell(Notice::TakeOut(_))));
    let mut play = Play::new(1);
    seen(&mut play);
    play.event(text("no"));
    assert!(matches!(play.last(), Effect::Tell(Notice::TakeOutAll(_))));
}

#[test]
fn nobody_is_officer_and_witness_at_once() {
    let two = Team::new(
        &["Ada Lovelace", "Grace Hopper"],
        &["Grace Hopper", "Alan Turing"],
    );
    let (ceremony, log) = Ceremony::new(RULES, two, vec![job(1)], vec![]);
    let mut play = Play { ceremony, log };
    play.event(text("Grace Hopper"));
    for wrong in ["GH2", "Grace Hopper", "somebody"] {
        play.event(text(wrong));
        assert!(
            matches!(play.last(), Effect::Ask(Question::Witness(_))),
            "{wrong}"
        );
    }
    play.event(text("Alan Turing"));
    assert_eq!(play.ceremony.sitting().unwrap().witness.name, "Alan Turing");
}

#[test]
fn a_pause_waits_for_the_key_in_hand() {
    let mut play = Play::new(2);
    play.up_to_slip(10);
    assert!(matches!(
        play.event(Event::Wanted(Wish::Pause)),
        [
            Effect::Tell(Notice::PauseLater),
            Effect::Ask(Question::SlipWhole(..))
        ]
    ));
    play.finish_key(job(1).label.as_str());
    assert_eq!(play.last(), &Effect::End(Ending::Paused));
    assert!(play.log.contains(&Effect::Record(Entry::Paused)));
    // Between two keys it begins at once.
    let mut play = Play::new(2);
    play.event(Event::Wanted(Wish::Pause));
    assert_eq!(play.last(), &Effect::End(Ending::Paused));
}

#[test]
fn breaking_off_wants_both_and_keeps_what_is_done() {
    let mut play = Play::new(3);
    play.up_to_slip(10);
    play.finish_key(job(1).label.as_str());
    let slip = play.up_to_slip(20);
    play.event(Event::Wanted(Wish::Abort));
    assert_eq!(
        play.last(),
        &Effect::Ask(Question::Abort { prepared: 1, left: 2 })
    );
    play.event(Event::Answered(Answer::No));
    assert_eq!(play.last(), &Effect::Ask(Question::SlipWhole(slip, Part::Whole)));
    play.event(Event::Wanted(Wish::Abort));
    play.event(Event::Answered(Answer::Yes));
    play.event(text("no"));
    assert_eq!(play.last(), &Effect::Ask(Question::SlipWhole(slip, Part::Whole)));
    play.event(Event::Wanted(Wish::Abort));
    play.event(Event::Answered(Answer::Yes));
    play.event(text("GH"));
    play.explain();
    assert_eq!(play.last(), &Effect::Do(Work::PrintRecord));
    assert_eq!(play.ceremony.prepared().len(), 1);
    assert_eq!(
        (play.ceremony.rejected().len(), play.ceremony.slips().voided()),
        (1, &[slip][..])
    );
    assert!(play.ceremony.slips().balance() && play.ceremony.is_aborted());
}

#[test]
fn a_key_that_refuses_its_pin_gets_another_one_three_times() {
    let mut play = Play::new(1);
    for try_number in 1..=3 {
        if try_number == 1 {
            play.up_to_slip(10);
        } else {
            play.event(Event::Done(Outcome::SlipPrinted(AfterPage::Well)));
        }
        play.event(Event::Answered(Answer::Yes));
        play.event(Event::Failed(failure(FailureKind::PinRefused)));
        play.explain();
    }
    assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
    assert_eq!(play.ceremony.slips().voided().len(), 3);
}

#[test]
fn a_typed_pin_becomes_an_exception_and_the_question_comes_back() {
    let mut play = Play::new(1);
    let slip = play.up_to_slip(10);
    play.event(Event::PinTyped);
    play.explain();
    assert_eq!(play.last(), &Effect::Ask(Question::SlipWhole(slip, Part::Whole)));
}

#[test]
fn a_slip_of_which_nothing_was_printed_is_void_without_an_exception() {
    let mut play = Play::new(1);
    play.put_in(1);
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    play.event(Event::Done(Outcome::Reset));
    play.event(Event::Failed(failure(FailureKind::NothingPrinted)));
    assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
    assert_eq!(play.ceremony.exceptions(), 0);
}

#[test]
fn a_key_of_the_second_pass_that_is_not_recognised_makes_room_for_another() {
    let rules = Rules {
        pass: Pass::Seal,
        custody: PinCustody::Rotate,
        ..RULES
    };
    let (ceremony, log) = Ceremony::new(rules, team(), vec![job(1)], vec![]);
    let mut play = Play { ceremony, log };
    play.sit_down();
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Failed(failure(FailureKind::Other)));
    assert_eq!(play.last(), &Effect::Ask(Question::TryAgain));
    play.event(Event::Answered(Answer::No));
    assert!(matches!(play.last(), Effect::Tell(Notice::TakeOutAll(_))));
    play.event(Event::KeysSeen(vec![]));
    assert!(matches!(
        play.last(),
        Effect::Tell(Notice::PutInAnyOf { left: 1, of: 1 })
    ));
}
