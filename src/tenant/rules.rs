//! What must hold before anything is registered. Pure: from what was read to a condition that is not met.

use crate::graph::{Campaign, Mark, NewPass, Organization, PassPolicy, PasskeyPolicy, Scope, User};
use crate::id::Aaguid;

/// A condition that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What is not as it must be.
    pub what: String,
    /// What to do about it.
    pub hint: String,
}

fn refuse<T>(what: impl Into<String>, hint: &str) -> Result<T, Condition> {
    Err(Condition {
        what: what.into(),
        hint: hint.to_owned(),
    })
}

/// The tenant is the planned one, and a rehearsal goes into a sandbox tenant and nothing else does.
pub fn tenant(rehearsal: bool, planned: Option<&str>, tenant: &Organization) -> Result<(), Condition> {
    match (rehearsal, tenant.mark) {
        (true, Mark::Present) | (false, Mark::Absent) => {}
        (true, Mark::Absent) => {
            return refuse(
                "This manifest is from a rehearsal, and the tenant is not a sandbox tenant. Nothing has been changed.",
                "Register it in a sandbox tenant (`glasskey sandbox serve`), or hold a real ceremony.",
            );
        }
        (false, Mark::Present) => {
            return refuse(
                "This manifest is from a real ceremony, and the tenant is a sandbox tenant. Nothing has been changed.",
                "Give `--cloud global`, or use the manifest of a rehearsal.",
            );
        }
        (_, Mark::Partial) => return half_marked(),
    }
    match planned {
        Some(planned) if !planned.eq_ignore_ascii_case(&tenant.id) => refuse(
            format!(
                "The manifest is for tenant {planned}, and the token belongs to tenant {}. Nothing has been changed.",
                tenant.id
            ),
            "Sign in to the tenant of the plan.",
        ),
        _ => Ok(()),
    }
}

/// A tenant with half of a mark is neither kind.
pub fn half_marked<T>() -> Result<T, Condition> {
    refuse(
        "The tenant carries half of a sandbox tenant's mark: it cannot be told what it is. Nothing has been changed.",
        "Look for a proxy that changes headers between here and Graph.",
    )
}

/// The account is there.
pub fn present<'u>(name: &str, user: Option<&'u User>) -> Result<&'u User, Condition> {
    user.map_or_else(
        || {
            refuse(
                format!("The tenant has no account {name}."),
                "Create the account first, or use the manifest of this tenant.",
            )
        },
        Ok,
    )
}

/// From this length on a sign-in name has been seen to fail, in bytes.
const LONG_NAME: usize = 50;

/// What to know about a long sign-in name, which some keys and sign-in pages do not take.
#[must_use]
pub fn long_name(name: &str) -> Option<String> {
    let length = name.len();
    (length >= LONG_NAME)
        .then(|| format!("The sign-in name has {length} bytes: names from {LONG_NAME} on have failed."))
}

/// What to know about a registration campaign that asks the account.
#[must_use]
pub fn campaign(campaign: &Campaign, scope: &Scope) -> Option<&'static str> {
    let enabled = campaign.state.as_deref() == Some("enabled");
    let asked = scope.is_in(&campaign.include_targets, &campaign.exclude_targets);
    (enabled && asked)
        .then_some("The registration campaign asks this account at sign-in to set up another method.")
}

/// The account can take a passkey, and the caller is somebody else.
pub fn account(user: &User, caller: Option<&str>) -> Result<(), Condition> {
    let name = &user.user_principal_name;
    if user.account_enabled == Some(false) {
        return refuse(
            format!("The account {name} is disabled."),
            "Enable it, then repeat the command.",
        );
    }
    if user
        .user_type
        .as_deref()
        .is_some_and(|t| !t.eq_ignore_ascii_case("member"))
    {
        return refuse(
            format!("The account {name} is a guest: guests get no Temporary Access Pass."),
            "Use a cloud-only member account of this tenant.",
        );
    }
    if user.on_premises_sync_enabled == Some(true) {
        return refuse(
            format!("The account {name} comes from a local directory."),
            "Use a cloud-only account: an emergency account must not depend on the local directory.",
        );
    }
    if caller.is_some_and(|caller| caller.eq_ignore_ascii_case(&user.id)) {
        return refuse(
            format!("The token belongs to {name} itself."),
            "Use another administrator: nobody registers his own keys this way.",
        );
    }
    Ok(())
}

/// Passkeys are switched on, and people may register them.
pub fn passkeys_enabled(policy: &PasskeyPolicy) -> Result<(), Condition> {
    if policy.state.as_deref() != Some("enabled") {
        return refuse(
            "Passkeys (FIDO2) are not enabled in this tenant.",
            "Enable the authentication method `Passkey (FIDO2)` for the account's group.",
        );
    }
    Ok(())
}

/// People may register passkeys by themselves; registration on their behalf needs it as well.
pub fn self_service(policy: &PasskeyPolicy) -> Result<(), Condition> {
    if policy.is_self_service_registration_allowed == Some(false) {
        return refuse(
            "The passkey policy does not allow self-service registration, so the page offers no security key.",
            "Set `Allow self-service set up` of the method `Passkey (FIDO2)`.",
        );
    }
    Ok(())
}

