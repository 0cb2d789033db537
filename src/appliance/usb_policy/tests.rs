//! Verdicts over descriptors as real devices have them.

use proptest::prelude::*;

use super::*;

/// An interface: class triple and its endpoints as (address, attributes).
type Face<'a> = ([u8; 3], &'a [(u8, u8)]);

const KEY: Face<'_> = ([3, 0, 0], &[(0x81, 3), (0x01, 3)]);
const TYPES: Face<'_> = ([3, 1, 1], &[(0x82, 3)]);
const CARD: Face<'_> = ([0x0B, 0, 0], &[(0x83, 2), (0x03, 2), (0x84, 3)]);
const PAGES: Face<'_> = ([7, 1, 2], &[(0x01, 2), (0x82, 2)]);
const SCANNER: Face<'_> = ([0xFF, 0xCC, 0], &[(0x85, 2)]);
const DISK: Face<'_> = ([8, 6, 0x50], &[(0x81, 2), (0x02, 2)]);
const ETHERNET: Face<'_> = ([2, 6, 0], &[(0x83, 3)]);
const MOUSE: Face<'_> = ([3, 1, 2], &[(0x81, 3)]);
const LIGHTS: Face<'_> = ([3, 0, 0], &[(0x85, 3), (0x05, 3)]);
const BUTTONS: Face<'_> = ([3, 0, 0], &[(0x84, 3)]);

fn device(class: u8) -> Vec<u8> {
    vec![18, 1, 0, 2, class, 0, 0, 64, 9, 18, 1, 0, 0, 1, 1, 2, 0, 1]
}

