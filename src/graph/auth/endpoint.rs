//! The sign-in service: where it is for an application in a tenant, and one exchange with it.

use std::time::Duration;

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::form_urlencoded::Serializer;
use zeroize::Zeroizing;

use super::super::address::{Service, is_external};
use super::super::client::{agent, read_bounded};
use super::super::pace::{Interrupt, Pace};
use super::error::{OAuthRefusal, SignInError};
use crate::secret::Secret;

/// How often a call without an answer is sent, where that is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempts {
    /// Once: nothing depends on it yet.
    One,
    /// A few times, for some seconds.
    Some,
}

/// An application in a tenant of a cloud: who asks for tokens, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Application {
    pub(super) service: Service,
    pub(super) tenant: String,
    pub(super) client_id: String,
}

/// What a token endpoint answers.
pub(super) struct Tokens {
    pub(super) access: Secret<String>,
    pub(super) lifetime: Duration,
    pub(super) refresh: Option<Secret<String>>,
}

impl Application {
    /// An application of this tenant: its id, and the tenant's id or one of its domains.
    pub fn new(service: &Service, tenant: &str, client_id: &str) -> Result<Self, SignInError> {
        if is_external(tenant) {
            return Err(SignInError::External(tenant.to_owned()));
        }
        // The endpoints for any tenant are refused: a token of the wrong tenant would be found out late.
        let shared = ["common", "organizations", "consumers"];
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let domain = tenant.contains('.') && !tenant.starts_with('.') && !tenant.contains("..");
        let known = is_guid(tenant) || (domain && tenant.chars().all(letters));
        if !known || tenant.len() > 253 || shared.contains(&tenant) {
            return Err(SignInError::Tenant(tenant.to_owned()));
        }
        if !is_guid(client_id) {
            return Err(SignInError::ClientId(client_id.to_owned()));
        }
        Ok(Self {
            service: service.clone(),
            tenant: tenant.to_ascii_lowercase(),
            client_id: client_id.to_ascii_lowercase(),
        })
    }

    /// Address of `authorize`, `token` or `devicecode`.
    pub(super) fn endpoint(&self, name: &str) -> String {
        let login = self.service.login_origin();
        format!("{login}/{}/oauth2/v2.0/{name}", self.tenant)
    }

    /// The scope of an application's own token: all that was granted to it.
    pub(super) fn own_scope(&self) -> String {
        format!("{}/.default", self.service.resource())
    }

    /// The scope of a person's token: these permissions and no others, and the right to renew it.
    pub(super) fn scope(&self, permissions: &[&str]) -> String {
        if permissions.is_empty() {
            return format!("{} offline_access", self.own_scope());
        }
        let resource = self.service.resource();
        let names = permissions.iter().map(|p| format!("{resource}/{p} "));
        names.collect::<String>() + "offline_access"
    }

