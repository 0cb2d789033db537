use serde_json::{Value, json};
use time::Duration;
use time::macros::datetime;

use super::*;

const MODEL: &str = "2fc0579f-8113-47ea-b116-bb5a8db9202a";
const OTHER_MODEL: &str = "ee882879-721c-4913-9775-3dfcce97072a";

fn passkey(id: &str, name: &str, model: &str) -> Passkey {
    serde_json::from_value(json!({"id": id, "displayName": name, "aaGuid": model})).unwrap()
}

fn entry(code: i64, steps: &Value) -> SignIn {
    serde_json::from_value(
        json!({"id": "e", "status": {"errorCode": code, "failureReason": "Other."},
        "authenticationDetails": steps, "unknown": 1}),
    )
    .unwrap()
}

fn step(method: &str, detail: &str, succeeded: bool) -> Value {
    json!({"authenticationMethod": method, "authenticationMethodDetail": detail, "succeeded": succeeded})
}

/// Two keys of one model, and one of another.
fn verdict(entry: &SignIn) -> Verdict {
    let all = [
        passkey("a", "7KQ2MX", MODEL),
        passkey("b", "9ABCDE", MODEL),
        passkey("c", "C0FFEE", OTHER_MODEL),
    ];
    judge(entry, &all[0], MODEL.parse().unwrap(), &all)
}

fn opened(detail: &str) -> Verdict {
    verdict(&entry(0, &json!([step("Passkey (device-bound)", detail, true)])))
}

#[test]
fn both_names_of_the_method_count_and_the_detail_tells_which_key() {
    let detail = format!("7KQ2MX - {MODEL}");
    for method in [
        "Passkey (device-bound)",
        "FIDO2 security key",
        "fido2 security key",
    ] {
        let entry = entry(
            0,
            &json!([step("Password", "", true), step(method, &detail, true)]),
        );
        assert_eq!(verdict(&entry), Verdict::Opened(Told::ThisKey), "{method}");
    }
    assert_eq!(opened("7KQ2MX"), Verdict::Opened(Told::ThisKey));
    assert_eq!(opened(MODEL), Verdict::Opened(Told::ThisModel));
    assert_eq!(
        opened(&format!("YubiKey 5 - {MODEL}")),
        Verdict::Opened(Told::ThisModel)
    );
    assert_eq!(opened(""), Verdict::Opened(Told::Nothing));
}

#[test]
fn another_key_is_another_key() {
    for detail in [
        format!("9ABCDE - {MODEL}"),
        "9ABCDE".into(),
        format!("C0FFEE - {OTHER_MODEL}"),
        OTHER_MODEL.into(),
        format!("7KQ2MX - {OTHER_MODEL}"),
    ] {
        assert_eq!(opened(&detail), Verdict::OtherKey(detail.clone()));
    }
}

#[test]
fn names_that_are_not_unique_tell_the_model_and_a_model_alone_may_be_enough() {
    let model: Aaguid = MODEL.parse().unwrap();
    let entry = |detail: &str| entry(0, &json!([step("FIDO2 security key", detail, true)]));
    let twins = [passkey("a", "Key", MODEL), passkey("b", "Key", MODEL)];
    let seen = judge(&entry(&format!("Key - {MODEL}")), &twins[0], model, &twins);
    assert_eq!(seen, Verdict::Opened(Told::ThisModel));
    let single = [passkey("a", "Key", MODEL), passkey("b", "Key 2", OTHER_MODEL)];
    let seen = judge(&entry(MODEL), &single[0], model, &single);
    assert_eq!(seen, Verdict::Opened(Told::ThisKey));
}

#[test]
fn what_is_no_sign_in_by_a_key_is_told_apart() {
    let key = step("Passkey (device-bound)", &format!("7KQ2MX - {MODEL}"), true);
    assert_eq!(verdict(&entry(0, &json!([key]))), Verdict::Opened(Told::ThisKey));
    assert!(matches!(
        verdict(&entry(50_126, &json!([key]))),
        Verdict::Refused(Some(50_126), _)
    ));
    let mut failed = key.clone();
    failed["succeeded"] = json!(false);
    let mut before = key.clone();
    before["authenticationStepResultDetail"] = json!("MFA requirement satisfied by claim in the token");
    for steps in [
        json!([failed]),
        json!([before]),
        json!([step("Previously satisfied", "", true)]),
        json!([step("Temporary Access Pass", "", true)]),
    ] {
        assert!(
            matches!(verdict(&entry(0, &steps)), Verdict::OtherMethod(_)),
            "{steps}"
        );
    }
    assert_eq!(verdict(&entry(0, &json!([]))), Verdict::Untold);
    assert_eq!(verdict(&entry(0, &Value::Null)), Verdict::Untold);
    assert!(matches!(verdict(&SignIn::default()), Verdict::Refused(None, _)));
}

#[test]
fn entries_of_drills_and_registrations_are_explained_and_others_are_not() {
    let at = datetime!(2026-11-23 12:00 UTC);
    let known = Known {
        ids: vec!["mine".into()],
        times: vec![(at, at + Duration::hours(1))],
    };
    let entry = |id: &str, created_date_time| SignIn {
        id: id.into(),
        created_date_time,
        ..SignIn::default()
    };
    assert!(known.explains(&entry("mine", None)));
    assert!(known.explains(&entry("x", Some(at + Duration::minutes(59)))));
    assert!(!known.explains(&entry("x", Some(at + Duration::minutes(61)))));
    assert!(!known.explains(&entry("x", Some(at - Duration::seconds(1)))));
    assert!(!known.explains(&entry("x", None)));
}
