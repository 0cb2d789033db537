//! The inventory: import, states, claims and histories, the same on SQLite and PostgreSQL.

mod claims;
mod command;
mod drilling;
mod figures;
mod registering;
mod registrars;
mod report;
mod server;
mod shared;

use std::sync::OnceLock;
use std::time::Duration;

use glasskey::id::{LabelId, SlipNumber};
use glasskey::inventory::{Address, Author, Counts, Inventory, InventoryError, Origin};
use glasskey::key::{Blob, IdentityCredential};
use glasskey::manifest::schema::{Model, PinCustody, PreparedKey};
use glasskey::manifest::sign::StationKey;
use glasskey::manifest::{Manifest, StationFingerprint};
use glasskey::secret::Secret;
use time::OffsetDateTime;
use time::macros::datetime;

use crate::registration::{manifest, prepared};

const LEASE: Duration = Duration::from_mins(10);
const PIN: &str = "73915082";

fn now() -> OffsetDateTime {
    datetime!(2026-11-23 08:00 UTC)
}

pub(crate) fn author() -> Author {
    Author {
        who: "Ada".into(),
        source: "test".into(),
    }
}

/// Keys with labels of their own, two to an account; each has a PIN.
fn keys(count: u32) -> Vec<PreparedKey> {
    // One for the whole run: the same number is the same key.
    static PATTERN: OnceLock<(IdentityCredential, Model)> = OnceLock::new();
    let (pattern_identity, model) = PATTERN.get_or_init(|| {
        let (_, pattern) = prepared(1, "pattern@contoso.onmicrosoft.com");
        (pattern.identity, pattern.model)
    });
    (0..count)
        .map(|number| {
            let mut rest = number;
            let mut random = |bytes: &mut [u8]| {
                for byte in bytes {
                    *byte = u8::try_from(rest % 32).unwrap();
                    rest /= 32;
                }
            };
            let mut public_key = pattern_identity.public_key.as_slice().to_vec();
            public_key[20..24].copy_from_slice(&number.to_be_bytes());
            let mut identity = pattern_identity.clone();
            identity.public_key = Blob(public_key);
            PreparedKey {
                label: LabelId::draw(&mut random),
                account: format!("bg-{:05}@contoso.onmicrosoft.com", number / 2)
                    .parse()
                    .unwrap(),
                place: if number % 2 == 0 { 1 } else { 2 },
                slip: SlipNumber::new(number + 1),
                key_bag: Some(format!("K-{number}").parse().unwrap()),
                slip_bag: Some(format!("S-{number}").parse().unwrap()),
                second_slip_bag: None,
                custodian: Some(if number % 2 == 0 { "Grace" } else { "Edsger" }.into()),
                safe: Some(if number % 2 == 0 { "Safe A" } else { "Safe B" }.into()),
                prepared: now() - time::Duration::days(1),
                model: model.clone(),
                identity,
                registration: None,
                pin: Some(Secret::new(PIN.into())),
            }
        })
        .collect()
}

fn with_pins(keys: Vec<PreparedKey>, rehearsal: bool) -> Manifest {
    let mut manifest = manifest(keys, rehearsal, Vec::new());
    manifest.pin_custody = PinCustody::Manifest;
    manifest
}

fn station() -> StationFingerprint {
    StationKey::generate().unwrap().fingerprint()
}

pub(crate) fn import(inventory: &mut Inventory, manifest: &Manifest) -> Result<Counts, InventoryError> {
    let origin = Origin {
        manifest,
        station: station(),
        sha256: &"ab".repeat(32),
    };
    inventory.import(&[origin], &author())
}

/// An inventory with that many keys, at a fixed time.
fn filled(address: &Address, count: u32) -> (Inventory, Vec<LabelId>) {
    let mut inventory = Inventory::open_or_create(address).unwrap();
    inventory.set_present(now());
    let manifest = with_pins(keys(count), true);
    import(&mut inventory, &manifest).unwrap();
    (
        inventory,
        manifest.keys.iter().map(|key| key.label.clone()).collect(),
    )
}

/// Each of these functions is a test on SQLite and another one on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(&glasskey::inventory::Address::File(folder.path().join("inventory.sqlite")));
            })*
        }

        mod postgres {
            $(#[test]
            #[ignore = "needs Debian's package postgresql; tests/run runs it"]
            fn $name() {
                let server = crate::inventory::server::Server::shared();
                super::$name(&server.database());
            })*
        }
    };
}
use on_both;
