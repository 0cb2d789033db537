//! The token endpoint: one function for each kind of grant.

use serde_json::Value;
use time::OffsetDateTime;

use super::super::exchange::{Answer, Request};
use super::super::tenant::Tenant;
use super::{Grant, Logins, Refused, asked, assertion, issue};

/// Answers `POST token`.
pub(super) fn token(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Result<Answer, Refused> {
    let text = |name: &str| request.text(name).unwrap_or_default();
    let (grant, application) = match text("grant_type") {
        "client_credentials" => (client_credentials(tenant, logins, request)?, true),
        "authorization_code" => (authorization_code(logins, request)?, false),
        "refresh_token" => (refresh_token(tenant, logins, request)?, false),
        "urn:ietf:params:oauth:grant-type:device_code" => (device_code(tenant, logins, request)?, false),
        _ => {
            return Err(Refused(
                "unsupported_grant_type",
                "Neither passwords nor client secrets.",
            ));
        }
    };
    let body: Value = issue(tenant, logins, &grant, application);
    Ok(Answer::json(200, body))
}

fn client_credentials(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Result<Grant, Refused> {
    let text = |name: &str| request.text(name).unwrap_or_default();
    if text("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
        return Err(Refused(
            "invalid_client",
            "An application proves itself with an assertion.",
        ));
    }
    let client = text("client_id");
    let mut applications = tenant.settings.login.applications.iter();
    let Some(application) = applications.find(|a| a.client_id.eq_ignore_ascii_case(client)) else {
        return Err(Refused(
            "unauthorized_client",
            "The application has no certificate here.",
        ));
    };
    let audience = format!("{}/{}/oauth2/v2.0/token", request.origin, request.path[0]);
    let id = assertion::verify(
        text("client_assertion"),
        application,
        &audience,
        OffsetDateTime::now_utc().unix_timestamp(),
    )?;
    if !logins.used.insert(id) {
        return Err(Refused("invalid_client", "The assertion was used before (jti)."));
    }
    if text("scope") != "https://graph.microsoft.com/.default" {
        return Err(Refused(
            "invalid_scope",
            "An application asks for .default alone.",
        ));
    }
    Ok(Grant {
        client: client.to_owned(),
        permissions: application.permissions.clone(),
        offline: false,
    })
}

fn authorization_code(logins: &mut Logins, request: &Request) -> Result<Grant, Refused> {
    let text = |name: &str| request.text(name).unwrap_or_default();
    // One attempt for each code, right or wrong.
    let Some(code) = logins.codes.remove(text("code")) else {
        return Err(Refused("invalid_grant", "The code is unknown, or was used."));
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, text("code_verifier").as_bytes());
    let proven = super::super::base64url(digest.as_ref()) == code.challenge;
    if !proven {
        return Err(Refused(
            "invalid_grant",
            "The verifier is not that of the challenge.",
        ));
    }
    let same = text("redirect_uri") == code.redirect && text("client_id") == code.grant.client;
    if !same || OffsetDateTime::now_utc() >= code.expires {
        return Err(Refused(
            "invalid_grant",
            "The code was given to another application, or too long ago.",
        ));
    }
    Ok(code.grant)
}

fn refresh_token(tenant: &Tenant, logins: &Logins, request: &Request) -> Result<Grant, Refused> {
    let text = |name: &str| request.text(name).unwrap_or_default();
    match logins.refresh.get(text("refresh_token")) {
        Some(grant) if grant.client == text("client_id") => asked(tenant, &grant.client, text("scope")),
        _ => Err(Refused(
            "invalid_grant",
            "The refresh token is not this application's.",
        )),
    }
}

fn device_code(tenant: &Tenant, logins: &mut Logins, request: &Request) -> Result<Grant, Refused> {
    let text = |name: &str| request.text(name).unwrap_or_default();
    let login = &tenant.settings.login;
    let now = OffsetDateTime::now_utc();
    let Some(device) = logins
        .devices
        .get_mut(text("device_code"))
        .filter(|d| d.grant.client == text("client_id"))
    else {
        return Err(Refused("bad_verification_code", "The device code is unknown."));
    };
    if now >= device.expires {
        return Err(Refused("expired_token", "The device code has expired."));
    }
    let interval = time::Duration::seconds(i64::from(login.device_code_interval_seconds));
    let early = device.polled.is_some_and(|polled| now - polled < interval);
    device.polled = Some(now);
    device.polls += 1;
    if early || device.polls <= login.slow_down_polls {
        return Err(Refused("slow_down", "Asked too often."));
    }
    if device.polls <= login.slow_down_polls + login.pending_polls {
        return Err(Refused(
            "authorization_pending",
            "The person has not signed in yet.",
        ));
    }
    if login.declined {
        return Err(Refused("authorization_declined", "The person said no."));
    }
    let grant = device.grant.clone();
    logins.devices.remove(text("device_code"));
    Ok(grant)
}
