//! Process 1 of the image and the session that it supervises: mounts, self-test, one ceremony, power off.
//!
//! Process 1 ([`run`]) touches no device and no secret. It mounts, starts this program again as its child ([`session`]),
//! waits for it ([`supervisor`]), and switches the machine off. When the child crashes, process 1 says so ([`crash`]),
//! puts terminal and mount right, and starts it again if the officer wants that: the ceremony goes on as after a power
//! cut. There is no shell and no restart without a person, and memory with a PIN in it goes back to the kernel, which
//! wipes it, when the child ends: before the power does.

pub mod airgap;
pub mod check;
pub mod clock;
pub mod crash;
pub mod firmware;
mod holding;
pub mod kernel;
mod observed;
pub mod print_test;
pub mod self_test;
pub mod session;
pub mod setup;
pub mod supervisor;
mod terminal;
pub mod usb;
pub mod usb_policy;

use std::path::Path;
use std::process::{Command, ExitCode};

pub use holding::{UsbPress, hold, waits_for_second_pass};

use crash::{End, Notes};
use supervisor::Site;
use terminal::Terminal;

use crate::console::Console;
use crate::console::line::LineConsole;

/// Where the officer's stick is mounted.
const STICK: &str = "/run/stick";

/// Runs as process 1 until the machine is switched off.
#[must_use]
pub fn run() -> ExitCode {
    crash::install_hook();
    let problems = setup::mount_all();
    // From here on nothing is let in that a session did not look at.
    usb::close_ports();
    setup::harden();
    let mut image = Image {
        problems,
        is_again: false,
        terminal: Terminal::found(),
    };
    supervisor::supervise(&mut image);
    setup::unmount_all(Path::new(STICK));
    setup::power_off();
}

/// The running image, around the program that holds the ceremony.
struct Image {
    /// What could not be mounted, as sentences.
    problems: Vec<String>,
    /// Whether a session was started before.
    is_again: bool,
    terminal: Terminal,
}

impl Site for Image {
    fn command(&mut self) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["station", "session"])
            .args(self.is_again.then_some("--again"))
            .args(&self.problems)
            .env_clear();
        self.is_again = true;
        command
    }

    fn tidy(&mut self) {
        self.terminal.restore();
        setup::unmount_all(Path::new(STICK));
    }

    fn crashed(&mut self, end: &End, notes: &Notes, may_go_on: bool) -> bool {
        // Plain lines: whatever went wrong may have gone wrong on the full screen.
        let Ok(mut console) = LineConsole::standard() else {
            return false;
        };
        let question = if may_go_on {
            "?? Press Enter to start it again, or type off to switch off:"
        } else {
            "?? Press Enter to switch off:"
        };
        let answer = console
            .tell(&crash::words(end, notes, may_go_on))
            .and_then(|()| console.ask(question))
            .and_then(|()| console.wait_line());
        answer.is_ok_and(|line| may_go_on && !line.eq_ignore_ascii_case("off"))
    }
}
