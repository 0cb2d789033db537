//! Things that have gone wrong in real tenants: what the registration says of each, and what it leaves.

use std::sync::atomic::Ordering;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use glasskey::id::Upn;
use glasskey::inventory::{Address, Inventory, InventoryError};
use glasskey::manifest::schema::{PinCustody, PreparedKey};
use glasskey::registration::journal::{Action, Entry, State};
use glasskey::registration::{Journal, OnMismatch, PersonSteps, RegistrationError, Report};
use glasskey::sandbox::{self, Effect, Fault, Settings, User};
use glasskey::secret::Secret;
use serde_json::{Value, json};

use crate::authenticator::{Statement, Wrong};
use crate::browser::{Person, call, graph};
use crate::desk::{Desk, accounts, prompt, registers};
use crate::inventory::import;

type Act<'a> = &'a mut dyn FnMut(&Desk, &PersonSteps<'_>);

fn passes_policy(members: &[(&str, Value)]) -> Desk {
    let names = accounts(1);
    let policy = members
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let settings = Settings {
        temporary_access_pass: policy.collect(),
        ..prompt(&names)
    };
    Desk::of(settings, &names, 1)
}

/// A run for every key with this person.
fn run(desk: &Desk, act: Act<'_>) -> (Result<(), RegistrationError>, Report) {
    let mut journal = Journal::open(&desk.journal()).unwrap();
    let keys: Vec<&PreparedKey> = desk.manifest.keys.iter().collect();
    desk.run_with(&mut journal, &keys, act)
}

/// The error has these words and this code, no pass is left, and nothing is to be cleaned up.
fn told(desk: &Desk, result: Result<(), RegistrationError>, code: &str, words: &[&str]) {
    let error = result.unwrap_err();
    let text = format!("{error} {}", error.hint());
    assert_eq!(error.code(), code, "{text}");
    for word in words {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(desk.state()[0].0, 0, "{text}");
    assert_eq!(Journal::open(&desk.journal()).unwrap().leftovers(), [], "{text}");
}

fn pass_path(desk: &Desk) -> String {
    let name = desk.manifest.keys[0].account.as_str();
    format!("/v1.0/users/{name}/authentication/temporaryAccessPassMethods")
}

#[test]
fn a_pass_that_somebody_creates_in_between_is_left_alone() {
    let names = accounts(1);
    let settings = Settings {
        refuse_second_pass: true,
        ..prompt(&names)
    };
    let desk = Desk::of(settings, &names, 1);
    let (url, token) = (
        format!("{}{}", desk.sandbox.origin(), pass_path(&desk)),
        desk.sandbox.token().to_owned(),
    );
    let somebody = move |entry: &Entry| {
        if (entry.action, entry.state) == (Action::CreatePass, State::Intended) {
            assert_eq!(call("POST", &url, Some(&token), Some(&json!({}))).0, 201);
        }
    };
    let mut journal = Journal::open(&desk.journal())
        .unwrap()
        .watched(Box::new(somebody));
    let (result, _) = desk.run_with(&mut journal, &[&desk.manifest.keys[0]], &mut registers);
    let error = result.unwrap_err();
    assert_eq!(error.code(), "condition");
    assert!(
        error.to_string().contains("already has a Temporary Access Pass"),
        "{error}"
    );
    assert!(error.hint().contains("--yes"));
    assert_eq!((desk.state(), journal.leftovers()), (vec![(1, 0, 0)], vec![]));
    drop(journal);
    // The twin: it is replaced when that is asked for.
    let mut desk = desk;
    desk.options.replace_foreign_pass = true;
    desk.run().0.unwrap();
    assert_eq!(desk.state(), [(0, 1, 0)]);
}

fn sign_in(desk: &Desk, steps: &PersonSteps<'_>) -> (u16, Value) {
    let person = Person {
        origin: desk.sandbox.origin(),
        upn: steps.account.to_string(),
    };
    person.sign_in(steps.pass.expose())
}

#[test]
fn a_one_time_pass_that_is_used_up_is_told_and_the_next_run_creates_another() {
    let mut desk = passes_policy(&[("isUsableOnce", json!(true))]);
    desk.options.wait = Duration::from_millis(600);
    let mut twice = |desk: &Desk, steps: &PersonSteps<'_>| {
        assert!(steps.once && steps.text().expose().contains("one sign-in"));
        assert_eq!(sign_in(desk, steps).0, 200);
        let (status, answer) = sign_in(desk, steps);
        assert_eq!((status, &answer["error"]["code"]), (403, &json!("oneTimeUsed")));
    };
    let (result, _) = run(&desk, &mut twice);
    told(
        &desk,
        result,
        "timedOut",
        &["one-time pass was used up", "Repeat the command"],
    );
    let (result, report) = run(&desk, &mut registers);
    result.unwrap();
    assert!(
        report.keys[0]
            .warnings
            .iter()
            .any(|w| w.contains("one-time passes only"))
    );
    // Without a sign-in nobody says that it was used.
    let mut desk = passes_policy(&[("isUsableOnce", json!(true))]);
    desk.options.wait = Duration::from_millis(300);
    let (result, _) = run(&desk, &mut |_, _| {});
    assert!(!result.unwrap_err().to_string().contains("used up"));
}

#[test]
fn an_expired_pass_says_which_lifetime_to_give() {
    let mut desk = passes_policy(&[("minimumLifetimeInMinutes", json!(0))]);
    desk.options.pass_minutes = 0;
    let (result, _) = run(&desk, &mut registers);
    told(
        &desk,
        result,
        "condition",
        &["it has expired (Expired)", "--pass-minutes"],
    );
    desk.options.pass_minutes = 10;
    desk.run().0.unwrap();
}

#[test]
fn an_account_outside_the_policy_of_passes_is_told_before_and_during() {
    let desk = passes_policy(&[("includeTargets", json!([{"targetType": "group", "id": "others"}]))]);
    let (result, _) = run(&desk, &mut registers);
    told(
        &desk,
        result,
        "condition",
        &["does not include", "exclusion wins"],
    );
    assert_eq!(desk.sandbox.calls("POST", "temporaryaccesspassmethods"), 0);
    // Taken out of the policy while the person is at the browser.
    let desk = Desk::new(1, 1);
    let policy =
        "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/TemporaryAccessPass";
    let kind = "#microsoft.graph.temporaryAccessPassAuthenticationMethodConfiguration";
    let change = |desk: &Desk, state: &str| {
        let body = json!({"@odata.type": kind, "state": state});
        let (status, answer) = graph(&desk.sandbox, "PATCH", policy, Some(&body));
        assert!(status < 300, "{answer}");
    };
    let (result, _) = run(&desk, &mut |desk, _| change(desk, "disabled"));
    told(
        &desk,
        result,
        "condition",
        &["DisabledByPolicy", "targets of the policy"],
    );
    change(&desk, "enabled");
    desk.run().0.unwrap();
}

#[test]
fn a_pass_that_somebody_deletes_is_not_waited_for() {
    let desk = Desk::new(1, 1);
    let mut deletes = |desk: &Desk, _: &PersonSteps<'_>| {
        let list = pass_path(desk);
        let (_, answer) = graph(&desk.sandbox, "GET", &list, None);
        let id = answer["value"][0]["id"].as_str().unwrap();
        assert_eq!(
            graph(&desk.sandbox, "DELETE", &format!("{list}/{id}"), None).0,
            204
        );
    };
    let (result, _) = run(&desk, &mut deletes);
    told(&desk, result, "condition", &["Somebody else deleted", "Ask who"]);
    // One 404 is a replica that is late.
    desk.sandbox.add_fault(Fault {
        method: Some("GET".into()),
        path: "temporaryAccessPassMethods/".into(),
        skip: 0,
        count: 1,
        effect: Effect::Status {
            status: 404,
            retry_after: None,
            code: Some("resourceNotFound".into()),
            message: None,
        },
    });
    let mut late = |desk: &Desk, steps: &PersonSteps<'_>| {
        std::thread::sleep(desk.options.poll * 10);
        registers(desk, steps);
    };
    run(&desk, &mut late).0.unwrap();
}

