//! The self-test of the air gap: the kernel is asked itself, by raw system call, at every start.

use std::path::Path;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType};

/// Address families of Linux 6.12: 0 to 45 (linux/socket.h, AF_MAX is 46).
const FAMILIES: std::ops::Range<u16> = 0..46;

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it held.
    pub passed: bool,
    /// What was found.
    pub found: String,
}

/// Runs every check.
#[must_use]
pub fn checks() -> Vec<Check> {
    vec![
        sockets(),
        absent("network interfaces", &["/sys/class/net", "/proc/net"]),
        absent(
            "kernel modules",
            &["/proc/modules", "/sys/module/kernel/parameters/module_blacklist"],
        ),
        absent("raw memory access", &["/dev/mem", "/dev/port", "/proc/kcore"]),
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
    Check {
        name: "no sockets",
        passed: open.is_empty(),
        found,
    }
}

/// Asks for a socket; `None` when one was given.
fn refusal(family: u16) -> Option<Errno> {
    // rustix makes the system call itself, so no libc function for sockets is linked.
    rustix::net::socket(AddressFamily::from_raw(family), SocketType::RAW, None)
        .err()
        .or_else(|| rustix::net::socket(AddressFamily::from_raw(family), SocketType::STREAM, None).err())
}

fn absent(name: &'static str, paths: &[&str]) -> Check {
    let there: Vec<&str> = paths.iter().copied().filter(|p| Path::new(p).exists()).collect();
    let found = if there.is_empty() {
        "none".to_owned()
    } else {
        there.join(", ")
    };
    Check {
        name,
        passed: there.is_empty(),
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_machine_fails_the_test() {
        // The control of what the image shows: here sockets exist, and the check must say so.
        let check = sockets();
        assert!(!check.passed, "{check:?}");
        assert!(!absent("x", &["/proc"]).passed && absent("x", &["/no/such/path"]).passed);
    }
}
