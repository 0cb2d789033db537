//! What holds on both databases.

use glasskey::inventory::address::Tls;
use glasskey::inventory::{
    Address, Event, Filter, Inventory, InventoryError, KeyState, Kind, Origin, Places, Step,
};
use time::Duration;

use super::{author, filled, import, keys, now, on_both, station, with_pins};

on_both!(
    a_second_import_changes_nothing,
    several_stations_go_into_one_inventory,
    other_data_under_a_label_is_refused_with_what_differs,
    one_key_under_two_labels_is_refused,
    rehearsal_and_real_keys_never_meet,
    an_import_is_whole_or_not_at_all,
    a_life_is_in_the_history,
    what_a_state_does_not_allow_is_refused,
    one_key_serves_one_account,
    changed_places_survive_a_second_import,
    keys_are_found_by_state_account_custodian_and_due,
    what_happened_stays,
    odd_text_comes_back_as_it_was,
);

fn registered(account: &str) -> Event {
    Event::Registered {
        account: account.into(),
        tenant: "tenant".into(),
        user: "user".into(),
        method: Some("method".into()),
    }
}

fn a_second_import_changes_nothing(address: &Address) {
    let (mut inventory, labels) = filled(address, 5);
    let before = inventory.keys(&Filter::default()).unwrap();
    assert_eq!(before.len(), 5);
    let counts = import(&mut inventory, &with_pins(keys(5), true)).unwrap();
    assert_eq!((counts.added, counts.known), (0, 5));
    assert_eq!(inventory.keys(&Filter::default()).unwrap(), before);
    for label in &labels {
        assert_eq!(inventory.history(label).unwrap().len(), 1);
    }
    let counts = import(&mut inventory, &with_pins(keys(6), true)).unwrap();
    assert_eq!((counts.added, counts.known), (1, 5));
}

fn several_stations_go_into_one_inventory(address: &Address) {
    let mut inventory = Inventory::open_or_create(address).unwrap();
    let mut all = keys(6);
    let second = with_pins(all.split_off(4), true);
    let mut first = with_pins(all, true);
    first.ceremony.id = glasskey::id::CeremonyId::draw(&mut |bytes: &mut [u8]| bytes.fill(9));
    let (one, two) = (station(), station());
    let digest = "cd".repeat(32);
    let origin = |manifest, station| Origin {
        manifest,
        station,
        sha256: &digest,
    };
    let counts = inventory.import(&[origin(&first, one), origin(&second, two)], &author());
    assert_eq!(counts.unwrap().added, 6);
    let stations = |key: &glasskey::manifest::schema::PreparedKey, inventory: &mut Inventory| {
        let history = inventory.history(&key.label).unwrap();
        history[0].detail["station"].as_str().unwrap().to_owned()
    };
    assert_eq!(stations(&first.keys[0], &mut inventory), one.to_string());
    assert_eq!(stations(&second.keys[0], &mut inventory), two.to_string());
}

