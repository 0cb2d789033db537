//! Passkeys: list, read, delete.

use serde_json::{Value, json};

use super::super::exchange::{Answer, Request};
use super::super::logs::By;
use super::super::methods::{Passkey, method_id};
use super::super::tenant::Tenant;
use super::{not_found, pages};

/// Answers the calls on a user's passkeys, but for their creation.
pub(super) fn answer(tenant: &mut Tenant, request: &Request, index: usize, rest: &[&str]) -> Answer {
    // Ids are base64url, so here the case of the path matters.
    let wanted = request.path.get(5).map(String::as_str).unwrap_or_default();
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let list: Vec<Value> = tenant.visible_passkeys(index).map(Passkey::json).collect();
            pages::page(tenant, request, &list)
        }
        ("GET", [_]) => {
            let found = tenant
                .visible_passkeys(index)
                .map(Passkey::json)
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
            tenant.audit(index, By::Administrator, activity, reason, &json!([]));
            Answer::empty(204)
        }
        _ => not_found(request),
    }
}
