//! Tests of the companion: the sandbox tenant, the Graph client and the registration routes.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "tests may panic and document themselves by name"
)]

mod air_gapped;
mod authenticator;
mod browser;
mod clean_up;
mod command;
mod contract;
mod desk;
mod drill;
mod fake_bus;
mod inventory;
mod monitor;
mod on_behalf;
mod on_behalf_faults;
mod on_behalf_many;
mod permissions;
mod preflight;
mod registration;
mod roles;
mod sandbox;
mod sandbox_creation;
mod sandbox_directory;
mod sandbox_faults;
mod sandbox_policies;
mod seeds;
mod setup;
mod sign_in;
mod sign_in_command;
mod sign_in_service;