/// The passkey policy takes the account in.
pub fn passkey_scope(policy: &PasskeyPolicy, name: &str, scope: &Scope) -> Result<(), Condition> {
    if !scope.is_in(&policy.include_targets, &policy.exclude_targets) {
        return refuse(
            format!("The passkey policy does not include {name}, or excludes it."),
            "Add the account's group to the include targets of the policy `Passkey (FIDO2)`; exclusion wins.",
        );
    }
    Ok(())
}

/// The passkey policy admits this model; a text is a warning.
pub fn model(policy: &PasskeyPolicy, scope: &Scope, aaguid: Aaguid) -> Result<Option<String>, Condition> {
    if !policy.admits(aaguid, scope) {
        return refuse(
            format!("The passkey policy refuses this model of key (AAGUID {aaguid})."),
            "Add the AAGUID to the key restrictions; never remove one that is in use, keys sign in with it.",
        );
    }
    let warning =
        "The tenant enforces attestation: it refuses a model that Microsoft's metadata does not know.";
    Ok(policy
        .enforces_attestation(aaguid, scope)
        .then(|| warning.to_owned()))
}

/// Temporary Access Passes are switched on; returns the pass to create within the policy's bounds.
pub fn passes_enabled(policy: &PassPolicy, minutes: u32) -> Result<NewPass, Condition> {
    if policy.state.as_deref() != Some("enabled") {
        return refuse(
            "Temporary Access Pass is not enabled in this tenant.",
            "Enable the authentication method `Temporary Access Pass` for the account's group.",
        );
    }
    let shortest = policy.minimum_lifetime_in_minutes.unwrap_or(60);
    let longest = policy.maximum_lifetime_in_minutes.unwrap_or(480).max(shortest);
    Ok(NewPass {
        lifetime_in_minutes: minutes.clamp(shortest, longest),
        is_usable_once: policy.is_usable_once == Some(true),
    })
}

/// What to know about a one-time pass.
#[must_use]
pub fn one_time(new: NewPass) -> Option<String> {
    let warning = "The tenant allows one-time passes only: one sign-in, and 10 minutes to add the key.";
    new.is_usable_once.then(|| warning.to_owned())
}

/// The Temporary Access Pass policy takes the account in.
pub fn pass_scope(policy: &PassPolicy, name: &str, scope: &Scope) -> Result<(), Condition> {
    if !scope.is_in(&policy.include_targets, &policy.exclude_targets) {
        return refuse(
            format!("The Temporary Access Pass policy does not include {name}, or excludes it."),
            "Add the account's group to the include targets of the policy `Temporary Access Pass`; exclusion wins.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user(change: (&str, Value)) -> User {
        let mut user = json!({"id": "u", "userPrincipalName": "a@b.c", "accountEnabled": true,
            "userType": "Member", "onPremisesSyncEnabled": null});
        user[change.0] = change.1;
        serde_json::from_value(user).unwrap()
    }

    #[test]
    fn each_unfit_account_is_refused_and_its_twin_accepted() {
        assert!(account(&user(("accountEnabled", json!(true))), Some("other")).is_ok());
        assert!(account(&user(("accountEnabled", json!(false))), None).is_err());
        assert!(account(&user(("userType", json!("Guest"))), None).is_err());
        assert!(account(&user(("onPremisesSyncEnabled", json!(true))), None).is_err());
        assert!(account(&user(("accountEnabled", json!(true))), Some("U")).is_err());
    }

    #[test]
    fn a_pass_stays_within_the_policy() {
        let policy = |change: Value| -> PassPolicy { serde_json::from_value(change).unwrap() };
        let narrow =
            json!({"state": "enabled", "minimumLifetimeInMinutes": 10, "maximumLifetimeInMinutes": 30});
        assert_eq!(
            passes_enabled(&policy(narrow), 60).unwrap().lifetime_in_minutes,
            30
        );
        let once = json!({"state": "enabled", "isUsableOnce": true});
        let new = passes_enabled(&policy(once), 10).unwrap();
        assert!(new.is_usable_once && new.lifetime_in_minutes == 60 && one_time(new).is_some());
        assert!(passes_enabled(&policy(json!({"state": "disabled"})), 60).is_err());
    }

    #[test]
    fn each_policy_that_refuses_a_key_is_named() {
        let good = json!({"state": "enabled", "isSelfServiceRegistrationAllowed": true,
            "includeTargets": [{"id": "all_users"}]});
        let check = |value: Value| {
            let policy: PasskeyPolicy = serde_json::from_value(value).unwrap();
            let scope = Scope::new("u", Vec::new());
            passkeys_enabled(&policy)?;
            self_service(&policy)?;
            passkey_scope(&policy, "a@b.c", &scope)?;
            model(&policy, &scope, Aaguid([1; 16]))
        };
        assert_eq!(check(good.clone()), Ok(None));
        let mut enforced = good.clone();
        enforced["isAttestationEnforced"] = json!(true);
        assert!(check(enforced).unwrap().is_some());
        for (member, value) in [
            ("state", json!("disabled")),
            ("isSelfServiceRegistrationAllowed", json!(false)),
            ("excludeTargets", json!([{"id": "all_users"}])),
            (
                "keyRestrictions",
                json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": []}),
            ),
        ] {
            let mut bad = good.clone();
            bad[member] = value;
            assert!(check(bad).is_err(), "{member}");
        }
    }
}
