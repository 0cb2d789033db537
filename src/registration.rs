//! Registration of prepared keys in a tenant, and the proof that they are the prepared ones.
//!
//! Route [`tap`]: a Temporary Access Pass lets a person register the key in a browser; the key itself then
//! proves who it is. Every write to the tenant is journalled before and after ([`journal`]), so that whatever
//! happens the pass is deleted: at the end, on failure, on interruption, or by the next run. Roles come last
//! ([`Registration::assign_roles`]), to accounts whose every key is proven.
//!
//! Route [`air_gapped`]: the tenant issues creation options that live for days, the keys make their passkeys at the station,
//! and these are posted.
//! Route [`on_behalf`]: the tenant issues creation options, the key at this machine makes the passkey, and it is
//! posted. A passkey that may have been registered is looked for, in this run and the next, and never made twice.

pub mod air_gapped;
mod audit;
mod clean_up;
mod compare;
mod conditions;
mod error;
pub mod journal;
mod ledger;
pub mod on_behalf;
mod pass;
pub(crate) mod proof;
pub mod report;
mod roles;
mod route;
mod run;
pub mod tap;
mod voice;

pub use error::RegistrationError;
pub use journal::Journal;
pub use ledger::{InventoryLedger, Ledger, NoLedger};
pub use report::Report;
pub use route::Route;
pub use run::{OnMismatch, OnWrongKey, Options, Registration};
pub use voice::{PersonSteps, Voice};
