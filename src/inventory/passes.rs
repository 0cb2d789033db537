//! Temporary Access Passes that a run opened and that nobody has closed, for whoever cleans up after it.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::event::{read_stamp, stamp};
use super::{Inventory, InventoryError, Run};
use crate::id::LabelId;

/// A pass of a run that is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenPass {
    /// The key that was to be registered with it.
    pub label: LabelId,
    /// Tenant id.
    pub tenant: String,
    /// Object id of the account.
    pub user: String,
    /// When its creation was about to begin.
    pub since: OffsetDateTime,
    /// Whose run.
    pub who: String,
}

impl Inventory {
    /// Passes that were opened and not closed, but for those of keys that another run has claimed: that run is alive.
    pub fn open_passes(&mut self, run: &Run) -> Result<Vec<OpenPass>, InventoryError> {
        let present = stamp(self.present()?);
        let sql = "SELECT e.label, e.time, e.what, e.who, e.detail, k.claim_run, k.claim_until
            FROM glasskey_events e JOIN glasskey_keys k ON k.label = e.label
            WHERE e.what = 'pass-opened' OR e.what = 'pass-closed' ORDER BY e.id";
        let mut open: BTreeMap<String, OpenPass> = BTreeMap::new();
        for row in self.store.query(sql, &[])? {
            let label = row.text(0);
            open.remove(&label);
            if row.text(2) != "pass-opened" {
                continue;
            }
            let other = row.optional_text(5).is_some_and(|id| id != run.id);
            if other && row.text(6) >= present {
                continue;
            }
            let unreadable = || InventoryError::Database("an event in it cannot be read".into());
            let detail: serde_json::Value = serde_json::from_str(&row.text(4)).map_err(|_| unreadable())?;
            let text = |member: &str| detail[member].as_str().map(str::to_owned);
            let pass = OpenPass {
                label: label.parse().map_err(|_| unreadable())?,
                tenant: text("tenant").ok_or_else(unreadable)?,
                user: text("user").ok_or_else(unreadable)?,
                since: read_stamp(&row.text(1)).ok_or_else(unreadable)?,
                who: row.text(3),
            };
            open.insert(label, pass);
        }
        Ok(open.into_values().collect())
    }
}
