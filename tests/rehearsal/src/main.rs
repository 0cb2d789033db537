//! `rehearsal`: two keys prepared offline and registered online; leaves everything in a folder to look at.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use bench::engine::Touch;
use bench::key::VirtualKey;
use bench::spec::KeySpec;
use bench::stick::Stick;
use clap::Parser;
use rehearsal::laptop::{Equipment, Registered, Task, Waiting};
use rehearsal::officer::{KeyNotes, Officer};
use rehearsal::papers::{self, Paper};
use rehearsal::recipient::Recipient;
use rehearsal::station::{self, Station};
use rehearsal::summary::{Check, Sizes, Summary, size};
use rehearsal::{Error, Result, interactive, laptop, plan};

/// Plays a ceremony and a registration through in virtual machines.
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder with the built image (glasskey-serial.bzImage, glasskey.efi, glasskey.img).
    #[arg(long, default_value = "target/image")]
    image: PathBuf,
    /// The program with the companion.
    #[arg(long, default_value = "target/debug/glasskey")]
    glasskey: PathBuf,
    /// Python with the packages of tests/requirements.txt.
    #[arg(long, default_value = "target/venv/bin/python")]
    python: PathBuf,
    /// The registrar's laptop (tests/registrar/build).
    #[arg(long, default_value = "target/laptop")]
    laptop: PathBuf,
    /// Where everything is left.
    #[arg(long, default_value = "target/rehearsal")]
    out: PathBuf,
    /// A key: `opensk[:FILE]`, or an external authenticator `udp:PEER,BIND[,cycle=HEX]` on loopback addresses.
    /// Repeat it for more keys; without it two virtual keys are made.
    #[arg(long = "key", value_name = "SPEC")]
    keys: Vec<KeySpec>,
    /// You play the officer in this terminal.
    #[arg(long)]
    interactive: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(summary) => {
            let _ = writeln!(std::io::stdout(), "{}\n{}", summary.table(), summary.result);
            ExitCode::from(u8::from(summary.result != "passed"))
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn run(arguments: &Arguments) -> Result<Summary> {
    let out = &arguments.out;
    empty_folder(out)?;
    let keys = open_keys(arguments)?;
    let identity = out.join("identity.txt");
    let recipient = Recipient::make(&identity)?;
    let image = tempfile::tempdir().map_err(|source| Error::File {
        path: "a temporary folder".into(),
        source,
    })?;
    let stick = station::make_stick(
        &image.path().join("stick.img"),
        &plan::plan(keys.len(), &recipient.public),
    )?;

    say("Booting the station (no network, the image's kernel and program) ...");
    let ceremony = hold_ceremony(arguments, stick, &keys)?;
    say("Reading the papers back ...");
    let papers = papers::render(&ceremony.printed, &out.join("printed"))?;
    write(&out.join("printed/printer.bin"), &ceremony.printed)?;
    let fingerprint = papers
        .iter()
        .find_map(|p| match p {
            Paper::Record { fingerprint, .. } => Some(fingerprint.clone()),
            _ => None,
        })
        .ok_or_else(|| Error::Wrong("no ceremony record was printed".into()))?;
    write(
        &out.join("fingerprint.txt"),
        format!("{fingerprint}\n").as_bytes(),
    )?;
    carry_away(&ceremony.stick, &out.join("stick"))?;

    say("Booting the registrar's laptop (Debian's kernel, sandbox tenant on loopback) ...");
    let registered = register(arguments, &ceremony, &papers, &keys, &identity, &fingerprint)?;
    write(&out.join("report.json"), pretty(&registered.report).as_bytes())?;
    write(&out.join("tenant.json"), pretty(&registered.tenant).as_bytes())?;

    let checks = check(keys.len(), &papers, &ceremony, &registered);
    let result = if checks.iter().all(|c| c.passed) {
        "passed"
    } else {
        "FAILED"
    };
    let manifest = ceremony.id.clone();
    let summary = Summary {
        result: result.into(),
        sizes: Sizes {
            efi: size(&arguments.image.join("glasskey.efi")),
            image: size(&arguments.image.join("glasskey.img")),
            printed: ceremony.printed.len() as u64,
            manifest: size(&out.join(format!("stick/ceremony-{manifest}/manifest.age"))),
        },
        ceremony: ceremony.id,
        seconds_to_ready: ceremony.seconds_to_ready,
        seconds_to_ready_laptop: registered.seconds_to_ready,
        seconds_ceremony: ceremony.seconds,
        seconds_registration: registered.seconds,
        keys: ceremony.notes,
        checks,
    };
    let json = serde_json::to_value(&summary).map_err(|e| Error::Wrong(e.to_string()))?;
    write(&out.join("summary.json"), pretty(&json).as_bytes())?;
    Ok(summary)
}

fn open_keys(arguments: &Arguments) -> Result<Vec<VirtualKey>> {
    let folder = arguments.out.join("keys");
    fs::create_dir_all(&folder).map_err(|source| Error::File {
        path: folder.clone(),
        source,
    })?;
    let mut specs = arguments.keys.clone();
    // Two accounts at least: keys that were not named are made here.
    for number in specs.len() + 1..=2 {
        let file = folder.join(format!("key-{number}.json"));
        specs.push(KeySpec::Engine { file: Some(file) });
    }
    let mut keys = Vec::new();
    for spec in &specs {
        let key = VirtualKey::open(spec)?;
        key.set_touch(Touch::Manual);
        keys.push(key);
    }
    Ok(keys)
}

/// A ceremony that was held.
struct Held {
    id: String,
    stick: Stick,
    printed: Vec<u8>,
    notes: Vec<KeyNotes>,
    seconds_to_ready: Option<f64>,
    seconds: f64,
}

fn hold_ceremony(arguments: &Arguments, stick: Stick, keys: &[VirtualKey]) -> Result<Held> {
    let log = arguments.out.join("console/station.log");
    let kernel = arguments.image.join("glasskey-serial.bzImage");
    let since = Instant::now();
    let mut station = Station::start(&kernel, stick, &log)?;
    let mut notes = Vec::new();
    let (id, ready);
    if arguments.interactive {
        interactive::play(&mut station, keys)?;
        let text = station.console().text();
        id = rehearsal::officer::ceremony_of(&text)?;
        notes = rehearsal::officer::notes_from(&text)?;
        ready = None;
    } else {
        let mut officer = Officer::new(&mut station);
        id = officer.begin()?;
        officer.ready()?;
        let seconds = since.elapsed().as_secs_f64();
        ready = Some(seconds);
        say(&format!(
            "Ceremony {id} asks for the first key after {seconds:.1} s."
        ));
        for (number, key) in keys.iter().enumerate() {
            let one = officer.prepare(key, 0)?;
            say(&format!(
                "Key {} of {}: label {}, slip {}, {:.1} s of machine time.",
                number + 1,
                keys.len(),
                one.label,
                one.slip,
                one.machine_seconds.unwrap_or_default()
            ));
            notes.push(one);
        }
        officer.close()?;
    }
    let (stick, printed) = station.finish()?;
    Ok(Held {
        id,
        stick,
        printed,
        notes,
        seconds_to_ready: ready,
        seconds: since.elapsed().as_secs_f64(),
    })
}

fn register(
    arguments: &Arguments,
    ceremony: &Held,
    papers: &[Paper],
    keys: &[VirtualKey],
    identity: &Path,
    fingerprint: &str,
) -> Result<Registered> {
    let absolute = |path: &Path| {
        fs::canonicalize(path).map_err(|source| Error::File {
            path: path.into(),
            source,
        })
    };
    let equipment = Equipment {
        repository: absolute(Path::new(env!("CARGO_MANIFEST_DIR")))?.join("../.."),
        glasskey: absolute(&arguments.glasskey)?,
        // A virtual environment is known by the path it is called by: no link is followed.
        python: std::path::absolute(&arguments.python).map_err(|source| Error::File {
            path: arguments.python.clone(),
            source,
        })?,
        laptop: absolute(&arguments.laptop)?,
    };
    let mut waiting = BTreeMap::new();
    for (notes, key) in ceremony.notes.iter().zip(keys) {
        // On the laptop a finger is always near; the station's touches are done one by one.
        key.set_touch(Touch::Auto(std::time::Duration::from_millis(300)));
        let pin = pin_of(papers, &notes.slip)?;
        waiting.insert(
            notes.label.clone(),
            Waiting {
                key,
                account: notes.account.clone(),
                pin,
            },
        );
    }
    let task = Task {
        stick: &ceremony.stick,
        identity,
        fingerprint,
        keys: waiting,
        arguments: "",
        log: &arguments.out.join("console/laptop.log"),
        swap: None,
    };
    laptop::register(&equipment, &task)
}

fn pin_of(papers: &[Paper], slip: &str) -> Result<String> {
    let found = papers.iter().find_map(|p| match p {
        Paper::Slip { number, pin, .. } if number == slip => Some(pin.clone()),
        _ => None,
    });
    found.ok_or_else(|| Error::Wrong(format!("slip {slip} was not printed")))
}

/// What must hold at the end of every rehearsal.
fn check(planned: usize, papers: &[Paper], ceremony: &Held, registered: &Registered) -> Vec<Check> {
    let mut checks = vec![Check::new(
        "the companion registered and proved every key",
        registered.status == 0,
    )];
    checks.push(Check::new(
        format!("all {planned} keys of the plan were prepared"),
        ceremony.notes.len() == planned,
    ));
    for notes in &ceremony.notes {
        let label = format!("GLASSKEY:1:{}:{}:", notes.label, ceremony.id);
        let printed = papers
            .iter()
            .any(|p| matches!(p, Paper::Label { qr, .. } if qr.starts_with(&label)));
        checks.push(Check::new(
            format!("the printed label of {} names key and ceremony", notes.label),
            printed,
        ));
        let account = &registered.tenant["accounts"][&notes.account];
        let methods = account["fido2Methods"].as_array().map_or(&[][..], Vec::as_slice);
        let one = methods.len() == 1
            && methods[0]["passkeyType"] == "deviceBound"
            && methods[0]["displayName"] == *notes.label;
        checks.push(Check::new(
            format!("{} holds one device-bound key, {}", notes.account, notes.label),
            one,
        ));
        let passes = account["temporaryAccessPassMethods"].as_array().map(Vec::len);
        checks.push(Check::new(
            format!("{} has no Temporary Access Pass left", notes.account),
            passes == Some(0),
        ));
    }
    checks
}

/// Copies what the officer carries away from the stick's image.
fn carry_away(stick: &Stick, folder: &Path) -> Result<()> {
    for name in stick.list()?.iter().filter(|name| !name.ends_with('/')) {
        let to = folder.join(name.trim_start_matches('/'));
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(|source| Error::File {
                path: parent.into(),
                source,
            })?;
        }
        write(&to, &stick.read(name)?)?;
    }
    Ok(())
}

fn empty_folder(path: &Path) -> Result<()> {
    let failed = |source| Error::File {
        path: path.into(),
        source,
    };
    if path.exists() {
        fs::remove_dir_all(path).map_err(failed)?;
    }
    fs::create_dir_all(path).map_err(|source| Error::File {
        path: path.into(),
        source,
    })
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).map_err(|source| Error::File {
        path: path.into(),
        source,
    })
}

fn pretty(json: &serde_json::Value) -> String {
    format!("{json:#}\n")
}
