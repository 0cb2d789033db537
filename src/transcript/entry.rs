//! What a transcript line can say. No member can hold a secret: [`crate::secret::Secret`] is not `Serialize`.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::id::{Aaguid, BagNumber, CeremonyId, LabelId, SlipNumber, Upn};
use crate::manifest::StationFingerprint;
use crate::manifest::schema::{Person, PinCustody, Role};

/// Text from the program, a person or a device: one line, at most 400 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Longest text, in characters.
    pub const MAX: usize = 400;

    /// Cuts and cleans a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(
            text.chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .take(Self::MAX)
                .collect(),
        )
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Something done outside, journalled before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// Asking a key what it is.
    Identify,
    /// Erasing a key.
    Reset,
    /// Printing a slip, or its first half.
    PrintSlip,
    /// Printing the second half of a split slip.
    PrintSecondHalf,
    /// Writing a PIN to the stick, encrypted, before a key gets it (custody `rotate`).
    StorePin,
    /// Giving a key its first PIN.
    SetPin,
    /// Applying the plan's settings to a key.
    Configure,
    /// Having a key accept its PIN once more.
    ProvePin,
    /// Making the identity credential.
    MakeIdentity,
    /// Making the passkey that the tenant's creation options ask for.
    MakePasskey,
    /// Printing a label.
    PrintLabel,
    /// Writing a prepared key's data to the stick.
    StoreKey,
    /// Replacing a PIN by another one.
    ChangePin,
    /// Finding out which of two PINs is in force.
    WhichPin,
    /// Printing the ceremony record.
    PrintRecord,
    /// Writing manifest and transcript.
    Export,
}

