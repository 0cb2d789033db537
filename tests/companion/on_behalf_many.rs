//! Route `on-behalf` for many accounts under throttling and random faults; keys answer in this process.
//!
//! What is counted, from the sandbox tenant's log: *sent* is every request; *failed* got 429, 5xx, a gateway's page or
//! no connection and changed nothing; *useful* is the rest, also what was done and whose answer was lost.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use glasskey::graph::{Client, Interrupt, Pace, Service};
use glasskey::manifest::schema::PreparedKey;
use glasskey::registration::{
    Journal, OnMismatch, OnWrongKey, Options, PersonSteps, Registration, Report, Route, Voice,
};
use glasskey::sandbox::{self, RandomFaults, Sandbox, Settings, User};
use glasskey::secret::{Pin, Secret};

use crate::fake_bus::{FakeBus, Shared};
use crate::registration::{manifest, prepared_as};

/// Plugs in the key that is called up, and keeps a tally instead of lines.
struct Crowd<'a> {
    bus: FakeBus,
    keys: &'a [Shared],
    called: usize,
    others: usize,
    memory: Vec<usize>,
}

impl Voice for Crowd<'_> {
    fn say(&mut self, line: &str) {
        let of = format!(" of {}: ", self.keys.len());
        let number = line.strip_prefix("Key ").and_then(|rest| rest.split_once(&of));
        let Some(index) = number.and_then(|(number, _)| number.parse::<usize>().ok()) else {
            self.others += 1;
            return;
        };
        self.bus.plug(&self.keys[index - 1]);
        self.called += 1;
        if self.called.is_multiple_of(self.keys.len().div_ceil(10)) {
            self.memory.push(resident());
        }
    }
    fn show(&mut self, _: &PersonSteps<'_>) -> std::io::Result<()> {
        unreachable!("this route has no pass")
    }
    fn forget(&mut self) {}
    fn ask(&mut self, _: &str) -> Option<bool> {
        None
    }
    fn pin(&mut self, _: &str) -> Option<Pin> {
        None
    }
}

/// Memory of this process in kB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Requests of one run.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    sent: usize,
    throttled: usize,
    failed: usize,
}

impl Tally {
    fn useful(self) -> usize {
        self.sent - self.failed
    }

    /// Reads the log: one line per request, and one more before it for a fault that only delays.
    fn read(log: &Path) -> Self {
        let mut tally = Self::default();
        for line in std::fs::read_to_string(log).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let outcome = line["outcome"].as_str().unwrap();
            if outcome.starts_with("fault Slow") {
                continue;
            }
            tally.sent += 1;
            let throttled = outcome == "429" || outcome.contains("status: 429");
            let nothing = outcome.starts_with("fault ") && !outcome.starts_with("fault CutAfter");
            tally.throttled += usize::from(throttled);
            tally.failed += usize::from(throttled || nothing);
        }
        tally
    }
}

fn tenant(names: &[String], log: PathBuf, faults: Option<RandomFaults>, limit: Option<u32>) -> Sandbox {
    let settings = Settings {
        method_delay_milliseconds: 0,
        requests_per_second: limit,
        random_faults: faults,
        users: names.iter().map(|n| User::named(n)).collect(),
        ..Settings::default()
    };
    let options = sandbox::Options {
        settings,
        log: Some(log),
        ..sandbox::Options::default()
    };
    Sandbox::start("127.0.0.1:0".parse().unwrap(), options).unwrap()
}

