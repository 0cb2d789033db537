//! One request and its answer, free of any server: what the handlers of the sandbox work with.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// A request, read completely.
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path segments, percent-decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) bearer: Option<String>,
    pub(crate) client_request_id: Option<String>,
    pub(crate) body: Value,
    /// Scheme and host, for links to the next page.
    pub(crate) origin: String,
}

impl Request {
    /// A text member of the body.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.body.get(member).and_then(Value::as_str)
    }
}

/// An answer in JSON, or without a body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) retry_after: Option<u32>,
    /// Text that is not JSON, as a gateway in front of Graph would send.
    pub(crate) html: bool,
    /// Where a browser is sent.
    pub(crate) location: Option<String>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self {
            status,
            body: Some(body),
            retry_after: None,
            html: false,
            location: None,
        }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            body: None,
            retry_after: None,
            html: false,
            location: None,
        }
    }

    /// An error in Graph's shape.
    pub(crate) fn error(request: &Request, status: u16, code: &str, message: &str) -> Self {
        let id = super::guid();
        let client = request.client_request_id.clone().unwrap_or_else(|| id.clone());
        let inner = json!({
            "message": message,
            "date": super::stamp(time::OffsetDateTime::now_utc()),
            "request-id": id,
            "client-request-id": client,
        });
        Self::json(
            status,
            json!({"error": {"code": code, "message": message, "innerError": inner}}),
        )
    }

    /// An error of the sign-in stand-in.
    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, json!({"error": {"code": code, "message": message}}))
    }
}
