//! The image that ships needs its stick for the start alone, switches the machine off, and can be read on the smallest screen.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey.img`; without it, `target/image` of this repository.
//! With `GLASSKEY_PICTURES`, photographs of the screens are left in that folder.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use rehearsal::built;
use rehearsal::plan::plan;
use rehearsal::recipient::Recipient;
use rehearsal::screen::Screen;
use rehearsal::station::{self, STICK};
use serde_json::json;

fn start(folder: &Path, width: u32, height: u32) -> Screen {
    let recipient = Recipient::make(&folder.join("identity.txt")).unwrap();
    let stick = station::make_stick(&folder.join("stick.img"), &plan(1, &recipient.public)).unwrap();
    Screen::start(
        &built::image(built::STICK),
        stick,
        width,
        height,
        &built::repository(""),
    )
    .unwrap()
}

fn photograph(screen: &mut Screen, name: &str) {
    if let Some(folder) = std::env::var_os("GLASSKEY_PICTURES") {
        std::fs::create_dir_all(&folder).unwrap();
        screen
            .photograph(&PathBuf::from(folder).join(format!("{name}.png")))
            .unwrap();
    }
}

/// A machine that was started from the image, without either stick now.
fn without_sticks(folder: &Path, width: u32, height: u32) -> Screen {
    let mut screen = start(folder, width, height);
    // The firmware has not looked at it yet: the station starts and finds no plan.
    screen.machine().pull_stick(STICK).unwrap();
    screen.see("No stick with a file").unwrap();
    screen.see("Press Enter to try again").unwrap();
    let qmp = screen.machine().qmp();
    qmp.execute("device_del", &json!({ "id": "dev-boot" })).unwrap();
    qmp.wait_event(Duration::from_secs(20), |event| {
        event["event"] == "DEVICE_DELETED" && event["data"]["device"] == "dev-boot"
    })
    .unwrap();
    screen
}

#[test]
fn the_boot_stick_may_be_taken_out_after_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = without_sticks(folder.path(), 1024, 768);
    let stick = folder.path().join("stick.img");
    screen.machine().plug_stick(STICK, &stick).unwrap();
    screen.say("").unwrap();
    screen.see("type your part").unwrap();
    screen.say("").unwrap();
    screen.see("Officer, type your initials").unwrap();
}

#[test]
fn without_any_stick_the_machine_switches_itself_off() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = without_sticks(folder.path(), 800, 600);
    photograph(&mut screen, "800-no-stick");
    screen.say("off").unwrap();
    screen.finish().unwrap();
}

#[test]
fn the_smallest_screen_shows_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = start(folder.path(), 800, 600);
    screen.see("type your part").unwrap();
    photograph(&mut screen, "800-passphrase");
    screen.say("").unwrap();
    screen.see("Officer, type your initials").unwrap();
    photograph(&mut screen, "800-initials");
    screen.say("AL").unwrap();
    screen.see("Witness, type your initials").unwrap();
    screen.say("GH").unwrap();
    screen.see("Put in the security key").unwrap();
    photograph(&mut screen, "800-put-in");
}
