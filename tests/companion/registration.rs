//! Route `tap` from end to end: sandbox tenant, software keys, a person in a thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use glasskey::graph::{Client, Interrupt, Pace, Service};
use glasskey::id::{Aaguid, CeremonyId, LabelId, SlipNumber};
use glasskey::inventory::{Address, Author};
use glasskey::key::attestation::AttestationStatement;
use glasskey::key::{Blob, IdentityCredential};
use glasskey::manifest::Manifest;
use glasskey::manifest::schema::{CeremonyFacts, Model, PinCustody, PreparedKey, SlipCount, TranscriptHead};
use glasskey::registration::journal::{Action, State};
use glasskey::registration::{
    InventoryLedger, Journal, Ledger, NoLedger, OnMismatch, OnWrongKey, Options, PersonSteps, Registration,
    RegistrationError, Report, Route, Voice,
};
use glasskey::sandbox::{self, Effect, Fault, Group, Settings, User};
use glasskey::secret::{Pin, Secret};
use serde_json::json;
use time::OffsetDateTime;

use crate::authenticator::{Authenticator, Statement, Wrong};
use crate::browser::{Person, call};
use crate::contract::Recorded;
use crate::fake_bus::{FakeBus, Shared};

pub(crate) const UPN: &str = "bg-01@contoso.onmicrosoft.com";
const IDENTITY_RP: &str = "identity.glasskey.invalid";

/// A P-256 point as `COSE_Key` (RFC 9053, 7.1.1).
fn cose_key(point: &[u8]) -> Vec<u8> {
    let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    [&head[..], &point[1..33], &[0x22, 0x58, 0x20], &point[33..65]].concat()
}

/// Prepares a key as the station would: identity credential on it, its public part in the manifest.
pub(crate) fn prepared(number: u8, upn: &str) -> (Shared, PreparedKey) {
    // Not constant: a body whose check character is outside the alphabet is drawn again.
    let mut next = number;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(number);
            *byte = next;
        }
    };
    let (key, mut prepared) = prepared_as(LabelId::draw(&mut random), upn);
    prepared.slip = SlipNumber::new(u32::from(number));
    (key, prepared)
}

/// The same with this label, and without a slip.
pub(crate) fn prepared_as(label: LabelId, upn: &str) -> (Shared, PreparedKey) {
    let mut key = Authenticator::new();
    let (credential_id, public_key) = key.make(IDENTITY_RP);
    let prepared = PreparedKey {
        label,
        account: upn.parse().unwrap(),
        place: 1,
        slip: None,
        second_slip_bag: None,
        safe: None,
        key_bag: None,
        slip_bag: None,
        custodian: None,
        prepared: OffsetDateTime::now_utc(),
        model: Model {
            aaguid: Aaguid(key.aaguid),
            product: "Software key".into(),
            usb: "1209:0001".into(),
            serial: None,
            firmware: None,
            versions: vec!["FIDO_2_0".into()],
        },
        identity: IdentityCredential {
            rp_id: IDENTITY_RP.into(),
            credential_id: Blob(credential_id),
            algorithm: -7,
            public_key: Blob(cose_key(&public_key)),
            aaguid: Aaguid(key.aaguid),
            auth_data: Blob::default(),
            attestation: AttestationStatement {
                format: "packed".into(),
                algorithm: Some(-7),
                signature: Blob::default(),
                x5c: vec![Blob(key.certificate.clone())],
                client_data_hash: Blob::default(),
                verified: true,
                note: String::new(),
                thumbprint_sha1: None,
                thumbprint_sha256: None,
            },
        },
        registration: None,
        pin: None,
    };
    (Arc::new(Mutex::new(key)), prepared)
}

pub(crate) fn manifest(keys: Vec<PreparedKey>, rehearsal: bool, recipients: Vec<String>) -> Manifest {
    let count = u32::try_from(keys.len()).unwrap();
    Manifest::new(
        CeremonyFacts {
            id: CeremonyId::draw(&mut |bytes: &mut [u8]| bytes.fill(5)),
            title: "Test".into(),
            started: OffsetDateTime::now_utc(),
            finished: OffsetDateTime::now_utc(),
            rehearsal,
            station_version: "0".into(),
        },
        None,
        PinCustody::Slip,
        Vec::new(),
        recipients,
        TranscriptHead {
            sha256: "00".repeat(32),
            entries: 1,
        },
        SlipCount {
            printed: count,
            sealed: count,
            voided: Vec::new(),
        },
        keys,
    )
}

