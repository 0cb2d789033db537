//! Drills from end to end: sandbox tenant, software keys, a custodian and two people, on SQLite and PostgreSQL.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasskey::graph::{Client, Interrupt, Pace, Service};
use glasskey::id::LabelId;
use glasskey::inventory::{Address, Claimed, Event, Inventory, InventoryError, KeyState, Run};
use glasskey::manifest::OpenError;
use glasskey::manifest::sign::StationKey;
use glasskey::registration::{OnWrongKey, PersonSteps, RegistrationError, Voice};
use glasskey::sandbox::{Effect, Fault, Group, Licence, Settings, User};
use glasskey::secret::Secret;
use glasskey::tenant::drill::sign_in::Told;
use glasskey::tenant::drill::{Drill, Keeping, Options, People, Report, report};
use glasskey::tenant::preflight::Outcome;
use serde_json::json;
use time::OffsetDateTime;

use super::{LEASE, author, import};
use crate::authenticator::{Authenticator, Wrong};
use crate::browser::{Person, graph};
use crate::registration::{Scene, UPN, adds, manifest, prepared};

type Key = Arc<Mutex<Authenticator>>;

/// What happens at the browser when the custodian is told to sign in.
type Act = Box<dyn FnMut(&Person)>;

/// The people of a drill: a custodian who acts, and answers in order.
struct Crowd {
    lines: Vec<String>,
    person: Person,
    act: Act,
    names: Vec<&'static str>,
    answers: bool,
}

impl Voice for Crowd {
    fn say(&mut self, line: &str) {
        if line.contains("5. Sign out") {
            (self.act)(&self.person);
        }
        self.lines.push(line.to_owned());
    }
    fn show(&mut self, _: &PersonSteps<'_>) -> std::io::Result<()> {
        unreachable!("a drill has no pass")
    }
    fn forget(&mut self) {}
    fn pin(&mut self, _: &str) -> Option<glasskey::secret::Pin> {
        None
    }

    fn ask(&mut self, _: &str) -> Option<bool> {
        Some(self.answers)
    }
}

impl People for Crowd {
    fn line(&mut self, question: &str) -> Option<String> {
        if question.contains("minutes") {
            return Some("3\n".into());
        }
        (!self.names.is_empty()).then(|| self.names.remove(0).to_owned())
    }
}

/// A tenant with one account and two registered keys of it.
struct Stage {
    scene: Scene,
    address: Address,
    keys: [Key; 2],
    labels: [LabelId; 2],
    signer: StationKey,
    group: Option<String>,
    interrupt: Interrupt,
}

fn signs_in(key: &Key) -> Act {
    let key = key.clone();
    Box::new(move |person| {
        let (status, answer) = person.sign_in_with_passkey(&mut key.lock().unwrap(), Wrong::Nothing);
        assert_eq!(status, 200, "{answer}");
    })
}

fn stage(address: &Address, settings: Settings) -> Stage {
    let user = User::named(UPN);
    let role = json!({"id": "r", "principalId": user.id, "directoryScopeId": "/",
        "roleDefinitionId": "62e90394-69f5-4237-9190-012177145e10"});
    let mut scene = Scene::of(Settings {
        role_assignments: if settings.role_assignments.is_empty() {
            vec![role]
        } else {
            Vec::new()
        },
        users: std::iter::once(user).chain(settings.users).collect(),
        sign_in_delay_milliseconds: 100,
        ..settings
    });
    scene.inventory = Some(address.clone());
    let ((first, a), (second, b)) = (prepared(1, UPN), prepared(2, UPN));
    let labels = [a.label.clone(), b.label.clone()];
    for (key, prepared) in [(&first, a), (&second, b)] {
        let manifest = manifest(vec![prepared], true, vec![]);
        import(&mut Inventory::open_or_create(address).unwrap(), &manifest).unwrap();
        scene.bus.plug(key);
        scene.run(&manifest, adds(key)).0.unwrap();
    }
    scene.bus.plug(&first);
    Stage {
        scene,
        address: address.clone(),
        keys: [first, second],
        labels,
        signer: StationKey::generate().unwrap(),
        group: None,
        interrupt: Interrupt::default(),
    }
}

