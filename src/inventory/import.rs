//! Manifests into the inventory: all of them or none, and a second time changes nothing.

use super::event::stamp;
use super::facts::{Facts, differences};
use super::store::{Store, Value};
use super::{Author, Event, Inventory, InventoryError, KeyState, Kind, record, schema};
use crate::id::{KeyFingerprint, SlipNumber};
use crate::manifest::schema::PreparedKey;
use crate::manifest::{Manifest, StationFingerprint};

/// An opened manifest, and where it came from.
pub struct Origin<'m> {
    /// Its content.
    pub manifest: &'m Manifest,
    /// The station that signed it.
    pub station: StationFingerprint,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: &'m str,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Keys that are new.
    pub added: usize,
    /// Keys that were there already, with the same data.
    pub known: usize,
}

impl Inventory {
    /// Takes in the keys of manifests; nothing is changed if one of them does not fit.
    pub fn import(&mut self, origins: &[Origin<'_>], author: &Author) -> Result<Counts, InventoryError> {
        let now = stamp(self.present()?);
        self.store.transaction(|store| {
            let mut counts = Counts::default();
            for origin in origins {
                take_in(store, origin, author, &now, &mut counts)?;
            }
            Ok(counts)
        })
    }

    /// What this inventory holds, once it holds anything.
    pub fn kind(&mut self) -> Result<Option<Kind>, InventoryError> {
        schema::kind(&mut self.store)
    }
}

fn take_in(
    store: &mut Store,
    origin: &Origin<'_>,
    author: &Author,
    now: &str,
    counts: &mut Counts,
) -> Result<(), InventoryError> {
    let manifest = origin.manifest;
    let ceremony = &manifest.ceremony;
    schema::settle_kind(store, Kind::of(manifest), ceremony.id.as_str())?;
    let custody = serde_json::to_value(manifest.pin_custody).unwrap_or_default();
    store.execute(
        "INSERT INTO glasskey_ceremonies (ceremony, title, started, finished, tenant, pin_custody, station,
            station_version, manifest_sha256, transcript_sha256, imported)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING",
        &[
            ceremony.id.as_str().into(),
            ceremony.title.as_str().into(),
            stamp(ceremony.started).into(),
            stamp(ceremony.finished).into(),
            manifest.tenant_id.clone().into(),
            custody.as_str().unwrap_or_default().into(),
            origin.station.to_string().into(),
            ceremony.station_version.as_str().into(),
            origin.sha256.into(),
            manifest.transcript.sha256.as_str().into(),
            now.into(),
        ],
    )?;
    let event = Event::Imported {
        ceremony: ceremony.id.to_string(),
        manifest_sha256: origin.sha256.to_owned(),
        station: origin.station.to_string(),
    };
    for key in &manifest.keys {
        let facts = Facts::of(&ceremony.id, key).to_json();
        if insert(store, manifest, key, &facts)? {
            record::write(store, key.label.as_str(), &event, KeyState::Prepared, author, now)?;
            counts.added += 1;
        } else {
            compare(store, key, &facts)?;
            counts.known += 1;
        }
    }
    Ok(())
}

/// Adds a key; false where its label or its public key is there already.
fn insert(
    store: &mut Store,
    manifest: &Manifest,
    key: &PreparedKey,
    facts: &str,
) -> Result<bool, InventoryError> {
    let bag = |bag: &Option<crate::id::BagNumber>| Value::from(bag.as_ref().map(ToString::to_string));
    let public_key = &key.identity.public_key;
    let values = [
        key.label.as_str().into(),
        manifest.ceremony.id.as_str().into(),
        KeyState::Prepared.word().into(),
        key.account.as_str().into(),
        i64::from(key.place).into(),
        key.custodian.clone().into(),
        key.safe.clone().into(),
        key.slip.map(SlipNumber::number).map(i64::from).into(),
        bag(&key.key_bag),
        bag(&key.slip_bag),
        bag(&key.second_slip_bag),
        key.model.product.as_str().into(),
        key.model.aaguid.to_string().into(),
        key.model.serial.clone().into(),
        KeyFingerprint::of(public_key.as_slice()).as_str().into(),
        i64::from(key.identity.attestation.verified).into(),
        public_key.to_string().into(),
        facts.into(),
        stamp(key.prepared).into(),
    ];
    let added = store.execute(
        "INSERT INTO glasskey_keys (label, ceremony, state, account, place, custodian, safe, slip, key_bag, slip_bag,
            second_slip_bag, product, aaguid, serial, fingerprint, attested, public_key, facts, prepared)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
        ON CONFLICT DO NOTHING",
        &values,
    )?;
    Ok(added > 0)
}

/// Refuses a key that the inventory has with other data, or under another label.
fn compare(store: &mut Store, key: &PreparedKey, facts: &str) -> Result<(), InventoryError> {
    let label = &key.label;
    let rows = store.query(
        "SELECT facts FROM glasskey_keys WHERE label = ?1",
        &[label.as_str().into()],
    )?;
    if let Some(row) = rows.first() {
        let differences = differences(&row.text(0), facts);
        if differences.is_empty() {
            return Ok(());
        }
        let label = label.clone();
        return Err(InventoryError::Conflict { label, differences });
    }
    let rows = store.query(
        "SELECT label, account FROM glasskey_keys WHERE public_key = ?1",
        &[key.identity.public_key.to_string().into()],
    )?;
    let text = |column| rows.first().map(|row| row.text(column)).unwrap_or_default();
    Err(InventoryError::SameKey {
        label: label.clone(),
        account: key.account.to_string(),
        other: text(0),
        other_account: text(1),
    })
}
