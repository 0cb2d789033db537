//! What Graph answers when it does not do what was asked.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::auth::SignInError;
use super::pace::Interrupted;

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// Graph answered, and the answer is an error: nothing was done.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// No usable answer came: whether it was done is unknown until it is read.
    #[error("{call} got no answer: {reason} (client-request-id {client_request_id})")]
    Unanswered {
        /// Method and path.
        call: String,
        /// What went wrong on the way.
        reason: String,
        /// The id we sent.
        client_request_id: String,
    },
    /// It was done, but the answer is not what it should be.
    #[error("{call} was answered in an unexpected form: {reason} (client-request-id {client_request_id})")]
    Unreadable {
        /// Method and path.
        call: String,
        /// What was unexpected; never a value, because it could be secret.
        reason: String,
        /// The id we sent.
        client_request_id: String,
    },
    /// Somebody asked the program to stop.
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
    /// The token could not be renewed: nothing was done.
    #[error("the token could not be renewed: {0}")]
    SignIn(Box<SignInError>),
}

impl From<SignInError> for GraphError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Interrupted(interrupted) => Self::Interrupted(interrupted),
            other => Self::SignIn(Box::new(other)),
        }
    }
}

impl GraphError {
    /// The refusal, if Graph refused.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Whether Graph said that there is no such thing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.refusal().is_some_and(|r| r.status == 404)
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(refusal.status, 429 | 500 | 502 | 503 | 504),
            Self::Unanswered { .. } => true,
            Self::Unreadable { .. } | Self::Interrupted(_) | Self::SignIn(_) => false,
        }
    }

    /// What to do about it, where the cause is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        if let Self::SignIn(error) = self {
            return Some(error.hint());
        }
        let refusal = self.refusal()?;
        match (refusal.status, refusal.code.as_str()) {
            (401, _) => Some(
                "The access token is expired, of another cloud or not a Graph token: fetch a new one, or use --sign-in.",
            ),
            (_, "Request_BadRequest") if refusal.message.starts_with("Unsupported token") => {
                Some("The application is unknown in this tenant: an administrator must consent to it first.")
            }
            (403, _) => Some(
                "Either a permission is not consented (see the registrar's guide), or the caller's role is too low \
                 for this account: an account with an administrator role needs Privileged Authentication Administrator.",
            ),
            (405, _) => Some("The caller and the account are the same: use another administrator."),
            _ => None,
        }
    }
}

/// An error as Graph words it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// Method and path.
    pub call: String,
    /// HTTP status.
    pub status: u16,
    /// Graph's error code; empty if there was none.
    pub code: String,
    /// Graph's message, or the inner one if the message was JSON itself.
    pub message: String,
    /// The machine-readable reason of some errors.
    pub sub_code: Option<String>,
    /// The service's id of the request.
    pub request_id: Option<String>,
    /// The id we sent.
    pub client_request_id: String,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Whether the tenant lacks the licence for what was asked.
    #[must_use]
    pub fn is_unlicensed(&self) -> bool {
        matches!(
            self.code.as_str(),
            "AadPremiumLicenseRequired" | "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was refused with {}", self.call, self.status)?;
        if !self.code.is_empty() {
            write!(f, " {}", self.code)?;
        }
        if let Some(sub_code) = &self.sub_code {
            write!(f, " ({sub_code})")?;
        }
        write!(f, ": {} (request-id ", self.message)?;
        f.write_str(self.request_id.as_deref().unwrap_or("none"))?;
        write!(f, ", client-request-id {})", self.client_request_id)
    }
}

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Body,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    code: Option<String>,
    message: Option<String>,
    inner_error: Option<Value>,
}

impl Refusal {
    /// Reads the body of an error; anything that is not Graph's shape becomes a short message.
    pub(super) fn read(call: String, status: u16, body: &[u8], client_request_id: String) -> Self {
        let envelope: Option<Envelope> = serde_json::from_slice(body).ok();
        let error = envelope.map(|e| e.error).unwrap_or_default();
        let text = error.message.unwrap_or_else(|| {
            "the answer is not an error of Graph; a proxy or gateway may stand in between".into()
        });
        let (message, sub_code) = inner_message(&text).unwrap_or((text, None));
        Self {
            call,
            status,
            code: error.code.unwrap_or_default(),
            message,
            sub_code,
            request_id: error
                .inner_error
                .and_then(|inner| inner.get("request-id").and_then(Value::as_str).map(str::to_owned)),
            client_request_id,
            retry_after: None,
        }
    }
}

/// Some messages are JSON themselves: `{"odata.error":{"message":{"value"},"values":[{"item","value"}]}}`.
fn inner_message(text: &str) -> Option<(String, Option<String>)> {
    let value: Value = serde_json::from_str(text).ok()?;
    let error = value.get("odata.error")?;
    let message = error.pointer("/message/value").and_then(Value::as_str);
    let sub_code = error
        .get("values")
        .and_then(Value::as_array)
        .and_then(|values| values.iter().find(|v| v["item"] == "subCode"))
        .and_then(|v| v["value"].as_str());
    Some((message.unwrap_or(text).to_owned(), sub_code.map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Refusal {
        Refusal::read("POST /x".into(), 400, body.as_bytes(), "mine".into())
    }

    #[test]
    fn both_ids_and_the_code_are_shown() {
        let refusal = read(
            r#"{"error": {"code": "badRequest", "message": "No.", "innerError": {"request-id": "theirs"}, "new": 1}}"#,
        );
        let text = refusal.to_string();
        for part in ["badRequest", "No.", "theirs", "mine", "400"] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_message_that_is_json_gives_its_sub_code() {
        let inner = r#"{"odata.error":{"message":{"value":"Policy failed"},"values":[{"item":"subCode","value":"error_user_group_restriction_policy_failure"}]}}"#;
        let body = serde_json::json!({"error": {"code": "c", "message": inner}}).to_string();
        let refusal = read(&body);
        assert_eq!(refusal.message, "Policy failed");
        assert_eq!(
            refusal.sub_code.as_deref(),
            Some("error_user_group_restriction_policy_failure")
        );
    }

    #[test]
    fn anything_else_is_not_quoted() {
        for body in ["<html>secret</html>", "", "[]", "{\"error\": 7}", "\u{0}"] {
            assert!(!read(body).to_string().contains("secret"));
        }
    }
}
