//! The report on an inventory: what it finds, and the page as it was looked at.

use std::process::Command;

use glasskey::inventory::{Event, Filter, Inventory, Key, KeyState, Kind, Places};
use glasskey::report::content::{NextDrill, Weight};
use glasskey::report::{Content, html, pdf};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::{author, filled, now};

/// Keys in every state, with the same data on every day.
fn keys() -> Vec<Key> {
    let folder = tempfile::tempdir().unwrap();
    let address = glasskey::inventory::Address::File(folder.path().join("inventory.sqlite"));
    let (mut inventory, labels) = filled(&address, 10);
    let registered = |inventory: &mut Inventory, at: usize, day: OffsetDateTime, then: &[Event]| {
        inventory.set_present(day);
        let account = inventory.key(&labels[at]).unwrap().account.to_string();
        let event = Event::Registered {
            account,
            tenant: "tenant".into(),
            user: "user".into(),
            method: None,
        };
        for event in std::iter::once(&event).chain(then) {
            inventory.record(&labels[at], event, &author(), None).unwrap();
        }
    };
    let proven = Event::Proven { passkey: true };
    let drilled = Event::Drilled {
        note: None,
        evidence: None,
    };
    let lost = Event::Lost {
        reason: "not in the safe".into(),
    };
    let early = datetime!(2026-08-01 09:00 UTC);
    for at in [0, 1] {
        registered(
            &mut inventory,
            at,
            datetime!(2026-11-20 09:00 UTC),
            &[proven.clone(), drilled.clone()],
        );
    }
    registered(&mut inventory, 2, early, std::slice::from_ref(&proven));
    registered(&mut inventory, 3, early, &[proven.clone(), lost]);
    registered(
        &mut inventory,
        4,
        datetime!(2026-08-30 09:00 UTC),
        std::slice::from_ref(&proven),
    );
    registered(&mut inventory, 5, datetime!(2026-11-01 09:00 UTC), &[]);
    for at in [6, 7] {
        registered(
            &mut inventory,
            at,
            datetime!(2026-11-01 09:00 UTC),
            std::slice::from_ref(&proven),
        );
        let places = Places {
            custodian: Some("<script>alert(\"Zoë\")</script>".into()),
            safe: Some("Building 4, basement, room 12, fire safe, second shelf from the top".into()),
            slip_bag: Some(format!("K-{at}").parse().unwrap()),
            ..Places::default()
        };
        inventory
            .record(&labels[at], &Event::Moved(places), &author(), None)
            .unwrap();
    }
    let mut keys = inventory.keys(&Filter::default()).unwrap();
    for key in &mut keys {
        // Drawn anew in each run.
        key.aaguid = glasskey::id::Aaguid([7; 16]);
    }
    keys
}

fn content() -> Content {
    Content::new(&keys(), "keys.sqlite".into(), Some(Kind::Rehearsal), now(), 90)
}

#[test]
fn each_finding_is_found() {
    let content = content();
    let found = |about: &str, text: &str| {
        let hits = content.findings.iter();
        hits.filter(|f| f.about.contains(about) && f.text.contains(text))
            .count()
    };
    for (about, text) in [
        ("bg-00001@", "Only one key opens this account"),
        ("bg-00004@", "No key opens this account"),
        ("bg-00003@", "one safe: Building 4"),
        ("bg-00003@", "one custodian: <script>"),
    ] {
        assert_eq!(found(about, text), 1, "{about} {text}");
    }
    assert_eq!(
        found(
            "bg-00001@contoso.onmicrosoft.com, key",
            "its passkey may still open the account"
        ),
        1
    );
    assert_eq!(
        found(
            "bg-00001@contoso.onmicrosoft.com, key",
            "overdue since 2026-10-30"
        ),
        1
    );
    assert_eq!(
        found("bg-00002@contoso.onmicrosoft.com, key", "nobody has proven since"),
        1
    );
    assert_eq!(found("bg-00003@contoso.onmicrosoft.com, key", "in one bag"), 2);
    // The account whose keys are proven, drilled and apart.
    assert_eq!(found("bg-00000@", ""), 0);
    assert_eq!(content.drills(), (1, 1));
    let weights: Vec<Weight> = content.findings.iter().map(|finding| finding.weight).collect();
    assert!(weights.is_sorted());
}

#[test]
fn a_prepared_key_that_waits_is_found_after_a_month() {
    let mut keys = keys();
    keys.retain(|key| key.state == KeyState::Prepared);
    for (day, expected) in [(29, 0), (31, keys.len())] {
        let made = keys[0].prepared + Duration::days(day);
        let content = Content::new(&keys, String::new(), None, made, 90);
        let waiting = content.findings.iter();
        assert_eq!(
            waiting.filter(|f| f.text.contains("is not registered")).count(),
            expected
        );
    }
}

#[test]
fn drills_are_due_by_the_day() {
    let keys: Vec<Key> = keys().into_iter().take(1).collect();
    let drilled = keys[0].drilled.unwrap();
    for (day, expected) in [
        (75, NextDrill::Later(drilled + Duration::days(90))),
        (76, NextDrill::Soon(drilled + Duration::days(90))),
        (90, NextDrill::Overdue(drilled + Duration::days(90))),
    ] {
        let content = Content::new(&keys, String::new(), None, drilled + Duration::days(day), 90);
        assert_eq!(content.accounts[0].keys[0].drill, expected, "{day}");
    }
}

#[test]
fn the_page_is_the_one_that_was_looked_at() {
    let page = html::render(&content());
    let expected = include_str!("report.html");
    if page != expected {
        let path = std::env::temp_dir().join("glasskey-report.html");
        std::fs::write(&path, &page).unwrap();
        panic!(
            "The page changed: look at {} in a browser and on paper, and take it as tests/companion/inventory/report.html.",
            path.display()
        );
    }
    for foreign in ["<script", "http:", "https:", "src=", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn an_empty_inventory_has_a_report() {
    let content = Content::new(&[], "empty".into(), None, now(), 90);
    assert!(html::render(&content).contains("The inventory holds no key."));
    assert!(pdf::render(&content).unwrap().starts_with(b"%PDF-"));
}

#[test]
fn the_pdf_says_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    let content = content();
    std::fs::write(&path, pdf::render(&content).unwrap()).unwrap();
    let output = Command::new("pdftotext")
        .arg("-layout")
        .arg(&path)
        .arg("-")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for account in &content.accounts {
        assert!(text.contains(&account.name), "{text}");
        for line in &account.keys {
            assert!(text.contains(line.key.label.as_str()), "{text}");
        }
    }
    for part in [
        "REHEARSAL",
        "ACT NOW",
        "OVERDUE",
        "Page 1 of",
        "2026-11-23, 08:00 UTC",
        "Zoë",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_report_of_many_keys_numbers_its_pages() {
    let keys = keys();
    let many: Vec<Key> = (0..40).flat_map(|_| keys.clone()).collect();
    let content = Content::new(&many, "many".into(), Some(Kind::Real), now(), 90);
    let bytes = pdf::render(&content).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.pdf");
    std::fs::write(&path, bytes).unwrap();
    let output = Command::new("pdftotext")
        .arg("-layout")
        .arg(&path)
        .arg("-")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let pages = text.matches("Page ").count();
    assert!(
        pages > 10 && text.contains(&format!("Page {pages} of {pages}")),
        "{pages}"
    );
    assert!(!text.contains("REHEARSAL"));
}
