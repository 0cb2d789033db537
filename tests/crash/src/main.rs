//! The station's program with a way to die: when a USB device calls itself `Bench crash: abort` or `Bench crash: kill`,
//! the session of the image ends so, wherever it stands. Process 1 and the workers are the shipped ones.
//!
//! What ships is built from another `main`, so this way is not in it, and a test looks for these words there.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

/// How often the bus is looked at: faster than the program itself does.
const LOOK: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(2).is_some_and(|word| word == "session") {
        std::thread::spawn(watch);
    }
    glasskey::cli::run(arguments)
}

fn watch() {
    loop {
        match told().as_deref() {
            Some("abort") => std::process::abort(),
            Some("kill") => {
                let _ = kill_process(getpid(), Signal::KILL);
            }
            _ => std::thread::sleep(LOOK),
        }
    }
}

/// How a device wants the program to die.
fn told() -> Option<String> {
    let devices = std::fs::read_dir("/sys/bus/usb/devices").ok()?;
    devices.flatten().find_map(|device| {
        let name = std::fs::read_to_string(device.path().join("product")).ok()?;
        name.trim().strip_prefix("Bench crash: ").map(str::to_owned)
    })
}
