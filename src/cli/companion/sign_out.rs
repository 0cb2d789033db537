//! `glasskey companion sign-out`: forgets a sign-in that was kept.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum as _};
use serde_json::json;

use super::connection::{CloudName, at};
use super::{Exit, Failed};
use crate::graph::{Kept, Service};

/// Forgets the sign-ins that `--remember` keeps in the kernel's memory.
///
/// The tenant still takes its tokens until they end; to end them there, revoke the person's sessions in Entra.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  glasskey companion sign-out
  glasskey companion sign-out --cloud us-gov --json

Exit codes: 0 forgotten, or there was none; 2 wrong use; 26 the kernel's keyring cannot be used.")]
pub(super) struct SignOut {
    /// Of this cloud alone [default: of all].
    #[arg(long, value_enum, conflicts_with = "graph")]
    cloud: Option<CloudName>,
    /// Of the sandbox tenant at this URL alone.
    #[arg(long, value_name = "URL")]
    graph: Option<String>,
    /// Prints the outcome as JSON.
    #[arg(long)]
    json: bool,
}

impl SignOut {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        let mut kept = Kept::Nothing;
        for service in self.services()? {
            let one = Kept::forget(&service).map_err(|reason| {
                let what = format!("The kernel's keyring cannot be used: {reason}.");
                (
                    Exit::File,
                    what,
                    "What is kept ends with your log-in session.".to_owned(),
                )
            })?;
            if one == Kept::Forgotten {
                kept = one;
            }
        }
        let text = match (self.json, kept) {
            (true, _) => {
                let document = json!({"format": "glasskey-sign-out", "version": 1, "forgotten": kept == Kept::Forgotten});
                format!("{document:#}\n")
            }
            (false, Kept::Forgotten) => "The sign-in is forgotten.\n".to_owned(),
            (false, Kept::Nothing) => "No sign-in was kept.\n".to_owned(),
        };
        io::stdout().write_all(text.as_bytes()).map_err(|error| {
            let what = format!("The outcome cannot be written: {error}.");
            (Exit::File, what, String::new())
        })
    }

    fn services(&self) -> Result<Vec<Service>, Failed> {
        if let Some(url) = &self.graph {
            return Ok(vec![at(url)?]);
        }
        let clouds = self
            .cloud
            .map_or(CloudName::value_variants().to_vec(), |cloud| vec![cloud]);
        Ok(clouds.into_iter().map(CloudName::service).collect())
    }
}