impl Stage {
    fn person(&self) -> Person {
        Person {
            origin: self.scene.sandbox.origin(),
            upn: UPN.into(),
        }
    }

    fn crowd(&self, act: Act, names: &[&'static str]) -> Crowd {
        Crowd {
            lines: Vec::new(),
            person: self.person(),
            act,
            names: names.to_vec(),
            answers: true,
        }
    }

    fn begin(&self) -> Result<Keeping, RegistrationError> {
        let account = UPN.parse().unwrap();
        Keeping::begin(
            self.address.clone(),
            author(),
            &account,
            Some(&self.labels[0]),
            "scheduled",
        )
    }

    /// Holds a drill of the first key as the command does.
    fn hold(&self, people: &mut Crowd) -> (Result<(), RegistrationError>, Report, String) {
        let pace = Pace {
            gap: Duration::ZERO,
            ..Pace::default()
        };
        let service = Service::parse(&self.scene.sandbox.origin()).unwrap();
        let token = Secret::new(self.scene.sandbox.token().to_owned());
        let client = Client::new(service, token, self.interrupt.clone(), pace);
        let keeping = self.begin().unwrap();
        let mut drill = Drill {
            graph: &client,
            bus: &self.scene.bus,
            people,
            keeping: &keeping,
            options: Options {
                group: self.group.clone(),
                poll: Duration::from_millis(50),
                wait: Duration::from_secs(3),
                on_wrong_key: OnWrongKey::Stop,
                revoke_sessions: true,
            },
        };
        let mut report = drill.report("scheduled");
        let result = drill.run(&mut report);
        let signed = report.sign(&self.signer);
        keeping
            .end(report.passed(), report.evidence(signed.clone()))
            .unwrap();
        (result, report, signed)
    }

    fn inventory(&self) -> Inventory {
        Inventory::open(&self.address).unwrap()
    }

    fn state(&self) -> KeyState {
        self.inventory().key(&self.labels[0]).unwrap().state
    }
}

fn failing(report: &Report) -> Vec<&'static str> {
    let failures = report.findings.iter().filter(|f| f.outcome == Outcome::Failure);
    failures.map(|finding| finding.check).collect()
}

fn the_log_shows_the_sign_in_and_the_signed_report_is_kept(address: &Address) {
    for old_method_name in [false, true] {
        let stage = stage(
            &beside(address, old_method_name),
            Settings {
                old_method_name,
                ..Settings::default()
            },
        );
        let (result, report, signed) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
        result.unwrap();
        assert_eq!(report.result, "passed", "{:?}", failing(&report));
        assert_eq!(report.sign_in.as_ref().unwrap().told, Some(Told::ThisKey));
        assert!(
            report.identity.is_some() && report.credential.is_some() && report.sessions_revoked.is_some()
        );
        assert!(
            report.alarms.is_empty(),
            "a registration's sign-ins are explained"
        );
        assert_eq!(report.confirmations[1].minutes, Some(3));
        assert_eq!(stage.scene.sandbox.calls("POST", "revokesigninsessions"), 3);
        let key = stage.inventory().key(&stage.labels[0]).unwrap();
        assert_eq!((key.state, &key.claim), (KeyState::Drilled, &None));
        let drill = stage.inventory().drills().unwrap().pop().unwrap();
        assert!(drill.passed && drill.ended.is_some());
        let evidence = drill.evidence.unwrap();
        assert_eq!(evidence.report, signed);
        assert_eq!(evidence.sign_ins, [report.sign_in.unwrap().entry.id]);
        let read = report::verify(signed.as_bytes(), &stage.signer.fingerprint()).unwrap();
        assert_eq!(
            (&read["result"], &read["label"]),
            (&json!("passed"), &json!(stage.labels[0]))
        );
    }
}

