//! The udev rules give devices to the person at the seat, and to nobody else.

use std::fs;

use super::repository;

/// What is wrong with a rule.
fn complaint(rule: &str) -> Option<&'static str> {
    let parts: Vec<&str> = rule.split(", ").collect();
    let formed = |part: &&str| {
        let name = part.trim_start_matches(|c: char| c.is_ascii_alphabetic() || "{}_".contains(c));
        let value = ["==\"", "+=\""]
            .iter()
            .find_map(|operator| name.strip_prefix(operator));
        value.is_some_and(|value| value.ends_with('"') && value.matches('"').count() == 1)
    };
    if !parts.iter().all(formed) {
        Some("it is not a list of NAME==\"VALUE\" and NAME+=\"VALUE\"")
    } else if !parts.iter().any(|p| p.starts_with("SUBSYSTEM==")) {
        Some("it names no subsystem")
    } else if rule.contains("MODE") || rule.contains("GROUP") || !parts.contains(&"TAG+=\"uaccess\"") {
        Some("it gives the device to others than the person at the seat")
    } else if rule.contains("idVendor") {
        Some("it lists vendors, and the next model would be missing")
    } else {
        None
    }
}

#[test]
fn rules_give_devices_to_the_seat_alone() {
    let text = fs::read_to_string(repository("udev/70-glasskey.rules")).unwrap();
    let rules: Vec<&str> = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .collect();
    assert_eq!(rules.len(), 2);
    for rule in rules {
        assert_eq!(complaint(rule), None, "{rule}");
    }
}

#[test]
fn rules_for_everybody_or_for_vendors_are_refused() {
    for rule in [
        "SUBSYSTEM==\"hidraw\", MODE==\"0666\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", ATTRS{idVendor}==\"1050\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw\", KERNEL==\"hidraw*\"",
        "KERNEL==\"hidraw*\", TAG+=\"uaccess\"",
        "SUBSYSTEM==\"hidraw, TAG+=\"uaccess\"",
    ] {
        assert!(complaint(rule).is_some(), "{rule}");
    }
}
