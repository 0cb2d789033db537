//! Security groups: create, list, read; members.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::super::exchange::{Answer, Request};
use super::super::logs::About;
use super::super::settings::{Group, Licence};
use super::super::tenant::Tenant;
use super::pages::{equals, page, selected};
use super::{bad, no_such, not_found};

/// `groups` and what is below it.
pub(super) fn answer(tenant: &mut Tenant, request: &Request, rest: &[&str]) -> Answer {
    let method = request.method.as_str();
    match rest {
        [] if method == "GET" => list(tenant, request),
        [] if method == "POST" => create(tenant, request),
        [id, rest @ ..] => {
            let Some(index) = tenant.spread_group(id) else {
                return no_such(request, &request.path[2]);
            };
            match (method, rest) {
                ("GET", []) => Answer::json(200, selected(request, shown(&tenant.settings.groups[index]))),
                ("GET", ["members"]) => {
                    let members = tenant.members_of(&tenant.settings.groups[index]);
                    page(tenant, request, &members)
                }
                ("POST", ["members", "$ref"]) => add_member(tenant, request, index),
                _ => not_found(request),
            }
        }
        _ => not_found(request),
    }
}

fn shown(group: &Group) -> Value {
    json!({
        "id": group.id, "displayName": group.display_name, "description": group.description,
        "mailNickname": group.mail_nickname, "mailEnabled": false, "securityEnabled": true,
        "groupTypes": [], "isAssignableToRole": group.is_assignable_to_role,
    })
}

fn list(tenant: &Tenant, request: &Request) -> Answer {
    let wanted = equals(request, "displayName");
    if wanted.is_none() && request.query.contains_key("$filter") {
        return bad(request, "The sandbox tenant does not know this filter.");
    }
    let list: Vec<Value> = tenant
        .settings
        .groups
        .iter()
        .filter(|g| tenant.is_spread(g.created))
        .filter(|g| {
            let name = wanted.as_deref();
            name.is_none_or(|n| g.display_name.eq_ignore_ascii_case(n))
        })
        .map(|g| selected(request, shown(g)))
        .collect();
    page(tenant, request, &list)
}

fn create(tenant: &mut Tenant, request: &Request) -> Answer {
    let text = |member: &str| request.text(member).map(str::to_owned);
    let (Some(display_name), Some(mail_nickname)) = (text("displayName"), text("mailNickname")) else {
        return bad(
            request,
            "A value is required for displayName and mailNickname of resource 'Group'.",
        );
    };
    if request.body["mailEnabled"] != false || request.body["securityEnabled"] != true {
        return bad(request, "The sandbox tenant makes plain security groups only.");
    }
    let assignable = request.body["isAssignableToRole"] == true;
    if assignable && tenant.settings.licence == Licence::Free {
        return bad(
            request,
            "The tenant needs a premium licence for groups that roles may be given to. (sandbox text)",
        );
    }
    let group = Group {
        mail_nickname: Some(mail_nickname),
        description: text("description"),
        is_assignable_to_role: assignable,
        created: Some(OffsetDateTime::now_utc()),
        ..Group::named(&display_name)
    };
    let body = shown(&group);
    let id = group.id.clone();
    tenant.settings.groups.push(group);
    let about = About {
        kind: "Group",
        id: &id,
        name: &display_name,
        category: "GroupManagement",
    };
    tenant.audit_about(&about, "Add group", &[]);
    Answer::json(201, body)
}

fn add_member(tenant: &mut Tenant, request: &Request, index: usize) -> Answer {
    let link = request.body["@odata.id"].as_str().unwrap_or_default();
    let Some((_, id)) = link.rsplit_once("/directoryObjects/") else {
        return bad(
            request,
            "The value of @odata.id is not a link to a directory object.",
        );
    };
    let user = tenant.spread_user(id);
    let nested = tenant.spread_group(id);
    let group = &tenant.settings.groups[index];
    if nested.is_some() && group.is_assignable_to_role {
        return bad(
            request,
            "A role-assignable group cannot have a group as its member. (sandbox text)",
        );
    }
    if user.is_none() && nested.is_none() {
        return no_such(request, id);
    }
    if tenant.members_of(group).iter().any(|m| m["id"] == id) {
        return bad(
            request,
            "One or more added object references already exist for the following modified properties: 'members'.",
        );
    }
    let (group_id, name) = (group.id.clone(), group.display_name.clone());
    tenant.settings.groups[index].members.push(id.to_owned());
    let about = About {
        kind: "Group",
        id: &group_id,
        name: &name,
        category: "GroupManagement",
    };
    tenant.audit_about(&about, "Add member to group", user.as_slice());
    Answer::empty(204)
}
