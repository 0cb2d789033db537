//! The role Global Administrator: after the keys, active, and without an end.

use super::{Findings, Outcome};
use crate::graph::{GLOBAL_ADMINISTRATOR, RoleSchedule};
use crate::tenant::facts::{Facts, Found, Reading};

fn is_administrator(role: Option<&str>) -> bool {
    role.is_some_and(|r| r.eq_ignore_ascii_case(GLOBAL_ADMINISTRATOR))
}

pub(super) fn judge(facts: &Facts, findings: &mut Findings) {
    for account in &facts.accounts {
        let Some(found) = &account.found else { continue };
        one(&account.wanted.name, found, findings);
    }
}

fn one(name: &str, found: &Found, findings: &mut Findings) {
    let check = "role";
    let Reading::Read(roles) = &found.roles else {
        findings.add(
            check,
            name,
            Outcome::NotChecked,
            "Its roles could not be read.",
            "Look by hand, or give the permission RoleManagement.Read.Directory.",
        );
        return;
    };
    let assigned = roles
        .iter()
        .any(|r| is_administrator(r.role_definition_id.as_deref()));
    let keys = found.passkeys.value().map(Vec::len);
    match (assigned, keys) {
        (false, Some(0) | None) => {
            findings.pass(check, name, "It has no role yet: the role comes after the keys.");
            return;
        }
        (false, Some(_)) => {
            findings.add(
                check,
                name,
                Outcome::Warning,
                "It has passkeys and is not Global Administrator.",
                "Assign the role when every key of the account is proven.",
            );
            return;
        }
        (true, Some(0)) => findings.add(
            check,
            name,
            Outcome::Warning,
            "It is Global Administrator and has no passkey: its password alone guards it.",
            "Register its keys at once; the next time, assign the role after them.",
        ),
        (true, _) => findings.pass(check, name, "It is Global Administrator."),
    }
    let check = "rolePermanent";
    match &found.schedules {
        Reading::Hidden(why) => findings.add(
            check,
            name,
            Outcome::NotChecked,
            &format!("Whether the role is permanent could not be read ({why})."),
            "Without Entra ID P2 each assignment is permanent; else look by hand.",
        ),
        Reading::Read(schedules) => {
            let permanent = |s: &RoleSchedule| {
                is_administrator(s.role_definition_id.as_deref())
                    && s.end_date_time.is_none()
                    && s.assignment_type
                        .as_deref()
                        .is_none_or(|t| t.eq_ignore_ascii_case("assigned"))
            };
            if schedules.iter().any(permanent) {
                findings.pass(check, name, "The role is active and has no end.");
            } else {
                findings.add(
                    check,
                    name,
                    Outcome::Failure,
                    "The role ends, or must be activated: in an emergency nobody may be there to do that.",
                    "Assign Global Administrator as active and permanent.",
                );
            }
        }
    }
}
