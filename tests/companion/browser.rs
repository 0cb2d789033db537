//! The person's side of the sandbox: plain HTTP calls as a browser page would make them.

use glasskey::sandbox::Sandbox;
use serde_json::{Value, json};

use crate::authenticator::{Authenticator, Statement, Wrong};

/// One HTTP call with a JSON body; status and body of whatever answer comes.
pub(crate) fn call(method: &str, url: &str, bearer: Option<&str>, body: Option<&Value>) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .build()
        .into();
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    if let Some(bearer) = bearer {
        request = request.header("authorization", format!("Bearer {bearer}"));
    }
    let response = match body {
        Some(body) => agent.run(
            request
                .header("content-type", "application/json")
                .body(body.to_string())
                .unwrap(),
        ),
        None => agent.run(request.body(()).unwrap()),
    };
    let mut response = response.unwrap();
    let text = response.body_mut().read_to_string().unwrap();
    (
        response.status().as_u16(),
        serde_json::from_str(&text).unwrap_or(Value::Null),
    )
}

/// A call of Graph with the sandbox tenant's own token; the path begins with the version.
pub(crate) fn graph(sandbox: &Sandbox, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let url = format!("{}{path}", sandbox.origin());
    call(method, &url, Some(sandbox.token()), body)
}

/// A person in front of the sign-in stand-in of `origin`.
pub(crate) struct Person {
    pub(crate) origin: String,
    pub(crate) upn: String,
}

impl Person {
    fn post(&self, path: &str, bearer: Option<&str>, body: &Value) -> (u16, Value) {
        call("POST", &format!("{}{path}", self.origin), bearer, Some(body))
    }

    pub(crate) fn sign_in(&self, pass: &str) -> (u16, Value) {
        let body = json!({"userPrincipalName": self.upn, "temporaryAccessPass": pass});
        self.post("/signin", None, &body)
    }

    pub(crate) fn register(
        &self,
        session: &str,
        key: &mut Authenticator,
        name: &str,
        statement: Statement,
        wrong: Wrong,
    ) -> (u16, Value) {
        let (status, begun) = self.post("/security-info/passkey/begin", Some(session), &json!({}));
        if status != 200 {
            return (status, begun);
        }
        let credential = key.create(&begun["publicKey"], statement, wrong);
        let body = json!({"displayName": name, "credential": credential});
        self.post("/security-info/passkey/finish", Some(session), &body)
    }

    pub(crate) fn sign_in_with_passkey(&self, key: &mut Authenticator, wrong: Wrong) -> (u16, Value) {
        let name = json!({"userPrincipalName": self.upn});
        let (status, begun) = self.post("/signin/passkey/begin", None, &name);
        if status != 200 {
            return (status, begun);
        }
        let credential = key.get(&begun["publicKey"], wrong);
        let body = json!({"userPrincipalName": self.upn, "credential": credential});
        self.post("/signin/passkey/finish", None, &body)
    }
}
