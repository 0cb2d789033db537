//! Calls on users, groups and roles.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::calls::encoded;
use super::client::{Client, Repeat};
use super::error::GraphError;
use super::model::{Scope, User};
use crate::secret::{Secret, with_capacity};

/// Template id of the role Global Administrator, the same in every tenant.
pub const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

/// A group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Object id.
    pub id: String,
    /// Name for people; not unique.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether roles may be given to it, which also protects its membership.
    #[serde(default)]
    pub is_assignable_to_role: Option<bool>,
    /// Whether it is a security group.
    #[serde(default)]
    pub security_enabled: Option<bool>,
    /// `DynamicMembership` among them: nobody adds a member by hand.
    #[serde(default)]
    pub group_types: Vec<String>,
}

/// A member of a group: a user, or another group.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Object id.
    pub id: String,
    /// Sign-in name of a user.
    #[serde(default)]
    pub user_principal_name: Option<String>,
    /// Name for people.
    #[serde(default)]
    pub display_name: Option<String>,
}

/// A role that somebody has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleAssignment {
    /// Id of the assignment.
    pub id: String,
    /// Which role.
    #[serde(default)]
    pub role_definition_id: Option<String>,
    /// Where it counts: `/` is the whole tenant.
    #[serde(default)]
    pub directory_scope_id: Option<String>,
}

/// How long and in which way somebody has a role.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleSchedule {
    /// Which role.
    #[serde(default)]
    pub role_definition_id: Option<String>,
    /// `Assigned`, or `Activated` from an eligibility.
    #[serde(default)]
    pub assignment_type: Option<String>,
    /// When it ends; nothing for a permanent one.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub end_date_time: Option<OffsetDateTime>,
}

/// A new account, without its password.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// Whether sign-in is possible.
    pub account_enabled: bool,
    /// Name for people.
    pub display_name: String,
    /// Name for mail; it gets none.
    pub mail_nickname: String,
    /// Sign-in name.
    pub user_principal_name: String,
    /// `DisablePasswordExpiration`.
    pub password_policies: &'static str,
}

/// A new group.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NewGroup {
    /// Name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Always false.
    pub mail_enabled: bool,
    /// Name for mail; it gets none.
    pub mail_nickname: String,
    /// Always true.
    pub security_enabled: bool,
    /// Always empty: members are added one by one.
    pub group_types: [String; 0],
    /// Whether roles may be given to it; cannot be changed later.
    pub is_assignable_to_role: bool,
}

impl Client {
    /// Who an account is to policies: which of these groups it is in, however deep.
    pub fn scope<'a>(
        &self,
        user: &str,
        groups: impl IntoIterator<Item = &'a str>,
    ) -> Result<Scope, GraphError> {
        let mut ids: Vec<&str> = groups.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        let mut found = Vec::new();
        for some in ids.chunks(20) {
            #[derive(Deserialize)]
            struct Ids {
                value: Vec<String>,
            }
            let path = format!("/v1.0/users/{}/checkMemberGroups", encoded(user));
            let reply = self.send("POST", &path, Some(&json!({"groupIds": some})), Repeat::Safe)?;
            found.extend(reply.json::<Ids>()?.value);
        }
        Ok(Scope::new(user, found))
    }

    /// Creates an account. The password goes into the request and nowhere else.
    ///
    /// Repeats by itself: a sign-in name can be taken only once.
    pub fn create_user(&self, new: &NewUser, password: &Secret<String>) -> Result<User, GraphError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            #[serde(flatten)]
            new: &'a NewUser,
            password_profile: Profile<'a>,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Profile<'a> {
            force_change_password_next_sign_in: bool,
            password: &'a str,
        }
        let body = Body {
            new,
            password_profile: Profile {
                force_change_password_next_sign_in: false,
                password: password.expose(),
            },
        };
        // Twice the longest password and the names: it never grows, so that it leaves no copy.
        let mut bytes = with_capacity(4096);
        serde_json::to_writer(bytes.expose_mut(), &body).map_err(|e| GraphError::Unreadable {
            call: "POST /v1.0/users".into(),
            reason: e.to_string(),
            client_request_id: String::new(),
        })?;
        self.send_bytes("POST", "/v1.0/users", Some(bytes.expose()), Repeat::Safe)?
            .json()
    }

    /// Lists the groups with this name.
    pub fn groups_named(&self, name: &str) -> Result<Vec<Group>, GraphError> {
        let filter = format!("displayName eq '{}'", name.replace('\'', "''"));
        self.list(&format!("/v1.0/groups?$filter={}", encoded(&filter)))
    }

    /// Reads a group by its object id.
    pub fn group(&self, id: &str) -> Result<Group, GraphError> {
        self.get(&format!("/v1.0/groups/{}", encoded(id)))
    }

    /// Lists the direct members of a group.
    pub fn group_members(&self, id: &str) -> Result<Vec<Member>, GraphError> {
        self.list(&format!("/v1.0/groups/{}/members", encoded(id)))
    }

    /// Creates a group. Never repeats by itself, because names are not unique.
    pub fn create_group(&self, new: &NewGroup) -> Result<Group, GraphError> {
        self.send("POST", "/v1.0/groups", Some(&json!(new)), Repeat::Never)?
            .json()
    }

    /// Adds a member to a group. A member that is in it already is refused with 400.
    pub fn add_member(&self, group: &str, member: &str) -> Result<(), GraphError> {
        let path = format!("/v1.0/groups/{}/members/$ref", encoded(group));
        let link = format!("{}/v1.0/directoryObjects/{member}", self.link_origin());
        self.send("POST", &path, Some(&json!({"@odata.id": link})), Repeat::Safe)?;
        Ok(())
    }

    /// Scheme and host that stand in links to objects of this cloud.
    #[must_use]
    pub fn link_origin(&self) -> &str {
        if self.service().is_loopback() {
            "https://graph.microsoft.com"
        } else {
            self.service().origin()
        }
    }

    /// Lists the roles that somebody has.
    pub fn role_assignments(&self, principal: &str) -> Result<Vec<RoleAssignment>, GraphError> {
        self.list(&roles("roleAssignments", principal))
    }

    /// Gives somebody a role in the whole tenant, active and without an end.
    ///
    /// Never repeats by itself: a role that somebody has already is refused with 400.
    pub fn assign_role(&self, principal: &str, role: &str) -> Result<RoleAssignment, GraphError> {
        let body = json!({
            "@odata.type": "#microsoft.graph.unifiedRoleAssignment",
            "roleDefinitionId": role,
            "principalId": principal,
            "directoryScopeId": "/",
        });
        let path = "/v1.0/roleManagement/directory/roleAssignments";
        self.send("POST", path, Some(&body), Repeat::Never)?.json()
    }

    /// Lists how somebody has roles; needs a licence (P2).
    pub fn role_schedules(&self, principal: &str) -> Result<Vec<RoleSchedule>, GraphError> {
        self.list(&roles("roleAssignmentScheduleInstances", principal))
    }

    /// Reads one entry of the sign-in log, to see whether it can be read; needs a licence (P1).
    pub fn try_sign_in_log(&self) -> Result<(), GraphError> {
        let _: Value = self.get("/v1.0/auditLogs/signIns?$top=1")?;
        Ok(())
    }
}

fn roles(list: &str, principal: &str) -> String {
    let filter = format!("principalId eq '{}'", principal.replace('\'', "''"));
    format!(
        "/v1.0/roleManagement/directory/{list}?$filter={}",
        encoded(&filter)
    )
}
