//! What a ceremony wants done.

use super::event::{Failure, SeenKey};
use super::team::Member;
use crate::id::{LabelId, SlipNumber, Upn};
use crate::transcript::{Act, Entry};

/// One thing to do. Work and questions stand last in a list of effects and are answered by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Tell the people.
    Tell(Notice),
    /// Ask; answered by `Event::Answered`.
    Ask(Question),
    /// The question last asked no longer stands: what is typed now answers nothing.
    Withdraw,
    /// Do something outside; answered by `Event::Done` or `Event::Failed`.
    Do(Work),
    /// Add to the transcript.
    Record(Entry),
    /// Forget the PIN drawn last: no key will have it.
    ForgetPin,
    /// Remove the PINs of this key, which is sealed, from memory and stick.
    ForgetStored(LabelId),
    /// The ceremony is over.
    End(Ending),
}

/// How a ceremony is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Record and manifest are out.
    Finished,
    /// It goes on another time.
    Paused,
}

/// Something done outside, journalled before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Ask the key on this port what it is; nothing is changed.
    Identify(SeenKey),
    /// Reset the key, which has just been put back.
    Reset(SeenKey),
    /// Draw a new PIN and print it on this slip, or its first half.
    PrintSlip(SlipNumber),
    /// Print the second half of the PIN.
    PrintSecondHalf(SlipNumber),
    /// Draw a new PIN where none is printed, and write the one in memory to the stick, encrypted.
    StorePin,
    /// Give the key its PIN, which is on this slip or on the stick.
    SetPin(SeenKey, Option<SlipNumber>),
    /// Apply the plan's settings.
    Configure(SeenKey),
    /// Have the key accept its PIN once more.
    ProvePin(SeenKey),
    /// Have the key make its identity credential.
    MakeIdentity(SeenKey),
    /// Have the key make the passkey that the creation options ask for.
    MakePasskey(SeenKey),
    /// Print the label of the key in hand.
    PrintLabel(LabelId),
    /// Write what is known of the key in hand to the stick.
    StoreKey,
    /// Replace the transport PIN by the PIN on this slip.
    ChangePin(SeenKey, SlipNumber),
    /// Find out which PIN is in force after a change that may or may not have been done.
    WhichPin(SeenKey, SlipNumber),
    /// Print the ceremony record.
    PrintRecord,
    /// Sign, encrypt and write the manifest, close the transcript, read both back.
    Export,
}

impl Work {
    /// What it is called in the transcript.
    #[must_use]
    pub fn act(&self) -> Act {
        match self {
            Self::Identify(_) => Act::Identify,
            Self::Reset(_) => Act::Reset,
            Self::PrintSlip(_) => Act::PrintSlip,
            Self::PrintSecondHalf(_) => Act::PrintSecondHalf,
            Self::StorePin => Act::StorePin,
            Self::SetPin(..) => Act::SetPin,
            Self::Configure(_) => Act::Configure,
            Self::ProvePin(_) => Act::ProvePin,
            Self::MakeIdentity(_) => Act::MakeIdentity,
            Self::MakePasskey(_) => Act::MakePasskey,
            Self::PrintLabel(_) => Act::PrintLabel,
            Self::StoreKey => Act::StoreKey,
            Self::ChangePin(..) => Act::ChangePin,
            Self::WhichPin(..) => Act::WhichPin,
            Self::PrintRecord => Act::PrintRecord,
            Self::Export => Act::Export,
        }
    }

    /// The slip it is about.
    #[must_use]
    pub fn slip(&self) -> Option<SlipNumber> {
        match self {
            Self::PrintSlip(slip)
            | Self::PrintSecondHalf(slip)
            | Self::ChangePin(_, slip)
            | Self::WhichPin(_, slip) => Some(*slip),
            Self::SetPin(_, slip) => *slip,
            _ => None,
        }
    }

    /// The key it is done to.
    #[must_use]
    pub fn key(&self) -> Option<&SeenKey> {
        match self {
            Self::Identify(key)
            | Self::Reset(key)
            | Self::SetPin(key, _)
            | Self::Configure(key)
            | Self::ProvePin(key)
            | Self::MakeIdentity(key)
            | Self::MakePasskey(key)
            | Self::ChangePin(key, _)
            | Self::WhichPin(key, _) => Some(key),
            _ => None,
        }
    }
}

/// Which part of a PIN a paper holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The first half.
    First,
    /// The second half.
    Second,
}

/// What the people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Who sits at the station.
    Seated {
        /// Officer.
        officer: String,
        /// Witness.
        witness: String,
    },
    /// What an earlier start of this ceremony left: a paragraph.
    Found(String),
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
    /// Put in any key whose PIN is to be replaced.
    PutInAnyOf {
        /// How many are left.
        left: usize,
        /// How many there are.
        of: usize,
    },
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
    /// The printer has taken the slip and says that it is out of paper.
    PaperForSlip,
    /// The printer may hold the page of this void slip: switch it off.
    SwitchPrinterOff(SlipNumber),
    /// The printer is off: switch it on, or connect another one.
    SwitchPrinterOn,
    /// What was typed does not fit.
    NotUnderstood(String),
    /// The key is prepared; take it out and put it into its bag.
    Prepared {
        /// Label.
        label: LabelId,
        /// Slip; none in custody `rotate`.
        slip: Option<SlipNumber>,
    },
    /// The key's PIN is replaced; take it out.
    Sealed {
        /// Label.
        label: LabelId,
        /// Slip.
        slip: SlipNumber,
    },
    /// The key was put aside.
    PutAside(LabelId),
    /// The ceremony will stop when the key in hand is finished.
    PauseLater,
    /// A pause is not possible here.
    NoPause,
    /// It goes on another time.
    Paused,
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
        /// Whether the ceremony was broken off.
        aborted: bool,
    },
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// Who is the officer?
    Officer(Vec<Member>),
    /// Who is the witness?
    Witness(Vec<Member>),
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
    /// Does the witness agree?
    Agree {
        /// To what, as a sentence.
        to: String,
        /// Who is asked.
        witness: Member,
    },
    /// Did the slip come out whole?
    SlipWhole(SlipNumber, Part),
    /// Try again? No puts the key aside.
    TryAgain,
    /// Try again? There is no other way on.
    Retry,
    /// Why did this happen?
    Reason {
        /// Number of the exception.
        number: u32,
        /// What happened, as a sentence.
        what: String,
    },
    /// Label id, scanned or typed from the label on the key.
    Label(LabelId),
    /// Number of the key's bag.
    KeyBag,
    /// Number of a slip's bag.
    SlipBag(Part),
    /// Did the record come out whole?
    RecordWhole,
    /// Break the ceremony off?
    Abort {
        /// Keys prepared so far.
        prepared: usize,
        /// Keys not prepared.
        left: usize,
    },
}
