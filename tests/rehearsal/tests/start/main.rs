//! The start of the real image: its self-test, its clock, and what becomes of a ceremony program that crashes.
//!
//! `GLASSKEY_IMAGE` is the folder with `glasskey-serial.bzImage`; without it, `target/image` of this repository.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod crash;
mod table;

use rehearsal::officer::Officer;
use rehearsal::station::Station;
use serde_json::Value;

use crate::table::{Table, image, verified};

/// Everything that the station asks kernel, firmware and people before a ceremony.
const CHECKS: [&str; 12] = [
    "no sockets",
    "network interfaces",
    "kernel modules",
    "raw memory access",
    "USB policy",
    "kernel lockdown",
    "Secure Boot",
    "memory is locked",
    "random numbers",
    "clock",
    "stick",
    "printer",
];

/// What was found for one check.
fn found<'a>(lines: &'a [Value], check: &str) -> &'a str {
    let line = lines.iter().find(|line| line["check"] == check);
    line.unwrap()["found"].as_str().unwrap()
}

/// The lines of an event.
fn of<'a>(lines: &'a [Value], event: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["event"] == event).collect()
}

#[test]
fn a_clock_that_cannot_be_right_is_set_before_anything_else() {
    let mut table = Table::new();
    let mut station =
        table.start(|stick, log| Station::start_at(&image("image"), stick, "1999-12-31T23:59:00", log));
    let mut officer = Officer::new(&mut station);
    officer
        .see("The clock of this computer says 1999-12-31 23:59 UTC: that is before this program was made")
        .unwrap();
    officer.see("What time is it in UTC").unwrap();
    officer.say("1999-12-31 23:59").unwrap();
    officer
        .see("The clock was not set: that is before this program was made")
        .unwrap();
    officer.see("What time is it in UTC").unwrap();
    officer.say("2026-11-23 14:05").unwrap();
    officer.see(r"ok  clock: 2026-11-23 14:0\d UTC").unwrap();
    let ceremony = officer.begin().unwrap();
    officer.see("Put in the security key").unwrap();
    let lines = table.cut(station, &ceremony);

    let names: Vec<&str> = of(&lines, "self-test")
        .iter()
        .map(|l| l["check"].as_str().unwrap())
        .collect();
    assert_eq!(names, CHECKS);
    assert!(
        of(&lines, "self-test").iter().all(|line| line["passed"] == true),
        "{lines:?}"
    );
    assert_eq!(found(&lines, "kernel lockdown"), "confidentiality");
    assert!(found(&lines, "Secure Boot").starts_with("unknown: the computer was not started by UEFI"));
    assert!(found(&lines, "memory is locked").contains("KiB of this program"));
    assert!(
        found(&lines, "printer").contains("Bench Page Printer"),
        "{}",
        found(&lines, "printer")
    );
    let set = of(&lines, "clock-set");
    assert_eq!(set.len(), 1);
    assert!(
        set[0]["was"].as_str().unwrap().starts_with("1999-12-31T23:59:"),
        "{}",
        set[0]
    );
    assert_eq!(set[0]["to"], "2026-11-23T14:05:00Z");
    for line in &lines {
        assert!(
            line["time"].as_str().unwrap().starts_with("2026-11-23T14:"),
            "{line}"
        );
    }
    let said = verified(&table, &ceremony, 44);
    assert!(
        said.contains("the officer set the station's clock from 1999-12-31"),
        "{said}"
    );
}

#[test]
fn a_clock_that_can_be_right_is_left_alone_unless_people_say_so() {
    let mut table = Table::new();
    let mut station =
        table.start(|stick, log| Station::start_at(&image("image"), stick, "2027-03-01T09:30:00", log));
    let mut officer = Officer::new(&mut station);
    officer.see(r"ok  clock: 2027-03-01 09:3\d UTC").unwrap();
    let ceremony = officer.begin().unwrap();
    officer.see("Put in the security key").unwrap();
    officer.say("clock").unwrap();
    officer.see(r"The clock says 2027-03-01 09:\d\d UTC").unwrap();
    officer.see("Enter alone keeps it").unwrap();
    officer.say("2027-03-01 08:32").unwrap();
    officer.see("The clock is set to 2027-03-01 08:32 UTC").unwrap();
    officer.say("pause").unwrap();
    officer.paused().unwrap();
    let lines = table.finish(station, &ceremony);

    let set = of(&lines, "clock-set");
    assert_eq!(set.len(), 1, "{lines:?}");
    let place = lines.iter().position(|line| line == set[0]).unwrap();
    assert!(
        lines[..place]
            .iter()
            .all(|line| line["time"].as_str().unwrap().starts_with("2027-03-01T09:"))
    );
    assert!(
        lines[place..]
            .iter()
            .all(|line| line["time"].as_str().unwrap().starts_with("2027-03-01T08:"))
    );
    let said = verified(&table, &ceremony, 44);
    assert!(
        said.contains("the officer set the station's clock from 2027-03-01"),
        "{said}"
    );
    assert!(!said.contains("was set back"), "{said}");
}
