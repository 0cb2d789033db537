//! `glasskey companion`: arguments to a registration, and its outcome to text, report and exit code.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use time::OffsetDateTime;

use super::input;
use crate::graph::{Client, Cloud, Interrupt, Pace, Service};
use crate::id::Upn;
use crate::key::device::SysRoot;
use crate::key::{KeyBus, KeyClient};
use crate::manifest::schema::PreparedKey;
use crate::manifest::{self, Identity, Manifest, OpenError, StationFingerprint};
use crate::registration::{
    Journal, OnMismatch, OnWrongKey, Options, PersonSteps, Registration, RegistrationError, Report, Voice,
    report,
};
use crate::secret::Secret;
use crate::worker::Launcher;

/// How the companion ends; documented in docs/registrar.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    /// Wrong use of the command line, or a file that cannot be read.
    Usage = 2,
    /// The manifest is damaged.
    Damaged = 10,
    /// The manifest is encrypted for somebody else.
    WrongIdentity = 11,
    /// The manifest was signed by another station, or its signature is wrong.
    WrongStation = 12,
    /// The manifest was encrypted anew for somebody the station did not mean.
    Unintended = 13,
    /// The manifest's content cannot be read by this version.
    Content = 14,
    /// The manifest is cut off.
    Truncated = 15,
    /// The tenant is not the right one, or not ready.
    Condition = 20,
    /// Graph refused, or could not be reached.
    Graph = 21,
    /// Another key was plugged in, or the key could not be asked.
    Key = 22,
    /// What is in the tenant is not the prepared key.
    Mismatch = 23,
    /// The person did not finish in time.
    TimedOut = 24,
    /// Interrupted.
    Interrupted = 25,
    /// Journal or report cannot be written.
    File = 26,
}

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Registers the keys of a manifest and proves that they are the prepared ones.
    ///
    /// For each key: the key proves by touch that it is the prepared one; a Temporary Access Pass is created;
    /// a person signs in with it in a private browser window and adds the key; the key proves itself again, and
    /// that it holds what was registered; the pass is deleted and the account's sessions are revoked. The pass is
    /// deleted on failure and on Ctrl-C as well, and by the next run if this machine dies.
    #[command(after_long_help = "Examples:
  Register every key of a manifest:
    glasskey companion register manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --cloud global --token-file token --report report.json
  Rehearse against a sandbox tenant:
    glasskey companion register manifest.age --identity registrar.txt \\
        --station-fingerprint-file fingerprint.txt --graph http://127.0.0.1:8080 --token-file token

Exit codes: 0 every chosen key is registered and proven; 2 wrong use; 10 to 15 manifest (10 damaged, 11 wrong
identity, 12 wrong station or signature, 13 not meant for this identity, 14 unknown content, 15 cut off); 20 tenant refused or
not ready; 21 Graph or network; 22 wrong key, or a key that cannot be asked; 23 the tenant holds something else;
24 nobody finished in time; 25 interrupted; 26 journal or report cannot be written.")]
    Register(Box<Register>),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CloudName {
    /// graph.microsoft.com, also GCC.
    Global,
    /// graph.microsoft.us (US Government L4).
    UsGov,
    /// dod-graph.microsoft.us (US Government L5).
    UsDod,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MismatchChoice {
    /// Ask on the terminal; keep it when there is none.
    Ask,
    /// Delete the passkey that is not the prepared key.
    Delete,
    /// Keep it and report it.
    Keep,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum WrongKeyChoice {
    /// Say so and wait for the right key.
    Wait,
    /// Stop with exit code 22.
    Stop,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("station").required(true).args(["station_fingerprint", "station_fingerprint_file"])))]
