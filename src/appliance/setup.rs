//! What process 1 does before and after everything else: mounts, limits, power off.

use std::ffi::CStr;
use std::fs;

use rustix::mount::{MountFlags, mount};
use rustix::process::{Resource, Rlimit};
use rustix::system::{RebootCommand, reboot};

/// Mounts the kernel's file systems; returns what failed, as sentences.
#[must_use]
pub fn mount_all() -> Vec<String> {
    let safe = MountFlags::NOSUID | MountFlags::NOEXEC;
    // Devices have to work in /dev: everywhere else they must not.
    let table: [(&str, &str, MountFlags, &CStr); 4] = [
        ("devtmpfs", "/dev", safe, c"mode=0755"),
        ("proc", "/proc", safe | MountFlags::NODEV, c""),
        ("sysfs", "/sys", safe | MountFlags::NODEV, c""),
        ("tmpfs", "/run", safe | MountFlags::NODEV, c"mode=0700,size=16m"),
    ];
    let mut problems = Vec::new();
    for (kind, target, flags, options) in table {
        let _ = fs::create_dir_all(target);
        if let Err(error) = mount(kind, target, kind, flags, options) {
            problems.push(format!("{target} could not be mounted: {error}."));
        }
    }
    problems
}

/// No core dumps, no tracing, nothing paged out.
pub fn harden() {
    let _ = rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    );
    // Yama starts at 0 and has no option for its start value; 3 cannot be taken back.
    let _ = fs::write("/proc/sys/kernel/yama/ptrace_scope", "3");
    // Ctrl-Alt-Del goes to this process, which ignores it, instead of restarting the machine in the middle of a key.
    let _ = fs::write("/proc/sys/kernel/ctrl-alt-del", "0");
    // What the kernel says of each refused device is for nobody to read between the lines of a ceremony.
    let _ = fs::write("/proc/sys/kernel/printk", "3");
    crate::worker::child::lock_memory();
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
