//! Process 1 of the image: mounts, self-test, stick and printer, one ceremony, power off.
//!
//! It never returns and never starts a shell: whatever fails is shown, and the officer decides between
//! trying again and switching off.

pub mod airgap;
pub mod setup;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use time::OffsetDateTime;

use crate::ceremony::driver::{self, Ports, Press};
use crate::console::line::LineConsole;
use crate::console::{Console, ConsoleError};
use crate::key::{KeyClient, SysRoot};
use crate::manifest::seal;
use crate::media::{Stick, mount};
use crate::paper::Document;
use crate::plan::Plan;
use crate::printer::discovery::Roots;
use crate::printer::{self, PrintError};
use crate::secret::Pin;
use crate::transcript::{Entry, Text, hex};
use crate::worker::Launcher;

/// Where the officer's stick is mounted.
const STICK: &str = "/run/stick";
/// Longest time a printer may take for one document.
const PRINT_DEADLINE: Duration = Duration::from_mins(3);

/// Runs as process 1 until the machine is switched off.
#[must_use]
pub fn run() -> ExitCode {
    let problems = setup::mount_all();
    setup::harden();
    let Ok(mut console) = LineConsole::standard() else {
        setup::power_off();
    };
    let result = session(&mut console, &problems);
    if let Err(error) = result {
        let _ = console.tell(&format!("!! {error}"));
    }
    let _ = console.tell("\nSwitching off.");
    setup::power_off();
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
    let checks = self_test(console)?;
    if checks
        .iter()
        .any(|check| matches!(check, Entry::SelfTest { passed: false, .. }))
    {
        console.tell("!! The self-test failed: no ceremony is held on this machine.\n   Note the failed line, and do not use this image before the reason is known.")?;
        console.ask("?? Press Enter to switch off.")?;
        console.wait_line()?;
        return Ok(());
    }
    loop {
        match ceremony(console, checks.clone()) {
            Ok(()) => break,
            Err(problem) => {
                console.tell(&format!("!! {problem}"))?;
                console.ask("?? Press Enter to try again, or type off to switch off:")?;
                if console.wait_line()?.eq_ignore_ascii_case("off") {
                    return Ok(());
                }
            }
        }
    }
    console.ask("?? Take out the stick when the machine is off. Press Enter to switch off.")?;
    console.wait_line()?;
    Ok(())
}

fn self_test(console: &mut dyn Console) -> Result<Vec<Entry>, ConsoleError> {
    let mut entries = Vec::new();
    console.tell("Self-test:")?;
    for check in airgap::checks() {
        let mark = if check.passed { "ok " } else { "FAILED" };
        console.tell(&format!("   {mark} {}: {}", check.name, check.found))?;
        entries.push(Entry::SelfTest {
            check: Text::new(check.name),
            passed: check.passed,
            found: Text::new(&check.found),
        });
    }
    Ok(entries)
}

/// Finds stick, plan and printer, then holds the ceremony; the error is a paragraph for the officer.
fn ceremony(console: &mut dyn Console, checks: Vec<Entry>) -> Result<(), String> {
    let stick = find_stick().map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let mut stick = Stick::mounted(stick);
    hold(console, checks, &mut stick, &Launcher::current())
}

/// USB sticks take a moment to appear after power-on.
fn find_stick() -> Result<mount::Mounted, crate::media::MediaError> {
    let mut tries = 0;
    loop {
        match mount::find(Path::new(STICK)) {
            Err(crate::media::MediaError::NoStick) if tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(250));
            }
            other => return other,
        }
    }
}

/// Reads the plan, shows it, and holds the ceremony on a stick that is ready.
pub fn hold(
    console: &mut dyn Console,
    checks: Vec<Entry>,
    stick: &mut Stick,
    launcher: &Launcher,
) -> Result<(), String> {
    let text = stick.read_plan().map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let plan = Plan::parse(&text).map_err(|e| {
        format!("The plan cannot be used: {e}.\n   Mend it on another machine. Nothing has been done.")
    })?;
    let plan_sha256 = hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    let roots = Roots::default();
    let found = roots
        .only_printer()
        .and_then(|p| p.usable_language().map(|l| (p.describe(), l)));
    let (printer, language) = found.map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let say = |e: ConsoleError| e.to_string();
    console
        .tell(&format!(
            "Plan: {} ({} keys{})\nPrinter: {printer}, {}",
            plan.title,
            plan.keys.len(),
            if plan.rehearsal { ", REHEARSAL" } else { "" },
            language.name(),
        ))
        .map_err(say)?;
    let keys = KeyClient::new(launcher.clone(), SysRoot::default());
    let mut press = UsbPress {
        launcher: launcher.clone(),
        roots,
    };
    let sealer = |jws: &_, recipients: &[String]| seal::seal_in_child(launcher, jws, recipients);
    let ports = Ports {
        keys: &keys,
        press: &mut press,
        console,
        seal: &sealer,
        now: &OffsetDateTime::now_utc,
    };
    let finished = driver::run(&plan, &plan_sha256, checks, stick, ports).map_err(|e| e.to_string())?;
    console
        .tell(&format!(
            "*** Ceremony {} is finished: {} keys prepared. Manifest and transcript are on the stick and were read back.",
            finished.ceremony, finished.prepared
        ))
        .map_err(say)
}

/// The one printer on USB, looked for anew for every document: its node can change.
struct UsbPress {
    launcher: Launcher,
    roots: Roots,
}

impl Press for UsbPress {
    fn print(&mut self, document: &Document, pin: Option<&Pin>) -> Result<(), PrintError> {
        let printer = self.roots.only_printer()?;
        let never = std::sync::atomic::AtomicBool::new(false);
        printer::print(
            &self.launcher,
            &printer,
            document,
            pin,
            PRINT_DEADLINE,
            &never,
            &mut |_| {},
        )
        .map(drop)
    }
}
