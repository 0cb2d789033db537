//! The sandbox tenant as a client sees it: each refusal has its accepted twin.

use glasskey::sandbox::{Effect, Fault, Options, Sandbox, Settings, User};
use serde_json::{Value, json};

use crate::authenticator::{Authenticator, Statement, Wrong};
use crate::browser::{Person, call};
use crate::contract::Recorded;

const UPN: &str = "bg-01@contoso.onmicrosoft.com";

fn settings() -> Settings {
    Settings {
        pass_delay_milliseconds: 0,
        method_delay_milliseconds: 0,
        audit_delay_milliseconds: 0,
        users: vec![User::named(UPN)],
        ..Settings::default()
    }
}

fn start(settings: Settings) -> Recorded {
    Recorded::start(settings)
}

fn person(sandbox: &Sandbox) -> Person {
    Person {
        origin: sandbox.origin(),
        upn: UPN.into(),
    }
}

fn graph(sandbox: &Sandbox, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let url = format!("{}/v1.0{path}", sandbox.origin());
    call(method, &url, Some(sandbox.token()), body)
}

fn passes(rest: &str) -> String {
    format!("/users/{UPN}/authentication/temporaryAccessPassMethods{rest}")
}

fn passkeys(rest: &str) -> String {
    format!("/users/{UPN}/authentication/fido2Methods{rest}")
}

fn session(sandbox: &Sandbox) -> String {
    let (status, pass) = graph(sandbox, "POST", &passes(""), Some(&json!({})));
    assert_eq!(status, 201, "{pass}");
    let (status, session) = person(sandbox).sign_in(pass["temporaryAccessPass"].as_str().unwrap());
    assert_eq!(status, 200, "{session}");
    session["session"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_registers_shows_up_and_signs_in() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let mut key = Authenticator::new();
    let (status, answer) = person(&sandbox).register(
        &session,
        &mut key,
        "BG-01 key A",
        Statement::Packed,
        Wrong::Nothing,
    );
    assert_eq!(status, 201, "{answer}");
    let (status, list) = graph(&sandbox, "GET", &passkeys(""), None);
    assert_eq!(status, 200);
    let method = &list["value"][0];
    assert_eq!(method["id"], answer["id"]);
    assert_eq!(method["attestationLevel"], "attested");
    assert_eq!(method["passkeyType"], "deviceBound");
    assert_eq!(method["aaGuid"], glasskey::id::Aaguid(key.aaguid).to_string());
    assert_eq!(method["attestationCertificates"][0].as_str().unwrap().len(), 40);
    assert!(method.get("publicKeyCredential").is_none());
    let (status, answer) = person(&sandbox).sign_in_with_passkey(&mut key, Wrong::Nothing);
    assert_eq!(status, 200, "{answer}");
    let id = method["id"].as_str().unwrap();
    assert_eq!(
        graph(&sandbox, "DELETE", &passkeys(&format!("/{id}")), None).0,
        204
    );
    assert_eq!(
        graph(&sandbox, "DELETE", &passkeys(&format!("/{id}")), None).0,
        404
    );
    assert_eq!(
        person(&sandbox).sign_in_with_passkey(&mut key, Wrong::Nothing).0,
        403
    );
}

#[test]
fn an_old_key_without_extensions_registers() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let mut key = Authenticator::new();
    key.extensions = false;
    let (status, answer) =
        person(&sandbox).register(&session, &mut key, "old", Statement::Packed, Wrong::Nothing);
    assert_eq!(status, 201, "{answer}");
}

#[test]
fn a_wrong_registration_is_refused_and_its_twin_accepted() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let wrongs = [
        Wrong::Signature,
        Wrong::Challenge,
        Wrong::Origin,
        Wrong::RpId,
        Wrong::NoUserPresence,
        Wrong::NoUserVerification,
        Wrong::Type,
    ];
    for statement in [
        Statement::Packed,
        Statement::SelfAttested,
        Statement::PackedOddCertificate,
    ] {
        for wrong in wrongs {
            let mut key = Authenticator::new();
            let (status, answer) = person(&sandbox).register(&session, &mut key, "k", statement, wrong);
            assert_eq!(status, 400, "{statement:?} {wrong:?}: {answer}");
        }
        let mut key = Authenticator::new();
        let (status, answer) = person(&sandbox).register(&session, &mut key, "k", statement, Wrong::Nothing);
        assert_eq!(status, 201, "{statement:?}: {answer}");
    }
}

