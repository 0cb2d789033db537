//! The accounts: there, fit, cloud-only, on the tenant's first domain, with a name that sign-in pages take.

use super::{Findings, Outcome};
use crate::graph::{Domain, User};
use crate::id::Upn;
use crate::tenant::facts::Facts;
use crate::tenant::rules;

pub(super) fn judge(facts: &Facts, findings: &mut Findings) {
    match facts.accounts.len() {
        0 | 1 => findings.add(
            "accountCount",
            "accounts",
            Outcome::Warning,
            "Only one account is prepared: if it is locked out, there is no other.",
            "Prepare a second account, with keys of its own.",
        ),
        count => findings.pass(
            "accountCount",
            "accounts",
            &format!("{count} accounts are prepared."),
        ),
    }
    for account in &facts.accounts {
        let name = &account.wanted.name;
        length(name, findings);
        let user = account.found.as_ref().map(|f| &f.user);
        let good = "The account is there.";
        let Some(user) = findings.rule("accountExists", name, rules::present(name, user), good) else {
            continue;
        };
        let fit = rules::account(user, facts.caller.as_deref());
        findings.rule("accountFit", name, fit, "It is an enabled, cloud-only member.");
        if facts.caller.is_none() {
            findings.add(
                "caller",
                name,
                Outcome::NotChecked,
                "The token does not tell whose it is.",
                "Make sure that you are not signed in as this account.",
            );
        }
        domain(name, user, &facts.organization.domains, findings);
        password(name, user, findings);
    }
}

fn length(name: &str, findings: &mut Findings) {
    let length = name.len();
    let check = "nameLength";
    if length > Upn::MAX {
        let found = format!(
            "The sign-in name has {length} bytes: more than {} fail at sign-in.",
            Upn::MAX
        );
        let change = "Create an account with a shorter name; renaming it later breaks its keys.";
        findings.add(check, name, Outcome::Failure, &found, change);
    } else if let Some(found) = rules::long_name(name) {
        let change = "Use a shorter name while no key is registered.";
        findings.add(check, name, Outcome::Warning, &found, change);
    } else {
        findings.pass(check, name, &format!("The sign-in name has {length} bytes."));
    }
}

fn domain(name: &str, user: &User, domains: &[Domain], findings: &mut Findings) {
    let check = "domain";
    let (_, own) = user
        .user_principal_name
        .split_once('@')
        .unwrap_or(("", &user.user_principal_name));
    let change = "Use an account on the tenant's own *.onmicrosoft.com domain.";
    let Some(domain) = domains.iter().find(|d| d.name.eq_ignore_ascii_case(own)) else {
        let found = format!("{own} is not among the verified domains of the tenant.");
        findings.add(check, name, Outcome::Warning, &found, change);
        return;
    };
    if domain
        .kind
        .as_deref()
        .is_some_and(|k| !k.eq_ignore_ascii_case("managed"))
    {
        let found = format!("{own} is federated: sign-in depends on another service.");
        findings.add(check, name, Outcome::Failure, &found, change);
    } else if own.to_ascii_lowercase().ends_with(".onmicrosoft.com") {
        findings.pass(
            check,
            name,
            &format!("{own} is managed and needs no DNS of yours."),
        );
    } else {
        let found = format!("{own} is a domain of yours: sign-in depends on it.");
        findings.add(check, name, Outcome::Warning, &found, change);
    }
}

fn password(name: &str, user: &User, findings: &mut Findings) {
    let policies = user.password_policies.as_deref().unwrap_or_default();
    if policies.contains("DisablePasswordExpiration") {
        findings.pass("passwordExpiry", name, "Its password does not expire.");
    } else {
        findings.add(
            "passwordExpiry",
            name,
            Outcome::Warning,
            "Its password may expire, and an expired one interrupts the sign-in.",
            "Set `DisablePasswordExpiration` in the password policies of the account.",
        );
    }
}
