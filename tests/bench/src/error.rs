//! The one error type of the bench: what was attempted, and what went wrong.

use std::io;

/// Says what the bench could not do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A system call on a named thing failed.
    #[error("{what}: {source}")]
    Io {
        /// The attempt, with its path or address.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A key specification, an address or an option cannot be read.
    #[error("{0}")]
    Spec(String),
    /// A virtual key or its file is unusable.
    #[error("{0}")]
    Key(String),
    /// A USB port or its redirection failed.
    #[error("{0}")]
    Port(String),
    /// QEMU or its control socket failed.
    #[error("{0}")]
    Qemu(String),
    /// The guest did not say what was expected.
    #[error("{0}")]
    Console(String),
    /// What a printer received is not what it may be.
    #[error("{0}")]
    Paper(String),
    /// A disk tool failed.
    #[error("{0}")]
    Stick(String),
}

/// The result of everything that the bench attempts.
pub type Result<T> = std::result::Result<T, Error>;

/// Names the attempt behind an I/O error.
pub(crate) trait Context<T> {
    /// Wraps the error with a description of the attempt.
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { what: what(), source })
    }
}
