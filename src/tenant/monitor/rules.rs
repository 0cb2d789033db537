//! What is to be noticed, as queries in the language of Azure Monitor Logs (KQL).

use super::{Guid, Watched};

/// Entries come late: a query looks at what arrived since it ran last, and twice as far back to miss none.
const ARRIVED: &str = "| where ingestion_time() > ago(10m)\n";

/// Something that must be noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name for files and resources: small letters and hyphens.
    pub name: &'static str,
    /// Title of the alarm.
    pub title: &'static str,
    /// What to do when it comes.
    pub description: &'static str,
    /// What an attacker would be doing (MITRE ATT&CK tactics).
    pub tactics: &'static [&'static str],
    /// The query; a row is an alarm.
    pub query: String,
}

/// Every rule for these accounts.
#[must_use]
pub fn rules(watched: &Watched) -> Vec<Rule> {
    let accounts = list(watched.accounts.iter().map(|(_, id)| id));
    let objects = list(watched.accounts.iter().map(|(_, id)| id).chain(&watched.group));
    vec![
        Rule {
            name: "emergency-sign-in",
            title: "Emergency account: sign-in",
            description: "Somebody signed in, or tried to, with an emergency account. Outside a drill that was announced: \
                          treat it as an incident. After a real emergency: change the PINs and seal new slips.",
            tactics: &["InitialAccess", "PrivilegeEscalation"],
            query: sign_ins(&accounts),
        },
        Rule {
            name: "emergency-methods",
            title: "Emergency account: sign-in methods changed",
            description: "A security key or another method was added to an emergency account, deleted or changed. Compare \
                          with the inventory, and prove the keys by touch.",
            tactics: &["Persistence", "CredentialAccess"],
            query: audit(
                &accounts,
                "LoggedByService =~ \"Authentication Methods\" or OperationName has \"security info\" or OperationName has \"Passkey\"",
                "",
            ),
        },
        Rule {
            name: "emergency-pass",
            title: "Emergency account: Temporary Access Pass",
            description: "A Temporary Access Pass was created for an emergency account, or deleted. Whoever knows it can \
                          register a key of their own. Outside a registration: delete it, and revoke the sessions.",
            tactics: &["Persistence", "CredentialAccess"],
            query: audit(
                &accounts,
                "OperationName has \"security info\"",
                "| where ResultReason has \"temporary access pass\" or tostring(AdditionalDetails) has \"temporary access pass\" or tostring(TargetResources) has \"temporary access pass\"\n",
            ),
        },
        Rule {
            name: "emergency-roles",
            title: "Emergency account: roles changed",
            description: "A role was given to an emergency account or taken from it. Without Global Administrator it is of \
                          no use in an emergency: run the preflight.",
            tactics: &["PrivilegeEscalation", "Impact"],
            query: audit(
                &objects,
                "Category =~ \"RoleManagement\" or OperationName has \"role\"",
                "",
            ),
        },
        Rule {
            name: "emergency-group",
            title: "Emergency accounts' group: members changed",
            description: "Somebody was added to the group of the emergency accounts or taken out of it. Its members may be \
                          free of policies that bind everyone else.",
            tactics: &["PrivilegeEscalation", "DefenseEvasion"],
            query: audit(&objects, "Category =~ \"GroupManagement\"", ""),
        },
        Rule {
            name: "emergency-account",
            title: "Emergency account: changed",
            description: "An emergency account was changed, disabled or deleted, or its password was reset.",
            tactics: &["Impact", "Persistence"],
            query: audit(
                &accounts,
                "Category =~ \"UserManagement\" and LoggedByService !~ \"Authentication Methods\"",
                "",
            ),
        },
    ]
}

/// Quoted and separated by commas.
fn list<'g>(ids: impl Iterator<Item = &'g Guid>) -> String {
    let quoted: Vec<String> = ids.map(|id| format!("\"{}\"", id.as_str())).collect();
    quoted.join(", ")
}

fn sign_ins(accounts: &str) -> String {
    format!(
        "let accounts = dynamic([{accounts}]);\n\
         union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs\n\
         {ARRIVED}\
         | where UserId in~ (accounts)\n\
         | project TimeGenerated, UserPrincipalName, UserId, ResultType, AppDisplayName, IPAddress, Type\n"
    )
}

/// Entries of the audit log about these objects that are of one kind.
fn audit(objects: &str, kind: &str, more: &str) -> String {
    format!(
        "let objects = dynamic([{objects}]);\n\
         AuditLogs\n\
         {ARRIVED}\
         | where {kind}\n\
         {more}\
         | where tostring(TargetResources) has_any (objects)\n\
         | extend Actor = coalesce(tostring(InitiatedBy.user.userPrincipalName), tostring(InitiatedBy.app.displayName))\n\
         | project TimeGenerated, OperationName, Result, Actor, Target = tostring(TargetResources[0].userPrincipalName), TargetId = tostring(TargetResources[0].id), CorrelationId\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(group: bool) -> Watched {
        let id = |n: u32| Guid::new(&format!("{n:08x}-1111-4222-8333-444455556666")).unwrap();
        Watched {
            accounts: vec![("bg-01".into(), id(1)), ("bg-02".into(), id(2))],
            group: group.then(|| id(3)),
        }
    }

    #[test]
    fn every_rule_names_every_account_and_is_one_pipe_over_known_tables() {
        let watched = watched(true);
        let rules = rules(&watched);
        for rule in &rules {
            for (name, id) in &watched.accounts {
                assert!(
                    rule.query.contains(&format!("\"{}\"", id.as_str())),
                    "{}",
                    rule.name
                );
                assert!(
                    !rule.query.contains(name.as_str()),
                    "names are not part of queries"
                );
            }
            let lines: Vec<&str> = rule.query.lines().collect();
            assert!(
                lines[0].starts_with("let ") && lines[0].ends_with("]);"),
                "{lines:?}"
            );
            assert!(lines[1] == "AuditLogs" || lines[1].starts_with("union isfuzzy=true SigninLogs,"));
            assert!(lines[2..].iter().all(|line| line.starts_with("| ")), "{lines:?}");
            assert_eq!(rule.query.matches('"').count() % 2, 0);
            assert_eq!(rule.query.matches('(').count(), rule.query.matches(')').count());
        }
        let mut names: Vec<&str> = rules.iter().map(|rule| rule.name).collect();
        names.dedup();
        assert_eq!(names.len(), 6);
    }

    #[test]
    fn the_group_is_watched_where_there_is_one() {
        let group = "\"00000003-1111-4222-8333-444455556666\"";
        let with: Vec<Rule> = rules(&watched(true));
        let names_group = |rule: &&Rule| rule.query.contains(group);
        let named: Vec<&str> = with.iter().filter(names_group).map(|rule| rule.name).collect();
        assert_eq!(named, ["emergency-roles", "emergency-group"]);
        assert!(!rules(&watched(false)).iter().any(|rule| names_group(&rule)));
    }
}
