//! Whether tenant and account are as an emergency needs them, as far as a drill sees it. Pure.

use std::fmt::Write as _;

use crate::graph::{GLOBAL_ADMINISTRATOR, Member, Passkey};
use crate::id::Upn;
use crate::inventory::Key;
use crate::tenant::facts::{Facts, Found, Question, Reading};
use crate::tenant::preflight::{self, Finding, Outcome};

/// Checks of the preflight that count for an account in use; the others are about registering.
const KEPT: [&str; 12] = [
    "accountExists",
    "accountFit",
    "domain",
    "passwordExpiry",
    "group",
    "groupComplete",
    "passkeysEnabled",
    "passkeyScope",
    "model",
    "securityDefaults",
    "conditionalAccess",
    "rolePermanent",
];

/// Methods that an emergency account may have; a pass is one more that must not be left.
const EXPECTED: [&str; 2] = ["fido2AuthenticationMethod", "passwordAuthenticationMethod"];

/// What the drill knows beside the key and the account.
pub struct Others<'a> {
    /// Passkeys of the account that the inventory knows, by id.
    pub known: &'a [String],
    /// Kinds of method, if they could be read.
    pub kinds: &'a Reading<Vec<String>>,
    /// Every account of the inventory.
    pub accounts: &'a [Upn],
}

/// Judges what was read; the passkey of the key is returned if it is there.
#[must_use]
pub fn judge(
    question: &Question,
    facts: &Facts,
    key: &Key,
    others: &Others<'_>,
) -> (Vec<Finding>, Option<Passkey>) {
    let mut findings: Vec<Finding> = preflight::judge(question, facts)
        .into_iter()
        .filter(|finding| KEPT.contains(&finding.check))
        .collect();
    let found = facts.accounts.first().and_then(|account| account.found.as_ref());
    let Some(found) = found else {
        return (findings, None);
    };
    let name = key.account.as_str();
    let passkey = method(name, key, found, &mut findings);
    unexpected(name, found, others, &mut findings);
    role(name, found, &mut findings);
    strangers(question, facts, others, &mut findings);
    (findings, passkey)
}

fn add(
    findings: &mut Vec<Finding>,
    check: &'static str,
    subject: &str,
    outcome: Outcome,
    found: String,
    change: &str,
) {
    findings.push(Finding {
        check,
        subject: subject.to_owned(),
        outcome,
        found,
        change: (!change.is_empty()).then(|| change.to_owned()),
    });
}

/// The passkey that the inventory has for this key is still among the account's.
fn method(name: &str, key: &Key, found: &Found, findings: &mut Vec<Finding>) -> Option<Passkey> {
    let check = "method";
    let Reading::Read(passkeys) = &found.passkeys else {
        let change = "Give the permission UserAuthMethod-Passkey.Read.All.";
        let what = "The passkeys of the account could not be read.".into();
        add(findings, check, name, Outcome::Failure, what, change);
        return None;
    };
    let label = &key.label;
    let ours = match &key.method {
        Some(id) => passkeys.iter().find(|passkey| passkey.id == *id),
        // Registered before ids were kept: the name is what is left.
        None => passkeys
            .iter()
            .find(|passkey| passkey.display_name.as_deref().map(str::trim) == Some(label.as_str())),
    };
    let Some(ours) = ours else {
        let what = format!("The passkey of the key with label {label} is not on the account any more.");
        let change = "Find out who deleted it; register the key again, or record that it is revoked.";
        add(findings, check, name, Outcome::Failure, what, change);
        return None;
    };
    let is_model = ours.aa_guid.as_deref().and_then(|text| text.parse().ok()) == Some(key.aaguid);
    if is_model {
        let what = format!("The passkey of the key with label {label} is on the account.");
        add(findings, check, name, Outcome::Pass, what, "");
    } else {
        let what = "The passkey has another model number (AAGUID) than the key.".into();
        add(
            findings,
            check,
            name,
            Outcome::Failure,
            what,
            "Look at who registered it.",
        );
    }
    Some(ours.clone())
}

