//! What can happen to a ceremony.

use crate::id::{BagNumber, LabelId};

/// Something that happened outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The security keys plugged in right now: sent after every change, and before the result of work.
    KeysSeen(Vec<SeenKey>),
    /// The printers there are right now: sent first of all, after every change, and before the result of work.
    PrintersSeen(Vec<SeenPrinter>),
    /// The work last asked for is done.
    Done(Outcome),
    /// The work last asked for failed.
    Failed(Failure),
    /// The question last asked was answered.
    Answered(Answer),
    /// Somebody wants to leave the order of things.
    Wanted(Wish),
    /// The PIN in memory was typed instead of an answer; the answer was withheld.
    PinTyped,
}

/// What can be wished for at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To go on another time.
    Pause,
    /// To break the ceremony off.
    Abort,
}

/// A security key as the bus shows it, before anybody talks to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    /// USB port, which stays the same when a key is taken out and put back.
    pub port: String,
    /// Bus and device number, which change at every plug-in.
    pub device: (u16, u16),
    /// What it calls itself; a note, never an identity.
    pub name: String,
}

/// A printer as the bus shows it: bus and device number, others after each plug-in and each time it is switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenPrinter(pub u16, pub u16);

/// What a printer says of itself when it has taken a page; only people know what came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterPage {
    /// It gives no status.
    Silent,
    /// Nothing is wrong.
    Well,
    /// There is no paper.
    OutOfPaper,
    /// Something else is wrong: off line, a cover, a jam.
    Trouble,
}

impl AfterPage {
    /// Whether it may have printed the page; many printers say nothing at all.
    #[must_use]
    pub fn is_well(self) -> bool {
        matches!(self, Self::Silent | Self::Well)
    }
}

/// What came of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The key told its model; the text describes it for people.
    Identified {
        /// Model, versions and PIN state in one line.
        description: String,
        /// True when the key wants a long touch for a reset.
        long_touch: bool,
        /// True when somebody uses or used the key: both people decide.
        in_use: bool,
    },
    /// The key is this one, prepared earlier (second pass of custody `rotate`).
    Recognised(LabelId),
    /// The key is reset.
    Reset,
    /// All bytes of the slip went to the printer.
    SlipPrinted(AfterPage),
    /// All bytes of the second half went to the printer.
    SecondHalfPrinted(AfterPage),
    /// The PIN is on the stick, encrypted.
    PinStored,
    /// The key has its PIN.
    PinSet,
    /// The key has the plan's settings.
    Configured,
    /// The key accepted its PIN again.
    PinProven,
    /// The key made its identity credential.
    IdentityMade {
        /// Short fingerprint of the credential's public key.
        fingerprint: String,
    },
    /// The key made the passkey.
    PasskeyMade {
        /// Its credential id, base64url.
        credential: String,
    },
    /// All bytes of the label went to the printer.
    LabelPrinted,
    /// All bytes of the record went to the printer.
    RecordPrinted,
    /// The key's data is on the stick.
    KeyStored,
    /// The key has another PIN.
    PinChanged,
    /// Which PIN is in force.
    PinInForce {
        /// True when it is the new one.
        new: bool,
    },
    /// Manifest and transcript are on the stick and were read back.
    Exported,
}

/// Why work failed, in words for people, and as what the state machine has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the state machine decides by.
    pub kind: FailureKind,
    /// What happened, as a sentence.
    pub text: String,
    /// What to do now, as a sentence.
    pub hint: String,
}

/// Kinds of failure that lead to different next steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The key was taken out.
    Vanished,
    /// More than one security key is plugged in.
    SeveralKeys,
    /// The reset came too late after plugging in.
    WindowPassed,
    /// Nobody touched the key in time.
    NoTouch,
    /// The key was already prepared in this ceremony, or is none that is expected.
    AlreadyPrepared,
    /// The key refuses PINs like this one: another may do.
    PinRefused,
    /// It is certain that nothing was printed.
    NothingPrinted,
    /// Anything else: the officer decides.
    Other,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Yes, erase; yes, the paper is whole; try again.
    Yes,
    /// Not this key; the paper is spoiled; put the key aside.
    No,
    /// Text typed or scanned.
    Text(String),
}

/// A bag number, or none where the officer has no bag at hand.
pub(crate) fn bag(text: &str) -> Result<Option<BagNumber>, String> {
    match text.trim() {
        "" | "-" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|e: crate::id::IdError| e.to_string()),
    }
}
