//! `glasskey companion drill run`: one drill of one key.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::super::connection::Connection;
use super::super::inventory::place::{Name, Place};
use super::super::inventory::{print, print_json};
use super::super::register::exit_of;
use super::super::terminal::Terminal;
use super::super::{Exit, Failed, interruptible, usage};
use super::{key, verify};
use crate::graph::Interrupt;
use crate::id::{LabelId, Upn};
use crate::inventory::InventoryError;
use crate::key::device::SysRoot;
use crate::key::{KeyBus, KeyClient};
use crate::registration::{OnWrongKey, RegistrationError};
use crate::tenant::drill::{Drill, Keeping, Options, Report};
use crate::worker::Launcher;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Reason {
    /// The 90 days are over.
    Scheduled,
    /// Somebody who knows a safe, a PIN or a procedure came or went.
    StaffChange,
    /// Something of the subscription or the tenant changed.
    TenantChange,
    /// After an emergency in which the account was used.
    AfterUse,
}

impl Reason {
    fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::StaffChange => "staff-change",
            Self::TenantChange => "tenant-change",
            Self::AfterUse => "after-use",
        }
    }
}

/// Holds a drill: the key proves itself by touch, its custodian signs in, the sign-in log shows it, the report is signed.
///
/// The tenant is read first: account, passkey, key restrictions, role, other methods, exclusions. Where the log cannot be read or does not
/// tell which key it was, two people attest the sign-in. The key is claimed in the inventory, which keeps begin, end and the signed
/// report. Nothing is written to the tenant, unless `--revoke-sessions` is given.
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  glasskey companion drill run --account bg-01@contoso.onmicrosoft.com --inventory keys.sqlite \\
      --signing-key registrar.pem --report drill.jws --cloud global --token-file token

Exit codes: 0 passed, or attested by two people; 2 wrong use; 20 the tenant or the account is not as it must be; 21 Graph or network;
22 wrong key, or a key that cannot be asked; 23 the sign-in was made with something else; 24 no sign-in in time; 25 interrupted;
26 the report cannot be written; 50 to 55 inventory; 61 the key opens its account, and something of the account fails; 62 passed, and
the account was used besides drills since the last one.")]
pub(in super::super) struct Hold {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    name: Name,
    /// The account.
    #[arg(long, value_name = "UPN")]
    account: Upn,
    /// The key [default: the one of the account whose drill is due first].
    #[arg(long, value_name = "ID")]
    label: Option<LabelId>,
    /// The accounts' group: its name or object id [default: found through the policies].
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Why the drill is held.
    #[arg(long, value_enum, default_value = "scheduled")]
    reason: Reason,
    /// The key file that signs the report (`companion drill key --new`).
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// A new file for the signed report.
    #[arg(long, value_name = "FILE.jws")]
    report: PathBuf,
    /// Ends the account's sessions afterwards.
    #[arg(long)]
    revoke_sessions: bool,
    /// Seconds between two looks at the log.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=300))]
    poll_seconds: u64,
    /// Minutes that the key is waited for, and then the sign-in in the log.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
    /// Prints the report's JSON.
    #[arg(long)]
    json: bool,
}

impl Hold {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let interrupt = interruptible()?;
        let bus = KeyClient::new(Launcher::current(), SysRoot::default());
        self.hold(&bus, interrupt)
    }

    fn hold(&self, bus: &dyn KeyBus, interrupt: Interrupt) -> Result<(), Failed> {
        let signer = key::read(&self.signing_key)?;
        if self.report.exists() {
            let what = format!(
                "{} is there already; no report is replaced.",
                self.report.display()
            );
            return Err(usage(what, "Give the name of a new file."));
        }
        let graph = self.connection.client("drill", interrupt.clone())?;
        let address = self.place.address()?;
        let author = self.name.author("companion drill");
        let reason = self.reason.word();
        let keeping = Keeping::begin(address, author, &self.account, self.label.as_ref(), reason)
            .map_err(|error| (exit_of(&error), error.to_string(), error.hint()))?;
        let mut terminal = Terminal::new(None, interrupt);
        let on_wrong_key = if terminal.interactive {
            OnWrongKey::Wait
        } else {
            OnWrongKey::Stop
        };
        let mut drill = Drill {
            graph: &graph,
            bus,
            people: &mut terminal,
            keeping: &keeping,
            options: Options {
                group: self.group.clone(),
                poll: Duration::from_secs(self.poll_seconds),
                wait: Duration::from_mins(self.wait_minutes),
                on_wrong_key,
                revoke_sessions: self.revoke_sessions,
            },
        };
        let mut report = drill.report(reason);
        let result = drill.run(&mut report);
        let jws = report.sign(&signer);
        // The inventory first: it is what the next drill asks.
        let kept = keeping.end(report.passed(), report.evidence(jws.clone()));
        let written = write_new(&self.report, &jws);
        let content = serde_json::to_value(&report).unwrap_or_default();
        if self.json {
            print_json(&content)?;
        } else {
            print(&verify::summary(&content))?;
        }
        outcome(result, &report, kept, written)
    }
}

/// The exit code, by the first thing that went wrong.
fn outcome(
    result: Result<(), RegistrationError>,
    report: &Report,
    kept: Result<(), InventoryError>,
    written: Result<(), Failed>,
) -> Result<(), Failed> {
    if let Err(error) = result {
        let failure = report.error.as_ref();
        let message = failure.map_or_else(|| error.to_string(), |failure| failure.message.clone());
        let hint = failure.map_or_else(|| error.hint(), |failure| failure.hint.clone());
        return Err((exit_of(&error), message, hint));
    }
    kept?;
    written?;
    let failures = report.failures();
    if failures > 0 {
        return Err((
            Exit::DrillFailed,
            format!("The key opens its account, and {failures} checks of the account fail."),
            "Put right what the findings name, then hold the drill again.".into(),
        ));
    }
    match report.alarms.len() {
        0 => Ok(()),
        count => Err((
            Exit::DrillAlarm,
            format!(
                "The drill passed, and the account was used {count} times besides drills since the last one."
            ),
            "Find out who used it and why; if nobody can say, treat it as broken into.".into(),
        )),
    }
}

fn write_new(path: &Path, text: &str) -> Result<(), Failed> {
    let cannot = |error: io::Error| {
        let what = format!("The report {} cannot be written: {error}", path.display());
        let hint = "The inventory keeps it: glasskey companion inventory show LABEL --json";
        (Exit::File, what, hint.to_owned())
    };
    let mut file = std::fs::File::create_new(path).map_err(cannot)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(cannot)
}
