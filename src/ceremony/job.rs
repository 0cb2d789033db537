//! What a ceremony is to do, and what became of it.

use crate::id::{BagNumber, LabelId, SlipNumber, Upn};
use crate::manifest::schema::PinCustody;

/// One key to prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Label it gets.
    pub label: LabelId,
    /// Account it is for.
    pub account: Upn,
    /// Its place among the keys of the account, from 1.
    pub place: u8,
    /// Who will keep it.
    pub custodian: Option<String>,
    /// Where it will be kept.
    pub safe: Option<String>,
}

/// What is done to each key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is reset and prepared, in the order of the plan.
    Prepare,
    /// Its transport PIN is replaced, whichever key comes (second pass of custody `rotate`).
    Seal,
}

/// The rules of a ceremony, from its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting of the plan")]
pub struct Rules {
    /// What is done to each key.
    pub pass: Pass,
    /// Where PINs are kept.
    pub custody: PinCustody,
    /// Whether each slip is printed in two halves.
    pub split_slips: bool,
    /// Whether bag numbers are asked for.
    pub bags: bool,
    /// Whether the plan has settings for keys.
    pub configures: bool,
    /// Whether each key makes a passkey by creation options.
    pub passkeys: bool,
}

/// A key that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedJob {
    /// What was to be prepared.
    pub job: Job,
    /// Slip with its PIN; none in custody `rotate`.
    pub slip: Option<SlipNumber>,
    /// Bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Bags of the slip: one, or one for each half.
    pub slip_bags: Vec<BagNumber>,
    /// Short fingerprint of its identity credential.
    pub fingerprint: String,
}

/// A key that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedKey {
    /// Label it would have got.
    pub label: LabelId,
    /// Why.
    pub reason: String,
}
