//! The group of the accounts: these accounts, all of them, and nobody else.

use super::{Findings, Outcome};
use crate::tenant::facts::{Facts, GroupFacts, Question};

pub(super) fn judge(question: &Question, facts: &Facts, findings: &mut Findings) {
    let Some(group) = &facts.group else {
        let (outcome, found, subject) = match &question.group {
            Some(name) => (
                Outcome::Failure,
                "There is no group of this name, or there is more than one.",
                name.as_str(),
            ),
            None => (
                Outcome::Warning,
                "No policy names a group that holds these accounts.",
                "group",
            ),
        };
        let change =
            "Create a security group for these accounts alone (`glasskey companion setup`), or give its id.";
        findings.add("group", subject, outcome, found, change);
        return;
    };
    let name = group.group.display_name.as_deref().unwrap_or(&group.group.id);
    members(name, group, facts, findings);
    if group.group.is_assignable_to_role == Some(true) {
        findings.pass(
            "groupProtection",
            name,
            "Only privileged administrators change its members.",
        );
    } else {
        findings.add(
            "groupProtection",
            name,
            Outcome::Warning,
            "The group is not role-assignable: whoever manages groups can add members to it.",
            "Use a role-assignable group (needs Entra ID P1; fixed at creation), or watch its membership.",
        );
    }
}

fn members(name: &str, group: &GroupFacts, facts: &Facts, findings: &mut Findings) {
    let found: Vec<_> = facts.accounts.iter().filter_map(|a| a.found.as_ref()).collect();
    let is_member = |id: &str| group.members.iter().any(|m| m.id.eq_ignore_ascii_case(id));
    let missing: Vec<&str> = found
        .iter()
        .filter(|f| !is_member(&f.user.id))
        .map(|f| f.user.user_principal_name.as_str())
        .collect();
    let others: Vec<&str> = group
        .members
        .iter()
        .filter(|m| !found.iter().any(|f| f.user.id.eq_ignore_ascii_case(&m.id)))
        .map(|m| {
            m.user_principal_name
                .as_deref()
                .or(m.display_name.as_deref())
                .unwrap_or(&m.id)
        })
        .collect();
    if missing.is_empty() {
        findings.pass("groupComplete", name, "It holds each of these accounts.");
    } else {
        let found = format!("It does not hold: {}.", missing.join(", "));
        let change = "Add these accounts to the group.";
        findings.add("groupComplete", name, Outcome::Failure, &found, change);
    }
    if others.is_empty() {
        findings.pass("groupExclusive", name, "It holds nobody else.");
    } else {
        let found = format!(
            "It also holds: {}. What is excluded for emergency access is excluded for them.",
            others.join(", ")
        );
        let change =
            "Take them out of the group, or name them with `--account` if they are emergency accounts.";
        findings.add("groupExclusive", name, Outcome::Failure, &found, change);
    }
}
