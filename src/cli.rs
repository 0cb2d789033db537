//! Arguments to typed requests, and errors to text and exit codes.

#[cfg(feature = "companion")]
mod companion;
#[cfg(feature = "companion")]
mod sandbox;
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
        #[cfg(feature = "companion")]
        Command::Companion(arguments) => companion::run(*arguments),
        #[cfg(feature = "companion")]
        Command::Sandbox(arguments) => sandbox::run(*arguments),
        Command::Worker { task } => worker::run(&task),
    }
}
