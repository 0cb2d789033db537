//! Process 1 of the image: mounts, self-test, stick and printer, one ceremony, power off.
//!
//! It never returns and never starts a shell: whatever fails is shown, and the officer decides between
//! trying again and switching off.

pub mod airgap;
pub mod setup;
pub mod usb;
pub mod usb_policy;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use time::OffsetDateTime;

use crate::ceremony::driver::{Finished, Ports, Press, Ready};
use crate::ceremony::{self, Ending};
use crate::console::screen;
use crate::console::{Console, ConsoleError};
use crate::key::{KeyClient, SysRoot};
use crate::manifest::seal;
use crate::media::{MediaError, Stick, mount};
use crate::paper::Document;
use crate::plan::Plan;
use crate::printer::discovery::Roots;
use crate::printer::{self, Prepared, PrintError};
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
    let guard = usb::Guard::start();
    setup::harden();
    let Ok(mut console) = screen::console() else {
        setup::power_off();
    };
    let mut console = usb::GuardedConsole::new(console.as_mut(), guard);
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
    for check in airgap::checks().into_iter().chain([usb::check()]) {
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
    let stick = find_stick(console)?.map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let mut stick = Stick::mounted(stick);
    hold(console, checks, &mut stick, &Launcher::current())
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

/// Reads the plan, shows it, and holds the ceremony on a stick that is ready.
pub fn hold(
    console: &mut dyn Console,
    checks: Vec<Entry>,
    stick: &mut Stick,
    launcher: &Launcher,
) -> Result<(), String> {
    let text = stick.read_plan().map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let checked = Plan::read(&text).map_err(|e| {
        format!("The plan cannot be used: {e}.\n   Mend it on another machine. Nothing has been done.")
    })?;
    let plan = checked.plan;
    let plan_sha256 = sha256(&text);
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
    for warning in checked.warnings {
        let line = format!("!  Line {} of the plan: {}", warning.line, warning.text);
        console.tell(&line).map_err(say)?;
    }
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
        launcher,
        now: &OffsetDateTime::now_utc,
    };
    let finished = ceremony::run(&plan, &plan_sha256, checks, stick, ports).map_err(|e| e.to_string())?;
    console.tell(&words(&finished)).map_err(say)
}

/// Whether the stick holds a ceremony by this plan whose keys wait for their second pass.
pub fn waits_for_second_pass(stick: &Stick, plan: &str) -> Result<bool, String> {
    ceremony::waits_for_second_pass(stick, &sha256(plan)).map_err(|e| e.to_string())
}

fn sha256(text: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
}

/// How a ceremony was left.
fn words(finished: &Finished) -> String {
    match finished.ending {
        Ending::Finished => format!(
            "*** Ceremony {} is finished: {} keys prepared. What it leaves is on the stick and was read back.",
            finished.ceremony, finished.prepared
        ),
        Ending::Paused => format!(
            "*** Ceremony {} is paused: {} keys prepared so far.",
            finished.ceremony, finished.prepared
        ),
    }
}

/// The one printer on USB, looked for anew for every document: its node can change.
struct UsbPress {
    launcher: Launcher,
    roots: Roots,
}

impl Press for UsbPress {
    fn prepare(&mut self, document: &Document, pin: Option<&Pin>) -> Result<Box<dyn Ready>, PrintError> {
        let printer = self.roots.only_printer()?;
        Ok(Box::new(ReadyPage {
            prepared: printer::prepare(&self.launcher, &printer, document, pin)?,
            roots: self.roots.clone(),
        }))
    }
}

/// A page in its process; the printer is looked for when its turn comes.
struct ReadyPage {
    prepared: Prepared,
    roots: Roots,
}

impl Ready for ReadyPage {
    fn print(self: Box<Self>) -> Result<(), PrintError> {
        let printer = self.roots.only_printer()?;
        let never = std::sync::atomic::AtomicBool::new(false);
        self.prepared
            .print(&printer, PRINT_DEADLINE, &never, &mut |_| {})
            .map(drop)
    }
}
