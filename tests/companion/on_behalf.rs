//! Route `on-behalf` from end to end: sandbox tenant and software keys, no browser and no pass.

use std::sync::{Arc, Mutex};

use glasskey::manifest::schema::PreparedKey;
use glasskey::registration::{OnMismatch, OnWrongKey, RegistrationError, Report, Route};
use glasskey::sandbox::{Effect, Settings};
use glasskey::secret::Secret;
use serde_json::json;

use crate::authenticator::Authenticator;
use crate::fake_bus::{OnMake, Shared};
use crate::registration::{Scene, UPN, adds, does_nothing, manifest, prepared};

pub(crate) const OPTIONS: &str = "creationoptions";
pub(crate) const METHODS: &str = "fido2methods";
pub(crate) const PIN: &str = "73915082";

/// A tenant, a key that is plugged in, and its entry in the manifest with its PIN.
pub(crate) fn ready(settings: Settings) -> (Scene, Shared, PreparedKey) {
    let mut scene = Scene::with(settings);
    scene.options.route = Route::OnBehalf;
    let (key, mut prepared) = prepared(1, UPN);
    key.lock().unwrap().pin = Some(PIN.into());
    prepared.pin = Some(Secret::new(PIN.into()));
    scene.bus.plug(&key);
    (scene, key, prepared)
}

pub(crate) fn run(
    scene: &Scene,
    keys: Vec<PreparedKey>,
) -> (Result<(), RegistrationError>, Report, Vec<String>) {
    scene.run(&manifest(keys, true, vec![]), does_nothing())
}

/// Credentials on the key for the tenant, besides its identity credential.
pub(crate) fn made(key: &Shared) -> usize {
    let key = key.lock().unwrap();
    let for_tenant = |c: &&crate::authenticator::Credential| c.rp_id == "login.microsoft.com";
    key.credentials.iter().filter(for_tenant).count()
}

/// The same entry once more; only its serialisation copies a PIN.
pub(crate) fn again(entry: &PreparedKey) -> PreparedKey {
    let copy: PreparedKey = serde_json::from_value(serde_json::to_value(entry).unwrap()).unwrap();
    assert!(copy.pin.is_some());
    copy
}

#[test]
fn a_prepared_key_is_registered_and_proven_without_a_pass() {
    let (scene, key, prepared) = ready(Settings::default());
    let label = prepared.label.to_string();
    let (result, report, lines) = run(&scene, vec![prepared]);
    result.unwrap();
    assert_eq!(
        (report.route, report.result.as_str()),
        ("on-behalf", "registered")
    );
    let entry = &report.keys[0];
    assert_eq!(entry.result, "registered");
    assert!(entry.identity_before.is_some() && entry.credential.is_some());
    assert!(entry.pass.is_none() && entry.sessions_revoked.is_none());
    assert!(
        entry.warnings.is_empty() && entry.unproven.is_empty() && entry.orphans.is_empty(),
        "{:?}",
        entry.warnings
    );
    let method = entry.method.as_ref().unwrap();
    assert_eq!(method.display_name.as_deref(), Some(label.as_str()));
    assert_eq!(method.attestation_level.as_deref(), Some("attested"));
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
    let journal = std::fs::read_to_string(&scene.journal).unwrap();
    assert_eq!(journal.lines().count(), 2);
    assert!(journal.contains(&label) && !journal.contains(PIN));
    assert!(lines.iter().any(|l| l.contains("The key waits for a touch")));
    assert!(lines.iter().all(|l| !l.contains(PIN)));
}

