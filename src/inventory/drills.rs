//! What the inventory knows for a drill: the drills that were held, and what to ask a key for.

use time::OffsetDateTime;

use super::event::read_stamp;
use super::{Evidence, Inventory, InventoryError, facts};
use crate::id::LabelId;
use crate::identity::IdentityCredential;

/// A drill as a key's history tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drill {
    /// Which key.
    pub label: LabelId,
    /// Who held it.
    pub who: String,
    /// When it began, UTC; for one that was only written down, when that was.
    pub begun: OffsetDateTime,
    /// When it ended, UTC; nothing for one that was cut off, or is being held.
    pub ended: Option<OffsetDateTime>,
    /// Whether the key opened its account.
    pub passed: bool,
    /// What is left of it.
    pub evidence: Option<Evidence>,
}

/// What a key is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its identity credential, without the attestation.
    pub identity: IdentityCredential,
    /// Object id of the account in whose name its passkey is registered.
    pub user: Option<String>,
}

impl Inventory {
    /// Every drill that was begun, oldest first.
    pub fn drills(&mut self) -> Result<Vec<Drill>, InventoryError> {
        let sql = "SELECT label, time, what, who, detail FROM glasskey_events
            WHERE what IN ('drill-begun', 'drilled', 'drill-failed') ORDER BY id";
        let rows = self.store.query(sql, &[])?;
        let unreadable = |what: &str| InventoryError::Database(format!("a {what} in it cannot be read"));
        // Beside each, the id under which it was begun.
        let mut drills: Vec<(Option<String>, Drill)> = Vec::new();
        for row in &rows {
            let label: LabelId = row.text(0).parse().map_err(|_| unreadable("label"))?;
            let time = read_stamp(&row.text(1)).ok_or_else(|| unreadable("time"))?;
            let (what, detail) = (row.text(2), row.text(4));
            let evidence: Option<Evidence> = serde_json::from_str(&detail).ok();
            if what == "drill-begun" {
                let detail: serde_json::Value = serde_json::from_str(&detail).unwrap_or_default();
                let drill = Drill {
                    label,
                    who: row.text(3),
                    begun: time,
                    ended: None,
                    passed: false,
                    evidence: None,
                };
                drills.push((detail["drill"].as_str().map(str::to_owned), drill));
                continue;
            }
            let id = evidence.as_ref().map(|evidence| evidence.drill.clone());
            let same = |(begun, drill): &&mut (Option<String>, Drill)| {
                id.is_some() && *begun == id && drill.label == label && drill.ended.is_none()
            };
            let passed = what == "drilled";
            match drills.iter_mut().rev().find(same) {
                Some((_, drill)) => {
                    (drill.ended, drill.passed, drill.evidence) = (Some(time), passed, evidence);
                }
                None => drills.push((
                    id,
                    Drill {
                        label,
                        who: row.text(3),
                        begun: time,
                        ended: Some(time),
                        passed,
                        evidence,
                    },
                )),
            }
        }
        Ok(drills.into_iter().map(|(_, drill)| drill).collect())
    }

    /// What to ask this key for.
    pub fn held(&mut self, label: &LabelId) -> Result<Held, InventoryError> {
        let sql = "SELECT facts, user_id FROM glasskey_keys WHERE label = ?1";
        let rows = self.store.query(sql, &[label.as_str().into()])?;
        let Some(row) = rows.first() else {
            return Err(InventoryError::Unknown(label.clone()));
        };
        let identity = facts::identity(&row.text(0)).ok_or_else(|| {
            InventoryError::Database(format!("the identity credential of {label} cannot be read"))
        })?;
        Ok(Held {
            identity,
            user: row.optional_text(1),
        })
    }
}
