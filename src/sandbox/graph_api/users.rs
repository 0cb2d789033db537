//! Users: list, create, read; group membership; sessions; the list of all methods.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::super::exchange::{Answer, Request};
use super::super::logs::{About, By};
use super::super::methods::Passkey;
use super::super::settings::User;
use super::super::tenant::Tenant;
use super::pages::{equals, page, selected};
use super::{bad, domains, not_found};

/// `users`.
pub(super) fn all(tenant: &mut Tenant, request: &Request) -> Answer {
    match request.method.as_str() {
        "GET" => {
            let wanted = equals(request, "userPrincipalName");
            let fits = |u: &&User| {
                let name = wanted.as_deref();
                tenant.is_spread(u.created)
                    && name.is_none_or(|n| u.user_principal_name.eq_ignore_ascii_case(n))
            };
            let list: Vec<Value> = tenant
                .settings
                .users
                .iter()
                .filter(fits)
                .map(|u| selected(request, shown(u)))
                .collect();
            page(tenant, request, &list)
        }
        "POST" => create(tenant, request),
        _ => not_found(request),
    }
}

/// `users/{id}` and what is below it, but for the methods that can be changed.
pub(super) fn one(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => Answer::json(200, selected(request, shown(&tenant.settings.users[index]))),
        ("GET", ["authentication", "methods"]) => {
            let list = methods(tenant, index);
            page(tenant, request, &list)
        }
        ("POST", ["checkmembergroups"]) => check_member_groups(tenant, request, index),
        ("POST", ["revokesigninsessions"]) => {
            let reason = "Sessions of the user were revoked";
            let activity = "Update StsRefreshTokenValidFrom Timestamp";
            tenant.audit(index, By::Administrator, activity, reason, &json!([]));
            if tenant.settings.revoke_without_body {
                return Answer::empty(204);
            }
            Answer::json(200, json!({"value": true}))
        }
        _ => not_found(request),
    }
}

/// A user as Graph shows it: never a password.
fn shown(user: &User) -> Value {
    json!({
        "id": user.id, "userPrincipalName": user.user_principal_name,
        "displayName": user.shown_name(), "accountEnabled": user.account_enabled,
        "userType": user.user_type, "onPremisesSyncEnabled": user.on_premises_sync_enabled,
        "passwordPolicies": user.password_policies,
    })
}

fn methods(tenant: &Tenant, index: usize) -> Vec<Value> {
    let password = json!({"@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
        "id": "28c10230-6103-485e-b985-444c60001490"});
    let pass = tenant.settings.users[index].pass.as_ref();
    let pass = pass.map(|p| tenant.pass_json(p, index, false));
    let passkeys = tenant.visible_passkeys(index).map(Passkey::json);
    std::iter::once(password).chain(pass).chain(passkeys).collect()
}

/// What is wrong with a new user, in the service's order of asking.
fn complaint(tenant: &Tenant, request: &Request) -> Option<String> {
    let text = |member: &str| request.text(member).unwrap_or_default();
    for member in ["displayName", "mailNickname", "userPrincipalName"] {
        if text(member).is_empty() {
            return Some(format!(
                "A value is required for property '{member}' of resource 'User'."
            ));
        }
    }
    if request.body["accountEnabled"].as_bool().is_none() {
        return Some("A value is required for property 'accountEnabled' of resource 'User'.".into());
    }
    let name = text("userPrincipalName");
    let (local, domain) = name.split_once('@').unwrap_or((name, ""));
    let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
    if local.is_empty() || local.len() > 64 || !local.chars().all(allowed) {
        return Some("Property userPrincipalName is invalid.".into());
    }
    if !domains(tenant)
        .iter()
        .any(|d| d["name"].as_str().is_some_and(|d| d.eq_ignore_ascii_case(domain)))
    {
        let what = "The domain portion of the userPrincipalName property is invalid. You must use one of the \
            verified domain names in your organization.";
        return Some(what.into());
    }
    let password = request.body["passwordProfile"]["password"]
        .as_str()
        .unwrap_or_default();
    if !is_strong(password) {
        let what = "The specified password does not comply with password complexity requirements. Please provide \
            a different password.";
        return Some(what.into());
    }
    tenant.user(name).map(|_| {
        "Another object with the same value for property userPrincipalName already exists.".to_owned()
    })
}

/// 8 to 256 ASCII characters of three of four classes.
fn is_strong(password: &str) -> bool {
    let classes: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() || c == ' ',
    ];
    let used = classes.iter().filter(|class| password.chars().any(class)).count();
    password.is_ascii() && (8..=256).contains(&password.len()) && used >= 3
}

fn create(tenant: &mut Tenant, request: &Request) -> Answer {
    if let Some(what) = complaint(tenant, request) {
        return bad(request, &what);
    }
    let text = |member: &str| request.text(member).map(str::to_owned);
    let mut user = User::named(request.text("userPrincipalName").unwrap_or_default());
    user.display_name = text("displayName");
    user.account_enabled = request.body["accountEnabled"] == true;
    user.password_policies = text("passwordPolicies");
    user.created = Some(OffsetDateTime::now_utc());
    user.draw_handle();
    let body = shown(&user);
    let (id, name) = (user.id.clone(), user.user_principal_name.clone());
    tenant.settings.users.push(user);
    let about = About {
        kind: "User",
        id: &id,
        name: &name,
        category: "UserManagement",
    };
    tenant.audit_about(&about, "Add user", &[]);
    Answer::json(201, body)
}

fn check_member_groups(tenant: &Tenant, request: &Request, index: usize) -> Answer {
    let Some(ids) = request.body["groupIds"].as_array().filter(|ids| ids.len() <= 20) else {
        return bad(request, "groupIds takes at most 20 group ids.");
    };
    let groups = tenant.groups_of(index);
    let member: Vec<&Value> = ids
        .iter()
        .filter(|id| {
            id.as_str()
                .is_some_and(|id| groups.iter().any(|g| g.eq_ignore_ascii_case(id)))
        })
        .collect();
    Answer::json(200, json!({"value": member}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_three_of_four_classes_and_8_to_256_characters() {
        for good in ["Abcdefg1", "abcdefg1!", "ABCDEF 1", &"aB3".repeat(85)] {
            assert!(is_strong(good), "{good}");
        }
        for bad in [
            "Abcdef1",
            "abcdefgh1",
            "ABCDEFGH",
            &"aB3!".repeat(65),
            "Pässwort1",
        ] {
            assert!(!is_strong(bad), "{bad}");
        }
    }
}
