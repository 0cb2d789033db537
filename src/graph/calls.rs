//! The calls of the companion, one function each; nobody else knows a path.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::client::{Client, Repeat};
use super::error::GraphError;
use super::model::{AuditEntry, Mark, NewPass, Organization, Pass, Passkey, User};

/// How a deletion ended; both are success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It was there.
    Now,
    /// It was already gone.
    Before,
}

impl Client {
    /// Reads the tenant and its sandbox mark.
    pub fn organization(&self) -> Result<Organization, GraphError> {
        let path = "/v1.0/organization?$select=id,displayName,verifiedDomains";
        let reply = self.send("GET", path, None, Repeat::Safe)?;
        let body: Value = reply.json()?;
        let tenant = &body["value"][0];
        let text = |member: &str| tenant[member].as_str().map(str::to_owned);
        let Some(id) = text("id") else {
            return Err(reply.unreadable("it names no tenant"));
        };
        let mark = match (reply.marked, tenant["glasskeySandbox"] == true) {
            (false, false) => Mark::Absent,
            (true, true) => Mark::Present,
            _ => Mark::Partial,
        };
        Ok(Organization {
            id,
            display_name: text("displayName").unwrap_or_default(),
            mark,
            domains: serde_json::from_value(tenant["verifiedDomains"].clone()).unwrap_or_default(),
        })
    }

    /// Reads an account by object id or sign-in name.
    pub fn user(&self, name: &str) -> Result<User, GraphError> {
        let select = "id,userPrincipalName,displayName,accountEnabled,userType,onPremisesSyncEnabled,\
                      passwordPolicies";
        self.get(&format!("/v1.0/users/{}?$select={select}", encoded(name)))
    }

    /// Lists the account's Temporary Access Passes: none or one.
    pub fn passes(&self, user: &str) -> Result<Vec<Pass>, GraphError> {
        self.list(&passes(user))
    }

    /// Reads one pass; the code is not in it.
    pub fn pass(&self, user: &str, id: &str) -> Result<Pass, GraphError> {
        self.get(&format!("{}/{}", passes(user), encoded(id)))
    }

    /// Creates a pass; the only answer that holds its code. Never repeats by itself.
    pub fn create_pass(&self, user: &str, new: NewPass) -> Result<Pass, GraphError> {
        let body = json!(new);
        let reply = self.send("POST", &passes(user), Some(&body), Repeat::Never)?;
        let pass: Pass = reply.json()?;
        if pass.temporary_access_pass.is_none() {
            return Err(reply.unreadable("it holds no pass"));
        }
        Ok(pass)
    }

    /// Deletes a pass.
    pub fn delete_pass(&self, user: &str, id: &str) -> Result<Deleted, GraphError> {
        self.delete(&format!("{}/{}", passes(user), encoded(id)))
    }

    /// Lists the account's passkeys.
    pub fn passkeys(&self, user: &str) -> Result<Vec<Passkey>, GraphError> {
        self.list(&passkeys("v1.0", user))
    }

    /// Deletes a passkey.
    pub fn delete_passkey(&self, user: &str, id: &str) -> Result<Deleted, GraphError> {
        self.delete(&format!("{}/{}", passkeys("v1.0", user), encoded(id)))
    }

    /// Ends the account's sessions.
    pub fn revoke_sessions(&self, user: &str) -> Result<(), GraphError> {
        let path = format!("/v1.0/users/{}/revokeSignInSessions", encoded(user));
        let reply = self.send("POST", &path, None, Repeat::Safe)?;
        // A known issue lets another 2xx come, without a body; only a plain false is a failure.
        if reply.status == 200 && reply.json::<Value>().is_ok_and(|body| body["value"] == false) {
            return Err(reply.unreadable("the sessions were not revoked"));
        }
        Ok(())
    }

    /// Reads the audit log of one account since a time.
    pub fn audits(&self, user: &str, since: OffsetDateTime) -> Result<Vec<AuditEntry>, GraphError> {
        let since = moment(since);
        let filter = format!("activityDateTime ge {since} and targetResources/any(t:t/id eq '{user}')");
        self.list(&format!(
            "/v1.0/auditLogs/directoryAudits?$filter={}",
            encoded(&filter)
        ))
    }

    fn delete(&self, path: &str) -> Result<Deleted, GraphError> {
        match self.send("DELETE", path, None, Repeat::Safe) {
            Ok(_) => Ok(Deleted::Now),
            Err(error) if error.is_not_found() => Ok(Deleted::Before),
            Err(error) => Err(error),
        }
    }
}

/// A time in a filter, in whole seconds: not every service behind Graph takes nine decimals.
pub(super) fn moment(time: OffsetDateTime) -> String {
    let time = time.replace_nanosecond(0).unwrap_or(time);
    time.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .unwrap_or_default()
}

fn passes(user: &str) -> String {
    format!(
        "/v1.0/users/{}/authentication/temporaryAccessPassMethods",
        encoded(user)
    )
}

/// The passkeys of an account, in this version of the service.
pub(super) fn passkeys(version: &str, user: &str) -> String {
    format!("/{version}/users/{}/authentication/fido2Methods", encoded(user))
}

/// Percent-encodes everything but unreserved characters (RFC 3986, 2.3).
pub(super) fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_a_path() {
        assert_eq!(encoded("bg-01@a.b"), "bg-01%40a.b");
        assert_eq!(encoded("../x?y#z"), "..%2Fx%3Fy%23z");
    }
}
