//! Setup against the sandbox tenant: from nothing to ready, what is there stays, and no cut changes the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use glasskey::graph::{Client, Interrupt, Pace, Service};
use glasskey::id::Aaguid;
use glasskey::journal::State;
use glasskey::sandbox::{Effect, Fault, Group, Licence, RandomFaults, Settings, User};
use glasskey::secret::Secret;
use glasskey::tenant::facts::{Facts, Question, Wanted};
use glasskey::tenant::preflight::{Outcome, judge};
use glasskey::tenant::setup::{Change, Journal, Plan, Present, Setup, SetupError, Wish, plan};
use serde_json::{Value, json};

use crate::browser::graph;
use crate::contract::Recorded;

const ACCOUNTS: [&str; 2] = ["bg-01@contoso.onmicrosoft.com", "bg-02@contoso.onmicrosoft.com"];
const METHODS: &str = "/v1.0/policies/authenticationMethodsPolicy";
const FIDO2: &str = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2";
const PASS: &str =
    "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass";

/// A tenant without accounts, with both methods off and a campaign, that is slow to show what is new.
fn empty() -> Settings {
    let mut settings = Settings {
        replication_delay_milliseconds: 60,
        audit_delay_milliseconds: 0,
        page_size: 3,
        groups: vec![Group::named("Pilot")],
        ..Settings::default()
    };
    let pilot =
        json!([{"id": settings.groups[0].id, "targetType": "group", "isRegistrationRequired": false}]);
    for policy in [&mut settings.fido2, &mut settings.temporary_access_pass] {
        policy.insert("state".into(), json!("disabled"));
        policy.insert("includeTargets".into(), pilot.clone());
    }
    settings
        .fido2
        .insert("isSelfServiceRegistrationAllowed".into(), json!(false));
    settings
        .registration_campaign
        .insert("state".into(), json!("enabled"));
    settings
}

fn wish() -> Wish {
    Wish::new(None, &ACCOUNTS.map(str::to_owned), None).unwrap()
}

/// One tenant and the journal of one machine.
struct Scene {
    sandbox: Recorded,
    journal: PathBuf,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.journal);
    }
}

impl Scene {
    fn new(settings: Settings) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let journal = std::env::temp_dir().join(format!("glasskey-setup-{}-{number}", std::process::id()));
        let _ = std::fs::remove_file(&journal);
        Self {
            sandbox: Recorded::start(settings),
            journal,
        }
    }

    fn client(&self, patience: Duration) -> Client {
        let pace = Pace {
            gap: Duration::ZERO,
            first: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            patience,
        };
        let service = Service::parse(&self.sandbox.origin()).unwrap();
        let token = Secret::new(self.sandbox.token().to_owned());
        Client::new(service, token, Interrupt::never(), pace)
    }

    fn plan(&self, wish: &Wish) -> Plan {
        let present = Present::read(&self.client(Duration::from_secs(5)), wish).unwrap();
        plan(wish, &present).unwrap()
    }

    fn run(&self, wish: &Wish, patience: Duration) -> Result<usize, SetupError> {
        let mut journal = Journal::open(&self.journal).unwrap();
        Setup {
            graph: &self.client(patience),
            journal: &mut journal,
            wish,
            say: &mut |_| {},
            settle: Duration::from_secs(3),
            poll: Duration::from_millis(20),
        }
        .run()
    }

    fn apply(&self) -> usize {
        self.run(&wish(), Duration::from_secs(10)).unwrap()
    }

    fn writes(&self) -> usize {
        let sum = ["POST", "PATCH", "DELETE"].map(|m| self.sandbox.calls(m, ""));
        sum.iter().sum::<usize>()
    }

    fn get(&self, path: &str) -> Value {
        let mut path = path.to_owned();
        let mut whole = Value::Null;
        loop {
            let (status, body) = graph(&self.sandbox, "GET", &path, None);
            assert_eq!(status, 200, "{body}");
            let next = body["@odata.nextLink"].as_str().map(str::to_owned);
            if whole.is_null() {
                whole = body;
            } else {
                let more = body["value"].as_array().unwrap().clone();
                whole["value"].as_array_mut().unwrap().extend(more);
            }
            let Some(next) = next else { return whole };
            next.strip_prefix(&self.sandbox.origin())
                .unwrap()
                .clone_into(&mut path);
        }
    }

    /// What the tenant has, without what differs between two tenants anyway.
    fn state(&self) -> Value {
        let users = self.get("/v1.0/users");
        let groups = self.get("/v1.0/groups");
        let mut members = Vec::new();
        let mut text =
            json!({"fido2": self.get(FIDO2), "pass": self.get(PASS), "methods": self.get(METHODS)});
        text["users"] = users["value"].clone();
        text["groups"] = groups["value"].clone();
        let mut names: Vec<(String, String)> = Vec::new();
        for object in ["users", "groups"] {
            for one in text[object].as_array().unwrap() {
                let id = one["id"].as_str().unwrap().to_owned();
                let name = one["userPrincipalName"].as_str().or(one["displayName"].as_str());
                if object == "groups" {
                    let list = self.get(&format!("/v1.0/groups/{id}/members"));
                    let mut inside: Vec<String> = list["value"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|m| m["userPrincipalName"].as_str().unwrap().to_owned())
                        .collect();
                    inside.sort();
                    members.push(json!({"group": name, "members": inside}));
                }
                names.push((id, name.unwrap().to_owned()));
            }
        }
        text["members"] = json!(members);
        let mut text = text.to_string();
        for (id, name) in names {
            text = text.replace(&id, &name);
        }
        serde_json::from_str(&text).unwrap()
    }
}

