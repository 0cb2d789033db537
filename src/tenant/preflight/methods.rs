//! The two authentication methods: switched on, for these accounts, and for these models of key.

use super::{Findings, Outcome};
use crate::tenant::facts::{AccountFacts, Facts, Found, Question};
use crate::tenant::rules;

const PASSKEYS: &str = "Passkey (FIDO2)";
const PASSES: &str = "Temporary Access Pass";

pub(super) fn judge(question: &Question, facts: &Facts, findings: &mut Findings) {
    let passkeys = &facts.passkeys;
    findings.rule(
        "passkeysEnabled",
        PASSKEYS,
        rules::passkeys_enabled(passkeys),
        "The method is enabled.",
    );
    findings.rule(
        "selfService",
        PASSKEYS,
        rules::self_service(passkeys),
        "Self-service registration is allowed.",
    );
    if !question.without_pass {
        passes(facts, findings);
    }
    for account in &facts.accounts {
        let Some(found) = &account.found else { continue };
        let name = &account.wanted.name;
        findings.rule(
            "passkeyScope",
            name,
            rules::passkey_scope(passkeys, name, &found.scope),
            "The passkey policy takes the account in.",
        );
        if !question.without_pass {
            findings.rule(
                "passScope",
                name,
                rules::pass_scope(&facts.passes, name, &found.scope),
                "The Temporary Access Pass policy takes the account in.",
            );
        }
        models(facts, account, found, findings);
    }
}

fn passes(facts: &Facts, findings: &mut Findings) {
    let pass = rules::passes_enabled(&facts.passes, 60);
    let good = "The method is enabled.";
    if let Some(pass) = findings.rule("passesEnabled", PASSES, pass, good) {
        match rules::one_time(pass) {
            Some(found) => {
                let change =
                    "Have the person and the key ready, or allow passes that are good more than once.";
                findings.add("passOnce", PASSES, Outcome::Warning, &found, change);
            }
            None => findings.pass("passOnce", PASSES, "A pass may be good for several sign-ins."),
        }
    }
}

fn models(facts: &Facts, account: &AccountFacts, found: &Found, findings: &mut Findings) {
    let name = &account.wanted.name;
    let mut models = account.wanted.models.clone();
    models.sort();
    models.dedup();
    if models.is_empty() {
        findings.add(
            "model",
            name,
            Outcome::NotChecked,
            "The models of its keys were not given.",
            "Give the manifest, or `--aaguid`, to compare the models with the key restrictions.",
        );
    }
    for model in models {
        let product = model.product.as_deref().unwrap_or("this model");
        let good = format!("{product} (AAGUID {}): allowed.", model.aaguid);
        let result = rules::model(&facts.passkeys, &found.scope, model.aaguid);
        if let Some(Some(warning)) = findings.rule("model", name, result, &good) {
            let change =
                "Compare the model with the list of attested vendors; a new model takes weeks to get there.";
            findings.add("attestation", name, Outcome::Warning, &warning, change);
        }
    }
}
