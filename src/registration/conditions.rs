//! What must hold before anything is written: the right tenant, a fit account, policies that let the key in.

use super::RegistrationError;
use crate::graph::{Client, Mark, NewPass, Organization, PassPolicy, PasskeyPolicy, User};
use crate::id::Aaguid;
use crate::manifest::Manifest;

/// The tenant is the manifest's, and a rehearsal goes into a sandbox tenant and nothing else does.
pub(super) fn tenant(manifest: &Manifest, tenant: &Organization) -> Result<(), RegistrationError> {
    let refuse = |what: &str, hint: &str| Err(RegistrationError::condition(what, hint));
    match (manifest.ceremony.rehearsal, tenant.mark) {
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
        (_, Mark::Partial) => {
            return refuse(
                "The tenant carries half of a sandbox tenant's mark: it cannot be told what it is. Nothing has been changed.",
                "Look for a proxy that changes headers between here and Graph.",
            );
        }
    }
    match &manifest.tenant_id {
        Some(planned) if !planned.eq_ignore_ascii_case(&tenant.id) => Err(RegistrationError::condition(
            format!(
                "The manifest is for tenant {planned}, and the token belongs to tenant {}. Nothing has been changed.",
                tenant.id
            ),
            "Sign in to the tenant of the plan.",
        )),
        _ => Ok(()),
    }
}

/// The account can take a passkey, and the caller is somebody else.
pub(super) fn account(user: &User, caller: Option<&str>) -> Result<(), RegistrationError> {
    let name = &user.user_principal_name;
    let refuse = |what: String, hint: &str| Err(RegistrationError::condition(what, hint));
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
            "Use another administrator: nobody creates a pass for himself.",
        );
    }
    Ok(())
}

/// Both policies let this account register this model; returns the pass to create.
pub(super) fn policies(
    graph: &Client,
    user: &User,
    aaguid: Aaguid,
    minutes: u32,
) -> Result<(NewPass, Vec<String>), RegistrationError> {
    let passkeys = graph.passkey_policy()?;
    let passes = graph.pass_policy()?;
    let name = &user.user_principal_name;
    let mut warnings = passkey_policy(&passkeys, aaguid)?;
    if !graph.in_scope(&user.id, &passkeys.include_targets, &passkeys.exclude_targets)? {
        return Err(RegistrationError::condition(
            format!("The passkey policy does not include {name}, or excludes it."),
            "Add the account's group to the include targets of the policy `Passkey (FIDO2)`; exclusion wins.",
        ));
    }
    let new = pass_policy(&passes, minutes)?;
    if !graph.in_scope(&user.id, &passes.include_targets, &passes.exclude_targets)? {
        return Err(RegistrationError::condition(
            format!("The Temporary Access Pass policy does not include {name}, or excludes it."),
            "Add the account's group to the include targets of the policy `Temporary Access Pass`; exclusion wins.",
        ));
    }
    if new.is_usable_once {
        warnings.push(
            "The tenant allows one-time passes only: one sign-in, and 10 minutes to add the key.".into(),
        );
    }
    Ok((new, warnings))
}

fn passkey_policy(policy: &PasskeyPolicy, aaguid: Aaguid) -> Result<Vec<String>, RegistrationError> {
    if policy.state.as_deref() != Some("enabled") {
        return Err(RegistrationError::condition(
            "Passkeys (FIDO2) are not enabled in this tenant.",
            "Enable the authentication method `Passkey (FIDO2)` for the account's group.",
        ));
    }
    if policy.is_self_service_registration_allowed == Some(false) {
        return Err(RegistrationError::condition(
            "The passkey policy does not allow self-service registration, so the page offers no security key.",
            "Set `Allow self-service set up` of the method `Passkey (FIDO2)`.",
        ));
    }
    if !policy.admits(aaguid) {
        return Err(RegistrationError::condition(
            format!("The passkey policy refuses this model of key (AAGUID {aaguid})."),
            "Add the AAGUID to the key restrictions; never remove one that is in use, keys sign in with it.",
        ));
    }
    let mut warnings = Vec::new();
    if policy.enforces_attestation() {
        warnings.push(
            "The tenant enforces attestation: it refuses a model that Microsoft's metadata does not know."
                .into(),
        );
    }
    Ok(warnings)
}

fn pass_policy(policy: &PassPolicy, minutes: u32) -> Result<NewPass, RegistrationError> {
    if policy.state.as_deref() != Some("enabled") {
        return Err(RegistrationError::condition(
            "Temporary Access Pass is not enabled in this tenant.",
            "Enable the authentication method `Temporary Access Pass` for the account's group.",
        ));
    }
    let shortest = policy.minimum_lifetime_in_minutes.unwrap_or(60);
    let longest = policy.maximum_lifetime_in_minutes.unwrap_or(480).max(shortest);
    Ok(NewPass {
        lifetime_in_minutes: minutes.clamp(shortest, longest),
        is_usable_once: policy.is_usable_once == Some(true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(change: (&str, serde_json::Value)) -> User {
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
        let policy = |change: serde_json::Value| -> PassPolicy { serde_json::from_value(change).unwrap() };
        let narrow =
            json!({"state": "enabled", "minimumLifetimeInMinutes": 10, "maximumLifetimeInMinutes": 30});
        assert_eq!(pass_policy(&policy(narrow), 60).unwrap().lifetime_in_minutes, 30);
        let once = json!({"state": "enabled", "isUsableOnce": true});
        let new = pass_policy(&policy(once), 10).unwrap();
        assert!(new.is_usable_once && new.lifetime_in_minutes == 60);
        assert!(pass_policy(&policy(json!({"state": "disabled"})), 60).is_err());
    }

    #[test]
    fn each_policy_that_refuses_a_key_is_named() {
        let good = json!({"state": "enabled", "isSelfServiceRegistrationAllowed": true});
        let check = |value: serde_json::Value| {
            passkey_policy(&serde_json::from_value(value).unwrap(), Aaguid([1; 16]))
        };
        assert!(check(good.clone()).is_ok());
        for (member, value) in [
            ("state", json!("disabled")),
            ("isSelfServiceRegistrationAllowed", json!(false)),
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
