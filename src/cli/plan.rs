//! `glasskey plan`: a plan is checked where it is written, before anybody stands at the station.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::fail;
use crate::plan::Plan;

/// Exit code for a plan that is refused.
const REFUSED: u8 = 3;
/// Exit code for a file that cannot be read.
const UNREADABLE: u8 = 4;

/// Subcommands of `glasskey plan`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reads a plan and says what the station will do, or why it refuses it.
    ///
    /// Exit codes: 0 good, 3 refused (line and reason on standard error), 4 not readable.
    Check {
        /// The plan (TOML).
        file: PathBuf,
    },
}

impl Command {
    pub(crate) fn run(self) -> ExitCode {
        let Self::Check { file } = self;
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("{} cannot be read: {error}.", file.display());
                return fail(UNREADABLE, &what, "Give the path of a plan in TOML.");
            }
        };
        match Plan::parse(&text) {
            Ok(plan) => {
                let mut out = std::io::stdout().lock();
                let _ = writeln!(out, "{}: {} keys", plan.title, plan.keys.len());
                for (number, key) in plan.keys.iter().enumerate() {
                    let custodian = key.custodian.as_deref().unwrap_or("no custodian named");
                    let _ = writeln!(out, "{:>4}. {} ({custodian})", number + 1, key.account);
                }
                ExitCode::SUCCESS
            }
            Err(error) => fail(REFUSED, &format!("{error}."), "Mend that line and check again."),
        }
    }
}