/// A pass costs eleven requests for each key, and one for each look while a person works; one more names the tenant.
#[test]
fn one_key_takes_twelve_requests_and_its_looks_by_a_pass() {
    let (mut scene, key, prepared) = ready(Settings {
        page_size: 20,
        ..Settings::default()
    });
    scene.options.route = Route::Tap;
    scene
        .run(&manifest(vec![prepared], true, vec![]), adds(&key))
        .0
        .unwrap();
    let calls = |method: &str, path: &str| scene.sandbox.calls(method, path);
    let all: usize = ["GET", "POST", "DELETE"].iter().map(|m| calls(m, "/v1.0")).sum();
    // Repeated looks: whether the pass works, whether the passkey is there, whether the log has it.
    let looks =
        calls("GET", "temporaryaccesspassmethods/") + calls("GET", METHODS) + calls("GET", "directoryaudits");
    assert_eq!(
        all - looks,
        9,
        "organization, user, policies, campaign, passes, create, delete, revoke"
    );
    assert!(calls("GET", METHODS) >= 2 && calls("GET", "directoryaudits") >= 1);
}

#[test]
fn one_key_takes_seven_requests() {
    let (scene, _, prepared) = ready(Settings {
        page_size: 20,
        ..Settings::default()
    });
    run(&scene, vec![prepared]).0.unwrap();
    let all = scene.sandbox.calls("GET", "/v1.0") + scene.sandbox.calls("POST", "/v1.0");
    // The list is read again until the new passkey appears in it.
    let lists = scene.sandbox.calls("GET", METHODS) - scene.sandbox.calls("GET", OPTIONS);
    assert_eq!(all - lists, 5, "organization, user, policy, options, POST");
    assert_eq!(scene.sandbox.calls("POST", ""), 1);
    assert!(lists >= 2);
}

#[test]
fn a_second_run_proves_what_is_there_and_makes_nothing() {
    let (scene, key, prepared) = ready(Settings::default());
    run(&scene, vec![again(&prepared)]).0.unwrap();
    let (result, report, _) = run(&scene, vec![prepared]);
    result.unwrap();
    assert_eq!(report.keys[0].result, "alreadyRegistered");
    assert!(report.keys[0].credential.is_some());
    assert_eq!(scene.sandbox.calls("POST", METHODS), 1);
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
}

#[test]
fn two_keys_of_one_account_are_registered_one_after_the_other() {
    let (mut scene, first, a) = ready(Settings::default());
    let (second, mut b) = prepared(2, UPN);
    b.pin = Some(Secret::new(PIN.into()));
    scene.hands = vec![(a.label.to_string(), first), (b.label.to_string(), second)];
    let (result, report, lines) = run(&scene, vec![a, b]);
    result.unwrap();
    assert_eq!(scene.passkeys(), 2);
    assert!(
        report
            .keys
            .iter()
            .all(|k| k.warnings.is_empty() && k.credential.is_some())
    );
    assert!(lines.iter().any(|l| l.starts_with("Key 2 of 2")));
}

#[test]
fn a_wrong_key_is_refused_before_the_options_are_fetched() {
    let (scene, _, prepared_key) = ready(Settings::default());
    let (other, _) = prepared(2, UPN);
    scene.bus.plug(&other);
    let (result, _, _) = run(&scene, vec![prepared_key]);
    assert!(
        matches!(result, Err(RegistrationError::WrongKey(_))),
        "{result:?}"
    );
    assert_eq!(scene.sandbox.calls("GET", OPTIONS), 0);
    assert_eq!(made(&other), 0);
    assert!(std::fs::read_to_string(&scene.journal).unwrap().is_empty());
}

#[test]
fn a_key_that_is_swapped_before_it_makes_the_passkey_makes_none() {
    for (swaps, registered) in [(true, 0), (false, 1)] {
        let (scene, key, prepared) = ready(Settings::default());
        let other = Arc::new(Mutex::new(key.lock().unwrap().sibling()));
        let step = if swaps {
            OnMake::Swap(other.clone())
        } else {
            OnMake::Swap(key.clone())
        };
        scene.bus.on_make.lock().unwrap().push_back(step);
        let (result, _, _) = run(&scene, vec![prepared]);
        assert_eq!(result.is_err(), swaps, "{result:?}");
        assert_eq!(scene.passkeys(), registered);
        assert_eq!((made(&key), made(&other)), (registered, 0));
    }
}

