//! The station as a whole, in this process: ceremonies over virtual keys whose power fails at every
//! journal step, or whose stick is taken away.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the message")]

mod air_gapped;
mod bus;
mod outcome;
mod papers;
mod person;
mod power;
mod power_cut;
mod stage;
mod stick;
