//! Rules of the ceremony, tested without any device.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

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
        custodian: None,
    }
}

fn key(port: &str, device: u16) -> SeenKey {
    SeenKey {
        port: port.into(),
        device: (1, device),
        name: format!("Key on {port}"),
    }
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        text: "It failed.".into(),
        hint: "Try again.".into(),
    }
}

/// Plays a ceremony and notes what matters.
struct Play {
    ceremony: Ceremony,
    log: Vec<Effect>,
}

impl Play {
    fn new(jobs: u8) -> Self {
        let (ceremony, log) = Ceremony::new((1..=jobs).map(job).collect(), false, vec![]);
        Self { ceremony, log }
    }

    fn event(&mut self, event: Event) -> &[Effect] {
        let start = self.log.len();
        self.log.extend(self.ceremony.handle(event));
        &self.log[start..]
    }

    fn last(&self) -> &Effect {
        self.log.last().unwrap()
    }

    /// Goes from an empty bus to the question whether the slip is whole.
    fn up_to_slip(&mut self, device: u16) -> SlipNumber {
        self.event(Event::KeysSeen(vec![]));
        self.event(Event::KeysSeen(vec![key("1-1", device)]));
        self.event(Event::Done(Outcome::Identified {
            description: "a key".into(),
            long_touch: false,
        }));
        self.event(Event::Answered(Answer::Yes));
        self.event(Event::KeysSeen(vec![]));
        self.event(Event::KeysSeen(vec![key("1-1", device + 1)]));
        self.event(Event::Done(Outcome::Reset));
        self.event(Event::Done(Outcome::SlipPrinted));
        match self.last() {
            Effect::Ask(Question::SlipWhole(slip)) => *slip,
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
        self.event(Event::Answered(Answer::Text(label.into())));
        self.event(Event::KeysSeen(vec![]));
    }
}

#[test]
fn a_key_that_was_in_from_the_start_is_asked_out_first() {
    let (_, effects) = Ceremony::new(vec![job(1)], false, vec![key("1-1", 1)]);
    assert!(
        matches!(
            effects[..],
            [
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
    let Some(Effect::Do(Work::PrintSlip(second))) = effects.last() else {
        panic!("{effects:?}")
    };
    assert_ne!(first, *second);
}

#[test]
fn a_passed_window_asks_for_a_replug_and_never_repeats_in_place() {
    let mut play = Play::new(1);
    play.up_to_slip(10);
    let mut play = Play::new(1);
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Done(Outcome::Identified {
        description: "a key".into(),
        long_touch: false,
    }));
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
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Done(Outcome::Identified {
        description: "a key".into(),
        long_touch: false,
    }));
    play.event(Event::Answered(Answer::Yes));
    play.event(Event::KeysSeen(vec![key("1-1", 2)]));
    assert_eq!(play.last(), &Effect::Do(Work::Reset(key("1-1", 2))));
}

#[test]
fn another_socket_is_not_taken_for_the_same_key() {
    let mut play = Play::new(1);
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Done(Outcome::Identified {
        description: "a key".into(),
        long_touch: false,
    }));
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
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), slip)));
    let leave = Effect::Tell(Notice::LeaveOnly(key("1-1", 11).name));
    play.event(Event::KeysSeen(vec![key("1-1", 11), key("1-3", 20)]));
    play.event(Event::Failed(failure(FailureKind::SeveralKeys)));
    assert_eq!(play.last(), &leave);
    assert_eq!(
        play.event(Event::KeysSeen(vec![key("1-1", 11), key("1-3", 21)])),
        [leave]
    );
    play.event(Event::KeysSeen(vec![key("1-1", 11)]));
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), slip)));
}

#[test]
fn a_second_key_that_is_gone_again_already_halts_nothing() {
    let mut play = Play::new(1);
    let slip = play.up_to_slip(10);
    play.event(Event::Answered(Answer::Yes));
    // The bus looks as it did before: no change will come that could wake the ceremony.
    play.event(Event::KeysSeen(vec![key("1-1", 11)]));
    play.event(Event::Failed(failure(FailureKind::SeveralKeys)));
    assert_eq!(play.last(), &Effect::Do(Work::SetPin(key("1-1", 11), slip)));
}

#[test]
fn a_key_pulled_while_the_question_to_erase_it_stands_withdraws_the_question() {
    let mut play = Play::new(1);
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Done(Outcome::Identified {
        description: "a key".into(),
        long_touch: false,
    }));
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
    play.event(Event::KeysSeen(vec![]));
    play.event(Event::KeysSeen(vec![key("1-1", 1)]));
    play.event(Event::Done(Outcome::Identified {
        description: "a key".into(),
        long_touch: false,
    }));
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
    play.event(Event::Answered(Answer::Text(job(1).label.to_string())));
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
    play.event(Event::Answered(Answer::Text(scanned)));
    assert_eq!(play.ceremony.prepared().len(), 1);
}

