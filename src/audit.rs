//! What an auditor checks, later and elsewhere: whether transcript, manifest and paper record agree.
//!
//! Pure: files come in as bytes, and every question that was asked comes out as a [`Check`]. A transcript alone
//! can be written anew by whoever holds it; it counts only against the head on the signed paper record.

pub mod account;
pub mod agreement;
pub mod content;
pub mod order;
pub mod paper;

use serde::Serialize;

pub use account::Account;
pub use paper::Paper;

/// What a check is about. The order is that of weight: the first that fails names the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Each line of the transcript holds the hash of the line before.
    Chain,
    /// The paper record against the files.
    Paper,
    /// Manifest and transcript against each other.
    Agreement,
    /// The manifest's content against itself.
    Content,
    /// The order of the ceremony, as the transcript tells it.
    Order,
    /// Whether the transcript reaches the end of a ceremony.
    End,
}

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub area: Area,
    /// What was asked, as a noun.
    pub subject: String,
    /// Whether it holds.
    pub holds: bool,
    /// What was found, as a clause.
    pub found: String,
}

/// The answers to everything that was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Each question.
    pub checks: Vec<Check>,
    /// What is no fault, and should be known.
    pub remarks: Vec<String>,
}

impl Report {
    /// The gravest area in which something does not hold.
    #[must_use]
    pub fn failed(&self) -> Option<Area> {
        self.checks.iter().filter(|c| !c.holds).map(|c| c.area).min()
    }

    /// Notes an answer.
    pub fn check(&mut self, area: Area, subject: &str, holds: bool, found: impl Into<String>) {
        self.checks.push(Check {
            area,
            subject: subject.to_owned(),
            holds,
            found: found.into(),
        });
    }

    /// Notes whether two facts are one.
    fn compare(&mut self, area: Area, subject: &str, a: (&str, &str), b: (&str, &str)) {
        let holds = a.1 == b.1;
        let found = if holds {
            format!("{} in {} and {}", a.1, a.0, b.0)
        } else {
            format!("{} has {:?}, {} has {:?}", a.0, a.1, b.0, b.1)
        };
        self.check(area, subject, holds, found);
    }

    /// Notes something that is no fault.
    pub fn remark(&mut self, text: impl Into<String>) {
        self.remarks.push(text.into());
    }
}
