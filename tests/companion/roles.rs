//! Roles last: who becomes Global Administrator after a registration, and who does not.

use glasskey::graph::GLOBAL_ADMINISTRATOR;
use glasskey::inventory::{Address, Event, Inventory};
use glasskey::registration::{Journal, RegistrationError};
use glasskey::sandbox::{Effect, Fault};

use crate::desk::{Desk, registers};
use crate::inventory::{author, import};

const ROLES: &str = "roleManagement/directory/roleAssignments";

fn desk(accounts: usize, each: u8) -> Desk {
    let mut desk = Desk::new(accounts, each);
    desk.assign_role = true;
    desk
}

fn fault(desk: &Desk, method: &str, effect: Effect) {
    desk.sandbox.add_fault(Fault {
        method: Some(method.into()),
        path: ROLES.into(),
        skip: 0,
        count: 1,
        effect,
    });
}

fn refused(status: u16) -> Effect {
    Effect::Status {
        status,
        retry_after: None,
        code: None,
        message: None,
    }
}

#[test]
fn accounts_become_administrators_after_their_last_key_and_only_once() {
    let desk = desk(2, 2);
    let (result, report) = desk.run();
    result.unwrap();
    assert_eq!(desk.state(), [(0, 2, 1), (0, 2, 1)]);
    for role in &report.roles {
        assert_eq!(
            (role.result.as_str(), role.role),
            ("assigned", GLOBAL_ADMINISTRATOR)
        );
        assert!(role.assigned.is_some() && !role.user_id.is_empty());
    }
    // The roles are the last writes of all.
    let written: Vec<String> = desk
        .sandbox
        .exchanges()
        .iter()
        .filter(|e| e.method != "GET" && e.path.starts_with("/v1.0"))
        .map(|e| e.path.clone())
        .collect();
    assert!(
        written[written.len() - 2..]
            .iter()
            .all(|path| path.ends_with("roleAssignments"))
    );
    let (result, report) = desk.run();
    result.unwrap();
    assert!(report.roles.iter().all(|role| role.result == "alreadyAssigned"));
    assert_eq!(desk.sandbox.calls("POST", ROLES), 2);
}

#[test]
fn nobody_gets_a_role_unless_it_was_asked_for() {
    let desk = Desk::new(2, 1);
    desk.run().0.unwrap();
    assert_eq!(desk.state(), [(0, 1, 0), (0, 1, 0)]);
    assert_eq!(desk.sandbox.calls("GET", ROLES), 2, "only this test has looked");
}

#[test]
fn a_lone_key_keeps_the_role_away_and_a_second_account_or_key_brings_it() {
    for (accounts, each, may) in [(1, 1, false), (1, 2, true), (2, 1, true)] {
        let desk = desk(accounts, each);
        let (result, report) = desk.run();
        assert_eq!(result.is_ok(), may, "{accounts} accounts with {each}: {result:?}");
        let given: usize = desk.state().iter().map(|state| state.2).sum();
        assert_eq!(given, if may { accounts } else { 0 });
        if let Err(error) = result {
            assert!(matches!(error, RegistrationError::Condition { .. }));
            assert!(
                error.to_string().contains("Every chosen key is registered."),
                "{error}"
            );
            assert_eq!(
                (report.result.as_str(), report.keys[0].result.as_str()),
                ("condition", "registered")
            );
            assert_eq!(report.roles[0].result, "notAssigned");
            assert!(report.roles[0].why.as_ref().unwrap().contains("only account"));
        }
    }
}

#[test]
fn a_key_of_the_manifest_that_this_run_left_out_keeps_the_role_away() {
    let desk = desk(1, 2);
    let mut journal = Journal::open(&desk.journal()).unwrap();
    let first = [&desk.manifest.keys[0]];
    let (result, report) = desk.run_with(&mut journal, &first, &mut registers);
    assert!(
        matches!(result, Err(RegistrationError::Condition { .. })),
        "{result:?}"
    );
    let open = desk.manifest.keys[1].label.as_str();
    assert!(report.roles[0].why.as_ref().unwrap().contains(open));
    assert_eq!(desk.state(), [(0, 1, 0)]);
    drop(journal);
    desk.run().0.unwrap();
    assert_eq!(desk.state(), [(0, 2, 1)]);
}

#[test]
fn the_inventory_knows_keys_that_the_run_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let mut desk = desk(1, 2);
    desk.inventory = Some(address.clone());
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    import(&mut inventory, &desk.manifest).unwrap();
    let run = |desk: &Desk, index: usize| {
        let mut journal = Journal::open(&desk.journal()).unwrap();
        desk.run_with(&mut journal, &[&desk.manifest.keys[index]], &mut registers)
    };
    assert!(run(&desk, 0).0.is_err());
    // Now the inventory says that the first is proven.
    run(&desk, 1).0.unwrap();
    assert_eq!(desk.state(), [(0, 2, 1)]);
    // A key out of service does not count, and neither does one whose passkey the tenant has lost.
    let graph = desk.client();
    let user = graph.user(desk.manifest.keys[0].account.as_str()).unwrap().id;
    let method = inventory
        .key(&desk.manifest.keys[0].label)
        .unwrap()
        .method
        .unwrap();
    graph.delete_passkey(&user, &method).unwrap();
    let (result, report) = run(&desk, 1);
    assert!(result.is_err());
    assert!(
        report.roles[0]
            .why
            .as_ref()
            .unwrap()
            .contains("does not show the passkey")
    );
    let reason = "gone".to_owned();
    let label = &desk.manifest.keys[0].label;
    inventory
        .record(label, &Event::Lost { reason }, &author(), None)
        .unwrap();
    let (_, report) = run(&desk, 1);
    assert!(report.roles[0].why.as_ref().unwrap().contains("only account"));
}

#[test]
fn a_lost_answer_is_looked_for_and_a_role_is_given_once() {
    let slow = || refused(503);
    for effects in [
        vec![Effect::CutAfter],
        vec![Effect::CutBefore],
        vec![refused(429), slow()],
        vec![slow(), Effect::CutAfter],
        vec![Effect::Html],
    ] {
        let desk = desk(1, 2);
        for effect in effects {
            fault(&desk, "POST", effect);
        }
        let (result, report) = desk.run();
        result.unwrap();
        assert_eq!(report.roles[0].result, "assigned");
        assert_eq!(desk.state(), [(0, 2, 1)]);
    }
}

#[test]
fn a_caller_who_may_not_give_roles_is_told_what_is_missing() {
    for method in ["GET", "POST"] {
        let desk = desk(1, 2);
        fault(&desk, method, refused(403));
        let (result, report) = desk.run();
        let Err(error @ RegistrationError::Condition { .. }) = result else {
            panic!("{result:?}");
        };
        assert!(
            error.hint().contains("RoleManagement.ReadWrite.Directory"),
            "{error}"
        );
        assert_eq!(report.roles[0].result, "condition");
        assert_eq!(desk.state(), [(0, 2, 0)]);
        desk.run().0.unwrap();
        assert_eq!(desk.state(), [(0, 2, 1)]);
    }
}
