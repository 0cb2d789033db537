//! Clean-up that cannot be forgotten: runs that die or are interrupted at every line of their journal.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use glasskey::graph::Interrupt;
use glasskey::inventory::{Address, Inventory, KeyState};
use glasskey::manifest::schema::PreparedKey;
use glasskey::registration::journal::Entry;
use glasskey::registration::{Journal, PersonSteps, RegistrationError};
use serde_json::json;

use crate::browser::call;
use crate::desk::{Desk, registers, registers_in};
use crate::inventory::import;

/// Accounts with one key each: six lines for a registration, and two for the role of each account.
const ACCOUNTS: usize = 3;
const LINES: usize = ACCOUNTS * 8;
const WHOLE: [(usize, usize, usize); ACCOUNTS] = [(0, 1, 1); ACCOUNTS];

/// Where a machine loses its power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// What the line says has happened, and the line is not on disk.
    Before(usize),
    /// The line is on disk; an intention was not sent.
    After(usize),
}

fn without_last_line(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(whole as u64)
        .unwrap();
}

/// Runs until the machine dies; returns the sessions that the persons left open, with their account.
fn dies(desk: &Desk, death: Death) -> Vec<String> {
    let path = desk.journal();
    let mut count = 0;
    let (last, before) = match death {
        Death::Before(line) => (line, true),
        Death::After(line) => (line, false),
    };
    let watch = move |_: &Entry| {
        count += 1;
        if count == last {
            if before {
                without_last_line(&path);
            }
            panic!("the machine dies here");
        }
    };
    let mut journal = Journal::open(&desk.journal()).unwrap().watched(Box::new(watch));
    let keys: Vec<&PreparedKey> = desk.manifest.keys.iter().collect();
    let sessions = RefCell::new(Vec::new());
    let mut act = |desk: &Desk, steps: &PersonSteps<'_>| {
        let session = registers_in(desk, steps);
        sessions.borrow_mut().push(session);
    };
    let died = catch_unwind(AssertUnwindSafe(|| desk.run_with(&mut journal, &keys, &mut act)));
    assert!(died.is_err(), "{death:?}: it lives");
    sessions.into_inner()
}

/// Whether a session may still change an account.
fn lives(desk: &Desk, session: &str) -> bool {
    let url = format!("{}/security-info/passkey/begin", desk.sandbox.origin());
    match call("POST", &url, Some(session), Some(&json!({}))) {
        (200, _) => true,
        (401, answer) => {
            assert_eq!(answer["error"]["code"], "noSession");
            false
        }
        other => panic!("{other:?}"),
    }
}

fn registrations(desk: &Desk) -> usize {
    desk.sandbox.calls("POST", "/security-info/passkey/finish")
}

#[test]
fn a_run_that_dies_at_any_line_of_its_journal_is_repeated_to_the_same_end() {
    let places = (1..=LINES).flat_map(|line| [Death::Before(line), Death::After(line)]);
    let mut left = BTreeMap::new();
    for death in places {
        let mut desk = Desk::new(ACCOUNTS, 1);
        desk.assign_role = true;
        let sessions = dies(&desk, death);
        let open: usize = desk.state().iter().map(|state| state.0).sum();
        *left.entry(open).or_insert(0) += 1;
        let (result, report) = desk.run();
        result.unwrap_or_else(|error| panic!("{death:?}: {error}"));
        assert_eq!(desk.state(), WHOLE, "{death:?}");
        assert_eq!(report.recovered_passes as usize, open, "{death:?}");
        assert_eq!(registrations(&desk), ACCOUNTS, "{death:?}");
        assert!(sessions.iter().all(|session| !lives(&desk, session)), "{death:?}");
        // Nothing is left for a third run.
        let lines = |desk: &Desk| std::fs::read_to_string(desk.journal()).unwrap().lines().count();
        let before = lines(&desk);
        desk.run().0.unwrap();
        assert_eq!(lines(&desk), before, "{death:?}");
    }
    // Half of the places are within the life of a pass, so it was there to be forgotten.
    assert!(left[&1] >= 9, "{left:?}");
}

#[test]
fn without_an_accident_the_journal_has_that_many_lines_and_sessions_end() {
    let mut desk = Desk::new(ACCOUNTS, 1);
    desk.assign_role = true;
    let mut journal = Journal::open(&desk.journal()).unwrap();
    let keys: Vec<&PreparedKey> = desk.manifest.keys.iter().collect();
    let mut seen = Vec::new();
    let mut act = |desk: &Desk, steps: &PersonSteps<'_>| {
        let session = registers_in(desk, steps);
        assert!(lives(desk, &session));
        seen.push(session);
    };
    desk.run_with(&mut journal, &keys, &mut act).0.unwrap();
    assert_eq!(journal.entries().len(), LINES);
    assert!(seen.iter().all(|session| !lives(&desk, session)));
    assert_eq!(desk.state(), WHOLE);
}

