//! The sign-in service of the sandbox tenant: `/TENANT/oauth2/v2.0/{authorize,devicecode,token}`.
//!
//! What a client must prove is verified: certificate assertions, codes with their PKCE verifier, device codes,
//! refresh tokens. The person is not there: whoever opens the page is signed in at once, as the settings say.

mod assertion;
mod grant;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::exchange::{Answer, Request};
use super::tenant::Tenant;

pub use settings::{Application, Login};

/// How long a code of the browser is good.
const CODE: Duration = Duration::minutes(10);
/// What a scope of Graph begins with.
const RESOURCE: &str = "https://graph.microsoft.com/";

/// What was issued; it ends with the process.
#[derive(Default)]
pub(crate) struct Logins {
    codes: BTreeMap<String, Code>,
    devices: BTreeMap<String, Device>,
    refresh: BTreeMap<String, Grant>,
    issued: BTreeMap<String, OffsetDateTime>,
    /// Assertions that were used.
    used: BTreeSet<String>,
}

/// What a person agreed to.
#[derive(Clone)]
struct Grant {
    client: String,
    /// Names of permissions; nothing means all.
    permissions: Option<Vec<String>>,
    /// Whether it may be renewed.
    offline: bool,
}

struct Code {
    grant: Grant,
    redirect: String,
    challenge: String,
    expires: OffsetDateTime,
}

struct Device {
    grant: Grant,
    expires: OffsetDateTime,
    polled: Option<OffsetDateTime>,
    polls: u32,
}

/// A refusal (RFC 6749, 5.2): code and text.
struct Refused(&'static str, &'static str);

impl Logins {
    /// Whether a token that was issued here still lives; nothing for any other.
    pub(crate) fn lives(&self, token: &str) -> Option<bool> {
        let expires = self.issued.get(token)?;
        Some(OffsetDateTime::now_utc() < *expires)
    }
}

/// Whether a request is for the sign-in service.
pub(crate) fn is_one(request: &Request) -> bool {
    matches!(request.path.as_slice(), [_, oauth, version, _] if oauth == "oauth2" && version == "v2.0")
}

