//! The key file: one key as JSON, locked while a process has it plugged in.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::engine::config::EngineConfig;
use crate::error::{Context as _, Error, Result};
use crate::hex;
use crate::identity::UsbIdentity;

pub(super) const FORMAT: &str = "bench key 1";
const LIMIT: u64 = 4 << 20;

/// Everything that makes a key this key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyState {
    /// Name and version of the format.
    pub format: String,
    /// Its behaviour.
    pub config: EngineConfig,
    /// Its USB descriptors.
    pub identity: UsbIdentity,
    /// The root of its attestation, DER.
    #[serde(with = "hex::text")]
    pub root: Vec<u8>,
    /// What it remembers, secrets included: test keys have nothing to hide.
    #[serde(with = "contents")]
    pub store: BTreeMap<usize, Vec<u8>>,
}

impl KeyState {
    /// Reads a key file without taking the key up.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is no key file.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path).context(|| format!("Opening the key file {}", path.display()))?;
        Self::parse(&mut file, path)
    }

    fn parse(file: &mut File, path: &Path) -> Result<Self> {
        let mut text = String::new();
        file.take(LIMIT)
            .read_to_string(&mut text)
            .context(|| format!("Reading the key file {}", path.display()))?;
        let state: Self = serde_json::from_str(&text)
            .map_err(|error| Error::Key(format!("{} is no key file: {error}", path.display())))?;
        if state.format != FORMAT {
            return Err(Error::Key(format!(
                "{} is no `{FORMAT}` but: {}",
                path.display(),
                state.format
            )));
        }
        state.config.check()?;
        Ok(state)
    }
}

/// A key file in use by this process.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    file: Mutex<File>,
}

impl KeyFile {
    pub(super) fn create(path: &Path, state: &KeyState) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .context(|| format!("Creating the key file {}", path.display()))?;
        let created = Self::lock(file, path)?;
        created.write(state)?;
        Ok(created)
    }

    pub(super) fn open(path: &Path) -> Result<(Self, KeyState)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .context(|| format!("Opening the key file {}", path.display()))?;
        let state = KeyState::parse(&mut file, path)?;
        Ok((Self::lock(file, path)?, state))
    }

    pub(super) fn write(&self, state: &KeyState) -> Result<()> {
        let text = serde_json::to_vec_pretty(state)
            .map_err(|error| Error::Key(format!("The key cannot be written down: {error}")))?;
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(&text))
            .and_then(|()| file.set_len(text.len() as u64))
            .context(|| format!("Writing the key file {}", self.path.display()))
    }

    fn lock(file: File, path: &Path) -> Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                file: Mutex::new(file),
            }),
            Err(TryLockError::WouldBlock) => Err(Error::Key(format!(
                "This key is plugged in somewhere else: {}",
                path.display()
            ))),
            Err(TryLockError::Error(source)) => Err(Error::Io {
                what: format!("Locking the key file {}", path.display()),
                source,
            }),
        }
    }
}

mod contents {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::hex;

    pub(super) fn serialize<S: Serializer>(
        store: &BTreeMap<usize, Vec<u8>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        let text: BTreeMap<usize, String> = store
            .iter()
            .map(|(key, value)| (*key, hex::encode(value)))
            .collect();
        text.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<usize, Vec<u8>>, D::Error> {
        BTreeMap::<usize, String>::deserialize(d)?
            .into_iter()
            .map(|(key, text)| match hex::decode(&text) {
                Some(value) => Ok((key, value)),
                None => Err(D::Error::custom(format!("entry {key} is not hexadecimal"))),
            })
            .collect()
    }
}
