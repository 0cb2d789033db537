//! The registrar's laptop: Debian's kernel in QEMU, companion and sandbox tenant on its loopback, the same keys.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bench::key::VirtualKey;
use bench::qemu::Qemu;
use bench::stick::Stick;
use regex::Regex;

use crate::{Error, Result, at, output};

/// Time for anything on the laptop that nobody has to do by hand.
const PATIENCE: Duration = Duration::from_mins(3);
/// Port that keys are plugged into.
const PORT: usize = 0;

/// What the laptop needs from outside.
#[derive(Debug, Clone)]
pub struct Equipment {
    /// The repository.
    pub repository: PathBuf,
    /// The program with the companion.
    pub glasskey: PathBuf,
    /// Python with the packages of tests/requirements.txt.
    pub python: PathBuf,
    /// Folder with `kernel` and `initramfs.cpio` (tests/registrar/build).
    pub laptop: PathBuf,
}

/// A key that waits in front of the registrar.
pub struct Waiting<'a> {
    /// The key.
    pub key: &'a VirtualKey,
    /// Account it was prepared for.
    pub account: String,
    /// PIN from its slip.
    pub pin: String,
}

/// What to register, and how.
pub struct Task<'a> {
    /// The officer's stick.
    pub stick: &'a Stick,
    /// The companion's identity file.
    pub identity: &'a Path,
    /// Fingerprint from the paper record.
    pub fingerprint: &'a str,
    /// The keys, by label.
    pub keys: BTreeMap<String, Waiting<'a>>,
    /// Further arguments of `glasskey companion register`.
    pub arguments: &'a str,
    /// Where the console's text goes.
    pub log: &'a Path,
    /// The key that the person at the browser uses instead of the right one, for tests: for label, use the key of label.
    pub swap: Option<(String, String)>,
}

/// What came of it.
#[derive(Debug)]
pub struct Registered {
    /// Exit code of the companion.
    pub status: i32,
    /// Its report.
    pub report: serde_json::Value,
    /// What the tenant holds.
    pub tenant: serde_json::Value,
    /// Seconds from power-on until its first program could start.
    pub seconds_to_ready: f64,
    /// Seconds from power-on to power-off.
    pub seconds: f64,
}

/// Boots the laptop, registers, switches off.
pub fn register(equipment: &Equipment, task: &Task<'_>) -> Result<Registered> {
    let folder = tempfile::tempdir().map_err(at("a temporary folder"))?;
    let work = folder.path();
    lay_out(equipment, task, work)?;
    let since = Instant::now();
    let mut machine = start(equipment, task, work)?;
    machine.console().expect("REGISTRAR-READY", PATIENCE)?;
    let seconds_to_ready = since.elapsed().as_secs_f64();
    serve(&mut machine, task)?;
    machine.wait_exit(Duration::from_mins(1))?;
    let json = |name: &str| -> Result<serde_json::Value> {
        let path = work.join(name);
        let bytes = fs::read(&path).map_err(at(&path))?;
        serde_json::from_slice(&bytes).map_err(|e| Error::Wrong(format!("{name}: {e}")))
    };
    let status = fs::read_to_string(work.join("status")).map_err(at("status"))?;
    Ok(Registered {
        status: status
            .trim()
            .parse()
            .map_err(|_| Error::Wrong(format!("the companion's exit code is {status:?}")))?,
        report: json("report.json")?,
        tenant: json("tenant.json")?,
        seconds_to_ready,
        seconds: since.elapsed().as_secs_f64(),
    })
}

/// Fills the folder that the laptop sees as /run/work.
fn lay_out(equipment: &Equipment, task: &Task<'_>, work: &Path) -> Result<()> {
    let accounts: Vec<&str> = task.keys.values().map(|k| k.account.as_str()).collect();
    let users: Vec<String> = accounts.iter().map(|a| format!("--user {a}")).collect();
    let settings = format!(
        "PYTHON='{}'\nPERSON='{}'\nUSERS='{}'\nREGISTER='{}'\nexport ACCOUNTS='{}'\n",
        equipment.python.display(),
        equipment.repository.join("tests/registrar/person.py").display(),
        users.join(" "),
        task.arguments,
        accounts.join(" "),
    );
    let files: [(&str, &[u8]); 5] = [
        ("settings", settings.as_bytes()),
        ("job", include_bytes!("laptop/job.sh")),
        ("tenant.py", include_bytes!("laptop/tenant.py")),
        ("fingerprint.txt", task.fingerprint.as_bytes()),
        (
            "identity.txt",
            &fs::read(task.identity).map_err(at(task.identity))?,
        ),
    ];
    for (name, content) in files {
        let path = work.join(name);
        fs::write(&path, content).map_err(at(&path))?;
    }
    fs::set_permissions(work.join("job"), fs::Permissions::from_mode(0o755)).map_err(at("job"))?;
    fs::copy(&equipment.glasskey, work.join("glasskey")).map_err(at(&equipment.glasskey))?;
    Ok(())
}

