//! The ceremony program crashes on the real image, by a device that only the test's build of it knows.
//!
//! `tests/crash/image` makes that image.

use std::time::Duration;

use bench::identity::UsbIdentity;
use bench::usbredir::printer::Printer;
use rehearsal::Result;
use rehearsal::built;
use rehearsal::officer::Officer;
use rehearsal::people::Passphrases;
use rehearsal::screen::Screen;
use rehearsal::station::Station;

use crate::of;
use crate::table::{Table, image, key, verified};

/// Where the device is plugged in that the program dies of.
const SOCKET: usize = 2;
/// What the shipped program must not know.
const MARK: &[u8] = b"Bench crash: ";

/// The device that the program dies of.
fn device(how: &str) -> Printer {
    let device = Printer::default();
    device.set_identity(UsbIdentity {
        product_text: format!("Bench crash: {how}"),
        product: 0x0009,
        ..UsbIdentity::default()
    });
    device
}

/// Plugs the device in, and takes it out when process 1 has said what happened.
fn crash(officer: &mut Officer<'_>, how: &str, said: &str) -> Result<()> {
    officer.plug(SOCKET, &device(how))?;
    officer.see(&format!(
        r"(?s)The ceremony program has crashed: {said}.*journal on the stick holds\s+all that was confirmed"
    ))?;
    officer.pull(SOCKET)
}

fn again(officer: &mut Officer<'_>) -> Result<()> {
    officer.see("Press Enter to start it again, or type off to switch off:")?;
    officer.say("")
}

#[test]
fn a_ceremony_goes_on_after_its_program_crashed_at_three_places() {
    let mut table = Table::new();
    let mut station = table.start(|stick, log| Station::start(&image("crash-image"), stick, log));
    let (first, second) = (key(), key());
    let mut ceremony = String::new();
    let mut officer = Officer::new(&mut station).with(Passphrases::two());
    let mut play = || {
        let officer = &mut officer;
        // A passphrase is being typed, and the terminal shows no letter.
        officer.see("Officer, type your part .*:")?;
        crash(officer, "kill", "signal 9")?;
        again(officer)?;
        // While the key waits for a finger, in a process of its own.
        ceremony = officer.begin()?;
        officer.explain("The program crashed before the first key.")?;
        let (label, _) = officer.announced()?;
        officer.put_in(&first, 0)?;
        officer.replug_for_reset(&first, 0)?;
        officer.see("Touch the key now")?;
        crash(officer, "abort", "signal 6")?;
        officer.pull(0)?;
        again(officer)?;
        officer.begin()?;
        officer.explain("The program crashed.")?;
        let (again_label, _) = officer.announced()?;
        assert_eq!(label, again_label);
        officer.put_in(&first, 0)?;
        officer.replug_for_reset(&first, 0)?;
        officer.slip_printed(&first)?;
        officer.finish_key(&first, 0, &label)?;
        // A key is done: it may crash again.
        officer.see("Put in the security key")?;
        crash(officer, "kill", "signal 9")?;
        again(officer)?;
        officer.begin()?;
        officer.explain("The program crashed again.")?;
        let (label, _) = officer.announced()?;
        officer.put_in(&second, 0)?;
        officer.replug_for_reset(&second, 0)?;
        officer.slip_printed(&second)?;
        officer.finish_key(&second, 0, &label)?;
        officer.close()
    };
    play().unwrap_or_else(|error: rehearsal::Error| panic!("{error}"));
    let lines = table.finish(station, &ceremony);
    let ended = lines.last().unwrap();
    assert!(ended["event"] == "ended" && ended["prepared"] == 2, "{ended}");
    assert!(
        of(&lines, "resumed").iter().any(|line| line["cut"] == true),
        "{lines:?}"
    );
    verified(&table, &ceremony, 0);
}

#[test]
fn three_crashes_without_a_key_done_end_in_a_machine_that_is_off_and_a_stick_that_goes_on() {
    let mut table = Table::new();
    let mut station = table.start(|stick, log| Station::start(&image("crash-image"), stick, log));
    let mut officer = Officer::new(&mut station);
    let ceremony = officer.begin().unwrap();
    officer.see("Put in the security key").unwrap();
    for _ in 0..2 {
        crash(&mut officer, "kill", "signal 9").unwrap();
        again(&mut officer).unwrap();
        officer.see("Ceremony [0-9A-Z]{8}: ").unwrap();
    }
    crash(&mut officer, "abort", "signal 6").unwrap();
    officer
        .see(r"(?s)It is not started again.*the same\s+stick.*Press Enter to switch off:")
        .unwrap();
    officer.say("").unwrap();
    let lines = table.finish(station, &ceremony);
    assert_eq!(of(&lines, "started").len(), 1);

    // The program that ships goes on with that stick.
    let mut station = table.start(|stick, log| Station::start(&image("image"), stick, log));
    let mut officer = Officer::new(&mut station);
    assert_eq!(officer.begin().unwrap(), ceremony);
    officer.explain("Crashes.").unwrap();
    officer.see("Put in the security key").unwrap();
    table.cut(station, &ceremony);
    verified(&table, &ceremony, 44);
}

#[test]
fn the_screen_shows_a_crash_and_the_keyboard_answers() {
    let mut table = Table::new();
    let folder = image("crash-image");
    let disk = folder.with_file_name("glasskey.img");
    let mut screen = Screen::start(&disk, table.take(), 1024, 768, &built::repository("")).unwrap();
    screen.see("type your part").unwrap();
    // Pressed by accident: the kernel alone would restart the machine, and QEMU would end.
    screen.machine().send_key("ctrl-alt-delete").unwrap();
    screen.machine().plug(SOCKET, &device("abort")).unwrap();
    screen.see("has crashed: signal 6").unwrap();
    screen.see("Press Enter to start it again").unwrap();
    let shown = screen.read().unwrap();
    assert!(
        shown.contains("as after a power cut") && !shown.contains("type your part"),
        "{shown}"
    );
    screen.machine().pull(SOCKET).unwrap();
    // What is typed here is shown: the full screen had switched that off.
    screen.machine().type_text("of").unwrap();
    screen.see("to switch off: of").unwrap();
    screen.say("f").unwrap();
    screen.finish().unwrap();
}

#[test]
fn who_does_not_want_it_again_switches_off() {
    let mut table = Table::new();
    let mut station = table.start(|stick, log| Station::start(&image("crash-image"), stick, log));
    let mut officer = Officer::new(&mut station);
    let ceremony = officer.begin().unwrap();
    crash(&mut officer, "kill", "signal 9").unwrap();
    officer
        .see("Press Enter to start it again, or type off to switch off:")
        .unwrap();
    officer.say("off").unwrap();
    station.machine().wait_exit(Duration::from_secs(30)).unwrap();
    table.cut(station, &ceremony);
    verified(&table, &ceremony, 44);
}

#[test]
fn the_program_that_ships_knows_no_device_to_die_of() {
    let holds = |folder: &str| {
        let kernel = image(folder).with_file_name("glasskey.vmlinux");
        // The initramfs lies in it uncompressed.
        let bytes = std::fs::read(kernel).unwrap();
        bytes.windows(MARK.len()).any(|window| window == MARK)
    };
    assert!(!holds("image"), "the shipped program has the way to crash");
    assert!(holds("crash-image"), "the control: the other one has it");
    assert!(built::repository("tests/crash/src/main.rs").is_file());
}