#[command(group(ArgGroup::new("where").required(true).args(["graph", "cloud"])))]
struct Register {
    /// The manifest from the ceremony's stick.
    manifest: PathBuf,
    /// The age identity file of this registrar (one line AGE-SECRET-KEY-1...).
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The station's fingerprint from the signed paper record: 16 groups of digits, 24 words, or its QR code's text.
    #[arg(long, value_name = "TEXT")]
    station_fingerprint: Option<StationFingerprint>,
    /// The same from a file.
    #[arg(long, value_name = "FILE")]
    station_fingerprint_file: Option<PathBuf>,
    /// Base URL of a sandbox tenant on a loopback address, or of Graph.
    #[arg(long, value_name = "URL")]
    graph: Option<String>,
    /// Graph of a Microsoft cloud.
    #[arg(long, value_enum)]
    cloud: Option<CloudName>,
    /// File with the access token; read once, at the start.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// Registers the keys of this account only; may be given several times.
    #[arg(long = "account", value_name = "UPN")]
    accounts: Vec<Upn>,
    /// Writes the report to this file.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// The journal of writes to the tenant [default: the manifest's path and `.journal`].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Also writes each Temporary Access Pass to this file (for rehearsals); it is removed with the pass.
    #[arg(long, value_name = "FILE")]
    tap_file: Option<PathBuf>,
    /// Lifetime of a pass; the tenant's policy bounds it.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(10..=43200))]
    pass_minutes: u32,
    /// Seconds between two looks at the account.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=300))]
    poll_seconds: u64,
    /// Minutes that a person, or a key, is waited for.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=1440))]
    wait_minutes: u64,
    /// Seconds that the audit log is waited for.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(0..=900))]
    audit_seconds: u64,
    /// What to do with a passkey that is not the prepared key.
    #[arg(long, value_enum, default_value = "ask")]
    on_mismatch: MismatchChoice,
    /// What to do when another key is plugged in [default: wait on a terminal, else stop].
    #[arg(long, value_enum)]
    on_wrong_key: Option<WrongKeyChoice>,
    /// Prints the report to stdout.
    #[arg(long)]
    json: bool,
    /// Starts without asking, and replaces a pass that somebody else created.
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub(super) fn run(arguments: Arguments) -> ExitCode {
    let Command::Register(register) = arguments.command;
    // An interruption sets a flag; every wait looks at it, so that the pass is deleted before the end.
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ] {
        if let Err(error) = signal_hook::flag::register(signal, flag.clone()) {
            return fail(
                Exit::Usage,
                &format!("Signals cannot be caught: {error}"),
                "No pass is created without that.",
            );
        }
    }
    let bus = KeyClient::new(Launcher::current(), SysRoot::default());
    match register_keys(&register, &bus, Interrupt::new(flag)) {
        Ok(()) => ExitCode::SUCCESS,
        Err((exit, message, hint)) => fail(exit, &message, &hint),
    }
}

type Failed = (Exit, String, String);