#[test]
fn a_statement_that_proves_nothing_is_not_attested_and_refused_when_enforced() {
    let mut enforced = settings();
    enforced.fido2.insert("isAttestationEnforced".into(), json!(true));
    for (settings, expected) in [(settings(), 201), (enforced, 400)] {
        let sandbox = start(settings);
        let session = session(&sandbox);
        for statement in [
            Statement::SelfAttested,
            Statement::None,
            Statement::PackedOddCertificate,
        ] {
            let mut key = Authenticator::new();
            let (status, answer) =
                person(&sandbox).register(&session, &mut key, "k", statement, Wrong::Nothing);
            assert_eq!(status, expected, "{statement:?}: {answer}");
        }
        let (_, list) = graph(&sandbox, "GET", &passkeys(""), None);
        for method in list["value"].as_array().unwrap() {
            assert_eq!(method["attestationLevel"], "notAttested");
        }
        let mut key = Authenticator::new();
        let (status, _) =
            person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
        assert_eq!(status, 201);
    }
}

#[test]
fn a_sign_in_without_a_name_goes_by_the_credential() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let mut key = Authenticator::new();
    person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
    for (wrong, expected) in [(Wrong::Nothing, 200), (Wrong::Signature, 403)] {
        let url = format!("{}/signin/passkey", sandbox.origin());
        let name = json!({"userPrincipalName": UPN});
        let (_, begun) = call("POST", &format!("{url}/begin"), None, Some(&name));
        let body = json!({"credential": key.get(&begun["publicKey"], wrong)});
        assert_eq!(
            call("POST", &format!("{url}/finish"), None, Some(&body)).0,
            expected
        );
    }
}

#[test]
fn a_wrong_sign_in_is_refused_and_its_twin_accepted() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let mut key = Authenticator::new();
    person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
    for wrong in [
        Wrong::Signature,
        Wrong::Challenge,
        Wrong::Origin,
        Wrong::RpId,
        Wrong::NoUserPresence,
        Wrong::NoUserVerification,
        Wrong::Type,
    ] {
        let (status, answer) = person(&sandbox).sign_in_with_passkey(&mut key, wrong);
        assert_eq!(status, 403, "{wrong:?}: {answer}");
        assert_eq!(
            person(&sandbox).sign_in_with_passkey(&mut key, Wrong::Nothing).0,
            200
        );
    }
}

#[test]
fn a_pass_obeys_the_rules_of_the_service() {
    let mut settings = settings();
    settings.pass_delay_milliseconds = 200;
    let sandbox = start(settings);
    let (status, error) = graph(
        &sandbox,
        "POST",
        &passes(""),
        Some(&json!({"lifetimeInMinutes": 500})),
    );
    assert_eq!(status, 400);
    let text = "Invalid LifetimeInMinutes specified. The valid range between 60 and 480.";
    assert_eq!(error["error"]["message"], text);
    let (status, first) = graph(
        &sandbox,
        "POST",
        &passes(""),
        Some(&json!({"lifetimeInMinutes": 60, "isUsableOnce": true})),
    );
    assert_eq!((status, &first["isUsable"]), (201, &json!(false)));
    let code = first["temporaryAccessPass"].as_str().unwrap();
    assert_eq!(person(&sandbox).sign_in(code).1["error"]["code"], "notYetValid");
    std::thread::sleep(std::time::Duration::from_millis(250));
    let (_, list) = graph(&sandbox, "GET", &passes(""), None);
    assert_eq!(list["value"][0]["isUsable"], true);
    assert_eq!(list["value"][0]["temporaryAccessPass"], Value::Null);
    assert_eq!(person(&sandbox).sign_in("wrong").0, 403);
    assert_eq!(person(&sandbox).sign_in(code).0, 200);
    assert_eq!(person(&sandbox).sign_in(code).1["error"]["code"], "oneTimeUsed");
    let (status, second) = graph(&sandbox, "POST", &passes(""), Some(&json!({})));
    assert_eq!(status, 201);
    assert_eq!(person(&sandbox).sign_in(code).1["error"]["code"], "wrongPass");
    let id = second["id"].as_str().unwrap();
    assert_eq!(graph(&sandbox, "DELETE", &passes(&format!("/{id}")), None).0, 204);
    assert_eq!(graph(&sandbox, "DELETE", &passes(&format!("/{id}")), None).0, 404);
    let (_, audits) = graph(&sandbox, "GET", "/auditLogs/directoryAudits", None);
    assert_eq!(
        audits["value"][0]["activityDisplayName"],
        "Admin deleted security info"
    );
}

