//! The ceremony: one key after another, from reset to label, and the papers and files at the end.
//!
//! [`state`] is pure: state + [`event`] -> state + [`effect`]s; it names no device and sees no PIN.
//! [`driver`] carries the effects out through small traits and journals each before and after.

mod closing;
pub mod driver;
pub mod effect;
pub mod event;
mod in_hand;
mod journal;
mod printing;
pub mod slips;
pub mod state;

pub use effect::{Effect, Notice, Question, Work};
pub use event::{Answer, Event, Failure, FailureKind, Outcome, SeenKey};
pub use state::Ceremony;
