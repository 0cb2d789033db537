//! Policies of the sandbox tenant: what a PATCH keeps, replaces and refuses.

use glasskey::sandbox::{Group, Settings, User};
use serde_json::{Value, json};

use crate::browser::graph;
use crate::contract::Recorded;

const METHODS: &str = "/v1.0/policies/authenticationMethodsPolicy";
const FIDO2: &str = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2";
const PASS: &str =
    "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass";
const FIDO2_TYPE: &str = "#microsoft.graph.fido2AuthenticationMethodConfiguration";

fn start() -> (Recorded, String) {
    let settings = Settings {
        groups: vec![Group::named("Emergency")],
        users: vec![User::named("bg-01@contoso.onmicrosoft.com")],
        ..Settings::default()
    };
    let group = settings.groups[0].id.clone();
    (Recorded::start(settings), group)
}

fn read(sandbox: &Recorded, path: &str) -> Value {
    let (status, body) = graph(sandbox, "GET", path, None);
    assert_eq!(status, 200, "{body}");
    body
}

#[test]
fn a_patch_keeps_what_is_absent_and_replaces_arrays_whole() {
    let (sandbox, group) = start();
    let before = read(&sandbox, FIDO2);
    let targets = json!([{"id": group, "targetType": "group", "isRegistrationRequired": false}]);
    let body = json!({"@odata.type": FIDO2_TYPE, "includeTargets": targets});
    assert_eq!(graph(&sandbox, "PATCH", FIDO2, Some(&body)).0, 204);
    let mut expected = before;
    expected["includeTargets"] = targets;
    assert_eq!(read(&sandbox, FIDO2), expected);
}

#[test]
fn each_patch_that_is_not_sound_is_refused_and_changes_nothing() {
    let (sandbox, group) = start();
    let before = read(&sandbox, FIDO2);
    for body in [
        json!({"state": "disabled"}),
        json!({"@odata.type": "#microsoft.graph.other", "state": "disabled"}),
        json!({"@odata.type": FIDO2_TYPE, "isAttestationEnforced": "true"}),
        json!({"@odata.type": FIDO2_TYPE, "unknown": true}),
        json!({"@odata.type": FIDO2_TYPE, "includeTargets": [{"id": "nobody", "targetType": "group"}]}),
        json!({"@odata.type": FIDO2_TYPE, "includeTargets": [{"id": group}]}),
        json!({"@odata.type": FIDO2_TYPE, "passkeyProfiles": [{}, {}, {}, {}]}),
    ] {
        let (status, answer) = graph(&sandbox, "PATCH", FIDO2, Some(&body));
        assert_eq!(status, 400, "{body}: {answer}");
    }
    assert_eq!(read(&sandbox, FIDO2), before);
    let good = json!({"@odata.type": FIDO2_TYPE, "state": "disabled"});
    assert_eq!(graph(&sandbox, "PATCH", FIDO2, Some(&good)).0, 204);
    assert_eq!(read(&sandbox, FIDO2)["state"], "disabled");
}

#[test]
fn profiles_cannot_be_given_up_again() {
    let (sandbox, _) = start();
    let profile = json!({"id": "00000000-0000-0000-0000-000000000001", "name": "Default",
        "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled", "keyRestrictions": null});
    let patch = |profiles: Value| {
        let body = json!({"@odata.type": FIDO2_TYPE, "passkeyProfiles": profiles});
        graph(&sandbox, "PATCH", FIDO2, Some(&body)).0
    };
    assert_eq!(patch(json!([])), 204);
    assert_eq!(patch(json!([profile])), 204);
    assert_eq!(patch(json!([])), 400);
}

#[test]
fn the_pass_policy_decides_over_new_passes_from_then_on() {
    let (sandbox, _) = start();
    let kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration";
    let body = json!({"@odata.type": kind, "isUsableOnce": true});
    assert_eq!(graph(&sandbox, "PATCH", PASS, Some(&body)).0, 204);
    let passes = "/v1.0/users/bg-01@contoso.onmicrosoft.com/authentication/temporaryAccessPassMethods";
    let create = |once: bool| graph(&sandbox, "POST", passes, Some(&json!({"isUsableOnce": once}))).0;
    assert_eq!((create(false), create(true)), (400, 201));
}

#[test]
fn the_campaign_lies_in_the_policy_around_the_methods() {
    let (sandbox, group) = start();
    let campaign = |policy: &Value| {
        policy["registrationEnforcement"]["authenticationMethodsRegistrationCampaign"].clone()
    };
    let before = campaign(&read(&sandbox, METHODS));
    let mut changed = before.clone();
    changed["excludeTargets"] = json!([{"id": group, "targetType": "group"}]);
    let body = |campaign: &Value| json!({"registrationEnforcement": {"authenticationMethodsRegistrationCampaign": campaign}});
    let (status, answer) = graph(&sandbox, "PATCH", METHODS, Some(&body(&changed)));
    assert_eq!((status, campaign(&answer)), (200, changed.clone()));
    assert_eq!(campaign(&read(&sandbox, METHODS)), changed);
    let mut wrong = before;
    wrong["snoozeDurationInDays"] = json!(15);
    assert_eq!(graph(&sandbox, "PATCH", METHODS, Some(&body(&wrong))).0, 400);
}

#[test]
fn security_defaults_are_read_and_switched() {
    let (sandbox, _) = start();
    let path = "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy";
    assert_eq!(read(&sandbox, path)["isEnabled"], false);
    assert_eq!(
        graph(&sandbox, "PATCH", path, Some(&json!({"isEnabled": true}))).0,
        204
    );
    assert_eq!(read(&sandbox, path)["isEnabled"], true);
    assert_eq!(graph(&sandbox, "PATCH", path, Some(&json!({}))).0, 400);
}
