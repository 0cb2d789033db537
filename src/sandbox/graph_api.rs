//! The part of Microsoft Graph that the companion uses, answered from the sandbox tenant.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::exchange::{Answer, Request};
use super::tenant::{By, Pass, Tenant, method_id};

/// Answers `/v1.0/...` and `/beta/...`; the bearer token was already checked.
pub(crate) fn answer(tenant: &mut Tenant, request: &Request) -> Answer {
    let path: Vec<String> = request.path[1..].iter().map(|s| s.to_ascii_lowercase()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["organization"]) => Answer::json(200, json!({"value": [organization(tenant)]})),
        (
            "GET",
            [
                "policies",
                "authenticationmethodspolicy",
                "authenticationmethodconfigurations",
                which,
            ],
        ) => match *which {
            "fido2" => Answer::json(200, tenant.fido2.clone()),
            "temporaryaccesspass" => Answer::json(200, tenant.pass_policy.clone()),
            _ => not_found(request),
        },
        ("GET", ["auditlogs", "directoryaudits"]) => audits(tenant, request),
        ("GET" | "POST", ["rolemanagement", "directory", "roleassignments"]) => roles(tenant, request),
        (_, ["users", user, rest @ ..]) => match tenant.user(user) {
            Some(index) => of_user(tenant, request, index, rest),
            None => Answer::error(
                request,
                404,
                "Request_ResourceNotFound",
                &format!(
                    "Resource '{}' does not exist or one of its queried reference-property objects are not present.",
                    request.path[2]
                ),
            ),
        },
        _ => not_found(request),
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

fn organization(tenant: &Tenant) -> Value {
    let domains: Vec<Value> = tenant
        .settings
        .users
        .iter()
        .filter_map(|u| u.user_principal_name.split_once('@'))
        .map(|(_, domain)| domain)
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .map(|name| json!({"name": name, "isInitial": true, "isDefault": true, "type": "Managed", "capabilities": "Email"}))
        .collect();
    let mut organization = json!({
        "id": tenant.settings.tenant_id,
        "displayName": tenant.settings.display_name,
        "verifiedDomains": domains,
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

fn of_user(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let user = &tenant.settings.users[index];
            Answer::json(
                200,
                json!({
                    "id": user.id, "userPrincipalName": user.user_principal_name,
                    "displayName": user.shown_name(), "accountEnabled": user.account_enabled,
                    "userType": user.user_type, "onPremisesSyncEnabled": user.on_premises_sync_enabled,
                }),
            )
        }
        ("POST", ["checkmembergroups"]) => check_member_groups(tenant, request, index),
        ("POST", ["revokesigninsessions"]) => {
            let reason = "Sessions of the user were revoked";
            let activity = "Update StsRefreshTokenValidFrom Timestamp";
            tenant.audit(Some(index), By::Administrator, activity, reason, &json!([]));
            Answer::json(200, json!({"value": true}))
        }
        (_, ["authentication", "temporaryaccesspassmethods", rest @ ..]) => {
            pass(tenant, request, index, rest)
        }
        (_, ["authentication", "fido2methods", rest @ ..]) => passkeys(tenant, request, index, rest),
        _ => not_found(request),
    }
}

fn check_member_groups(tenant: &Tenant, request: &Request, index: usize) -> Answer {
    let Some(ids) = request.body["groupIds"].as_array().filter(|ids| ids.len() <= 20) else {
        return Answer::error(
            request,
            400,
            "Request_BadRequest",
            "groupIds takes at most 20 group ids.",
        );
    };
    let groups = &tenant.settings.users[index].groups;
    let member: Vec<&Value> = ids
        .iter()
        .filter(|id| {
            id.as_str()
                .is_some_and(|id| groups.iter().any(|g| g.eq_ignore_ascii_case(id)))
        })
        .collect();
    Answer::json(200, json!({"value": member}))
}

fn pass(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
    let shown = |tenant: &Tenant| {
        let pass = tenant.settings.users[index].pass.as_ref();
        pass.map(|p| tenant.pass_json(p, index, false))
    };
    let named = |tenant: &Tenant, id: &str| {
        let pass = tenant.settings.users[index].pass.as_ref();
        pass.is_some_and(|p| p.id.eq_ignore_ascii_case(id))
    };
    match (request.method.as_str(), rest) {
        ("GET", []) => Answer::json(
            200,
            json!({"value": shown(tenant).into_iter().collect::<Vec<_>>()}),
        ),
        ("GET", [id]) if named(tenant, id) => Answer::json(200, shown(tenant).unwrap_or_default()),
        ("DELETE", [id]) if named(tenant, id) => {
            tenant.settings.users[index].pass = None;
            let reason = "Admin deleted temporary access pass method for user";
            let activity = "Admin deleted security info";
            tenant.audit(Some(index), By::Administrator, activity, reason, &json!([]));
            Answer::empty(204)
        }
        ("GET" | "DELETE", [_]) => Answer::error(
            request,
            404,
            "resourceNotFound",
            "The requested authentication method was not found.",
        ),
        ("POST", []) => create_pass(tenant, request, index),
        _ => not_found(request),
    }
}

fn create_pass(tenant: &mut Tenant, request: &Request, index: usize) -> Answer {
    let bad = |message: &str| Answer::error(request, 400, "badRequest", message);
    let policy = &tenant.pass_policy;
    let number = |name: &str, default: i64| policy[name].as_i64().unwrap_or(default);
    let (shortest, longest) = (
        number("minimumLifetimeInMinutes", 60),
        number("maximumLifetimeInMinutes", 480),
    );
    let lifetime = match &request.body["lifetimeInMinutes"] {
        Value::Null => number("defaultLifetimeInMinutes", 60),
        value => value.as_i64().unwrap_or(-1),
    };
    if !(shortest..=longest).contains(&lifetime) {
        return bad(&format!(
            "Invalid LifetimeInMinutes specified. The valid range between {shortest} and {longest}."
        ));
    }
    let forced = policy["isUsableOnce"] == true;
    let once = match &request.body["isUsableOnce"] {
        Value::Null => forced,
        value => *value == true,
    };
    if forced && !once {
        // The rule is documented, its text is not: this one is invented.
        return bad(
            "isUsableOnce must be true: the policy of the tenant allows one-time passes only. (sandbox text)",
        );
    }
    if tenant.settings.users[index]
        .user_type
        .eq_ignore_ascii_case("guest")
    {
        return bad("Temporary Access Pass cannot be added to an external guest user.");
    }
    if tenant.settings.refuse_second_pass && tenant.settings.users[index].pass.is_some() {
        return bad("A Temporary Access Pass already exists for this user. (sandbox text)");
    }
    let created = OffsetDateTime::now_utc();
    let start = match request.body["startDateTime"].as_str() {
        Some(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(start) => start.max(created),
            Err(_) => return bad("Invalid StartDateTime specified."),
        },
        None => created,
    };
    let length = usize::try_from(number("defaultLength", 8))
        .unwrap_or(8)
        .clamp(8, 48);
    let pass = Pass {
        id: super::guid(),
        code: code(length),
        created,
        start,
        lifetime_minutes: lifetime,
        once,
        used: false,
    };
    let body = tenant.pass_json(&pass, index, true);
    tenant.settings.users[index].pass = Some(pass);
    let reason = "Admin registered temporary access pass method for user";
    let activity = "Admin registered security info";
    tenant.audit(Some(index), By::Administrator, activity, reason, &json!([]));
    Answer::json(201, body)
}

/// A code with letters, digits and symbols, as the service makes them.
fn code(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789*&$#%!+=";
    let mut bytes = vec![0_u8; length];
    super::fill_random(&mut bytes);
    bytes
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(b % 64)]))
        .collect()
}

