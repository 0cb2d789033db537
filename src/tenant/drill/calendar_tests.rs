use proptest::prelude::*;
use time::macros::datetime;

use super::super::schedule::tests::key;
use super::super::schedule::{DAYS, schedule};
use super::*;
use crate::inventory::KeyState;

/// Reads a calendar as RFC 5545 asks for it, and panics at anything else: lines as name and value.
fn read(text: &str) -> Vec<(String, String)> {
    assert!(text.ends_with("\r\n"));
    let whole = text.strip_suffix("\r\n").unwrap();
    for line in whole.split("\r\n") {
        assert!(line.len() <= 75 && !line.is_empty(), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    let lines: Vec<(String, String)> = whole
        .replace("\r\n ", "")
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            assert!(name.chars().all(|c| c.is_ascii_uppercase()), "{name}");
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut open = Vec::new();
    for (name, value) in &lines {
        match name.as_str() {
            "BEGIN" => open.push(value),
            "END" => assert_eq!(open.pop(), Some(value)),
            _ => assert!(!open.is_empty()),
        }
    }
    assert!(open.is_empty());
    lines
}

fn values<'l>(lines: &'l [(String, String)], name: &str) -> Vec<&'l str> {
    let named = lines.iter().filter(|(n, _)| n == name);
    named.map(|(_, value)| value.as_str()).collect()
}

fn entries(present: OffsetDateTime) -> Vec<Entry> {
    let registered = datetime!(2026-01-01 12:00 UTC);
    let keys = [
        key(2, KeyState::Registered, Some(registered), None),
        key(
            3,
            KeyState::Drilled,
            Some(registered),
            Some(registered + time::Duration::days(10)),
        ),
        key(
            4,
            KeyState::Proven,
            Some(registered + time::Duration::days(60)),
            None,
        ),
    ];
    schedule(&keys, present, DAYS, 0)
}

#[test]
fn each_account_has_one_event_at_its_first_drill_with_two_alarms() {
    let present = datetime!(2026-02-01 0:00 UTC);
    let entries = entries(present);
    let text = calendar(&entries, present, DAYS);
    let lines = read(&text);
    assert_eq!(lines[0], ("BEGIN".into(), "VCALENDAR".into()));
    assert_eq!(
        values(&lines, "DTSTART"),
        ["20260401T120000Z", "20260531T120000Z"]
    );
    assert_eq!(values(&lines, "TRIGGER"), ["-P7D", "PT0S", "-P7D", "PT0S"]);
    assert_eq!(values(&lines, "DTSTAMP"), ["20260201T000000Z"; 2]);
    for entry in &entries {
        assert!(
            values(&lines, "DESCRIPTION")
                .iter()
                .any(|d| d.contains(entry.label.as_str()))
        );
    }
    assert!(!text.contains("Safe A") && !text.contains("Ada"), "{text}");
}

#[test]
fn a_later_calendar_moves_the_events_of_an_earlier_one() {
    let (early, late) = (datetime!(2026-02-01 0:00 UTC), datetime!(2026-05-01 0:00 UTC));
    let (old, new) = (
        read(&calendar(&entries(early), early, DAYS)),
        read(&calendar(&entries(late), late, DAYS)),
    );
    assert_eq!(values(&old, "UID"), values(&new, "UID"));
    let sequence = |lines: &[(String, String)]| values(lines, "SEQUENCE")[0].parse::<u32>().unwrap();
    assert!(sequence(&old) < sequence(&new));
    assert_eq!(values(&new, "DTSTART")[0], "20260501T000000Z", "overdue: now");
    assert!(
        values(&new, "SUMMARY")[0].ends_with("overdue") && !values(&old, "SUMMARY")[0].ends_with("overdue")
    );
    let mut uids = values(&new, "UID");
    uids.dedup();
    assert_eq!(uids.len(), 2);
}

proptest! {
    #[test]
    fn any_text_comes_back_from_its_line(value: String) {
        let mut text = String::new();
        line(&mut text, "SUMMARY", &escaped(&value));
        line(&mut text, "X", "end");
        let framed = format!("BEGIN:A\r\n{text}END:A\r\n");
        let lines = read(&framed);
        let mut back = String::new();
        let mut letters = lines[1].1.chars();
        while let Some(letter) = letters.next() {
            back.push(match letter {
                '\\' => match letters.next().unwrap() {
                    'n' => '\n',
                    other => other,
                },
                other => other,
            });
        }
        let expected: String = value.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect();
        prop_assert_eq!(back, expected);
    }
}