/// Records what is said, and hands each pass to the person.
struct Recorder<'a> {
    lines: Vec<String>,
    passes: mpsc::Sender<(String, String)>,
    die: bool,
    pins: Vec<String>,
    scene: &'a Scene,
}

impl Voice for Recorder<'_> {
    fn say(&mut self, line: &str) {
        for (label, key) in &self.scene.hands {
            if line.starts_with("Key ") && line.contains(&format!("label {label} ")) {
                self.scene.bus.plug(key);
            }
        }
        self.lines.push(line.to_owned());
    }
    fn show(&mut self, steps: &PersonSteps<'_>) -> std::io::Result<()> {
        assert!(!self.die, "the machine dies here");
        assert!(steps.text().expose().contains(steps.pass.expose().as_str()));
        let _ = self
            .passes
            .send((steps.pass.expose().clone(), steps.label.to_string()));
        Ok(())
    }
    fn forget(&mut self) {}
    fn ask(&mut self, _: &str) -> Option<bool> {
        None
    }
    fn pin(&mut self, _: &str) -> Option<Pin> {
        (!self.pins.is_empty()).then(|| Secret::new(self.pins.remove(0)))
    }
}

/// What the person at the browser does with each pass.
pub(crate) type Act = Box<dyn FnMut(&Person, &str, &str) + Send>;

/// One tenant, one machine, one journal.
pub(crate) struct Scene {
    pub(crate) sandbox: Recorded,
    pub(crate) bus: FakeBus,
    pub(crate) journal: PathBuf,
    pub(crate) options: Options,
    pub(crate) interrupt: Interrupt,
    die: bool,
    /// What the person types when a PIN is asked for, one after another.
    pub(crate) pins: Vec<String>,
    /// Keys that the person plugs in when their label is called up.
    pub(crate) hands: Vec<(String, Shared)>,
    /// Where the run's keys are claimed.
    pub(crate) inventory: Option<Address>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.journal);
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        Self::of(Settings {
            page_size: 1,
            users: vec![User::named(UPN)],
            ..settings
        })
    }

    pub(crate) fn of(settings: Settings) -> Self {
        Self::started(settings, None)
    }

    /// A tenant whose callers hold this token.
    pub(crate) fn with_token(token: String) -> Self {
        let user = User::named(UPN);
        let mut group = Group::named("Emergency access");
        group.members = vec![user.id.clone()];
        let target = json!([{"id": group.id, "targetType": "group", "isRegistrationRequired": false}]);
        let mut settings = Settings {
            users: vec![user],
            groups: vec![group],
            ..Settings::default()
        };
        for policy in [&mut settings.fido2, &mut settings.temporary_access_pass] {
            policy.insert("includeTargets".into(), target.clone());
        }
        Self::started(settings, Some(token))
    }

    fn started(settings: Settings, token: Option<String>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let options = sandbox::Options {
            settings: Settings {
                pass_delay_milliseconds: 100,
                method_delay_milliseconds: 100,
                audit_delay_milliseconds: 100,
                ..settings
            },
            token,
            ..sandbox::Options::default()
        };
        Self {
            sandbox: Recorded::with(options),
            bus: FakeBus::default(),
            journal: std::env::temp_dir().join(format!("glasskey-tap-{}-{number}", std::process::id())),
            options: Options {
                route: Route::Tap,
                poll: Duration::from_millis(30),
                wait: Duration::from_secs(20),
                proving: glasskey::registration::air_gapped::Proving::IfHere,
                pass_minutes: 60,
                usable_within: Duration::from_secs(5),
                audit_wait: Duration::from_secs(5),
                on_mismatch: OnMismatch::Keep,
                on_wrong_key: OnWrongKey::Stop,
                replace_foreign_pass: false,
            },
            interrupt: Interrupt::never(),
            die: false,
            pins: Vec::new(),
            hands: Vec::new(),
            inventory: None,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let pace = Pace {
            gap: Duration::ZERO,
            first: Duration::from_millis(20),
            longest: Duration::from_millis(200),
            patience: Duration::from_secs(10),
        };
        let service = Service::parse(&self.sandbox.origin()).unwrap();
        let token = Secret::new(self.sandbox.token().to_owned());
        Client::new(service, token, self.interrupt.clone(), pace)
    }

    pub(crate) fn run(
        &self,
        manifest: &Manifest,
        mut act: Act,
    ) -> (Result<(), RegistrationError>, Report, Vec<String>) {
        let (passes, shown) = mpsc::channel::<(String, String)>();
        let person = Person {
            origin: self.sandbox.origin(),
            upn: UPN.into(),
        };
        let thread = std::thread::spawn(move || {
            while let Ok((pass, label)) = shown.recv() {
                act(&person, &pass, &label);
            }
        });
        let graph = self.client();
        let mut journal = Journal::open(&self.journal).unwrap();
        let mut voice = Recorder {
            lines: Vec::new(),
            passes,
            die: self.die,
            pins: self.pins.clone(),
            scene: self,
        };
        let mut report = Report::begin(self.options.route, manifest, &graph, String::new());
        let keys: Vec<&PreparedKey> = manifest.keys.iter().collect();
        let mut ledger: Box<dyn Ledger> = match &self.inventory {
            None => Box::new(NoLedger),
            Some(address) => {
                let author = Author {
                    who: "Registrar".into(),
                    source: "test".into(),
                };
                Box::new(InventoryLedger::new(address.clone(), author, Duration::from_mins(10)).unwrap())
            }
        };
        let result = Registration {
            graph: &graph,
            bus: &self.bus,
            journal: &mut journal,
            voice: &mut voice,
            options: self.options,
        }
        .run_with(manifest, &keys, &mut report, &mut *ledger);
        let lines = std::mem::take(&mut voice.lines);
        drop(voice);
        thread.join().unwrap();
        (result, report, lines)
    }

    pub(crate) fn passes(&self) -> usize {
        self.client().passes(UPN).unwrap().len()
    }

    pub(crate) fn passkeys(&self) -> usize {
        self.client().passkeys(UPN).unwrap().len()
    }

    pub(crate) fn fault(&self, method: &str, path: &str, skip: u32, count: u32, effect: Effect) {
        self.sandbox.add_fault(Fault {
            method: Some(method.into()),
            path: path.into(),
            skip,
            count,
            effect,
        });
    }
}

