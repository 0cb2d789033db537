//! Route `air-gapped`: options of a sandbox tenant, software keys in place of the station, and the tenant's list.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use glasskey::creation_options::{CreationOptions, FILE};
use glasskey::inventory::{Address, Author, Inventory, KeyState, Origin};
use glasskey::key::{Blob, KeyError};
use glasskey::manifest::schema::{MadePasskey, PreparedKey};
use glasskey::manifest::sign::StationKey;
use glasskey::manifest::{Identity, Manifest, seal};
use glasskey::plan::Plan;
use glasskey::registration::air_gapped::Proving;
use glasskey::registration::air_gapped::options::fetch;
use glasskey::registration::journal::{Action, State};
use glasskey::registration::{
    InventoryLedger, Journal, Ledger, NoLedger, OnWrongKey, Options, PersonSteps, Registration,
    RegistrationError, Report, Route, Voice,
};
use glasskey::sandbox::{Effect, Settings, User};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::fake_bus::Shared;
use crate::permissions::{sets, token};
use crate::registration::{Scene, UPN, manifest, prepared};

/// A plan for so many keys of one account.
fn plan_text(keys: usize, rehearsal: bool) -> String {
    let key = "{ custodian = \"Alan Turing\" }, ".repeat(keys);
    format!(
        r#"version = 1
title = "Test"
rehearsal = {rehearsal}
recipients = ["{}"]
people = [{{ name = "Ada", role = "officer" }}, {{ name = "Grace", role = "witness" }}]
[[accounts]]
upn = "{UPN}"
keys = [{key}]
"#,
        Identity::generate().recipient()
    )
}

fn options(scene: &Scene, keys: usize) -> Result<CreationOptions, RegistrationError> {
    let plan = Plan::parse(&plan_text(keys, true)).unwrap();
    fetch(&scene.client(), &plan, 43_200, &mut |_| {})
}

/// What the station does with a key: it answers the entry of its place.
fn answer(options: &CreationOptions, key: &Shared, mut prepared: PreparedKey, place: u8) -> PreparedKey {
    let asked = options.of(&prepared.account, place).unwrap();
    let client_data = &asked.request.client_data;
    let (id, object) = key
        .lock()
        .unwrap()
        .attest(&asked.request.rp_id, client_data.as_slice());
    prepared.place = place;
    prepared.registration = Some(Box::new(MadePasskey {
        account: prepared.account.clone(),
        tenant_id: options.tenant_id.clone(),
        credential_id: Blob(id),
        client_data_json: client_data.clone(),
        attestation_object: Blob(object),
        expires: asked.expires,
    }));
    prepared
}

/// One key that answered, and the manifest with it.
fn one(scene: &Scene) -> (Shared, Manifest) {
    let (key, prepared) = prepared(1, UPN);
    let prepared = answer(&options(scene, 1).unwrap(), &key, prepared, 1);
    (key, manifest(vec![prepared], true, vec![]))
}

struct Quiet(Vec<String>);

