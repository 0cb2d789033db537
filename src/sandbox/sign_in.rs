//! The sign-in stand-in: what a person does in the browser, as a fixed protocol without pages.
//!
//! Its error codes are the sandbox's own; texts that Microsoft documents are used where there are any.

use std::collections::BTreeMap;

use serde_json::json;
use time::{Duration, OffsetDateTime};
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState};

use super::exchange::{Answer, Request};
use super::logs::By;
use super::methods::NotAccepted;
use super::relying_party::{ORIGIN, RelyingParty};
use super::tenant::Tenant;

/// Security info asks for a fresh sign-in when the last one is older.
const FRESH: Duration = Duration::minutes(5);
/// A one-time pass must be followed by the registration within this time.
const ONE_TIME: Duration = Duration::minutes(10);
/// How long a challenge is good.
const CHALLENGE: Duration = Duration::minutes(5);

/// Sessions and challenges; they end with the process.
#[derive(Default)]
pub(crate) struct Sessions {
    open: BTreeMap<String, Session>,
    sign_ins: BTreeMap<usize, (OffsetDateTime, AuthenticationState)>,
}

struct Session {
    user: usize,
    signed_in: OffsetDateTime,
    once: bool,
    registration: Option<(OffsetDateTime, RegistrationState)>,
}

impl Sessions {
    /// Ends every session of a user.
    pub(crate) fn revoke(&mut self, user: usize) {
        self.open.retain(|_, session| session.user != user);
    }

    fn begin(&mut self, user: usize, once: bool) -> String {
        let mut random = [0_u8; 24];
        super::fill_random(&mut random);
        let token = super::base64url(&random);
        let session = Session {
            user,
            signed_in: OffsetDateTime::now_utc(),
            once,
            registration: None,
        };
        self.open.insert(token.clone(), session);
        token
    }
}

/// Answers `/signin...` and `/security-info...`; `None` for any other path.
pub(crate) fn answer(
    tenant: &mut Tenant,
    sessions: &mut Sessions,
    relying_party: &RelyingParty,
    request: &Request,
) -> Option<Answer> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let result = match (request.method.as_str(), path.as_slice()) {
        ("POST", ["signin"]) => with_pass(tenant, sessions, request),
        ("POST", ["signin", "passkey", "begin"]) => passkey_begin(tenant, sessions, relying_party, request),
        ("POST", ["signin", "passkey", "finish"]) => passkey_finish(tenant, sessions, relying_party, request),
        ("POST", ["security-info", "passkey", "begin"]) => {
            register_begin(tenant, sessions, relying_party, request)
        }
        ("POST", ["security-info", "passkey", "finish"]) => {
            register_finish(tenant, sessions, relying_party, request)
        }
        _ => return None,
    };
    Some(result.unwrap_or_else(|refusal| refusal))
}

fn refuse<T>(status: u16, code: &str, message: &str) -> Result<T, Answer> {
    Err(Answer::refusal(status, code, message))
}

fn account(tenant: &Tenant, request: &Request) -> Result<usize, Answer> {
    let name = request.text("userPrincipalName").unwrap_or_default();
    match tenant.user(name) {
        Some(user) if tenant.settings.users[user].account_enabled => Ok(user),
        Some(_) => refuse(403, "accountDisabled", "This account is disabled."),
        None => refuse(403, "unknownUser", "This account does not exist."),
    }
}

fn with_pass(tenant: &mut Tenant, sessions: &mut Sessions, request: &Request) -> Result<Answer, Answer> {
    const POLICY: &str = "Temporary Access Pass sign in was blocked due to User Credential Policy";
    let user = account(tenant, request)?;
    let code = request.text("temporaryAccessPass").unwrap_or_default().trim();
    let Some(pass) = tenant.settings.users[user]
        .pass
        .clone()
        .filter(|p| p.code == code)
    else {
        return refuse(
            403,
            "wrongPass",
            "The Temporary Access Pass is wrong or was deleted.",
        );
    };
    match tenant.pass_state(&pass, user) {
        "EnabledByPolicy" => {}
        "DisabledByPolicy" => return refuse(403, "userCredentialPolicy", POLICY),
        "OneTimeUsed" => return refuse(403, "oneTimeUsed", POLICY),
        "Expired" => return refuse(403, "expired", "The Temporary Access Pass has expired."),
        _ => return refuse(403, "notYetValid", "The Temporary Access Pass is not valid yet."),
    }
    if let Some(pass) = tenant.settings.users[user].pass.as_mut() {
        pass.used = pass.once;
    }
    tenant.sign_in(user, "Temporary Access Pass", "", None);
    let session = sessions.begin(user, pass.once);
    Ok(Answer::json(200, json!({"session": session})))
}

