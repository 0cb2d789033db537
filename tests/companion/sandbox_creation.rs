//! Registration on behalf of a user in the sandbox tenant: options, answer, refusals as JSON in JSON.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use glasskey::sandbox::{Options, Settings, User};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::authenticator::{Authenticator, Statement, Wrong};
use crate::browser::{Person, graph};
use crate::contract::Recorded;

const UPN: &str = "bg-01@contoso.onmicrosoft.com";

fn settings() -> Settings {
    Settings {
        method_delay_milliseconds: 0,
        audit_delay_milliseconds: 0,
        sign_in_delay_milliseconds: 0,
        users: vec![User::named(UPN), User::named("bg-02@contoso.onmicrosoft.com")],
        ..Settings::default()
    }
}

fn methods(version: &str, upn: &str, rest: &str) -> String {
    format!("/{version}/users/{upn}/authentication/fido2Methods{rest}")
}

fn options(sandbox: &Recorded, version: &str, rest: &str) -> (u16, Value) {
    let path = methods(version, UPN, &format!("/creationOptions{rest}"));
    graph(sandbox, "GET", &path, None)
}

/// The body of the POST, with the members that Graph's type knows and no others.
fn answer_to(options: &Value, key: &mut Authenticator, wrong: Wrong) -> Value {
    let credential = key.create(&options["publicKey"], Statement::Packed, wrong);
    json!({"displayName": "BG-01 key A", "publicKeyCredential": {"id": credential["id"], "response": {
        "clientDataJSON": credential["response"]["clientDataJSON"],
        "attestationObject": credential["response"]["attestationObject"]}}})
}

