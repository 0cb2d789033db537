//! What is missing, as a list of requests. Pure: from what is there to what is sent.

use serde_json::{Value, json};

use super::policy::{self, Policy};
use super::present::{Groups, Present};
use super::wish::Wish;
use crate::graph::{NewGroup, NewUser};
use crate::id::Upn;
use crate::tenant::rules::{self, Condition};

/// One request as it is shown: without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// HTTP method.
    pub method: &'static str,
    /// Path below the service.
    pub path: String,
    /// Body; a password stands as `<random, never shown>`.
    pub body: Value,
    /// Before and after, line by line.
    pub difference: Vec<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// An account.
    User(NewUser),
    /// The group.
    Group(NewGroup),
    /// An account into the group; ids where both exist already.
    Member {
        /// Whose.
        account: Upn,
        /// Group and account.
        ids: Option<(String, String)>,
    },
    /// A policy.
    Policy(Policy),
}

/// Everything that is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are made, each with what is shown of it.
    pub changes: Vec<(Change, Request)>,
    /// Sentences that somebody should read first.
    pub notices: Vec<String>,
}

impl Plan {
    fn add(&mut self, change: Change, method: &'static str, path: String, body: Value, now: &str) {
        let request = Request {
            method,
            path,
            body,
            difference: vec![format!("+ {now}")],
        };
        self.changes.push((change, request));
    }
}

/// Compares what is there with what is wished.
pub fn plan(wish: &Wish, present: &Present) -> Result<Plan, Condition> {
    tenant(wish, present)?;
    let mut plan = Plan::default();
    for (account, user) in wish.accounts.iter().zip(&present.users) {
        match user {
            Some(user) => rules::account(user, present.caller.as_deref())?,
            None => add_user(account, &mut plan),
        }
    }
    let group = match &present.groups {
        Groups::None => {
            add_group(wish, present, &mut plan);
            None
        }
        Groups::One(group) => {
            let dynamic = group.group_types.iter().any(|t| t == "DynamicMembership");
            if dynamic || group.security_enabled == Some(false) {
                return Err(Condition {
                    what: format!(
                        "The group `{}` is there and is not a plain security group.",
                        wish.group
                    ),
                    hint: "Choose another name, or rename that group.".into(),
                });
            }
            if group.is_assignable_to_role != Some(true) {
                plan.notices.push(
                    "The group is not role-assignable: whoever manages groups can add members to it.".into(),
                );
            }
            Some(group)
        }
        Groups::Many(count) => {
            return Err(Condition {
                what: format!("{count} groups have the name `{}`.", wish.group),
                hint: "Choose another name, or rename the others.".into(),
            });
        }
    };
    for (account, user) in wish.accounts.iter().zip(&present.users) {
        let inside = |id: &String| present.members.iter().any(|m| m.eq_ignore_ascii_case(id));
        let user = user.as_ref().map(|u| &u.id);
        if user.is_some_and(inside) {
            continue;
        }
        let ids = group.zip(user).map(|(g, u)| (g.id.clone(), u.clone()));
        let unknown = (
            String::from("<id of the new group>"),
            format!("<id of {account}>"),
        );
        let (group_id, user_id) = (
            group.map_or(unknown.0, |g| g.id.clone()),
            user.cloned().unwrap_or(unknown.1),
        );
        plan.add(
            Change::Member {
                account: account.clone(),
                ids,
            },
            "POST",
            format!("/v1.0/groups/{group_id}/members/$ref"),
            json!({"@odata.id": format!("{}/v1.0/directoryObjects/{user_id}", present.link_origin)}),
            &format!("{account} in {}", wish.group),
        );
    }
    let id = group.map_or("<id of the new group>", |g| g.id.as_str());
    for which in Policy::ALL {
        let before = present.policy(which);
        if let Some(request) = policy::change(which, before, id, &wish.models, &mut plan.notices)? {
            plan.changes.push((Change::Policy(which), request));
        }
    }
    match present.security_defaults.value() {
        Some(true) => plan.notices.push(
            "Security defaults are on. They stay as they are: Conditional Access applies only without them."
                .into(),
        ),
        Some(false) => {}
        None => plan
            .notices
            .push("Whether security defaults are on could not be read.".into()),
    }
    if wish.accounts.len() < 2 {
        plan.notices
            .push("Only one account is named: if it is locked out, there is no other.".into());
    }
    Ok(plan)
}

fn tenant(wish: &Wish, present: &Present) -> Result<(), Condition> {
    let id = &present.organization.id;
    match &wish.tenant_id {
        Some(planned) if !planned.eq_ignore_ascii_case(id) => Err(Condition {
            what: format!("The file is for tenant {planned}, and the token belongs to tenant {id}."),
            hint: "Sign in to the tenant of the file.".into(),
        }),
        _ => Ok(()),
    }
}

fn add_user(account: &Upn, plan: &mut Plan) {
    let name = account.as_str().split('@').next().unwrap_or_default();
    let new = NewUser {
        account_enabled: true,
        display_name: name.to_ascii_uppercase(),
        mail_nickname: name.to_owned(),
        user_principal_name: account.to_string(),
        password_policies: "DisablePasswordExpiration",
    };
    let mut body = json!(new);
    body["passwordProfile"] =
        json!({"forceChangePasswordNextSignIn": false, "password": "<random, never shown>"});
    let now = format!("account {account}");
    plan.add(Change::User(new), "POST", "/v1.0/users".into(), body, &now);
}

fn add_group(wish: &Wish, present: &Present, plan: &mut Plan) {
    let assignable = wish.role_assignable.unwrap_or(present.licensed);
    if !assignable {
        plan.notices.push(
            "The group will not be role-assignable (that needs Entra ID P1): whoever manages groups can add \
             members to it, and it cannot be changed later."
                .into(),
        );
    }
    let nickname: String = wish
        .group
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    let new = NewGroup {
        display_name: wish.group.clone(),
        description: "Emergency-access accounts and nobody else".into(),
        mail_enabled: false,
        mail_nickname: if nickname.is_empty() {
            "emergencyaccess".into()
        } else {
            nickname
        },
        security_enabled: true,
        group_types: [],
        is_assignable_to_role: assignable,
    };
    let now = format!("group {}", wish.group);
    let body = json!(new);
    plan.add(Change::Group(new), "POST", "/v1.0/groups".into(), body, &now);
}
