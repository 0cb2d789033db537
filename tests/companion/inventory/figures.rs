//! How long a large manifest takes to be taken in, beside what reading it costs at all (docs/benchmarks.md).

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use glasskey::manifest::{Identity, seal, sign::StationKey};

use super::{keys, with_pins};

const KEYS: u32 = 10_000;

#[test]
#[ignore = "figures for docs/benchmarks.md, of a release build"]
fn taking_in_10000_keys_beside_age_and_a_digest() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (identity, station) = (Identity::generate(), StationKey::generate().unwrap());
    let mut manifest = with_pins(keys(KEYS), true);
    manifest.recipients = vec![identity.recipient()];
    let jws = station.sign(&manifest.to_json().unwrap());
    let sealed = seal::seal(&jws, &manifest.recipients).unwrap();
    std::fs::write(path("manifest.age"), &sealed).unwrap();
    std::fs::write(path("identity.txt"), identity.to_file().expose()).unwrap();
    let report = |line: String| writeln!(std::io::stderr(), "{line}").unwrap();
    report(format!("manifest: {KEYS} keys, {} bytes", sealed.len()));
    for run in 1..=3 {
        let age = "age --decrypt --identity identity.txt manifest.age | sha256sum";
        let (seconds, _) = measured(Command::new("sh").args(["-c", age]).current_dir(&folder));
        let mut import = Command::new(env!("CARGO_BIN_EXE_glasskey"));
        import
            .args([
                "companion",
                "inventory",
                "import",
                "manifest.age",
                "--identity",
                "identity.txt",
            ])
            .args(["--station-fingerprint", &station.fingerprint().to_string()])
            .args(["--inventory", &format!("inventory{run}.sqlite")])
            .current_dir(&folder);
        let (first, memory) = measured(&mut import);
        let (again, _) = measured(&mut import);
        let bytes = std::fs::metadata(path(&format!("inventory{run}.sqlite")))
            .unwrap()
            .len();
        report(format!(
            "run {run}: age and sha256sum {seconds:.2} s; import {first:.2} s ({:.1} times), {memory} kB at most, \
            inventory {bytes} bytes; import again {again:.2} s",
            first / seconds
        ));
    }
}

/// Seconds until a program has ended well, and the most memory that it held, in kB.
fn measured(command: &mut Command) -> (f64, u64) {
    let begin = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut memory = 0;
    let status = loop {
        memory = peak(&child).unwrap_or(memory);
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    assert!(status.success(), "{command:?}");
    (begin.elapsed().as_secs_f64(), memory)
}

fn peak(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
