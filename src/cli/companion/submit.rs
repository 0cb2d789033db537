//! `glasskey companion submit`: passkeys that keys made at the station, from the manifest into a tenant.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::connection::Connection;
use super::opening::{Station, chosen};
use super::register::exit_of;
use super::route::RouteName;
use super::run_files::RunFiles;
use super::terminal::Terminal;
use super::{Failed, interruptible, usage};
use crate::id::Upn;
use crate::key::KeyClient;
use crate::key::device::SysRoot;
use crate::registration::air_gapped::Proving;
use crate::registration::{OnMismatch, OnWrongKey, Options, Registration, Report, Route, Voice as _};
use crate::worker::Launcher;

/// Registers the passkeys that keys made at the station (route air-gapped).
///
/// For each key of the manifest: what it made is checked from its bytes, posted, and looked for in the account's list. Neither
/// key nor PIN is needed. A key that is plugged in proves by touch that it is the prepared one and holds the passkey; without it
/// the passkey is registered and not proven, and the report says so.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  Register what the keys of a manifest made:
    glasskey companion submit manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --report report.json
  Later, with the keys at hand, prove each of them:
    glasskey companion submit manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --prove

Exit codes: 0 every chosen key is registered (the report says which are proven); 2 wrong use; 10 to 15 manifest (as for
`glasskey companion register`); 20 tenant refused or not ready, or a challenge that ended; 21 Graph or network; 22 wrong
key, or a key that cannot be asked; 23 the tenant holds something else; 24 nobody plugged the key in in time, or the
list is late; 25 interrupted; 26 journal or report cannot be written; 50 to 55 inventory (see `glasskey companion
inventory import --help`).")]
#[command(group(clap::ArgGroup::new("fingerprint").required(true).args(["station_fingerprint", "station_fingerprint_file"])))]
pub(super) struct Submit {
    /// The manifest from the ceremony's stick.
    manifest: PathBuf,
    /// The age identity file of this registrar (one line AGE-SECRET-KEY-1...).
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    station: Station,
    #[command(flatten)]
    connection: Connection,
    /// Registers the keys of this account only; may be given several times.
    #[arg(long = "account", value_name = "UPN")]
    accounts: Vec<Upn>,
    /// Waits for each key and has it prove itself.
    #[arg(long)]
    prove: bool,
    #[command(flatten)]
    files: RunFiles,
    /// Seconds between two looks at the account.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    poll_seconds: u64,
    /// Minutes that a key is waited for.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
    /// Starts without asking.
    #[arg(long)]
    yes: bool,
}

impl Submit {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        self.connection.require(RouteName::AirGapped.feature())?;
        let interrupt = interruptible()?;
        let mut terminal = Terminal::new(None, interrupt.clone());
        let (manifest, digest) = self.station.open(&self.manifest, &self.identity)?;
        let keys = chosen(&manifest, &self.accounts)?;
        let graph = self.connection.client("submit", interrupt)?;
        for key in &keys {
            terminal.say(&format!("  label {}  {}", key.label, key.account));
        }
        let origin = graph.service().origin().to_owned();
        let question = format!("Register the passkeys of these keys at {origin}?");
        if !self.yes && terminal.interactive && terminal.ask(&question) != Some(true) {
            return Err(usage("Nothing was begun.", ""));
        }
        let mut journal = self.files.journal(&self.manifest)?;
        let mut ledger = self
            .files
            .ledger("companion submit", &self.station, &manifest, &digest)?;
        let mut report = Report::begin(Route::AirGapped, &manifest, &graph, digest);
        let wait_for_right_key = terminal.interactive;
        let bus = KeyClient::new(Launcher::current(), SysRoot::default());
        let result = Registration {
            graph: &graph,
            bus: &bus,
            journal: &mut journal,
            voice: &mut terminal,
            options: self.options(wait_for_right_key),
        }
        .run_with(&manifest, &keys, &mut report, &mut *ledger);
        self.files.deliver(&report)?;
        result.map_err(|error| (exit_of(&error), error.to_string(), error.hint()))
    }

    fn options(&self, wait_for_right_key: bool) -> Options {
        Options {
            route: Route::AirGapped,
            proving: if self.prove {
                Proving::Always
            } else {
                Proving::IfHere
            },
            poll: Duration::from_secs(self.poll_seconds),
            wait: Duration::from_mins(self.wait_minutes),
            pass_minutes: 0,
            usable_within: Duration::from_mins(1),
            audit_wait: Duration::ZERO,
            on_mismatch: OnMismatch::Keep,
            on_wrong_key: if wait_for_right_key {
                OnWrongKey::Wait
            } else {
                OnWrongKey::Stop
            },
            replace_foreign_pass: false,
        }
    }
}
