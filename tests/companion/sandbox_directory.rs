//! Users, groups, roles and permissions of the sandbox tenant: each refusal has its accepted twin.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use glasskey::sandbox::{Group, Licence, Options, Sandbox, Settings, User};
use serde_json::{Value, json};

use crate::browser::graph;
use crate::contract::Recorded;

const ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

fn settings() -> Settings {
    Settings {
        replication_delay_milliseconds: 0,
        audit_delay_milliseconds: 0,
        users: vec![User::named("old@contoso.onmicrosoft.com")],
        ..Settings::default()
    }
}

fn new_user(name: &str) -> Value {
    json!({"accountEnabled": true, "displayName": name, "mailNickname": name,
        "userPrincipalName": format!("{name}@contoso.onmicrosoft.com"),
        "passwordPolicies": "DisablePasswordExpiration",
        "passwordProfile": {"forceChangePasswordNextSignIn": false, "password": "aB3!aB3!aB3!"}})
}

fn new_group(assignable: bool) -> Value {
    json!({"displayName": "Emergency", "mailEnabled": false, "mailNickname": "emergency",
        "securityEnabled": true, "groupTypes": [], "isAssignableToRole": assignable})
}

fn activities(sandbox: &Sandbox) -> Vec<String> {
    let (_, list) = graph(sandbox, "GET", "/v1.0/auditLogs/directoryAudits", None);
    let entries = list["value"].as_array().unwrap().iter();
    entries
        .map(|e| e["activityDisplayName"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_user_is_created_once_and_its_password_is_checked_and_never_shown() {
    let sandbox = Recorded::start(settings());
    for (change, value) in [
        ("password", json!({"password": "short1!"})),
        ("password", json!({"password": "onlyletters"})),
        ("password", json!({"password": "aB3!".repeat(65)})),
        ("userPrincipalName", json!("bg-01@elsewhere.example")),
        ("userPrincipalName", json!("bg 01@contoso.onmicrosoft.com")),
        ("mailNickname", json!("")),
        ("accountEnabled", Value::Null),
    ] {
        let mut body = new_user("bg-01");
        if change == "password" {
            body["passwordProfile"] = value;
        } else {
            body[change] = value;
        }
        let (status, answer) = graph(&sandbox, "POST", "/v1.0/users", Some(&body));
        assert_eq!(status, 400, "{change}: {answer}");
    }
    let (status, user) = graph(&sandbox, "POST", "/v1.0/users", Some(&new_user("bg-01")));
    assert_eq!(status, 201, "{user}");
    let path = format!("/v1.0/users/{}", user["id"].as_str().unwrap());
    let (_, read) = graph(&sandbox, "GET", &path, None);
    assert_eq!(read["passwordPolicies"], "DisablePasswordExpiration");
    assert!(!read.to_string().contains("aB3!") && !user.to_string().contains("aB3!"));
    let (_, some) = graph(&sandbox, "GET", &format!("{path}?$select=id,userType"), None);
    assert_eq!(some, json!({"id": user["id"], "userType": "Member"}));
    let (status, _) = graph(&sandbox, "POST", "/v1.0/users", Some(&new_user("BG-01")));
    assert_eq!(status, 400);
    assert_eq!(activities(&sandbox), ["Add user"]);
}

#[test]
fn what_is_new_is_not_found_everywhere_at_once() {
    let sandbox = Recorded::start(Settings {
        replication_delay_milliseconds: 400,
        ..settings()
    });
    let (_, user) = graph(&sandbox, "POST", "/v1.0/users", Some(&new_user("bg-01")));
    let (_, group) = graph(&sandbox, "POST", "/v1.0/groups", Some(&new_group(true)));
    let paths = [
        format!("/v1.0/users/{}", user["id"].as_str().unwrap()),
        format!("/v1.0/groups/{}", group["id"].as_str().unwrap()),
    ];
    for path in &paths {
        let (status, answer) = graph(&sandbox, "GET", path, None);
        assert_eq!(
            (status, &answer["error"]["code"]),
            (404, &json!("Request_ResourceNotFound"))
        );
    }
    // Nobody can create it a second time meanwhile.
    let again = graph(&sandbox, "POST", "/v1.0/users", Some(&new_user("bg-01")));
    assert_eq!(again.0, 400);
    std::thread::sleep(Duration::from_millis(450));
    for path in &paths {
        assert_eq!(graph(&sandbox, "GET", path, None).0, 200);
    }
}

#[test]
fn a_member_is_added_once_and_groups_in_groups_count() {
    let mut settings = settings();
    settings.groups = vec![Group::named("outer"), Group::named("inner")];
    settings.groups[0].members = vec![settings.groups[1].id.clone()];
    let ids = [settings.groups[0].id.clone(), settings.groups[1].id.clone()];
    let user = settings.users[0].id.clone();
    let sandbox = Recorded::start(settings);
    let check = || {
        let body = json!({"groupIds": ids});
        let path = format!("/v1.0/users/{user}/checkMemberGroups");
        let (status, answer) = graph(&sandbox, "POST", &path, Some(&body));
        assert_eq!(status, 200);
        answer["value"].as_array().unwrap().len()
    };
    assert_eq!(check(), 0);
    let members = format!("/v1.0/groups/{}/members", ids[1]);
    let add = |id: &str| {
        let link = format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}");
        let path = format!("{members}/$ref");
        graph(&sandbox, "POST", &path, Some(&json!({"@odata.id": link}))).0
    };
    assert_eq!((add("unknown"), add(&user), add(&user)), (404, 204, 400));
    assert_eq!(check(), 2);
    let (_, list) = graph(&sandbox, "GET", &members, None);
    assert_eq!(list["value"][0]["id"], json!(user));
    assert_eq!(activities(&sandbox), ["Add member to group"]);
    let many: Vec<String> = (0..21).map(|n| n.to_string()).collect();
    let path = format!("/v1.0/users/{user}/checkMemberGroups");
    assert_eq!(
        graph(&sandbox, "POST", &path, Some(&json!({"groupIds": many}))).0,
        400
    );
}

#[test]
fn role_assignable_groups_and_schedules_need_their_licence() {
    for (licence, assignable, schedules, sign_ins) in [
        (Licence::Free, 400, 400, 403),
        (Licence::P1, 201, 400, 200),
        (Licence::P2, 201, 200, 200),
    ] {
        let sandbox = Recorded::start(Settings {
            licence,
            ..settings()
        });
        let post = |body: &Value| graph(&sandbox, "POST", "/v1.0/groups", Some(body)).0;
        assert_eq!(
            (post(&new_group(true)), post(&new_group(false))),
            (assignable, 201)
        );
        let get = |path: &str| graph(&sandbox, "GET", path, None).0;
        let instances = "/v1.0/roleManagement/directory/roleAssignmentScheduleInstances";
        assert_eq!(get(instances), schedules, "{licence:?}");
        assert_eq!(get("/v1.0/auditLogs/signIns"), sign_ins, "{licence:?}");
    }
}

#[test]
fn a_role_is_assigned_once_found_by_filter_and_taken_away() {
    let settings = settings();
    let user = settings.users[0].id.clone();
    let sandbox = Recorded::start(settings);
    let path = "/v1.0/roleManagement/directory/roleAssignments";
    let body = json!({"@odata.type": "#microsoft.graph.unifiedRoleAssignment",
        "roleDefinitionId": ADMINISTRATOR, "principalId": user, "directoryScopeId": "/"});
    let (status, assigned) = graph(&sandbox, "POST", path, Some(&body));
    assert_eq!(status, 201);
    assert_eq!(graph(&sandbox, "POST", path, Some(&body)).0, 400);
    let mut unknown = body.clone();
    unknown["principalId"] = json!("nobody");
    assert_eq!(graph(&sandbox, "POST", path, Some(&unknown)).0, 404);
    let count = |role: &str| {
        let filter = format!("principalId%20eq%20%27{user}%27%20and%20roleDefinitionId%20eq%20%27{role}%27");
        let (_, list) = graph(&sandbox, "GET", &format!("{path}?$filter={filter}"), None);
        list["value"].as_array().unwrap().len()
    };
    assert_eq!((count(ADMINISTRATOR), count("other")), (1, 0));
    let one = format!("{path}/{}", assigned["id"].as_str().unwrap());
    assert_eq!(graph(&sandbox, "DELETE", &one, None).0, 204);
    assert_eq!(graph(&sandbox, "DELETE", &one, None).0, 404);
    assert_eq!(count(ADMINISTRATOR), 0);
    let (_, definitions) = graph(
        &sandbox,
        "GET",
        "/v1.0/roleManagement/directory/roleDefinitions",
        None,
    );
    assert_eq!(definitions["value"][0]["displayName"], "Global Administrator");
    assert_eq!(
        activities(&sandbox),
        ["Remove member from role", "Add member to role"]
    );
}

#[test]
fn a_list_comes_in_pages_that_keep_its_filter() {
    let mut settings = settings();
    settings.page_size = 2;
    settings.users = (0..5)
        .map(|n| User::named(&format!("u{n}@contoso.onmicrosoft.com")))
        .collect();
    let sandbox = Recorded::start(settings);
    let (mut path, mut names, mut pages) = ("/v1.0/users?$select=userPrincipalName".to_owned(), 0, 0);
    loop {
        let (_, page) = graph(&sandbox, "GET", &path, None);
        let list = page["value"].as_array().unwrap();
        assert!(list.iter().all(|u| u.as_object().unwrap().len() == 1));
        names += list.len();
        pages += 1;
        let Some(next) = page["@odata.nextLink"].as_str() else {
            break;
        };
        path = next.strip_prefix(&sandbox.origin()).unwrap().to_owned();
    }
    assert_eq!((names, pages), (5, 3));
}

/// A token that tells what its bearer may do.
fn token(scopes: &str) -> String {
    let claims = json!({"oid": "00000000-0000-4000-8000-000000000009", "scp": scopes});
    format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[test]
fn a_token_that_names_permissions_is_held_to_them_in_both_styles() {
    for (scopes, users, passes, log) in [
        ("User.Read.All", 200, 403, 403),
        ("UserAuthMethod-TAP.Read.All AuditLog.Read.All", 403, 200, 403),
        ("AuditLog.Read.All Directory.Read.All", 200, 403, 200),
    ] {
        let sandbox = Recorded::with(Options {
            settings: settings(),
            token: Some(token(scopes)),
            ..Options::default()
        });
        let user = "/v1.0/users/old@contoso.onmicrosoft.com";
        let (status, answer) = graph(&sandbox, "GET", user, None);
        assert_eq!(status, users, "{scopes}");
        if status == 403 {
            assert_eq!(answer["error"]["code"], "Authorization_RequestDenied");
        }
        let methods = format!("{user}/authentication/temporaryAccessPassMethods");
        let (status, answer) = graph(&sandbox, "GET", &methods, None);
        assert_eq!(status, passes, "{scopes}");
        if status == 403 {
            assert_eq!(answer["error"]["code"], "accessDenied");
        }
        assert_eq!(
            graph(&sandbox, "GET", "/v1.0/auditLogs/directoryAudits", None).0,
            log
        );
    }
}
