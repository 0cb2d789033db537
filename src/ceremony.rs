//! The ceremony: one key after another, from reset to label, and the papers and files at the end.
//!
//! [`state`] is pure: state + [`event`] -> state + [`effect`]s; it names no device and sees no PIN. [`driver`]
//! carries the effects out through small traits and journals each before and after. [`run`] begins: it looks on
//! the stick for a ceremony that was paused or cut off, and [`resume`] decides from its transcript how it goes on.
//! In custody `rotate` the same state machine goes over the keys a second time ([`Pass::Seal`]).

mod begin;
mod closing;
mod dialogue;
pub mod driver;
pub mod effect;
pub mod event;
mod identifying;
mod in_hand;
pub mod job;
mod journal;
mod on_paper;
mod passkeys;
mod printing;
pub mod resume;
mod scene;
mod second_pass;
pub mod slips;
pub mod state;
mod store;
pub mod team;
mod vault_keeper;

pub use begin::{run, waits_for_second_pass};
pub use effect::{Effect, Ending, Notice, Part, Question, Work};
pub use event::{AfterPage, Answer, Event, Failure, FailureKind, Outcome, SeenKey, SeenPrinter, Wish};
pub use job::{Job, Pass, PreparedJob, RejectedKey, Rules};
pub use state::Ceremony;
pub use team::{Member, Sitting, Team};