#[test]
fn a_bag_number_is_taken_once() {
    let (ceremony, log) = Ceremony::new(vec![job(1)], true, vec![]);
    let mut play = Play { ceremony, log };
    play.up_to_slip(10);
    play.finish_key(job(1).label.as_str());
    assert_eq!(play.last(), &Effect::Ask(Question::KeyBag));
    play.event(Event::Answered(Answer::Text("B-1".into())));
    assert_eq!(play.last(), &Effect::Ask(Question::SlipBag));
    assert!(matches!(
        play.event(Event::Answered(Answer::Text("B-1".into()))),
        [
            Effect::Tell(Notice::NotUnderstood(_)),
            Effect::Ask(Question::SlipBag)
        ]
    ));
    play.event(Event::Answered(Answer::Text("B-2".into())));
    assert_eq!(play.ceremony.prepared().len(), 1);
}

fn any_event() -> impl Strategy<Value = Event> {
    let kinds = prop_oneof![
        Just(FailureKind::Vanished),
        Just(FailureKind::SeveralKeys),
        Just(FailureKind::WindowPassed),
        Just(FailureKind::NoTouch),
        Just(FailureKind::AlreadyPrepared),
        Just(FailureKind::Other),
    ];
    let seen = prop_oneof![
        Just(vec![]),
        (0..3_u16).prop_map(|d| vec![key("1-1", d)]),
        (0..3_u16).prop_map(|d| vec![key("1-1", d), key("1-2", d)]),
    ];
    prop_oneof![
        3 => seen.prop_map(Event::KeysSeen),
        1 => kinds.prop_map(|k| Event::Failed(failure(k))),
        3 => Just(Event::Answered(Answer::Yes)),
        1 => Just(Event::Answered(Answer::No)),
        1 => Just(Event::Answered(Answer::Text(job(1).label.to_string()))),
    ]
}

/// What a driver would answer to the work last asked for, or nothing.
fn success(effect: Option<&Effect>) -> Option<Event> {
    let outcome = match effect? {
        Effect::Do(work) => match work {
            Work::Identify(_) => Outcome::Identified {
                description: String::new(),
                long_touch: false,
            },
            Work::Reset(_) => Outcome::Reset,
            Work::PrintSlip(_) => Outcome::SlipPrinted,
            Work::SetPin(..) => Outcome::PinSet,
            Work::ProvePin(..) => Outcome::PinProven,
            Work::MakeIdentity(..) => Outcome::IdentityMade {
                fingerprint: String::new(),
            },
            Work::PrintLabel(_) => Outcome::LabelPrinted,
            Work::PrintRecord => Outcome::RecordPrinted,
            Work::Export => Outcome::Exported,
        },
        _ => return None,
    };
    Some(Event::Done(outcome))
}

proptest! {
    #[test]
    fn whatever_happens_paper_and_keys_agree(events in prop::collection::vec((any_event(), any::<bool>()), 0..200)) {
        let mut play = Play::new(2);
        let mut confirmed: HashSet<SlipNumber> = HashSet::new();
        let mut printed: HashSet<SlipNumber> = HashSet::new();
        for (event, answer) in events {
            let pending = play.log.last().cloned();
            let event = match success(pending.as_ref()) {
                Some(done) if answer => done,
                Some(_) if !matches!(event, Event::Failed(_)) => continue,
                _ => event,
            };
            if let (Some(Effect::Ask(Question::SlipWhole(slip))), Event::Answered(Answer::Yes)) = (&pending, &event) {
                confirmed.insert(*slip);
            }
            let mut effects = play.event(event).to_vec();
            let work = effects.iter().filter(|e| matches!(e, Effect::Do(_) | Effect::Ask(_))).count();
            prop_assert!(work <= 1, "one thing at a time: {effects:?}");
            for effect in effects.drain(..) {
                match effect {
                    Effect::Do(Work::PrintSlip(slip)) => prop_assert!(printed.insert(slip), "{slip} printed twice"),
                    Effect::Do(Work::SetPin(_, slip)) => {
                        prop_assert!(confirmed.contains(&slip));
                        prop_assert!(!play.ceremony.slips().voided().contains(&slip));
                    }
                    Effect::End => prop_assert!(play.ceremony.slips().balance()),
                    _ => {}
                }
            }
        }
        for done in play.ceremony.prepared() {
            prop_assert!(confirmed.contains(&done.slip));
            prop_assert!(!play.ceremony.slips().voided().contains(&done.slip));
        }
    }
}