/// One run over so many accounts: its requests, its duration, memory at each tenth.
fn register(
    accounts: usize,
    faults: Option<RandomFaults>,
    limit: Option<u32>,
) -> (Tally, Duration, Vec<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..accounts)
        .map(|n| format!("bg-{n:05}@contoso.onmicrosoft.com"))
        .collect();
    let sandbox = tenant(&names, folder.path().join("log"), faults, limit);
    let (keys, entries): (Vec<Shared>, Vec<PreparedKey>) = names
        .iter()
        .enumerate()
        .map(|(n, name)| prepared_as(label(n), name))
        .unzip();
    let mut manifest = manifest(entries, true, vec![]);
    for key in &mut manifest.keys {
        key.pin = Some(Secret::new("73915082".into()));
    }
    let chosen: Vec<&PreparedKey> = manifest.keys.iter().collect();
    let pace = Pace {
        gap: Duration::ZERO,
        first: Duration::from_millis(20),
        longest: Duration::from_secs(1),
        patience: Duration::from_mins(2),
    };
    let service = Service::parse(&sandbox.origin()).unwrap();
    let token = Secret::new(sandbox.token().to_owned());
    let graph = Client::new(service, token, Interrupt::never(), pace);
    let mut journal = Journal::open(&folder.path().join("journal")).unwrap();
    let bus = FakeBus::default();
    let mut voice = Crowd {
        bus: bus.clone(),
        keys: &keys,
        called: 0,
        others: 0,
        memory: Vec::new(),
    };
    let mut report = Report::begin(Route::OnBehalf, &manifest, &graph, String::new());
    let begin = Instant::now();
    let result = Registration {
        graph: &graph,
        bus: &bus,
        journal: &mut journal,
        voice: &mut voice,
        options: Options {
            route: Route::OnBehalf,
            poll: Duration::from_millis(20),
            wait: Duration::from_mins(1),
            proving: glasskey::registration::air_gapped::Proving::IfHere,
            pass_minutes: 60,
            usable_within: Duration::from_secs(5),
            audit_wait: Duration::ZERO,
            on_mismatch: OnMismatch::Keep,
            on_wrong_key: OnWrongKey::Stop,
            replace_foreign_pass: false,
        },
    }
    .run(&manifest, &chosen, &mut report);
    let took = begin.elapsed();
    result.unwrap();
    // Everybody ends right: one passkey each, proven, on the right key, and nothing left over.
    assert_eq!(voice.called, accounts, "progress is shown for each key");
    for (entry, key) in report.keys.iter().zip(&keys) {
        assert_eq!(entry.result, "registered", "{}: {:?}", entry.label, entry.error);
        assert!(entry.credential.is_some() && entry.unproven.is_empty() && entry.orphans.is_empty());
        let key = key.lock().unwrap();
        let id = entry.method.as_ref().unwrap().credential_id().unwrap();
        assert!(key.credentials.iter().any(|c| c.id == id));
        assert_eq!(
            key.credentials.len(),
            2,
            "identity and passkey, nothing made twice"
        );
    }
    let tally = Tally::read(&folder.path().join("log"));
    let listed: usize = [0, accounts / 2, accounts - 1]
        .into_iter()
        .map(|n| graph.passkeys(&names[n]).unwrap().len())
        .sum();
    assert_eq!(listed, 3);
    (tally, took, voice.memory)
}

/// A label for each number.
fn label(number: usize) -> glasskey::id::LabelId {
    let mut draw = u64::try_from(number).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    glasskey::id::LabelId::draw(&mut |bytes: &mut [u8]| {
        for byte in bytes {
            draw ^= draw << 13;
            draw ^= draw >> 7;
            draw ^= draw << 17;
            *byte = draw.to_le_bytes()[3];
        }
    })
}

fn within_a_tenth(accounts: usize) {
    let (plain, took, _) = register(accounts, None, None);
    assert_eq!(
        (plain.failed, plain.sent),
        (0, 1 + 1 + accounts * 5),
        "once: tenant and policy"
    );
    let faults = RandomFaults {
        seed: 7,
        per_mille: 50,
    };
    let (rough, longer, memory) = register(accounts, Some(faults), Some(500));
    assert!(rough.failed > accounts / 10, "the faults came: {rough:?}");
    let share = |part: usize| u32::try_from(part).unwrap();
    let ratio = f64::from(share(rough.useful())) / f64::from(share(plain.useful()));
    let text = format!(
        "{accounts} accounts; faultless {plain:?} in {took:?}; throttled at 500/s with faults {rough:?} in {longer:?}; \
         useful {ratio:.3} of faultless; memory in kB at each tenth {memory:?}\n"
    );
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    assert!(ratio <= 1.1, "{text}");
    // Nothing but the report and the journal grows: a few kilobytes for each key.
    let growth = memory.last().unwrap().saturating_sub(memory[0]);
    assert!(growth < 8 * accounts + 20_000, "{text}");
}

#[test]
fn two_hundred_accounts_end_right_under_faults_with_few_requests_more() {
    within_a_tenth(200);
}

#[test]
fn a_throttle_that_is_reached_is_obeyed_and_costs_only_refused_requests() {
    let (tally, took, _) = register(20, None, Some(20));
    // A hundred requests at 20 a second, each refusal answered by the wait that it asks for.
    assert!(
        tally.throttled > 0 && tally.throttled == tally.failed,
        "{tally:?}"
    );
    assert_eq!(tally.useful(), 2 + 20 * 5, "{tally:?} in {took:?}");
}

#[test]
#[ignore = "takes minutes; its figures stand in docs/benchmarks.md"]
fn five_thousand_accounts_end_right_under_faults_with_few_requests_more() {
    within_a_tenth(5000);
}
