//! `glasskey companion register`: the keys of a manifest into a tenant.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, ValueEnum};

use super::connection::Connection;
use super::opening::{Station, chosen};
use super::route::RouteName;
use super::run_files::RunFiles;
use super::terminal::Terminal;
use super::{Exit, Failed, exit_of_inventory, interruptible, usage};
use crate::graph::{Client, Interrupt};
use crate::id::Upn;
use crate::key::device::SysRoot;
use crate::key::{KeyBus, KeyClient};
use crate::manifest::Manifest;
use crate::manifest::schema::PreparedKey;
use crate::registration::air_gapped::Proving;
use crate::registration::{
    OnMismatch, OnWrongKey, Options, Registration, RegistrationError, Report, Voice as _,
};
use crate::worker::Launcher;

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MismatchChoice {
    /// Ask on the terminal; keep it when there is none.
    Ask,
    /// Delete the passkey that is not the prepared key.
    Delete,
    /// Keep it and report it.
    Keep,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WrongKeyChoice {
    /// Say so and wait for the right key.
    Wait,
    /// Stop with exit code 22.
    Stop,
}

/// Registers the keys of a manifest and proves that they are the prepared ones.
///
/// Route `tap`, for each key: the key proves by touch that it is the prepared one; a Temporary Access Pass is
/// created; a person signs in with it in a private browser window and adds the key; the key proves itself again,
/// and that it holds what was registered; the pass is deleted and the account's sessions are revoked. The pass is
/// deleted on failure and on Ctrl-C as well, and by the next run if this machine dies.
///
/// Route `on-behalf`, for each key: the key proves by touch that it is the prepared one; Graph issues creation
/// options; the key makes the passkey (PIN from the manifest, else typed here, and a touch), which is registered
/// without a browser; the key signs with it (a touch). Nothing is made twice: a run that was cut off is continued.
///
/// Route `air-gapped`: the keys made their passkeys at the station from `glasskey companion options`, and the manifest
/// holds them: they are registered, and a key that is plugged in proves itself (`glasskey companion submit`).
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  Register every key of a manifest:
    glasskey companion register manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --report report.json
  The same without browser and pass, with the keys at this machine:
    glasskey companion register manifest.age --route on-behalf --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --report report.json
  Rehearse against a sandbox tenant:
    glasskey companion register manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --graph http://127.0.0.1:8080 --token-file token
  Register two accounts, then make both Global Administrator:
    glasskey companion register manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --assign-role

Exit codes: 0 every chosen key is registered and proven, and each role assigned that was asked for; 2 wrong use;
10 to 15 manifest (10 damaged, 11 wrong identity, 12 wrong station or signature, 13 not meant for this identity,
14 unknown content, 15 cut off); 20 tenant refused or not ready, or an account does not get its role; 21 Graph or
network; 22 wrong key, or a key that cannot be asked; 23 the tenant holds something else; 24 nobody finished in
time; 25 interrupted; 26 journal or report cannot be written; 50 to 55 inventory (see
`glasskey companion inventory import --help`).")]
#[command(group(ArgGroup::new("fingerprint").required(true).args(["station_fingerprint", "station_fingerprint_file"])))]
pub(super) struct Register {
    /// The manifest from the ceremony's stick.
    manifest: PathBuf,
    /// The age identity file of this registrar (one line AGE-SECRET-KEY-1...).
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    #[command(flatten)]
    station: Station,
    #[command(flatten)]
    connection: Connection,
    /// By which route the keys are registered.
    #[arg(long, value_enum, default_value = "tap")]
    route: RouteName,
    /// Registers the keys of this account only; may be given several times.
    #[arg(long = "account", value_name = "UPN")]
    accounts: Vec<Upn>,
    #[command(flatten)]
    files: RunFiles,
    /// Also writes each Temporary Access Pass to this file (for rehearsals); it is removed with the pass.
    #[arg(long, value_name = "FILE")]
    tap_file: Option<PathBuf>,
    /// Opens no private browser window, though there is a desktop.
    #[arg(long)]
    no_browser: bool,
    /// Lifetime of a pass; the tenant's policy bounds it.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(10..=43200))]
    pass_minutes: u32,
    /// Seconds between two looks at the account.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    poll_seconds: u64,
    /// Minutes that a person, or a key, is waited for.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
    /// Seconds that the audit log is waited for.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=900))]
    audit_seconds: u64,
    /// Makes each account Global Administrator, last: when every key of it is proven, and it has two keys or is one of two accounts.
    #[arg(long)]
    assign_role: bool,
    /// What to do with a passkey that is not the prepared key.
    #[arg(long, value_enum, default_value = "ask")]
    on_mismatch: MismatchChoice,
    /// What to do when another key is plugged in [default: wait on a terminal, else stop].
    #[arg(long, value_enum)]
    on_wrong_key: Option<WrongKeyChoice>,
    /// Starts without asking, and replaces a pass that somebody else created.
    #[arg(long)]
    yes: bool,
}

impl Register {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        self.connection.require(self.route.feature())?;
        let interrupt = interruptible()?;
        let bus = KeyClient::new(Launcher::current(), SysRoot::default());
        register_keys(self, &bus, interrupt)
    }
}

