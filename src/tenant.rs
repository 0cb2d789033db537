//! The tenant around a registration: whether it is ready ([`preflight`]), and how it gets ready ([`setup`]).
//!
//! [`rules`] holds what must be true before a key is registered; the registration asks the same rules.

pub mod facts;
pub mod preflight;
pub mod rules;
pub mod setup;