/// What makes an exception, which both people explain on the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExceptionKind {
    /// A slip was spoiled, or nobody can tell whether it was printed.
    SlipVoided,
    /// A key was put aside.
    KeyRejected,
    /// The ceremony was taken up again after a power cut or a crash.
    Restart,
    /// The ceremony was broken off.
    Abort,
    /// A PIN was typed where something else was asked for.
    PinTyped,
    /// A registered key could not be given its final PIN (second pass of custody `rotate`).
    KeyNotProven,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// The ceremony began.
    Started {
        /// Its id.
        ceremony: CeremonyId,
        /// Title from the plan.
        title: Text,
        /// SHA-256 of the plan file.
        plan_sha256: String,
        /// Fingerprint of the key that will sign the manifest.
        station: StationFingerprint,
        /// Version of the program.
        version: Text,
        /// Where PINs are kept.
        custody: PinCustody,
        /// Who takes part.
        people: Vec<Person>,
    },
    /// One key of the plan, with the label that was drawn for it.
    Planned {
        /// Label.
        label: LabelId,
        /// Account.
        account: Upn,
        /// Its place among the keys of the account, from 1.
        place: u8,
        /// Who will keep it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        custodian: Option<Text>,
        /// Where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        safe: Option<Text>,
    },
    /// Who sits at the station from here on.
    Present {
        /// Officer.
        officer: Text,
        /// Witness.
        witness: Text,
    },
    /// The ceremony was stopped between two keys, to go on later.
    Paused,
    /// The ceremony was taken up again from the stick.
    Resumed {
        /// Fingerprint of the new key that will sign the manifest: the old one was in memory only.
        station: StationFingerprint,
        /// Version of the program.
        version: Text,
        /// False after a pause, true after a power cut or a crash.
        cut: bool,
        /// Bytes of an unfinished last line that were dropped.
        torn: u64,
        /// What is known of the key that was in hand, as a sentence.
        found: Text,
    },
    /// Something out of the ordinary, explained.
    Exception {
        /// Running number from 1.
        number: u32,
        /// What it is.
        kind: ExceptionKind,
        /// The key concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<LabelId>,
        /// The slip concerned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slip: Option<SlipNumber>,
        /// What happened, by the program.
        what: Text,
        /// Why, as a person typed it.
        reason: Text,
    },
    /// One check of the self-test.
    SelfTest {
        /// What was checked.
        check: Text,
        /// Whether it held.
        passed: bool,
        /// What was found.
        found: Text,
    },
    /// Creation options were read from the stick: every key gets a passkey (route air-gapped).
    CreationOptions {
        /// SHA-256 of the file.
        sha256: String,
        /// The tenant that issued them.
        tenant: Text,
        /// When the first challenge ends, UTC.
        #[serde(with = "time::serde::rfc3339")]
        expires: OffsetDateTime,
    },
    /// A USB device was not let in.
    UsbRefused {
        /// What it calls itself over USB.
        device: Text,
        /// USB port.
        port: Text,
        /// Why.
        reason: Text,
    },
    /// The officer set the station's clock: among the lines of a self-test before the start they belong to, else now.
    ClockSet {
        /// What it showed, UTC.
        #[serde(with = "time::serde::rfc3339")]
        was: OffsetDateTime,
        /// What it shows from here on, UTC.
        #[serde(with = "time::serde::rfc3339")]
        to: OffsetDateTime,
    },
    /// Written before something outside is changed.
    Intended {
        /// What is about to be done.
        effect: Act,
        /// The key concerned, by its label.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<LabelId>,
        /// The slip concerned.
        #[serde(skip_serializing_if = "Option::is_none")]
        slip: Option<SlipNumber>,
    },
    /// Written after it was done.
    Done {
        /// What was done.
        effect: Act,
        /// The key concerned, by its label.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<LabelId>,
        /// The slip concerned.
        #[serde(skip_serializing_if = "Option::is_none")]
        slip: Option<SlipNumber>,
        /// What came of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        result: Option<Text>,
    },
    /// Written after it failed.
    Failed {
        /// What was tried.
        effect: Act,
        /// The key concerned, by its label.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<LabelId>,
        /// The slip concerned.
        #[serde(skip_serializing_if = "Option::is_none")]
        slip: Option<SlipNumber>,
        /// Why.
        reason: Text,
    },
    /// A person decided something.
    Answered {
        /// The question.
        question: Text,
        /// The answer.
        answer: Text,
        /// Who answered; nobody is named where either may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Role>,
    },
    /// A key was identified.
    KeyIdentified {
        /// The label it will get.
        label: LabelId,
        /// The account it is for.
        account: Upn,
        /// Its model number.
        aaguid: Aaguid,
        /// What it calls itself over USB.
        product: Text,
        /// USB port.
        port: Text,
    },
    /// A slip's number is not in use: it was spoiled, or its key was not finished.
    SlipVoided {
        /// The number.
        slip: SlipNumber,
        /// Why.
        reason: Text,
    },
    /// A printer may hold the page of a slip that is about to be void: it is switched off and on before it prints again.
    PrinterDoubt {
        /// The slip.
        slip: SlipNumber,
    },
    /// That printer was gone from the bus, and one is there again.
    PrinterCycled {
        /// The slip.
        slip: SlipNumber,
    },
    /// A key was put aside.
    KeyRejected {
        /// The label it would have got.
        label: LabelId,
        /// Why.
        reason: Text,
    },
    /// A key is prepared and proven.
    KeyPrepared {
        /// Its label.
        label: LabelId,
        /// Its slip; none in custody `rotate`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slip: Option<SlipNumber>,
        /// Its bag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_bag: Option<BagNumber>,
        /// The slip's bag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slip_bag: Option<BagNumber>,
        /// The bag of the second half of a split slip.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        second_slip_bag: Option<BagNumber>,
        /// Short fingerprint of its identity credential.
        fingerprint: Text,
    },
    /// The second pass of custody `rotate` began.
    SealingStarted {
        /// Fingerprint of the key of this pass.
        station: StationFingerprint,
        /// Version of the program.
        version: Text,
    },
    /// A key's transport PIN was replaced by the PIN on a slip, and proven (custody `rotate`).
    KeySealed {
        /// Its label.
        label: LabelId,
        /// The slip.
        slip: SlipNumber,
        /// The key's new bag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_bag: Option<BagNumber>,
        /// The slip's bag.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        slip_bag: Option<BagNumber>,
        /// The bag of the second half.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        second_slip_bag: Option<BagNumber>,
    },
    /// The manifest was written and read back.
    ManifestWritten {
        /// SHA-256 of the file.
        sha256: String,
        /// Its length.
        bytes: u64,
    },
    /// The ceremony ended.
    Ended {
        /// Keys prepared.
        prepared: u32,
        /// Keys put aside.
        rejected: u32,
        /// Slips sent to the printer.
        slips_printed: u32,
        /// Slips voided.
        slips_voided: u32,
        /// Numbered exceptions.
        #[serde(default)]
        exceptions: u32,
        /// Whether the ceremony was broken off.
        #[serde(default)]
        aborted: bool,
    },
}
