//! The tenant around a registration: whether it is ready ([`preflight`]), how it gets ready ([`setup`]), and what raises an
//! alarm afterwards ([`monitor`]).
//!
//! [`rules`] holds what must be true before a key is registered; the registration asks the same rules.

pub mod facts;
pub mod monitor;
pub mod permissions;
pub mod preflight;
pub mod rules;
pub mod setup;