#[test]
fn the_key_of_another_account_is_refused_at_the_browser_and_stays_where_it_is() {
    let mut desk = Desk::new(2, 1);
    desk.options.on_mismatch = OnMismatch::Delete;
    let other = desk.manifest.keys[0].label.to_string();
    let second = desk.manifest.keys[1].label.to_string();
    let mut mixes_up = |desk: &Desk, steps: &PersonSteps<'_>| {
        if steps.label.as_str() != second {
            return registers(desk, steps);
        }
        let person = Person {
            origin: desk.sandbox.origin(),
            upn: steps.account.to_string(),
        };
        let (_, session) = person.sign_in(steps.pass.expose());
        let session = session["session"].as_str().unwrap();
        let mut key = desk.keys[&other].lock().unwrap();
        let (status, answer) = person.register(session, &mut key, &second, Statement::Packed, Wrong::Nothing);
        assert_eq!(status, 201, "{answer}");
    };
    let (result, report) = run(&desk, &mut mixes_up);
    told(&desk, result, "mismatch", &["another model"]);
    assert_eq!(report.keys[1].deleted.len(), 1);
    assert_eq!(desk.state(), [(0, 1, 0), (0, 0, 0)]);
    desk.run().0.unwrap();
    assert_eq!(desk.state(), [(0, 1, 0), (0, 1, 0)]);
}

