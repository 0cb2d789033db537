//! Why something cannot be read from, or written to, an inventory.

use time::OffsetDateTime;

use super::event::stamp;
use super::{KeyState, Kind, Step};
use crate::id::LabelId;

/// Why an inventory cannot be used, or refuses something. No text holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InventoryError {
    /// The address cannot be read, or asks for something that is not done.
    #[error("The inventory's address cannot be used: {0}.")]
    Address(String),
    /// There is nothing at that place.
    #[error("There is no inventory at {0}.")]
    Missing(String),
    /// It is some other database.
    #[error("{0} is a database, and not an inventory of glasskey.")]
    Foreign(String),
    /// It was written by a newer program.
    #[error("The inventory has schema version {found}; this version of glasskey knows {known}.")]
    Newer {
        /// Version in the database.
        found: i64,
        /// Newest version that is known here.
        known: i64,
    },
    /// The database refused, is locked, or cannot be reached.
    #[error("The inventory cannot be read or written: {0}.")]
    Database(String),
    /// Rehearsal and real keys never meet.
    #[error("This is the inventory of {inventory}, and the manifest {} is from {manifest}. Nothing was changed.", .ceremony)]
    Mixed {
        /// What the inventory holds.
        inventory: Kind,
        /// What the manifest is from.
        manifest: Kind,
        /// Its ceremony.
        ceremony: String,
    },
    /// The inventory has this key with other data.
    #[error("The key with label {label} is in the inventory with other data: {}. Nothing was changed.", .differences.join("; "))]
    Conflict {
        /// Its label.
        label: LabelId,
        /// What differs, each as `member: inventory has X, manifest has Y`.
        differences: Vec<String>,
    },
    /// The very same key stands under another label.
    #[error(
        "The key with label {label} for {account} is in the inventory already, as label {other} for {other_account}. Nothing was changed."
    )]
    SameKey {
        /// Label in the manifest.
        label: LabelId,
        /// Account in the manifest.
        account: String,
        /// Label in the inventory.
        other: String,
        /// Account in the inventory.
        other_account: String,
    },
    /// No key has this label.
    #[error("The inventory has no key with label {0}.")]
    Unknown(LabelId),
    /// A step that cannot happen in this state.
    #[error("The key with label {label} is {}: it cannot become {}.", .state.word(), .step.word())]
    NotAllowed {
        /// Its label.
        label: LabelId,
        /// What it is.
        state: KeyState,
        /// What was asked.
        step: Step,
    },
    /// A key that is lost, revoked or retired.
    #[error("The key with label {label} is {} and out of service.", .state.word())]
    OutOfService {
        /// Its label.
        label: LabelId,
        /// What it is.
        state: KeyState,
    },
    /// One key, one account.
    #[error("The key with label {label} is for {planned}, and not for {given}: one key serves one account.")]
    OtherAccount {
        /// Its label.
        label: LabelId,
        /// The account in the inventory.
        planned: String,
        /// The account that was given.
        given: String,
    },
    /// Another run works with it.
    #[error("The key with label {label} is claimed by {who} until {}.", stamp(*.until))]
    Taken {
        /// Its label.
        label: LabelId,
        /// Whose run.
        who: String,
        /// End of the lease, UTC.
        until: OffsetDateTime,
    },
    /// The lease ran out, and another run took the key over.
    #[error("The claim of the key with label {0} ran out, and the key is not this run's any more.")]
    ClaimLost(LabelId),
}

impl InventoryError {
    /// What to do now, as full sentences.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address(_) => {
                "Give a file, or `postgres://USER@HOST/DATABASE`; passwords are read from `~/.pgpass` (or the file in PGPASSFILE)."
            }
            Self::Missing(_) => "Import a manifest first: `glasskey companion inventory import`.",
            Self::Foreign(_) => "Give another file, or an empty database.",
            Self::Newer { .. } => "Use the newest version of glasskey that works with this inventory.",
            Self::Database(_) => "Correct the path, the permissions or the server, and repeat the command.",
            Self::Mixed { .. } => "Keep rehearsals in an inventory of their own: give another `--inventory`.",
            Self::Conflict { .. } | Self::SameKey { .. } => {
                "Compare the key's label with the signed records of both ceremonies; one of them is not what it seems."
            }
            Self::Unknown(_) => "Compare the label, or import the manifest of its ceremony.",
            Self::NotAllowed { .. } => "`glasskey companion inventory show` tells its history.",
            Self::OutOfService { .. } => "Use another key, or prepare this one anew at the station.",
            Self::OtherAccount { .. } => "Find the key that was prepared for this account.",
            Self::Taken { .. } => "Wait until that run has ended, or until its claim runs out.",
            Self::ClaimLost(_) => "Look at the key's history and at the account, then repeat the command.",
        }
    }
}
