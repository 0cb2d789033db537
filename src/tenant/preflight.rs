//! Whether a tenant is ready for a registration: every finding, with what to change. Pure; it reads [`Facts`].
//!
//! Where the registration would stop, the finding says it in the words of the registration (`rules`).

mod access;
mod accounts;
mod group;
mod interruptions;
mod logs;
mod methods;
mod roles;

use serde::Serialize;

use super::facts::{Facts, Question};
use super::rules::{self, Condition};
use crate::graph::Mark;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It stops a registration, or makes the account unfit for an emergency.
    Failure,
    /// It may be meant so; somebody looks at it.
    Warning,
    /// It could not be read: somebody does it by hand.
    NotChecked,
    /// It is as it must be.
    Pass,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which check; a fixed word.
    pub check: &'static str,
    /// The account, group or policy it is about.
    pub subject: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What was found, as a sentence.
    pub found: String,
    /// What to change, as a sentence; nothing to change where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<String>,
}

/// Collects findings.
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, check: &'static str, subject: &str, outcome: Outcome, found: &str, change: &str) {
        self.0.push(Finding {
            check,
            subject: subject.to_owned(),
            outcome,
            found: found.to_owned(),
            change: (!change.is_empty()).then(|| change.to_owned()),
        });
    }

    fn pass(&mut self, check: &'static str, subject: &str, found: &str) {
        self.add(check, subject, Outcome::Pass, found, "");
    }

    /// A condition of the registration: its words where it is not met, `good` where it is.
    fn rule<T>(
        &mut self,
        check: &'static str,
        subject: &str,
        result: Result<T, Condition>,
        good: &str,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.pass(check, subject, good);
                Some(value)
            }
            Err(Condition { what, hint }) => {
                self.add(check, subject, Outcome::Failure, &what, &hint);
                None
            }
        }
    }
}

/// Judges a tenant; the findings are in the order in which somebody would put things right.
#[must_use]
pub fn judge(question: &Question, facts: &Facts) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    tenant(question, facts, &mut findings);
    accounts::judge(facts, &mut findings);
    group::judge(question, facts, &mut findings);
    methods::judge(question, facts, &mut findings);
    interruptions::judge(facts, &mut findings);
    access::judge(facts, &mut findings);
    roles::judge(facts, &mut findings);
    logs::judge(facts, &mut findings);
    findings.0
}

fn tenant(question: &Question, facts: &Facts, findings: &mut Findings) {
    let organization = &facts.organization;
    let result = match question.rehearsal {
        Some(rehearsal) => rules::tenant(rehearsal, question.planned_tenant.as_deref(), organization),
        None if organization.mark == Mark::Partial => rules::half_marked(),
        None => Ok(()),
    };
    let good = if organization.mark == Mark::Present {
        "It is a sandbox tenant."
    } else {
        "It is the tenant that was asked for."
    };
    findings.rule("tenant", &organization.id, result, good);
}