#[test]
fn one_key_serves_one_account_in_a_manifest_and_in_an_inventory() {
    let mut desk = Desk::new(2, 1);
    let proper = desk.manifest.keys[1].identity.clone();
    desk.manifest.keys[1].identity = desk.manifest.keys[0].identity.clone();
    let (result, _) = run(&desk, &mut registers);
    told(
        &desk,
        result,
        "condition",
        &[
            "one and the same key",
            "bg-001@",
            "bg-002@",
            "One key serves one account",
        ],
    );
    assert_eq!(desk.sandbox.calls("POST", "/v1.0"), 0);
    desk.manifest.keys[1].identity = proper;
    desk.run().0.unwrap();
    // In a second manifest, for another account: the inventory knows the key.
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    import(&mut inventory, &desk.manifest).unwrap();
    desk.inventory = Some(address);
    desk.manifest.keys.pop();
    desk.manifest.keys[0].account = "bg-002@contoso.onmicrosoft.com".parse().unwrap();
    let (result, _) = run(&desk, &mut registers);
    let refused = matches!(
        result,
        Err(RegistrationError::Inventory(InventoryError::OtherAccount { .. }))
    );
    assert!(refused, "{result:?}");
    told(
        &desk,
        result,
        "inventory",
        &["one key serves one account", "prepared for this account"],
    );
}

#[test]
fn nobody_registers_for_himself() {
    let names = accounts(1);
    let settings = prompt(&names);
    let token = |id: &str| {
        format!(
            "e30.{}.",
            BASE64_URL_SAFE_NO_PAD.encode(json!({"oid": id}).to_string())
        )
    };
    for (caller, may) in [
        (settings.users[0].id.clone(), false),
        ("somebody else".into(), true),
    ] {
        let options = sandbox::Options {
            settings: settings.clone(),
            token: Some(token(&caller)),
            ..sandbox::Options::default()
        };
        let desk = Desk::started(options, &names, 1);
        let (result, _) = run(&desk, &mut registers);
        if may {
            result.unwrap();
        } else {
            told(
                &desk,
                result,
                "condition",
                &["itself", "Use another administrator"],
            );
            assert_eq!(desk.sandbox.calls("POST", "temporaryaccesspassmethods"), 0);
        }
    }
}