/// Answers a request for which [`is_one`] is true.
pub(crate) fn answer(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Answer {
    let name = &request.path[0];
    let domains = super::graph_api::domains(tenant);
    let known = name.eq_ignore_ascii_case(&tenant.settings.tenant_id)
        || domains
            .iter()
            .any(|d| d["name"].as_str().is_some_and(|d| d.eq_ignore_ascii_case(name)));
    if !known {
        return refusal(&Refused(
            "invalid_request",
            "The sandbox tenant has another name.",
        ));
    }
    let result = match (request.method.as_str(), request.path[3].as_str()) {
        ("GET", "authorize") => authorize(tenant, logins, request),
        ("POST", "devicecode") => device_code(tenant, logins, request),
        ("POST", "token") => grant::token(tenant, logins, request),
        _ => return Answer::refusal(404, "notFound", "The sandbox tenant has no such page."),
    };
    result.unwrap_or_else(|refused| refusal(&refused))
}

/// An error as the service words it.
fn refusal(refused: &Refused) -> Answer {
    let status = if refused.0 == "invalid_client" { 401 } else { 400 };
    let body = json!({
        "error": refused.0,
        "error_description": format!("{} (Sandbox tenant.)", refused.1),
        "error_codes": [],
        "timestamp": super::stamp(OffsetDateTime::now_utc()),
        "trace_id": super::guid(),
        "correlation_id": super::guid(),
    });
    Answer::json(status, body)
}

/// What is asked for, if the tenant has consented to it.
fn asked(tenant: &Tenant, client: &str, scope: &str) -> Result<Grant, Refused> {
    let consented = &tenant.settings.login.permissions;
    let mut names = Vec::new();
    let mut offline = false;
    let mut all = false;
    for word in scope.split_whitespace() {
        match word.strip_prefix(RESOURCE) {
            _ if matches!(word, "openid" | "profile") => {}
            _ if word == "offline_access" => offline = true,
            Some(".default") => all = true,
            Some(name) if consented.as_ref().is_none_or(|c| c.iter().any(|p| p == name)) => {
                names.push(name.to_owned());
            }
            Some(_) => {
                return Err(Refused(
                    "consent_required",
                    "Nobody has consented to a permission.",
                ));
            }
            None => return Err(Refused("invalid_scope", "A scope is not one of Graph.")),
        }
    }
    if all != names.is_empty() {
        return Err(Refused(
            "invalid_scope",
            "Either permissions or .default, not both.",
        ));
    }
    Ok(Grant {
        client: client.to_owned(),
        permissions: if all { consented.clone() } else { Some(names) },
        offline,
    })
}

fn is_client(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// The sign-in page: signs in whoever comes, and sends the browser back with a code.
fn authorize(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Result<Answer, Refused> {
    let query = |name: &str| request.query.get(name).map_or("", String::as_str);
    let redirect = query("redirect_uri");
    let own = url::Url::parse(redirect).is_ok_and(|url| {
        url.scheme() == "http"
            && url.host_str() == Some("localhost")
            && url.path() == "/"
            && url.query().is_none()
    });
    // Never sent there: it is not known to belong to the application.
    if !own || !is_client(query("client_id")) {
        return Err(Refused(
            "invalid_request",
            "Application or redirect address are not registered.",
        ));
    }
    let mut back = url::form_urlencoded::Serializer::new(String::new());
    let result = if tenant.settings.login.declined {
        Err(Refused("access_denied", "The person cancelled the sign-in."))
    } else if query("response_type") != "code" || query("code_challenge_method") != "S256" {
        Err(Refused(
            "invalid_request",
            "A code is given with PKCE (S256) only.",
        ))
    } else if query("code_challenge").len() != 43 {
        Err(Refused("invalid_request", "The challenge is not a SHA-256."))
    } else {
        asked(tenant, query("client_id"), query("scope"))
    };
    match result {
        Ok(grant) => {
            let text = unguessable();
            let code = Code {
                grant,
                redirect: redirect.to_owned(),
                challenge: query("code_challenge").to_owned(),
                expires: OffsetDateTime::now_utc() + CODE,
            };
            back.append_pair("code", &text);
            logins.codes.insert(text, code);
        }
        Err(Refused(error, description)) => {
            back.append_pair("error", error);
            back.append_pair("error_description", description);
        }
    }
    back.append_pair("state", query("state"));
    let mut answer = Answer::empty(302);
    answer.location = Some(format!("{}/?{}", redirect.trim_end_matches('/'), back.finish()));
    Ok(answer)
}

fn device_code(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Result<Answer, Refused> {
    let client = request.text("client_id").unwrap_or_default();
    if !is_client(client) {
        return Err(Refused("unauthorized_client", "The application is unknown."));
    }
    let grant = asked(tenant, client, request.text("scope").unwrap_or_default())?;
    let login = &tenant.settings.login;
    let code = unguessable();
    let device = Device {
        grant,
        expires: OffsetDateTime::now_utc() + Duration::seconds(i64::from(login.device_code_seconds)),
        polled: None,
        polls: 0,
    };
    logins.devices.insert(code.clone(), device);
    let page = format!("{}/devicelogin", request.origin);
    Ok(Answer::json(
        200,
        json!({
            "device_code": code,
            "user_code": "SANDBOX-1",
            "verification_uri": page,
            "expires_in": login.device_code_seconds,
            "interval": login.device_code_interval_seconds,
            "message": format!("Nobody has to type anything: {page} stands for the person."),
        }),
    ))
}

/// A token with these permissions; `caller` names the member of the claims that holds them.
fn issue(tenant: &Tenant, logins: &mut Logins, grant: &Grant, application: bool) -> Value {
    let login = &tenant.settings.login;
    let lifetime = Duration::seconds(i64::from(login.token_seconds));
    let expires = OffsetDateTime::now_utc() + lifetime;
    let mut claims = json!({
        "aud": RESOURCE.trim_end_matches('/'), "tid": tenant.settings.tenant_id, "appid": grant.client,
        "exp": expires.unix_timestamp(),
    });
    if let Some(permissions) = &grant.permissions {
        let (name, value) = if application {
            ("roles", json!(permissions))
        } else {
            ("scp", json!(permissions.join(" ")))
        };
        claims[name] = value;
    }
    let user = login.user.as_deref().and_then(|name| tenant.user(name));
    if let Some(user) = user.filter(|_| !application) {
        claims["oid"] = json!(tenant.settings.users[user].id);
    }
    let part = |text: &str| super::base64url(text.as_bytes());
    let token = format!(
        "{}.{}.{}",
        part(r#"{"typ":"JWT","alg":"none"}"#),
        part(&claims.to_string()),
        unguessable()
    );
    logins.issued.insert(token.clone(), expires);
    let mut answer =
        json!({"token_type": "Bearer", "expires_in": login.token_seconds, "access_token": token});
    if grant.offline && !application {
        let refresh = unguessable();
        logins.refresh.insert(refresh.clone(), grant.clone());
        answer["refresh_token"] = json!(refresh);
    }
    answer
}

fn unguessable() -> String {
    let mut random = [0_u8; 32];
    super::fill_random(&mut random);
    super::base64url(&random)
}
