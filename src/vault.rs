//! The vault: what may lie on the stick during a ceremony, encrypted for an age identity of the stick's own.
//!
//! The identity is made when the ceremony begins and kept on the stick under a passphrase of two people, one part
//! each ([`Passphrase`]). Sealing needs the public recipient alone; opening needs both people. All that age sees
//! of passphrase, identity and content it sees in a short-lived child process ([`child`]).
//!
//! A vault hides; it does not prove who sealed. Whoever opens a record compares what it says (label, slip, public
//! key) with the transcript.

pub mod child;
pub mod passphrase;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::manifest::seal;
use crate::secret::Secret;
use crate::worker::{Launcher, WorkerError};

use child::{Created, Request};
pub use passphrase::{Passphrase, PassphraseError};

/// Time for one piece of work: scrypt takes seconds on the slowest machines.
const DEADLINE: Duration = Duration::from_mins(1);

/// Why a vault or a record in it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VaultError {
    /// The file is whole, and the passphrase does not open it.
    #[error("the passphrase is not the one of this vault")]
    WrongPassphrase,
    /// The record is whole, and sealed for another vault.
    #[error("the record was sealed for another vault")]
    OtherVault,
    /// The file changed since it was written.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Written by a newer Glasskey.
    #[error("the vault has a format that this version of glasskey does not know")]
    NewerVersion,
    /// The child process gave no answer.
    #[error("the vault's process failed: {0}")]
    Worker(String),
}

impl VaultError {
    /// What to do now.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::WrongPassphrase => {
                "Type both parts again, the officer's first; mind the keyboard layout and capital letters."
            }
            Self::OtherVault => "Check that this is the stick of this ceremony.",
            Self::Damaged(_) => "Use the other copy on the stick.",
            Self::NewerVersion => "Start the image that began this ceremony.",
            Self::Worker(_) => "Try again. If it stays like this, switch off and take the ceremony up again.",
        }
    }
}

/// The closed vault: it takes records and gives none back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    recipient: String,
}

impl Vault {
    /// Makes a new identity; returns the vault and the file that holds the identity under the passphrase.
    pub fn create(launcher: &Launcher, passphrase: &Passphrase) -> Result<(Self, Vec<u8>), VaultError> {
        let answer = call(launcher, &Request::Create, passphrase.expose())?;
        let created: Created = serde_json::from_slice(answer.expose()).map_err(|e| worker(&e))?;
        let recipient = created.recipient;
        Ok((Self { recipient }, created.file.0))
    }

    /// The public recipient (`age1…`).
    #[must_use]
    pub fn recipient(&self) -> &str {
        &self.recipient
    }

    /// Encrypts a record for the vault's identity, in a child process.
    pub fn seal(&self, launcher: &Launcher, content: &Secret<Vec<u8>>) -> Result<Vec<u8>, VaultError> {
        let recipients = std::slice::from_ref(&self.recipient);
        seal::seal_in_child(launcher, content, recipients).map_err(VaultError::Worker)
    }
}

/// The open vault: it holds the identity, in memory that is wiped.
pub struct OpenVault {
    vault: Vault,
    /// The identity file as `age-keygen` writes it.
    identity: Secret<Vec<u8>>,
}

impl OpenVault {
    /// Opens the file of [`Vault::create`] with the passphrase of both people.
    ///
    /// The recipient is computed from the identity: what else lies on the stick is not trusted with it.
    pub fn unlock(launcher: &Launcher, file: &[u8], passphrase: &Passphrase) -> Result<Self, VaultError> {
        let request = Request::Unlock { file: file.into() };
        let identity = call(launcher, &request, passphrase.expose())?;
        let recipient = child::recipient_line(identity.expose())
            .ok_or_else(|| VaultError::Worker("it gave no identity".into()))?
            .to_owned();
        Ok(Self {
            vault: Vault { recipient },
            identity,
        })
    }

    /// The same vault for sealing.
    #[must_use]
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Opens a record, in a child process.
    pub fn open(&self, launcher: &Launcher, sealed: &[u8]) -> Result<Secret<Vec<u8>>, VaultError> {
        let sealed = Blob::from(sealed);
        call(launcher, &Request::Open { sealed }, &self.identity)
    }
}

/// Has a child do one piece of work; whatever it answers is wiped on drop.
fn call(
    launcher: &Launcher,
    request: &Request,
    secret: &Secret<Vec<u8>>,
) -> Result<Secret<Vec<u8>>, VaultError> {
    let request = serde_json::to_vec(request).map_err(|e| worker(&e))?;
    let never = AtomicBool::new(false);
    match launcher.call(child::TASK, &request, Some(secret), DEADLINE, &never, &mut |_| {}) {
        Ok(answer) => Ok(Secret::new(answer)),
        Err(WorkerError::Failed(failure)) => {
            Err(serde_json::from_slice(&failure).unwrap_or_else(|error| worker(&error)))
        }
        Err(other) => Err(worker(&other)),
    }
}

fn worker(error: &dyn std::fmt::Display) -> VaultError {
    VaultError::Worker(error.to_string())
}
