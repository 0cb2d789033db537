//! The inventory: what is known of every key, in a file of its own (SQLite) or shared by several registrars (PostgreSQL).
//!
//! A key enters by [`Inventory::import`] of the manifest that prepared it, is claimed by one run at a time
//! ([`Inventory::claim`]), and changes by [`Inventory::record`] alone, which writes an event that nobody can change
//! afterwards. No type in here can hold a PIN: what is taken from a manifest is listed in [`facts`].

pub mod address;
pub mod claim;
pub mod drills;
mod error;
pub mod event;
mod facts;
mod import;
pub mod key;
mod passes;
mod passfile;
mod query;
mod record;
mod schema;
pub mod state;
mod store;
mod tls;

use time::OffsetDateTime;

pub use address::Address;
pub use claim::{Claimed, Renewal, Run};
pub use drills::{Drill, Held};
pub use error::InventoryError;
pub use event::{Event, Evidence, History, Places};
pub use facts::Kind;
pub use import::{Counts, Origin};
pub use key::{Filter, Key};
pub use passes::OpenPass;
pub use record::Author;
pub use state::{KeyState, Step};

use store::Store;

/// An open inventory.
pub struct Inventory {
    store: Store,
    /// The present, where a test or a record of the past says what it is.
    present: Option<OffsetDateTime>,
}

impl Inventory {
    /// Opens an inventory that is there.
    pub fn open(address: &Address) -> Result<Self, InventoryError> {
        Self::opened(Store::open(address, false)?, address)
    }

    /// Opens an inventory, or begins one.
    pub fn open_or_create(address: &Address) -> Result<Self, InventoryError> {
        let mut store = Store::open(address, true)?;
        schema::create(&mut store, address)?;
        Self::opened(store, address)
    }

    fn opened(mut store: Store, address: &Address) -> Result<Self, InventoryError> {
        schema::bring_up_to_date(&mut store, address)?;
        Ok(Self { store, present: None })
    }

    /// Takes this as the present from now on, instead of the clock that all registrars share.
    pub fn set_present(&mut self, present: OffsetDateTime) {
        self.present = Some(present);
    }

    /// The present in whole seconds, by the clock that all registrars of this inventory share.
    pub fn present(&mut self) -> Result<OffsetDateTime, InventoryError> {
        let now = match self.present {
            Some(now) => now,
            None => self.store.clock()?,
        };
        Ok(now.replace_nanosecond(0).unwrap_or(now))
    }
}
