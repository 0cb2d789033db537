//! Microsoft Graph: the only HTTP of the program. Typed calls, throttling, errors with both request ids.
//!
//! Signing in is part of it ([`Session`]). It knows no manifest, no key and no journal. GET and DELETE repeat by themselves; a POST that creates
//! something never does, because only its caller can read first whether it happened.

mod address;
mod auth;
mod calls;
mod client;
mod creation;
mod directory;
mod error;
mod model;
mod pace;
mod policies;
mod sign_ins;

pub use address::{AddressError, Cloud, Feature, Service};
pub use auth::{Application, Certificate, Guide, Kept, Session, SignInError};
pub use calls::Deleted;
pub use client::Client;
pub use creation::{CreationOptions, NewPasskey};
pub use directory::{GLOBAL_ADMINISTRATOR, Group, Member, NewGroup, NewUser, RoleAssignment, RoleSchedule};
pub use error::{GraphError, Refusal};
pub use model::{
    AuditEntry, Domain, EVERYONE, Mark, NewPass, Organization, Pass, PassPolicy, Passkey, PasskeyPolicy,
    Scope, Target, User, credential_id, method_id,
};
pub use pace::{Interrupt, Interrupted, Pace};
pub use policies::{
    AccessConditions, AccessPolicy, AccessUsers, Campaign, METHODS_POLICY, PASS_POLICY, PASSKEY_POLICY,
    campaign_body,
};
pub use sign_ins::{Detail, SignIn, SignInStatus, SignInStep};
