//! Registration on behalf of a user: creation options, and the answer to them.
//!
//! Errors of the answer stand as JSON inside `error.message`, with a `subCode`. One code is known; those that
//! begin with `sandbox_` are made up here, because nobody has published the real ones.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::super::exchange::{Answer, Request};
use super::super::logs::By;
use super::super::methods::NotAccepted;
use super::super::relying_party::{RelyingParty, lenient_base64};
use super::super::stamp;
use super::super::tenant::{Challenge, Tenant, replace_members};
use super::bad;

/// Life of a challenge in v1.0, and the default of beta.
const MINUTES: i64 = 5;
/// Longest life of a challenge in beta: 30 days.
const LONGEST: i64 = 43_200;

/// `fido2Methods/creationOptions`, in beta with a parameter in either spelling.
pub(super) fn options(
    tenant: &mut Tenant,
    relying_party: &RelyingParty,
    request: &Request,
    user: usize,
    name: &str,
) -> Answer {
    let beta = request.path[0] == "beta";
    let in_path = name
        .strip_prefix("creationoptions(challengetimeoutinminutes=")
        .and_then(|rest| rest.strip_suffix(')'));
    let parameter = in_path.or_else(|| {
        let mut query = request.query.iter();
        let found = query.find(|(name, _)| name.eq_ignore_ascii_case("challengeTimeoutInMinutes"));
        found.map(|(_, value)| value.as_str())
    });
    if in_path.is_none() && name != "creationoptions" && name != "creationoptions()" {
        return super::not_found(request);
    }
    let minutes = match parameter {
        None => MINUTES,
        Some(_) if !beta => {
            return bad(
                request,
                "The parameter challengeTimeoutInMinutes is unknown here. (sandbox text)",
            );
        }
        Some(text) => match text.parse() {
            Ok(minutes) if (MINUTES..=LONGEST).contains(&minutes) => minutes,
            _ => {
                return bad(
                    request,
                    "challengeTimeoutInMinutes is a number from 5 to 43200. (sandbox text)",
                );
            }
        },
    };
    let account = &tenant.settings.users[user];
    let exclude: Vec<Vec<u8>> = account
        .passkeys
        .iter()
        .map(|p| p.registered.credential.cred_id.clone())
        .collect();
    let begun = relying_party.begin_registration(
        &account.handle,
        &account.user_principal_name,
        account.shown_name(),
        &exclude,
    );
    let (mut options, state) = match begun {
        Ok(begun) => begun,
        Err(error) => return Answer::error(request, 500, "generalException", &error.to_string()),
    };
    // The documents promise base64url; what came was padded standard base64.
    if let Some(list) = options["excludeCredentials"].as_array_mut() {
        for (entry, id) in list.iter_mut().zip(&exclude) {
            entry["id"] = json!(BASE64_STANDARD.encode(id));
        }
    }
    replace_members(&mut options, &tenant.settings.creation_options);
    let now = OffsetDateTime::now_utc();
    let expires = match tenant.settings.challenge_milliseconds {
        Some(short) if !beta => now + Duration::milliseconds(short.into()),
        _ => now + Duration::minutes(minutes),
    };
    let id = account.id.clone();
    tenant.challenges.retain(|c| c.expires > now);
    tenant.challenges.push(Challenge {
        user: id,
        text: options["challenge"].as_str().unwrap_or_default().to_owned(),
        expires,
        beta,
        state,
    });
    let body = json!({"challengeTimeoutDateTime": stamp(expires), "publicKey": options});
    Answer::json(200, body)
}

/// `POST fido2Methods`.
pub(super) fn register(
    tenant: &mut Tenant,
    relying_party: &RelyingParty,
    request: &Request,
    user: usize,
) -> Answer {
    match try_register(tenant, relying_party, request, user) {
        Ok(method) => Answer::json(201, method),
        Err((sub_code, text)) => {
            let inner = json!({"odata.error": {"code": "Request_BadRequest",
                "message": {"lang": "en", "value": text},
                "values": [{"item": "subCode", "value": sub_code}]}});
            bad(request, &inner.to_string())
        }
    }
}

type Wrong = (&'static str, String);

fn try_register(
    tenant: &mut Tenant,
    relying_party: &RelyingParty,
    request: &Request,
    user: usize,
) -> Result<Value, Wrong> {
    let wrong = |code: &'static str, text: &str| Err((code, text.to_owned()));
    // Policies first: three causes of theirs look like a format error.
    if !tenant.in_scope(&tenant.fido2, user) {
        return wrong(
            "error_user_group_restriction_policy_failure",
            "User or group restriction policy failed",
        );
    }
    if tenant.fido2["isSelfServiceRegistrationAllowed"] != true {
        return wrong(
            "sandbox_self_service_off",
            "Self-service registration is not allowed.",
        );
    }
    let display_name = request.text("displayName").unwrap_or_default().trim().to_owned();
    if !(1..=30).contains(&display_name.chars().count()) {
        return wrong("sandbox_display_name", "displayName has 1 to 30 characters.");
    }
    let credential = &request.body["publicKeyCredential"];
    let Some(challenge) = challenge_of(credential) else {
        return wrong("sandbox_client_data", "clientDataJSON is missing or unreadable.");
    };
    let account = &tenant.settings.users[user].id;
    let found = tenant
        .challenges
        .iter()
        .position(|c| c.text == challenge && c.user == *account);
    let Some(index) = found else {
        return wrong(
            "sandbox_challenge_unknown",
            "The challenge is unknown, foreign or used.",
        );
    };
    let kept = tenant.challenges.remove(index);
    if kept.expires <= OffsetDateTime::now_utc() {
        return wrong("sandbox_challenge_expired", "The challenge has expired.");
    }
    if kept.beta != (request.path[0] == "beta") {
        return wrong(
            "sandbox_challenge_version",
            "The challenge was issued by the other version of the service.",
        );
    }
    let registered = relying_party
        .finish_registration(credential, &kept.state)
        .map_err(|error| ("sandbox_credential_refused", error.to_string()))?;
    tenant
        .accept(user, By::Administrator, display_name, registered)
        .map_err(|why| match why {
            NotAccepted::AlreadyThere => (
                "sandbox_already_registered",
                "This credential is already registered.".to_owned(),
            ),
            NotAccepted::Attestation => (
                "sandbox_attestation_required",
                "The tenant enforces attestation, and this passkey has none that verifies.".to_owned(),
            ),
            NotAccepted::Model => (
                "sandbox_aaguid_refused",
                "The key restrictions refuse this model.".to_owned(),
            ),
        })
}

/// The challenge that the response answers, as clientDataJSON names it.
fn challenge_of(credential: &Value) -> Option<String> {
    let response = &credential["response"];
    let data = response["clientDataJSON"]
        .as_str()
        .or_else(|| response["clientDataJson"].as_str())?;
    let data: Value = serde_json::from_slice(&lenient_base64(data)?).ok()?;
    // A client may pad what it copies.
    let challenge = lenient_base64(data["challenge"].as_str()?)?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(challenge))
}
