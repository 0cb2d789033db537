//! Why a key is not registered: one variant per kind of cause, each with its own exit code.

use crate::graph::{GraphError, Interrupted};
use crate::inventory::InventoryError;
use crate::key::KeyError;

/// Why a registration stopped.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// The tenant is not ready, or not the right one. Nothing was changed for this key.
    #[error("{what}")]
    Condition {
        /// What is not as it must be.
        what: String,
        /// What to do about it.
        hint: String,
    },
    /// Graph refused, or could not be reached.
    #[error("{0}.")]
    Graph(GraphError),
    /// The key that was plugged in is not the prepared one.
    #[error("{0}")]
    WrongKey(String),
    /// The prepared key could not be asked.
    #[error("{0}")]
    Key(KeyError),
    /// What appeared in the tenant is not the prepared key.
    #[error("{0}")]
    Mismatch(String),
    /// The person did not finish in time.
    #[error("{0}")]
    TimedOut(String),
    /// Somebody stopped the program.
    #[error("The registration was interrupted.")]
    Interrupted,
    /// A local file, such as the journal, cannot be used.
    #[error("{0}")]
    File(String),
    /// The inventory cannot be used, or refuses the key.
    #[error("{0}")]
    Inventory(InventoryError),
}

impl RegistrationError {
    /// A word for reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Condition { .. } => "condition",
            Self::Graph(_) => "graph",
            Self::WrongKey(_) => "wrongKey",
            Self::Key(_) => "key",
            Self::Mismatch(_) => "mismatch",
            Self::TimedOut(_) => "timedOut",
            Self::Interrupted => "interrupted",
            Self::File(_) => "file",
            Self::Inventory(_) => "inventory",
        }
    }

    /// What to do now, as full sentences.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Condition { hint, .. } => hint.clone(),
            Self::Graph(error) => error
                .hint()
                .unwrap_or("Repeat the command; it continues where this run ended.")
                .to_owned(),
            Self::Key(error) => error.hint().to_owned(),
            Self::WrongKey(_) => "Compare the label with the account, find the right key and repeat the command.".into(),
            Self::Mismatch(_) => {
                "Look at the account's sign-in methods, remove what does not belong there, and repeat the command.".into()
            }
            Self::TimedOut(_) | Self::Interrupted => {
                "Repeat the command when the person is ready; it continues where this run ended.".into()
            }
            Self::Inventory(error) => error.hint().to_owned(),
            Self::File(_) => "Correct the path or the permissions and repeat the command.".into(),
        }
    }

    pub(super) fn condition(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Condition {
            what: what.into(),
            hint: hint.into(),
        }
    }
}

impl From<GraphError> for RegistrationError {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Interrupted(_) => Self::Interrupted,
            other => Self::Graph(other),
        }
    }
}

impl From<InventoryError> for RegistrationError {
    fn from(error: InventoryError) -> Self {
        Self::Inventory(error)
    }
}

impl From<Interrupted> for RegistrationError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}
