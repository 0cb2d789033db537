//! Two registrars at one inventory and one tenant, with real registrations.

use std::sync::Barrier;

use glasskey::inventory::{Address, Filter, Inventory, InventoryError, KeyState};
use glasskey::registration::{Journal, RegistrationError};

use super::{import, on_both};
use crate::desk::{Desk, registers};

on_both!(each_of_200_keys_is_registered_once_by_two_registrars);

/// Registers whatever is only prepared and nobody else works with, until nothing is; returns how often it registered.
fn register_all(desk: &Desk, address: &Address, journal: &mut Journal) -> usize {
    let mut inventory = Inventory::open(address).unwrap();
    let mut done = 0;
    loop {
        let mut open = false;
        for key in &desk.manifest.keys {
            if inventory.key(&key.label).unwrap().state != KeyState::Prepared {
                continue;
            }
            open = true;
            match desk.run_with(journal, &[key], &mut registers) {
                (Ok(()), report) => {
                    done += usize::from(report.keys[0].result == "registered");
                    assert_eq!(report.recovered_passes, 0, "nobody is dead");
                }
                (Err(RegistrationError::Inventory(InventoryError::Taken { .. })), _) => {}
                (Err(error), _) => panic!("{error}"),
            }
        }
        if !open {
            return done;
        }
    }
}

fn each_of_200_keys_is_registered_once_by_two_registrars(address: &Address) {
    let mut desk = Desk::new(100, 2);
    desk.inventory = Some(address.clone());
    let mut inventory = Inventory::open_or_create(address).unwrap();
    import(&mut inventory, &desk.manifest).unwrap();
    let (folder, barrier) = (tempfile::tempdir().unwrap(), Barrier::new(2));
    let done: Vec<usize> = std::thread::scope(|scope| {
        let registrar = |number: u32| {
            let (desk, barrier) = (&desk, &barrier);
            let path = folder.path().join(format!("journal-{number}"));
            move || {
                let mut journal = Journal::open(&path).unwrap();
                barrier.wait();
                register_all(desk, address, &mut journal)
            }
        };
        let threads: Vec<_> = (0..2).map(|number| scope.spawn(registrar(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(done.iter().sum::<usize>(), 200, "{done:?}");
    assert!(done.iter().all(|count| *count > 0), "both have worked: {done:?}");
    assert_eq!(desk.state(), vec![(0, 2, 0); 100]);
    let finished = desk.sandbox.calls("POST", "/security-info/passkey/finish");
    assert_eq!(finished, 200);
    for key in inventory.keys(&Filter::default()).unwrap() {
        assert_eq!((key.state, &key.claim), (KeyState::Proven, &None));
        let history = inventory.history(&key.label).unwrap();
        for what in ["pass-opened", "pass-closed", "registered"] {
            let times = history.iter().filter(|entry| entry.what == what).count();
            assert_eq!(times, 1, "{} {what}", key.label);
        }
    }
}
