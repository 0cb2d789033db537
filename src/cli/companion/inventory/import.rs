//! `inventory import`: manifests, of one station or several, into one inventory.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::super::opening::{hex_digest, not_opened};
use super::super::{Failed, read_manifest, read_secret_text, usage};
use super::place::{Name, Place};
use super::{EXIT_CODES, VERSION, print, print_json};
use crate::inventory::Origin;
use crate::manifest::{self, Identity, Manifest, OpenError, StationFingerprint};

/// Takes in the keys of manifests: all of them or, if one does not fit, none.
///
/// A manifest that was taken in before changes nothing. PINs stay in the manifest.
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES)]
#[command(group(clap::ArgGroup::new("stations").required(true).multiple(true).args(["station_fingerprint", "station_fingerprint_file"])))]
pub(in super::super) struct Import {
    /// Manifests from the ceremonies' sticks.
    #[arg(required = true, value_name = "MANIFEST")]
    manifests: Vec<PathBuf>,
    /// The age identity file of this registrar (one line AGE-SECRET-KEY-1...).
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// A station's fingerprint from the signed paper record; may be given several times. Each manifest must be signed by one
    /// of these stations.
    #[arg(long, value_name = "TEXT")]
    station_fingerprint: Vec<StationFingerprint>,
    /// The same from a file; may be given several times.
    #[arg(long, value_name = "FILE")]
    station_fingerprint_file: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    name: Name,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Outcome {
    format: &'static str,
    version: u32,
    manifests: usize,
    added: usize,
    known: usize,
}

impl Import {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let identity: Identity = read_secret_text(&self.identity)?
            .expose()
            .parse()
            .map_err(|error| usage(format!("The identity cannot be used: {error}."), ""))?;
        let stations = self.stations()?;
        let opened: Vec<(Manifest, StationFingerprint, String)> = self
            .manifests
            .iter()
            .map(|path| open(path, &identity, &stations))
            .collect::<Result<_, _>>()?;
        let origins: Vec<Origin<'_>> = opened
            .iter()
            .map(|(manifest, station, sha256)| Origin {
                manifest,
                station: *station,
                sha256,
            })
            .collect();
        let author = self.name.author("companion inventory import");
        let counts = self.place.open_or_create()?.import(&origins, &author)?;
        let outcome = Outcome {
            format: "glasskey-inventory-import",
            version: VERSION,
            manifests: opened.len(),
            added: counts.added,
            known: counts.known,
        };
        if self.json {
            return print_json(&outcome);
        }
        print(&format!(
            "{} keys are new, {} were there already.\n",
            outcome.added, outcome.known
        ))
    }

    fn stations(&self) -> Result<Vec<StationFingerprint>, Failed> {
        let mut stations = self.station_fingerprint.clone();
        for path in &self.station_fingerprint_file {
            let text = read_secret_text(path)?;
            let station = text.expose().parse();
            stations.push(station.map_err(|error| {
                usage(
                    format!("The fingerprint in {} cannot be used: {error}.", path.display()),
                    "",
                )
            })?);
        }
        Ok(stations)
    }
}

fn open(
    path: &Path,
    identity: &Identity,
    stations: &[StationFingerprint],
) -> Result<(Manifest, StationFingerprint, String), Failed> {
    let bytes = read_manifest(path)?;
    let (manifest, station) = manifest::open_from_anyone(bytes.expose(), identity)
        .and_then(|(manifest, found)| {
            if stations.contains(&found) {
                Ok((manifest, found))
            } else {
                Err(OpenError::WrongStation { found })
            }
        })
        .map_err(|error| {
            let (exit, what, hint) = not_opened(&error);
            (exit, format!("{}: {what}", path.display()), hint)
        })?;
    Ok((manifest, station, hex_digest(bytes.expose())))
}
