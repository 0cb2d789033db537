//! `glasskey companion inventory` and `report` as a person runs them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use glasskey::id::CeremonyId;
use glasskey::manifest::{Identity, Manifest, seal, sign::StationKey};
use serde_json::Value;

use super::server::{PASSWORD, Server, USER};
use super::{PIN, keys, with_pins};

/// A folder with an identity and an inventory.
struct Desk {
    folder: tempfile::TempDir,
    identity: Identity,
    inventory: String,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::generate();
        std::fs::write(folder.path().join("identity.txt"), identity.to_file().expose()).unwrap();
        let inventory = folder.path().join("state/inventory.sqlite").display().to_string();
        Self {
            folder,
            identity,
            inventory,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A sealed manifest of a station of its own; returns the options that open it.
    fn sealed(&self, name: &str, mut manifest: Manifest) -> Vec<String> {
        let station = StationKey::generate().unwrap();
        manifest.recipients = vec![self.identity.recipient()];
        let jws = station.sign(&manifest.to_json().unwrap());
        let path = self.path(name);
        std::fs::write(&path, seal::seal(&jws, &manifest.recipients).unwrap()).unwrap();
        vec![
            path.display().to_string(),
            "--station-fingerprint".into(),
            station.fingerprint().to_string(),
        ]
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .arg("companion")
            .args(arguments)
            .args(["--inventory", &self.inventory])
            .env_remove("PGPASSFILE")
            .env("HOME", self.folder.path())
            .output()
            .unwrap()
    }

    fn import(&self, sealed: &[String]) -> Output {
        let identity = self.path("identity.txt").display().to_string();
        let mut arguments = vec!["inventory", "import", "--json", "--identity", identity.as_str()];
        arguments.extend(sealed.iter().map(String::as_str));
        self.run(&arguments)
    }
}

fn ended(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn json(output: &Output) -> Value {
    ended(output, 0);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Two manifests of two stations, of two keys each.
fn two(desk: &Desk) -> Vec<String> {
    let mut all = keys(4);
    let second = with_pins(all.split_off(2), true);
    let mut first = with_pins(all, true);
    first.ceremony.id = CeremonyId::draw(&mut |bytes: &mut [u8]| bytes.fill(9));
    [desk.sealed("one.age", first), desk.sealed("two.age", second)].concat()
}

#[test]
fn manifests_of_two_stations_are_taken_in_once_and_no_pin_with_them() {
    let desk = Desk::new();
    let both = two(&desk);
    let first = json(&desk.import(&both));
    assert_eq!(
        (&first["added"], &first["known"], &first["manifests"]),
        (&4.into(), &0.into(), &2.into())
    );
    let second = json(&desk.import(&both));
    assert_eq!((&second["added"], &second["known"]), (&0.into(), &4.into()));
    let list = json(&desk.run(&["inventory", "list", "--json"]));
    assert_eq!(
        (list["kind"].as_str(), list["keys"].as_array().unwrap().len()),
        (Some("rehearsal"), 4)
    );
    assert_eq!(list["keys"][0]["state"], "prepared");
    let folder = desk.path("state");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(Path::new(&desk.inventory))), (0o700, 0o600));
    let (mut bytes, mut labels) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap();
        bytes += content.len();
        let holds = |text: &str| {
            content
                .windows(text.len())
                .any(|window| window == text.as_bytes())
        };
        assert!(!holds(PIN));
        labels += usize::from(holds(list["keys"][0]["label"].as_str().unwrap()));
    }
    // The same search finds what must be there.
    assert!(bytes > 4096 && labels >= 1, "{bytes} {labels}");
}

