//! What a sandbox tenant knows: users, groups, policies, roles and logs. No HTTP here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use webauthn_rs_core::proto::RegistrationState;

use super::logs::LogEntry;
use super::settings::{Group, Settings};

/// Creation options that somebody asked Graph for: good once, for one user, until they expire.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Challenge {
    /// Object id of the user.
    pub(crate) user: String,
    /// The challenge as it stands in clientDataJSON.
    pub(crate) text: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires: OffsetDateTime,
    /// Whether beta issued it; it is answered there.
    pub(crate) beta: bool,
    pub(crate) state: RegistrationState,
}

/// The tenant: what the state file holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) settings: Settings,
    pub(crate) fido2: Value,
    pub(crate) pass_policy: Value,
    pub(crate) audit: Vec<LogEntry>,
    pub(crate) role_assignments: Vec<Value>,
    #[serde(default = "no_campaign")]
    pub(crate) campaign: Value,
    #[serde(default)]
    pub(crate) sign_ins: Vec<LogEntry>,
    #[serde(default)]
    pub(crate) challenges: Vec<Challenge>,
}

impl Tenant {
    /// A fresh tenant.
    pub(crate) fn new(mut settings: Settings) -> Self {
        for user in &mut settings.users {
            user.draw_handle();
        }
        let everyone = json!([{"targetType": "group", "id": "all_users", "isRegistrationRequired": false}]);
        let mut fido2 = json!({
            "@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
            "id": "Fido2", "state": "enabled",
            "isSelfServiceRegistrationAllowed": true, "isAttestationEnforced": false,
            "keyRestrictions": {"isEnforced": false, "enforcementType": "block", "aaGuids": []},
            "includeTargets": everyone, "excludeTargets": [],
            "defaultPasskeyProfile": null, "passkeyProfiles": [],
        });
        let mut pass_policy = json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration",
            "id": "TemporaryAccessPass", "state": "enabled",
            "defaultLifetimeInMinutes": 60, "defaultLength": 8,
            "minimumLifetimeInMinutes": 60, "maximumLifetimeInMinutes": 480, "isUsableOnce": false,
            "includeTargets": everyone, "excludeTargets": [],
        });
        let mut campaign = no_campaign();
        for (policy, members) in [
            (&mut fido2, &settings.fido2),
            (&mut pass_policy, &settings.temporary_access_pass),
            (&mut campaign, &settings.registration_campaign),
        ] {
            replace_members(policy, members);
        }
        Self {
            role_assignments: settings.role_assignments.clone(),
            settings,
            fido2,
            pass_policy,
            campaign,
            audit: Vec::new(),
            sign_ins: Vec::new(),
            challenges: Vec::new(),
        }
    }

    /// Finds a user by object id or sign-in name.
    pub(crate) fn user(&self, name: &str) -> Option<usize> {
        self.settings
            .users
            .iter()
            .position(|u| u.id.eq_ignore_ascii_case(name) || u.user_principal_name.eq_ignore_ascii_case(name))
    }

    /// The same, as long as the directory has not spread a new user everywhere: Graph answers 404.
    pub(crate) fn spread_user(&self, name: &str) -> Option<usize> {
        self.user(name)
            .filter(|index| self.is_spread(self.settings.users[*index].created))
    }

    /// Finds a group by object id, once it is spread.
    pub(crate) fn spread_group(&self, id: &str) -> Option<usize> {
        let groups = &self.settings.groups;
        groups
            .iter()
            .position(|g| g.id.eq_ignore_ascii_case(id))
            .filter(|index| self.is_spread(groups[*index].created))
    }

    /// Whether something that was created at this time is found everywhere.
    pub(crate) fn is_spread(&self, created: Option<OffsetDateTime>) -> bool {
        let delay = Duration::milliseconds(i64::from(self.settings.replication_delay_milliseconds));
        created.is_none_or(|created| OffsetDateTime::now_utc() >= created + delay)
    }

    /// Ids of all groups that a user is in, over any number of groups in between.
    pub(crate) fn groups_of(&self, user: usize) -> Vec<&str> {
        let user = &self.settings.users[user];
        let mut found: Vec<&str> = user.groups.iter().map(String::as_str).collect();
        let mut open: Vec<&str> = vec![&user.id, &user.user_principal_name];
        open.extend(&found);
        while let Some(member) = open.pop() {
            for group in &self.settings.groups {
                let direct = group.members.iter().any(|m| m.eq_ignore_ascii_case(member));
                if direct && !found.contains(&group.id.as_str()) {
                    found.push(&group.id);
                    open.push(&group.id);
                }
            }
        }
        found
    }

    /// Direct members of a group.
    pub(crate) fn members_of(&self, group: &Group) -> Vec<Value> {
        let named = |id: &str, name: &str| {
            let mut members = group.members.iter();
            members.any(|m| m.eq_ignore_ascii_case(id) || m.eq_ignore_ascii_case(name))
        };
        let users = self.settings.users.iter().filter(|u| {
            let own = u.groups.iter().any(|g| g.eq_ignore_ascii_case(&group.id));
            own || named(&u.id, &u.user_principal_name)
        });
        let users = users.map(|u| {
            json!({"@odata.type": "#microsoft.graph.user", "id": u.id, "displayName": u.shown_name(),
                "userPrincipalName": u.user_principal_name})
        });
        let groups = self.settings.groups.iter().filter(|g| named(&g.id, &g.id));
        let groups = groups.map(
            |g| json!({"@odata.type": "#microsoft.graph.group", "id": g.id, "displayName": g.display_name}),
        );
        users.chain(groups).collect()
    }
}

/// Replaces members of a JSON object.
pub(crate) fn replace_members(object: &mut Value, members: &BTreeMap<String, Value>) {
    for (name, value) in members {
        object[name] = value.clone();
    }
}

fn no_campaign() -> Value {
    json!({
        "state": "default", "snoozeDurationInDays": 1, "excludeTargets": [],
        "includeTargets": [{"id": "all_users", "targetType": "group",
            "targetedAuthenticationMethod": "microsoftAuthenticator"}],
    })
}

#[cfg(test)]
mod tests {
    use super::super::User;
    use super::*;

    #[test]
    fn membership_goes_through_groups_in_groups() {
        let mut settings = Settings {
            users: vec![User::named("a@b.c"), User::named("d@b.c")],
            groups: vec![Group::named("inner"), Group::named("outer")],
            ..Settings::default()
        };
        settings.groups[0].members = vec!["A@b.c".into()];
        settings.groups[1].members = vec![settings.groups[0].id.clone()];
        let tenant = Tenant::new(settings);
        assert_eq!(tenant.groups_of(0).len(), 2);
        assert!(tenant.groups_of(1).is_empty());
        assert_eq!(tenant.members_of(&tenant.settings.groups[1]).len(), 1);
    }

    #[test]
    fn a_state_file_of_before_is_still_read() {
        let mut state = serde_json::to_value(Tenant::new(Settings::default())).unwrap();
        for member in ["campaign", "sign_ins", "challenges"] {
            state.as_object_mut().unwrap().remove(member);
        }
        for member in ["groups", "licence", "domains"] {
            state["settings"].as_object_mut().unwrap().remove(member);
        }
        let tenant: Tenant = serde_json::from_value(state).unwrap();
        assert_eq!(tenant.campaign["state"], "default");
    }
}