/// The person adds this key and names it as told.
pub(crate) fn adds(key: &Shared) -> Act {
    let key = key.clone();
    Box::new(move |person, pass, label| {
        let (status, session) = person.sign_in(pass);
        assert_eq!(status, 200, "{session}");
        let session = session["session"].as_str().unwrap();
        let mut key = key.lock().unwrap();
        let (status, answer) = person.register(session, &mut key, label, Statement::Packed, Wrong::Nothing);
        assert_eq!(status, 201, "{answer}");
    })
}

pub(crate) fn does_nothing() -> Act {
    Box::new(|_, _, _| {})
}

#[test]
fn a_prepared_key_is_registered_and_proven_and_the_pass_is_gone() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let (result, report, lines) = scene.run(&manifest(vec![prepared], true, vec![]), adds(&key));
    result.unwrap();
    assert_eq!(report.result, "registered");
    assert!(report.tenant.unwrap().sandbox);
    let key = &report.keys[0];
    assert_eq!(key.result, "registered");
    assert!(key.identity_before.is_some() && key.identity_after.is_some() && key.credential.is_some());
    assert!(key.pass.as_ref().unwrap().deleted.is_some() && key.sessions_revoked.is_some());
    assert_eq!(key.audit, Some("asExpected"));
    assert!(
        key.warnings.is_empty() && key.unproven.is_empty(),
        "{:?}",
        key.warnings
    );
    assert_eq!((scene.passes(), scene.passkeys()), (0, 1));
    assert_eq!(scene.sandbox.calls("POST", "revokesigninsessions"), 1);
    let journal = std::fs::read_to_string(&scene.journal).unwrap();
    assert_eq!(journal.lines().count(), 6);
    assert!(!lines.is_empty());
}

#[test]
fn a_second_run_proves_what_is_there_without_a_pass() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let manifest = manifest(vec![prepared], true, vec![]);
    scene.run(&manifest, adds(&key)).0.unwrap();
    let (result, report, _) = scene.run(&manifest, does_nothing());
    result.unwrap();
    assert_eq!(report.keys[0].result, "alreadyRegistered");
    assert!(report.keys[0].credential.is_some());
    assert_eq!(scene.sandbox.calls("POST", "temporaryaccesspassmethods"), 1);
}