#[test]
fn each_refusal_has_its_exit_code() {
    let desk = Desk::new();
    ended(&desk.run(&["inventory", "list"]), 50);
    let good = desk.sealed("good.age", with_pins(keys(2), true));
    let stranger = StationKey::generate().unwrap().fingerprint().to_string();
    let text = ended(&desk.import(&[good[0].clone(), good[1].clone(), stranger]), 12);
    assert!(text.contains("good.age"), "{text}");
    let other = Desk::new();
    let foreign = other.sealed("foreign.age", with_pins(keys(2), true));
    ended(&desk.import(&foreign), 11);
    ended(&desk.import(&good), 0);
    let mut changed = with_pins(keys(2), true);
    changed.keys[0].safe = Some("Elsewhere".into());
    let text = ended(&desk.import(&desk.sealed("changed.age", changed)), 52);
    assert!(
        text.contains("safe: the inventory has Safe A, the manifest has Elsewhere"),
        "{text}"
    );
    ended(
        &desk.import(&desk.sealed("real.age", with_pins(keys(2), false))),
        53,
    );
    let label = keys(1).remove(0).label;
    let unknown = keys(3).remove(2).label;
    ended(&desk.run(&["inventory", "show", unknown.as_str()]), 54);
    ended(
        &desk.run(&[
            "inventory",
            "set",
            label.as_str(),
            "--state",
            "revoked",
            "--reason",
            "x",
        ]),
        54,
    );
    ended(
        &desk.run(&["inventory", "set", label.as_str(), "--state", "lost"]),
        2,
    );
    ended(&desk.run(&["inventory", "set", label.as_str()]), 2);
    ended(&desk.run(&["inventory", "export"]), 2);
    ended(&desk.run(&["report", "--out", "report.txt"]), 2);
    let file = rusqlite::Connection::open(&desk.inventory).unwrap();
    file.execute_batch("UPDATE glasskey_inventory SET version = 99")
        .unwrap();
    drop(file);
    let text = ended(&desk.run(&["inventory", "list"]), 51);
    assert!(text.contains("schema version 99"), "{text}");
}

#[test]
fn places_and_ends_are_set_and_shown() {
    let desk = Desk::new();
    json(&desk.import(&desk.sealed("one.age", with_pins(keys(2), true))));
    let label = keys(1).remove(0).label;
    let set = |more: &[&str]| {
        let arguments = [
            &["inventory", "set", label.as_str(), "--registrar", "Ada", "--json"],
            more,
        ]
        .concat();
        json(&desk.run(&arguments))
    };
    assert_eq!(
        set(&["--custodian", "Barbara", "--safe", "Safe C"])["state"],
        "prepared"
    );
    assert_eq!(
        set(&["--state", "lost", "--reason", "not in the safe"])["state"],
        "lost"
    );
    let shown = json(&desk.run(&["inventory", "show", label.as_str(), "--json"]));
    assert_eq!(
        (&shown["key"]["custodian"], &shown["key"]["state"]),
        (&"Barbara".into(), &"lost".into())
    );
    let history = shown["history"].as_array().unwrap();
    assert_eq!((history.len(), &history[2]["who"]), (3, &"Ada".into()));
    let text = String::from_utf8(desk.run(&["inventory", "show", label.as_str()]).stdout).unwrap();
    assert!(
        text.contains("reason: not in the safe") && text.contains("Barbara"),
        "{text}"
    );
    let list = desk.run(&["inventory", "list", "--state", "lost"]);
    let text = String::from_utf8(list.stdout).unwrap();
    assert!(
        text.contains(label.as_str()) && text.ends_with("1 keys\n"),
        "{text}"
    );
}

#[test]
fn exports_hold_every_key() {
    let desk = Desk::new();
    json(&desk.import(&two(&desk)));
    let whole = json(&desk.run(&["inventory", "export", "--json"]));
    assert_eq!(whole["format"], "glasskey-inventory-export");
    let entries = whole["keys"].as_array().unwrap();
    assert_eq!(
        (entries.len(), &entries[3]["history"][0]["what"]),
        (4, &"imported".into())
    );
    let out = desk.path("keys.csv");
    ended(
        &desk.run(&["inventory", "export", "--csv", "--out", out.to_str().unwrap()]),
        0,
    );
    let text = std::fs::read_to_string(out).unwrap();
    let mut lines = text.lines();
    assert!(
        lines.next().unwrap().starts_with("label,state,account,"),
        "{text}"
    );
    assert_eq!(lines.filter(|line| line.contains(",prepared,bg-0000")).count(), 4);
}

