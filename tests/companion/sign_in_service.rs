//! The sandbox tenant's sign-in service as any client sees it: what it verifies, each refusal with its twin.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use glasskey::sandbox::Login;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PSS_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::browser::{call, graph};
use crate::contract::Recorded;
use crate::sign_in::{CLIENT, KEYS, TENANT, UPN, good_certificate, tenant, visit};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCOPE: &str = "https://graph.microsoft.com/.default";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn endpoint(sandbox: &Recorded, name: &str) -> String {
    format!("{}/{TENANT}/oauth2/v2.0/{name}", sandbox.origin())
}

fn post(sandbox: &Recorded, name: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let fields = fields.iter().copied();
    let mut response = agent.post(endpoint(sandbox, name)).send_form(fields).unwrap();
    let body = response.body_mut().read_to_string().unwrap();
    (response.status().as_u16(), serde_json::from_str(&body).unwrap())
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    BASE64_STANDARD.decode(lines.collect::<String>()).unwrap()
}

/// An assertion of these parts, signed with this key.
fn signed(header: &Value, claims: &Value, key: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let pair = RsaKeyPair::from_pkcs8(&der(key)).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PSS_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

fn parts(sandbox: &Recorded, id: &str) -> (Value, Value) {
    let thumbprint = ring::digest::digest(&ring::digest::SHA256, &der(&good_certificate()));
    let now = OffsetDateTime::now_utc().unix_timestamp();
    (
        json!({"alg": "PS256", "typ": "JWT", "x5t#S256": BASE64_URL_SAFE_NO_PAD.encode(thumbprint)}),
        json!({"aud": endpoint(sandbox, "token"), "iss": CLIENT, "sub": CLIENT, "jti": id,
            "nbf": now, "exp": now + 300}),
    )
}

fn prove(sandbox: &Recorded, assertion: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("scope", SCOPE),
        ("client_assertion_type", ASSERTION),
        ("client_assertion", assertion),
    ];
    post(sandbox, "token", &fields)
}

#[test]
fn an_assertion_is_verified_in_every_part_and_good_once() {
    let sandbox = tenant(Login::default());
    let (header, claims) = parts(&sandbox, "first");
    let good = signed(&header, &claims, KEYS[0]);
    let (status, answer) = prove(&sandbox, &good);
    assert_eq!(status, 200, "{answer}");
    assert!(answer.get("refresh_token").is_none());
    let (status, answer) = prove(&sandbox, &good);
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("invalid_client")),
        "replayed"
    );
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let wrongs = [
        ("header", "alg", json!("RS256")),
        ("header", "alg", json!("none")),
        ("header", "x5t#S256", json!("AAAA")),
        (
            "claims",
            "aud",
            json!("https://login.microsoftonline.com/x/oauth2/v2.0/token"),
        ),
        ("claims", "iss", json!("22222222-2222-4333-8444-555555555555")),
        ("claims", "sub", json!("22222222-2222-4333-8444-555555555555")),
        ("claims", "jti", json!("")),
        ("claims", "nbf", json!(now + 3600)),
        ("claims", "exp", json!(now - 3600)),
        ("claims", "exp", json!(now + 86400)),
        ("claims", "exp", Value::Null),
    ];
    for (index, (part, name, value)) in wrongs.into_iter().enumerate() {
        let (mut header, mut claims) = parts(&sandbox, &format!("wrong {index}"));
        let changed = if part == "header" {
            &mut header
        } else {
            &mut claims
        };
        changed[name] = value;
        let (status, answer) = prove(&sandbox, &signed(&header, &claims, KEYS[0]));
        assert_eq!(
            (status, &answer["error"]),
            (401, &json!("invalid_client")),
            "{name}"
        );
    }
    let (header, claims) = parts(&sandbox, "second");
    let (status, _) = prove(&sandbox, &signed(&header, &claims, KEYS[1]));
    assert_eq!(status, 401, "another key");
    for text in ["", ".", "a.b.c", &good[..good.len() - 4]] {
        assert_eq!(prove(&sandbox, text).0, 401, "{text}");
    }
    assert_eq!(prove(&sandbox, &signed(&header, &claims, KEYS[0])).0, 200);
}

/// Signs in in the browser; the code.
fn code(sandbox: &Recorded) -> String {
    let (status, back) = authorize(sandbox, &[]);
    assert_eq!(status, 302);
    let back = url::Url::parse(&back.unwrap()).unwrap();
    let mut pairs = back.query_pairs();
    assert!(back.query_pairs().any(|(n, v)| n == "state" && v == "s"));
    pairs.find(|(n, _)| n == "code").unwrap().1.into_owned()
}