#[test]
fn two_keys_of_one_account_are_registered_one_after_the_other() {
    let mut scene = Scene::new();
    scene.options.on_wrong_key = OnWrongKey::Wait;
    let (first, a) = prepared(1, UPN);
    let (second, b) = prepared(2, UPN);
    let label_b = b.label.to_string();
    scene.bus.plug(&first);
    let manifest = manifest(vec![a, b], true, vec![]);
    let (bus, hands) = (scene.bus.clone(), second.clone());
    let swap = std::thread::spawn(move || {
        // The first key stays in too long; then the person swaps.
        std::thread::sleep(Duration::from_secs(2));
        bus.plug(&hands);
    });
    let (mut add_first, mut add_second) = (adds(&first), adds(&second));
    let act: Act = Box::new(move |person, pass, label| {
        if label == label_b {
            add_second(person, pass, label);
        } else {
            add_first(person, pass, label);
        }
    });
    let (result, report, lines) = scene.run(&manifest, act);
    swap.join().unwrap();
    result.unwrap();
    assert_eq!(report.keys[1].audit, Some("asExpected"));
    assert!(lines.iter().any(|l| l.contains("is not the key with label")));
    assert_eq!((scene.passes(), scene.passkeys()), (0, 2));
}

#[test]
fn a_wrong_key_is_refused_before_anything_is_written() {
    let scene = Scene::new();
    let (_, expected) = prepared(1, UPN);
    let (other, _) = prepared(2, UPN);
    scene.bus.plug(&other);
    let (result, report, _) = scene.run(&manifest(vec![expected], true, vec![]), does_nothing());
    assert!(
        matches!(result, Err(RegistrationError::WrongKey(_))),
        "{result:?}"
    );
    assert_eq!(report.keys[0].result, "wrongKey");
    assert_eq!(scene.sandbox.calls("POST", "temporaryaccesspassmethods"), 0);
    assert!(std::fs::read_to_string(&scene.journal).unwrap().is_empty());
}

#[test]
fn another_key_at_the_browser_is_noticed_and_the_pass_deleted() {
    for (same_model, choice, left) in [
        (true, OnMismatch::Delete, 0),
        (true, OnMismatch::Keep, 1),
        (true, OnMismatch::Ask, 1),
        (false, OnMismatch::Delete, 0),
    ] {
        let mut scene = Scene::new();
        scene.options.on_mismatch = choice;
        let (key, prepared) = prepared(1, UPN);
        scene.bus.plug(&key);
        let other = if same_model {
            key.lock().unwrap().sibling()
        } else {
            Authenticator::new()
        };
        let other = Arc::new(Mutex::new(other));
        let (result, report, _) = scene.run(&manifest(vec![prepared], true, vec![]), adds(&other));
        assert!(
            matches!(result, Err(RegistrationError::Mismatch(_))),
            "{result:?}"
        );
        let entry = &report.keys[0];
        assert_eq!(
            entry.identity_after.is_some(),
            same_model,
            "the model alone gives the other away"
        );
        assert_eq!(entry.unproven.len(), left);
        assert_eq!(entry.deleted.len(), 1 - left);
        assert_eq!((scene.passes(), scene.passkeys()), (0, left));
        assert!(entry.sessions_revoked.is_some());
    }
}

#[test]
fn a_wrong_key_after_the_registration_proves_nothing() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let (bus, other) = (scene.bus.clone(), Arc::new(Mutex::new(Authenticator::new())));
    let mut add = adds(&key);
    let act: Act = Box::new(move |person, pass, label| {
        bus.plug(&other);
        add(person, pass, label);
    });
    let (result, report, _) = scene.run(&manifest(vec![prepared], true, vec![]), act);
    assert!(
        matches!(result, Err(RegistrationError::WrongKey(_))),
        "{result:?}"
    );
    assert_eq!(report.keys[0].unproven.len(), 1);
    assert_eq!((scene.passes(), scene.passkeys()), (0, 1));
}

