//! Directory roles: definitions, assignments, and their schedules where the licence has them.

use serde_json::{Value, json};

use super::super::exchange::{Answer, Request};
use super::super::logs::About;
use super::super::settings::Licence;
use super::super::tenant::Tenant;
use super::pages::{equals, page};
use super::{bad, no_such, not_found};

/// Roles that emergency access is about; ids are those of the templates, the same in every tenant.
const DEFINITIONS: [(&str, &str); 5] = [
    ("62e90394-69f5-4237-9190-012177145e10", "Global Administrator"),
    ("f2ef992c-3afb-46b9-b7cf-a126ee74c451", "Global Reader"),
    (
        "e8611ab8-c189-46e8-94e1-60213ab1f814",
        "Privileged Role Administrator",
    ),
    (
        "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
        "Privileged Authentication Administrator",
    ),
    (
        "c4e39bd9-1100-46d3-8c65-fb160da0071f",
        "Authentication Administrator",
    ),
];

/// `roleManagement/directory/...`.
pub(super) fn answer(tenant: &mut Tenant, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", ["roledefinitions"]) => {
            let list: Vec<Value> = DEFINITIONS
                .iter()
                .map(|(id, name)| definition(id, name))
                .collect();
            page(tenant, request, &list)
        }
        ("GET", ["roledefinitions", id]) => match DEFINITIONS.iter().find(|(known, _)| known == id) {
            Some((id, name)) => Answer::json(200, definition(id, name)),
            None => no_such(request, id),
        },
        ("GET", ["roleassignments"]) => {
            let list: Vec<Value> = fitting(tenant, request).map(assignment).collect();
            page(tenant, request, &list)
        }
        ("GET", ["roleassignmentscheduleinstances"]) => {
            if tenant.settings.licence < Licence::P2 {
                return Answer::error(
                    request,
                    400,
                    "AadPremiumLicenseRequired",
                    "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.",
                );
            }
            let list: Vec<Value> = fitting(tenant, request).map(instance).collect();
            page(tenant, request, &list)
        }
        ("POST", ["roleassignments"]) => assign(tenant, request),
        ("DELETE", ["roleassignments", _]) => {
            let wanted = &request.path[4];
            let found = tenant.role_assignments.iter().position(|a| a["id"] == *wanted);
            let Some(index) = found else {
                return no_such(request, wanted);
            };
            let removed = tenant.role_assignments.remove(index);
            audit(tenant, &removed, "Remove member from role");
            Answer::empty(204)
        }
        _ => not_found(request),
    }
}

fn definition(id: &str, name: &str) -> Value {
    json!({"id": id, "templateId": id, "displayName": name, "isBuiltIn": true, "isEnabled": true})
}

fn fitting<'t>(tenant: &'t Tenant, request: &Request) -> impl Iterator<Item = &'t Value> + use<'t> {
    let (principal, role) = (
        equals(request, "principalId"),
        equals(request, "roleDefinitionId"),
    );
    let fits = move |a: &&Value| {
        let is = |member: &str, wanted: &Option<String>| wanted.as_ref().is_none_or(|w| a[member] == **w);
        is("principalId", &principal) && is("roleDefinitionId", &role)
    };
    tenant.role_assignments.iter().filter(fits)
}

/// An assignment without what only its schedule shows.
fn assignment(kept: &Value) -> Value {
    json!({
        "id": kept["id"].as_str().unwrap_or("assignment"),
        "principalId": kept["principalId"], "roleDefinitionId": kept["roleDefinitionId"],
        "directoryScopeId": kept["directoryScopeId"].as_str().unwrap_or("/"),
    })
}

fn instance(kept: &Value) -> Value {
    let mut instance = assignment(kept);
    instance["assignmentType"] = json!(kept["assignmentType"].as_str().unwrap_or("Assigned"));
    instance["memberType"] = json!("Direct");
    instance["startDateTime"] = kept["startDateTime"].clone();
    instance["endDateTime"] = kept["endDateTime"].clone();
    instance
}

fn assign(tenant: &mut Tenant, request: &Request) -> Answer {
    let (Some(role), Some(principal)) = (request.text("roleDefinitionId"), request.text("principalId"))
    else {
        return bad(request, "roleDefinitionId and principalId are needed.");
    };
    if tenant.spread_user(principal).is_none() && tenant.spread_group(principal).is_none() {
        return no_such(request, principal);
    }
    let new = json!({"id": super::super::guid(), "roleDefinitionId": role, "principalId": principal,
        "directoryScopeId": request.text("directoryScopeId").unwrap_or("/")});
    let same = |a: &Value| {
        ["roleDefinitionId", "principalId", "directoryScopeId"]
            .iter()
            .all(|member| assignment(a)[member] == new[member])
    };
    if tenant.role_assignments.iter().any(same) {
        return bad(
            request,
            "A conflicting object with one or more of the specified property values is present in the directory.",
        );
    }
    tenant.role_assignments.push(new.clone());
    audit(tenant, &new, "Add member to role");
    Answer::json(201, new)
}

fn audit(tenant: &mut Tenant, assignment: &Value, activity: &str) {
    let text = |member: &str| assignment[member].as_str().unwrap_or_default();
    let user = tenant.user(text("principalId"));
    let about = About {
        kind: "Role",
        id: text("roleDefinitionId"),
        name: "",
        category: "RoleManagement",
    };
    tenant.audit_about(&about, activity, user.as_slice());
}
