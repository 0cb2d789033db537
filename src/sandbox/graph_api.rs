//! The part of Microsoft Graph that the companion uses, answered from the sandbox tenant.

mod creation;
mod groups;
mod logs;
mod pages;
mod passes;
mod passkeys;
mod permission;
mod policies;
mod roles;
mod users;

use serde_json::{Value, json};

pub(crate) use permission::Caller;

use super::exchange::{Answer, Request};
use super::relying_party::RelyingParty;
use super::tenant::Tenant;

/// Answers `/v1.0/...` and `/beta/...`; the bearer token was already checked.
pub(crate) fn answer(
    tenant: &mut Tenant,
    relying_party: &RelyingParty,
    caller: &Caller,
    request: &Request,
) -> Answer {
    let path: Vec<String> = request.path[1..].iter().map(|s| s.to_ascii_lowercase()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(refusal) = caller.refusal(request, &path) {
        return refusal;
    }
    let method = request.method.as_str();
    match path.as_slice() {
        ["organization"] if method == "GET" => Answer::json(200, json!({"value": [organization(tenant)]})),
        ["policies", "authenticationmethodspolicy", rest @ ..] => policies::methods(tenant, request, rest),
        ["policies", "identitysecuritydefaultsenforcementpolicy"] => {
            policies::security_defaults(tenant, request)
        }
        ["identity", "conditionalaccess", "policies"] if method == "GET" => {
            let list = tenant.settings.conditional_access.clone();
            pages::page(tenant, request, &list)
        }
        ["auditlogs", "directoryaudits"] if method == "GET" => logs::audits(tenant, request),
        ["auditlogs", "signins"] if method == "GET" => logs::sign_ins(tenant, request),
        ["rolemanagement", "directory", rest @ ..] => roles::answer(tenant, request, rest),
        ["groups", rest @ ..] => groups::answer(tenant, request, rest),
        ["users"] => users::all(tenant, request),
        ["users", user, rest @ ..] => match tenant.spread_user(user) {
            Some(index) => of_user(tenant, relying_party, caller, request, index, rest),
            None => no_such(request, &request.path[2]),
        },
        _ => not_found(request),
    }
}

fn of_user(
    tenant: &mut Tenant,
    relying_party: &RelyingParty,
    caller: &Caller,
    request: &Request,
    index: usize,
    rest: &[&str],
) -> Answer {
    // Nobody changes his own methods this way.
    let own = caller.is(&tenant.settings.users[index].id);
    match (request.method.as_str(), rest) {
        (_, ["authentication", "temporaryaccesspassmethods", rest @ ..]) => {
            if own && request.method == "POST" {
                return permission::denied(request);
            }
            passes::answer(tenant, request, index, rest)
        }
        (_, ["authentication", "fido2methods", rest @ ..]) => {
            let options = rest.first().is_some_and(|s| s.starts_with("creationoptions"));
            if own && (request.method == "POST" || options) {
                let message = "The method is not supported for this URL.";
                return Answer::error(request, 405, "methodNotAllowed", message);
            }
            match (request.method.as_str(), rest) {
                ("GET", [name]) if options => creation::options(tenant, relying_party, request, index, name),
                ("POST", []) => creation::register(tenant, relying_party, request, index),
                _ => passkeys::answer(tenant, request, index, rest),
            }
        }
        _ => users::one(tenant, request, index, rest),
    }
}

fn not_found(request: &Request) -> Answer {
    Answer::error(
        request,
        404,
        "ResourceNotFound",
        "The sandbox tenant does not imitate this part of Graph.",
    )
}

/// The directory's words for an id that nothing has, or that is not known everywhere yet.
fn no_such(request: &Request, id: &str) -> Answer {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    );
    Answer::error(request, 404, "Request_ResourceNotFound", &message)
}

fn bad(request: &Request, message: &str) -> Answer {
    Answer::error(request, 400, "Request_BadRequest", message)
}

/// The verified domains as Graph shows them.
pub(super) fn domains(tenant: &Tenant) -> Vec<Value> {
    if !tenant.settings.domains.is_empty() {
        return tenant.settings.domains.clone();
    }
    let users = tenant.settings.users.iter();
    let mut names: std::collections::BTreeSet<&str> = users
        .filter_map(|u| u.user_principal_name.split_once('@'))
        .map(|(_, domain)| domain)
        .collect();
    if names.is_empty() {
        names.insert("contoso.onmicrosoft.com");
    }
    names
        .into_iter()
        .map(|name| json!({"name": name, "isInitial": true, "isDefault": true, "type": "Managed", "capabilities": "Email"}))
        .collect()
}

fn organization(tenant: &Tenant) -> Value {
    let mut organization = json!({
        "id": tenant.settings.tenant_id,
        "displayName": tenant.settings.display_name,
        "verifiedDomains": domains(tenant),
    });
    if !tenant.settings.hide_mark {
        organization["displayName"] = json!(format!(
            "{} (Glasskey sandbox tenant)",
            tenant.settings.display_name
        ));
        organization[super::MARK_MEMBER] = json!(true);
    }
    organization
}
