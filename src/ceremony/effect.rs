//! What a ceremony wants done.

use super::event::{Failure, SeenKey};
use crate::id::{LabelId, SlipNumber, Upn};
use crate::transcript::Entry;

/// One thing to do. Work and questions stand last in a list of effects and are answered by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell the officer.
    Tell(Notice),
    /// Ask the officer; answered by `Event::Answered`.
    Ask(Question),
    /// The question last asked no longer stands: what is typed now answers nothing.
    Withdraw,
    /// Do something outside; answered by `Event::Done` or `Event::Failed`.
    Do(Work),
    /// Add to the transcript.
    Record(Entry),
    /// Forget the PIN drawn last: no key will have it.
    ForgetPin,
    /// The key in hand is prepared: keep its data for the manifest.
    Keep,
    /// The ceremony is over.
    End,
}

/// Something done outside, journalled before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Ask the key on this port what it is; nothing is changed.
    Identify(SeenKey),
    /// Reset the key, which has just been put back.
    Reset(SeenKey),
    /// Draw a new PIN and print it on this slip.
    PrintSlip(SlipNumber),
    /// Give the key the PIN of this slip.
    SetPin(SeenKey, SlipNumber),
    /// Have the key accept it once more.
    ProvePin(SeenKey, SlipNumber),
    /// Have the key make its identity credential.
    MakeIdentity(SeenKey, SlipNumber),
    /// Print the label of the key in hand.
    PrintLabel(LabelId),
    /// Print the ceremony record.
    PrintRecord,
    /// Sign, encrypt and write the manifest, close the transcript, read both back.
    Export,
}

/// What the officer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The next key: which account and label it gets.
    NextKey {
        /// Its place in the plan, from 1.
        number: usize,
        /// How many keys the plan has.
        of: usize,
        /// Account.
        account: Upn,
        /// Label.
        label: LabelId,
    },
    /// Take out every key first.
    TakeOutAll(Vec<String>),
    /// Put in one key.
    PutInKey,
    /// Only one key may be plugged in.
    SeveralKeys(Vec<String>),
    /// Take out the others and leave in the key that is being worked with.
    LeaveOnly(String),
    /// This key was taken out while a question about it stood.
    Gone(String),
    /// Take this key out now.
    TakeOut(String),
    /// Put it back into the same socket.
    PutBack,
    /// A key came back elsewhere or with others.
    WrongSocket,
    /// Something failed; what follows says how it goes on.
    Trouble(Failure),
    /// A slip number is void.
    SlipVoided(SlipNumber),
    /// What was typed does not fit.
    NotUnderstood(String),
    /// The key is prepared; take it out and put it into its bag.
    Prepared {
        /// Label.
        label: LabelId,
        /// Slip.
        slip: SlipNumber,
    },
    /// The key was put aside.
    PutAside(LabelId),
    /// All keys are done: numbers for the closing words.
    AllDone {
        /// Keys prepared.
        prepared: usize,
        /// Keys put aside.
        rejected: usize,
        /// Slips printed.
        printed: u32,
        /// Slips voided.
        voided: usize,
    },
}

/// What the officer is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Erase everything on this key?
    Erase {
        /// What was identified.
        description: String,
        /// Account it is meant for.
        account: Upn,
        /// Label it will get.
        label: LabelId,
        /// True when the reset wants a long touch.
        long_touch: bool,
    },
    /// Did the slip come out whole?
    SlipWhole(SlipNumber),
    /// Try again? No puts the key aside.
    TryAgain,
    /// Try again? There is no other way on.
    Retry,
    /// Label id, scanned or typed from the label on the key.
    Label(LabelId),
    /// Number of the key's bag.
    KeyBag,
    /// Number of the slip's bag.
    SlipBag,
    /// Did the record come out whole?
    RecordWhole,
}
