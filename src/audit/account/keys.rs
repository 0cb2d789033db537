//! What became of each key.

use serde::Serialize;
use time::OffsetDateTime;

use crate::id::{Aaguid, BagNumber, LabelId, SlipNumber, Upn};
use crate::transcript::{Entry, ReadLine, Tally};

/// What became of a key of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is prepared.
    Prepared,
    /// Its transport PIN was replaced by the one on the slip.
    Sealed,
    /// It was being worked on when the transcript ends.
    InHand,
    /// No key was prepared for this label.
    Missing,
}

/// One key of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyAccount {
    /// Label.
    pub label: LabelId,
    /// Account.
    pub account: Option<Upn>,
    /// Its place among the keys of the account, from 1.
    pub place: u8,
    /// Who keeps it.
    pub custodian: Option<String>,
    /// Where.
    pub safe: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was prepared, UTC.
    #[serde(with = "time::serde::rfc3339::option")]
    pub prepared: Option<OffsetDateTime>,
    /// Model number.
    pub aaguid: Option<Aaguid>,
    /// What it calls itself.
    pub product: Option<String>,
    /// Slip.
    pub slip: Option<SlipNumber>,
    /// Bags of the slip.
    pub slip_bags: Vec<BagNumber>,
    /// Bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Short fingerprint of its identity credential.
    pub fingerprint: Option<String>,
}

/// What became of each planned key, and of any that was not planned.
pub(super) fn of(lines: &[ReadLine], tally: &Tally) -> Vec<KeyAccount> {
    let mut keys: Vec<KeyAccount> = Vec::new();
    for plan in &tally.planned {
        let in_hand = tally.in_hand.as_ref().is_some_and(|h| h.label == plan.label);
        keys.push(KeyAccount {
            account: Some(plan.account.clone()),
            place: plan.place,
            custodian: plan.custodian.as_ref().map(|t| t.as_str().to_owned()),
            safe: plan.safe.as_ref().map(|t| t.as_str().to_owned()),
            outcome: if in_hand {
                Outcome::InHand
            } else {
                Outcome::Missing
            },
            ..missing(&plan.label)
        });
    }
    let mut model = None;
    for line in lines {
        match &line.entry {
            Entry::KeyIdentified {
                label,
                account,
                aaguid,
                product,
                ..
            } => model = Some((label, account, *aaguid, product)),
            Entry::KeyPrepared { label, .. } => {
                let index = keys.iter().position(|k| k.label == *label).unwrap_or_else(|| {
                    keys.push(missing(label));
                    keys.len() - 1
                });
                let key = &mut keys[index];
                key.prepared = Some(line.time);
                if let Some((_, account, aaguid, product)) = model.take().filter(|m| m.0 == label) {
                    key.account.get_or_insert_with(|| account.clone());
                    key.aaguid = Some(aaguid);
                    key.product = Some(product.as_str().to_owned());
                }
            }
            _ => {}
        }
    }
    for line in &tally.prepared {
        if let Some(key) = keys.iter_mut().find(|k| k.label == line.label) {
            key.outcome = if line.is_sealed {
                Outcome::Sealed
            } else {
                Outcome::Prepared
            };
            key.slip = line.slip;
            key.slip_bags.clone_from(&line.slip_bags);
            key.key_bag.clone_from(&line.key_bag);
            key.fingerprint = Some(line.fingerprint.as_str().to_owned());
        }
    }
    keys
}

fn missing(label: &LabelId) -> KeyAccount {
    KeyAccount {
        label: label.clone(),
        account: None,
        place: 1,
        custodian: None,
        safe: None,
        outcome: Outcome::Missing,
        prepared: None,
        aaguid: None,
        product: None,
        slip: None,
        slip_bags: Vec::new(),
        key_bag: None,
        fingerprint: None,
    }
}
