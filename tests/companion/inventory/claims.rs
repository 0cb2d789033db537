//! Several registrars at once: each key is worked with by one of them.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::time::Duration;

use glasskey::id::LabelId;
use glasskey::inventory::{
    Address, Claimed, Event, Filter, Inventory, InventoryError, KeyState, Renewal, Run,
};

use super::{LEASE, author, filled, now, on_both};

on_both!(
    each_of_200_keys_is_registered_once_by_four_registrars,
    a_claim_is_one_runs_until_it_is_given_back,
    a_dead_runs_claim_is_taken_over_after_its_lease,
    a_run_that_lost_its_claim_cannot_write,
    a_claimed_key_is_not_changed_by_others,
    what_left_service_is_not_claimed,
    a_claim_is_renewed_while_the_run_lives,
    registrars_begin_an_inventory_together,
);

fn run(who: &str) -> Run {
    Run::new(who).unwrap()
}

fn is_mine(claimed: &Claimed) -> bool {
    matches!(claimed, Claimed::Yours(_))
}

/// What a registrar does: goes through all keys and registers each that is free and only prepared.
fn register_all(address: &Address, who: &str, labels: &[LabelId]) -> Vec<LabelId> {
    let mut inventory = Inventory::open(address).unwrap();
    let run = run(who);
    let mut done = Vec::new();
    for label in labels {
        if inventory.key(label).unwrap().state != KeyState::Prepared {
            continue;
        }
        match inventory.claim(label, &run, LEASE).unwrap() {
            Claimed::Yours(KeyState::Prepared) => {
                let key = inventory.key(label).unwrap();
                let event = Event::Registered {
                    account: key.account.to_string(),
                    tenant: "tenant".into(),
                    user: "user".into(),
                    method: Some(format!("{who} {label}")),
                };
                inventory.record(label, &event, &author(), Some(&run)).unwrap();
                inventory.release(label, &run).unwrap();
                done.push(label.clone());
            }
            Claimed::Yours(_) => inventory.release(label, &run).unwrap(),
            Claimed::TakenBy(claim) => assert_ne!(claim.who, who),
        }
    }
    done
}

