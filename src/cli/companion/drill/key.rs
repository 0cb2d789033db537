//! `glasskey companion drill key`: the registrar's signing key and its fingerprint.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::super::inventory::{print, print_json};
use super::super::{Exit, Failed, usage};
use crate::manifest::sign::{StationKey, generate_pem};

/// Makes the key that signs reports of drills, or shows the fingerprint of one.
///
/// The file is an Ed25519 key in PEM (PKCS#8), as `openssl genpkey -algorithm ed25519` makes it. Keep it for yourself, and give
/// the fingerprint to whoever checks the reports, on another way than the reports.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  glasskey companion drill key --new registrar.pem
  glasskey companion drill key registrar.pem

Exit codes: 0 done; 2 wrong use, or the file is no such key; 26 the file cannot be written.")]
pub(in super::super) struct Key {
    /// The key file.
    file: PathBuf,
    /// Makes the file, which must not be there yet, for this user alone.
    #[arg(long)]
    new: bool,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Key {
    pub(super) fn run(&self) -> Result<(), Failed> {
        if self.new {
            make(&self.file)?;
        }
        let fingerprint = read(&self.file)?.fingerprint();
        if self.json {
            return print_json(&json!({
                "format": "glasskey-signer",
                "version": 1,
                "fingerprint": fingerprint.to_string(),
                "words": fingerprint.words(),
                "keyId": fingerprint.key_id(),
            }));
        }
        print(&format!("{fingerprint}\n{}\n", fingerprint.words()))
    }
}

fn make(path: &Path) -> Result<(), Failed> {
    let cannot = |error: &dyn std::fmt::Display| {
        let what = format!("The key {} cannot be written: {error}", path.display());
        (Exit::File, what, "Give the name of a new file.".to_owned())
    };
    let pem = generate_pem().ok_or_else(|| cannot(&"this machine gives no random numbers"))?;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| cannot(&error))?;
    file.write_all(pem.expose().as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| cannot(&error))
}

/// Reads a signing key.
pub(super) fn read(path: &Path) -> Result<StationKey, Failed> {
    StationKey::from_pem(&super::super::read_secret_text(path)?).ok_or_else(|| {
        usage(
            format!("{} is no Ed25519 key in PEM.", path.display()),
            "Make one: glasskey companion drill key --new FILE",
        )
    })
}