fn passkey_begin(
    tenant: &Tenant,
    sessions: &mut Sessions,
    relying_party: &RelyingParty,
    request: &Request,
) -> Result<Answer, Answer> {
    let user = account(tenant, request)?;
    let credentials: Vec<_> = tenant.settings.users[user]
        .passkeys
        .iter()
        .map(|p| p.registered.credential.clone())
        .collect();
    if credentials.is_empty() {
        return refuse(403, "noPasskey", "No passkey is registered for this account.");
    }
    let (options, state) = relying_party
        .begin_sign_in(credentials)
        .map_err(|error| Answer::refusal(500, "internal", &error.to_string()))?;
    sessions.sign_ins.insert(user, (OffsetDateTime::now_utc(), state));
    Ok(Answer::json(200, json!({"publicKey": options, "origin": ORIGIN})))
}

fn passkey_finish(
    tenant: &mut Tenant,
    sessions: &mut Sessions,
    relying_party: &RelyingParty,
    request: &Request,
) -> Result<Answer, Answer> {
    // A client may leave the name out: the credential tells whose it is, as with a discoverable one.
    let user = match request.text("userPrincipalName") {
        Some(_) => account(tenant, request)?,
        None => owner(tenant, &request.body["credential"])?,
    };
    let challenge = sessions.sign_ins.remove(&user);
    let Some((_, state)) = challenge.filter(|(at, _)| OffsetDateTime::now_utc() < *at + CHALLENGE) else {
        return refuse(
            403,
            "noChallenge",
            "Begin the sign-in first: there is no open challenge.",
        );
    };
    let (id, counter) = relying_party
        .finish_sign_in(&request.body["credential"], &state)
        .map_err(|error| Answer::refusal(403, "passkeyRefused", &error.to_string()))?;
    let found = tenant.settings.users[user]
        .passkeys
        .iter_mut()
        .find(|p| p.registered.credential.cred_id == id);
    let Some(passkey) = found else {
        return refuse(403, "noPasskey", "This passkey was deleted.");
    };
    passkey.registered.credential.counter = counter;
    let aaguid = passkey.aaguid();
    let detail = format!("{} - {aaguid}", passkey.display_name);
    let method = if tenant.settings.old_method_name {
        "FIDO2 security key"
    } else {
        "Passkey (device-bound)"
    };
    // Key restrictions count at every sign-in; attestation only at registration.
    if !tenant.in_scope(&tenant.fido2, user) || tenant.admits(user, &aaguid, true).is_err() {
        let error = (
            135_011,
            "The passkey policy of the tenant refuses this passkey. (sandbox text)",
        );
        tenant.sign_in(user, method, &detail, Some(error));
        return refuse(
            403,
            "passkeyPolicy",
            "The passkey policy of the tenant refuses this passkey.",
        );
    }
    tenant.sign_in(user, method, &detail, None);
    let session = sessions.begin(user, false);
    Ok(Answer::json(200, json!({"session": session})))
}

/// The user who holds the credential of a response.
fn owner(tenant: &Tenant, credential: &serde_json::Value) -> Result<usize, Answer> {
    let id = credential["rawId"].as_str().or(credential["id"].as_str());
    let id = id
        .and_then(super::relying_party::lenient_base64)
        .unwrap_or_default();
    let holds = |user: &super::settings::User| {
        let mut passkeys = user.passkeys.iter();
        passkeys.any(|p| p.registered.credential.cred_id == id)
    };
    let users = &tenant.settings.users;
    match users.iter().position(|u| u.account_enabled && holds(u)) {
        Some(user) => Ok(user),
        None => refuse(403, "noPasskey", "No account holds this passkey."),
    }
}