fn each_of_200_keys_is_registered_once_by_four_registrars(address: &Address) {
    let (mut inventory, labels) = filled(address, 200);
    let barrier = Barrier::new(4);
    let done: Vec<Vec<LabelId>> = std::thread::scope(|scope| {
        let registrar = |number: usize| {
            let (labels, barrier) = (&labels, &barrier);
            move || {
                barrier.wait();
                // Two from the front and two from the back, so that they meet.
                let mut order = labels.clone();
                if number % 2 == 1 {
                    order.reverse();
                }
                register_all(address, &format!("registrar {number}"), &order)
            }
        };
        let threads: Vec<_> = (0..4).map(|number| scope.spawn(registrar(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut count: BTreeMap<&LabelId, usize> = BTreeMap::new();
    for label in done.iter().flatten() {
        *count.entry(label).or_default() += 1;
    }
    assert_eq!(count.len(), 200);
    assert!(count.values().all(|times| *times == 1), "{count:?}");
    for key in inventory.keys(&Filter::default()).unwrap() {
        assert_eq!((key.state, &key.claim), (KeyState::Registered, &None));
        let history = inventory.history(&key.label).unwrap();
        let times = history.iter().filter(|entry| entry.what == "registered").count();
        assert_eq!(times, 1, "{}", key.label);
    }
}

fn a_claim_is_one_runs_until_it_is_given_back(address: &Address) {
    let (mut inventory, labels) = filled(address, 2);
    let (ada, bob) = (run("Ada"), run("Bob"));
    assert!(is_mine(&inventory.claim(&labels[0], &ada, LEASE).unwrap()));
    let Claimed::TakenBy(claim) = inventory.claim(&labels[0], &bob, LEASE).unwrap() else {
        panic!("two runs have it");
    };
    assert_eq!((claim.who.as_str(), claim.until), ("Ada", now() + LEASE));
    // A second run of the same person is another run; the same run may ask again.
    assert!(!is_mine(
        &inventory.claim(&labels[0], &run("Ada"), LEASE).unwrap()
    ));
    assert!(is_mine(&inventory.claim(&labels[0], &ada, LEASE).unwrap()));
    assert!(is_mine(&inventory.claim(&labels[1], &bob, LEASE).unwrap()));
    // What is not one's own cannot be given back.
    inventory.release(&labels[0], &bob).unwrap();
    assert!(!is_mine(&inventory.claim(&labels[0], &bob, LEASE).unwrap()));
    inventory.release(&labels[0], &ada).unwrap();
    assert!(is_mine(&inventory.claim(&labels[0], &bob, LEASE).unwrap()));
    assert_eq!(inventory.history(&labels[0]).unwrap().len(), 1);
}

fn a_dead_runs_claim_is_taken_over_after_its_lease(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let (ada, bob) = (run("Ada"), run("Bob"));
    assert!(is_mine(&inventory.claim(&labels[0], &ada, LEASE).unwrap()));
    inventory.set_present(now() + LEASE);
    assert!(!is_mine(&inventory.claim(&labels[0], &bob, LEASE).unwrap()));
    inventory.set_present(now() + LEASE + Duration::from_secs(1));
    assert!(is_mine(&inventory.claim(&labels[0], &bob, LEASE).unwrap()));
    let history = inventory.history(&labels[0]).unwrap();
    let last = history.last().unwrap();
    assert_eq!((last.what.as_str(), last.who.as_str()), ("taken-over", "Bob"));
    assert_eq!(last.detail["from"], "Ada");
    assert!(!inventory.renew(&labels[0], &ada, LEASE).unwrap());
    assert!(inventory.renew(&labels[0], &bob, LEASE).unwrap());
}

fn a_run_that_lost_its_claim_cannot_write(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let label = &labels[0];
    let (ada, bob) = (run("Ada"), run("Bob"));
    let account = inventory.key(label).unwrap().account.to_string();
    let event = Event::Registered {
        account,
        tenant: "tenant".into(),
        user: "user".into(),
        method: None,
    };
    inventory.claim(label, &ada, LEASE).unwrap();
    inventory.set_present(now() + LEASE * 2);
    inventory.claim(label, &bob, LEASE).unwrap();
    let refused = inventory.record(label, &event, &author(), Some(&ada));
    assert_eq!(refused, Err(InventoryError::ClaimLost(label.clone())));
    assert_eq!(inventory.key(label).unwrap().state, KeyState::Prepared);
    assert!(inventory.record(label, &event, &author(), Some(&bob)).is_ok());
}

fn a_claimed_key_is_not_changed_by_others(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let reason = || Event::Lost {
        reason: "gone".into(),
    };
    inventory.claim(&labels[0], &run("Ada"), LEASE).unwrap();
    let error = inventory
        .record(&labels[0], &reason(), &author(), None)
        .unwrap_err();
    assert!(matches!(error, InventoryError::Taken { .. }), "{error}");
    assert!(error.to_string().contains("2026-11-23T08:10:00Z"), "{error}");
    inventory.set_present(now() + LEASE * 2);
    assert!(inventory.record(&labels[0], &reason(), &author(), None).is_ok());
}

fn what_left_service_is_not_claimed(address: &Address) {
    let (mut inventory, labels) = filled(address, 2);
    let reason = "gone".to_owned();
    inventory
        .record(&labels[0], &Event::Lost { reason }, &author(), None)
        .unwrap();
    let refused = inventory.claim(&labels[0], &run("Ada"), LEASE);
    assert!(
        matches!(refused, Err(InventoryError::OutOfService { .. })),
        "{refused:?}"
    );
    assert!(is_mine(&inventory.claim(&labels[1], &run("Ada"), LEASE).unwrap()));
}

fn a_claim_is_renewed_while_the_run_lives(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let ada = run("Ada");
    let lease = Duration::from_secs(3);
    // The claim is of long ago; the renewal works by the real clock.
    inventory.claim(&labels[0], &ada, lease).unwrap();
    let before = inventory.key(&labels[0]).unwrap().claim.unwrap().until;
    let renewal = Renewal::start(address.clone(), labels[0].clone(), ada.clone(), lease);
    let until = |inventory: &mut Inventory| inventory.key(&labels[0]).unwrap().claim.unwrap().until;
    while until(&mut inventory) == before {
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(renewal);
    let after = until(&mut inventory);
    assert!(after > before);
    // It ends with its guard: nothing changes any more.
    std::thread::sleep(lease);
    assert_eq!(until(&mut inventory), after);
}

fn registrars_begin_an_inventory_together(address: &Address) {
    let barrier = Barrier::new(8);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                barrier.wait();
                let mut inventory = Inventory::open_or_create(address).unwrap();
                inventory.keys(&Filter::default()).unwrap()
            });
        }
    });
    assert!(Inventory::open(address).is_ok());
}