fn register_keys(register: &Register, bus: &dyn KeyBus, interrupt: Interrupt) -> Result<(), Failed> {
    let mut terminal =
        Terminal::new(register.tap_file.clone(), interrupt.clone()).with_browser(!register.no_browser);
    if register.route == RouteName::Tap && !terminal.interactive && register.tap_file.is_none() {
        return Err(usage(
            "There is no terminal on which the Temporary Access Pass could be shown.",
            "Run the command on a terminal, or give `--tap-file` in a rehearsal.",
        ));
    }
    let (manifest, digest) = register.station.open(&register.manifest, &register.identity)?;
    let keys = chosen(&manifest, &register.accounts)?;
    let graph = register.connection.client(register.route.command(), interrupt)?;
    announce(&mut terminal, &manifest, &keys, &graph);
    if register.assign_role {
        terminal.say("Last, each account whose every key is proven becomes Global Administrator.");
    }
    if !register.yes && terminal.interactive && terminal.ask("Begin?") != Some(true) {
        return Err(usage("Nothing was begun.", ""));
    }
    let mut journal = register.files.journal(&register.manifest)?;
    let mut ledger = register
        .files
        .ledger("companion register", &register.station, &manifest, &digest)?;
    let mut report = Report::begin(register.route.route(), &manifest, &graph, digest);
    let interactive = terminal.interactive;
    let mut registration = Registration {
        graph: &graph,
        bus,
        journal: &mut journal,
        voice: &mut terminal,
        options: options(register, interactive),
    };
    let result = registration
        .run_with(&manifest, &keys, &mut report, &mut *ledger)
        .and_then(|()| {
            if !register.assign_role {
                return Ok(());
            }
            registration.assign_roles(&manifest, &mut report, &mut *ledger)
        });
    register.files.deliver(&report)?;
    result.map_err(|error| (exit_of(&error), error.to_string(), error.hint()))
}

fn options(register: &Register, interactive: bool) -> Options {
    Options {
        route: register.route.route(),
        proving: Proving::IfHere,
        poll: Duration::from_secs(register.poll_seconds),
        wait: Duration::from_mins(register.wait_minutes),
        pass_minutes: register.pass_minutes,
        usable_within: Duration::from_mins(1),
        audit_wait: Duration::from_secs(register.audit_seconds),
        on_mismatch: match register.on_mismatch {
            MismatchChoice::Ask => OnMismatch::Ask,
            MismatchChoice::Delete => OnMismatch::Delete,
            MismatchChoice::Keep => OnMismatch::Keep,
        },
        on_wrong_key: match register.on_wrong_key {
            Some(WrongKeyChoice::Wait) => OnWrongKey::Wait,
            None if interactive => OnWrongKey::Wait,
            _ => OnWrongKey::Stop,
        },
        replace_foreign_pass: register.yes,
    }
}

pub(super) fn exit_of(error: &RegistrationError) -> Exit {
    match error {
        RegistrationError::Condition { .. } => Exit::Condition,
        RegistrationError::Graph(_) => Exit::Graph,
        RegistrationError::WrongKey(_) | RegistrationError::Key(_) => Exit::Key,
        RegistrationError::Mismatch(_) => Exit::Mismatch,
        RegistrationError::TimedOut(_) => Exit::TimedOut,
        RegistrationError::Interrupted => Exit::Interrupted,
        RegistrationError::File(_) => Exit::File,
        RegistrationError::Inventory(error) => exit_of_inventory(error),
    }
}

fn announce(terminal: &mut Terminal, manifest: &Manifest, keys: &[&PreparedKey], graph: &Client) {
    let kind = if manifest.ceremony.rehearsal {
        "rehearsal"
    } else {
        "ceremony"
    };
    terminal.say(&format!(
        "Manifest of {kind} {} ({}), {} of {} keys, to be registered at {}",
        manifest.ceremony.id,
        manifest.ceremony.title,
        keys.len(),
        manifest.keys.len(),
        graph.service().origin()
    ));
    for key in keys {
        terminal.say(&format!("  label {}  {}", key.label, key.account));
    }
}
