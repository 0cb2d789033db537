//! The image that ships under UEFI firmware: what its screen shows is read from the picture, and a keyboard answers.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey.img`; without it, `target/image` of this repository.
//! With `GLASSKEY_PICTURES`, photographs of the screens are left in that folder.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::path::{Path, PathBuf};

use bench::engine::Touch;
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use rehearsal::built;
use rehearsal::plan::plan;
use rehearsal::recipient::Recipient;
use rehearsal::screen::Screen;
use rehearsal::{papers, station};

/// Photographs the screen, where pictures are wanted.
fn photograph(screen: &mut Screen, name: &str) {
    if let Some(folder) = std::env::var_os("GLASSKEY_PICTURES") {
        std::fs::create_dir_all(&folder).unwrap();
        let path = PathBuf::from(folder).join(format!("{name}.png"));
        screen.photograph(&path).unwrap();
    }
}

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

/// From power-on to the first key's turn.
fn open(screen: &mut Screen, size: &str) {
    screen.see("type your part").unwrap();
    photograph(screen, &format!("{size}-passphrase"));
    screen.say("").unwrap();
    screen.see("Officer, type your initials").unwrap();
    photograph(screen, &format!("{size}-initials"));
    screen.say("AL").unwrap();
    screen.see("Witness, type your initials").unwrap();
    screen.say("GH").unwrap();
    screen.see("Put in the security key").unwrap();
    photograph(screen, &format!("{size}-put-in"));
}

#[test]
fn a_key_is_prepared_with_screen_and_keyboard_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = start(folder.path(), 1024, 768);
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.set_touch(Touch::Manual);

    open(&mut screen, "1024");
    screen.machine().plug(0, &key).unwrap();
    screen.see("Erase this key?").unwrap();
    photograph(&mut screen, "1024-erase");
    screen.say("yes").unwrap();
    screen.see("Take the key out now").unwrap();
    photograph(&mut screen, "1024-take-out");
    screen.machine().pull(0).unwrap();
    screen.see("same socket").unwrap();
    photograph(&mut screen, "1024-put-back");
    screen.machine().plug(0, &key).unwrap();
    screen.see("Touch the key").unwrap();
    photograph(&mut screen, "1024-touch");
    screen.touch(&key).unwrap();
    screen.see("come out whole").unwrap();
    photograph(&mut screen, "1024-slip");
    screen.say("yes").unwrap();
    screen.touch(&key).unwrap();
    screen.see("label id you read").unwrap();
    photograph(&mut screen, "1024-label");
    let printed = papers::render(&screen.printed(), &folder.path().join("papers")).unwrap();
    let label = printed.iter().rev().find_map(|paper| match paper {
        papers::Paper::Label { qr, .. } => Some(qr.clone()),
        _ => None,
    });
    screen.say(&label.unwrap()).unwrap();
    screen.see("bag for the key").unwrap();
    screen.say("K-104481").unwrap();
    screen.see("bag for the slip").unwrap();
    screen.say("S-204411").unwrap();
    screen.see("Take the key out now").unwrap();
    photograph(&mut screen, "1024-prepared");
    screen.machine().pull(0).unwrap();
    screen.see("record come out whole").unwrap();
    photograph(&mut screen, "1024-record");
    // What the witness compares is on the screen too, all of it.
    let papers = papers::render(&screen.printed(), &folder.path().join("papers")).unwrap();
    let fingerprint = papers.iter().find_map(|paper| match paper {
        papers::Paper::Record { fingerprint, .. } => Some(fingerprint.as_str()),
        _ => None,
    });
    screen.see(fingerprint.unwrap()).unwrap();
    screen.say("yes").unwrap();
    screen.see("switch off").unwrap();
    photograph(&mut screen, "1024-end");
    screen.say("").unwrap();
    let stick = screen.finish().unwrap();
    let files = stick.list().unwrap();
    assert!(
        files.iter().any(|name| name.ends_with("manifest.age")),
        "{files:?}"
    );
}

fn begins(width: u32, height: u32) {
    let folder = tempfile::tempdir().unwrap();
    let mut screen = start(folder.path(), width, height);
    open(&mut screen, &width.to_string());
}

#[test]
fn a_large_screen_shows_the_same() {
    begins(1920, 1080);
}

#[test]
#[ignore = "a picture of this size takes half a minute to read"]
fn a_huge_screen_shows_the_same() {
    begins(3840, 2160);
}