/// A second inventory where one test needs two.
fn beside(address: &Address, second: bool) -> Address {
    match address {
        Address::File(path) if second => Address::File(path.with_extension("second")),
        Address::File(path) => Address::File(path.clone()),
        Address::Server(_) if second => crate::inventory::server::Server::shared().database(),
        other @ Address::Server(_) => other.clone(),
    }
}

fn without_a_log_two_people_attest_and_one_is_not_enough(address: &Address) {
    let stage = stage(
        address,
        Settings {
            licence: Licence::Free,
            ..Settings::default()
        },
    );
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &["Ada", " ada "]));
    assert!(
        matches!(result, Err(RegistrationError::Condition { .. })),
        "{result:?}"
    );
    assert_eq!(
        (report.result.as_str(), stage.state()),
        ("condition", KeyState::Proven)
    );
    let mut denies = stage.crowd(signs_in(&stage.keys[0]), &["Ada", "Grace"]);
    denies.answers = false;
    assert!(matches!(
        stage.hold(&mut denies).0,
        Err(RegistrationError::Mismatch(_))
    ));
    let drills = stage.inventory().drills().unwrap();
    assert!(drills.iter().all(|drill| !drill.passed && drill.ended.is_some()));
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &["Ada", "Grace"]));
    result.unwrap();
    assert_eq!((report.result.as_str(), report.log), ("attested", "none"));
    assert_eq!(report.attested.len(), 2);
    assert_eq!(stage.state(), KeyState::Drilled);
}

fn another_key_at_browser_or_machine_is_no_drill(address: &Address) {
    let stage = stage(address, Settings::default());
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[1]), &["Ada", "Grace"]));
    assert!(
        matches!(result, Err(RegistrationError::Mismatch(_))),
        "{result:?}"
    );
    assert!(report.others[0].what.contains("another key") && report.attested.is_empty());
    let (result, report, _) = stage.hold(&mut stage.crowd(Box::new(|_| {}), &["Ada", "Grace"]));
    assert!(
        matches!(result, Err(RegistrationError::TimedOut(_))),
        "{result:?}"
    );
    assert!(report.sign_in.is_none());
    stage.scene.bus.plug(&stage.keys[1]);
    let (result, ..) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
    assert!(
        matches!(result, Err(RegistrationError::WrongKey(_))),
        "{result:?}"
    );
    assert_eq!(stage.state(), KeyState::Proven);
    // The right key at both ends.
    stage.scene.bus.plug(&stage.keys[0]);
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
    result.unwrap();
    assert!(
        report.alarms.is_empty(),
        "the failed drills' own sign-ins are on record"
    );
    assert_eq!(stage.state(), KeyState::Drilled);
}

fn use_between_drills_is_an_alarm_once(address: &Address) {
    let stage = stage(address, Settings::default());
    let drill = || stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[])).1;
    assert_eq!(drill().alarms.len(), 0);
    std::thread::sleep(Duration::from_millis(1100));
    signs_in(&stage.keys[1])(&stage.person());
    std::thread::sleep(Duration::from_millis(1100));
    let report = drill();
    assert_eq!((report.result.as_str(), report.alarms.len()), ("passed", 1));
    assert!(report.alarms[0].time.is_some());
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(drill().alarms.len(), 0, "a drill looks back to the one before");
}

fn a_drill_that_died_is_on_record_and_the_next_one_says_so(address: &Address) {
    let stage = stage(address, Settings::default());
    let mut past = stage.inventory();
    past.set_present(OffsetDateTime::now_utc() - Duration::from_hours(1));
    let dead = Run::new("Bob").unwrap();
    let label = &stage.labels[0];
    assert!(matches!(past.claim(label, &dead, LEASE), Ok(Claimed::Yours(_))));
    let begun = Event::DrillBegun {
        drill: "dead".into(),
        reason: "scheduled".into(),
    };
    past.record(label, &begun, &author(), Some(&dead)).unwrap();
    let mut crowd = stage.crowd(signs_in(&stage.keys[0]), &[]);
    let (result, report, _) = stage.hold(&mut crowd);
    result.unwrap();
    assert_eq!(report.cut_off.len(), 1);
    assert!(crowd.lines.iter().any(|line| line.contains("no end on record")));
    let held = stage.begin().unwrap();
    let second = stage.begin().err();
    assert!(
        matches!(
            second,
            Some(RegistrationError::Inventory(InventoryError::Taken { .. }))
        ),
        "one drill at a time"
    );
    drop(held);
}