fn fail(exit: Exit, message: &str, hint: &str) -> ExitCode {
    let mut err = io::stderr();
    let _ = writeln!(err, "{message}");
    if !hint.is_empty() {
        let _ = writeln!(err, "hint: {hint}");
    }
    ExitCode::from(exit as u8)
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> Failed {
    (Exit::Usage, message.into(), hint.into())
}

fn register_keys(register: &Register, bus: &dyn KeyBus, interrupt: Interrupt) -> Result<(), Failed> {
    let mut terminal = Terminal::new(register.tap_file.clone(), interrupt.clone());
    if !terminal.interactive && register.tap_file.is_none() {
        return Err(usage(
            "There is no terminal on which the Temporary Access Pass could be shown.",
            "Run the command on a terminal, or give `--tap-file` in a rehearsal.",
        ));
    }
    let (manifest, digest) = open_manifest(register)?;
    let keys = chosen(&manifest, &register.accounts)?;
    let service = service(register)?;
    let token = read_secret_text(&register.token_file)?;
    let pace = Pace::default();
    let graph = Client::new(service, token, interrupt, pace).with_notice(Arc::new(|line: &str| {
        let _ = writeln!(io::stderr(), "{line}");
    }));
    announce(&mut terminal, &manifest, &keys, &graph);
    if !register.yes && terminal.interactive && terminal.ask("Begin?") != Some(true) {
        return Err(usage("Nothing was begun.", ""));
    }
    let path = journal_path(register);
    let mut journal = Journal::open(&path).map_err(|error| {
        let what = format!("The journal {} cannot be used: {error}", path.display());
        (
            Exit::File,
            what,
            "Close the other run, or give `--journal`.".into(),
        )
    })?;
    let mut report = begin_report(&manifest, &graph, digest);
    let interactive = terminal.interactive;
    let mut registration = Registration {
        graph: &graph,
        bus,
        journal: &mut journal,
        voice: &mut terminal,
        options: options(register, interactive),
    };
    let result = registration.run(&manifest, &keys, &mut report);
    deliver(register, &report)?;
    result.map_err(|error| (exit_of(&error), error.to_string(), error.hint()))
}

fn options(register: &Register, interactive: bool) -> Options {
    Options {
        poll: Duration::from_secs(register.poll_seconds),
        wait: Duration::from_mins(register.wait_minutes),
        pass_minutes: register.pass_minutes,
        usable_within: Duration::from_mins(1),
        audit_wait: Duration::from_secs(register.audit_seconds),
        on_mismatch: match register.on_mismatch {
            MismatchChoice::Ask => OnMismatch::Ask,
            MismatchChoice::Delete => OnMismatch::Delete,
            MismatchChoice::Keep => OnMismatch::Keep,
        },
        on_wrong_key: match register.on_wrong_key {
            Some(WrongKeyChoice::Wait) => OnWrongKey::Wait,
            None if interactive => OnWrongKey::Wait,
            _ => OnWrongKey::Stop,
        },
        replace_foreign_pass: register.yes,
    }
}

fn journal_path(register: &Register) -> PathBuf {
    register.journal.clone().unwrap_or_else(|| {
        let mut path = register.manifest.clone().into_os_string();
        path.push(".journal");
        path.into()
    })
}

fn exit_of(error: &RegistrationError) -> Exit {
    match error {
        RegistrationError::Condition { .. } => Exit::Condition,
        RegistrationError::Graph(_) => Exit::Graph,
        RegistrationError::WrongKey(_) | RegistrationError::Key(_) => Exit::Key,
        RegistrationError::Mismatch(_) => Exit::Mismatch,
        RegistrationError::TimedOut(_) => Exit::TimedOut,
        RegistrationError::Interrupted => Exit::Interrupted,
        RegistrationError::File(_) => Exit::File,
    }
}

fn open_manifest(register: &Register) -> Result<(Manifest, String), Failed> {
    let identity: Identity = read_secret_text(&register.identity)?
        .expose()
        .parse()
        .map_err(|error| usage(format!("The identity cannot be used: {error}."), ""))?;
    let station = match (&register.station_fingerprint, &register.station_fingerprint_file) {
        (Some(fingerprint), _) => *fingerprint,
        (None, Some(path)) => read_secret_text(path)?
            .expose()
            .parse()
            .map_err(|error| usage(format!("The fingerprint cannot be used: {error}."), ""))?,
        (None, None) => return Err(usage("No station fingerprint was given.", "")),
    };
    let bytes = read(&register.manifest)?;
    let manifest = manifest::open(bytes.expose(), &identity, &station).map_err(|error| {
        let exit = match &error {
            OpenError::Truncated { .. } => Exit::Truncated,
            OpenError::Damaged(_) => Exit::Damaged,
            OpenError::WrongIdentity => Exit::WrongIdentity,
            OpenError::WrongStation { .. } | OpenError::BadSignature => Exit::WrongStation,
            OpenError::UnintendedRecipient(_) => Exit::Unintended,
            OpenError::Content(_) | OpenError::NewerVersion(_) => Exit::Content,
        };
        (exit, input::open_sentence(&error), error.hint().to_owned())
    })?;
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes.expose());
    let hex = digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    });
    Ok((manifest, hex))
}

fn chosen<'m>(manifest: &'m Manifest, accounts: &[Upn]) -> Result<Vec<&'m PreparedKey>, Failed> {
    let same = |a: &Upn, b: &Upn| a.as_str().eq_ignore_ascii_case(b.as_str());
    for account in accounts {
        if !manifest.keys.iter().any(|k| same(&k.account, account)) {
            return Err(usage(format!("The manifest holds no key for: {account}"), ""));
        }
    }
    let keys: Vec<&PreparedKey> = manifest
        .keys
        .iter()
        .filter(|k| accounts.is_empty() || accounts.iter().any(|a| same(a, &k.account)))
        .collect();
    if keys.is_empty() {
        return Err(usage("The manifest holds no key.", ""));
    }
    Ok(keys)
}

fn service(register: &Register) -> Result<Service, Failed> {
    match (&register.graph, register.cloud) {
        (Some(url), _) => Service::parse(url).map_err(|error| usage(format!("`--graph`: {error}"), "")),
        (None, Some(CloudName::UsGov)) => Ok(Service::cloud(Cloud::UsGovernment)),
        (None, Some(CloudName::UsDod)) => Ok(Service::cloud(Cloud::UsDefense)),
        (None, _) => Ok(Service::cloud(Cloud::Global)),
    }
}

