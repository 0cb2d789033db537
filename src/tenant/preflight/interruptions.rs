//! Pages that come between a sign-in and its end: registration campaign, security defaults, SSPR.

use super::{Findings, Outcome};
use crate::tenant::facts::{Facts, Reading};
use crate::tenant::rules;

pub(super) fn judge(facts: &Facts, findings: &mut Findings) {
    campaign(facts, findings);
    security_defaults(facts, findings);
    findings.add(
        "selfServiceReset",
        "tenant",
        Outcome::NotChecked,
        "Whether self-service password reset or the MFA registration policy asks these accounts to register \
         cannot be read over Graph.",
        "Look by hand: exclude the accounts' group from both, or the page offers no security key.",
    );
}

fn campaign(facts: &Facts, findings: &mut Findings) {
    let check = "campaign";
    let campaign = &facts.campaign;
    let state = campaign.state.as_deref().unwrap_or("default");
    for account in &facts.accounts {
        let Some(found) = &account.found else { continue };
        let name = &account.wanted.name;
        let is_in = found
            .scope
            .is_in(&campaign.include_targets, &campaign.exclude_targets);
        let change =
            "Exclude the accounts' group from the registration campaign (`glasskey companion setup`).";
        match (state, is_in) {
            ("disabled", _) => findings.pass(check, name, "The registration campaign is off."),
            (_, false) => findings.pass(
                check,
                name,
                "The registration campaign does not ask this account.",
            ),
            ("enabled", true) => findings.add(
                check,
                name,
                Outcome::Failure,
                rules::campaign(campaign, &found.scope).unwrap_or_default(),
                change,
            ),
            (_, true) => findings.add(
                check,
                name,
                Outcome::Warning,
                "Microsoft manages the registration campaign, and this account is not excluded from it.",
                change,
            ),
        }
    }
}

fn security_defaults(facts: &Facts, findings: &mut Findings) {
    let (check, subject) = ("securityDefaults", "tenant");
    match &facts.security_defaults {
        Reading::Read(false) => findings.pass(check, subject, "Security defaults are off."),
        Reading::Read(true) => findings.add(
            check,
            subject,
            Outcome::Warning,
            "Security defaults are on: they ask everyone for MFA and know no exception. A registered passkey \
             satisfies them; until then only a Temporary Access Pass lets the account in.",
            "Nothing, if that is meant so. Conditional Access applies only after they are switched off.",
        ),
        Reading::Hidden(why) => findings.add(
            check,
            subject,
            Outcome::NotChecked,
            &format!("Security defaults could not be read ({why})."),
            "Look at the properties of the tenant, or give the permission Policy.Read.All.",
        ),
    }
}