#[test]
fn a_token_that_does_not_tell_whose_it_is_gets_405_and_the_same_hint() {
    let desk = Desk::new(1, 1);
    desk.sandbox.add_fault(Fault {
        method: Some("POST".into()),
        path: "temporaryAccessPassMethods".into(),
        skip: 0,
        count: 1,
        effect: Effect::Status {
            status: 405,
            retry_after: None,
            code: Some("methodNotAllowed".into()),
            message: None,
        },
    });
    let (result, _) = run(&desk, &mut registers);
    told(
        &desk,
        result,
        "graph",
        &["405 methodNotAllowed", "the same: use another administrator"],
    );
    desk.run().0.unwrap();
}

#[test]
fn a_campaign_that_asks_the_account_is_a_warning() {
    let names = accounts(1);
    let out = json!([{"id": "all_users", "targetType": "group"}]);
    for (state, excluded, warns) in [
        ("enabled", json!([]), true),
        ("enabled", out, false),
        ("disabled", json!([]), false),
        ("default", json!([]), false),
    ] {
        let mut settings = prompt(&names);
        let campaign = &mut settings.registration_campaign;
        campaign.insert("state".into(), json!(state));
        campaign.insert("excludeTargets".into(), excluded);
        let desk = Desk::of(settings, &names, 1);
        let (result, report) = desk.run();
        result.unwrap();
        let warned = report.keys[0]
            .warnings
            .iter()
            .any(|w| w.contains("companion setup"));
        assert_eq!(warned, warns, "{state}: {:?}", report.keys[0].warnings);
    }
}

/// A sign-in name of that many bytes.
fn name_of(length: usize) -> String {
    let domain = "@contoso.onmicrosoft.com";
    format!("{}{domain}", "a".repeat(length - domain.len()))
}

#[test]
fn long_names_are_warned_of_and_longer_ones_are_no_names() {
    for (length, warns) in [(49, false), (50, true), (64, true)] {
        let names = [name_of(length)];
        let mut settings = prompt(&names);
        settings.users = vec![User::named(&names[0])];
        let desk = Desk::of(settings, &names, 1);
        let (result, report) = desk.run();
        result.unwrap();
        let words = format!("has {length} bytes: names from 50 on have failed");
        let warned = report.keys[0].warnings.iter().any(|w| w.contains(&words));
        assert_eq!(warned, warns, "{:?}", report.keys[0].warnings);
    }
    let refused = name_of(70).parse::<Upn>().unwrap_err().to_string();
    assert!(
        refused.contains("has 70 bytes; more than 64 fail at sign-in"),
        "{refused}"
    );
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args([
            "companion",
            "register",
            "manifest.age",
            "--identity",
            "none",
            "--account",
            &name_of(70),
        ])
        .args([
            "--station-fingerprint-file",
            "none",
            "--token-file",
            "none",
            "--cloud",
            "global",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("more than 64 fail at sign-in"), "{text}");
}

#[test]
fn a_pin_is_offered_in_custody_manifest_alone_and_what_is_shown_is_taken_away() {
    for (custody, offered) in [
        (PinCustody::Manifest, true),
        (PinCustody::Rotate, false),
        (PinCustody::Slip, false),
    ] {
        let mut desk = Desk::new(1, 1);
        desk.manifest.pin_custody = custody;
        desk.manifest.keys[0].pin = Some(Secret::new("73915082".into()));
        let mut looks = |desk: &Desk, steps: &PersonSteps<'_>| {
            assert_eq!(steps.pin.is_some(), offered);
            assert!(!steps.text().expose().contains("73915082"), "only on a key press");
            registers(desk, steps);
        };
        let (result, report) = run(&desk, &mut looks);
        result.unwrap();
        assert!(!serde_json::to_string(&report).unwrap().contains("73915082"));
        assert_eq!(desk.hidden.load(Ordering::Relaxed), 1);
        // Nobody comes: the person is attended to all the time, and the screen is cleared all the same.
        let mut desk = Desk::new(1, 1);
        desk.options.wait = Duration::from_millis(200);
        assert!(run(&desk, &mut |_, _| {}).0.is_err());
        assert!(desk.attended.load(Ordering::Relaxed) > 2);
        assert_eq!(desk.hidden.load(Ordering::Relaxed), 1);
    }
}
