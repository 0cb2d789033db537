//! The self-test at each start: every line is shown, and goes into the transcript.

use std::path::Path;

use rustix::io::Errno;

use super::check::Check;
use super::clock::{self, Clock};
use super::{airgap, firmware, kernel, usb};
use crate::console::{Console, ConsoleError};
use crate::transcript::Entry;

/// Result of the self-test.
pub struct SelfTest {
    /// The lines for the transcript.
    pub entries: Vec<Entry>,
    /// Whether a ceremony may be held.
    pub passed: bool,
}

/// Asks kernel, firmware and clock, and shows what they say; `locked` is what came of locking this process's memory.
pub fn run(
    console: &mut dyn Console,
    clock: &mut dyn Clock,
    locked: Result<(), Errno>,
) -> Result<SelfTest, ConsoleError> {
    console.tell("Self-test:")?;
    let root = Path::new("/");
    let mut checks = airgap::checks(root);
    checks.push(usb::check(root));
    checks.push(kernel::lockdown(root));
    checks.push(firmware::secure_boot(root));
    checks.push(kernel::memory(root, locked));
    checks.push(kernel::randomness(&mut crate::pin::kernel_random));
    show(console, &checks)?;
    let mut entries: Vec<Entry> = checks.iter().map(Check::entry).collect();
    let passed = checks.iter().all(|check| check.passed);
    if passed {
        entries.extend(clock::check(console, clock)?);
    }
    Ok(SelfTest { entries, passed })
}

/// Shows each check, and what to do about those that failed.
fn show(console: &mut dyn Console, checks: &[Check]) -> Result<(), ConsoleError> {
    for check in checks {
        console.tell(&check.line())?;
    }
    for check in checks.iter().filter(|check| !check.passed) {
        console.tell(&format!(
            "!! The self-test failed: {}. No ceremony is held on this computer, and nothing has been done.\n   {}\n   Note \
             what was found: {}.",
            check.name, check.advice, check.found
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::script::{ScriptConsole, Shown};

    #[test]
    fn a_failed_check_is_said_with_what_to_do_and_a_good_one_is_not() {
        let told = |checks: &[Check]| -> Vec<String> {
            let mut console = ScriptConsole::new();
            show(&mut console, checks).unwrap();
            let told = console.record().iter().map(|shown| match shown {
                Shown::Told(text) => text.clone(),
                other => panic!("{other:?}"),
            });
            told.collect()
        };
        let good = Check::new("no sockets", true, "all refused", "advice");
        let bad = Check::new("kernel lockdown", false, "it says none", "Do not use it.");
        assert_eq!(
            told(std::slice::from_ref(&good)),
            ["   ok  no sockets: all refused"]
        );
        let both = told(&[good, bad]);
        assert_eq!(both[1], "   FAILED kernel lockdown: it says none");
        assert!(
            both[2].starts_with("!! The self-test failed: kernel lockdown."),
            "{both:?}"
        );
        assert!(both[2].contains("Do not use it.") && both.len() == 3, "{both:?}");
    }

    #[test]
    fn an_ordinary_machine_holds_no_ceremony() {
        struct Now;
        impl Clock for Now {
            fn now(&self) -> time::OffsetDateTime {
                time::OffsetDateTime::now_utc()
            }
            fn set(&mut self, _: time::OffsetDateTime) -> std::io::Result<()> {
                Ok(())
            }
            fn keep(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let test = run(&mut ScriptConsole::new(), &mut Now, Ok(())).unwrap();
        assert!(!test.passed);
        let failed = |entry: &Entry| matches!(entry, Entry::SelfTest { passed: false, .. });
        assert!(test.entries.iter().any(failed), "{:?}", test.entries);
    }
}