fn what_is_wrong_with_the_account_is_found(address: &Address) {
    let mut stage = stage(
        address,
        Settings {
            // None that is the account's.
            role_assignments: vec![json!({})],
            ..Settings::default()
        },
    );
    let drill = |stage: &Stage| stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
    let (result, report, _) = drill(&stage);
    result.unwrap();
    assert_eq!(
        (report.result.as_str(), failing(&report)),
        ("failed", vec!["role"])
    );
    assert_eq!(stage.state(), KeyState::Proven);
    // A key that the inventory does not know.
    let (foreign, unknown) = prepared(3, UPN);
    stage.scene.inventory = None;
    stage.scene.bus.plug(&foreign);
    stage
        .scene
        .run(&manifest(vec![unknown], true, vec![]), adds(&foreign))
        .0
        .unwrap();
    stage.scene.bus.plug(&stage.keys[0]);
    assert_eq!(failing(&drill(&stage).1), ["passkeys", "role"]);
    // Key restrictions that leave this model out stop the drill before the custodian is troubled.
    let policy = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2";
    let restrict = |models: &[&str]| {
        let body = json!({"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
            "keyRestrictions": {"isEnforced": !models.is_empty(), "enforcementType": "allow", "aaGuids": models}});
        assert_eq!(graph(&stage.scene.sandbox, "PATCH", policy, Some(&body)).0, 204);
    };
    restrict(&["2fc0579f-8113-47ea-b116-bb5a8db9202a"]);
    let (result, report, _) = drill(&stage);
    assert!(
        matches!(result, Err(RegistrationError::Condition { .. })),
        "{result:?}"
    );
    assert!(failing(&report).contains(&"model") && report.identity.is_none());
    restrict(&[]);
    // The passkey is gone.
    let method = stage.inventory().key(&stage.labels[0]).unwrap().method.unwrap();
    let path = format!("/v1.0/users/{UPN}/authentication/fido2Methods/{method}");
    assert_eq!(graph(&stage.scene.sandbox, "DELETE", &path, None).0, 204);
    std::thread::sleep(Duration::from_millis(200));
    let (result, report, _) = drill(&stage);
    assert!(
        matches!(result, Err(RegistrationError::Condition { .. })),
        "{result:?}"
    );
    assert!(failing(&report).contains(&"method"));
}

fn the_group_holds_accounts_of_the_inventory_and_nobody_else(address: &Address) {
    let other = "bg-02@contoso.onmicrosoft.com";
    let mut group = Group::named("Emergency access");
    group.members = vec![UPN.into(), other.into()];
    let mut crowd = Group::named("Everybody");
    crowd.members = vec![UPN.into(), "ada@contoso.onmicrosoft.com".into()];
    let mut stage = stage(
        address,
        Settings {
            users: [other, "ada@contoso.onmicrosoft.com"].map(User::named).to_vec(),
            groups: vec![group, crowd],
            ..Settings::default()
        },
    );
    let another = manifest(vec![prepared(4, other).1], true, vec![]);
    import(&mut stage.inventory(), &another).unwrap();
    for (name, expected) in [
        ("Emergency access", vec![]),
        ("Everybody", vec!["groupExclusive"]),
    ] {
        stage.group = Some(name.into());
        let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
        result.unwrap();
        assert_eq!(failing(&report), expected, "{name}");
    }
}