fn authorize(sandbox: &Recorded, changes: &[(&str, &str)]) -> (u16, Option<String>) {
    let mut url = url::Url::parse(&endpoint(sandbox, "authorize")).unwrap();
    let fields = [
        ("client_id", CLIENT),
        ("response_type", "code"),
        ("redirect_uri", "http://localhost:1"),
        ("scope", SCOPE),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for (name, value) in fields {
        let other = changes.iter().find(|(n, _)| *n == name);
        url.query_pairs_mut()
            .append_pair(name, other.map_or(value, |c| c.1));
    }
    visit(url.as_str())
}

fn redeem(sandbox: &Recorded, code: &str, changes: &[(&str, &str)]) -> (u16, Value) {
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", CLIENT),
        ("code", code),
        ("redirect_uri", "http://localhost:1"),
        ("code_verifier", VERIFIER),
    ];
    let fields = fields.map(|(name, value)| {
        let other = changes.iter().find(|(n, _)| *n == name);
        (name, other.map_or(value, |c| c.1))
    });
    post(sandbox, "token", &fields)
}

#[test]
fn a_code_needs_its_verifier_and_is_good_once() {
    let sandbox = tenant(Login::default());
    let first = code(&sandbox);
    assert_eq!(redeem(&sandbox, &first, &[]).0, 200);
    for (code, changes) in [
        (first, [("client_id", CLIENT)]),
        (code(&sandbox), [("code_verifier", "another verifier")]),
        (code(&sandbox), [("redirect_uri", "http://localhost:2")]),
        (
            code(&sandbox),
            [("client_id", "22222222-2222-4333-8444-555555555555")],
        ),
    ] {
        let (status, answer) = redeem(&sandbox, &code, &changes);
        assert_eq!(
            (status, &answer["error"]),
            (400, &json!("invalid_grant")),
            "{changes:?}"
        );
    }
}

#[test]
fn the_page_sends_nobody_elsewhere_and_wants_a_challenge() {
    let sandbox = tenant(Login::default());
    for redirect in [
        "https://evil.example/",
        "http://localhost.evil.example:1",
        "http://localhost:1/x",
    ] {
        assert_eq!(
            authorize(&sandbox, &[("redirect_uri", redirect)]),
            (400, None),
            "{redirect}"
        );
    }
    for change in [
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("response_type", "token"),
        ("scope", "https://vault.azure.net/.default"),
    ] {
        let (status, back) = authorize(&sandbox, &[change]);
        let back = back.unwrap();
        assert!(
            status == 302 && back.contains("error=") && !back.contains("code="),
            "{change:?}"
        );
    }
}

#[test]
fn tokens_that_were_issued_are_good_until_they_end() {
    let lives = |token_seconds| {
        let sandbox = tenant(Login {
            token_seconds,
            ..Login::default()
        });
        let (_, answer) = redeem(&sandbox, &code(&sandbox), &[]);
        let url = format!("{}/v1.0/users/{UPN}", sandbox.origin());
        let token = answer["access_token"].as_str().unwrap();
        call("GET", &url, Some(token), None).0
    };
    assert_eq!((lives(60), lives(0)), (200, 401));
    let sandbox = tenant(Login::default());
    let url = format!("{}/v1.0/users/{UPN}", sandbox.origin());
    assert_eq!(call("GET", &url, Some("made up"), None).0, 401);
    assert_eq!(graph(&sandbox, "GET", &format!("/v1.0/users/{UPN}"), None).0, 200);
}

#[test]
fn a_refresh_token_is_its_applications() {
    let sandbox = tenant(Login::default());
    let scope = format!("{SCOPE} offline_access");
    let (_, back) = authorize(&sandbox, &[("scope", &scope)]);
    let back = url::Url::parse(&back.unwrap()).unwrap();
    let code = back
        .query_pairs()
        .find(|(n, _)| n == "code")
        .unwrap()
        .1
        .into_owned();
    let (_, answer) = redeem(&sandbox, &code, &[]);
    let refresh = answer["refresh_token"].as_str().unwrap();
    for (client, token, expected) in [
        (CLIENT, refresh, 200),
        ("22222222-2222-4333-8444-555555555555", refresh, 400),
        (CLIENT, "made up", 400),
    ] {
        let fields = [
            ("grant_type", "refresh_token"),
            ("client_id", client),
            ("scope", &scope),
            ("refresh_token", token),
        ];
        assert_eq!(post(&sandbox, "token", &fields).0, expected, "{client} {token}");
    }
}

#[test]
fn passwords_secrets_and_other_tenants_are_refused() {
    let sandbox = tenant(Login::default());
    for fields in [
        [("grant_type", "password"), ("username", UPN), ("password", "x")],
        [
            ("grant_type", "client_credentials"),
            ("client_id", CLIENT),
            ("client_secret", "x"),
        ],
    ] {
        assert!(post(&sandbox, "token", &fields).0 >= 400);
    }
    let elsewhere = endpoint(&sandbox, "authorize").replace(TENANT, "fabrikam.onmicrosoft.com");
    assert_eq!(visit(&elsewhere).0, 400);
}
