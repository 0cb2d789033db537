//! `glasskey companion`: arguments to requests, and their outcome to text and exit code. One file for each command.

mod browser;
mod connection;
mod drill;
mod hidden_line;
mod inventory;
mod monitor;
mod opening;
mod options;
mod pass_screen;
mod permissions;
mod preflight;
mod register;
mod report;
mod route;
mod run_files;
mod setup;
mod sign_out;
mod submit;
mod terminal;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::{Args, Subcommand};

use super::input;
use crate::graph::{GraphError, Interrupt};
use crate::inventory::InventoryError;

/// How the companion ends; documented in docs/registrar.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    /// Wrong use of the command line, or a file that cannot be read.
    Usage = 2,
    /// The manifest is damaged.
    Damaged = 10,
    /// The manifest is encrypted for somebody else.
    WrongIdentity = 11,
    /// The manifest was signed by another station, or its signature is wrong.
    WrongStation = 12,
    /// The manifest was encrypted anew for somebody the station did not mean.
    Unintended = 13,
    /// The manifest's content cannot be read by this version.
    Content = 14,
    /// The manifest is cut off.
    Truncated = 15,
    /// The tenant is not the right one, or not ready.
    Condition = 20,
    /// Graph refused, or could not be reached.
    Graph = 21,
    /// Another key was plugged in, or the key could not be asked.
    Key = 22,
    /// What is in the tenant is not the prepared key.
    Mismatch = 23,
    /// The person did not finish in time.
    TimedOut = 24,
    /// Interrupted.
    Interrupted = 25,
    /// Journal or report cannot be written.
    File = 26,
    /// The inventory cannot be read or written.
    Inventory = 50,
    /// The inventory was written by a newer program.
    NewerInventory = 51,
    /// A key is in the inventory with other data, or belongs to another account.
    Conflict = 52,
    /// Rehearsal and real keys in one inventory.
    Mixed = 53,
    /// The inventory has no such key, or the key's state does not allow it.
    NotAllowed = 54,
    /// Another run has claimed the key.
    Claimed = 55,
    /// Drills are due.
    DrillDue = 60,
    /// A drill did not show that the key opens its account, or something of the account is not as it must be.
    DrillFailed = 61,
    /// A drill passed, and the account was used besides drills.
    DrillAlarm = 62,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Register(Box<register::Register>),
    Options(Box<options::Options>),
    Submit(Box<submit::Submit>),
    Preflight(Box<preflight::Preflight>),
    Setup(Box<setup::Setup>),
    Monitor(Box<monitor::Monitor>),
    Permissions(permissions::Permissions),
    SignOut(sign_out::SignOut),
    /// Keeps and shows what is known of every key.
    #[command(subcommand)]
    Inventory(Box<inventory::Command>),
    Report(Box<report::Report>),
    /// Shows that each key opens its account, every 90 days: what is due, the drill itself, its report.
    #[command(subcommand)]
    Drill(Box<drill::Command>),
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> ExitCode {
    let result = match arguments.command {
        Command::Register(register) => register.run(),
        Command::Options(options) => options.run(),
        Command::Submit(submit) => submit.run(),
        Command::Preflight(preflight) => preflight.run(),
        Command::Setup(setup) => setup.run(),
        Command::Monitor(monitor) => monitor.run(),
        Command::Permissions(permissions) => permissions.run(),
        Command::SignOut(sign_out) => sign_out.run(),
        Command::Inventory(command) => command.run(),
        Command::Report(report) => report.run(),
        Command::Drill(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((exit, message, hint)) => fail(exit, &message, &hint),
    }
}

/// Exit code, what happened, what to do now.
type Failed = (Exit, String, String);

fn fail(exit: Exit, message: &str, hint: &str) -> ExitCode {
    let mut err = io::stderr();
    let _ = writeln!(err, "{message}");
    if !hint.is_empty() {
        let _ = writeln!(err, "hint: {hint}");
    }
    ExitCode::from(exit as u8)
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failed {
    (Exit::Usage, message.into(), hint.into())
}

/// A call of Graph that failed, outside a registration.
fn graph_failed(error: &GraphError) -> Failed {
    if let GraphError::Interrupted(_) = error {
        return (
            Exit::Interrupted,
            "Interrupted.".into(),
            "Repeat the command.".into(),
        );
    }
    let hint = error.hint().unwrap_or("Repeat the command.");
    (Exit::Graph, format!("{error}."), hint.to_owned())
}

fn exit_of_inventory(error: &InventoryError) -> Exit {
    match error {
        InventoryError::Address(_)
        | InventoryError::Missing(_)
        | InventoryError::Foreign(_)
        | InventoryError::Database(_) => Exit::Inventory,
        InventoryError::Newer { .. } => Exit::NewerInventory,
        InventoryError::Conflict { .. }
        | InventoryError::SameKey { .. }
        | InventoryError::OtherAccount { .. } => Exit::Conflict,
        InventoryError::Mixed { .. } => Exit::Mixed,
        InventoryError::Unknown(_)
        | InventoryError::NotAllowed { .. }
        | InventoryError::OutOfService { .. } => Exit::NotAllowed,
        InventoryError::Taken { .. } | InventoryError::ClaimLost(_) => Exit::Claimed,
    }
}

impl From<InventoryError> for Failed {
    fn from(error: InventoryError) -> Self {
        (
            exit_of_inventory(&error),
            error.to_string(),
            error.hint().to_owned(),
        )
    }
}

/// An interruption sets a flag; every wait looks at it, so that what was begun is cleaned up before the end.
fn interruptible() -> Result<Interrupt, Failed> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        signal_hook::flag::register(signal, flag.clone()).map_err(|error| {
            usage(
                format!("Signals cannot be caught: {error}"),
                "Nothing is written without that.",
            )
        })?;
    }
    Ok(Interrupt::new(flag))
}

fn read_manifest(path: &std::path::Path) -> Result<crate::secret::Secret<Vec<u8>>, Failed> {
    input::read_manifest(path).map_err(|what| usage(what, ""))
}

fn read_bytes(path: &std::path::Path) -> Result<crate::secret::Secret<Vec<u8>>, Failed> {
    input::read(path).map_err(|what| usage(what, ""))
}

fn read_secret_text(path: &std::path::Path) -> Result<crate::secret::Secret<String>, Failed> {
    input::read_text(path).map_err(|what| usage(what, ""))
}