#[test]
fn an_interruption_while_waiting_deletes_the_pass() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let interrupt = scene.interrupt.clone();
    let act: Act = Box::new(move |_, _, _| {
        std::thread::sleep(Duration::from_millis(200));
        interrupt.flag().store(true, Ordering::Relaxed);
    });
    let (result, report, _) = scene.run(&manifest(vec![prepared], true, vec![]), act);
    assert!(
        matches!(result, Err(RegistrationError::Interrupted)),
        "{result:?}"
    );
    assert!(report.keys[0].pass.as_ref().unwrap().deleted.is_some());
    scene.interrupt.flag().store(false, Ordering::Relaxed);
    assert_eq!(scene.passes(), 0);
    assert_eq!(scene.sandbox.calls("POST", "revokesigninsessions"), 1);
}

#[test]
fn a_person_who_does_not_come_costs_the_pass() {
    let mut scene = Scene::new();
    scene.options.wait = Duration::from_millis(500);
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let (result, _, _) = scene.run(&manifest(vec![prepared], true, vec![]), does_nothing());
    assert!(
        matches!(result, Err(RegistrationError::TimedOut(_))),
        "{result:?}"
    );
    assert_eq!(scene.passes(), 0);
}

#[test]
fn the_next_run_deletes_the_pass_of_a_run_that_died() {
    let mut scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let manifest = manifest(vec![prepared], true, vec![]);
    scene.die = true;
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        scene.run(&manifest, does_nothing())
    }));
    assert!(died.is_err());
    assert_eq!(scene.passes(), 1);
    scene.die = false;
    let (result, report, _) = scene.run(&manifest, adds(&key));
    result.unwrap();
    assert_eq!(report.recovered_passes, 1);
    assert_eq!((scene.passes(), scene.passkeys()), (0, 1));
}

#[test]
fn the_next_run_deletes_a_pass_whose_creation_was_never_answered() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let manifest = manifest(vec![prepared], true, vec![]);
    // The journal of a machine that died between the request and its answer.
    let user = scene.client().user(UPN).unwrap().id;
    let tenant = scene.client().organization().unwrap().id;
    let mut journal = Journal::open(&scene.journal).unwrap();
    journal
        .write(Action::CreatePass, State::Intended, &tenant, &user, None)
        .unwrap();
    drop(journal);
    let url = format!(
        "{}/v1.0/users/{UPN}/authentication/temporaryAccessPassMethods",
        scene.sandbox.origin()
    );
    assert_eq!(
        call("POST", &url, Some(scene.sandbox.token()), Some(&json!({}))).0,
        201
    );
    let (result, report, _) = scene.run(&manifest, adds(&key));
    result.unwrap();
    assert_eq!(report.recovered_passes, 1);
    assert_eq!(scene.passes(), 0);
}

#[test]
fn a_pass_of_somebody_else_is_replaced_only_on_request() {
    for (replace, registered) in [(false, 0), (true, 1)] {
        let mut scene = Scene::new();
        scene.options.replace_foreign_pass = replace;
        let (key, prepared) = prepared(1, UPN);
        scene.bus.plug(&key);
        let url = format!(
            "{}/v1.0/users/{UPN}/authentication/temporaryAccessPassMethods",
            scene.sandbox.origin()
        );
        call("POST", &url, Some(scene.sandbox.token()), Some(&json!({})));
        let (result, _, _) = scene.run(&manifest(vec![prepared], true, vec![]), adds(&key));
        assert_eq!(result.is_ok(), replace, "{result:?}");
        assert_eq!((scene.passes(), scene.passkeys()), (1 - registered, registered));
    }
}

#[test]
fn throttling_and_lost_answers_do_not_stop_a_registration() {
    let status = |status, retry_after| Effect::Status {
        status,
        retry_after,
        code: None,
        message: None,
    };
    let pass = "temporaryAccessPassMethods";
    let faults = [
        ("GET", "organization", status(429, Some(1))),
        ("GET", "fido2Methods", status(503, None)),
        ("GET", "fido2Methods", Effect::CutBefore),
        ("POST", "checkMemberGroups", status(429, None)),
        ("POST", pass, status(429, None)),
        ("POST", pass, Effect::CutBefore),
        ("POST", pass, Effect::CutAfter),
        ("GET", pass, Effect::Html),
        ("DELETE", pass, Effect::CutAfter),
        ("DELETE", pass, status(504, None)),
        ("POST", "revokeSignInSessions", Effect::CutAfter),
        ("GET", "directoryAudits", status(429, Some(1))),
        ("GET", "users", Effect::Slow { milliseconds: 300 }),
    ];
    let scene = Scene::new();
    for (method, path, effect) in faults {
        scene.fault(method, path, 0, 1, effect);
    }
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    let (result, report, _) = scene.run(&manifest(vec![prepared], true, vec![]), adds(&key));
    result.unwrap();
    assert_eq!(report.keys[0].result, "registered");
    assert_eq!((scene.passes(), scene.passkeys()), (0, 1));
    assert!(Journal::open(&scene.journal).unwrap().leftovers().is_empty());
}

