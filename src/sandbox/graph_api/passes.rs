//! Temporary Access Passes: create, list, read, delete.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::exchange::{Answer, Request};
use super::super::logs::By;
use super::super::methods::Pass;
use super::super::tenant::Tenant;
use super::not_found;

/// Answers the calls on a user's passes.
pub(super) fn answer(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
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
            tenant.audit(index, By::Administrator, activity, reason, &json!([]));
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
        id: super::super::guid(),
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
    tenant.audit(index, By::Administrator, activity, reason, &json!([]));
    Answer::json(201, body)
}

/// A code with letters, digits and symbols, as the service makes them.
fn code(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789*&$#%!+=";
    let mut bytes = vec![0_u8; length];
    super::super::fill_random(&mut bytes);
    bytes
        .iter()
        .map(|b| char::from(ALPHABET[usize::from(b % 64)]))
        .collect()
}