/// Starts QEMU with the arguments that tests/registrar/run would use.
fn start(equipment: &Equipment, task: &Task<'_>, work: &Path) -> Result<Qemu> {
    let run = equipment.repository.join("tests/registrar/run");
    let program = run.to_string_lossy().into_owned();
    let printed = output(
        &program,
        &[
            "--arguments".as_ref(),
            equipment.laptop.as_os_str(),
            work.as_os_str(),
        ],
    )?;
    let lines: Vec<String> = String::from_utf8_lossy(&printed)
        .lines()
        .map(str::to_owned)
        .collect();
    let after = |option: &str| {
        lines
            .iter()
            .skip_while(|l| *l != option)
            .nth(1)
            .cloned()
            .unwrap_or_default()
    };
    let mut builder = Qemu::builder()
        .kernel(equipment.laptop.join("kernel"))
        .initrd(equipment.laptop.join("initramfs.cpio"))
        .append(after("-append"))
        .memory(1024)
        .processors(2)
        .stick("officer", task.stick.path())
        .redir_ports(2)
        .console_log(task.log);
    for pair in lines.windows(2).filter(|pair| pair[0] == "-virtfs") {
        builder = builder.arg(&pair[0]).arg(&pair[1]);
    }
    Ok(builder.start()?)
}

/// Plays the registrar: plugs the key that is asked for, types account, label and PIN for the person.
fn serve(machine: &mut Qemu, task: &Task<'_>) -> Result<()> {
    let wrong = |e: regex::Error| Error::Wrong(e.to_string());
    let cue = Regex::new(
        r"Key \d+ of \d+: label [0-9A-Z]{6} for \S+|PERSON-ASKS|PERSON-DONE \d+|REGISTRAR-EXIT \d+|waits for a touch",
    )
    .map_err(wrong)?;
    let announced = Regex::new(r"Key \d+ of \d+: label ([0-9A-Z]{6}) for").map_err(wrong)?;
    let mut current: Option<String> = None;
    loop {
        let text = machine.console().expect(cue.clone(), PATIENCE)?;
        let line = text.lines().last().unwrap_or_default().to_owned();
        if line.contains("REGISTRAR-EXIT") {
            return Ok(());
        }
        if let Some(found) = announced.captures(&line) {
            let label = found[1].to_owned();
            plug(machine, waiting(task, &label)?)?;
            current = Some(label);
        } else if line.contains("PERSON-ASKS") {
            let label = current
                .clone()
                .ok_or_else(|| Error::Wrong("a person asks before any key".into()))?;
            let right = waiting(task, &label)?;
            let used = match &task.swap {
                Some((instead_of, other)) if *instead_of == label => waiting(task, other)?,
                _ => right,
            };
            plug(machine, used)?;
            machine
                .console()
                .send_line(&format!("{} {label} {}", right.account, used.pin))?;
        } else if line.contains("PERSON-DONE") {
            if let Some(label) = &current {
                plug(machine, waiting(task, label)?)?;
            }
        } else if let Some(label) = &current {
            waiting(task, label)?.key.touch();
        }
    }
}

fn waiting<'a>(task: &'a Task<'_>, label: &str) -> Result<&'a Waiting<'a>> {
    task.keys
        .get(label)
        .ok_or_else(|| Error::Wrong(format!("nobody has a key with label {label}")))
}

/// Takes out the key that is there and plugs in this one, unless it is this one.
fn plug(machine: &mut Qemu, next: &Waiting<'_>) -> Result<()> {
    if machine.is_plugged(PORT) {
        machine.pull(PORT)?;
    }
    Ok(machine.plug(PORT, next.key)?)
}