#[test]
fn a_tenant_that_stays_unreachable_leaves_the_pass_to_the_next_run() {
    let scene = Scene::new();
    let (key, prepared) = prepared(1, UPN);
    scene.bus.plug(&key);
    scene.fault(
        "DELETE",
        "temporaryAccessPassMethods",
        0,
        1,
        Effect::Status {
            status: 403,
            retry_after: None,
            code: Some("accessDenied".into()),
            message: None,
        },
    );
    let manifest = manifest(vec![prepared], true, vec![]);
    let (result, report, _) = scene.run(&manifest, adds(&key));
    assert!(matches!(result, Err(RegistrationError::Graph(_))), "{result:?}");
    assert!(report.keys[0].pass.as_ref().unwrap().deleted.is_none());
    assert_eq!(scene.passes(), 1);
    let (result, report, _) = scene.run(&manifest, does_nothing());
    result.unwrap();
    assert_eq!((report.recovered_passes, scene.passes()), (1, 0));
    assert_eq!(report.keys[0].result, "alreadyRegistered");
}

#[test]
fn rehearsals_go_into_sandbox_tenants_and_nothing_else_does() {
    for (rehearsal, hide_mark) in [(true, false), (false, true), (true, true), (false, false)] {
        let scene = Scene::with(Settings {
            hide_mark,
            ..Settings::default()
        });
        let (key, prepared) = prepared(1, UPN);
        scene.bus.plug(&key);
        let (result, _, _) = scene.run(&manifest(vec![prepared], rehearsal, vec![]), adds(&key));
        let may = rehearsal != hide_mark;
        assert_eq!(
            result.is_ok(),
            may,
            "rehearsal {rehearsal}, mark hidden {hide_mark}: {result:?}"
        );
        if !may {
            assert!(matches!(result, Err(RegistrationError::Condition { .. })));
            assert_eq!(scene.sandbox.calls("POST", ""), 0);
        }
    }
}

#[test]
fn each_condition_is_refused_before_a_pass_is_created() {
    let mut tenant = manifest(vec![prepared(1, UPN).1], true, vec![]);
    tenant.tenant_id = Some("another".into());
    let unknown = manifest(vec![prepared(1, "bg-09@contoso.onmicrosoft.com").1], true, vec![]);
    let good = || manifest(vec![prepared(1, UPN).1], true, vec![]);
    let fido2 = |member: &str, value: serde_json::Value| Settings {
        fido2: [(member.to_owned(), value)].into(),
        ..Settings::default()
    };
    let pass = |member: &str, value: serde_json::Value| Settings {
        temporary_access_pass: [(member.to_owned(), value)].into(),
        ..Settings::default()
    };
    let some_group = json!([{"targetType": "group", "id": "some-group"}]);
    for (manifest, settings) in [
        (tenant, Settings::default()),
        (unknown, Settings::default()),
        (good(), fido2("state", json!("disabled"))),
        (good(), fido2("includeTargets", some_group.clone())),
        (good(), fido2("isSelfServiceRegistrationAllowed", json!(false))),
        (good(), pass("state", json!("disabled"))),
        (good(), pass("includeTargets", some_group)),
        (good(), pass("excludeTargets", json!([{"id": "all_users"}]))),
    ] {
        let scene = Scene::with(settings);
        let (result, _, _) = scene.run(&manifest, does_nothing());
        assert!(
            matches!(result, Err(RegistrationError::Condition { .. })),
            "{result:?}"
        );
        assert_eq!(scene.sandbox.calls("POST", "temporaryaccesspassmethods"), 0);
    }
}