#[test]
fn from_an_empty_tenant_to_one_that_is_ready_and_a_second_run_changes_nothing() {
    let scene = Scene::new(empty());
    let pilot = scene.get("/v1.0/groups")["value"][0]["id"].clone();
    let made = scene.apply();
    assert_eq!(made, 2 + 1 + 2 + 3);
    let writes = scene.writes();
    assert_eq!(scene.apply(), 0);
    assert_eq!(scene.writes(), writes, "a second run writes nothing");
    let question = Question {
        accounts: ACCOUNTS
            .iter()
            .map(|name| Wanted {
                name: (*name).into(),
                models: Vec::new(),
            })
            .collect(),
        ..Question::default()
    };
    let facts = Facts::read(&scene.client(Duration::from_secs(5)), &question).unwrap();
    let findings = judge(&question, &facts);
    let open: Vec<_> = findings
        .iter()
        .filter(|f| matches!(f.outcome, Outcome::Failure | Outcome::Warning))
        .collect();
    assert!(open.is_empty(), "{open:#?}");
    // What was there is there: the pilot group in both methods, everyone in the campaign.
    for path in [FIDO2, PASS] {
        let policy = scene.get(path);
        let targets = policy["includeTargets"].as_array().unwrap();
        assert_eq!((targets.len(), &targets[0]["id"]), (2, &pilot), "{policy}");
    }
    let methods = scene.get(METHODS);
    let campaign = &methods["registrationEnforcement"]["authenticationMethodsRegistrationCampaign"];
    assert_eq!(
        (&campaign["state"], &campaign["includeTargets"][0]["id"]),
        (&json!("enabled"), &json!("all_users"))
    );
    let group = &scene.get("/v1.0/groups")["value"][1];
    assert_eq!(group["isAssignableToRole"], true);
    let roles = scene.get("/v1.0/roleManagement/directory/roleAssignments");
    assert_eq!(roles["value"], json!([]), "roles come last");
}

#[test]
fn each_password_is_random_of_all_classes_and_nowhere_else() {
    let scene = Scene::new(empty());
    scene.apply();
    let exchanges = scene.sandbox.exchanges();
    let created: Vec<_> = exchanges
        .iter()
        .filter(|e| e.method == "POST" && e.path == "/v1.0/users")
        .collect();
    let passwords: Vec<&str> = created
        .iter()
        .map(|e| e.request["passwordProfile"]["password"].as_str().unwrap())
        .collect();
    assert_eq!(passwords.len(), 2);
    assert_ne!(passwords[0], passwords[1]);
    let journal = std::fs::read_to_string(&scene.journal).unwrap();
    for (exchange, password) in created.iter().zip(&passwords) {
        assert!((100..=256).contains(&password.len()));
        assert_eq!(
            exchange.request["passwordProfile"]["forceChangePasswordNextSignIn"],
            false
        );
        assert_eq!(exchange.request["passwordPolicies"], "DisablePasswordExpiration");
        assert!(!journal.contains(*password));
        let others = exchanges
            .iter()
            .filter(|e| !created.iter().any(|c| std::ptr::eq(*c, *e)));
        for other in others {
            assert!(!format!("{other:?}").contains(*password));
        }
    }
}

