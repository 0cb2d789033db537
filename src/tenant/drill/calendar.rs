//! Drills as a calendar (RFC 5545): one event for each account, with alarms. Pure; it names no place and no person.

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::schedule::{Entry, by_account};

const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Longest line in bytes, without its end (RFC 5545, 3.1).
const LINE: usize = 75;

/// Writes the calendar.
///
/// An account's event keeps its UID, and its sequence number grows with the present: whoever imports a later calendar
/// moves the event instead of getting a second one. A drill that is overdue stands at the present, so that its alarm rings.
#[must_use]
pub fn calendar(entries: &[Entry], present: OffsetDateTime, days: u32) -> String {
    let mut text = String::new();
    let version = env!("CARGO_PKG_VERSION");
    for (name, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", &format!("-//Glasskey//Glasskey {version}//EN")),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
    ] {
        line(&mut text, name, value);
    }
    for account in by_account(entries) {
        event(&mut text, account, present, days);
    }
    line(&mut text, "END", "VCALENDAR");
    text
}

fn event(text: &mut String, keys: &[Entry], present: OffsetDateTime, days: u32) {
    let Some(first) = keys.first() else { return };
    let account = first.account.as_str();
    let begin = first.due.max(present);
    let summary = if first.due < present {
        format!("Drill of {account}, overdue")
    } else {
        format!("Drill of {account}")
    };
    let mut description = format!("Key by key, every {days} days:\n");
    for key in keys {
        // Writing to a String does not fail.
        let _ = writeln!(
            description,
            "key with label {}: due {}",
            key.label,
            key.due.date()
        );
    }
    let _ = write!(
        description,
        "glasskey companion drill run --account {account} --label {}",
        first.label
    );
    // Minutes since 1970: grows with each calendar, and stays a 32-bit integer until 6053.
    let sequence = (present.unix_timestamp() / 60).max(0);
    for (name, value) in [
        ("BEGIN", "VEVENT".to_owned()),
        ("UID", uid(account)),
        ("DTSTAMP", stamp(present)),
        ("SEQUENCE", sequence.to_string()),
        ("DTSTART", stamp(begin)),
        ("DURATION", "PT1H".to_owned()),
        ("SUMMARY", escaped(&summary)),
        ("DESCRIPTION", escaped(&description)),
        ("TRANSP", "TRANSPARENT".to_owned()),
    ] {
        line(text, name, &value);
    }
    for trigger in ["-P7D", "PT0S"] {
        for (name, value) in [
            ("BEGIN", "VALARM"),
            ("ACTION", "DISPLAY"),
            ("DESCRIPTION", &escaped(&summary)),
            ("TRIGGER", trigger),
            ("END", "VALARM"),
        ] {
            line(text, name, value);
        }
    }
    line(text, "END", "VEVENT");
}

/// The same for an account in every calendar.
fn uid(account: &str) -> String {
    let name = account.to_lowercase();
    let digest = digest(&SHA256, name.as_bytes());
    let start = digest.as_ref().iter().take(16);
    let hex = start.fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("drill-{hex}@glasskey.invalid")
}

fn stamp(time: OffsetDateTime) -> String {
    time.to_offset(time::UtcOffset::UTC)
        .format(STAMP)
        .unwrap_or_default()
}

/// A TEXT value (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\\' | ';' | ',' => out.extend(['\\', letter]),
            // Other control characters are allowed nowhere.
            letter if letter.is_control() => out.push('?'),
            letter => out.push(letter),
        }
    }
    out
}

/// A content line, folded between characters.
fn line(text: &mut String, name: &str, value: &str) {
    let mut used = 0;
    for letter in name.chars().chain([':']).chain(value.chars()) {
        if used + letter.len_utf8() > LINE {
            text.push_str("\r\n ");
            used = 1;
        }
        text.push(letter);
        used += letter.len_utf8();
    }
    text.push_str("\r\n");
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod calendar_tests;