#[test]
fn reports_are_written_in_both_forms() {
    let desk = Desk::new();
    json(&desk.import(&two(&desk)));
    for (name, begin) in [("report.html", "<!DOCTYPE html>"), ("report.PDF", "%PDF-")] {
        let out = desk.path(name);
        ended(&desk.run(&["report", "--out", out.to_str().unwrap()]), 0);
        assert!(
            std::fs::read(out).unwrap().starts_with(begin.as_bytes()),
            "{name}"
        );
    }
}

mod postgres {
    use super::*;

    /// The URL with more behind it, in the place of the desk's file.
    fn at(desk: &mut Desk, url: &str, parameters: &str) {
        desk.inventory = format!("{url}{parameters}");
    }

    #[test]
    #[ignore = "needs Debian's package postgresql; tests/run runs it"]
    fn a_password_comes_from_the_password_file_alone() {
        let (server, mut desk) = (Server::shared(), Desk::new());
        let url = server.network_url();
        at(&mut desk, &url, "");
        let sealed = desk.sealed("one.age", with_pins(keys(2), true));
        let text = ended(&desk.import(&sealed), 50);
        assert!(text.contains("assword"), "{text}");
        let file = desk.path(".pgpass");
        let line = format!("localhost:*:*:{USER}:{}\n", PASSWORD.replace(':', "\\:"));
        std::fs::write(&file, line).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let text = ended(&desk.import(&sealed), 50);
        assert!(text.contains("chmod 600") && !text.contains(PASSWORD), "{text}");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(json(&desk.import(&sealed))["added"], 2);
        std::fs::write(&file, format!("*:*:*:*:{PASSWORD}x\n")).unwrap();
        let text = ended(&desk.run(&["inventory", "list"]), 50);
        assert!(!text.contains("horse"), "{text}");
    }

    #[test]
    #[ignore = "needs Debian's package postgresql; tests/run runs it"]
    fn a_server_is_trusted_by_its_certificate_alone() {
        let (server, mut desk) = (Server::shared(), Desk::new());
        let url = server.network_url();
        let file = desk.path(".pgpass");
        std::fs::write(&file, format!("*:*:*:*:{}\n", PASSWORD.replace(':', "\\:"))).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let sealed = desk.sealed("one.age", with_pins(keys(2), true));
        at(&mut desk, &url, "?sslmode=require");
        let text = ended(&desk.import(&sealed), 50);
        assert!(text.contains("certificate"), "{text}");
        let authority = server.authority();
        at(&mut desk, &url, &format!("?sslrootcert={}", authority.display()));
        assert_eq!(json(&desk.import(&sealed))["added"], 2);
        // The certificate names localhost and no address.
        let by_address = url.replace("localhost", "127.0.0.1");
        at(
            &mut desk,
            &by_address,
            &format!("?sslrootcert={}", authority.display()),
        );
        let text = ended(&desk.import(&sealed), 50);
        assert!(text.contains("certificate"), "{text}");
    }

    #[test]
    #[ignore = "needs Debian's package postgresql; tests/run runs it"]
    fn two_programs_take_in_the_same_manifest_at_once() {
        let (server, mut desk) = (Server::shared(), Desk::new());
        let file = desk.path(".pgpass");
        std::fs::write(&file, format!("*:*:*:*:{}\n", PASSWORD.replace(':', "\\:"))).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let url = server.network_url();
        at(&mut desk, &url, "");
        let sealed = desk.sealed("one.age", with_pins(keys(200), true));
        let (one, two) = std::thread::scope(|scope| {
            let one = scope.spawn(|| json(&desk.import(&sealed)));
            (json(&desk.import(&sealed)), one.join().unwrap())
        });
        let added = |outcome: &Value| outcome["added"].as_u64().unwrap();
        assert_eq!(added(&one) + added(&two), 200);
    }
}
