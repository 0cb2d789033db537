//! The guard over a sysfs made of files: what it writes where.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::console::script::{ScriptConsole, Shown};

const FIDO: &[u8] = &[0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0xC0];
const KEYBOARD: &[u8] = &[0x05, 0x01, 0x09, 0x06, 0xA1, 0x01, 0xC0];
const KEY: [u8; 3] = [3, 0, 0];
const TYPES: [u8; 3] = [3, 1, 1];
const PAGES: [u8; 3] = [7, 1, 2];
const CARD: [u8; 3] = [0x0B, 0, 0];
const ETHERNET: [u8; 3] = [2, 6, 0];

struct Tree(tempfile::TempDir);

impl Tree {
    fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        for (name, value) in DEFAULTS.iter().zip(["1", "1"]) {
            tree.put(&format!("usb1/{name}"), value);
        }
        tree
    }

    fn sys(&self) -> PathBuf {
        self.0.path().join("sys")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sys().join("bus/usb/devices").join(name)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn get(&self, name: &str) -> String {
        fs::read_to_string(self.path(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    }

    /// Plugs a device in; HID interfaces come with the report descriptor that a driver finds.
    fn plug(&self, name: &str, devnum: u8, classes: &[[u8; 3]], reports: &[u8]) {
        let mut bytes = vec![18, 1, 0, 2, 0, 0, 0, 64, 9, 18, 1, 0, 0, 1, 1, 2, 0, 1];
        let mut configuration = vec![9, 2, 0, 0, 1, 1, 0, 0x80, 50];
        for (class, number) in classes.iter().zip(0..) {
            configuration.extend([9, 4, number, 0, 2, class[0], class[1], class[2], 0]);
            configuration.extend([7, 5, 0x81, 3, 64, 0, 5]);
            if *class == KEY {
                configuration.extend([7, 5, 0x01, 3, 64, 0, 5]);
            }
            self.put(&format!("{name}:1.{number}/authorized"), "0\n");
            if *class == KEY {
                let hid = format!("{name}:1.{number}/0003:1209:0001.0001");
                self.put(&format!("{hid}/report_descriptor"), reports);
                if reports != FIDO {
                    self.put(&format!("{hid}/input/input7/name"), "x");
                }
            }
        }
        let length = u16::try_from(configuration.len()).unwrap().to_le_bytes();
        configuration[2..4].copy_from_slice(&length);
        bytes.extend(configuration);
        self.put(&format!("{name}/descriptors"), bytes);
        self.put(&format!("{name}/devnum"), format!("{devnum}\n"));
        self.put(&format!("{name}/authorized"), "0\n");
        self.put(&format!("{name}/product"), "Thing\n");
    }

    fn pull(&self, name: &str) {
        for entry in fs::read_dir(self.path("")).unwrap().flatten() {
            let found = entry.file_name().into_string().unwrap();
            if found == name || found.starts_with(&format!("{name}:")) {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }

    fn guard(&self) -> Guard {
        Guard::at(self.sys(), Duration::ZERO, || {})
    }

    fn built_in_keyboard(&self) {
        fs::create_dir_all(self.sys().join("bus/serio/drivers/atkbd/serio0")).unwrap();
    }
}

fn refused(news: &[News]) -> Vec<(&str, Refusal)> {
    news.iter()
        .filter_map(|n| match n.decision {
            Decision::Refused(why) => Some((n.port.as_str(), why)),
            Decision::Keyboard | Decision::TakenOut => None,
        })
        .collect()
}

#[test]
fn the_kernel_lets_nothing_in_by_itself_once_the_guard_has_begun() {
    let tree = Tree::new();
    assert!(!check(tree.0.path()).passed);
    let _guard = tree.guard();
    assert_eq!(tree.get("usb1/authorized_default"), "0");
    assert_eq!(tree.get("usb1/interface_authorized_default"), "0");
    assert!(check(tree.0.path()).passed);
    assert!(
        !check(Path::new("/no/such/path")).passed,
        "no ports at all is no pass"
    );
}

#[test]
fn a_controller_that_comes_later_is_closed_too() {
    let tree = Tree::new();
    let mut guard = tree.guard();
    tree.put("usb2/authorized_default", "1");
    tree.put("usb2/interface_authorized_default", "1");
    guard.look();
    assert_eq!(tree.get("usb2/authorized_default"), "0");
}

#[test]
fn a_key_is_let_in_without_its_smart_card_interface_at_every_replug() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut guard = tree.guard();
    for devnum in 4..7 {
        tree.plug("1-2", devnum, &[CARD, KEY], FIDO);
        assert_eq!(guard.look(), []);
        assert_eq!(tree.get("1-2/authorized"), "1");
        assert_eq!(tree.get("1-2:1.0/authorized"), "0");
        assert_eq!(tree.get("1-2:1.1/authorized"), "1");
        let probed = fs::read_to_string(tree.sys().join("bus/usb/drivers_probe")).unwrap();
        assert_eq!(probed, "1-2:1.1");
        // Looked at once, it is left alone.
        tree.put("1-2:1.1/authorized", "seen");
        assert_eq!(guard.look(), []);
        assert_eq!(tree.get("1-2:1.1/authorized"), "seen");
    }
}

#[test]
fn what_is_not_needed_stays_out_and_is_told_once() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut guard = tree.guard();
    tree.plug("1-1", 2, &[PAGES], &[]);
    tree.plug("1-2", 3, &[ETHERNET], &[]);
    tree.plug("1-3", 4, &[KEY, TYPES], FIDO);
    tree.plug("1-4", 5, &[TYPES], &[]);
    let news = guard.look();
    assert_eq!(
        refused(&news),
        [
            ("1-2", Refusal::NotNeeded(2)),
            ("1-3", Refusal::KeyThatTypes),
            ("1-4", Refusal::SecondKeyboard)
        ]
    );
    assert_eq!(news[0].device, "Thing");
    assert_eq!(tree.get("1-1:1.0/authorized"), "1");
    for name in ["1-2", "1-2:1.0", "1-3", "1-3:1.0", "1-3:1.1", "1-4", "1-4:1.0"] {
        assert_eq!(tree.get(&format!("{name}/authorized")), "0", "{name}");
    }
    assert_eq!(guard.look(), []);
    tree.pull("1-2");
    let news = guard.look();
    assert_eq!((news.len(), news[0].decision), (1, Decision::TakenOut));
    tree.plug("1-2", 6, &[ETHERNET], &[]);
    assert_eq!(guard.look().len(), 1);
}

#[test]
fn what_the_kernel_let_in_before_the_guard_began_is_put_out_again() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    tree.plug("1-2", 3, &[ETHERNET], &[]);
    tree.plug("1-3", 4, &[PAGES, CARD], &[]);
    for name in ["1-2", "1-3", "1-3:1.0", "1-3:1.1"] {
        tree.put(&format!("{name}/authorized"), "1\n");
    }
    assert_eq!(tree.guard().look().len(), 1);
    assert_eq!(tree.get("1-2/authorized"), "0");
    assert_eq!(tree.get("1-3:1.0/authorized"), "1");
    assert_eq!(tree.get("1-3:1.1/authorized"), "0");
}

#[test]
fn the_first_keyboard_is_let_in_and_the_next_when_it_is_gone() {
    let tree = Tree::new();
    let mut guard = tree.guard();
    tree.plug("1-4", 2, &[TYPES], &[]);
    assert_eq!(guard.look()[0].decision, Decision::Keyboard);
    assert_eq!(tree.get("1-4:1.0/authorized"), "1");
    tree.plug("1-5", 3, &[TYPES], &[]);
    assert_eq!(refused(&guard.look()), [("1-5", Refusal::SecondKeyboard)]);
    tree.pull("1-4");
    tree.pull("1-5");
    guard.look();
    tree.plug("1-5", 4, &[TYPES], &[]);
    assert_eq!(guard.look()[0].decision, Decision::Keyboard);
}

#[test]
fn a_keyboard_put_back_into_its_port_between_two_looks_is_let_in_again() {
    let tree = Tree::new();
    let mut guard = tree.guard();
    for devnum in 2..4 {
        tree.plug("1-4", devnum, &[TYPES], &[]);
        assert_eq!(guard.look()[0].decision, Decision::Keyboard);
    }
}

#[test]
fn at_the_start_every_keyboard_is_one_that_was_there() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    tree.plug("1-4", 2, &[TYPES], &[]);
    tree.plug("1-5", 3, &[TYPES, KEY], KEYBOARD);
    tree.plug("1-6", 4, &[TYPES, KEY], FIDO);
    let mut guard = Guard::at(tree.sys(), Duration::from_hours(1), || {});
    let news = guard.look();
    assert_eq!(news.len(), 3);
    assert_eq!(refused(&news), [("1-6", Refusal::KeyThatTypes)]);
    // Its own keys are in; the buttons beside them are not.
    assert_eq!(tree.get("1-5:1.0/authorized"), "1");
    assert_eq!(tree.get("1-5:1.1/authorized"), "0");
}

