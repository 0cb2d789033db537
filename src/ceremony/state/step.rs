//! Where a ceremony stands.

use crate::ceremony::effect::{Notice, Part, Question, Work};
use crate::ceremony::event::SeenKey;
use crate::ceremony::job::{Pass, PreparedJob};
use crate::ceremony::team::Member;
use crate::id::{BagNumber, LabelId, SlipNumber, Upn};
use crate::transcript::ExceptionKind;

/// A key that was reset, with the slip that stands for its PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hand {
    pub(super) key: SeenKey,
    /// None in custody `rotate`.
    pub(super) slip: Option<SlipNumber>,
}

/// What the question about an erasure shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Erasure {
    pub(super) description: String,
    pub(super) account: Upn,
    pub(super) label: LabelId,
    pub(super) long_touch: bool,
    pub(super) in_use: bool,
}

/// An exception that waits for its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Doubt {
    pub(super) kind: ExceptionKind,
    pub(super) key: Option<LabelId>,
    pub(super) slip: Option<SlipNumber>,
    pub(super) what: String,
}

/// A step; the ceremony is in exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    NameOfficer,
    NameWitness(Member),
    /// Waiting until no key is plugged in.
    Empty,
    /// Waiting for one key.
    Arm,
    Identify(SeenKey),
    ConfirmErase(SeenKey, Box<Erasure>),
    /// The key is in use: the witness agrees to its erasure.
    AgreeErase(SeenKey, Box<Erasure>),
    /// Waiting for the key to be taken out.
    TakeOut(SeenKey),
    /// Waiting for it to come back to the same port.
    PutBack(SeenKey),
    Reset(SeenKey),
    PrintSlip(Hand),
    PrintSecondHalf(Hand),
    ConfirmSlip(Hand, Part),
    StorePin(Hand),
    SetPin(Hand),
    /// The transport PIN is replaced.
    ChangePin(Hand),
    /// Nobody knows whether it was.
    WhichPin(Hand),
    Configure(Hand),
    ProvePin(Hand),
    MakeIdentity(Hand),
    MakePasskey(Hand),
    PrintLabel(Hand),
    ConfirmLabel(Hand),
    KeyBag(Hand),
    SlipBag(Hand, Part, Vec<BagNumber>),
    StoreKey(Box<PreparedJob>),
    /// Waiting for the prepared key to be taken out.
    Remove,
    /// Waiting for the printer to be switched off and on, because it may hold an old page.
    CyclePrinter(Box<Step>),
    /// A second key is plugged in; the step goes on when it is gone.
    OneOnly(SeenKey, Box<Step>),
    /// The officer decides whether to try again.
    Trouble {
        again: Box<Step>,
        reason: String,
    },
    /// The officer types the reason of an exception.
    Explain(Box<Doubt>, Box<Step>),
    /// The witness agrees to the reason.
    AgreeReason(Box<Doubt>, String, Box<Step>),
    /// Somebody wants to break the ceremony off.
    ConfirmAbort(Box<Step>),
    /// The witness agrees to that.
    AgreeAbort(Box<Step>),
    PrintRecord,
    ConfirmRecord,
    Export,
    Ended,
}

impl Step {
    /// The work of this step.
    pub(super) fn work(&self, label: Option<&LabelId>) -> Option<Work> {
        Some(match self {
            Self::Identify(key) => Work::Identify(key.clone()),
            Self::Reset(key) => Work::Reset(key.clone()),
            Self::PrintSlip(hand) => Work::PrintSlip(hand.slip?),
            Self::PrintSecondHalf(hand) => Work::PrintSecondHalf(hand.slip?),
            Self::StorePin(_) => Work::StorePin,
            Self::SetPin(hand) => Work::SetPin(hand.key.clone(), hand.slip),
            Self::ChangePin(hand) => Work::ChangePin(hand.key.clone(), hand.slip?),
            Self::WhichPin(hand) => Work::WhichPin(hand.key.clone(), hand.slip?),
            Self::Configure(hand) => Work::Configure(hand.key.clone()),
            Self::ProvePin(hand) => Work::ProvePin(hand.key.clone()),
            Self::MakeIdentity(hand) => Work::MakeIdentity(hand.key.clone()),
            Self::MakePasskey(hand) => Work::MakePasskey(hand.key.clone()),
            Self::PrintLabel(_) => Work::PrintLabel(label?.clone()),
            Self::StoreKey(_) => Work::StoreKey,
            Self::PrintRecord => Work::PrintRecord,
            Self::Export => Work::Export,
            _ => return None,
        })
    }

