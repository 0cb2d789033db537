//! `glasskey companion drill` as a person or a timer runs it.

use std::path::PathBuf;
use std::process::{Command, Output};

use glasskey::id::LabelId;
use glasskey::inventory::{Address, Author, Event, Inventory, Origin};
use glasskey::manifest::sign::StationKey;
use glasskey::sandbox::{self, Group, Settings, User};
use glasskey::secret::Secret;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::contract::Recorded;
use crate::permissions::{sets, token};
use crate::registration::{UPN, manifest, prepared};

struct Desk {
    folder: tempfile::TempDir,
    labels: Vec<LabelId>,
}

impl Desk {
    /// Two keys of one account, registered so many days ago.
    fn new(days: [i64; 2]) -> Self {
        Self::of(days, "u")
    }

    /// The same, for the account with this object id.
    fn of(days: [i64; 2], user: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut inventory =
            Inventory::open_or_create(&Address::File(folder.path().join("keys.sqlite"))).unwrap();
        let (now, mut labels) = (OffsetDateTime::now_utc(), Vec::new());
        let author = Author {
            who: "Ada".into(),
            source: "test".into(),
        };
        for (number, days) in (1..).zip(days) {
            inventory.set_present(now - Duration::days(days));
            let (_, mut key) = prepared(number, UPN);
            key.custodian = Some("Grace".into());
            key.safe = Some("Safe B".into());
            labels.push(key.label.clone());
            let manifest = manifest(vec![key], true, vec![]);
            let origin = Origin {
                manifest: &manifest,
                station: StationKey::generate().unwrap().fingerprint(),
                sha256: "00",
            };
            inventory.import(&[origin], &author).unwrap();
            let registered = Event::Registered {
                account: UPN.into(),
                tenant: Settings::default().tenant_id,
                user: user.into(),
                method: Some("m".into()),
            };
            inventory
                .record(&labels[labels.len() - 1], &registered, &author, None)
                .unwrap();
        }
        Self { folder, labels }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_glasskey"))
            .current_dir(self.folder.path())
            .args(["companion", "drill"])
            .args(arguments)
            .output()
            .unwrap()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_exit_code_says_whether_something_is_due() {
    let desk = Desk::new([100, 10]);
    let list = ["due", "--inventory", "keys.sqlite"];
    let output = desk.run(&list);
    assert_eq!(code(&output), 60, "{output:?}");
    let shown = text(&output);
    for part in [
        UPN,
        desk.labels[0].as_str(),
        "OVERDUE",
        "Grace, Safe B",
        "never drilled",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert_eq!(shown.matches("OVERDUE").count(), 1);
    assert_eq!(
        code(&desk.run(&["due", "--inventory", "keys.sqlite", "--days", "120"])),
        0
    );
    let ahead = [
        "due",
        "--inventory",
        "keys.sqlite",
        "--days",
        "120",
        "--ahead",
        "30",
        "--json",
    ];
    let output = desk.run(&ahead);
    assert_eq!(code(&output), 60);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["format"], &document["due"]),
        (&"glasskey-drills".into(), &1.into())
    );
    let key = &document["keys"][0];
    assert_eq!((&key["isDue"], &key["isOverdue"]), (&true.into(), &false.into()));
    assert_eq!(code(&desk.run(&["due", "--inventory", "missing.sqlite"])), 50);
}

#[test]
fn a_drill_that_was_cut_off_is_listed() {
    let desk = Desk::new([100, 10]);
    let mut inventory = Inventory::open(&Address::File(desk.path("keys.sqlite"))).unwrap();
    let author = Author {
        who: "Ada".into(),
        source: "test".into(),
    };
    let before = text(&desk.run(&["due", "--inventory", "keys.sqlite"]));
    assert!(!before.contains("no end on record"));
    let begun = Event::DrillBegun {
        drill: "d".into(),
        reason: "scheduled".into(),
    };
    inventory.record(&desk.labels[0], &begun, &author, None).unwrap();
    let after = text(&desk.run(&["due", "--inventory", "keys.sqlite"]));
    assert_eq!(after.matches("no end on record").count(), 1, "{after}");
}

#[test]
fn the_calendar_is_a_file_for_calendar_programs() {
    let desk = Desk::new([100, 10]);
    let arguments = ["calendar", "--inventory", "keys.sqlite", "--output", "drills.ics"];
    for _ in 0..2 {
        assert_eq!(code(&desk.run(&arguments)), 0);
    }
    let calendar = std::fs::read_to_string(desk.path("drills.ics")).unwrap();
    assert!(
        calendar.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"),
        "{calendar}"
    );
    assert_eq!(
        calendar.matches("BEGIN:VEVENT").count(),
        1,
        "one for each account"
    );
    assert!(!calendar.contains("Grace") && !calendar.contains("Safe B"));
    let nowhere = [
        "calendar",
        "--inventory",
        "keys.sqlite",
        "--output",
        "none/drills.ics",
    ];
    assert_eq!(code(&desk.run(&nowhere)), 26);
}

#[test]
fn a_signing_key_is_made_once_and_a_report_is_checked_against_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new([100, 10]);
    let made = desk.run(&["key", "--new", "registrar.pem"]);
    assert_eq!(code(&made), 0, "{made:?}");
    assert_eq!(
        code(&desk.run(&["key", "--new", "registrar.pem"])),
        26,
        "no key is replaced"
    );
    assert_eq!(text(&desk.run(&["key", "registrar.pem"])), text(&made));
    let permissions = std::fs::metadata(desk.path("registrar.pem"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(permissions & 0o777, 0o600);
    std::fs::write(desk.path("fingerprint.txt"), &made.stdout).unwrap();
    let pem = Secret::new(std::fs::read_to_string(desk.path("registrar.pem")).unwrap());
    let report = br#"{"format":"glasskey-drill-report","version":1,"account":"bg-01","result":"passed",
        "attested":[{"name":"Ada\u001b[2J"}],"alarms":[{"time":"now","ipAddress":"127.0.0.1"}]}"#;
    let signed = StationKey::from_pem(&pem).unwrap();
    let signed = signed.sign_as("glasskey-drill-report+jws", &Secret::new(report.to_vec()));
    std::fs::write(desk.path("drill.jws"), signed.expose()).unwrap();
    let verify = |file: &str| desk.run(&["verify", file, "--signer-fingerprint-file", "fingerprint.txt"]);
    let output = verify("drill.jws");
    assert_eq!(code(&output), 0, "{output:?}");
    let shown = text(&output);
    assert!(
        shown.contains("passed") && shown.contains("ALARM") && !shown.contains('\u{1b}'),
        "{shown}"
    );
    let mut changed = signed.expose().clone();
    let last = changed.len() - 2;
    changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
    std::fs::write(desk.path("changed.jws"), changed).unwrap();
    assert_eq!(code(&verify("changed.jws")), 12);
    std::fs::write(desk.path("text.jws"), "text").unwrap();
    assert_eq!(code(&verify("text.jws")), 10);
    assert_eq!(code(&verify("missing.jws")), 2);
    let label = desk.labels[0].as_str();
    let kept = [
        "verify",
        "--label",
        label,
        "--inventory",
        "keys.sqlite",
        "--signer-fingerprint-file",
        "fingerprint.txt",
    ];
    assert_eq!(code(&desk.run(&kept)), 54, "no drill was held");
}

#[test]
fn a_drill_is_refused_before_it_begins_where_it_cannot_end() {
    let desk = Desk::new([100, 10]);
    assert_eq!(code(&desk.run(&["key", "--new", "registrar.pem"])), 0);
    std::fs::write(desk.path("token"), "t").unwrap();
    std::fs::write(desk.path("there.jws"), "").unwrap();
    let run = |more: &[&str]| {
        let common = [
            "run",
            "--inventory",
            "keys.sqlite",
            "--graph",
            "http://127.0.0.1:9",
            "--token-file",
            "token",
        ];
        code(&desk.run(&[&common[..], more].concat()))
    };
    let with = |key, report, account| run(&["--signing-key", key, "--report", report, "--account", account]);
    assert_eq!(
        with("registrar.pem", "there.jws", UPN),
        2,
        "no report is replaced"
    );
    assert_eq!(with("token", "new.jws", UPN), 2, "no key");
    assert_eq!(
        with("registrar.pem", "new.jws", "bg-09@contoso.onmicrosoft.com"),
        20
    );
    let mut inventory = Inventory::open(&Address::File(desk.path("keys.sqlite"))).unwrap();
    assert!(inventory.drills().unwrap().is_empty());
}

#[test]
fn a_drill_reads_the_tenant_with_the_least_permissions_and_with_no_fewer() {
    for (permissions, missing) in sets("drill") {
        let user = User::named(UPN);
        let desk = Desk::of([100, 10], &user.id);
        let sandbox = Recorded::with(sandbox::Options {
            settings: Settings {
                users: vec![user],
                groups: vec![Group::named("Emergency access")],
                ..Settings::default()
            },
            token: Some(token(&permissions)),
            ..sandbox::Options::default()
        });
        assert_eq!(code(&desk.run(&["key", "--new", "registrar.pem"])), 0);
        std::fs::write(desk.path("token"), sandbox.token()).unwrap();
        let origin = sandbox.origin();
        let output = desk.run(&[
            "run",
            "--inventory",
            "keys.sqlite",
            "--graph",
            &origin,
            "--token-file",
            "token",
            "--signing-key",
            "registrar.pem",
            "--report",
            "drill.jws",
            "--account",
            UPN,
            "--group",
            "Emergency access",
            "--json",
        ]);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let (exit, words) = match missing {
            // As far as one gets without a passkey on the account.
            None => (20, "not on the account any more"),
            Some("UserAuthMethod-Passkey.Read.All") => (20, "could not be read"),
            Some(_) => (21, "403"),
        };
        assert_eq!(code(&output), exit, "without {missing:?}: {output:?}");
        let message = report["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "without {missing:?}: {message}");
        assert!(
            desk.path("drill.jws").exists(),
            "a failed drill has a report as well"
        );
    }
}
