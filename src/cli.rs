//! Arguments to typed requests, and errors to text and exit codes.

#[cfg(feature = "companion")]
mod companion;
mod input;
pub mod plan;
#[cfg(feature = "companion")]
mod sandbox;
#[cfg(feature = "station")]
pub mod station;
mod verify;
pub mod worker;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Prepares FIDO2 security keys for emergency-access accounts offline, and registers them online.
#[derive(Debug, Parser)]
#[command(name = "glasskey", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes, checks and shows ceremony plans.
    #[command(subcommand)]
    Plan(plan::Command),
    /// Checks transcript, manifest and paper record of a ceremony, for auditors.
    #[command(subcommand)]
    Verify(Box<verify::Command>),
    /// Holds a ceremony on an ordinary Linux machine, for rehearsals; the image does it by itself.
    #[cfg(feature = "station")]
    #[command(subcommand)]
    Station(station::Command),
    /// Registers prepared keys in Microsoft Entra ID.
    #[cfg(feature = "companion")]
    Companion(Box<companion::Arguments>),
    /// Runs a sandbox tenant for rehearsals.
    #[cfg(feature = "companion")]
    Sandbox(Box<sandbox::Arguments>),
    /// Works as a child of another glasskey process (not for people).
    #[command(hide = true)]
    Worker {
        /// Which task.
        task: String,
    },
}

/// Runs the program with these arguments and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // On the image this program is process 1, and there is nobody who could give arguments.
    #[cfg(feature = "station")]
    if std::process::id() == 1 {
        return crate::appliance::run();
    }
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render();
            let _ = if error.use_stderr() {
                write!(std::io::stderr(), "{text}")
            } else {
                write!(std::io::stdout(), "{text}")
            };
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match arguments.command {
        Command::Plan(command) => command.run(),
        Command::Verify(command) => command.run(),
        #[cfg(feature = "station")]
        Command::Station(command) => command.run(),
        #[cfg(feature = "companion")]
        Command::Companion(arguments) => companion::run(*arguments),
        #[cfg(feature = "companion")]
        Command::Sandbox(arguments) => sandbox::run(*arguments),
        Command::Worker { task } => worker::run(&task),
    }
}

/// Tells what went wrong and what to do; returns the exit code given.
pub(crate) fn fail(code: u8, what: &str, hint: &str) -> ExitCode {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "error: {what}");
    if !hint.is_empty() {
        let _ = writeln!(stderr, "hint: {hint}");
    }
    ExitCode::from(code)
}
