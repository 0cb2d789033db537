//! Permissions of the caller, if the token tells any: then a call outside them is refused as Graph does.
//!
//! A token of the sandbox is any text, and may do everything. One in the form of a JWT is read, not verified:
//! `oid` is the caller, `scp` (delegated) or `roles` (application) what it may do.

use serde_json::Value;

use super::super::exchange::{Answer, Request};

/// Who calls Graph.
pub(crate) struct Caller {
    id: Option<String>,
    permissions: Option<Vec<String>>,
}

impl Caller {
    /// Reads a token.
    pub(crate) fn of(token: &str) -> Self {
        let claims = || -> Option<Value> {
            let payload = super::super::relying_party::lenient_base64(token.split('.').nth(1)?)?;
            serde_json::from_slice(&payload).ok()
        };
        let claims = claims().unwrap_or_default();
        let scopes = claims["scp"]
            .as_str()
            .map(|text| text.split(' ').map(str::to_owned).collect());
        let roles = claims["roles"].as_array().map(|list| {
            let names = list.iter().filter_map(Value::as_str);
            names.map(str::to_owned).collect()
        });
        Self {
            id: claims["oid"].as_str().map(str::to_owned),
            permissions: scopes.or(roles),
        }
    }

    /// Whether the caller is this user.
    pub(crate) fn is(&self, user: &str) -> bool {
        self.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(user))
    }

    /// The refusal of a call that the permissions do not cover.
    pub(super) fn refusal(&self, request: &Request, path: &[&str]) -> Option<Answer> {
        let held = self.permissions.as_ref()?;
        let has = |one: &str| held.iter().any(|h| h.eq_ignore_ascii_case(one));
        let covered = needs(&request.method, path)
            .split_whitespace()
            .all(|any| any.split('|').any(has));
        if covered {
            return None;
        }
        // Methods and directory word it differently.
        if path.contains(&"authentication") {
            return Some(denied(request));
        }
        Some(Answer::error(
            request,
            403,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ))
    }
}

/// The refusal of the service behind authentication methods.
pub(super) fn denied(request: &Request) -> Answer {
    Answer::error(request, 403, "accessDenied", "Request Authorization failed")
}

/// The table of the API reference, as far as the companion goes: `|` is or, a space is and.
fn needs(method: &str, path: &[&str]) -> &'static str {
    let reads = method == "GET";
    match path {
        ["users", _, "authentication", "temporaryaccesspassmethods", ..] if reads => {
            "UserAuthMethod-TAP.Read.All|UserAuthMethod-TAP.ReadWrite.All\
             |UserAuthenticationMethod.Read.All|UserAuthenticationMethod.ReadWrite.All"
        }
        ["users", _, "authentication", "temporaryaccesspassmethods", ..] => {
            "UserAuthMethod-TAP.ReadWrite.All|UserAuthenticationMethod.ReadWrite.All"
        }
        ["users", _, "authentication", "fido2methods", rest @ ..]
            if reads && !rest.first().is_some_and(|s| s.starts_with("creationoptions")) =>
        {
            "UserAuthMethod-Passkey.Read.All|UserAuthMethod-Passkey.ReadWrite.All\
             |UserAuthenticationMethod.Read.All|UserAuthenticationMethod.ReadWrite.All"
        }
        ["users", _, "authentication", "fido2methods", ..] => {
            "UserAuthMethod-Passkey.ReadWrite.All|UserAuthenticationMethod.ReadWrite.All"
        }
        ["users", _, "authentication", ..] => {
            "UserAuthenticationMethod.Read.All|UserAuthenticationMethod.ReadWrite.All"
        }
        ["users", _, "revokesigninsessions"] => "User.RevokeSessions.All|User.ReadWrite.All",
        ["users", _, "checkmembergroups"] => {
            "GroupMember.Read.All|Group.Read.All|Group.ReadWrite.All|Directory.Read.All"
        }
        ["users", ..] if reads => "User.Read.All|User.ReadWrite.All|Directory.Read.All",
        ["users", ..] => "User.ReadWrite.All",
        ["groups", ..] if reads => {
            "GroupMember.Read.All|Group.Read.All|Group.ReadWrite.All|Directory.Read.All"
        }
        ["groups", _, "members", "$ref"] => "GroupMember.ReadWrite.All|Group.ReadWrite.All",
        ["groups", ..] => "Group.ReadWrite.All",
        ["policies", "authenticationmethodspolicy", ..] if reads => {
            "Policy.Read.All|Policy.ReadWrite.AuthenticationMethod"
        }
        ["policies", "authenticationmethodspolicy", ..] => "Policy.ReadWrite.AuthenticationMethod",
        ["policies", ..] if !reads => "Policy.Read.All Policy.ReadWrite.SecurityDefaults",
        ["policies" | "identity", ..] => "Policy.Read.All",
        ["rolemanagement", ..] if reads => {
            "RoleManagement.Read.Directory|RoleManagement.ReadWrite.Directory|RoleManagement.Read.All"
        }
        ["rolemanagement", ..] => "RoleManagement.ReadWrite.Directory",
        ["auditlogs", ..] => "AuditLog.Read.All Directory.Read.All",
        _ => "",
    }
}
