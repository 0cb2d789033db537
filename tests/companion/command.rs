//! The command line of the companion: exit codes and what is refused before anything begins.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use glasskey::manifest::{Identity, seal, sign::StationKey};
use glasskey::sandbox::{Options, Sandbox, Settings, User};

use crate::registration::{UPN, manifest, prepared};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("glasskey-command-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A sealed manifest with everything that opens it.
fn sealed(folder: &Folder, rehearsal: bool) -> (PathBuf, PathBuf, PathBuf) {
    let (identity, station) = (Identity::generate(), StationKey::generate().unwrap());
    let manifest = manifest(vec![prepared(1, UPN).1], rehearsal, vec![identity.recipient()]);
    let jws = station.sign(&manifest.to_json().unwrap());
    let sealed = seal::seal(&jws, &manifest.recipients).unwrap();
    (
        folder.file("manifest.age", sealed),
        folder.file("identity.txt", identity.to_file().expose()),
        folder.file("fingerprint.txt", station.fingerprint().words()),
    )
}

fn register(
    folder: &Folder,
    sandbox: &Sandbox,
    files: &(PathBuf, PathBuf, PathBuf),
    more: &[&str],
) -> Output {
    let token = folder.file("token", sandbox.token());
    let mut command = Command::new(env!("CARGO_BIN_EXE_glasskey"));
    let path = |p: &Path| p.to_owned().into_os_string();
    command
        .args(["companion", "register"])
        .arg(path(&files.0))
        .arg("--identity")
        .arg(path(&files.1))
        .arg("--station-fingerprint-file")
        .arg(path(&files.2))
        .args(["--graph", &sandbox.origin(), "--token-file"])
        .arg(token)
        .args(more);
    command.output().unwrap()
}

fn sandbox() -> Sandbox {
    let options = Options {
        settings: Settings {
            users: vec![User::named(UPN)],
            ..Settings::default()
        },
        ..Options::default()
    };
    Sandbox::start("127.0.0.1:0".parse().unwrap(), options).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn a_real_manifest_is_refused_by_a_sandbox_tenant_with_a_report() {
    let (folder, sandbox) = (Folder::new("real"), sandbox());
    let files = sealed(&folder, false);
    let tap = folder.0.join("tap");
    let report = folder.0.join("report.json");
    let more = [
        "--tap-file",
        tap.to_str().unwrap(),
        "--report",
        report.to_str().unwrap(),
        "--json",
    ];
    let output = register(&folder, &sandbox, &files, &more);
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), 20, "{text}");
    assert!(
        text.contains("real ceremony") && text.contains("hint: "),
        "{text}"
    );
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(printed, written);
    assert_eq!(printed["result"], "condition");
    assert_eq!(printed["tenant"]["sandbox"], true);
    assert_eq!(printed["manifestSha256"].as_str().unwrap().len(), 64);
    assert!(!tap.exists());
    assert_eq!(sandbox.calls("POST", ""), 0);
}

#[test]
fn each_unusable_manifest_has_its_exit_code() {
    let (folder, sandbox) = (Folder::new("manifest"), sandbox());
    let files = sealed(&folder, true);
    let bytes = std::fs::read(&files.0).unwrap();
    let tap = ["--tap-file", "/nonexistent/tap"];
    let cut = (
        folder.file("cut.age", &bytes[..bytes.len() / 2]),
        files.1.clone(),
        files.2.clone(),
    );
    let mut changed = bytes.clone();
    changed[bytes.len() / 2] ^= 1;
    let flipped = (
        folder.file("flipped.age", &changed),
        files.1.clone(),
        files.2.clone(),
    );
    let other = folder.file("other.txt", Identity::generate().to_file().expose());
    let stranger = folder.file(
        "stranger.txt",
        StationKey::generate().unwrap().fingerprint().to_string(),
    );
    for (files, expected) in [
        (cut, 15),
        (flipped, 10),
        ((files.0.clone(), other, files.2.clone()), 11),
        ((files.0.clone(), files.1.clone(), stranger), 12),
        ((folder.0.join("missing"), files.1.clone(), files.2.clone()), 2),
    ] {
        let output = register(&folder, &sandbox, &files, &tap);
        let text = String::from_utf8(output.stderr.clone()).unwrap();
        assert_eq!(code(&output), expected, "{text}");
    }
    assert_eq!(sandbox.calls("GET", ""), 0);
}

