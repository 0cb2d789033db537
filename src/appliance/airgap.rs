//! The self-test of the air gap: the kernel is asked itself, by raw system call, at every start.

use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

use super::check::{Check, OTHER_IMAGE};

/// Address families of Linux 6.12: 0 to 45 (linux/socket.h, AF_MAX is 46).
const FAMILIES: std::ops::Range<u16> = 0..46;

/// Whether there is any way to a network, to more kernel code or to raw memory; `root` is `/` on the image.
#[must_use]
pub fn checks(root: &Path) -> Vec<Check> {
    vec![
        sockets(),
        absent(root, "network interfaces", &["sys/class/net", "proc/net"]),
        absent(
            root,
            "kernel modules",
            &["proc/modules", "sys/module/kernel/parameters/module_blacklist"],
        ),
        absent(root, "raw memory access", &["dev/mem", "dev/port", "proc/kcore"]),
    ]
}

/// Every family must be refused with ENOSYS: the call does not exist. Any other answer means network code.
fn sockets() -> Check {
    let open: Vec<String> = FAMILIES
        .filter_map(|family| match refusal(family) {
            Some(Errno::NOSYS) => None,
            other => Some(format!(
                "family {family}: {}",
                other.map_or("opened".into(), |e| e.to_string())
            )),
        })
        .collect();
    let found = if open.is_empty() {
        format!("all {} families are refused (ENOSYS)", FAMILIES.len())
    } else {
        format!(
            "{} of {} families are not refused with ENOSYS: {}",
            open.len(),
            FAMILIES.len(),
            open[0]
        )
    };
    Check::new("no sockets", open.is_empty(), found, OTHER_IMAGE)
}

/// Asks for a socket; `None` when one was given.
fn refusal(family: u16) -> Option<Errno> {
    // rustix makes the system call itself, so no libc function for sockets is linked.
    rustix::net::socket(AddressFamily::from_raw(family), SocketType::RAW, None)
        .err()
        .or_else(|| rustix::net::socket(AddressFamily::from_raw(family), SocketType::STREAM, None).err())
}

/// None of these may be there.
fn absent(root: &Path, name: &'static str, paths: &[&str]) -> Check {
    let there: Vec<String> = paths
        .iter()
        .filter(|path| root.join(path).exists())
        .map(|path| format!("/{path}"))
        .collect();
    let found = if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    };
    Check::new(name, there.is_empty(), found, OTHER_IMAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_machine_fails_the_test() {
        // The control of what the image shows: here sockets exist, and the check must say so.
        let check = sockets();
        assert!(!check.passed, "{check:?}");
    }

    #[test]
    fn each_way_in_is_noticed_and_nothing_is_found_where_there_is_none() {
        let root = tempfile::tempdir().unwrap();
        let paths = checks(root.path());
        assert!(paths[1..].iter().all(|check| check.passed), "{paths:?}");
        for (place, path) in [
            (1, "sys/class/net"),
            (1, "proc/net"),
            (2, "proc/modules"),
            (3, "dev/mem"),
            (3, "dev/port"),
            (3, "proc/kcore"),
        ] {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(root.path().join(path)).unwrap();
            let check = &checks(root.path())[place];
            assert!(!check.passed && check.found == format!("/{path}"), "{check:?}");
        }
    }
}
