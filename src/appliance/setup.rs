//! What process 1 does before and after everything else: mounts, limits, power off.

use std::ffi::CStr;
use std::fs;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Resource, Rlimit};
use rustix::system::{RebootCommand, reboot};

use crate::secret;

/// Mounts that one path can carry at most; more would be a loop.
const LAYERS: usize = 8;

/// Mounts the kernel's file systems; returns what failed, as sentences.
#[must_use]
pub fn mount_all() -> Vec<String> {
    let safe = MountFlags::NOSUID | MountFlags::NOEXEC;
    // Devices have to work in /dev: everywhere else they must not.
    let inert = safe | MountFlags::NODEV;
    let table: [(&str, &str, MountFlags, &CStr); 5] = [
        ("devtmpfs", "/dev", safe, c"mode=0755"),
        ("proc", "/proc", inert, c""),
        ("sysfs", "/sys", inert, c""),
        ("tmpfs", "/run", inert, c"mode=0700,size=16m"),
        // The self-test reads the kernel's lockdown here.
        (
            "securityfs",
            "/sys/kernel/security",
            inert | MountFlags::RDONLY,
            c"",
        ),
    ];
    let mut problems = Vec::new();
    for (kind, target, flags, options) in table {
        let _ = fs::create_dir_all(target);
        if let Err(error) = mount(kind, target, kind, flags, options) {
            problems.push(format!("{target} could not be mounted: {error}."));
        }
    }
    // Only firmware that is UEFI has variables; the self-test says so where it is not.
    let variables = "/sys/firmware/efi/efivars";
    let _ = mount("efivarfs", variables, "efivarfs", inert | MountFlags::RDONLY, c"");
    problems
}

/// For this process and all that come from it: no core dumps, no tracing, as much locked memory as they need.
pub fn harden() {
    let limit = |resource, value| {
        let both = Rlimit {
            current: value,
            maximum: value,
        };
        let _ = rustix::process::setrlimit(resource, both);
    };
    limit(Resource::Core, Some(0));
    limit(Resource::Memlock, None);
    // Yama starts at 0 and has no option for its start value; 3 cannot be taken back.
    let _ = fs::write("/proc/sys/kernel/yama/ptrace_scope", "3");
    // What the kernel says of each refused device is for nobody to read between the lines of a ceremony.
    let _ = fs::write("/proc/sys/kernel/printk", "3");
    // Three keys pressed by accident must not end a ceremony: the kernel would restart the machine at once.
    let _ = reboot(RebootCommand::CadOff);
    let _ = secret::lock_memory();
}

/// Writes out and takes away whatever is mounted at `path`, so that it can be mounted afresh.
pub fn unmount_all(path: &Path) {
    rustix::fs::sync();
    for _ in 0..LAYERS {
        match unmount(path, UnmountFlags::empty()) {
            Ok(()) => {}
            // A process that hangs in the kernel can hold a file; the name is free all the same.
            Err(Errno::BUSY) if unmount(path, UnmountFlags::DETACH).is_ok() => {}
            Err(_) => return,
        }
    }
}

/// Switches the machine off.
pub fn power_off() -> ! {
    rustix::fs::sync();
    let _ = reboot(RebootCommand::PowerOff);
    // Process 1 must not end: the kernel would call that a crash.
    loop {
        std::thread::sleep(std::time::Duration::from_hours(1));
    }
}
