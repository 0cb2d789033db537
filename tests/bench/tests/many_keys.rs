//! Two hundred keys one after another in one port leave nothing behind. Alone in its process, whose threads it counts.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod host;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use bench::engine::config::EngineConfig;
use bench::identity::UsbIdentity;
use bench::key::VirtualKey;
use bench::message::{BROADCAST, Message, command_byte};
use bench::usbredir::codec::Packet;

use crate::host::Host;

const KEYS: usize = 200;
/// What threads that are on their way out may take.
const SOON: Duration = Duration::from_secs(10);
/// Half of what the stacks of all engines (16 MiB each) would take. The allocator and the cache of stacks reserve some
/// 300 MiB, by the few threads that live at one time, not by the keys.
const MEMORY_ALLOWED: u64 = KEYS as u64 * (8 << 20);

/// Threads, open files and address space (bytes) of this process.
fn held() -> (usize, usize, u64) {
    let count = |directory| fs::read_dir(directory).unwrap().count();
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    (count("/proc/self/task"), count("/proc/self/fd"), pages * 4096)
}

/// Waits until no more threads and files are held than this.
fn falls_to(threads: usize, files: usize) -> bool {
    let end = Instant::now() + SOON;
    loop {
        let now = held();
        if now.0 <= threads && now.1 <= files {
            return true;
        }
        if Instant::now() > end {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Every other key has the same serial number, the rest have none.
fn key(n: usize) -> VirtualKey {
    let key = VirtualKey::new(EngineConfig::default()).unwrap();
    key.set_identity(UsbIdentity {
        serial: n.is_multiple_of(2).then(|| "0001".to_owned()),
        ..UsbIdentity::default()
    });
    key
}

#[test]
fn two_hundred_keys_in_one_port_leave_nothing_behind() {
    let (mut host, port) = Host::connected();
    let init = Message::new(BROADCAST, command_byte::INIT, &[5; 8]).reports()[0];
    let out = Packet::Interrupt {
        endpoint: 0x01,
        status: 0,
        length: 64,
        data: init.to_vec(),
    };
    let (threads, files, memory) = held();
    let mut kept = Vec::new();
    for n in 0..KEYS {
        let key = key(n);
        port.plug(&key).unwrap();
        let [.., Packet::Connect { .. }] = host.announcement() else {
            panic!("key {n} is not announced")
        };
        host.ask(&Packet::StartInterrupt(0x81));
        let (_, answer) = host.ask_for_report(&out);
        assert!(
            matches!(answer, Packet::Interrupt { endpoint: 0x81, ref data, .. } if data[4] == command_byte::INIT),
            "key {n}: {answer:?}"
        );
        // A plugged key has its engine and its pump; the one before may still be on its way out.
        assert!(held().0 > threads, "key {n} has no thread");
        assert!(falls_to(threads + 2, files), "key {n}: {:?}", held());
        assert!(port.pull());
        assert_eq!(host.read().1, Packet::Disconnect);
        // As a ceremony does: the keys lie in their bags, without power.
        kept.push(key);
    }
    assert!(falls_to(threads, files), "{:?}", held());
    assert_eq!(
        kept.iter().filter(|key| key.identity().serial.is_none()).count(),
        KEYS / 2
    );
    let grown = held().2.saturating_sub(memory);
    assert!(grown < MEMORY_ALLOWED, "{grown} bytes more");
}