    /// The key that this step works with, where taking it out or adding another one matters.
    pub(super) fn key(&self) -> Option<&SeenKey> {
        match self {
            Self::Identify(key) | Self::Reset(key) => Some(key),
            Self::SetPin(hand)
            | Self::ChangePin(hand)
            | Self::WhichPin(hand)
            | Self::Configure(hand)
            | Self::ProvePin(hand)
            | Self::MakeIdentity(hand)
            | Self::MakePasskey(hand) => Some(&hand.key),
            _ => None,
        }
    }

    /// The slip that stands at this step and is neither sealed nor void.
    pub(super) fn slip(&self) -> Option<SlipNumber> {
        match self {
            Self::ConfirmSlip(hand, _)
            | Self::PrintSlip(hand)
            | Self::PrintSecondHalf(hand)
            | Self::StorePin(hand)
            | Self::SetPin(hand)
            | Self::ChangePin(hand)
            | Self::WhichPin(hand)
            | Self::Configure(hand)
            | Self::ProvePin(hand)
            | Self::MakeIdentity(hand)
            | Self::MakePasskey(hand)
            | Self::PrintLabel(hand)
            | Self::ConfirmLabel(hand)
            | Self::KeyBag(hand)
            | Self::SlipBag(hand, ..) => hand.slip,
            Self::StoreKey(job) => job.slip,
            Self::OneOnly(_, step)
            | Self::CyclePrinter(step)
            | Self::ConfirmAbort(step)
            | Self::AgreeAbort(step) => step.slip(),
            Self::Trouble { again, .. } => again.slip(),
            Self::Explain(_, then) | Self::AgreeReason(_, _, then) => then.slip(),
            _ => None,
        }
    }

    /// Whether the key in hand may differ from what it was when it was put in.
    pub(super) fn key_is_changed(&self) -> bool {
        match self {
            Self::PrintSlip(_)
            | Self::PrintSecondHalf(_)
            | Self::ConfirmSlip(..)
            | Self::StorePin(_)
            | Self::SetPin(_)
            | Self::ChangePin(_)
            | Self::WhichPin(_)
            | Self::Configure(_)
            | Self::ProvePin(_)
            | Self::MakeIdentity(_)
            | Self::MakePasskey(_)
            | Self::PrintLabel(_)
            | Self::ConfirmLabel(_)
            | Self::KeyBag(_)
            | Self::SlipBag(..)
            | Self::StoreKey(_) => true,
            Self::OneOnly(_, step)
            | Self::CyclePrinter(step)
            | Self::ConfirmAbort(step)
            | Self::AgreeAbort(step) => step.key_is_changed(),
            Self::Trouble { again, .. } => again.key_is_changed(),
            Self::Explain(_, then) | Self::AgreeReason(_, _, then) => then.key_is_changed(),
            _ => false,
        }
    }

    /// Whether something goes to the printer.
    pub(super) fn prints(&self) -> bool {
        matches!(
            self,
            Self::PrintSlip(_) | Self::PrintSecondHalf(_) | Self::PrintLabel(_) | Self::PrintRecord
        )
    }

    /// Whether there is no way past this step but doing it.
    pub(super) fn is_unavoidable(&self) -> bool {
        matches!(
            self,
            Self::PrintRecord | Self::Export | Self::StoreKey(_) | Self::ChangePin(_) | Self::WhichPin(_)
        )
    }

    /// Whether the closing papers have begun.
    pub(super) fn is_closing(&self) -> bool {
        match self {
            Self::PrintRecord | Self::ConfirmRecord | Self::Export | Self::Ended => true,
            Self::Trouble { again, .. } => again.is_closing(),
            Self::CyclePrinter(then) => then.is_closing(),
            _ => false,
        }
    }
}

/// A notice with names of keys.
pub(super) fn names(keys: &[SeenKey]) -> Vec<String> {
    keys.iter().map(|k| k.name.clone()).collect()
}

/// What is said about a slip: a question that nothing else answers.
pub(super) fn erase_question(erasure: &Erasure) -> Question {
    Question::Erase {
        description: erasure.description.clone(),
        account: erasure.account.clone(),
        label: erasure.label.clone(),
        long_touch: erasure.long_touch,
    }
}

/// What is said when a key is done.
pub(super) fn done_notice(pass: Pass, job: &PreparedJob) -> Notice {
    let label = job.job.label.clone();
    match (pass, job.slip) {
        (Pass::Seal, Some(slip)) => Notice::Sealed { label, slip },
        (_, slip) => Notice::Prepared { label, slip },
    }
}