#[test]
fn the_start_is_over_when_somebody_has_typed() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut script = ScriptConsole::with_answers([("Go on?", "yes"), ("Go on?", "yes")]);
    let guard = Guard::at(tree.sys(), Duration::from_hours(1), || {});
    let mut console = GuardedConsole::new(&mut script, guard);
    tree.plug("1-4", 2, &[TYPES], &[]);
    console.ask("Go on?").unwrap();
    assert_eq!(console.wait_line().unwrap(), "yes");
    tree.plug("1-5", 3, &[TYPES], &[]);
    console.ask("Go on?").unwrap();
    let refused = console.take_notes();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(
        matches!(&refused[0], Entry::UsbRefused { port, .. } if port.as_str() == "1-5"),
        "{refused:?}"
    );
}

#[test]
fn after_a_crash_the_keyboards_that_were_let_in_stay_and_no_other_one_comes() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut first = Guard::at(tree.sys(), Duration::from_hours(1), || {});
    tree.plug("1-4", 2, &[TYPES], &[]);
    assert_eq!(first.look().len(), 1);
    drop(first);
    // While nobody looked.
    tree.plug("1-5", 3, &[TYPES], &[]);
    let mut again = tree.guard();
    again.keep_keyboards();
    assert_eq!(refused(&again.look()), [("1-5", Refusal::SecondKeyboard)]);
    assert_eq!(tree.get("1-4:1.0/authorized"), "1");
    // Without its memory the guard would refuse both.
    assert_eq!(refused(&tree.guard().look()).len(), 2);
}

