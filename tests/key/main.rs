//! One security key: the raw channel against a whole virtual key, and the worker as a process.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod engine;
mod guest;
mod inside;
mod worker;
