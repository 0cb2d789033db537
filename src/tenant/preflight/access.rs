//! Conditional Access: which policies take the accounts in. What is right here has changed with the years, so
//! nothing of it is a failure.

use super::{Findings, Outcome};
use crate::graph::{AccessPolicy, AccessUsers, GLOBAL_ADMINISTRATOR, Scope};
use crate::tenant::facts::{Facts, Reading};

/// How a policy takes an account in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// Not at all, or it is excluded.
    Free,
    /// Along with others: by `All`, or by a role.
    Along,
    /// By name, or through a group that it names.
    Named,
}

fn hold(users: &AccessUsers, scope: &Scope) -> Hold {
    let administrator = |roles: &[String]| roles.iter().any(|r| r.eq_ignore_ascii_case(GLOBAL_ADMINISTRATOR));
    let named = |users: &[String], groups: &[String]| users.iter().chain(groups).any(|id| scope.has(id));
    let excluded = named(&users.exclude_users, &users.exclude_groups)
        || users.exclude_users.iter().any(|u| u == "All")
        || administrator(&users.exclude_roles);
    if excluded {
        Hold::Free
    } else if named(&users.include_users, &users.include_groups) {
        Hold::Named
    } else if users.include_users.iter().any(|u| u == "All") || administrator(&users.include_roles) {
        Hold::Along
    } else {
        Hold::Free
    }
}

pub(super) fn judge(facts: &Facts, findings: &mut Findings) {
    let check = "conditionalAccess";
    let policies = match &facts.access {
        Reading::Read(policies) => policies,
        Reading::Hidden(why) => {
            findings.add(
                check,
                "tenant",
                Outcome::NotChecked,
                &format!("Conditional Access policies could not be read ({why})."),
                "Look by hand whether each policy that may block excludes the accounts' group.",
            );
            return;
        }
    };
    for account in &facts.accounts {
        let Some(found) = &account.found else { continue };
        let name = &account.wanted.name;
        let mut free = true;
        for policy in policies {
            free &= !policy_finding(name, policy, &found.scope, findings);
        }
        if free {
            findings.pass(
                check,
                name,
                "No enforced Conditional Access policy takes the account in.",
            );
        }
    }
}

/// Reports on one policy; returns whether it is enforced on the account.
fn policy_finding(name: &str, policy: &AccessPolicy, scope: &Scope, findings: &mut Findings) -> bool {
    let nobody = AccessUsers::default();
    let users = policy.conditions.as_ref().and_then(|c| c.users.as_ref());
    let hold = hold(users.unwrap_or(&nobody), scope);
    let title = &policy.display_name;
    let check = "conditionalAccess";
    match (policy.state.as_deref(), hold) {
        (_, Hold::Free) | (Some("disabled"), _) => false,
        (Some("enabled"), Hold::Along) => {
            findings.add(
                check,
                name,
                Outcome::Warning,
                &format!("The policy {title:?} is enforced and takes the account in along with others."),
                "Microsoft's advice of 2026 is to exclude emergency accounts from each policy that may block; in \
                 2025 it asked for phishing-resistant MFA instead, which a key satisfies. Exclude the group, or \
                 make sure that the policy cannot lock it out.",
            );
            true
        }
        (Some("enabled"), Hold::Named) => {
            findings.pass(
                check,
                name,
                &format!("The policy {title:?} names the account or its group itself: taken as meant so."),
            );
            true
        }
        _ => {
            findings.pass(
                check,
                name,
                &format!("The policy {title:?} takes the account in, but only reports."),
            );
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn exclusion_wins_and_a_role_counts_as_the_one_to_come() {
        let scope = Scope::new("u", vec!["g".into()]);
        for (users, expected) in [
            (json!({"includeUsers": ["All"]}), Hold::Along),
            (
                json!({"includeUsers": ["All"], "excludeGroups": ["G"]}),
                Hold::Free,
            ),
            (
                json!({"includeUsers": ["All"], "excludeUsers": ["U"]}),
                Hold::Free,
            ),
            (
                json!({"includeUsers": ["All"], "excludeGroups": ["other"]}),
                Hold::Along,
            ),
            (json!({"includeGroups": ["g"]}), Hold::Named),
            (json!({"includeUsers": ["u"]}), Hold::Named),
            (json!({"includeRoles": [GLOBAL_ADMINISTRATOR]}), Hold::Along),
            (
                json!({"includeUsers": ["All"], "excludeRoles": [GLOBAL_ADMINISTRATOR]}),
                Hold::Free,
            ),
            (json!({"includeUsers": ["None"]}), Hold::Free),
            (json!({}), Hold::Free),
        ] {
            let read: AccessUsers = serde_json::from_value(users.clone()).unwrap();
            assert_eq!(hold(&read, &scope), expected, "{users}");
        }
    }
}
