use super::*;
use crate::manifest::schema::Role;

fn label() -> LabelId {
    LabelId::draw(&mut |bytes| bytes.fill(3))
}

fn slip(number: u16) -> SlipNumber {
    SlipNumber::new(u32::from(number)).unwrap()
}

fn started() -> Vec<Entry> {
    let station = crate::manifest::sign::StationKey::generate().unwrap();
    vec![
        Entry::Started {
            ceremony: CeremonyId::draw(&mut |bytes| bytes.fill(1)),
            title: Text::new("Test"),
            plan_sha256: "00".into(),
            station: station.fingerprint(),
            version: Text::new("0"),
            custody: PinCustody::Slip,
            people: vec![],
        },
        Entry::Planned {
            label: label(),
            account: "a@contoso.onmicrosoft.com".parse().unwrap(),
            place: 1,
            custodian: None,
            safe: None,
        },
    ]
}

fn act(effect: Act, number: Option<u16>) -> [Entry; 2] {
    let (key, slip) = (Some(label()), number.map(slip));
    let intended = Entry::Intended {
        effect,
        key: key.clone(),
        slip,
    };
    let done = Entry::Done {
        effect,
        key,
        slip,
        result: None,
    };
    [intended, done]
}

fn whole() -> Entry {
    Entry::Answered {
        question: Text::new("slip-whole"),
        answer: Text::new("yes"),
        by: Some(Role::Officer),
    }
}

fn prepared(number: u16) -> Entry {
    Entry::KeyPrepared {
        label: label(),
        slip: Some(slip(number)),
        key_bag: None,
        slip_bag: None,
        second_slip_bag: None,
        fingerprint: Text::new("0123"),
    }
}

/// One key from beginning to end, and the end of the ceremony.
fn good() -> Vec<Entry> {
    let mut entries = started();
    entries.extend(act(Act::Identify, None));
    entries.extend(act(Act::Reset, None));
    entries.extend(act(Act::PrintSlip, Some(1)));
    entries.push(whole());
    for step in [Act::SetPin, Act::ProvePin, Act::MakeIdentity] {
        entries.extend(act(step, Some(1)));
    }
    entries.extend(act(Act::PrintLabel, None));
    entries.push(prepared(1));
    entries.push(Entry::Ended {
        prepared: 1,
        rejected: 0,
        slips_printed: 1,
        slips_voided: 0,
        exceptions: 0,
        aborted: false,
    });
    entries
}

#[test]
fn a_good_ceremony_adds_up_without_findings() {
    let tally = Tally::of(&good());
    assert_eq!(tally.findings, vec![]);
    assert_eq!((tally.prepared.len(), tally.printed), (1, 1));
    assert!(tally.slips_balance() && tally.in_hand.is_none() && tally.stage == Stage::Ended);
}

#[test]
fn each_line_that_is_left_out_is_noticed() {
    let entries = good();
    // The plan's line, each intent, each end, the confirmation, the proofs, the preparation: every one is needed.
    for missing in 0..entries.len() - 1 {
        let mut fewer = entries.clone();
        let gone = fewer.remove(missing);
        assert!(!Tally::of(&fewer).findings.is_empty(), "{gone:?}");
    }
}

#[test]
fn a_pin_without_a_whole_slip_is_a_finding() {
    let mut entries = good();
    let at = entries.iter().position(|e| *e == whole()).unwrap();
    entries[at] = Entry::Answered {
        question: Text::new("slip-whole"),
        answer: Text::new("no"),
        by: None,
    };
    let tally = Tally::of(&entries);
    assert_eq!(tally.findings.len(), 1, "{:?}", tally.findings);
    assert!(tally.findings[0].what.contains("not confirmed"));
}

#[test]
fn a_slip_number_that_comes_twice_is_a_finding() {
    let mut entries = started();
    entries.extend(act(Act::Identify, None));
    entries.extend(act(Act::PrintSlip, Some(1)));
    let once = Tally::of(&entries);
    assert_eq!(once.findings, vec![]);
    entries.extend(act(Act::PrintSlip, Some(1)));
    assert!(Tally::of(&entries).findings[0].what.contains("twice"));
}

#[test]
fn tells_what_is_known_of_the_key_in_hand() {
    let entries = good();
    let set_pin = entries
        .iter()
        .position(|e| {
            matches!(
                e,
                Entry::Intended {
                    effect: Act::SetPin,
                    ..
                }
            )
        })
        .unwrap();
    let before = Tally::of(&entries[..set_pin]).in_hand.unwrap();
    assert!(before.may_be_changed() && !before.may_have_pin());
    assert_eq!((before.slip, before.slip_is_confirmed), (Some(slip(1)), true));
    let after = Tally::of(&entries[..=set_pin]).in_hand.unwrap();
    assert!(after.may_have_pin());
    assert_eq!(after.open, Some(Act::SetPin));
    let fresh = Tally::of(&entries[..4]).in_hand.unwrap();
    assert!(!fresh.may_be_changed());
}
