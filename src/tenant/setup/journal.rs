//! The journal of a setup: what was written to the tenant, before and after.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::journal::{Lines, State};

/// What is written to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// An account is created.
    CreateUser,
    /// The group is created.
    CreateGroup,
    /// An account is added to the group.
    AddMember,
    /// A policy is changed.
    ChangePolicy,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// What.
    pub action: Action,
    /// How far.
    pub state: State,
    /// Tenant id.
    pub tenant: String,
    /// Sign-in name, group name or path of the policy.
    pub subject: String,
    /// Object id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
}

/// An open journal of a setup.
pub type Journal = Lines<Entry>;

/// What the journal knows of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing: it was never tried, or refused.
    Nothing,
    /// It was sent, and nobody knows what came of it.
    Open,
    /// It was done; this is the object.
    Done(Option<String>),
}

/// The last state of a creation in this tenant.
pub(super) fn known(journal: &Journal, action: Action, tenant: &str, subject: &str) -> Known {
    let mut entries = journal.entries().iter().rev();
    let last = entries.find(|e| e.action == action && e.tenant == tenant && e.subject == subject);
    match last {
        None => Known::Nothing,
        Some(entry) => match entry.state {
            State::Intended => Known::Open,
            State::Done => Known::Done(entry.object.clone()),
            State::Refused => Known::Nothing,
        },
    }
}
