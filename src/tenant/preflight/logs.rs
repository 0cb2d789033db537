//! The sign-in log: without it a drill has the audit log and somebody's word.

use super::{Findings, Outcome};
use crate::tenant::facts::{Facts, Reading};

pub(super) fn judge(facts: &Facts, findings: &mut Findings) {
    match &facts.sign_in_log {
        Reading::Read(()) => findings.pass("signInLog", "tenant", "The sign-in log can be read."),
        Reading::Hidden(why) => findings.add(
            "signInLog",
            "tenant",
            Outcome::Warning,
            &format!("The sign-in log could not be read ({why}): it needs Entra ID P1 and two permissions."),
            "With the licence, give AuditLog.Read.All and Directory.Read.All; else confirm each drill by hand.",
        ),
    }
}
