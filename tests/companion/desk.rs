//! A registrar's desk: each key is plugged in at its turn, and the person acts at once. No threads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use glasskey::graph::{Client, Interrupt, Pace, Service};
use glasskey::id::{LabelId, SlipNumber};
use glasskey::inventory::{Address, Author};
use glasskey::manifest::Manifest;
use glasskey::manifest::schema::PreparedKey;
use glasskey::registration::{
    InventoryLedger, Journal, Ledger, NoLedger, OnMismatch, OnWrongKey, Options, PersonSteps, Registration,
    RegistrationError, Report, Voice,
};
use glasskey::sandbox::{self, Settings, User};
use glasskey::secret::Secret;
use time::OffsetDateTime;

use crate::authenticator::{Statement, Wrong};
use crate::browser::Person;
use crate::contract::Recorded;
use crate::fake_bus::{FakeBus, Shared};
use crate::registration::{manifest, prepared};

/// How long a claim of these tests outlives its run.
const LEASE: Duration = Duration::from_mins(10);

/// A tenant, the prepared keys of its accounts, and where the registrars note what they do.
pub(crate) struct Desk {
    pub(crate) sandbox: Recorded,
    pub(crate) manifest: Manifest,
    pub(crate) keys: BTreeMap<String, Shared>,
    pub(crate) options: Options,
    pub(crate) inventory: Option<Address>,
    pub(crate) assign_role: bool,
    pub(crate) interrupt: Interrupt,
    pub(crate) lease: Duration,
    /// How often the person was attended to, and how often what was shown was taken away.
    pub(crate) attended: AtomicUsize,
    pub(crate) hidden: AtomicUsize,
    folder: tempfile::TempDir,
}

/// A tenant that is never slow, with these accounts.
pub(crate) fn prompt(accounts: &[String]) -> Settings {
    Settings {
        users: accounts.iter().map(|name| User::named(name)).collect(),
        pass_delay_milliseconds: 0,
        method_delay_milliseconds: 0,
        audit_delay_milliseconds: 0,
        page_size: 50,
        ..Settings::default()
    }
}

/// Names of that many accounts.
pub(crate) fn accounts(count: usize) -> Vec<String> {
    (1..=count)
        .map(|number| format!("bg-{number:03}@contoso.onmicrosoft.com"))
        .collect()
}

/// A prepared key whose label counts up.
fn numbered(number: usize, account: &str) -> (Shared, PreparedKey) {
    let (key, mut prepared) = prepared(1, account);
    let mut rest = number;
    prepared.label = LabelId::draw(&mut |bytes: &mut [u8]| {
        for byte in bytes {
            *byte = u8::try_from(rest % 32).unwrap();
            rest /= 32;
        }
    });
    prepared.slip = SlipNumber::new(u32::try_from(number).unwrap() + 1);
    (key, prepared)
}

impl Desk {
    /// That many accounts with that many keys each.
    pub(crate) fn new(count: usize, each: u8) -> Self {
        let names = accounts(count);
        Self::of(prompt(&names), &names, each)
    }

    pub(crate) fn of(settings: Settings, names: &[String], each: u8) -> Self {
        let options = sandbox::Options {
            settings,
            ..sandbox::Options::default()
        };
        Self::started(options, names, each)
    }