#[test]
fn a_pin_that_is_not_in_the_manifest_is_typed_before_the_options_are_fetched() {
    for (typed, works) in [
        (vec!["00000000", PIN], true),
        (vec![PIN], true),
        (vec!["00000000"], false),
        (vec![], false),
    ] {
        for always_uv in [false, true] {
            // A key that wants its PIN for everything costs an attempt for a wrong one, so it is not asked twice.
            let works = works && !(always_uv && typed.len() > 1);
            let (mut scene, key, mut prepared) = ready(Settings::default());
            key.lock().unwrap().always_uv = always_uv;
            prepared.pin = None;
            scene.pins = typed.iter().map(|t| (*t).to_owned()).collect();
            let (result, _, lines) = run(&scene, vec![prepared]);
            assert_eq!(result.is_ok(), works, "{typed:?} {always_uv}: {result:?}");
            assert_eq!(scene.sandbox.calls("GET", OPTIONS), usize::from(works));
            assert_eq!(scene.passkeys(), usize::from(works));
            assert!(lines.iter().all(|l| !l.contains(PIN)), "{lines:?}");
        }
    }
}

#[test]
fn a_key_that_always_wants_its_pin_gets_the_one_of_the_manifest() {
    let (scene, key, prepared) = ready(Settings::default());
    key.lock().unwrap().always_uv = true;
    run(&scene, vec![prepared]).0.unwrap();
    assert_eq!(scene.passkeys(), 1);
}

#[test]
fn options_for_another_relying_party_never_reach_the_key() {
    for (member, value, refused) in [
        (
            "rp",
            json!({"id": "login.microsoftonline.com", "name": "Microsoft"}),
            true,
        ),
        (
            "pubKeyCredParams",
            json!([{"type": "public-key", "alg": -257}]),
            true,
        ),
        ("timeout", json!(0), false),
    ] {
        let (scene, key, prepared) = ready(Settings {
            creation_options: [(member.to_owned(), value)].into(),
            ..Settings::default()
        });
        let (result, _, _) = run(&scene, vec![prepared]);
        assert_eq!(
            matches!(result, Err(RegistrationError::Condition { .. })),
            refused,
            "{member}: {result:?}"
        );
        assert_eq!(made(&key), usize::from(!refused));
    }
}

#[test]
fn each_policy_that_refuses_is_named_before_the_key_is_asked() {
    let some_group = json!([{"targetType": "group", "id": "some-group"}]);
    let restricted = json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": []});
    for (member, value) in [
        ("state", json!("disabled")),
        ("includeTargets", some_group),
        ("isSelfServiceRegistrationAllowed", json!(false)),
        ("keyRestrictions", restricted),
    ] {
        let (scene, key, prepared) = ready(Settings {
            fido2: [(member.to_owned(), value)].into(),
            ..Settings::default()
        });
        let (result, _, _) = run(&scene, vec![prepared]);
        assert!(
            matches!(result, Err(RegistrationError::Condition { .. })),
            "{member}: {result:?}"
        );
        assert_eq!((made(&key), scene.sandbox.calls("GET", OPTIONS)), (0, 0));
    }
    // The policy of passes does not matter here.
    let (scene, _, prepared) = ready(Settings {
        temporary_access_pass: [("state".to_owned(), json!("disabled"))].into(),
        ..Settings::default()
    });
    run(&scene, vec![prepared]).0.unwrap();
}

/// A refusal as the service words it: JSON inside the message.
fn refusal(status: u16, sub_code: &str) -> Effect {
    let inner = json!({"odata.error": {"message": {"value": "Policy failed"},
        "values": [{"item": "subCode", "value": sub_code}]}});
    Effect::Status {
        status,
        retry_after: None,
        code: Some("Request_BadRequest".into()),
        message: Some(inner.to_string()),
    }
}

