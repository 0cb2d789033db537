//! Audit log and sign-in log.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::stamp;
use super::tenant::Tenant;

/// One entry of the audit log or of the sign-in log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LogEntry {
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) at: OffsetDateTime,
    pub(crate) user: Option<String>,
    pub(crate) body: Value,
}

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The caller of Graph.
    Administrator,
    /// The user himself, on the sign-in stand-in.
    User,
}

/// What an audit entry is about.
pub(crate) struct About<'a> {
    /// `User`, `Group`, `Policy`, ...
    pub(crate) kind: &'a str,
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
}

impl Tenant {
    /// Writes an audit entry about the security info of a user.
    pub(crate) fn audit(&mut self, user: usize, by: By, activity: &str, reason: &str, details: &Value) {
        let user = &self.settings.users[user];
        let target = json!([{"id": user.id, "type": "User", "displayName": user.display_name,
            "userPrincipalName": user.user_principal_name, "modifiedProperties": []}]);
        let initiator = match by {
            By::User => json!({"user": {
                "id": user.id, "userPrincipalName": user.user_principal_name, "ipAddress": "127.0.0.1"}}),
            By::Administrator => administrator(),
        };
        let id = user.id.clone();
        let words = (activity, reason, "UserManagement", "Authentication Methods");
        self.write_audit(Some(id), words, &initiator, &target, details);
    }

    /// Writes an audit entry about anything in the directory; `users` are further targets.
    pub(crate) fn audit_about(&mut self, about: &About<'_>, activity: &str, users: &[usize]) {
        let mut targets = vec![
            json!({"id": about.id, "type": about.kind, "displayName": about.name,
            "modifiedProperties": []}),
        ];
        for user in users {
            let user = &self.settings.users[*user];
            targets.push(
                json!({"id": user.id, "type": "User", "displayName": user.display_name,
                "userPrincipalName": user.user_principal_name, "modifiedProperties": []}),
            );
        }
        let first = users.first().map(|u| self.settings.users[*u].id.clone());
        let user = first.or_else(|| (about.kind == "User").then(|| about.id.to_owned()));
        let words = (activity, "", about.category, "Core Directory");
        self.write_audit(user, words, &administrator(), &json!(targets), &json!([]));
    }

    fn write_audit(
        &mut self,
        user: Option<String>,
        (activity, reason, category, service): (&str, &str, &str, &str),
        initiator: &Value,
        targets: &Value,
        details: &Value,
    ) {
        let at = OffsetDateTime::now_utc();
        let body = json!({
            "id": super::guid(), "category": category, "correlationId": super::guid(),
            "result": "success", "resultReason": reason, "activityDisplayName": activity,
            "activityDateTime": stamp(at), "loggedByService": service,
            "operationType": "Update", "initiatedBy": initiator, "targetResources": targets,
            "additionalDetails": details,
        });
        self.audit.push(LogEntry { at, user, body });
    }

    /// Writes a sign-in; error code 0 is success. `method` and `detail` are shown by beta alone.
    pub(crate) fn sign_in(&mut self, user: usize, method: &str, detail: &str, error: Option<(i32, &str)>) {
        let at = OffsetDateTime::now_utc();
        let user = &self.settings.users[user];
        let (code, reason) = error.unwrap_or((0, "Other."));
        let body = json!({
            "id": super::guid(), "createdDateTime": stamp(at), "correlationId": super::guid(),
            "userId": user.id, "userPrincipalName": user.user_principal_name,
            "userDisplayName": user.shown_name(), "appId": "19db86c3-b2b9-44cc-b339-36da233a3be2",
            "appDisplayName": "My Signins", "resourceDisplayName": "Microsoft Graph", "resourceId": null,
            "ipAddress": "127.0.0.1", "clientAppUsed": "Browser", "isInteractive": true,
            "conditionalAccessStatus": "notApplied",
            "status": {"errorCode": code, "failureReason": reason, "additionalDetails": null},
            "authenticationRequirement": "multiFactorAuthentication",
            "authenticationDetails": [{
                "authenticationStepDateTime": stamp(at), "authenticationMethod": method,
                "authenticationMethodDetail": detail, "succeeded": code == 0,
                "authenticationStepResultDetail": null, "authenticationStepRequirement": "Phishing resistant MFA",
            }],
        });
        let user = Some(user.id.clone());
        self.sign_ins.push(LogEntry { at, user, body });
    }
}

fn administrator() -> Value {
    json!({"app": null, "user": {
        "id": "00000000-0000-4000-8000-00000000ad01", "userPrincipalName": "registrar@sandbox"}})
}
