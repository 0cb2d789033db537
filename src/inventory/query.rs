//! Reading: keys, one key, its history.

use super::event::read_stamp;
use super::key::Claim;
use super::store::Row;
use super::{Filter, History, Inventory, InventoryError, Key, KeyState};
use crate::id::{LabelId, SlipNumber};

const COLUMNS: &str =
    "label, state, account, place, custodian, safe, slip, key_bag, slip_bag, second_slip_bag, ceremony,
    product, aaguid, serial, fingerprint, attested, prepared, registered, proven, drilled, tenant, method,
    claim_run, claim_who, claim_until";

impl Inventory {
    /// Keys, by account, place and label.
    pub fn keys(&mut self, filter: &Filter) -> Result<Vec<Key>, InventoryError> {
        let sql = format!("SELECT {COLUMNS} FROM glasskey_keys ORDER BY lower(account), place, label");
        let rows = self.store.query(&sql, &[])?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in &rows {
            let key = key(row)?;
            if filter.admits(&key) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// One key.
    pub fn key(&mut self, label: &LabelId) -> Result<Key, InventoryError> {
        let sql = format!("SELECT {COLUMNS} FROM glasskey_keys WHERE label = ?1");
        let rows = self.store.query(&sql, &[label.as_str().into()])?;
        rows.first()
            .map_or_else(|| Err(InventoryError::Unknown(label.clone())), key)
    }

    /// What happened to a key, oldest first.
    pub fn history(&mut self, label: &LabelId) -> Result<Vec<History>, InventoryError> {
        let sql =
            "SELECT time, what, state, who, source, detail FROM glasskey_events WHERE label = ?1 ORDER BY id";
        let rows = self.store.query(sql, &[label.as_str().into()])?;
        rows.iter()
            .map(|row| {
                Ok(History {
                    time: required(read_stamp(&row.text(0)), "time")?,
                    what: row.text(1),
                    state: required(KeyState::from_word(&row.text(2)), "state")?,
                    who: row.text(3),
                    source: row.text(4),
                    detail: serde_json::from_str(&row.text(5)).unwrap_or_default(),
                })
            })
            .collect()
    }
}

fn key(row: &Row) -> Result<Key, InventoryError> {
    let time = |column| row.optional_text(column).as_deref().and_then(read_stamp);
    let slip = row
        .integer(6)
        .and_then(|number| SlipNumber::new(u32::try_from(number).ok()?));
    let claim = || {
        let until = time(24)?;
        Some(Claim {
            who: row.text(23),
            until,
        })
    };
    Ok(Key {
        label: parsed(row, 0, "label")?,
        state: required(KeyState::from_word(&row.text(1)), "state")?,
        account: parsed(row, 2, "account")?,
        place: required(row.integer(3).and_then(|place| u8::try_from(place).ok()), "place")?,
        custodian: row.optional_text(4),
        safe: row.optional_text(5),
        slip,
        key_bag: optional(row, 7, "key bag")?,
        slip_bag: optional(row, 8, "slip bag")?,
        second_slip_bag: optional(row, 9, "slip bag")?,
        ceremony: parsed(row, 10, "ceremony")?,
        product: row.text(11),
        aaguid: parsed(row, 12, "model")?,
        serial: row.optional_text(13),
        fingerprint: parsed(row, 14, "fingerprint")?,
        attested: row.integer(15) == Some(1),
        prepared: required(time(16), "time")?,
        registered: time(17),
        proven: time(18),
        drilled: time(19),
        tenant: row.optional_text(20),
        method: row.optional_text(21),
        claim: claim(),
    })
}

fn required<T>(value: Option<T>, what: &str) -> Result<T, InventoryError> {
    value.ok_or_else(|| InventoryError::Database(format!("a {what} in it cannot be read")))
}

fn parsed<T: std::str::FromStr>(row: &Row, column: usize, what: &str) -> Result<T, InventoryError> {
    required(row.text(column).parse().ok(), what)
}

fn optional<T: std::str::FromStr>(row: &Row, column: usize, what: &str) -> Result<Option<T>, InventoryError> {
    row.optional_text(column)
        .map(|text| required(text.parse().ok(), what))
        .transpose()
}
