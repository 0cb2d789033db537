//! Registrations that claim their keys in an inventory and record what became of them.

use std::time::Duration;

use glasskey::inventory::{Address, Claimed, Inventory, InventoryError, KeyState, Run};
use glasskey::manifest::Manifest;
use glasskey::registration::RegistrationError;
use glasskey::sandbox::{Effect, Fault};

use super::{LEASE, import};
use crate::authenticator::Authenticator;
use crate::registration::{Scene, UPN, adds, does_nothing, manifest, prepared};

type Key = std::sync::Arc<std::sync::Mutex<Authenticator>>;

struct Stage {
    scene: Scene,
    key: Key,
    manifest: Manifest,
    inventory: Inventory,
    _folder: tempfile::TempDir,
}

fn stage() -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let mut scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    scene.inventory = Some(address.clone());
    let manifest = manifest(vec![prepared], true, vec![]);
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    import(&mut inventory, &manifest).unwrap();
    Stage {
        scene,
        key,
        manifest,
        inventory,
        _folder: folder,
    }
}

impl Stage {
    fn words(&mut self) -> Vec<String> {
        let history = self.inventory.history(&self.manifest.keys[0].label).unwrap();
        history.into_iter().map(|entry| entry.what).collect()
    }
}

#[test]
fn a_registered_key_is_recorded_and_given_back_and_a_second_run_adds_a_proof() {
    let mut stage = stage();
    let label = stage.manifest.keys[0].label.clone();
    let (result, report, _) = stage.scene.run(&stage.manifest, adds(&stage.key));
    result.unwrap();
    let key = stage.inventory.key(&label).unwrap();
    assert_eq!((key.state, &key.claim), (KeyState::Proven, &None));
    assert_eq!(
        key.method,
        report.keys[0].method.as_ref().map(|passkey| passkey.id.clone())
    );
    assert_eq!(key.tenant, report.tenant.map(|tenant| tenant.id));
    let registered = ["imported", "pass-opened", "pass-closed", "registered", "proven"];
    assert_eq!(stage.words(), registered);
    let (result, ..) = stage.scene.run(&stage.manifest, does_nothing());
    result.unwrap();
    assert_eq!(stage.words()[..5], registered);
    assert_eq!(stage.words()[5..], ["proven"]);
}

#[test]
fn a_key_that_another_run_has_claimed_is_not_touched() {
    let mut stage = stage();
    let label = stage.manifest.keys[0].label.clone();
    let other = Run::new("Bob").unwrap();
    let claimed = stage.inventory.claim(&label, &other, LEASE).unwrap();
    assert_eq!(claimed, Claimed::Yours(KeyState::Prepared));
    let (result, report, _) = stage.scene.run(&stage.manifest, adds(&stage.key));
    let Err(RegistrationError::Inventory(InventoryError::Taken { who, .. })) = result else {
        panic!("{result:?}");
    };
    assert_eq!((who.as_str(), report.result.as_str()), ("Bob", "inventory"));
    assert_eq!(stage.scene.sandbox.calls("POST", ""), 0);
    stage.inventory.release(&label, &other).unwrap();
    assert!(stage.scene.run(&stage.manifest, adds(&stage.key)).0.is_ok());
}

#[test]
fn a_registration_that_failed_leaves_the_key_prepared_and_free() {
    let mut stage = stage();
    let label = stage.manifest.keys[0].label.clone();
    stage.scene.options.wait = Duration::from_millis(400);
    let (result, ..) = stage.scene.run(&stage.manifest, does_nothing());
    assert!(
        matches!(result, Err(RegistrationError::TimedOut(_))),
        "{result:?}"
    );
    let key = stage.inventory.key(&label).unwrap();
    assert_eq!((key.state, key.claim), (KeyState::Prepared, None));
    assert_eq!(stage.words(), ["imported", "pass-opened", "pass-closed"]);
}

#[test]
fn a_lost_key_is_not_registered() {
    let mut stage = stage();
    let label = stage.manifest.keys[0].label.clone();
    let event = glasskey::inventory::Event::Lost {
        reason: "gone".into(),
    };
    stage
        .inventory
        .record(&label, &event, &super::author(), None)
        .unwrap();
    let (result, ..) = stage.scene.run(&stage.manifest, adds(&stage.key));
    let refused = matches!(
        result,
        Err(RegistrationError::Inventory(InventoryError::OutOfService { .. }))
    );
    assert!(refused, "{result:?}");
    assert_eq!(stage.scene.sandbox.calls("POST", ""), 0);
}

#[test]
fn a_passkey_that_is_there_is_recorded_though_the_run_failed_later() {
    let mut stage = stage();
    let label = stage.manifest.keys[0].label.clone();
    stage.scene.sandbox.add_fault(Fault {
        method: Some("POST".into()),
        path: "revokesigninsessions".into(),
        skip: 0,
        count: 1,
        effect: Effect::Status {
            status: 403,
            retry_after: None,
            code: None,
            message: None,
        },
    });
    let (result, ..) = stage.scene.run(&stage.manifest, adds(&stage.key));
    assert!(matches!(result, Err(RegistrationError::Graph(_))), "{result:?}");
    assert_eq!(stage.inventory.key(&label).unwrap().state, KeyState::Registered);
    let (result, ..) = stage.scene.run(&stage.manifest, does_nothing());
    result.unwrap();
    let words = ["imported", "pass-opened", "registered", "pass-closed", "proven"];
    assert_eq!(stage.words(), words);
}
