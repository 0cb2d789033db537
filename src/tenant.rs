//! The tenant around a registration: whether it is ready ([`preflight`]), how it gets ready ([`setup`]), and what raises an
//! alarm afterwards ([`monitor`]); and whether its emergency accounts still open ([`drill`]).
//!
//! [`rules`] holds what must be true before a key is registered; the registration asks the same rules.

pub mod drill;
pub mod facts;
pub mod monitor;
pub mod permissions;
pub mod preflight;
pub mod rules;
pub mod setup;