    /// Sends a form once.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        name: &str,
        fields: &[(&str, &str)],
    ) -> Result<T, SignInError> {
        let length: usize = fields.iter().map(|(n, v)| n.len() + 3 * v.len() + 2).sum();
        let mut form = Serializer::new(String::with_capacity(length));
        form.extend_pairs(fields);
        let form = Zeroizing::new(form.finish());
        let unanswered = |error: &dyn std::fmt::Display| SignInError::Unanswered(error.to_string());
        let request = ureq::http::Request::builder()
            .method("POST")
            .uri(self.endpoint(name))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(form.as_bytes())
            .map_err(|e| unanswered(&e))?;
        let mut response = agent(self.service.is_loopback())
            .run(request)
            .map_err(|e| unanswered(&e))?;
        let status = response.status().as_u16();
        let body = read_bounded(response.body_mut().as_reader()).map_err(SignInError::Unanswered)?;
        if (200..300).contains(&status) {
            // The place of an error, never a value: it could be a token.
            return serde_json::from_slice(body.expose())
                .map_err(|e| SignInError::Unreadable(format!("line {} column {}", e.line(), e.column())));
        }
        if status == 429 || status >= 500 {
            return Err(SignInError::Unanswered(format!("status {status}")));
        }
        let refusal: Refusal = serde_json::from_slice(body.expose())
            .map_err(|_| SignInError::Unreadable(format!("status {status}, and no error of OAuth")))?;
        Err(SignInError::Refused(OAuthRefusal::new(
            &refusal.error,
            &refusal.error_description,
        )))
    }

    /// Sends a form, and a new one if no answer came: `form` makes it, because an assertion is good once.
    pub(super) fn post_patiently<T: DeserializeOwned>(
        &self,
        name: &str,
        interrupt: &Interrupt,
        attempts: Attempts,
        mut form: impl FnMut() -> Result<Vec<(&'static str, Zeroizing<String>)>, SignInError>,
    ) -> Result<T, SignInError> {
        let most = if attempts == Attempts::One { 1 } else { 4 };
        let mut attempt = 0;
        loop {
            interrupt.check()?;
            let fields = form()?;
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            match self.post(name, &fields) {
                Err(SignInError::Unanswered(_)) if attempt + 1 < most => {
                    interrupt.sleep(Pace::default().pause(attempt, None))?;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The answer of the token endpoint (RFC 6749, 5.1).
#[derive(Deserialize)]
pub(super) struct TokenAnswer {
    access_token: String,
    token_type: String,
    #[serde(default = "an_hour")]
    expires_in: u64,
    #[serde(default)]
    refresh_token: Option<String>,
}

fn an_hour() -> u64 {
    3600
}

impl TokenAnswer {
    pub(super) fn tokens(self) -> Result<Tokens, SignInError> {
        let access = Secret::new(self.access_token);
        let refresh = self.refresh_token.map(Secret::new);
        let header_safe = |c: u8| c.is_ascii_graphic();
        let token = access.expose();
        if !self.token_type.eq_ignore_ascii_case("bearer")
            || token.is_empty()
            || !token.bytes().all(header_safe)
        {
            return Err(SignInError::Unreadable("it holds no bearer token".into()));
        }
        Ok(Tokens {
            access,
            lifetime: Duration::from_secs(self.expires_in),
            refresh,
        })
    }
}

/// 43 characters that nobody can guess: as a state, a verifier of PKCE (RFC 7636, 4.1).
pub(super) fn unguessable() -> Result<Zeroizing<String>, SignInError> {
    use base64::Engine as _;
    let mut bytes = Zeroizing::new([0_u8; 32]);
    SystemRandom::new()
        .fill(&mut *bytes)
        .map_err(|_| SignInError::Random)?;
    Ok(Zeroizing::new(
        base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(*bytes),
    ))
}

fn is_guid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if dashes.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

#[cfg(test)]
mod tests {
    use super::super::super::address::Cloud;
    use super::*;

    const ID: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn a_tenant_is_an_id_or_a_domain_and_an_application_an_id() {
        let service = Service::cloud(Cloud::UsGovernment);
        let accepted = |tenant: &str, client: &str| Application::new(&service, tenant, client).is_ok();
        for tenant in [ID, "contoso.onmicrosoft.com", "Contoso.example"] {
            assert!(accepted(tenant, ID), "{tenant}");
        }
        for tenant in [
            "",
            "common",
            "organizations",
            "contoso",
            "../x.y",
            "a.b/c",
            "a.b?c",
            "a..b",
            ".a",
            "x.ciamlogin.com",
        ] {
            assert!(!accepted(tenant, ID), "{tenant}");
        }
        assert!(!accepted(ID, "contoso") && !accepted(ID, ""));
        let external = Application::new(&service, "contoso.ciamlogin.com", ID);
        assert!(matches!(external, Err(SignInError::External(_))));
    }

    #[test]
    fn scopes_and_addresses_are_the_clouds_own() {
        let application = Application::new(&Service::cloud(Cloud::UsDefense), "a.us", ID).unwrap();
        assert_eq!(
            application.endpoint("token"),
            "https://login.microsoftonline.us/a.us/oauth2/v2.0/token"
        );
        assert_eq!(application.own_scope(), "https://dod-graph.microsoft.us/.default");
        assert_eq!(
            application.scope(&["User.Read.All"]),
            "https://dod-graph.microsoft.us/User.Read.All offline_access"
        );
        assert_eq!(
            application.scope(&[]),
            "https://dod-graph.microsoft.us/.default offline_access"
        );
    }

    #[test]
    fn a_token_must_be_a_bearer_token_that_fits_a_header() {
        let read = |text: &str| {
            let answer: TokenAnswer = serde_json::from_str(text).unwrap();
            answer.tokens()
        };
        let good = read(r#"{"access_token": "abc", "token_type": "Bearer", "expires_in": 60}"#).unwrap();
        assert_eq!(
            (good.access.expose().as_str(), good.lifetime.as_secs()),
            ("abc", 60)
        );
        for bad in [
            r#"{"access_token": "", "token_type": "Bearer"}"#,
            r#"{"access_token": "a\r\nb: c", "token_type": "Bearer"}"#,
            r#"{"access_token": "abc", "token_type": "pop"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
