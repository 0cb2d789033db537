//! What a transcript line can say. No member can hold a secret: [`crate::secret::Secret`] is not `Serialize`.

use serde::{Deserialize, Serialize};

use crate::id::{Aaguid, BagNumber, CeremonyId, LabelId, SlipNumber, Upn};
use crate::manifest::StationFingerprint;
use crate::manifest::schema::Person;

/// Text from the program, a person or a device: one line, at most 200 characters, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Longest text, in characters.
    pub const MAX: usize = 200;

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
        /// Who takes part.
        people: Vec<Person>,
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
    /// Written before something outside is changed.
    Intended {
        /// What is about to be done.
        effect: Text,
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
        effect: Text,
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
        effect: Text,
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
        /// Its slip.
        slip: SlipNumber,
        /// Its bag.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_bag: Option<BagNumber>,
        /// The slip's bag.
        #[serde(skip_serializing_if = "Option::is_none")]
        slip_bag: Option<BagNumber>,
        /// Short fingerprint of its identity credential.
        fingerprint: Text,
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
    },
}