#[test]
fn a_refused_post_says_why_and_leaves_nothing_on_the_key() {
    for (status, sub_code, words, reads) in [
        (
            400,
            "error_user_group_restriction_policy_failure",
            "does not include",
            1,
        ),
        (400, "error_of_tomorrow", "would not refuse this account", 2),
        (409, "error_of_tomorrow", "error_of_tomorrow", 2),
        (403, "error_of_tomorrow", "error_of_tomorrow", 1),
    ] {
        for keeps_everything in [false, true] {
            let (scene, key, prepared) = ready(Settings::default());
            key.lock().unwrap().keeps_everything = keeps_everything;
            scene.fault("POST", METHODS, 0, 1, refusal(status, sub_code));
            let (result, report, _) = run(&scene, vec![again(&prepared)]);
            let error = result.unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert_eq!(scene.sandbox.calls("GET", "configurations/fido2"), reads);
            let left = usize::from(keeps_everything);
            assert_eq!((made(&key), report.keys[0].orphans.len()), (left, left));
            assert_eq!(scene.passkeys(), 0);
            // Nothing is in the way of the next run.
            run(&scene, vec![prepared]).0.unwrap();
            assert_eq!((scene.passkeys(), made(&key)), (1, 1 + left));
        }
    }
}

#[test]
fn options_that_are_refused_say_what_to_do() {
    let status = |status| Effect::Status {
        status,
        retry_after: None,
        code: Some("methodNotAllowed".into()),
        message: None,
    };
    for (code, hint) in [
        (405, "another administrator"),
        (404, "--route tap"),
        (400, "--route tap"),
    ] {
        let (scene, key, prepared) = ready(Settings::default());
        scene.fault("GET", OPTIONS, 0, 1, status(code));
        let error = run(&scene, vec![prepared]).0.unwrap_err();
        assert!(matches!(error, RegistrationError::Condition { .. }), "{error}");
        assert!(error.hint().contains(hint), "{}", error.hint());
        assert_eq!(made(&key), 0);
    }
}

#[test]
fn a_key_that_does_not_hold_what_it_made_is_a_mismatch_and_deletion_is_offered() {
    for (choice, left) in [
        (OnMismatch::Keep, 1),
        (OnMismatch::Ask, 1),
        (OnMismatch::Delete, 0),
    ] {
        let (mut scene, key, prepared) = ready(Settings::default());
        scene.options.on_mismatch = choice;
        key.lock().unwrap().forgets = true;
        let (result, report, _) = run(&scene, vec![prepared]);
        assert!(
            matches!(result, Err(RegistrationError::Mismatch(_))),
            "{result:?}"
        );
        let entry = &report.keys[0];
        assert_eq!((entry.unproven.len(), entry.deleted.len()), (left, 1 - left));
        assert_eq!(scene.passkeys(), left);
    }
}

#[test]
fn a_key_that_holds_a_passkey_under_another_name_is_not_registered_twice() {
    let (scene, key, prepared_key) = ready(Settings::default());
    run(&scene, vec![again(&prepared_key)]).0.unwrap();
    // Another machine, another journal, and a manifest whose label the passkey does not have.
    std::fs::write(&scene.journal, "").unwrap();
    let mut renamed = again(&prepared_key);
    renamed.label = prepared(3, UPN).1.label;
    let (result, _, _) = run(&scene, vec![renamed]);
    let error = result.unwrap_err();
    assert!(error.to_string().contains(prepared_key.label.as_str()), "{error}");
    assert_eq!((scene.passkeys(), made(&key)), (1, 1));
    // With its own label it is found and proven.
    assert_eq!(
        run(&scene, vec![prepared_key]).1.keys[0].result,
        "alreadyRegistered"
    );
}

#[test]
fn a_key_that_is_missing_is_waited_for_before_the_options_are_fetched() {
    let (mut scene, _, prepared_key) = ready(Settings::default());
    scene.options.on_wrong_key = OnWrongKey::Wait;
    scene.options.wait = std::time::Duration::from_millis(300);
    scene.bus.plug(&Arc::new(Mutex::new(Authenticator::new())));
    let (result, _, lines) = run(&scene, vec![prepared_key]);
    assert!(
        matches!(result, Err(RegistrationError::TimedOut(_))),
        "{result:?}"
    );
    assert!(lines.iter().any(|l| l.contains("Take it out")));
    assert_eq!(scene.sandbox.calls("GET", OPTIONS), 0);
}