#[test]
fn an_interruption_at_any_line_of_the_journal_leaves_no_pass_and_no_session() {
    for line in 1..=LINES {
        let mut desk = Desk::new(ACCOUNTS, 1);
        desk.assign_role = true;
        let (flag, mut count) = (desk.interrupt.clone(), 0);
        let watch = move |_: &Entry| {
            count += 1;
            if count == line {
                flag.flag().store(true, Ordering::Relaxed);
            }
        };
        let mut journal = Journal::open(&desk.journal()).unwrap().watched(Box::new(watch));
        let keys: Vec<&PreparedKey> = desk.manifest.keys.iter().collect();
        let mut sessions = Vec::new();
        let mut act = |desk: &Desk, steps: &PersonSteps<'_>| sessions.push(registers_in(desk, steps));
        let (result, _) = desk.run_with(&mut journal, &keys, &mut act);
        // After its last line there is nothing to interrupt.
        let ends_so =
            matches!(result, Err(RegistrationError::Interrupted)) || line == LINES && result.is_ok();
        assert!(ends_so, "line {line}: {result:?}");
        assert!(desk.state().iter().all(|state| state.0 == 0), "line {line}");
        assert!(
            sessions.iter().all(|session| !lives(&desk, session)),
            "line {line}"
        );
        assert_eq!(journal.leftovers(), [], "line {line}");
        drop(journal);
        desk.interrupt = Interrupt::never();
        desk.run().0.unwrap();
        assert_eq!(
            (desk.state().as_slice(), registrations(&desk)),
            (&WHOLE[..], ACCOUNTS),
            "line {line}"
        );
    }
}

/// The machine of the dead run is gone, with its journal; another registrar has the inventory.
fn another_machine_cleans_up(death: Death) {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let mut desk = Desk::new(ACCOUNTS, 1);
    desk.inventory = Some(address.clone());
    // The shortest claim: what a dead run holds is free when it has passed.
    desk.lease = Duration::from_secs(1);
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    import(&mut inventory, &desk.manifest).unwrap();
    let sessions = dies(&desk, death);
    let open: usize = desk.state().iter().map(|state| state.0).sum();
    std::fs::remove_file(desk.journal()).unwrap();
    std::thread::sleep(Duration::from_millis(2200));
    let (result, report) = desk.run();
    result.unwrap_or_else(|error| panic!("{death:?}: {error}"));
    assert_eq!(report.recovered_passes as usize, open, "{death:?}");
    assert_eq!(desk.state(), [(0, 1, 0); ACCOUNTS], "{death:?}");
    assert_eq!(registrations(&desk), ACCOUNTS, "{death:?}");
    assert!(sessions.iter().all(|session| !lives(&desk, session)), "{death:?}");
    for key in &desk.manifest.keys {
        assert_eq!(inventory.key(&key.label).unwrap().state, KeyState::Proven);
        let history = inventory.history(&key.label).unwrap();
        let count = |what: &str| history.iter().filter(|entry| entry.what == what).count();
        assert_eq!(count("pass-opened"), count("pass-closed"), "{death:?}");
    }
}

#[test]
fn without_its_journal_a_dead_run_is_cleaned_up_by_the_inventory() {
    // Every line of the second account's registration.
    std::thread::scope(|scope| {
        for line in 7..=12 {
            scope.spawn(move || another_machine_cleans_up(Death::Before(line)));
            scope.spawn(move || another_machine_cleans_up(Death::After(line)));
        }
    });
}

#[test]
fn the_pass_of_a_run_that_lives_is_left_alone_by_another_registrar() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let mut desk = Desk::new(2, 2);
    desk.inventory = Some(address.clone());
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    import(&mut inventory, &desk.manifest).unwrap();
    let mut journal = Journal::open(&desk.journal()).unwrap();
    let keys = &desk.manifest.keys;
    let mut meanwhile = |desk: &Desk, steps: &PersonSteps<'_>| {
        let run = |index: usize| {
            let mut journal = Journal::open(&folder.path().join("other")).unwrap();
            desk.run_with(&mut journal, &[&keys[index]], &mut registers)
        };
        // Another account's key is registered; the other key of this account has to wait.
        let (result, report) = run(2);
        result.unwrap();
        assert_eq!(report.recovered_passes, 0);
        let (result, _) = run(1);
        let text = result.unwrap_err().to_string();
        assert!(
            text.contains(keys[0].label.as_str()) && text.contains("claimed by"),
            "{text}"
        );
        registers(desk, steps);
    };
    desk.run_with(&mut journal, &[&keys[0]], &mut meanwhile)
        .0
        .unwrap();
    assert_eq!(desk.state(), [(0, 1, 0), (0, 1, 0)]);
    desk.run_with(&mut journal, &[&keys[1]], &mut registers)
        .0
        .unwrap();
    assert_eq!(desk.state(), [(0, 2, 0), (0, 1, 0)]);
}