fn passkeys(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
    // Ids are base64url, so here the case of the path matters.
    let wanted = request.path.get(5).map(String::as_str).unwrap_or_default();
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let list: Vec<Value> = tenant
                .visible_passkeys(index)
                .map(super::tenant::Passkey::json)
                .collect();
            page(tenant, request, &list)
        }
        ("GET", [_]) => {
            let found = tenant
                .visible_passkeys(index)
                .map(super::tenant::Passkey::json)
                .find(|p| p["id"] == wanted);
            found.map_or_else(
                || {
                    Answer::error(
                        request,
                        404,
                        "resourceNotFound",
                        "The requested authentication method was not found.",
                    )
                },
                |passkey| Answer::json(200, passkey),
            )
        }
        ("DELETE", [_]) => {
            let list = &mut tenant.settings.users[index].passkeys;
            let before = list.len();
            list.retain(|p| method_id(&p.registered.credential.cred_id) != wanted);
            if list.len() == before {
                return Answer::error(
                    request,
                    404,
                    "resourceNotFound",
                    "The requested authentication method was not found.",
                );
            }
            let reason = "Admin deleted Passkey (device-bound) method for user";
            let activity = "Admin deleted security info";
            tenant.audit(Some(index), By::Administrator, activity, reason, &json!([]));
            Answer::empty(204)
        }
        _ => not_found(request),
    }
}