#[test]
fn a_keyboard_in_the_guise_of_a_key_is_put_out_and_what_it_typed_is_forgotten() {
    static FORGOTTEN: AtomicUsize = AtomicUsize::new(0);
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut guard = Guard::at(tree.sys(), Duration::ZERO, || {
        FORGOTTEN.fetch_add(1, Ordering::Relaxed);
    });
    tree.plug("1-2", 2, &[KEY], FIDO);
    assert_eq!(guard.look(), []);
    assert_eq!(FORGOTTEN.load(Ordering::Relaxed), 0);
    tree.plug("1-3", 3, &[KEY], KEYBOARD);
    assert_eq!(refused(&guard.look()), [("1-3", Refusal::HiddenKeyboard)]);
    assert_eq!(tree.get("1-3/authorized"), "0");
    assert_eq!(FORGOTTEN.load(Ordering::Relaxed), 1);
}

#[test]
fn a_device_that_does_not_come_up_is_tried_a_few_times_and_then_refused() {
    let tree = Tree::new();
    tree.plug("1-2", 2, &[KEY], FIDO);
    fs::remove_dir_all(tree.path("1-2:1.0")).unwrap();
    let mut guard = tree.guard();
    for _ in 0..TRIES {
        assert_eq!(guard.look(), []);
    }
    assert_eq!(refused(&guard.look()), [("1-2", Refusal::Unreadable)]);
    // The twin: it comes up at the third try.
    tree.plug("1-3", 3, &[KEY], FIDO);
    let hid = tree.path("1-3:1.0/0003:1209:0001.0001");
    fs::rename(&hid, Path::new(&tree.path("aside"))).unwrap();
    assert_eq!(guard.look(), []);
    fs::rename(tree.path("aside"), &hid).unwrap();
    assert_eq!(guard.look(), []);
    assert_eq!(tree.get("1-3:1.0/authorized"), "1");
}

#[test]
fn bytes_without_sense_are_refused() {
    let tree = Tree::new();
    tree.plug("1-2", 2, &[PAGES], &[]);
    tree.put("1-2/descriptors", [0_u8; 40]);
    assert_eq!(refused(&tree.guard().look()), [("1-2", Refusal::Unreadable)]);
}

#[test]
fn the_console_tells_what_was_refused_and_hands_it_over_for_the_transcript() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut script = ScriptConsole::new();
    let mut console = GuardedConsole::new(&mut script, tree.guard());
    tree.plug("1-1", 2, &[PAGES], &[]);
    console.look().unwrap();
    assert_eq!(console.take_notes(), []);
    tree.plug("1-2", 3, &[ETHERNET], &[]);
    console.poll(Duration::ZERO).unwrap();
    let refused = console.take_notes();
    let [Entry::UsbRefused { device, port, .. }] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!((device.as_str(), port.as_str()), ("Thing", "1-2"));
    assert_eq!(console.take_notes(), []);
    let [Shown::Told(text)] = script.record() else {
        panic!("{:?}", script.record())
    };
    assert!(
        text.starts_with(
            "!! Refused: Thing on port 1-2; no ceremony needs a network adapter or modem.\n   Take it out."
        ),
        "{text}"
    );
}

#[test]
fn what_is_refused_is_seen_until_it_is_taken_out() {
    let tree = Tree::new();
    tree.built_in_keyboard();
    let mut script = ScriptConsole::new();
    let mut console = GuardedConsole::new(&mut script, tree.guard());
    let mut view = View::default();
    view.instruction.sentence = "Put in the key.".into();
    console.show(&view).unwrap();
    tree.plug("1-2", 3, &[ETHERNET], &[]);
    console.look().unwrap();
    tree.pull("1-2");
    console.look().unwrap();
    let seen = script.record().iter().filter_map(|shown| match shown {
        Shown::View(view) => Some(view.instruction.sentence.as_str()),
        _ => None,
    });
    assert_eq!(
        seen.collect::<Vec<_>>(),
        ["Put in the key.", "Refused: Thing", "Put in the key."]
    );
}
