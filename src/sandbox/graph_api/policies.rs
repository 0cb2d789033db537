//! Policies: methods, registration campaign, security defaults. A PATCH keeps what it does not name.

use serde_json::{Value, json};

use super::super::exchange::{Answer, Request};
use super::super::logs::About;
use super::super::tenant::Tenant;
use super::{bad, not_found};

/// Most profiles, with the default one.
const PROFILES: usize = 3;
/// Largest passkey policy.
const POLICY_LIMIT: usize = 20 * 1024;

/// `policies/authenticationMethodsPolicy` and the configurations below it.
pub(super) fn methods(tenant: &mut Tenant, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => Answer::json(200, whole(tenant)),
        ("PATCH", []) => campaign(tenant, request),
        (
            method,
            [
                "authenticationmethodconfigurations",
                which @ ("fido2" | "temporaryaccesspass"),
            ],
        ) => {
            let passkeys = *which == "fido2";
            match method {
                "GET" if passkeys => Answer::json(200, tenant.fido2.clone()),
                "GET" => Answer::json(200, tenant.pass_policy.clone()),
                "PATCH" => configuration(tenant, request, passkeys),
                _ => not_found(request),
            }
        }
        _ => not_found(request),
    }
}

fn whole(tenant: &Tenant) -> Value {
    json!({
        "id": "authenticationMethodsPolicy", "displayName": "Authentication Methods Policy",
        "policyVersion": "1.5",
        "registrationEnforcement": {"authenticationMethodsRegistrationCampaign": tenant.campaign},
        "authenticationMethodConfigurations": [tenant.fido2, tenant.pass_policy],
    })
}

fn configuration(tenant: &mut Tenant, request: &Request, passkeys: bool) -> Answer {
    let policy = if passkeys {
        &tenant.fido2
    } else {
        &tenant.pass_policy
    };
    if request.body["@odata.type"] != policy["@odata.type"] {
        return bad(
            request,
            "The body must carry the @odata.type of this configuration.",
        );
    }
    let mut changed = policy.clone();
    if let Err(what) = merge(&mut changed, &request.body) {
        return bad(request, &what);
    }
    if let Err(what) = targets_exist(tenant, &changed) {
        return bad(request, &what);
    }
    if passkeys {
        let count = |p: &Value| p["passkeyProfiles"].as_array().map_or(0, Vec::len);
        if count(&changed) > PROFILES || changed.to_string().len() > POLICY_LIMIT {
            return bad(request, "The passkey policy is too large. (sandbox text)");
        }
        if count(&tenant.fido2) > 0 && count(&changed) == 0 {
            return bad(
                request,
                "Passkey profiles cannot be given up again. (sandbox text)",
            );
        }
        tenant.fido2 = changed;
    } else {
        tenant.pass_policy = changed;
    }
    audit(tenant, "Authentication Methods Policy Update");
    Answer::empty(204)
}

fn campaign(tenant: &mut Tenant, request: &Request) -> Answer {
    let mut policy = whole(tenant);
    if request.body.get("authenticationMethodConfigurations").is_some() {
        return bad(request, "Configurations are changed one by one.");
    }
    if let Err(what) = merge(&mut policy, &request.body) {
        return bad(request, &what);
    }
    let changed = policy["registrationEnforcement"]["authenticationMethodsRegistrationCampaign"].take();
    let days = changed["snoozeDurationInDays"].as_i64();
    if !days.is_some_and(|days| (0..=14).contains(&days)) {
        return bad(request, "snoozeDurationInDays is a number from 0 to 14.");
    }
    if let Err(what) = targets_exist(tenant, &changed) {
        return bad(request, &what);
    }
    tenant.campaign = changed;
    audit(tenant, "Authentication Methods Policy Update");
    let mut body = whole(tenant);
    if let Value::Object(members) = &mut body {
        members.remove("authenticationMethodConfigurations");
    }
    Answer::json(200, body)
}

/// `policies/identitySecurityDefaultsEnforcementPolicy`.
pub(super) fn security_defaults(tenant: &mut Tenant, request: &Request) -> Answer {
    match request.method.as_str() {
        "GET" => Answer::json(
            200,
            json!({"id": "00000000-0000-0000-0000-000000000005", "displayName": "Security Defaults",
                "description": "", "isEnabled": tenant.settings.security_defaults}),
        ),
        "PATCH" => match request.body["isEnabled"].as_bool() {
            Some(on) => {
                tenant.settings.security_defaults = on;
                audit(tenant, "Update security defaults");
                Answer::empty(204)
            }
            None => bad(request, "isEnabled is true or false."),
        },
        _ => not_found(request),
    }
}

/// Takes over the members that the body names: objects member by member, arrays as a whole.
fn merge(into: &mut Value, body: &Value) -> Result<(), String> {
    let (Value::Object(kept), Value::Object(new)) = (into, body) else {
        return Err("The body is not an object.".into());
    };
    for (name, value) in new {
        if name == "@odata.type" || name == "id" {
            continue;
        }
        let Some(old) = kept.get_mut(name) else {
            return Err(format!("The property '{name}' does not exist on this type."));
        };
        match (&mut *old, value) {
            (Value::Object(_), Value::Object(_)) => merge(old, value)?,
            (Value::Null, _) | (_, Value::Null) => *old = value.clone(),
            (old, new) if std::mem::discriminant(&*old) == std::mem::discriminant(new) => *old = new.clone(),
            _ => return Err(format!("The value of '{name}' has another type.")),
        }
    }
    Ok(())
}

/// Each target names everyone, a user or a group that is there.
fn targets_exist(tenant: &Tenant, policy: &Value) -> Result<(), String> {
    for list in ["includeTargets", "excludeTargets"] {
        for target in policy[list].as_array().map(Vec::as_slice).unwrap_or_default() {
            let id = target["id"].as_str().unwrap_or_default();
            let known = id == "all_users"
                || tenant.user(id).is_some()
                || tenant.settings.groups.iter().any(|g| g.id.eq_ignore_ascii_case(id))
                // Groups that only a settings file speaks of.
                || tenant.settings.users.iter().any(|u| u.groups.iter().any(|g| g.eq_ignore_ascii_case(id)));
            if !known || target["targetType"].as_str().is_none() {
                return Err(format!("The target '{id}' of {list} is not valid."));
            }
        }
    }
    Ok(())
}

fn audit(tenant: &mut Tenant, activity: &str) {
    let about = About {
        kind: "Policy",
        id: "authenticationMethodsPolicy",
        name: "Authentication Methods Policy",
        category: "Policy",
    };
    tenant.audit_about(&about, activity, &[]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_keeps_what_it_does_not_name_and_replaces_arrays() {
        let mut policy = json!({"state": "enabled", "keyRestrictions": {"isEnforced": false, "aaGuids": ["a"]}, "targets": [1, 2]});
        merge(
            &mut policy,
            &json!({"keyRestrictions": {"isEnforced": true}, "targets": [3]}),
        )
        .unwrap();
        assert_eq!(
            policy,
            json!({"state": "enabled", "keyRestrictions": {"isEnforced": true, "aaGuids": ["a"]}, "targets": [3]})
        );
        assert!(merge(&mut policy, &json!({"unknown": 1})).is_err());
        assert!(merge(&mut policy, &json!({"state": true})).is_err());
        assert!(merge(&mut policy, &json!([])).is_err());
    }
}