/// The machine-readable reason inside the message.
fn sub_code(answer: &Value) -> String {
    let inner: Value = serde_json::from_str(answer["error"]["message"].as_str().unwrap()).unwrap();
    inner["odata.error"]["values"][0]["value"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_key_is_registered_on_behalf_and_signs_in_and_the_logs_tell() {
    let sandbox = Recorded::start(settings());
    let (status, begun) = options(&sandbox, "v1.0", "");
    assert_eq!(status, 200, "{begun}");
    let public = &begun["publicKey"];
    assert_eq!(public["rp"]["id"], "login.microsoft.com");
    assert_eq!(public["user"]["id"].as_str().unwrap().len(), 68);
    assert!(public["challenge"].as_str().unwrap().len() > 6900);
    let expires =
        OffsetDateTime::parse(begun["challengeTimeoutDateTime"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = expires - OffsetDateTime::now_utc();
    assert!((4..=5).contains(&left.whole_minutes()), "{left}");
    let mut key = Authenticator::new();
    let body = answer_to(&begun, &mut key, Wrong::Nothing);
    let (status, method) = graph(&sandbox, "POST", &methods("v1.0", UPN, ""), Some(&body));
    assert_eq!(status, 201, "{method}");
    assert_eq!(method["passkeyType"], "deviceBound");
    let (_, list) = graph(&sandbox, "GET", &methods("v1.0", UPN, ""), None);
    assert_eq!(list["value"][0]["id"], method["id"]);
    // The next options exclude it, in padded standard base64.
    let (_, next) = options(&sandbox, "v1.0", "");
    let excluded = next["publicKey"]["excludeCredentials"][0]["id"].as_str().unwrap();
    let id = BASE64_URL_SAFE_NO_PAD
        .decode(body["publicKeyCredential"]["id"].as_str().unwrap())
        .unwrap();
    assert_eq!(BASE64_STANDARD.decode(excluded).unwrap(), id);
    let person = Person {
        origin: sandbox.origin(),
        upn: UPN.into(),
    };
    let (status, answer) = person.sign_in_with_passkey(&mut key, Wrong::Nothing);
    assert_eq!(status, 200, "{answer}");
    let (_, sign_ins) = graph(&sandbox, "GET", "/beta/auditLogs/signIns", None);
    let details = &sign_ins["value"][0]["authenticationDetails"][0];
    assert_eq!(details["authenticationMethod"], "Passkey (device-bound)");
    let aaguid = glasskey::id::Aaguid(key.aaguid);
    assert_eq!(
        details["authenticationMethodDetail"],
        format!("BG-01 key A - {aaguid}")
    );
    let (_, plain) = graph(&sandbox, "GET", "/v1.0/auditLogs/signIns", None);
    assert_eq!(plain["value"][0]["status"]["errorCode"], 0);
    assert!(plain["value"][0].get("authenticationDetails").is_none());
    let (_, audits) = graph(&sandbox, "GET", "/v1.0/auditLogs/directoryAudits", None);
    let activities: Vec<&str> = (0..2)
        .map(|n| audits["value"][n]["activityDisplayName"].as_str().unwrap())
        .collect();
    assert_eq!(
        activities,
        ["Add Passkey (device-bound)", "Admin registered security info"]
    );
}

#[test]
fn beta_takes_a_long_life_in_both_spellings_and_v1_takes_no_parameter() {
    let sandbox = Recorded::start(settings());
    for rest in [
        "(challengeTimeoutInMinutes=43200)",
        "?challengeTimeoutInMinutes=43200",
    ] {
        let (status, begun) = options(&sandbox, "beta", rest);
        assert_eq!(status, 200, "{begun}");
        let expires =
            OffsetDateTime::parse(begun["challengeTimeoutDateTime"].as_str().unwrap(), &Rfc3339).unwrap();
        assert_eq!((expires - OffsetDateTime::now_utc()).whole_days(), 29);
        assert_eq!(options(&sandbox, "v1.0", rest).0, 400);
    }
    for minutes in ["4", "43201", "x"] {
        let rest = format!("?challengeTimeoutInMinutes={minutes}");
        assert_eq!(options(&sandbox, "beta", &rest).0, 400);
    }
    assert_eq!(options(&sandbox, "beta", "").0, 200);
}

#[test]
fn a_challenge_is_good_once_for_one_account_at_one_version() {
    let sandbox = Recorded::start(settings());
    let mut key = Authenticator::new();
    let post = |version: &str, upn: &str, body: &Value| {
        graph(&sandbox, "POST", &methods(version, upn, ""), Some(body))
    };
    let (_, begun) = options(&sandbox, "beta", "?challengeTimeoutInMinutes=60");
    let body = answer_to(&begun, &mut key, Wrong::Nothing);
    let (status, answer) = post("beta", "bg-02@contoso.onmicrosoft.com", &body);
    assert_eq!(
        (status, sub_code(&answer).as_str()),
        (400, "sandbox_challenge_unknown")
    );
    assert_eq!(post("beta", UPN, &body).0, 201);
    let (status, answer) = post("beta", UPN, &body);
    assert_eq!(
        (status, sub_code(&answer).as_str()),
        (400, "sandbox_challenge_unknown")
    );
    let (_, begun) = options(&sandbox, "beta", "?challengeTimeoutInMinutes=60");
    let body = answer_to(&begun, &mut Authenticator::new(), Wrong::Nothing);
    assert_eq!(sub_code(&post("v1.0", UPN, &body).1), "sandbox_challenge_version");
}

#[test]
fn a_wrong_credential_is_refused_and_its_twin_accepted() {
    let sandbox = Recorded::start(settings());
    for wrong in [
        Wrong::Signature,
        Wrong::Origin,
        Wrong::RpId,
        Wrong::NoUserPresence,
        Wrong::NoUserVerification,
        Wrong::Type,
    ] {
        let (_, begun) = options(&sandbox, "v1.0", "");
        let body = answer_to(&begun, &mut Authenticator::new(), wrong);
        let (status, answer) = graph(&sandbox, "POST", &methods("v1.0", UPN, ""), Some(&body));
        assert_eq!(
            (status, sub_code(&answer).as_str()),
            (400, "sandbox_credential_refused"),
            "{wrong:?}"
        );
    }
    let (_, begun) = options(&sandbox, "v1.0", "");
    let mut body = answer_to(&begun, &mut Authenticator::new(), Wrong::Nothing);
    // The other spelling is read as well.
    let response = body["publicKeyCredential"]["response"].as_object_mut().unwrap();
    let data = response.remove("clientDataJSON").unwrap();
    response.insert("clientDataJson".into(), data);
    let (status, answer) = graph(&sandbox, "POST", &methods("v1.0", UPN, ""), Some(&body));
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn each_policy_refuses_with_its_code() {
    let list = |id: &str| json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": [id]});
    let other = "11111111-1111-1111-1111-111111111111";
    for (member, value, expected) in [
        (
            "excludeTargets",
            json!([{"id": "all_users", "targetType": "group"}]),
            "error_user_group_restriction_policy_failure",
        ),
        (
            "isSelfServiceRegistrationAllowed",
            json!(false),
            "sandbox_self_service_off",
        ),
        ("keyRestrictions", list(other), "sandbox_aaguid_refused"),
        ("state", json!("enabled"), ""),
    ] {
        let mut settings = settings();
        settings.fido2.insert(member.into(), value);
        let sandbox = Recorded::start(settings);
        let (_, begun) = options(&sandbox, "v1.0", "");
        let body = answer_to(&begun, &mut Authenticator::new(), Wrong::Nothing);
        let (status, answer) = graph(&sandbox, "POST", &methods("v1.0", UPN, ""), Some(&body));
        if expected.is_empty() {
            assert_eq!(status, 201, "{answer}");
        } else {
            assert_eq!((status, sub_code(&answer).as_str()), (400, expected), "{member}");
        }
    }
}

#[test]
fn nobody_registers_for_himself_and_unknown_members_come_on_request() {
    let mut settings = settings();
    settings
        .creation_options
        .insert("hints".into(), json!(["security-key"]));
    let claims = json!({"oid": settings.users[0].id});
    let token = format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
    // Not recorded: the extra member is not in the contract, by intention.
    let sandbox = glasskey::sandbox::Sandbox::start(
        "127.0.0.1:0".parse().unwrap(),
        Options {
            settings,
            token: Some(token),
            ..Options::default()
        },
    )
    .unwrap();
    let get = |upn: &str| graph(&sandbox, "GET", &methods("v1.0", upn, "/creationOptions"), None);
    let (status, answer) = get(UPN);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (405, &json!("methodNotAllowed"))
    );
    let (status, answer) = get("bg-02@contoso.onmicrosoft.com");
    assert_eq!(
        (status, &answer["publicKey"]["hints"][0]),
        (200, &json!("security-key"))
    );
}