impl Voice for Quiet {
    fn say(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
    fn show(&mut self, _: &PersonSteps<'_>) -> std::io::Result<()> {
        unreachable!("no pass on this route")
    }
    fn forget(&mut self) {}
    fn ask(&mut self, _: &str) -> Option<bool> {
        None
    }
    fn pin(&mut self, _: &str) -> Option<glasskey::secret::Pin> {
        None
    }
}

struct Run {
    result: Result<(), RegistrationError>,
    report: Value,
    lines: Vec<String>,
    journal: Vec<(Action, State)>,
}

fn submit(scene: &Scene, manifest: &Manifest, proving: Proving) -> Run {
    submit_with(scene, manifest, proving, &mut NoLedger)
}

fn submit_with(scene: &Scene, manifest: &Manifest, proving: Proving, ledger: &mut dyn Ledger) -> Run {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path: PathBuf =
        std::env::temp_dir().join(format!("glasskey-air-gapped-{}-{number}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let mut journal = Journal::open(&path).unwrap();
    let mut voice = Quiet(Vec::new());
    let graph = scene.client();
    let mut report = Report::begin(Route::AirGapped, manifest, &graph, String::new());
    let keys: Vec<&PreparedKey> = manifest.keys.iter().collect();
    let result = Registration {
        graph: &graph,
        bus: &scene.bus,
        journal: &mut journal,
        voice: &mut voice,
        options: Options {
            route: Route::AirGapped,
            proving,
            ..scene.options
        },
    }
    .run_with(manifest, &keys, &mut report, ledger);
    let entries = journal.entries().iter().map(|e| (e.action, e.state)).collect();
    std::fs::remove_file(path).unwrap();
    Run {
        result,
        report: serde_json::to_value(&report).unwrap(),
        lines: voice.0,
        journal: entries,
    }
}

const INTENDED_AND_DONE: [(Action, State); 2] = [
    (Action::RegisterPasskey, State::Intended),
    (Action::RegisterPasskey, State::Done),
];

#[test]
fn what_keys_made_offline_is_registered_and_proven_once() {
    let scene = Scene::new();
    let options = options(&scene, 2).unwrap();
    assert!(options.sandbox && options.keys.len() == 2);
    let left = options.expires().unwrap() - OffsetDateTime::now_utc();
    assert!(left > Duration::days(29), "{left}");
    let options = CreationOptions::parse(&options.to_json().unwrap()).unwrap();
    let (first, a) = prepared(1, UPN);
    let (second, b) = prepared(2, UPN);
    let keys = vec![answer(&options, &first, a, 1), answer(&options, &second, b, 2)];
    let manifest = manifest(keys, true, vec![]);
    scene.bus.plug(&first);

    let run = submit(&scene, &manifest, Proving::IfHere);
    run.result.unwrap();
    assert_eq!(scene.passkeys(), 2);
    let result = |run: &Value, key: usize| run["keys"][key]["result"].clone();
    assert_eq!(
        (result(&run.report, 0), result(&run.report, 1)),
        ("registered".into(), "registeredNotProven".into())
    );
    assert!(!run.report["keys"][0]["credential"].is_null() && run.report["keys"][1]["credential"].is_null());
    assert!(
        run.report["keys"][1]["warnings"]
            .to_string()
            .contains("is not the key with label")
    );
    assert!(
        run.lines
            .iter()
            .any(|line| line.contains("1 of 2 passkeys are registered and not proven"))
    );
    assert_eq!(run.journal, [INTENDED_AND_DONE, INTENDED_AND_DONE].concat());
    for (key, prepared) in manifest.keys.iter().enumerate() {
        assert_eq!(
            run.report["keys"][key]["method"]["displayName"],
            prepared.label.as_str()
        );
    }

    // The second key comes later; nothing is posted again.
    scene.bus.plug(&second);
    let run = submit(&scene, &manifest, Proving::IfHere);
    run.result.unwrap();
    assert_eq!(
        (result(&run.report, 0), result(&run.report, 1)),
        ("registeredNotProven".into(), "alreadyRegistered".into())
    );
    assert_eq!((scene.passkeys(), run.journal.len()), (2, 0));
    assert_eq!(scene.sandbox.calls("POST", "fido2methods"), 2);
}

#[test]
fn a_key_that_has_to_be_here_is_waited_for() {
    let mut scene = Scene::new();
    let (key, manifest) = one(&scene);
    scene.options.wait = std::time::Duration::from_millis(200);
    let run = submit(&scene, &manifest, Proving::Always);
    assert!(
        matches!(run.result, Err(RegistrationError::TimedOut(_))),
        "{:?}",
        run.result
    );
    assert_eq!(
        scene.passkeys(),
        1,
        "it is registered all the same, and the report says so"
    );
    assert_eq!(run.report["keys"][0]["unproven"].as_array().unwrap().len(), 1);
    scene.options.on_wrong_key = OnWrongKey::Wait;
    scene.bus.plug(&key);
    let run = submit(&scene, &manifest, Proving::Always);
    run.result.unwrap();
    assert_eq!(run.report["keys"][0]["result"], "alreadyRegistered");
}

#[test]
fn a_passkey_is_proven_by_the_public_key_that_the_station_wrote_down() {
    let scene = Scene::new();
    let (key, manifest) = one(&scene);
    scene.bus.plug(&key);
    let honest = submit(&scene, &manifest, Proving::Always);
    honest.result.unwrap();
    key.lock().unwrap().forge("login.microsoft.com");
    let forged = submit(&scene, &manifest, Proving::Always);
    assert!(
        matches!(
            forged.result,
            Err(RegistrationError::Key(KeyError::NotProven { .. }))
        ),
        "{:?}",
        forged.result
    );
    assert!(forged.report["keys"][0]["credential"].is_null());
}

#[test]
fn an_answer_that_is_lost_or_refused_for_a_while_posts_nothing_twice() {
    let status = |status| Effect::Status {
        status,
        retry_after: Some(0),
        code: None,
        message: None,
    };
    for (effect, posts) in [
        (Effect::CutAfter, 1),
        (Effect::CutBefore, 2),
        (status(429), 2),
        (status(503), 2),
    ] {
        let mut scene = Scene::new();
        scene.options.usable_within = std::time::Duration::from_millis(800);
        let (key, manifest) = one(&scene);
        scene.bus.plug(&key);
        scene.fault("POST", "fido2Methods", 0, 1, effect.clone());
        let run = submit(&scene, &manifest, Proving::IfHere);
        assert!(run.result.is_ok(), "{effect:?}: {:?}", run.result);
        assert_eq!(run.report["keys"][0]["result"], "registered", "{effect:?}");
        assert_eq!(scene.passkeys(), 1, "{effect:?}");
        assert_eq!(scene.sandbox.calls("POST", "fido2methods"), posts, "{effect:?}");
        assert_eq!(run.journal.last(), Some(&INTENDED_AND_DONE[1]), "{effect:?}");
    }
}

#[test]
fn the_inventory_tells_a_registered_key_from_a_proven_one() {
    let scene = Scene::new();
    let (key, manifest) = one(&scene);
    let folder = tempfile::tempdir().unwrap();
    let address = Address::File(folder.path().join("inventory.sqlite"));
    let author = Author {
        who: "Registrar".into(),
        source: "test".into(),
    };
    let origin = Origin {
        manifest: &manifest,
        station: StationKey::generate().unwrap().fingerprint(),
        sha256: "00",
    };
    let mut inventory = Inventory::open_or_create(&address).unwrap();
    inventory.import(&[origin], &author).unwrap();
    for (is_here, state) in [(false, KeyState::Registered), (true, KeyState::Proven)] {
        if is_here {
            scene.bus.plug(&key);
        }
        let lease = std::time::Duration::from_mins(10);
        let mut ledger = InventoryLedger::new(address.clone(), author.clone(), lease).unwrap();
        submit_with(&scene, &manifest, Proving::IfHere, &mut ledger)
            .result
            .unwrap();
        let known = inventory.key(&manifest.keys[0].label).unwrap();
        assert_eq!((known.state, known.claim.is_none()), (state, true));
    }
}

#[test]
fn nothing_is_posted_that_is_not_this_key_s_answer_for_this_tenant() {
    type Change = fn(&mut MadePasskey);
    let changes: [(Change, &str); 5] = [
        (|m| m.tenant_id = "another".into(), "in tenant another"),
        (
            |m| m.account = "bg-02@contoso.onmicrosoft.com".parse().unwrap(),
            "was made for bg-02",
        ),
        (|m| m.client_data_json.0.push(b' '), "does not fit"),
        (|m| m.credential_id.0[0] ^= 1, "credential id"),
        (
            |m| m.expires = OffsetDateTime::now_utc() - Duration::seconds(1),
            "ended on",
        ),
    ];
    let scene = Scene::new();
    for (change, word) in changes {
        let (_, mut manifest) = one(&scene);
        change(manifest.keys[0].registration.as_mut().unwrap());
        let error = submit(&scene, &manifest, Proving::IfHere).result.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        assert!(error.to_string().contains("Nothing has been changed"), "{error}");
    }
    let without = manifest(vec![prepared(3, UPN).1], true, vec![]);
    let error = submit(&scene, &without, Proving::IfHere).result.unwrap_err();
    assert!(error.to_string().contains("holds no passkey"), "{error}");
    let (_, manifest) = one(&scene);
    let real = Manifest::new(
        glasskey::manifest::schema::CeremonyFacts {
            rehearsal: false,
            ..manifest.ceremony
        },
        None,
        manifest.pin_custody,
        manifest.people,
        manifest.recipients,
        manifest.transcript,
        manifest.slips,
        manifest.keys,
    );
    let error = submit(&scene, &real, Proving::IfHere).result.unwrap_err();
    assert!(error.to_string().contains("sandbox tenant"), "{error}");
    assert_eq!(scene.sandbox.calls("POST", "fido2methods"), 0);
    assert_eq!(scene.passkeys(), 0);
}

#[test]
fn a_challenge_that_was_used_is_refused_with_what_to_do() {
    let scene = Scene::new();
    let options = options(&scene, 1).unwrap();
    let (first, a) = prepared(1, UPN);
    let (second, b) = prepared(2, UPN);
    let used = manifest(vec![answer(&options, &first, a, 1)], true, vec![]);
    submit(&scene, &used, Proving::IfHere).result.unwrap();
    let again = manifest(vec![answer(&options, &second, b, 1)], true, vec![]);
    let run = submit(&scene, &again, Proving::IfHere);
    let error = run.result.unwrap_err();
    assert!(error.to_string().contains("refused the passkey"), "{error}");
    assert!(error.hint().contains("companion options"), "{}", error.hint());
    assert_eq!(run.journal[1], (Action::RegisterPasskey, State::Refused));
    assert_eq!(scene.passkeys(), 1);
}

#[test]
fn options_are_fetched_for_a_plan_of_this_kind_of_tenant_alone() {
    let scene = Scene::new();
    let real = Plan::parse(&plan_text(1, false)).unwrap();
    let error = fetch(&scene.client(), &real, 43_200, &mut |_| {}).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a sandbox tenant, and the plan is for a real"),
        "{error}"
    );
    let other = plan_text(1, true).replace("bg-01", "bg-77");
    let error = fetch(
        &scene.client(),
        &Plan::parse(&other).unwrap(),
        43_200,
        &mut |_| {},
    )
    .unwrap_err();
    assert!(error.to_string().contains("has no account bg-77"), "{error}");
    assert_eq!(scene.sandbox.calls("GET", "creationoptions"), 0);
}

#[test]
fn options_and_their_answers_need_the_same_permissions_and_no_fewer() {
    let least = |command: &str| sets(command)[0].0.clone();
    assert_eq!(least("options"), least("submit"));
    for (permissions, missing) in sets("options") {
        let scene = Scene::with_token(token(&permissions));
        let fetched = options(&scene, 1);
        assert_eq!(fetched.is_ok(), missing.is_none(), "{missing:?}: {fetched:?}");
        // Where nothing can be fetched, there is nothing to submit.
        if missing.is_none() {
            let (_, manifest) = one(&scene);
            let run = submit(&scene, &manifest, Proving::IfHere);
            assert!(run.result.is_ok(), "{:?}", run.result);
        }
    }
}

#[test]
fn the_help_of_both_commands_has_examples_and_exit_codes() {
    for (command, parts) in [
        ("options", ["creation-options.json", "20 tenant", "26 the file"]),
        ("submit", ["--prove", "20 tenant", "26 journal"]),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .args(["companion", command, "--help"])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in parts.into_iter().chain(["Examples:", "Exit codes: 0"]) {
            assert!(flat.contains(part), "{command}: {part}");
        }
    }
}

#[test]
fn a_cloud_without_creation_options_is_named_before_anything_is_read() {
    let refused = |cloud: &str, arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .arg("companion")
            .args(arguments)
            .args(["--cloud", cloud, "--token-file", "no-such-token"])
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let fingerprint = "0".repeat(64);
    let submit = [
        "submit",
        "no-such.age",
        "--identity",
        "none",
        "--station-fingerprint",
        &fingerprint,
    ];
    for command in [&["options", "no-such-plan.toml"][..], &submit] {
        let (code, said) = refused("us-gov", command);
        assert_eq!(code, Some(20), "{said}");
        assert!(
            said.contains("US Government L4 has no creation options"),
            "{said}"
        );
        let (code, said) = refused("global", command);
        assert_eq!(code, Some(2), "{said}");
        assert!(!said.contains("creation options for passkeys"), "{said}");
    }
}

#[test]
fn the_commands_carry_a_file_out_and_a_manifest_back() {
    let settings = Settings {
        users: vec![User::named(UPN)],
        ..Settings::default()
    };
    let scene = Scene::of(settings);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| std::fs::write(folder.path().join(name), content).unwrap();
    file("token", scene.sandbox.token().as_bytes());
    file("plan.toml", plan_text(1, true).as_bytes());
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .current_dir(folder.path())
            .arg("companion")
            .args(arguments)
            .args([
                "--graph",
                &scene.sandbox.origin(),
                "--token-file",
                "token",
                "--json",
            ])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let json = serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default();
        (output.status.code(), json, said)
    };
    let (code, json, said) = run(&["options", "plan.toml"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        (
            json["keys"][0]["place"].clone(),
            json["tenant"]["sandbox"].clone()
        ),
        (1.into(), true.into())
    );
    let options = CreationOptions::parse(&std::fs::read(folder.path().join(FILE)).unwrap()).unwrap();

    let (key, prepared) = prepared(1, UPN);
    let (identity, station) = (Identity::generate(), StationKey::generate().unwrap());
    let made = manifest(
        vec![answer(&options, &key, prepared, 1)],
        true,
        vec![identity.recipient()],
    );
    let jws = station.sign(&made.to_json().unwrap());
    file("manifest.age", &seal::seal(&jws, &made.recipients).unwrap());
    file("identity.txt", identity.to_file().expose().as_bytes());
    file("fingerprint.txt", station.fingerprint().words().as_bytes());
    let submit = [
        "submit",
        "manifest.age",
        "--identity",
        "identity.txt",
        "--station-fingerprint-file",
        "fingerprint.txt",
        "--yes",
    ];
    let (code, report, said) = run(&submit);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(report["route"], "air-gapped");
    assert_eq!(report["keys"][0]["result"], "registeredNotProven");
    assert_eq!(scene.passkeys(), 1);

    file("plan.toml", plan_text(1, false).as_bytes());
    let (code, _, said) = run(&["options", "plan.toml", "--out", "other.json"]);
    assert_eq!(code, Some(20), "{said}");
    assert!(!folder.path().join("other.json").exists());
}
