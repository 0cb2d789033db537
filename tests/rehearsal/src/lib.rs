//! The whole of Glasskey played through in virtual machines, by scripts that see what people see.
//!
//! [`station`] boots the image with a stick, a printer and keys; [`officer`] reads the console, plugs, touches and
//! answers, [`people`] is what the witness has a part in; [`papers`] turns what the printer received into pictures and reads them back; [`evidence`] checks
//! what a ceremony leaves; [`laptop`] is the registrar's machine with companion, sandbox tenant and the person in the
//! browser; [`built`] finds what was built, [`residue`] looks for what a PIN leaves in memory; [`summary`] has the figures, [`many`] those of a batch. With [`interactive`] a person is the officer.

pub mod built;
pub mod evidence;
pub mod interactive;
pub mod laptop;
pub mod many;
pub mod officer;
pub mod papers;
pub mod people;
pub mod plan;
pub mod recipient;
pub mod residue;
pub mod screen;
pub mod station;
pub mod summary;

use std::path::PathBuf;

/// Why a rehearsal stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bench: QEMU, a key, the console.
    #[error(transparent)]
    Bench(#[from] bench::error::Error),
    /// A file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program that was run.
    #[error("{program} failed: {reason}")]
    Program {
        /// Which.
        program: String,
        /// What it said.
        reason: String,
    },
    /// Something is not as it must be.
    #[error("{0}")]
    Wrong(String),
}

/// Result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Names the file in an error of the system.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::File { path, source }
}

/// Runs a program and returns what it wrote to standard output.
pub(crate) fn output(program: &str, arguments: &[&std::ffi::OsStr]) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::Program {
        program: program.to_owned(),
        reason,
    };
    let done = std::process::Command::new(program)
        .args(arguments)
        // A reader that shares its few cores with machines is slower for every thread more.
        .env("OMP_THREAD_LIMIT", "1")
        .output()
        .map_err(|e| failed(format!("{e}; image/install-tools --tests installs it")))?;
    if done.status.success() {
        Ok(done.stdout)
    } else {
        Err(failed(String::from_utf8_lossy(&done.stderr).trim().to_owned()))
    }
}
