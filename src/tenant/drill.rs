//! The drill: every 90 days each key opens its account, and the report of that is signed and kept.
//!
//! [`schedule`] says what is due and [`calendar`] writes it down for calendars. [`keeping`] claims a key in the inventory and
//! records what became of its drill; [`run`] holds the drill, [`check`] judges the account and [`sign_in`] the log;
//! [`report`] is what is signed.

pub mod calendar;
pub mod check;
pub mod keeping;
pub mod people;
pub mod report;
pub mod run;
pub mod schedule;
pub mod sign_in;

pub use calendar::calendar;
pub use keeping::Keeping;
pub use people::People;
pub use report::Report;
pub use run::{Drill, Options};
pub use schedule::{DAYS, Entry, by_account, schedule};
