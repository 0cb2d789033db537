//! Whatever a transcript says, it is judged and never crashes the judge.

use glasskey::audit::{Account, Area, Paper, Report, order, paper};
use glasskey::id::{CeremonyId, LabelId, SlipNumber};
use glasskey::manifest::StationFingerprint;
use glasskey::manifest::schema::PinCustody;
use glasskey::transcript::{Act, Entry, ExceptionKind, Reading, Text, Transcript};
use proptest::prelude::*;

use super::ceremony::{Ceremony, at};

fn labels() -> impl Strategy<Value = LabelId> {
    (1..4_u8).prop_map(super::ceremony::label)
}

fn slips() -> impl Strategy<Value = SlipNumber> {
    prop_oneof![1..5_u32, Just(SlipNumber::MAX)].prop_map(|n| SlipNumber::new(n).unwrap())
}

fn acts() -> impl Strategy<Value = Act> {
    proptest::sample::select(vec![
        Act::Identify,
        Act::Reset,
        Act::PrintSlip,
        Act::PrintSecondHalf,
        Act::StorePin,
        Act::SetPin,
        Act::ProvePin,
        Act::MakeIdentity,
        Act::PrintLabel,
        Act::ChangePin,
        Act::PrintRecord,
        Act::Export,
    ])
}

fn entries() -> impl Strategy<Value = Entry> {
    let started = any::<[u8; 32]>().prop_map(|bytes| Entry::Started {
        ceremony: CeremonyId::draw(&mut |random| random.fill(bytes[0])),
        title: Text::new("x"),
        plan_sha256: String::new(),
        station: StationFingerprint(bytes),
        version: Text::new("0"),
        custody: [PinCustody::Rotate, PinCustody::Slip][usize::from(bytes[1] % 2)],
        people: vec![],
    });
    let acted = (
        acts(),
        proptest::option::of(labels()),
        proptest::option::of(slips()),
        0..3_u8,
    );
    let acted = acted.prop_map(|(effect, key, slip, kind)| match kind {
        0 => Entry::Intended { effect, key, slip },
        1 => Entry::Done {
            effect,
            key,
            slip,
            result: None,
        },
        _ => Entry::Failed {
            effect,
            key,
            slip,
            reason: Text::new("x"),
        },
    });
    let key = (labels(), proptest::option::of(slips()), ".{0,8}", 0..4_u8);
    let key = key.prop_map(|(label, slip, text, kind)| match (kind, slip) {
        (0, _) => Entry::KeyRejected {
            label,
            reason: Text::new(&text),
        },
        (1, Some(slip)) => Entry::KeySealed {
            key_bag: None,
            label,
            slip,
            slip_bag: "B".parse().ok(),
            second_slip_bag: None,
        },
        (2, Some(slip)) => Entry::SlipVoided {
            slip,
            reason: Text::new(&text),
        },
        _ => Entry::KeyPrepared {
            label,
            slip,
            key_bag: "K".parse().ok(),
            slip_bag: None,
            second_slip_bag: None,
            fingerprint: Text::new(&text),
        },
    });
    let other = (any::<u32>(), any::<bool>(), ".{0,8}").prop_map(|(number, flag, text)| match number % 6 {
        0 => Entry::Paused,
        1 => Entry::Resumed {
            station: StationFingerprint([1; 32]),
            version: Text::new(&text),
            cut: flag,
            torn: number.into(),
            found: Text::new(&text),
        },
        2 => Entry::Exception {
            number,
            kind: ExceptionKind::Abort,
            key: None,
            slip: None,
            what: Text::new(&text),
            reason: Text::new(&text),
        },
        3 => Entry::SealingStarted {
            station: StationFingerprint([2; 32]),
            version: Text::new(&text),
        },
        4 => Entry::ManifestWritten {
            sha256: text,
            bytes: number.into(),
        },
        _ => Entry::Ended {
            prepared: number,
            rejected: number,
            slips_printed: number,
            slips_voided: number,
            exceptions: number,
            aborted: flag,
        },
    });
    let answered = ".{0,8}".prop_map(|text| super::ceremony::answered("slip-whole", &text));
    prop_oneof![started, acted, key, other, answered]
}

fn judge(file: &[u8], head: Option<&str>) -> Report {
    let reading = Reading::of(file);
    let mut report = Report::default();
    order::check(&reading, &mut report);
    let paper_record = Paper {
        head: head.map(|h| h.parse().unwrap()),
        ..Paper::default()
    };
    paper::check(&paper_record, &reading, &mut report);
    let account = Account::of(&reading);
    assert_eq!(account.head, reading.head());
    report
}

proptest! {
    #[test]
    fn any_sequence_of_entries_is_judged(all in proptest::collection::vec(entries(), 0..40)) {
        let mut chain = Transcript::default();
        let text: String = all.into_iter().map(|e| chain.append(at(chain.entries()), e)).collect();
        let head = chain.head().to_owned();
        let report = judge(text.as_bytes(), (chain.entries() > 0).then_some(head.as_str()));
        prop_assert!(report.checks.iter().any(|c| c.area == Area::Chain && c.holds));
    }

    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>) {
        judge(&bytes, None);
    }
}

#[test]
fn every_prefix_of_a_good_transcript_is_unfinished_and_nothing_worse() {
    let text = Ceremony::new().write().transcript;
    assert_eq!(judge(text.as_bytes(), None).failed(), None);
    let line_ends = text.match_indices('\n').flat_map(|(at, _)| [at, at + 1, at + 2]);
    for cut in line_ends
        .chain((0..text.len()).step_by(97))
        .filter(|cut| *cut < text.len())
    {
        let report = judge(&text.as_bytes()[..cut], None);
        assert_eq!(report.failed(), Some(Area::End), "{cut}: {:?}", report.checks);
    }
}

#[test]
fn every_line_left_out_is_noticed_even_when_the_chain_is_made_anew() {
    let ceremony = Ceremony::new();
    let text = ceremony.write().transcript;
    let lines = Reading::of(text.as_bytes()).lines;
    let mut unnoticed = Vec::new();
    for missing in 0..lines.len() {
        let mut chain = Transcript::default();
        let forged: String = lines
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != missing)
            .map(|(_, line)| chain.append(line.time, line.entry.clone()))
            .collect();
        if judge(forged.as_bytes(), None).failed().is_none() {
            unnoticed.push(lines[missing].entry.clone());
        }
    }
    // What nothing else in a transcript refers to: only the head on paper protects it.
    for entry in unnoticed {
        let alone = matches!(
            &entry,
            Entry::SelfTest { .. }
                | Entry::Present { .. }
                | Entry::KeyIdentified { .. }
                | Entry::Answered { .. }
                | Entry::Paused
        ) || matches!(
            &entry,
            Entry::ManifestWritten { .. }
                | Entry::Intended {
                    effect: Act::PrintRecord,
                    ..
                }
                | Entry::Done {
                    effect: Act::PrintRecord,
                    ..
                }
        );
        assert!(alone, "{entry:?}");
    }
}