fn configuration(value: u8, faces: &[Face<'_>]) -> Vec<u8> {
    let mut bytes = vec![9, 2, 0, 0, u8::try_from(faces.len()).unwrap(), value, 0, 0x80, 50];
    for ((class, endpoints), number) in faces.iter().zip(0..) {
        let count = u8::try_from(endpoints.len()).unwrap();
        bytes.extend([9, 4, number, 0, count, class[0], class[1], class[2], 0]);
        if class[0] == 3 {
            bytes.extend([9, 0x21, 0x11, 1, 0, 1, 0x22, 34, 0]);
        }
        for (address, attributes) in *endpoints {
            bytes.extend([7, 5, *address, *attributes, 64, 0, 5]);
        }
    }
    let length = u16::try_from(bytes.len()).unwrap().to_le_bytes();
    bytes[2..4].copy_from_slice(&length);
    bytes
}

fn described(class: u8, faces: &[Face<'_>]) -> Description {
    Description::read(&[device(class), configuration(1, faces)].concat()).unwrap()
}

fn place(interface: u8) -> Place {
    Place {
        configuration: 1,
        interface,
    }
}

fn admitted(faces: &[Face<'_>], keyboard_wanted: bool) -> Vec<(u8, Part)> {
    match judge(&described(0, faces), keyboard_wanted) {
        Verdict::Admit(parts) => parts.iter().map(|(p, part)| (p.interface, *part)).collect(),
        Verdict::Refuse(why) => panic!("refused: {why}"),
    }
}

fn refused(faces: &[Face<'_>], keyboard_wanted: bool) -> Refusal {
    match judge(&described(0, faces), keyboard_wanted) {
        Verdict::Refuse(why) => why,
        Verdict::Admit(parts) => panic!("admitted: {parts:?}"),
    }
}

#[test]
fn what_a_ceremony_needs_is_let_in_and_nothing_beside_it() {
    for wanted in [false, true] {
        assert_eq!(admitted(&[KEY], wanted), [(0, Part::PerhapsKey)]);
        assert_eq!(admitted(&[CARD, KEY], wanted), [(1, Part::PerhapsKey)]);
        assert_eq!(admitted(&[SCANNER, PAGES], wanted), [(1, Part::Printer)]);
        assert_eq!(
            admitted(&[PAGES, DISK], wanted),
            [(0, Part::Printer), (1, Part::Stick)]
        );
        assert_eq!(admitted(&[DISK], wanted), [(0, Part::Stick)]);
        assert_eq!(admitted(&[DISK, ETHERNET], wanted), [(0, Part::Stick)]);
    }
    let hub = described(9, &[([9, 0, 1], &[(0x81, 3)])]);
    assert_eq!(judge(&hub, false), Verdict::Admit(vec![(place(0), Part::Hub)]));
}

#[test]
fn what_no_ceremony_needs_is_refused() {
    for wanted in [false, true] {
        assert_eq!(
            refused(&[ETHERNET, ([10, 0, 0], &[])], wanted),
            Refusal::NotNeeded(2)
        );
        assert_eq!(refused(&[CARD], wanted), Refusal::NotNeeded(0x0B));
        assert_eq!(refused(&[SCANNER], wanted), Refusal::NotNeeded(0xFF));
        assert_eq!(refused(&[], wanted), Refusal::NotNeeded(0));
        // UAS alone, and a floppy drive.
        assert_eq!(refused(&[([8, 6, 0x62], &[])], wanted), Refusal::NotNeeded(8));
        assert_eq!(refused(&[([8, 4, 0], &[])], wanted), Refusal::NotNeeded(8));
        assert_eq!(refused(&[MOUSE], wanted), Refusal::InputDevice);
        assert_eq!(refused(&[BUTTONS], wanted), Refusal::InputDevice);
        assert_eq!(refused(&[DISK, MOUSE], wanted), Refusal::InputDevice);
    }
    // A hub's interface in something that is no hub.
    assert_eq!(refused(&[([9, 0, 0], &[])], false), Refusal::NotNeeded(9));
}

#[test]
fn a_keyboard_is_let_in_while_one_is_wanted() {
    assert_eq!(admitted(&[TYPES], true), [(0, Part::Keyboard)]);
    assert_eq!(admitted(&[TYPES, MOUSE, BUTTONS], true), [(0, Part::Keyboard)]);
    assert_eq!(refused(&[TYPES], false), Refusal::SecondKeyboard);
    assert_eq!(refused(&[TYPES, MOUSE, BUTTONS], false), Refusal::SecondKeyboard);
    assert_eq!(refused(&[DISK, TYPES], false), Refusal::SecondKeyboard);
    // A stick that is a keyboard as well is a keyboard at most.
    assert_eq!(admitted(&[DISK, TYPES], true), [(1, Part::Keyboard)]);
}

#[test]
fn a_key_that_types_is_refused() {
    assert_eq!(refused(&[KEY, TYPES], false), Refusal::KeyThatTypes);
    assert_eq!(refused(&[TYPES, KEY, CARD], false), Refusal::KeyThatTypes);
    assert_eq!(refused(&[KEY, MOUSE], true), Refusal::KeyThatTypes);
    assert_eq!(refused(&[KEY, BUTTONS], false), Refusal::KeyThatTypes);
    // Where a keyboard is wanted, it is looked at first, and cannot type meanwhile.
    assert_eq!(admitted(&[TYPES, KEY], true), [(1, Part::PerhapsKey)]);
    let device = described(0, &[TYPES, KEY]);
    let fido = Looked {
        is_fido: true,
        is_input: false,
    };
    assert_eq!(
        judge_looked_at(&device, &[fido], true),
        Verdict::Refuse(Refusal::KeyThatTypes)
    );
    let lights = Looked {
        is_fido: false,
        is_input: false,
    };
    let keyboard = described(0, &[TYPES, LIGHTS]);
    assert_eq!(
        judge_looked_at(&keyboard, &[lights], true),
        Verdict::Admit(vec![(place(0), Part::Keyboard)])
    );
    assert_eq!(
        judge_looked_at(&keyboard, &[lights], false),
        Verdict::Refuse(Refusal::SecondKeyboard)
    );
}

#[test]
fn what_passes_for_a_key_is_looked_at() {
    let look = |is_fido, is_input| Looked { is_fido, is_input };
    let key = described(0, &[CARD, KEY]);
    assert_eq!(
        judge_looked_at(&key, &[look(true, false)], false),
        Verdict::Admit(vec![(place(1), Part::PerhapsKey)])
    );
    for is_fido in [false, true] {
        assert_eq!(
            judge_looked_at(&key, &[look(is_fido, true)], true),
            Verdict::Refuse(Refusal::HiddenKeyboard)
        );
    }
    assert_eq!(
        judge_looked_at(&key, &[look(false, false)], false),
        Verdict::Refuse(Refusal::InputDevice)
    );
    let two = described(0, &[KEY, LIGHTS]);
    assert_eq!(
        judge_looked_at(&two, &[look(true, false), look(false, false)], false),
        Verdict::Refuse(Refusal::KeyThatTypes)
    );
}

#[test]
fn another_setting_or_configuration_hides_nothing() {
    // A stick whose second setting is UAS is a stick; one whose second setting types is refused.
    let with_settings = |class: [u8; 3]| {
        let mut second = configuration(1, &[DISK]);
        second.extend([9, 4, 0, 1, 0, class[0], class[1], class[2], 0]);
        let length = u16::try_from(second.len()).unwrap().to_le_bytes();
        second[2..4].copy_from_slice(&length);
        judge(&Description::read(&[device(0), second].concat()).unwrap(), false)
    };
    assert!(matches!(with_settings([8, 6, 0x62]), Verdict::Admit(_)));
    assert_eq!(with_settings([3, 1, 1]), Verdict::Refuse(Refusal::InputDevice));
    let two = [device(0), configuration(1, &[KEY]), configuration(2, &[TYPES])].concat();
    assert_eq!(
        judge(&Description::read(&two).unwrap(), false),
        Verdict::Refuse(Refusal::KeyThatTypes)
    );
}

#[test]
fn bytes_that_describe_nothing_are_unreadable() {
    assert_eq!(Description::read(&[]), Err(Unreadable));
    assert_eq!(Description::read(&device(0)[..17]), Err(Unreadable));
    assert_eq!(
        Description::read(&[device(0), vec![1, 1, 1]].concat()),
        Err(Unreadable)
    );
    let mut other = device(0);
    other[1] = 2;
    assert_eq!(Description::read(&other), Err(Unreadable));
    assert!(Description::read(&device(0)).is_ok());
    // A descriptor of length zero ends its configuration, not the reading.
    let mut broken = configuration(1, &[KEY]);
    broken[9] = 0;
    let both = [device(0), broken, configuration(2, &[DISK])].concat();
    assert_eq!(Description::read(&both).unwrap().interfaces.len(), 1);
}

#[test]
fn every_refusal_says_what_happened_and_what_to_do() {
    for refusal in [
        Refusal::SecondKeyboard,
        Refusal::KeyThatTypes,
        Refusal::HiddenKeyboard,
        Refusal::InputDevice,
        Refusal::NotNeeded(2),
        Refusal::Unreadable,
    ] {
        assert!(refusal.hint().starts_with("Take it out") || refusal.hint().contains("Take it out."));
        assert!(refusal.to_string().len() > 10);
    }
    assert!(Refusal::NotNeeded(2).to_string().contains("network"));
}

fn faces() -> impl Strategy<Value = Vec<Face<'static>>> {
    let all = [
        KEY, TYPES, CARD, PAGES, SCANNER, DISK, ETHERNET, MOUSE, LIGHTS, BUTTONS,
    ];
    prop::collection::vec(prop::sample::select(all.to_vec()), 0..5)
}

proptest! {
    #[test]
    fn foreign_bytes_never_panic(tail: Vec<u8>, class: u8, wanted: bool) {
        for bytes in [tail.clone(), [device(class), tail].concat()] {
            if let Ok(device) = Description::read(&bytes) {
                let _ = judge(&device, wanted);
            }
        }
    }

    #[test]
    fn nothing_that_types_is_let_in_unless_a_keyboard_is_wanted(faces in faces()) {
        if let Verdict::Admit(parts) = judge(&described(0, &faces), false) {
            for (place, part) in parts {
                prop_assert!(part != Part::Keyboard);
                prop_assert!(faces[usize::from(place.interface)].0 != TYPES.0);
            }
            prop_assert!(faces.iter().all(|f| f.0 != TYPES.0 && f.0 != MOUSE.0));
        }
    }

    #[test]
    fn a_keyboard_is_never_let_in_together_with_anything_else(faces in faces()) {
        if let Verdict::Admit(parts) = judge(&described(0, &faces), true) {
            let keyboards = parts.iter().filter(|(_, p)| *p == Part::Keyboard).count();
            prop_assert!(keyboards == 0 || keyboards == parts.len());
        }
    }
}
