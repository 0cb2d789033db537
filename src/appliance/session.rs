//! The program that process 1 starts and supervises: self-test, stick, and one ceremony.
//!
//! Whatever fails is shown, and the officer decides between trying again and switching off. It ends with success
//! only when the machine is to be switched off.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use super::check::Check;
use super::clock::SystemClock;
use super::observed::Observed;
use super::usb::{Guard, GuardedConsole};
use super::{STICK, crash, hold, self_test};
use crate::console::screen;
use crate::console::{Console, ConsoleError};
use crate::media::{MediaError, Stick, mount};
use crate::secret;
use crate::transcript::Entry;
use crate::worker::Launcher;

/// Holds the session; `problems` is what process 1 could not mount, as sentences, `again` whether a session crashed.
#[must_use]
pub fn run(problems: &[String], again: bool) -> ExitCode {
    crash::install_hook();
    let result = screen::console()
        .map_err(ConsoleError::from)
        .and_then(|mut console| {
            let guard = if again {
                Guard::start_again()
            } else {
                Guard::start()
            };
            session(&mut GuardedConsole::new(console.as_mut(), guard), problems)
        });
    if result.is_ok() {
        ExitCode::SUCCESS
    } else {
        // Nobody can be told here: process 1 has a console of its own.
        ExitCode::FAILURE
    }
}

/// From the first screen to the end of the ceremony.
fn session(console: &mut dyn Console, problems: &[String]) -> Result<(), ConsoleError> {
    console.tell(&format!(
        "\nGlasskey station {} - prepares security keys for emergency-access accounts, without a network.",
        env!("CARGO_PKG_VERSION")
    ))?;
    for problem in problems {
        console.tell(&format!("!! {problem}"))?;
    }
    let mut clock = SystemClock;
    let test = self_test::run(console, &mut clock, secret::lock_memory())?;
    if test.passed {
        let mut report = crash::report_progress;
        let mut observed = Observed::new(console, &mut clock, &mut report);
        until_held(&mut observed, &test.entries)?;
    } else {
        console.ask("?? Press Enter to switch off.")?;
        console.wait_line()?;
    }
    console.tell("\nSwitching off.")
}

/// Tries until a ceremony was held or the officer has enough.
fn until_held(console: &mut dyn Console, checks: &[Entry]) -> Result<(), ConsoleError> {
    while let Err(problem) = ceremony(console, checks.to_vec()) {
        console.tell(&format!("!! {problem}"))?;
        console.ask("?? Press Enter to try again, or type off to switch off:")?;
        if console.wait_line()?.eq_ignore_ascii_case("off") {
            return Ok(());
        }
    }
    console.ask("?? Take out the stick when the machine is off. Press Enter to switch off.")?;
    console.wait_line()?;
    Ok(())
}

/// Finds the stick, then holds the ceremony; the error is a paragraph for the officer.
fn ceremony(console: &mut dyn Console, mut checks: Vec<Entry>) -> Result<(), String> {
    let stick = find_stick(console)?.map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let found = Check::report("stick", format!("a plan is on {}", stick.device().display()));
    console.tell(&found.line()).map_err(|e| e.to_string())?;
    checks.push(found.entry());
    hold(console, checks, &mut Stick::mounted(stick), &Launcher::current())
}

/// USB sticks take a moment to appear after power-on, and it is the console that lets them in.
fn find_stick(console: &mut dyn Console) -> Result<Result<mount::Mounted, MediaError>, String> {
    let mut tries = 0;
    loop {
        match mount::find(Path::new(STICK)) {
            Err(MediaError::NoStick) if tries < 20 => {
                tries += 1;
                console
                    .poll(Duration::from_millis(250))
                    .map_err(|e| e.to_string())?;
            }
            other => return Ok(other),
        }
    }
}
