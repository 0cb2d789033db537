//! Whom a manifest is for: an identity of stock age, and what stock age opens with it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::{Error, Result, at, output};

/// Somebody with an age identity file.
#[derive(Debug, Clone)]
pub struct Recipient {
    /// The identity file.
    pub identity: PathBuf,
    /// The public key, as a plan names it.
    pub public: String,
}

impl Recipient {
    /// Makes an identity at `path`.
    pub fn make(path: &Path) -> Result<Self> {
        output("age-keygen", &[OsStr::new("-o"), path.as_os_str()])?;
        let text = fs::read_to_string(path).map_err(at(path))?;
        let public = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        Ok(Self {
            identity: path.to_owned(),
            public: public
                .ok_or_else(|| Error::Wrong("age-keygen wrote no public key".into()))?
                .to_owned(),
        })
    }

    /// Opens a manifest with stock age; the signature is not looked at.
    pub fn open(&self, manifest: &Path) -> Result<Value> {
        let arguments = [
            OsStr::new("--decrypt"),
            OsStr::new("--identity"),
            self.identity.as_os_str(),
            manifest.as_os_str(),
        ];
        let wrong = |why: String| Error::Wrong(format!("{}: {why}", manifest.display()));
        let token = String::from_utf8(output("age", &arguments)?).map_err(|e| wrong(e.to_string()))?;
        let payload = token
            .split('.')
            .nth(1)
            .ok_or_else(|| wrong("no signed token".into()))?;
        let json = URL_SAFE_NO_PAD
            .decode(payload)
            .map_err(|e| wrong(e.to_string()))?;
        serde_json::from_slice(&json).map_err(|e| wrong(e.to_string()))
    }
}
