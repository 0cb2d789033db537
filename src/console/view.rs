//! What a full screen shows at one moment, as data: it knows neither fonts nor colours, and never a PIN.

use std::time::{Duration, Instant};

/// One moment of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct View {
    /// Title of the plan.
    pub title: String,
    /// Ceremony id; empty before there is one.
    pub ceremony: String,
    /// Whether this is a rehearsal.
    pub rehearsal: bool,
    /// Officer and witness; empty before they are named.
    pub officer: String,
    /// See `officer`.
    pub witness: String,
    /// What to do now, in one sentence.
    pub instruction: Instruction,
    /// What will be erased for good when the question that stands is answered with yes.
    pub erases: Option<String>,
    /// The key in hand.
    pub key: Option<KeyPanel>,
    /// The steps of the key in hand, in order.
    pub checklist: Vec<CheckItem>,
    /// Where the batch stands.
    pub batch: Batch,
    /// A time that is running out.
    pub clock: Option<Clock>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Instruction {
    /// How urgent it is, and whose turn it is.
    pub tone: Tone,
    /// One sentence.
    pub sentence: String,
    /// More about it, a sentence or two; may be empty.
    pub detail: String,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// The station works; nobody needs to do anything.
    #[default]
    Working,
    /// Somebody has to do something with their hands.
    Act,
    /// A question stands.
    Answer,
    /// Something went wrong; what follows says how it goes on.
    Trouble,
    /// Something is finished.
    Done,
}

/// The key in hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyPanel {
    /// Its place in the plan, from 1.
    pub number: usize,
    /// How many keys the plan has.
    pub of: usize,
    /// Label it gets.
    pub label: String,
    /// Account it is for.
    pub account: String,
    /// `primary key` or `backup key 1`.
    pub place: String,
    /// Who will keep it, and where; empty where the plan does not say.
    pub custodian: String,
    /// What it said of itself; empty before it was asked.
    pub model: String,
}

/// One step of the key in hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckItem {
    /// What, in a word or two.
    pub name: &'static str,
    /// How it stands.
    pub state: CheckState,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// Not begun.
    Waiting,
    /// Under way.
    Doing,
    /// Done.
    Done,
    /// Failed.
    Failed,
}

/// Where the batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Batch {
    /// Keys in the plan.
    pub keys: usize,
    /// Keys prepared.
    pub prepared: usize,
    /// Keys put aside.
    pub rejected: usize,
    /// Slips printed.
    pub slips_printed: u32,
    /// Slips void.
    pub slips_voided: usize,
    /// Exceptions on the record.
    pub exceptions: usize,
}

/// A time that is running out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// What it is for.
    pub name: &'static str,
    /// When it began.
    pub since: Instant,
    /// How long there is.
    pub lasts: Duration,
}
