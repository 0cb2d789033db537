//! Holds one ceremony on a stick that is ready: plan, printer and keys brought together.

use std::time::Duration;

use time::OffsetDateTime;

use super::check::Check;
use crate::ceremony::driver::{Finished, Ports, Press, Ready};
use crate::ceremony::{self, Ending};
use crate::console::{Console, ConsoleError};
use crate::key::{KeyClient, SysRoot};
use crate::manifest::seal;
use crate::media::Stick;
use crate::paper::Document;
use crate::plan::Plan;
use crate::printer::discovery::Roots;
use crate::printer::{self, Prepared, PrintError};
use crate::secret::Pin;
use crate::transcript::{Entry, hex};
use crate::worker::Launcher;

/// Longest time a printer may take for one document.
const PRINT_DEADLINE: Duration = Duration::from_mins(3);

/// Reads the plan, shows it, and holds the ceremony on a stick that is ready.
pub fn hold(
    console: &mut dyn Console,
    mut checks: Vec<Entry>,
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
        .and_then(|p| p.slip_language().map(|l| (p.describe(), l)));
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
    checks.push(Check::report("printer", format!("{printer}, {}", language.name())).entry());
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