#[test]
fn without_a_terminal_a_pass_needs_a_file() {
    let (folder, sandbox) = (Folder::new("terminal"), sandbox());
    let files = sealed(&folder, true);
    let output = register(&folder, &sandbox, &files, &[]);
    assert_eq!(code(&output), 2);
    assert!(String::from_utf8(output.stderr).unwrap().contains("--tap-file"));
}

#[test]
fn on_behalf_needs_no_terminal_for_a_pass_and_is_refused_where_it_does_not_exist() {
    let (folder, sandbox) = (Folder::new("behalf"), sandbox());
    let files = sealed(&folder, false);
    // As far as the tenant, which is not the kind that a real manifest asks for: no question about `--tap-file`.
    let output = register(&folder, &sandbox, &files, &["--route", "on-behalf", "--json"]);
    assert_eq!(code(&output), 20, "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["route"], "on-behalf");
    assert_eq!(sandbox.calls("POST", ""), 0);

    // A cloud without creation options is named before anything is sent.
    let token = folder.file("token", "nobody's");
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args([
            "companion",
            "register",
            "--route",
            "on-behalf",
            "--cloud",
            "us-gov",
        ])
        .args([
            Path::new("--token-file"),
            &token,
            Path::new("--identity"),
            &files.1,
        ])
        .args([Path::new("--station-fingerprint-file"), &files.2, &files.0])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(code(&output), 20, "{text}");
    assert!(
        text.contains("US Government L4") && text.contains("--route tap"),
        "{text}"
    );
}

#[test]
fn the_help_has_the_options_of_signing_in_under_one_heading_and_no_others() {
    for command in [&["register"][..], &["preflight"], &["drill", "run"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .arg("companion")
            .args(command)
            .arg("--help")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (options, signing_in) = text.split_once("\nSigning in:\n").unwrap();
        let signing_in = signing_in.split("\nExample").next().unwrap();
        for option in ["--sign-in", "--client-id", "--certificate-key", "--remember"] {
            assert!(
                signing_in.contains(&format!("      {option}")),
                "{command:?} {option}"
            );
        }
        let named = |text: &str| text.lines().filter(|l| l.starts_with("      --")).count();
        assert_eq!(named(signing_in), 7, "{command:?}: {signing_in}");
        assert!(named(options) > 5, "{command:?}");
    }
}

#[test]
fn the_help_names_every_exit_code() {
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args(["companion", "register", "--help"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "20 tenant",
        "21 Graph",
        "22 wrong key",
        "23 the tenant",
        "24 nobody",
        "25 interrupted",
        "26 journal",
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(part), "{part}");
    }
}

#[test]
fn a_signal_ends_the_program_cleanly_while_it_waits() {
    use std::io::{BufRead as _, BufReader};
    let (folder, sandbox) = (Folder::new("signal"), sandbox());
    let files = sealed(&folder, true);
    let token = folder.file("token", sandbox.token());
    // A tenant that answers slowly makes the program wait on any machine, with or without keys.
    sandbox.add_fault(glasskey::sandbox::Fault {
        method: None,
        path: "organization".into(),
        skip: 0,
        count: 1,
        effect: glasskey::sandbox::Effect::Status {
            status: 429,
            retry_after: Some(60),
            code: None,
            message: None,
        },
    });
    let report = folder.0.join("report.json");
    let mut child = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .args([
            "companion",
            "register",
            "--graph",
            &sandbox.origin(),
            "--tap-file",
        ])
        .args([&folder.0.join("tap"), Path::new("--token-file"), &token])
        .args([Path::new("--identity"), &files.1, Path::new("--report"), &report])
        .args([Path::new("--station-fingerprint-file"), &files.2, &files.0])
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(lines.any(|line| line.contains("Graph is busy (429)")));
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(25), "{rest:?}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
    assert_eq!(report["result"], "interrupted");
}
