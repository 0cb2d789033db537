//! What the station lets in at its USB ports, on the image: a ceremony's devices, and nothing else.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage` and `glasskey.img`; without it, `target/image` of this
//! repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::time::Duration;

use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::qemu::Qemu;
use bench::usbredir::device::Plug;
use bench::usbredir::gadget::Gadget;
use rehearsal::built;
use rehearsal::evidence::Evidence;
use rehearsal::officer::Officer;
use rehearsal::plan::Plan;
use rehearsal::recipient::Recipient;
use rehearsal::screen::Screen;
use rehearsal::station::{self, Station};

/// Time for the station to see what was plugged in, on a slow machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn key() -> VirtualKey {
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.set_touch(Touch::Manual);
    key
}

/// Plugs something in, reads that it is refused and why, and takes it out again.
fn refused(officer: &mut Officer<'_>, device: &dyn Plug, name: &str, why: &str, meanwhile: impl FnOnce()) {
    const PORT: usize = 1;
    officer.plug(PORT, device).unwrap();
    officer
        .see(&format!(r"!! Refused: {name} on port \S+; {why}\.\s+\S+"))
        .unwrap();
    meanwhile();
    officer.pull(PORT).unwrap();
}

#[test]
fn what_no_ceremony_needs_is_refused_and_on_the_record_and_the_rest_works() {
    let folder = tempfile::tempdir().unwrap();
    let recipient = Recipient::make(&folder.path().join("identity.txt")).unwrap();
    let plan = Plan::new(1, &recipient.public).text();
    let stick = station::make_stick(&folder.path().join("stick.img"), &plan).unwrap();
    let log = folder.path().join("console.log");
    let mut station = Station::start(&built::image(built::SERIAL_KERNEL), stick, &log).unwrap();
    let mut officer = Officer::new(&mut station);
    let ceremony = officer.begin().unwrap();
    officer.ready().unwrap();

    let typing = key();
    let mut identity = typing.identity();
    identity.keyboard = true;
    identity.product_text = "Typing Key".into();
    typing.set_identity(identity);
    let also = "it is also a keyboard or another input device";
    refused(&mut officer, &typing, "Typing Key", also, || {});
    assert_eq!(typing.counters().reports_in, 0, "somebody spoke with the key");

    let adapter = Gadget::network_adapter("Bench Ethernet");
    let network = "no ceremony needs a network adapter or modem";
    refused(&mut officer, &adapter, "Bench Ethernet", network, || {});
    assert!(!adapter.was_configured());

    let second = Gadget::keyboard("Second Keyboard");
    let already = "it is a keyboard, and there is one already";
    refused(&mut officer, &second, "Second Keyboard", already, || {
        second.type_text("yes\n");
        assert!(!second.is_heard());
    });
    assert!(!second.was_configured());

    let disguised = Gadget::keyboard_in_disguise("Disguised Keyboard");
    let hidden = "it is a keyboard that does not say so";
    refused(&mut officer, &disguised, "Disguised Keyboard", hidden, || {
        assert!(!disguised.is_heard());
    });
    assert!(disguised.was_configured(), "it could not be known before");

    // The twins: the printer has been let in, and a key without a keyboard is.
    let ordinary = key();
    officer.prepare(&ordinary, 0).unwrap();
    officer.close().unwrap();
    let evidence = Evidence::collect(station, &ceremony, folder.path()).unwrap();
    evidence
        .verify(&built::repository("target/debug/glasskey"), &recipient)
        .unwrap();
    let written: Vec<_> = evidence
        .events("usb-refused")
        .iter()
        .map(|line| format!("{}: {}", line["device"], line["reason"]))
        .collect();
    assert_eq!(
        written,
        [
            format!("\"Typing Key\": \"{also}\""),
            format!("\"Bench Ethernet\": \"{network}\""),
            format!("\"Second Keyboard\": \"{already}\""),
            format!("\"Disguised Keyboard\": \"{hidden}\""),
        ]
    );
    let is_policy = |line: &&&serde_json::Value| line["check"] == "USB policy";
    assert!(evidence.events("self-test").iter().find(is_policy).unwrap()["passed"] == true);
    assert_eq!(evidence.events("key-prepared").len(), 1);
}

#[test]
fn without_a_keyboard_the_first_one_is_let_in_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    // Without a plan nobody can go on, but the ports are kept.
    let stick = station::make_stick(&folder.path().join("stick.img"), "").unwrap();
    let mut machine = Qemu::builder()
        .kernel(built::image(built::SERIAL_KERNEL))
        .stick("officer", stick.path())
        .redir_ports(2)
        .arg("-machine")
        .arg("i8042=off")
        .start()
        .unwrap();
    machine
        .console()
        .expect("Press Enter to try again", PATIENCE)
        .unwrap();
    // What is there ten seconds after the start counts as there at the start.
    std::thread::sleep(Duration::from_secs(12));
    let (first, second) = (
        Gadget::keyboard("First Keyboard"),
        Gadget::keyboard("Second Keyboard"),
    );
    machine.plug(0, &first).unwrap();
    machine
        .console()
        .expect(
            regex::Regex::new(r"Keyboard: First Keyboard on port \S+\.").unwrap(),
            PATIENCE,
        )
        .unwrap();
    first.wait_heard(PATIENCE).unwrap();
    machine.plug(1, &second).unwrap();
    machine
        .console()
        .expect("!! Refused: Second Keyboard on port", PATIENCE)
        .unwrap();
    assert!(!second.was_configured() && first.is_heard());
    machine.pull(1).unwrap();
    machine.pull(0).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    machine.plug(1, &second).unwrap();
    second.wait_heard(PATIENCE).unwrap();
}

#[test]
fn a_second_keyboard_types_nothing_and_the_first_does() {
    let folder = tempfile::tempdir().unwrap();
    let recipient = Recipient::make(&folder.path().join("identity.txt")).unwrap();
    let plan = Plan::new(1, &recipient.public).text();
    let stick = station::make_stick(&folder.path().join("stick.img"), &plan).unwrap();
    let mut screen = Screen::start(
        &built::image(built::STICK),
        stick,
        1024,
        768,
        &built::repository(""),
    )
    .unwrap();
    screen.see("type your part").unwrap();
    screen.say("").unwrap();
    screen.see("Officer, type your initials").unwrap();
    let second = Gadget::keyboard("Second Keyboard");
    screen.machine().plug(0, &second).unwrap();
    screen.see("it is a keyboard, and there is one already").unwrap();
    second.type_text("intruder\n");
    screen.machine().pull(0).unwrap();
    let disguised = Gadget::keyboard_in_disguise("Disguised Keyboard");
    screen.machine().plug(1, &disguised).unwrap();
    // It types from the first moment on.
    for _ in 0..50 {
        disguised.type_text("x");
    }
    screen.see("it is a keyboard that does not say so").unwrap();
    screen.machine().pull(1).unwrap();
    let shown = screen.read().unwrap();
    assert!(!shown.contains("intruder") && !shown.contains("xx"), "{shown}");
    assert!(shown.contains("Officer, type your initials"), "{shown}");
    // Nothing stands before what the officer types.
    screen.say("AL").unwrap();
    screen.see("Witness, type your initials").unwrap();
    screen.say("GH").unwrap();
    screen.see("Put in the security key").unwrap();
}
