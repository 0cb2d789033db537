//! Whatever happens, in whatever order: papers and keys agree, and the transcript tells how to go on.

use proptest::prelude::*;

use super::play::{Play, key};
use super::*;
use crate::ceremony::{Answer, Failure, FailureKind, Wish};
use crate::manifest::schema::PinCustody;
use crate::transcript::Entry;

/// Cases of each property: `GLASSKEY_CASES=100000` for a long run.
fn cases() -> u32 {
    let wanted = std::env::var("GLASSKEY_CASES").ok().and_then(|n| n.parse().ok());
    wanted.unwrap_or(2_000)
}

/// What may come next.
#[derive(Debug, Clone)]
enum Move {
    /// The work that was asked for succeeds; a question gets the answer that leads on.
    On,
    /// Something else happens.
    Other(Event),
    /// The power fails and comes back.
    Cut,
}

fn any_move() -> impl Strategy<Value = Move> {
    let kinds = prop::sample::select(vec![
        FailureKind::Vanished,
        FailureKind::SeveralKeys,
        FailureKind::WindowPassed,
        FailureKind::NoTouch,
        FailureKind::AlreadyPrepared,
        FailureKind::PinRefused,
        FailureKind::NothingPrinted,
        FailureKind::Other,
    ]);
    let failed = kinds.prop_map(|kind| {
        Event::Failed(Failure {
            kind,
            text: "It failed.".into(),
            hint: "Try again.".into(),
        })
    });
    let seen = prop_oneof![
        3 => Just(vec![]),
        3 => (0..3_u16).prop_map(|d| vec![key("1-1", d)]),
        1 => (0..3_u16).prop_map(|d| vec![key("1-1", d), key("1-2", d)]),
    ];
    let other = prop_oneof![
        4 => seen.prop_map(Event::KeysSeen),
        2 => prop::collection::vec((0..3_u16).prop_map(|d| SeenPrinter(1, d)), 0..3).prop_map(Event::PrintersSeen),
        3 => failed,
        1 => Just(Event::Answered(Answer::Yes)),
        1 => Just(Event::Answered(Answer::No)),
        1 => Just(Event::Answered(Answer::Text("no".into()))),
        1 => Just(Event::PinTyped),
        1 => Just(Event::Wanted(Wish::Pause)),
        1 => Just(Event::Wanted(Wish::Abort)),
    ];
    prop_oneof![
        16 => Just(Move::On),
        5 => other.prop_map(Move::Other),
        1 => Just(Move::Cut),
    ]
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let custody = prop::sample::select(vec![PinCustody::Manifest, PinCustody::Slip, PinCustody::Rotate]);
    (custody, any::<[bool; 4]>()).prop_map(|(custody, [split_slips, bags, configures, passkeys])| Rules {
        pass: Pass::Prepare,
        custody,
        split_slips,
        bags,
        configures,
        passkeys,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases()))]

    #[test]
    fn whatever_happens_papers_keys_and_transcript_agree(
        rules in any_rules(),
        moves in prop::collection::vec(any_move(), 0..250),
    ) {
        let mut play = Play::new(rules);
        for step in moves {
            match step {
                Move::On => play.go_on(),
                Move::Other(event) => play.other(event),
                Move::Cut => play.cut(),
            }
            // Paused, or waiting for its second pass: the next start goes on.
            if play.ending.is_some() {
                play.cut();
            }
            if play.ending == Some(Ending::Finished) {
                break;
            }
        }
        // Left alone, it comes to an end: nothing that happened leaves it stuck.
        for _ in 0..400 {
            if play.ending.is_some() {
                play.cut();
            }
            if play.ending.is_some() {
                break;
            }
            play.go_on();
        }
        prop_assert!(play.ending.is_some(), "stuck at {:?}", play.ceremony.step);
        prop_assert_eq!(&play.tally.findings, &vec![], "{:#?}", play.entries);
        if play.ending == Some(Ending::Finished) {
            prop_assert!(play.tally.slips_balance(), "{:?}", play.tally);
        }
        for line in &play.tally.prepared {
            if let Some(slip) = line.slip {
                prop_assert!(play.confirmed.contains(&slip));
                prop_assert!(!play.tally.voided.contains(&slip));
                prop_assert!(!line.is_sealed || play.in_force.get(&line.label) == Some(&slip));
            }
        }
        // A PIN that a key has in truth is on a slip that stands, or somebody was told that nobody knows.
        for (label, slip) in &play.in_force {
            let stands = play.tally.sealed().any(|s| s == *slip);
            let is_told = play.tally.undecided.iter().any(|(l, s)| l == label && s == slip);
            prop_assert!(stands || is_told || play.ceremony.is_aborted(), "{label} has the PIN of {slip}");
        }
    }
}

#[test]
fn each_cut_of_a_whole_ceremony_is_followed_by_its_end() {
    let rules = Rules {
        pass: Pass::Prepare,
        custody: PinCustody::Manifest,
        split_slips: false,
        bags: true,
        configures: true,
        passkeys: true,
    };
    for cut_at in 0..120 {
        let mut play = Play::new(rules);
        for step in 0..400 {
            if step == cut_at {
                play.cut();
            }
            if play.ending.is_some() {
                break;
            }
            play.go_on();
        }
        assert_eq!(play.ending, Some(Ending::Finished), "cut at {cut_at}");
        assert_eq!(
            play.tally.findings,
            vec![],
            "cut at {cut_at}: {:#?}",
            play.entries
        );
        assert_eq!(play.tally.prepared.len(), 2);
        assert!(play.tally.slips_balance());
        let restarted = play.entries.iter().any(|e| matches!(e, Entry::Resumed { .. }));
        assert_eq!(play.tally.restarts, u32::from(restarted));
    }
}