/// Every write of a setup from nothing: method, part of the path, and how many of its kind come before.
const WRITES: [(&str, &str, u32); 8] = [
    ("POST", "/v1.0/users", 0),
    ("POST", "/v1.0/users", 1),
    ("POST", "/v1.0/groups", 0),
    ("POST", "/members/$ref", 0),
    ("POST", "/members/$ref", 1),
    ("PATCH", "/fido2", 0),
    ("PATCH", "/temporaryaccesspass", 0),
    ("PATCH", "authenticationmethodspolicy", 2),
];

#[test]
fn a_run_that_dies_before_or_after_any_write_is_repeated_to_the_same_end() {
    let whole = Scene::new(empty());
    whole.apply();
    let expected = whole.state();
    for (method, path, skip) in WRITES {
        for effect in [Effect::CutAfter, Effect::CutBefore] {
            let scene = Scene::new(empty());
            scene.sandbox.add_fault(Fault {
                method: Some(method.into()),
                path: path.into(),
                skip,
                count: 1,
                effect: effect.clone(),
            });
            // Without patience the lost answer ends the run, as a machine that loses its power does.
            let place = format!("{method} {path} {skip} {effect:?}");
            let died = scene.run(&wish(), Duration::ZERO);
            assert!(matches!(died, Err(SetupError::Graph(_))), "{place}: {died:?}");
            scene.apply();
            assert_eq!(scene.state(), expected, "{place}");
            assert_eq!(scene.apply(), 0, "{place}");
        }
    }
}

#[test]
fn each_write_is_in_the_journal_before_and_after() {
    let scene = Scene::new(empty());
    scene.apply();
    let journal = Journal::open(&scene.journal).unwrap();
    let entries = journal.entries();
    assert_eq!(entries.len(), 2 * WRITES.len());
    for pair in entries.chunks(2) {
        assert_eq!((pair[0].state, pair[1].state), (State::Intended, State::Done));
        assert_eq!(
            (pair[0].action, &pair[0].subject),
            (pair[1].action, &pair[1].subject)
        );
    }
}

#[test]
fn random_faults_leave_one_group_and_nothing_missing() {
    for seed in 0..4 {
        let mut settings = empty();
        settings.random_faults = Some(RandomFaults { seed, per_mille: 100 });
        let scene = Scene::new(settings);
        let mut runs = 0;
        while scene.run(&wish(), Duration::from_secs(10)).is_err() {
            runs += 1;
            assert!(runs < 20, "seed {seed}");
        }
        assert_eq!(scene.plan(&wish()).changes, []);
        let client = scene.client(Duration::from_secs(10));
        assert_eq!(
            client.groups_named(&wish().group).unwrap().len(),
            1,
            "seed {seed}"
        );
    }
}

#[test]
fn what_it_does_not_own_is_kept_and_what_is_there_is_not_made_again() {
    let mut settings = empty();
    settings.users = vec![
        User::named(ACCOUNTS[0]),
        User::named("somebody@contoso.onmicrosoft.com"),
    ];
    let mut group = Group::named("Emergency access");
    group.members = vec![settings.users[0].id.clone(), settings.users[1].id.clone()];
    settings.groups.push(group);
    let other = Aaguid([9; 16]).to_string();
    settings.fido2.insert(
        "keyRestrictions".into(),
        json!({"isEnforced": true, "enforcementType": "allow", "aaGuids": [other]}),
    );
    let scene = Scene::new(settings);
    let mut wish = wish();
    wish.models = vec![Aaguid([7; 16])];
    let plan = scene.plan(&wish);
    assert!(plan.notices.iter().any(|n| n.contains("not role-assignable")));
    assert!(!plan.changes.iter().any(|(c, _)| matches!(c, Change::Group(_))));
    scene.run(&wish, Duration::from_secs(5)).unwrap();
    let groups = scene.get("/v1.0/groups");
    assert_eq!(groups["value"].as_array().unwrap().len(), 2);
    let id = groups["value"][1]["id"].as_str().unwrap().to_owned();
    let members = scene.get(&format!("/v1.0/groups/{id}/members"));
    assert_eq!(
        members["value"].as_array().unwrap().len(),
        3,
        "somebody is still in it"
    );
    let list = scene.get(FIDO2)["keyRestrictions"]["aaGuids"].clone();
    assert_eq!(list, json!([other, Aaguid([7; 16]).to_string()]));
}

