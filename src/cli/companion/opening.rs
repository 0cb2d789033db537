//! Opens the manifest that a command works with, and chooses accounts from it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failed, input, usage};
use crate::id::Upn;
use crate::manifest::schema::PreparedKey;
use crate::manifest::{self, Identity, Manifest, OpenError, StationFingerprint};

/// The two forms in which the station's fingerprint is given.
#[derive(Debug, Args)]
#[group(id = "station", multiple = false)]
pub(super) struct Station {
    /// The station's fingerprint from the signed paper record: 16 groups of digits, 24 words, or its QR code's text.
    #[arg(long, value_name = "TEXT")]
    station_fingerprint: Option<StationFingerprint>,
    /// The same from a file.
    #[arg(long, value_name = "FILE")]
    station_fingerprint_file: Option<PathBuf>,
}

impl Station {
    /// Opens a manifest; also returns the SHA-256 of its file in hexadecimal.
    pub(super) fn open(&self, manifest: &Path, identity: &Path) -> Result<(Manifest, String), Failed> {
        let identity: Identity = super::read_secret_text(identity)?
            .expose()
            .parse()
            .map_err(|error| usage(format!("The identity cannot be used: {error}."), ""))?;
        let station = self.fingerprint()?;
        let bytes = super::read_manifest(manifest)?;
        let manifest =
            manifest::open(bytes.expose(), &identity, &station).map_err(|error| not_opened(&error))?;
        Ok((manifest, hex_digest(bytes.expose())))
    }

    /// The fingerprint that was given.
    pub(super) fn fingerprint(&self) -> Result<StationFingerprint, Failed> {
        match (self.station_fingerprint, &self.station_fingerprint_file) {
            (Some(fingerprint), _) => Ok(fingerprint),
            (None, Some(path)) => super::read_secret_text(path)?
                .expose()
                .parse()
                .map_err(|error| usage(format!("The fingerprint cannot be used: {error}."), "")),
            (None, None) => Err(usage("No station fingerprint was given.", "")),
        }
    }
}

/// Why a manifest was not opened.
pub(super) fn not_opened(error: &OpenError) -> Failed {
    let exit = match error {
        OpenError::Truncated { .. } => Exit::Truncated,
        OpenError::Damaged(_) => Exit::Damaged,
        OpenError::WrongIdentity => Exit::WrongIdentity,
        OpenError::WrongStation { .. } | OpenError::BadSignature => Exit::WrongStation,
        OpenError::UnintendedRecipient(_) => Exit::Unintended,
        OpenError::Content(_) | OpenError::NewerVersion(_) => Exit::Content,
    };
    (exit, input::open_sentence(error), error.hint().to_owned())
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn hex_digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The keys of these accounts, or of all.
pub(super) fn chosen<'m>(manifest: &'m Manifest, accounts: &[Upn]) -> Result<Vec<&'m PreparedKey>, Failed> {
    let same = |a: &Upn, b: &Upn| a.as_str().eq_ignore_ascii_case(b.as_str());
    for account in accounts {
        if !manifest.keys.iter().any(|k| same(&k.account, account)) {
            return Err(usage(format!("The manifest holds no key for: {account}"), ""));
        }
    }
    let keys: Vec<&PreparedKey> = manifest
        .keys
        .iter()
        .filter(|k| accounts.is_empty() || accounts.iter().any(|a| same(a, &k.account)))
        .collect();
    if keys.is_empty() {
        return Err(usage("The manifest holds no key.", ""));
    }
    Ok(keys)
}