#[test]
fn policies_refuse_what_they_exclude() {
    let mut allow = settings();
    let key = Authenticator::new();
    let list = |id: String| json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": [id]});
    allow.fido2.insert(
        "keyRestrictions".into(),
        list(glasskey::id::Aaguid(key.aaguid).to_string()),
    );
    let mut other = settings();
    other.fido2.insert(
        "keyRestrictions".into(),
        list(glasskey::id::Aaguid([1; 16]).to_string()),
    );
    let mut excluded = settings();
    excluded
        .fido2
        .insert("excludeTargets".into(), json!([{"id": "all_users"}]));
    let mut self_service = settings();
    self_service
        .fido2
        .insert("isSelfServiceRegistrationAllowed".into(), json!(false));
    let mut key = key;
    for (settings, expected) in [(allow, 201), (other, 400), (excluded, 403), (self_service, 403)] {
        let sandbox = start(settings);
        let session = session(&sandbox);
        let (status, answer) =
            person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
        assert_eq!(status, expected, "{answer}");
    }
}

#[test]
fn revoked_sessions_end_and_the_mark_is_everywhere() {
    let sandbox = start(settings());
    let session = session(&sandbox);
    let (status, answer) = graph(
        &sandbox,
        "POST",
        &format!("/users/{UPN}/revokeSignInSessions"),
        None,
    );
    assert_eq!((status, &answer["value"]), (200, &json!(true)));
    let mut key = Authenticator::new();
    let (status, _) = person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
    assert_eq!(status, 401);
    let (_, organization) = graph(&sandbox, "GET", "/organization", None);
    assert_eq!(organization["value"][0]["glasskeySandbox"], true);
    let response = ureq::get(format!("{}/nothing", sandbox.origin()))
        .config()
        .http_status_as_error(false)
        .build()
        .call()
        .unwrap();
    assert_eq!(response.headers()["glasskey-sandbox"], "1");
    let url = format!("{}/v1.0/organization", sandbox.origin());
    assert_eq!(call("GET", &url, Some("another token"), None).0, 401);
}

#[test]
fn a_cut_after_the_effect_leaves_the_effect_and_no_answer() {
    let sandbox = start(settings());
    for (effect, left) in [(Effect::CutBefore, 0), (Effect::CutAfter, 1)] {
        sandbox.add_fault(Fault {
            method: Some("POST".into()),
            path: "temporaryAccessPassMethods".into(),
            skip: 0,
            count: 1,
            effect,
        });
        let url = format!("{}/v1.0{}", sandbox.origin(), passes(""));
        let answer = ureq::post(url)
            .header("authorization", format!("Bearer {}", sandbox.token()))
            .send("{}");
        assert!(answer.is_err());
        let (_, list) = graph(&sandbox, "GET", &passes(""), None);
        assert_eq!(list["value"].as_array().unwrap().len(), left);
    }
}

#[test]
fn the_state_file_outlives_the_server() {
    let path = std::env::temp_dir().join(format!("glasskey-sandbox-{}.json", std::process::id()));
    let options = || Options {
        settings: settings(),
        state: Some(path.clone()),
        ..Options::default()
    };
    let mut key = Authenticator::new();
    {
        let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), options()).unwrap();
        let session = session(&sandbox);
        let (status, _) =
            person(&sandbox).register(&session, &mut key, "k", Statement::Packed, Wrong::Nothing);
        assert_eq!(status, 201);
    }
    let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), options()).unwrap();
    let (status, answer) = person(&sandbox).sign_in_with_passkey(&mut key, Wrong::Nothing);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(status, 200, "{answer}");
}

#[test]
fn only_loopback_addresses_are_served() {
    let refused = Sandbox::start("0.0.0.0:0".parse().unwrap(), Options::default());
    assert!(refused.is_err());
    assert!(Sandbox::start("127.0.0.1:0".parse().unwrap(), Options::default()).is_ok());
}

#[test]
fn with_a_trust_root_only_chains_to_it_are_attested() {
    let mut certified = Authenticator::new();
    let root = certified.certified();
    let options = Options {
        settings: settings(),
        trust_roots: vec![root],
        ..Options::default()
    };
    let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let session = session(&sandbox);
    let mut foreign = Authenticator::new();
    foreign.certified();
    for (key, level) in [(&mut certified, "attested"), (&mut foreign, "notAttested")] {
        let (status, answer) =
            person(&sandbox).register(&session, key, "k", Statement::Packed, Wrong::Nothing);
        assert_eq!(status, 201, "{answer}");
        let id = answer["id"].as_str().unwrap();
        let (_, method) = graph(&sandbox, "GET", &passkeys(&format!("/{id}")), None);
        assert_eq!(method["attestationLevel"], level);
    }
    // Nothing vouches for it, but a wrong signature is still refused.
    let (status, _) =
        person(&sandbox).register(&session, &mut foreign, "k", Statement::Packed, Wrong::Signature);
    assert_eq!(status, 400);
}