#[test]
fn a_tenant_in_which_it_cannot_be_done_is_refused_before_anything_is_written() {
    type Break = fn(&mut Settings, &mut Wish);
    let cases: &[(&str, Break)] = &[
        ("tenant", |_, w| {
            w.tenant_id = Some("00000000-0000-4000-8000-000000000000".into());
        }),
        ("disabled", |s, _| {
            s.users.push(User::named(ACCOUNTS[0]));
            s.users[0].account_enabled = false;
        }),
        ("2 groups", |s, _| {
            s.groups
                .extend([Group::named("Emergency access"), Group::named("emergency access")]);
        }),
        ("exclusion wins", |s, _| {
            s.groups.push(Group::named("Emergency access"));
            let target = json!([{"id": s.groups[1].id, "targetType": "group"}]);
            s.fido2.insert("excludeTargets".into(), target);
        }),
    ];
    for (word, change) in cases {
        let (mut settings, mut wish) = (empty(), wish());
        change(&mut settings, &mut wish);
        let scene = Scene::new(settings);
        let Err(SetupError::Condition(condition)) = scene.run(&wish, Duration::from_secs(5)) else {
            panic!("{word}");
        };
        assert!(condition.what.contains(word), "{condition:?}");
        assert_eq!(scene.writes(), 0);
    }
    let mut right = wish();
    right.tenant_id = Some(empty().tenant_id.to_ascii_uppercase());
    assert!(Scene::new(empty()).run(&right, Duration::from_secs(5)).is_ok());
}

#[test]
fn without_a_licence_the_group_is_a_plain_one_and_says_so() {
    for (licence, assignable) in [(Licence::Free, false), (Licence::P1, true)] {
        let scene = Scene::new(Settings { licence, ..empty() });
        let noted = |plan: &Plan| plan.notices.iter().any(|n| n.contains("needs Entra ID P1"));
        assert_eq!(noted(&scene.plan(&wish())), !assignable);
        scene.apply();
        let group = scene.get("/v1.0/groups")["value"][1].clone();
        assert_eq!(group["isAssignableToRole"], assignable, "{licence:?}");
    }
}

fn command(scene: &Scene, folder: &Path, more: &[&str]) -> Output {
    let token = folder.join("token");
    std::fs::write(&token, scene.sandbox.token()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .current_dir(folder)
        .args([
            "companion",
            "setup",
            "--graph",
            &scene.sandbox.origin(),
            "--token-file",
        ])
        .arg(token)
        .args(more)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn the_command_shows_every_request_and_writes_only_with_apply() {
    let scene = Scene::new(empty());
    let folder = std::env::temp_dir().join(format!("glasskey-setup-command-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = "domain = \"contoso.onmicrosoft.com\"\naccounts = [\"bg-01\", \"bg-02\"]\n";
    std::fs::write(folder.join("setup.toml"), file).unwrap();
    let output = command(&scene, &folder, &["setup.toml"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "<random, never shown>",
        "POST http://127.0.0.1",
        "/v1.0/groups/<id of the new group>/members/$ref",
        "- state: \"disabled\"",
        "+ state: \"enabled\"",
        "note: Enabling `Temporary Access Pass`",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let json = command(&scene, &folder, &["setup.toml", "--json"]);
    let document: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["requests"].as_array().unwrap().len(), WRITES.len());
    // Nobody can be asked here.
    assert_eq!(
        command(&scene, &folder, &["setup.toml", "--apply"]).status.code(),
        Some(2)
    );
    assert_eq!(scene.writes(), 0);
    let output = command(
        &scene,
        &folder,
        &["setup.toml", "--apply", "--yes", "--settle-seconds", "20"],
    );
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(folder.join("setup.toml.journal").exists());
    let output = command(
        &scene,
        &folder,
        &["--account", ACCOUNTS[0], "--account", ACCOUNTS[1]],
    );
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("Nothing is missing")
    );
    for wrong in [
        vec![],
        vec!["--account", "bg-01"],
        vec!["missing.toml"],
        vec!["setup.toml", "--yes"],
    ] {
        assert_eq!(
            command(&scene, &folder, &wrong).status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
    std::fs::write(
        folder.join("other.toml"),
        format!("tenant_id = \"other\"\n{file}"),
    )
    .unwrap();
    assert_eq!(command(&scene, &folder, &["other.toml"]).status.code(), Some(20));
    std::fs::remove_dir_all(folder).unwrap();
}