fn announce(terminal: &mut Terminal, manifest: &Manifest, keys: &[&PreparedKey], graph: &Client) {
    let kind = if manifest.ceremony.rehearsal {
        "rehearsal"
    } else {
        "ceremony"
    };
    terminal.say(&format!(
        "Manifest of {kind} {} ({}), {} of {} keys, to be registered at {}",
        manifest.ceremony.id,
        manifest.ceremony.title,
        keys.len(),
        manifest.keys.len(),
        graph.service().origin()
    ));
    for key in keys {
        terminal.say(&format!("  label {}  {}", key.label, key.account));
    }
}

fn begin_report(manifest: &Manifest, graph: &Client, digest: String) -> Report {
    Report {
        format: "glasskey-registration-report",
        version: report::VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        route: "tap",
        started: OffsetDateTime::now_utc(),
        finished: None,
        graph: graph.service().origin().to_owned(),
        tenant: None,
        ceremony: manifest.ceremony.id.to_string(),
        rehearsal: manifest.ceremony.rehearsal,
        manifest_sha256: digest,
        result: String::new(),
        recovered_passes: 0,
        error: None,
        keys: Vec::new(),
    }
}

fn deliver(register: &Register, report: &Report) -> Result<(), Failed> {
    let file = |error: &dyn std::fmt::Display| {
        (
            Exit::File,
            format!("The report cannot be written: {error}"),
            "The tenant is as the messages above say.".to_owned(),
        )
    };
    let mut json = serde_json::to_vec_pretty(report).map_err(|e| file(&e))?;
    json.push(b'\n');
    if register.json {
        io::stdout().write_all(&json).map_err(|e| file(&e))?;
    }
    if let Some(path) = &register.report {
        std::fs::write(path, &json).map_err(|e| file(&e))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Secret<Vec<u8>>, Failed> {
    input::read(path).map_err(|what| usage(what, ""))
}

fn read_secret_text(path: &Path) -> Result<Secret<String>, Failed> {
    input::read_text(path).map_err(|what| usage(what, ""))
}

/// The person at this machine: lines on stderr, questions where it is a terminal.
struct Terminal {
    interactive: bool,
    tap_file: Option<PathBuf>,
    interrupt: Interrupt,
}

impl Terminal {
    fn new(tap_file: Option<PathBuf>, interrupt: Interrupt) -> Self {
        Self {
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            tap_file,
            interrupt,
        }
    }
}

impl Voice for Terminal {
    fn say(&mut self, line: &str) {
        let _ = writeln!(io::stderr(), "{line}");
    }

    fn show(&mut self, steps: &PersonSteps<'_>) -> io::Result<()> {
        // A pass in a log would outlive its owner's attention, so it goes to terminals only.
        if self.interactive {
            io::stderr().write_all(steps.text().expose().as_bytes())?;
        } else {
            self.say(&format!(
                "The Temporary Access Pass of {} for the key with label {} is in the file that `--tap-file` names.",
                steps.account, steps.label
            ));
        }
        let Some(path) = &self.tap_file else { return Ok(()) };
        // Whoever waits for the file must never read half of it.
        let part = path.with_extension("part");
        let _ = std::fs::remove_file(&part);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&part)?;
        file.write_all(steps.pass.expose().as_bytes())?;
        file.write_all(b"\n")?;
        std::fs::rename(&part, path)
    }

    fn forget(&mut self) {
        if let Some(path) = &self.tap_file {
            let _ = std::fs::remove_file(path);
        }
    }

    fn ask(&mut self, question: &str) -> Option<bool> {
        if !self.interactive {
            return None;
        }
        let _ = write!(io::stderr(), "{question} [y/N] ");
        // A blocking read would not notice an interruption.
        loop {
            self.interrupt.check().ok()?;
            let stdin = io::stdin();
            let mut ready = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
            let tenth = rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: 100_000_000,
            };
            if rustix::event::poll(&mut ready, Some(&tenth)).is_ok_and(|count| count > 0) {
                break;
            }
        }
        let mut answer = String::new();
        io::stdin().lock().take(64).read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
