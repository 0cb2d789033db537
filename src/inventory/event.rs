//! What happened to a key: events that are added and never changed.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use super::{KeyState, Step};
use crate::id::{BagNumber, SlipNumber};

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");

/// A time as the inventory writes it: RFC 3339, UTC, whole seconds; such texts sort by time.
#[must_use]
pub fn stamp(time: OffsetDateTime) -> String {
    let utc = time.to_offset(time::UtcOffset::UTC);
    utc.format(STAMP).unwrap_or_default()
}

/// Reads a time as the inventory writes it.
pub(super) fn read_stamp(text: &str) -> Option<OffsetDateTime> {
    let time = time::PrimitiveDateTime::parse(text, STAMP).ok()?;
    Some(time.assume_utc())
}

/// Something that happened to a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Event {
    /// It came from a manifest.
    Imported {
        /// Ceremony id.
        ceremony: String,
        /// SHA-256 of the manifest file, lower-case hexadecimal.
        manifest_sha256: String,
        /// Fingerprint of the station that signed it.
        station: String,
    },
    /// Its passkey is in the tenant.
    Registered {
        /// Account that has it.
        account: String,
        /// Tenant id.
        tenant: String,
        /// Object id of the account.
        user: String,
        /// Id of the passkey.
        method: Option<String>,
    },
    /// It proved itself by touch.
    Proven {
        /// Whether an assertion of the passkey was part of it, beside the identity credential.
        passkey: bool,
    },
    /// A drill with it began.
    DrillBegun {
        /// Id of the drill.
        drill: String,
        /// Why it is held.
        reason: String,
    },
    /// It opened its account in a drill.
    Drilled {
        /// What else is to be known of it.
        note: Option<String>,
        /// What is left of the drill.
        #[serde(flatten)]
        evidence: Option<Evidence>,
    },
    /// A drill with it ended, and did not show that it opens its account.
    DrillFailed {
        /// What is left of the drill.
        #[serde(flatten)]
        evidence: Evidence,
    },
    /// It, its slip or their keeper changed places.
    Moved(Places),
    /// It is missed.
    Lost {
        /// Why, in a person's words.
        reason: String,
    },
    /// Its passkey was taken off the account.
    Revoked {
        /// Why, in a person's words.
        reason: String,
    },
    /// It was put out of service.
    Retired {
        /// Why, in a person's words.
        reason: String,
    },
    /// A Temporary Access Pass is about to be created for its registration.
    PassOpened {
        /// Tenant id.
        tenant: String,
        /// Object id of the account.
        user: String,
    },
    /// That pass is deleted, and the account's sessions are revoked.
    PassClosed {
        /// Tenant id.
        tenant: String,
        /// Object id of the account.
        user: String,
    },
    /// A run took it over from another whose lease had ended.
    TakenOver {
        /// Whose run it had been.
        from: String,
    },
}

/// What is left of a drill that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Id of the drill.
    pub drill: String,
    /// `passed`, `attested`, or why it failed, as the report says it.
    pub result: String,
    /// Ids of the entries of the sign-in log that were made by it.
    pub sign_ins: Vec<String>,
    /// The signed report.
    pub report: String,
}

/// What `set` can change of where things lie; a member that is not there stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Places {
    /// Who keeps the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custodian: Option<String>,
    /// Where it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub safe: Option<String>,
    /// Number of its slip (custody `rotate`: that of the second pass).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slip: Option<SlipNumber>,
    /// Bag of the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bag: Option<BagNumber>,
    /// Bag of the slip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slip_bag: Option<BagNumber>,
    /// Bag of the second half of a split slip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second_slip_bag: Option<BagNumber>,
}

impl Places {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Event {
    /// The word in the history.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match (self, self.step()) {
            (_, Some(step)) => step.word(),
            (Self::Imported { .. }, _) => "imported",
            (Self::TakenOver { .. }, _) => "taken-over",
            (Self::PassOpened { .. }, _) => "pass-opened",
            (Self::PassClosed { .. }, _) => "pass-closed",
            (Self::DrillBegun { .. }, _) => "drill-begun",
            (Self::DrillFailed { .. }, _) => "drill-failed",
            _ => "moved",
        }
    }

    /// The step in the key's life, where it is one.
    #[must_use]
    pub fn step(&self) -> Option<Step> {
        match self {
            Self::Registered { .. } => Some(Step::Registered),
            Self::Proven { .. } => Some(Step::Proven),
            Self::Drilled { .. } => Some(Step::Drilled),
            Self::Lost { .. } => Some(Step::Lost),
            Self::Revoked { .. } => Some(Step::Revoked),
            Self::Retired { .. } => Some(Step::Retired),
            Self::Imported { .. }
            | Self::Moved(_)
            | Self::PassOpened { .. }
            | Self::PassClosed { .. }
            | Self::TakenOver { .. }
            | Self::DrillBegun { .. }
            | Self::DrillFailed { .. } => None,
        }
    }
}

/// One line of a key's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// What: `imported`, `moved`, `taken-over`, `pass-opened`, `pass-closed`, `drill-begun`, `drill-failed`, or a step.
    pub what: String,
    /// What the key was afterwards.
    pub state: KeyState,
    /// Who did it.
    pub who: String,
    /// From where it is known: a command.
    pub source: String,
    /// The rest, by kind of event.
    pub detail: serde_json::Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn stamps_read_back_and_sort_by_time() {
        let early = datetime!(2026-11-23 09:59:59 +02:00);
        assert_eq!(stamp(early), "2026-11-23T07:59:59Z");
        assert_eq!(read_stamp(&stamp(early)), Some(early));
        assert!(stamp(early) < stamp(datetime!(2026-11-23 08:00 UTC)));
        assert_eq!(read_stamp("yesterday"), None);
    }
}