    pub(crate) fn started(tenant: sandbox::Options, names: &[String], each: u8) -> Self {
        let mut keys = BTreeMap::new();
        let mut all = Vec::new();
        for (number, (name, place)) in names
            .iter()
            .flat_map(|name| (1..=each).map(move |place| (name, place)))
            .enumerate()
        {
            let (key, mut prepared) = numbered(number, name);
            prepared.place = place;
            keys.insert(prepared.label.to_string(), key);
            all.push(prepared);
        }
        Self {
            sandbox: Recorded::with(tenant),
            manifest: manifest(all, true, vec![]),
            keys,
            options: Options {
                route: glasskey::registration::Route::Tap,
                poll: Duration::from_millis(5),
                wait: Duration::from_secs(20),
                proving: glasskey::registration::air_gapped::Proving::IfHere,
                pass_minutes: 60,
                usable_within: Duration::from_secs(2),
                audit_wait: Duration::from_secs(2),
                on_mismatch: OnMismatch::Keep,
                on_wrong_key: OnWrongKey::Stop,
                replace_foreign_pass: false,
            },
            inventory: None,
            assign_role: false,
            interrupt: Interrupt::never(),
            lease: LEASE,
            attended: AtomicUsize::new(0),
            hidden: AtomicUsize::new(0),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.folder.path().join("journal")
    }

    /// A client that nobody interrupts.
    pub(crate) fn client(&self) -> Client {
        self.client_of(Interrupt::never())
    }

    fn client_of(&self, interrupt: Interrupt) -> Client {
        let pace = Pace {
            gap: Duration::ZERO,
            first: Duration::from_millis(5),
            longest: Duration::from_millis(50),
            patience: Duration::from_secs(5),
        };
        let service = Service::parse(&self.sandbox.origin()).unwrap();
        let token = Secret::new(self.sandbox.token().to_owned());
        Client::new(service, token, interrupt, pace)
    }

    /// A run for every key.
    pub(crate) fn run(&self) -> (Result<(), RegistrationError>, Report) {
        let mut journal = Journal::open(&self.journal()).unwrap();
        let keys: Vec<&PreparedKey> = self.manifest.keys.iter().collect();
        self.run_with(&mut journal, &keys, &mut registers)
    }

    /// A run for some keys, with this person at the browser.
    pub(crate) fn run_with(
        &self,
        journal: &mut Journal,
        keys: &[&PreparedKey],
        act: &mut dyn FnMut(&Desk, &PersonSteps<'_>),
    ) -> (Result<(), RegistrationError>, Report) {
        let mut report = Report {
            format: "glasskey-registration-report",
            version: 1,
            tool_version: "0",
            route: "tap",
            started: OffsetDateTime::now_utc(),
            finished: None,
            graph: String::new(),
            tenant: None,
            ceremony: String::new(),
            rehearsal: true,
            manifest_sha256: String::new(),
            result: String::new(),
            recovered_passes: 0,
            error: None,
            keys: Vec::new(),
            roles: Vec::new(),
        };
        let mut ledger: Box<dyn Ledger> = match &self.inventory {
            None => Box::new(NoLedger),
            Some(address) => {
                let author = Author {
                    who: "Registrar".into(),
                    source: "test".into(),
                };
                Box::new(InventoryLedger::new(address.clone(), author, self.lease).unwrap())
            }
        };
        let bus = FakeBus::default();
        let graph = self.client_of(self.interrupt.clone());
        let mut hands = Hands {
            desk: self,
            bus: &bus,
            act,
        };
        let mut registration = Registration {
            graph: &graph,
            bus: &bus,
            journal,
            voice: &mut hands,
            options: self.options,
        };
        let mut result = registration.run_with(&self.manifest, keys, &mut report, &mut *ledger);
        if self.assign_role && result.is_ok() {
            result = registration.assign_roles(&self.manifest, &mut report, &mut *ledger);
        }
        (result, report)
    }

    /// How many passes and passkeys the accounts have, and which have a role: what the next run has to leave right.
    pub(crate) fn state(&self) -> Vec<(usize, usize, usize)> {
        let graph = self.client();
        let mut names: Vec<&str> = self.manifest.keys.iter().map(|k| k.account.as_str()).collect();
        names.dedup();
        names
            .iter()
            .map(|name| {
                let user = graph.user(name).unwrap().id;
                (
                    graph.passes(&user).unwrap().len(),
                    graph.passkeys(&user).unwrap().len(),
                    graph.role_assignments(&user).unwrap().len(),
                )
            })
            .collect()
    }
}

/// The person signs in with the pass and adds the key that is asked for.
pub(crate) fn registers(desk: &Desk, steps: &PersonSteps<'_>) {
    registers_in(desk, steps);
}

/// The same; returns the session, which the person leaves open.
pub(crate) fn registers_in(desk: &Desk, steps: &PersonSteps<'_>) -> String {
    let label = steps.label.as_str();
    let person = Person {
        origin: desk.sandbox.origin(),
        upn: steps.account.to_string(),
    };
    let (status, session) = person.sign_in(steps.pass.expose());
    assert_eq!(status, 200, "{session}");
    let session = session["session"].as_str().unwrap();
    let mut key = desk.keys[label].lock().unwrap();
    let (status, answer) = person.register(session, &mut key, label, Statement::Packed, Wrong::Nothing);
    assert_eq!(status, 201, "{answer}");
    session.to_owned()
}

struct Hands<'d> {
    desk: &'d Desk,
    bus: &'d FakeBus,
    act: &'d mut dyn FnMut(&Desk, &PersonSteps<'_>),
}

impl Voice for Hands<'_> {
    fn say(&mut self, line: &str) {
        let named = self
            .desk
            .keys
            .iter()
            .find(|(label, _)| line.contains(label.as_str()));
        if let (true, Some((_, key))) = (line.starts_with("Key "), named) {
            self.bus.plug(key);
        }
    }
    fn show(&mut self, steps: &PersonSteps<'_>) -> std::io::Result<()> {
        (self.act)(self.desk, steps);
        Ok(())
    }
    fn attend(&mut self, steps: &PersonSteps<'_>, left: Duration) {
        assert!(left <= Duration::from_secs(60 * u64::from(steps.minutes)));
        self.desk.attended.fetch_add(1, Ordering::Relaxed);
    }
    fn hide(&mut self) {
        self.desk.hidden.fetch_add(1, Ordering::Relaxed);
    }
    fn forget(&mut self) {}
    fn pin(&mut self, _: &str) -> Option<glasskey::secret::Pin> {
        None
    }
    fn ask(&mut self, _: &str) -> Option<bool> {
        None
    }
}
