//! What the transcript of a broken-off ceremony means for its next start: pure, decided from its sums alone.

use super::job::{Job, Pass, PreparedJob, RejectedKey};
use crate::manifest::schema::PinCustody;
use crate::transcript::tally::{InHand, PlannedLine, PreparedLine, Stage};
use crate::transcript::{Act, Tally};

/// How a ceremony that is found on a stick goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing is left to do.
    Over,
    /// It goes on with its next key or its closing papers.
    GoOn {
        /// False after a pause, true after a power cut or a crash.
        cut: bool,
        /// What is known, for the people: a paragraph.
        found: String,
    },
    /// Its keys wait for the second pass of custody `rotate`.
    Seal {
        /// True after a power cut or a crash of that pass.
        cut: bool,
        /// What is known, for the people: a paragraph.
        found: String,
    },
}

/// Decides how a ceremony goes on.
#[must_use]
pub fn next(tally: &Tally) -> Next {
    let left = tally.prepared.iter().filter(|p| !p.is_sealed).count();
    let rotates = tally.custody == Some(PinCustody::Rotate) && !tally.prepared.is_empty();
    match tally.stage {
        Stage::Ended if rotates => Next::Seal {
            cut: false,
            found: format!(
                "{} keys of this ceremony have a transport PIN. It is replaced now, once they are registered.",
                tally.prepared.len()
            ),
        },
        Stage::Sealed if rotates && left > 0 => Next::Seal {
            cut: false,
            found: format!("{left} keys of this ceremony still have their transport PIN."),
        },
        Stage::Paused | Stage::Sealing if tally.is_second_pass => Next::Seal {
            cut: tally.stage == Stage::Sealing,
            found: second_pass(tally, left),
        },
        Stage::Empty | Stage::Ended | Stage::Sealed | Stage::Sealing => Next::Over,
        Stage::Paused => Next::GoOn {
            cut: false,
            found: format!("The ceremony was paused. {}", progress(tally)),
        },
        Stage::Preparing | Stage::Closing | Stage::Exported => Next::GoOn {
            cut: true,
            found: format!(
                "The station stopped without a pause. {} {}",
                progress(tally),
                found(tally)
            ),
        },
    }
}

fn second_pass(tally: &Tally, left: usize) -> String {
    let how = if tally.stage == Stage::Sealing {
        "The station stopped without a pause"
    } else {
        "The second pass was paused"
    };
    let undecided = tally.undecided.iter().map(|(label, slip)| {
        format!(" The key {label} has its transport PIN or that of slip {slip}: keep that slip until the key was asked.")
    });
    format!(
        "{how}. {left} of {} keys still have their transport PIN.{}",
        tally.prepared.len(),
        undecided.collect::<String>()
    )
}

fn progress(tally: &Tally) -> String {
    format!(
        "{} of {} keys are prepared.",
        tally.prepared.len(),
        tally.planned.len()
    )
}

fn found(tally: &Tally) -> String {
    let Some(hand) = &tally.in_hand else {
        return if tally.prepared.len() == tally.planned.len() && !tally.planned.is_empty() {
            "What is left is the end: record and manifest. A record that is printed already is not valid: destroy it.".into()
        } else {
            "No key was in hand.".into()
        };
    };
    key_in_hand(hand)
}

/// What happened to the key in hand, and what to do with it and its slip.
fn key_in_hand(hand: &InHand) -> String {
    let label = &hand.label;
    let slip = hand.slip.map_or_else(String::new, |slip| {
        format!(" Slip {slip} is void: if it is on paper, both of you see it torn up.")
    });
    let began = |act| hand.done.contains(&act) || hand.open == Some(act);
    if began(Act::MakeIdentity) || began(Act::ProvePin) {
        format!(
            "The key for label {label} has a PIN and was not finished.{slip} Mark the key: it is reset and prepared \
             again, with another PIN."
        )
    } else if hand.may_have_pin() {
        format!(
            "The key for label {label} may have a PIN.{slip} Mark the key: it is reset and prepared again, with \
             another PIN."
        )
    } else if hand.done.contains(&Act::Reset) {
        format!("The key for label {label} is erased and has no PIN.{slip} It is prepared again.")
    } else if began(Act::Reset) {
        format!("The key for label {label} is erased, or as it was before.{slip} It is prepared again.")
    } else {
        format!("The key for label {label} was not changed.{slip}")
    }
}

/// The keys of the plan, with the labels that were drawn for them; in the second pass those that are prepared.
pub(super) fn jobs(tally: &Tally, pass: Pass) -> Vec<Job> {
    let text = |t: &crate::transcript::Text| t.as_str().to_owned();
    let is_wanted =
        |p: &&PlannedLine| pass == Pass::Prepare || tally.prepared.iter().any(|line| line.label == p.label);
    let planned = tally.planned.iter().filter(is_wanted).map(|p| Job {
        label: p.label.clone(),
        account: p.account.clone(),
        place: p.place,
        custodian: p.custodian.as_ref().map(text),
        safe: p.safe.as_ref().map(text),
    });
    planned.collect()
}

/// The keys that are done.
pub(super) fn prepared(tally: &Tally, pass: Pass) -> Vec<PreparedJob> {
    let jobs = jobs(tally, pass);
    let is_done = |line: &&PreparedLine| pass == Pass::Prepare || line.is_sealed;
    let done = tally.prepared.iter().filter(is_done).filter_map(|line| {
        let job = jobs.iter().find(|j| j.label == line.label)?.clone();
        Some(PreparedJob {
            job,
            slip: line.slip,
            key_bag: line.key_bag.clone(),
            slip_bags: line.slip_bags.clone(),
            fingerprint: line.fingerprint.as_str().to_owned(),
        })
    });
    done.collect()
}

/// The keys that were put aside.
pub(super) fn rejected(tally: &Tally) -> Vec<RejectedKey> {
    let rejected = tally.rejected.iter().map(|(label, reason)| RejectedKey {
        label: label.clone(),
        reason: reason.as_str().to_owned(),
    });
    rejected.collect()
}