/// The session of a request, if it is fresh enough to change security info.
fn fresh<'a>(sessions: &'a mut Sessions, request: &Request) -> Result<&'a mut Session, Answer> {
    let token = request.bearer.as_deref().unwrap_or_default();
    let Some(session) = sessions.open.get_mut(token) else {
        return refuse(
            401,
            "noSession",
            "Sign in first: this session is unknown or was revoked.",
        );
    };
    let age = OffsetDateTime::now_utc() - session.signed_in;
    if session.once && age > ONE_TIME {
        return refuse(
            403,
            "tooLate",
            "The registration must follow a one-time pass within 10 minutes.",
        );
    }
    if age > FRESH && !session.once {
        return refuse(
            401,
            "signInAgain",
            "The sign-in is older than 5 minutes: sign in again.",
        );
    }
    Ok(session)
}

/// What the policy says before anything is verified.
fn may_register(tenant: &Tenant, user: usize) -> Result<(), Answer> {
    if tenant.fido2["isSelfServiceRegistrationAllowed"] != true {
        return refuse(
            403,
            "selfServiceOff",
            "Self-service registration of passkeys is not allowed.",
        );
    }
    if !tenant.in_scope(&tenant.fido2, user) {
        return refuse(
            403,
            "notInScope",
            "The passkey policy does not include this account.",
        );
    }
    Ok(())
}

fn register_begin(
    tenant: &Tenant,
    sessions: &mut Sessions,
    relying_party: &RelyingParty,
    request: &Request,
) -> Result<Answer, Answer> {
    let session = fresh(sessions, request)?;
    may_register(tenant, session.user)?;
    let user = &tenant.settings.users[session.user];
    let exclude: Vec<Vec<u8>> = user
        .passkeys
        .iter()
        .map(|p| p.registered.credential.cred_id.clone())
        .collect();
    let (options, state) = relying_party
        .begin_registration(
            &user.handle,
            &user.user_principal_name,
            user.shown_name(),
            &exclude,
        )
        .map_err(|error| Answer::refusal(500, "internal", &error.to_string()))?;
    session.registration = Some((OffsetDateTime::now_utc(), state));
    Ok(Answer::json(200, json!({"publicKey": options, "origin": ORIGIN})))
}

fn register_finish(
    tenant: &mut Tenant,
    sessions: &mut Sessions,
    relying_party: &RelyingParty,
    request: &Request,
) -> Result<Answer, Answer> {
    let session = fresh(sessions, request)?;
    let user = session.user;
    may_register(tenant, user)?;
    let challenge = session.registration.take();
    let Some((_, state)) = challenge.filter(|(at, _)| OffsetDateTime::now_utc() < *at + CHALLENGE) else {
        return refuse(
            400,
            "noChallenge",
            "Begin the registration first: there is no open challenge.",
        );
    };
    let display_name = request.text("displayName").unwrap_or_default().trim().to_owned();
    if !(1..=30).contains(&display_name.chars().count()) {
        return refuse(
            400,
            "displayName",
            "The name of a passkey has 1 to 30 characters.",
        );
    }
    let registered = relying_party
        .finish_registration(&request.body["credential"], &state)
        .map_err(|error| Answer::refusal(400, "credentialRefused", &error.to_string()))?;
    match tenant.accept(user, By::User, display_name, registered) {
        Ok(method) => Ok(Answer::json(201, json!({"id": method["id"]}))),
        Err(NotAccepted::AlreadyThere) => {
            refuse(409, "alreadyRegistered", "This passkey is already registered.")
        }
        Err(NotAccepted::Attestation) => refuse(
            400,
            "attestationRequired",
            "The tenant enforces attestation, and this passkey has none that verifies.",
        ),
        Err(NotAccepted::Model) => refuse(
            400,
            "aaguidRefused",
            "The passkey policy refuses this model (AAGUID).",
        ),
    }
}
