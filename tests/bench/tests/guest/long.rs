//! A real guest over a long day: a keyboard, and many keys one after another.

use std::fs;
use std::time::Duration;

use bench::engine::config::EngineConfig;
use bench::identity::UsbIdentity;
use bench::key::VirtualKey;

use crate::guest::Guest;

/// More than a bus has addresses (127).
const KEYS: u32 = 130;

#[test]
#[ignore = "needs BENCH_GUEST, an unpacked linux-image package"]
fn what_is_typed_on_the_keyboard_arrives() {
    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::boot_with(directory.path(), |builder| {
        builder.keyboard().screen_size(1024, 768)
    });
    let text: String = (' '..='~').collect();
    guest.begin("head -n 2 < /dev/tty1 > /tmp/typed; cat /tmp/typed");
    std::thread::sleep(Duration::from_secs(1));
    guest
        .machine
        .type_text(&format!("Key-ID: a_b.C@d/e\n{text}\n"))
        .unwrap();
    let typed = guest.finish();
    assert!(typed.contains("Key-ID: a_b.C@d/e\n"), "{typed}");
    assert!(typed.contains(&text), "{typed}");
    guest.machine.quit().unwrap();
}

#[test]
#[ignore = "needs BENCH_GUEST, an unpacked linux-image package"]
fn more_keys_than_a_bus_has_addresses_pass_through_one_port() {
    let directory = tempfile::tempdir().unwrap();
    let mut guest = Guest::boot(directory.path());
    let files = |process: u32| fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let mut first = None;
    for n in 1..=KEYS {
        let key = VirtualKey::new(EngineConfig::default()).unwrap();
        key.set_identity(UsbIdentity {
            serial: n.is_multiple_of(2).then(|| "0001".to_owned()),
            ..UsbIdentity::default()
        });
        guest.machine.plug(0, &key).unwrap();
        guest.wait_for("/dev/hidraw*");
        guest.run("ask /dev/hidraw* 004");
        assert_eq!(key.counters().answer("getInfo 0x00"), 1, "key {n}");
        guest.machine.pull(0).unwrap();
        guest.run("while ls /dev/hidraw*; do sleep 0.1; done 2>/dev/null");
        // QEMU opens some files with the first key only.
        let now = files(guest.machine.id());
        assert!(
            now <= *first.get_or_insert(now),
            "key {n}: QEMU has {now} files open"
        );
    }
    guest.machine.quit().unwrap();
}
