//! The worker as a process: `KeyClient` against device nodes that are none.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use glasskey::key::{Effect, KeyBus as _, KeyClient, KeyError, SysRoot, Watch};
use glasskey::secret::Pin;
use glasskey::worker::{Launcher, WorkerError};
use tempfile::TempDir;

const FIDO: &[u8] = &[0x06, 0xD0, 0xF1, 0x09, 0x01, 0xA1, 0x01, 0xC0];

fn launcher() -> Launcher {
    Launcher::program(env!("CARGO_BIN_EXE_glasskey"))
}

/// A sysfs tree with one key whose device node does not exist.
fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    let usb = tree.path().join("devices/usb1/1-2");
    let hid = usb.join("1-2:1.0/0003:1209:0001.0001");
    fs::create_dir_all(&hid).unwrap();
    for (name, value) in [
        ("busnum", "1"),
        ("devnum", "7"),
        ("idVendor", "1209"),
        ("idProduct", "0001"),
    ] {
        fs::write(usb.join(name), value).unwrap();
    }
    fs::write(hid.join("report_descriptor"), FIDO).unwrap();
    let class = tree.path().join("class/hidraw/hidraw987654");
    fs::create_dir_all(&class).unwrap();
    symlink(&hid, class.join("device")).unwrap();
    tree
}

#[test]
fn a_missing_node_is_a_key_that_is_gone() {
    let tree = tree();
    let client = KeyClient::new(launcher(), SysRoot::new(tree.path()));
    let key = client.sole_key().unwrap();
    let mut watch = Watch {
        cancel: &AtomicBool::new(false),
        on_event: &mut |_| {},
    };
    let gone = KeyError::Vanished {
        port: key.port.clone(),
        effect: Effect::Nothing,
    };
    assert_eq!(client.identify(&key, &mut watch), Err(gone.clone()));
    let pin = Pin::new("123456".into());
    assert_eq!(client.set_pin(&key, &pin, &mut watch), Err(gone.clone()));
    // Put back meanwhile: no worker is even started for the old plugging-in.
    fs::write(tree.path().join("devices/usb1/1-2/devnum"), "8").unwrap();
    assert_eq!(client.identify(&key, &mut watch), Err(gone));
}

#[test]
fn nonsense_gets_a_typed_failure() {
    let failure = launcher().call(
        "key",
        b"{}",
        None,
        Duration::from_secs(5),
        &AtomicBool::new(false),
        &mut |_| {},
    );
    let Err(WorkerError::Failed(body)) = failure else {
        panic!("{failure:?}");
    };
    let error: KeyError = serde_json::from_slice(&body).unwrap();
    assert!(matches!(error, KeyError::Worker { .. }), "{error:?}");
}
