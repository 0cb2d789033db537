//! Microsoft Graph: the only HTTP of the program. Typed calls, throttling, errors with both request ids.
//!
//! It knows no manifest, no key and no journal. GET and DELETE repeat by themselves; a POST that creates
//! something never does, because only its caller can read first whether it happened.

mod address;
mod calls;
mod client;
mod error;
mod model;
mod pace;

pub use address::{AddressError, Cloud, Service};
pub use calls::Deleted;
pub use client::Client;
pub use error::{GraphError, Refusal};
pub use model::{
    AuditEntry, Mark, NewPass, Organization, Pass, PassPolicy, Passkey, PasskeyPolicy, Target, User,
    method_id,
};
pub use pace::{Interrupt, Interrupted, Pace};