fn other_data_under_a_label_is_refused_with_what_differs(address: &Address) {
    let (mut inventory, labels) = filled(address, 3);
    let before = inventory.keys(&Filter::default()).unwrap();
    let mut other = with_pins(keys(3), true);
    other.keys[1].account = "thief@contoso.onmicrosoft.com".parse().unwrap();
    other.keys[1].slip = None;
    let error = import(&mut inventory, &other).unwrap_err();
    let InventoryError::Conflict { label, differences } = &error else {
        panic!("{error}");
    };
    assert_eq!((label, differences.len()), (&labels[1], 2));
    let text = error.to_string();
    for part in [
        "account: the inventory has bg-00000@",
        "the manifest has thief@",
        "slip: the inventory has 2",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(inventory.keys(&Filter::default()).unwrap(), before);
}

fn one_key_under_two_labels_is_refused(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let mut again = with_pins(keys(2), true);
    again.keys.remove(0);
    assert!(import(&mut inventory, &again).is_ok());
    again.keys[0].identity = keys(1).remove(0).identity;
    again.keys[0].label = keys(3).remove(2).label;
    let error = import(&mut inventory, &again).unwrap_err();
    assert!(matches!(error, InventoryError::SameKey { .. }), "{error}");
    assert!(error.to_string().contains(labels[0].as_str()), "{error}");
}

fn rehearsal_and_real_keys_never_meet(address: &Address) {
    let (mut inventory, _) = filled(address, 1);
    assert_eq!(inventory.kind().unwrap(), Some(Kind::Rehearsal));
    let mut more = keys(2);
    let real = with_pins(vec![more.remove(1)], false);
    let error = import(&mut inventory, &real).unwrap_err();
    assert!(matches!(error, InventoryError::Mixed { .. }), "{error}");
    let rehearsal = with_pins(vec![keys(2).remove(1)], true);
    assert!(import(&mut inventory, &rehearsal).is_ok());
}

fn an_import_is_whole_or_not_at_all(address: &Address) {
    let mut inventory = Inventory::open_or_create(address).unwrap();
    let good = with_pins(keys(2), true);
    let mut bad = with_pins(keys(4), true);
    bad.keys.drain(..2);
    bad.keys[1].label = good.keys[0].label.clone();
    let digest = "cd".repeat(32);
    let origins = [&good, &bad].map(|manifest| Origin {
        manifest,
        station: station(),
        sha256: &digest,
    });
    assert!(inventory.import(&origins, &author()).is_err());
    assert_eq!(inventory.keys(&Filter::default()).unwrap(), []);
    assert_eq!(inventory.kind().unwrap(), None);
    assert!(inventory.import(&origins[..1], &author()).is_ok());
}

fn a_life_is_in_the_history(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let label = &labels[0];
    let account = inventory.key(label).unwrap().account.to_string();
    let reason = || "the safe was broken open".to_owned();
    let life = [
        (registered(&account.to_uppercase()), KeyState::Registered),
        (Event::Proven { passkey: true }, KeyState::Proven),
        (
            Event::Drilled {
                note: None,
                evidence: None,
            },
            KeyState::Drilled,
        ),
        (Event::Proven { passkey: false }, KeyState::Drilled),
        (Event::Lost { reason: reason() }, KeyState::Lost),
        (Event::Revoked { reason: reason() }, KeyState::Revoked),
        (Event::Retired { reason: reason() }, KeyState::Retired),
    ];
    for (day, (event, state)) in (1..).zip(&life) {
        inventory.set_present(now() + Duration::days(day));
        assert_eq!(
            inventory.record(label, event, &author(), None).as_ref(),
            Ok(state)
        );
    }
    let key = inventory.key(label).unwrap();
    assert_eq!(key.state, KeyState::Retired);
    assert_eq!(key.registered, Some(now() + Duration::days(1)));
    assert_eq!(key.proven, Some(now() + Duration::days(4)));
    assert_eq!(key.drilled, Some(now() + Duration::days(3)));
    assert_eq!(key.method.as_deref(), Some("method"));
    let history = inventory.history(label).unwrap();
    let words: Vec<&str> = history.iter().map(|entry| entry.what.as_str()).collect();
    let expected = [
        "imported",
        "registered",
        "proven",
        "drilled",
        "proven",
        "lost",
        "revoked",
        "retired",
    ];
    assert_eq!(words, expected);
    assert_eq!(history[5].detail["reason"], "the safe was broken open");
    assert!(history.iter().all(|entry| entry.who == "Ada"));
}

fn what_a_state_does_not_allow_is_refused(address: &Address) {
    let (mut inventory, labels) = filled(address, 2);
    let label = labels[0].clone();
    let refused = inventory.record(
        &label,
        &Event::Drilled {
            note: None,
            evidence: None,
        },
        &author(),
        None,
    );
    let expected = InventoryError::NotAllowed {
        label: label.clone(),
        state: KeyState::Prepared,
        step: Step::Drilled,
    };
    assert_eq!(refused, Err(expected));
    let reason = "sold".to_owned();
    inventory
        .record(&label, &Event::Retired { reason }, &author(), None)
        .unwrap();
    let account = inventory.key(&label).unwrap().account.to_string();
    assert!(
        inventory
            .record(&label, &registered(&account), &author(), None)
            .is_err()
    );
    assert_eq!(inventory.history(&label).unwrap().len(), 2);
    let stranger = keys(3).remove(2).label;
    let refused = inventory.record(&stranger, &Event::Proven { passkey: true }, &author(), None);
    assert_eq!(refused, Err(InventoryError::Unknown(stranger)));
}

fn one_key_serves_one_account(address: &Address) {
    let (mut inventory, labels) = filled(address, 3);
    let other = inventory.key(&labels[2]).unwrap().account.to_string();
    let error = inventory
        .record(&labels[0], &registered(&other), &author(), None)
        .unwrap_err();
    assert!(matches!(error, InventoryError::OtherAccount { .. }), "{error}");
    assert_eq!(inventory.key(&labels[0]).unwrap().state, KeyState::Prepared);
    assert!(
        inventory
            .record(&labels[2], &registered(&other), &author(), None)
            .is_ok()
    );
}

fn changed_places_survive_a_second_import(address: &Address) {
    let (mut inventory, labels) = filled(address, 2);
    let places = Places {
        custodian: Some("Barbara".into()),
        safe: Some("Safe C".into()),
        slip_bag: Some("S-99".parse().unwrap()),
        slip: glasskey::id::SlipNumber::new(77),
        ..Places::default()
    };
    inventory
        .record(&labels[0], &Event::Moved(places), &author(), None)
        .unwrap();
    assert_eq!(
        import(&mut inventory, &with_pins(keys(2), true)).unwrap().known,
        2
    );
    let key = inventory.key(&labels[0]).unwrap();
    assert_eq!(
        (key.custodian.as_deref(), key.safe.as_deref()),
        (Some("Barbara"), Some("Safe C"))
    );
    assert_eq!(key.slip.map(glasskey::id::SlipNumber::number), Some(77));
    // What was not named stays.
    assert_eq!(key.key_bag, Some("K-0".parse().unwrap()));
    let other = inventory.key(&labels[1]).unwrap();
    assert_eq!(other.custodian.as_deref(), Some("Edsger"));
}

fn keys_are_found_by_state_account_custodian_and_due(address: &Address) {
    let (mut inventory, labels) = filled(address, 6);
    let account = inventory.key(&labels[0]).unwrap().account;
    inventory
        .record(&labels[0], &registered(account.as_str()), &author(), None)
        .unwrap();
    let mut found = |filter: Filter| -> Vec<_> {
        let keys = inventory.keys(&filter).unwrap();
        keys.into_iter().map(|key| key.label).collect()
    };
    let of_state = |state| Filter {
        states: vec![state],
        ..Filter::default()
    };
    assert_eq!(found(of_state(KeyState::Registered)), labels[..1]);
    assert_eq!(found(of_state(KeyState::Lost)), []);
    let of_account = Filter {
        accounts: vec![account.as_str().to_uppercase().parse().unwrap()],
        ..Filter::default()
    };
    assert_eq!(found(of_account), labels[..2]);
    let of_custodian = Filter {
        custodians: vec!["grace".into()],
        ..Filter::default()
    };
    assert_eq!(
        found(of_custodian),
        [&labels[0], &labels[2], &labels[4]].map(Clone::clone)
    );
    for (days, expected) in [(89, &labels[..0]), (90, &labels[..1])] {
        let due = Filter {
            due: Some((now() + Duration::days(days), 90)),
            ..Filter::default()
        };
        assert_eq!(found(due), expected, "{days}");
    }
}

fn what_happened_stays(address: &Address) {
    let (inventory, labels) = filled(address, 1);
    drop(inventory);
    let mut refused = 0;
    for sql in [
        "UPDATE glasskey_events SET who = 'Mallory'",
        "DELETE FROM glasskey_events",
        "DELETE FROM glasskey_keys",
    ] {
        let error = raw(address, sql).unwrap_err();
        assert!(error.contains("kept as they are"), "{error}");
        refused += 1;
    }
    assert_eq!(refused, 3);
    raw(address, "UPDATE glasskey_keys SET safe = 'elsewhere'").unwrap();
    let history = Inventory::open(address).unwrap().history(&labels[0]).unwrap();
    assert_eq!((history.len(), history[0].who.as_str()), (1, "Ada"));
}

/// A statement by another program.
fn raw(address: &Address, sql: &str) -> Result<(), String> {
    match address {
        Address::File(path) => {
            let file = rusqlite::Connection::open(path).unwrap();
            file.execute_batch(sql).map_err(|error| error.to_string())
        }
        Address::Server(server) => {
            assert_eq!(server.tls, Tls::None);
            let glasskey::inventory::address::At::Socket(socket) = &server.at else {
                panic!("no socket");
            };
            let mut config = ::postgres::Config::new();
            config
                .host_path(socket)
                .port(server.port)
                .user("glasskey")
                .dbname(&server.database);
            let mut client = config.connect(::postgres::NoTls).unwrap();
            let result = client.batch_execute(sql);
            result.map_err(|error| error.as_db_error().unwrap().message().to_owned())
        }
    }
}

fn odd_text_comes_back_as_it_was(address: &Address) {
    let (mut inventory, labels) = filled(address, 1);
    let odd = "Zoë \"O'Brien\"; DROP TABLE glasskey_keys; -- ?1 $1 \\ 金庫 <b>";
    let places = Places {
        custodian: Some(odd.into()),
        ..Places::default()
    };
    inventory
        .record(&labels[0], &Event::Moved(places), &author(), None)
        .unwrap();
    assert_eq!(inventory.key(&labels[0]).unwrap().custodian.as_deref(), Some(odd));
    assert_eq!(inventory.history(&labels[0]).unwrap()[1].detail["custodian"], odd);
}
