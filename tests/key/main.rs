//! One security key: the raw channel against a whole virtual key, and the worker as a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod change;
mod engine;
mod find;
mod guest;
mod inside;
mod policy;
mod worker;