fn where_beta_is_closed_the_log_shows_a_sign_in_and_two_people_the_key(address: &Address) {
    let stage = stage(address, Settings::default());
    stage.scene.sandbox.add_fault(Fault {
        method: None,
        path: "/beta/auditLogs".into(),
        skip: 0,
        count: 1000,
        effect: Effect::Status {
            status: 403,
            retry_after: None,
            code: Some("accessDenied".into()),
            message: None,
        },
    });
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &["Ada", "Grace"]));
    result.unwrap();
    assert_eq!((report.result.as_str(), report.log), ("attested", "outcome"));
    assert_eq!(report.sign_in.unwrap().told, None);
}

fn an_interrupted_drill_is_on_record_as_such(address: &Address) {
    let mut stage = stage(address, Settings::default());
    let flag = Arc::new(AtomicBool::new(false));
    stage.interrupt = Interrupt::new(flag.clone());
    let presses = Box::new(move |_: &Person| flag.store(true, Ordering::Relaxed));
    let (result, report, _) = stage.hold(&mut stage.crowd(presses, &[]));
    assert!(
        matches!(result, Err(RegistrationError::Interrupted)),
        "{result:?}"
    );
    assert!(report.error.unwrap().message.contains("drill"));
    let drill = stage.inventory().drills().unwrap().pop().unwrap();
    assert!(!drill.passed && drill.evidence.unwrap().result == "interrupted");
    let key = stage.inventory().key(&stage.labels[0]).unwrap();
    assert_eq!((key.state, &key.claim), (KeyState::Proven, &None));
    stage.interrupt = Interrupt::default();
    let (result, report, _) = stage.hold(&mut stage.crowd(signs_in(&stage.keys[0]), &[]));
    result.unwrap();
    assert!(report.cut_off.is_empty(), "it has an end on record");
}

super::on_both! {
    the_group_holds_accounts_of_the_inventory_and_nobody_else,
    where_beta_is_closed_the_log_shows_a_sign_in_and_two_people_the_key,
    an_interrupted_drill_is_on_record_as_such,
    the_log_shows_the_sign_in_and_the_signed_report_is_kept,
    without_a_log_two_people_attest_and_one_is_not_enough,
    another_key_at_browser_or_machine_is_no_drill,
    use_between_drills_is_an_alarm_once,
    a_drill_that_died_is_on_record_and_the_next_one_says_so,
    what_is_wrong_with_the_account_is_found,
}

#[test]
fn a_report_that_was_changed_or_signed_by_somebody_else_is_refused() {
    let (signer, other) = (StationKey::generate().unwrap(), StationKey::generate().unwrap());
    let sign = |content: &str| {
        let payload = Secret::new(content.as_bytes().to_vec());
        String::from_utf8(
            signer
                .sign_as("glasskey-drill-report+jws", &payload)
                .expose()
                .clone(),
        )
        .unwrap()
    };
    let good = sign(r#"{"format":"glasskey-drill-report","version":1,"result":"failed"}"#);
    let better = sign(r#"{"format":"glasskey-drill-report","version":1,"result":"passed"}"#);
    let check = |jws: &str| report::verify(jws.as_bytes(), &signer.fingerprint());
    assert_eq!(check(&format!("{good}\n")).unwrap()["result"], "failed");
    let part = |jws: &str, at: usize| jws.split('.').nth(at).unwrap().to_owned();
    let mixed = format!("{}.{}.{}", part(&good, 0), part(&better, 1), part(&good, 2));
    assert_eq!(check(&mixed), Err(OpenError::BadSignature));
    assert!(matches!(
        report::verify(good.as_bytes(), &other.fingerprint()),
        Err(OpenError::WrongStation { .. })
    ));
    assert!(matches!(check("no report"), Err(OpenError::Damaged(_))));
    let newer = sign(r#"{"format":"glasskey-drill-report","version":2}"#);
    assert_eq!(check(&newer), Err(OpenError::NewerVersion(2)));
    assert!(matches!(
        check(&sign(r#"{"format":"x"}"#)),
        Err(OpenError::Content(_))
    ));
    let manifest = signer.sign(&Secret::new(b"{}".to_vec()));
    assert!(report::verify(manifest.expose(), &signer.fingerprint()).is_err());
}