/// Passkeys that no key of the inventory has, and methods that an emergency account should not have.
fn unexpected(name: &str, found: &Found, others: &Others<'_>, findings: &mut Vec<Finding>) {
    let passkeys = found.passkeys.value().map(Vec::as_slice).unwrap_or_default();
    for passkey in passkeys
        .iter()
        .filter(|passkey| !others.known.contains(&passkey.id))
    {
        let shown = passkey.display_name.as_deref().unwrap_or("without a name");
        let what = format!("A passkey opens the account that no key of the inventory has: {shown}.");
        let change = "Find out whose it is; delete it, or take its manifest into the inventory.";
        add(findings, "passkeys", name, Outcome::Failure, what, change);
    }
    let check = "methods";
    match others.kinds {
        Reading::Hidden(why) => {
            let what = format!("Its other sign-in methods could not be read ({why}).");
            let change = "Look by hand, or give the permission UserAuthenticationMethod.Read.All.";
            add(findings, check, name, Outcome::NotChecked, what, change);
        }
        Reading::Read(kinds) => {
            let mut foreign: Vec<&str> = kinds.iter().map(String::as_str).collect();
            foreign.retain(|kind| !EXPECTED.contains(kind));
            if foreign.is_empty() {
                let what = "It has passkeys, its password, and no other method.".into();
                add(findings, check, name, Outcome::Pass, what, "");
            } else {
                let what = format!("It has other methods as well: {}.", foreign.join(", "));
                let change = "Find out who added them; delete them.";
                add(findings, check, name, Outcome::Failure, what, change);
            }
        }
    }
}

fn role(name: &str, found: &Found, findings: &mut Vec<Finding>) {
    let check = "role";
    let Reading::Read(roles) = &found.roles else {
        let what = "Its roles could not be read.".into();
        let change = "Look by hand, or give the permission RoleManagement.Read.Directory.";
        add(findings, check, name, Outcome::NotChecked, what, change);
        return;
    };
    let is_administrator = roles.iter().any(|role| {
        let id = role.role_definition_id.as_deref().unwrap_or_default();
        id.eq_ignore_ascii_case(GLOBAL_ADMINISTRATOR)
    });
    if is_administrator {
        add(
            findings,
            check,
            name,
            Outcome::Pass,
            "It is Global Administrator.".into(),
            "",
        );
    } else {
        let what = "It is not Global Administrator: it opens, and can do nothing.".into();
        let change = "Assign the role to the account itself, active and permanent; one that comes through a group is not seen.";
        add(findings, check, name, Outcome::Failure, what, change);
    }
}

/// What is excluded for emergency access is excluded for everybody in the group.
fn strangers(question: &Question, facts: &Facts, others: &Others<'_>, findings: &mut Vec<Finding>) {
    let Some(group) = &facts.group else { return };
    let check = "groupExclusive";
    let name = group.group.display_name.as_deref().unwrap_or(&group.group.id);
    let is_ours = |member: &&Member| {
        let own = member.user_principal_name.as_deref().unwrap_or_default();
        others
            .accounts
            .iter()
            .any(|account| account.as_str().eq_ignore_ascii_case(own))
    };
    let strangers: Vec<&str> = group
        .members
        .iter()
        .filter(|member| !is_ours(member))
        .map(|member| {
            let shown = member
                .user_principal_name
                .as_deref()
                .or(member.display_name.as_deref());
            shown.unwrap_or(&member.id)
        })
        .collect();
    if strangers.is_empty() {
        let what = "It holds accounts of the inventory and nobody else.".into();
        add(findings, check, name, Outcome::Pass, what, "");
        return;
    }
    // A group that was found through the policies may be meant for others as well.
    let outcome = match question.group {
        Some(_) => Outcome::Failure,
        None => Outcome::Warning,
    };
    let more = strangers.len().saturating_sub(5);
    let mut shown = strangers.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(shown, " and {more} more");
    }
    let what = format!("It holds others than the accounts of the inventory: {shown}.");
    let change = "Take them out of the group, or name the accounts' own group with `--group`.";
    add(findings, check, name, outcome, what, change);
}
