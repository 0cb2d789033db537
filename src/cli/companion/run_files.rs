//! What a run of registrations reads and leaves beside the tenant: journal, inventory, report.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::inventory::place::Name;
use super::opening::Station;
use super::{Exit, Failed};
use crate::inventory::{Address, Inventory, Origin};
use crate::manifest::Manifest;
use crate::registration::{InventoryLedger, Journal, Ledger, NoLedger, Report};

/// How long a claim outlives a run that died.
const LEASE: Duration = Duration::from_mins(10);

/// Where they are.
#[derive(Debug, Args)]
pub(super) struct RunFiles {
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Prints the report to stdout.
    #[arg(long)]
    json: bool,
    /// The journal of writes to the tenant [default: the manifest's path and `.journal`].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Claims each key in this inventory (file, or `postgres://USER@HOST/DATABASE`) and records what became of it.
    ///
    /// The manifest is taken in first. A key that another run has claimed, or that is for another account, stops the run.
    #[arg(long, value_name = "FILE|URL")]
    inventory: Option<String>,
    #[command(flatten)]
    name: Name,
}

impl RunFiles {
    /// The journal of the runs with this manifest; only one run has it at a time.
    pub(super) fn journal(&self, manifest: &Path) -> Result<Journal, Failed> {
        let path = self.journal.clone().unwrap_or_else(|| {
            let mut path = manifest.as_os_str().to_owned();
            path.push(".journal");
            path.into()
        });
        Journal::open(&path).map_err(|error| {
            let what = format!("The journal {} cannot be used: {error}", path.display());
            let hint = "Close the other run, or give `--journal`.";
            (Exit::File, what, hint.to_owned())
        })
    }

    /// The inventory that was named, with this manifest's keys in it.
    pub(super) fn ledger(
        &self,
        command: &str,
        station: &Station,
        manifest: &Manifest,
        sha256: &str,
    ) -> Result<Box<dyn Ledger>, Failed> {
        let Some(inventory) = &self.inventory else {
            return Ok(Box::new(NoLedger));
        };
        let address = Address::parse(inventory)?;
        let author = self.name.author(command);
        let origin = Origin {
            manifest,
            station: station.fingerprint()?,
            sha256,
        };
        Inventory::open_or_create(&address)?.import(&[origin], &author)?;
        Ok(Box::new(InventoryLedger::new(address, author, LEASE)?))
    }

    /// Writes the report to where it is wanted.
    pub(super) fn deliver(&self, report: &Report) -> Result<(), Failed> {
        let file = |error: io::Error| {
            let what = format!("The report cannot be written: {error}");
            let hint = "The tenant is as the messages above say.";
            (Exit::File, what, hint.to_owned())
        };
        let mut json = serde_json::to_vec_pretty(report).map_err(|error| file(error.into()))?;
        json.push(b'\n');
        if self.json {
            io::stdout().write_all(&json).map_err(file)?;
        }
        match &self.report {
            Some(path) => std::fs::write(path, &json).map_err(file),
            None => Ok(()),
        }
    }
}