/// One page of a list, with a link to the next.
fn page(tenant: &Tenant, request: &Request, list: &[Value]) -> Answer {
    let number = |name: &str| request.query.get(name).and_then(|v| v.parse::<usize>().ok());
    let from = number("$skiptoken").unwrap_or(0).min(list.len());
    let size = number("$top")
        .unwrap_or(tenant.settings.page_size)
        .min(tenant.settings.page_size)
        .max(1);
    let to = (from + size).min(list.len());
    let mut body = json!({"value": list[from..to]});
    if to < list.len() {
        let mut link = format!("{}/{}?", request.origin, request.path.join("/"));
        if let Some(filter) = request.query.get("$filter") {
            link.push_str(
                &url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("$filter", filter)
                    .finish(),
            );
            link.push('&');
        }
        body["@odata.nextLink"] = json!(format!("{link}$skiptoken={to}"));
    }
    Answer::json(200, body)
}

fn audits(tenant: &Tenant, request: &Request) -> Answer {
    let filter = request.query.get("$filter").cloned().unwrap_or_default();
    let since = between(&filter, "activityDateTime ge ", " ")
        .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    let target = between(&filter, "targetResources/any(t:t/id eq '", "'");
    if !filter.is_empty() && since.is_none() && target.is_none() {
        return Answer::error(
            request,
            400,
            "BadRequest",
            "The sandbox tenant does not know this filter.",
        );
    }
    let delay = time::Duration::milliseconds(i64::from(tenant.settings.audit_delay_milliseconds));
    let now = OffsetDateTime::now_utc();
    let list: Vec<Value> = tenant
        .audit
        .iter()
        .rev()
        .filter(|e| now >= e.at + delay)
        .filter(|e| since.is_none_or(|since| e.at >= since))
        .filter(|e| target.is_none_or(|t| e.user.as_deref().is_some_and(|u| u.eq_ignore_ascii_case(t))))
        .map(|e| e.body.clone())
        .collect();
    page(tenant, request, &list)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after).unwrap_or(rest.len())])
}

fn roles(tenant: &mut Tenant, request: &Request) -> Answer {
    if request.method == "GET" {
        let filter = request.query.get("$filter").cloned().unwrap_or_default();
        let principal = between(&filter, "principalId eq '", "'");
        let role = between(&filter, "roleDefinitionId eq '", "'");
        let list: Vec<Value> = tenant
            .role_assignments
            .iter()
            .filter(|a| principal.is_none_or(|p| a["principalId"] == p))
            .filter(|a| role.is_none_or(|r| a["roleDefinitionId"] == r))
            .cloned()
            .collect();
        return page(tenant, request, &list);
    }
    let (Some(role), Some(principal)) = (request.text("roleDefinitionId"), request.text("principalId"))
    else {
        return Answer::error(
            request,
            400,
            "Request_BadRequest",
            "roleDefinitionId and principalId are needed.",
        );
    };
    let assignment = json!({"id": super::guid(), "roleDefinitionId": role, "principalId": principal,
        "directoryScopeId": request.text("directoryScopeId").unwrap_or("/")});
    let user = tenant.user(principal);
    tenant.role_assignments.push(assignment.clone());
    tenant.audit(user, By::Administrator, "Add member to role", "", &json!([]));
    Answer::json(201, assignment)
}
