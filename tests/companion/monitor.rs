//! `companion monitor`: files for the accounts that are there, and none for others.

use std::path::Path;
use std::process::{Command, Output};

use glasskey::sandbox::{Group, Settings, User};
use serde_json::Value;

use crate::contract::Recorded;

const FIRST: &str = "bg-01@contoso.onmicrosoft.com";
const SECOND: &str = "bg-02@contoso.onmicrosoft.com";

fn tenant() -> Settings {
    Settings {
        users: [FIRST, SECOND].map(User::named).to_vec(),
        groups: vec![Group::named("Emergency access")],
        ..Settings::default()
    }
}

fn command(sandbox: &Recorded, folder: &Path, more: &[&str]) -> Output {
    let token = folder.join("token");
    std::fs::write(&token, sandbox.token()).unwrap();
    Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .current_dir(folder)
        .args([
            "companion",
            "monitor",
            "--graph",
            &sandbox.origin(),
            "--token-file",
        ])
        .arg(token)
        .args(more)
        .output()
        .unwrap()
}

#[test]
fn queries_and_templates_name_the_accounts_and_their_group() {
    let settings = tenant();
    let ids: Vec<String> = settings.users.iter().map(|user| user.id.clone()).collect();
    let group = settings.groups[0].id.clone();
    let sandbox = Recorded::start(settings);
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "--account",
        FIRST,
        "--account",
        SECOND,
        "--group",
        "Emergency access",
        "--out",
        "monitoring",
        "--json",
    ];
    let output = command(&sandbox, folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = said["files"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(names.len(), 9, "{names:?}");
    let read = |name: &str| std::fs::read_to_string(folder.path().join("monitoring").join(name)).unwrap();
    for name in names {
        let text = read(name);
        assert!(ids.iter().all(|id| text.contains(id)), "{name}");
    }
    assert!(read("emergency-group.kql").contains(&group));
    for name in ["alerts.json", "sentinel.json"] {
        let template: Value = serde_json::from_str(&read(name)).unwrap();
        assert_eq!(template["resources"].as_array().unwrap().len(), 6, "{name}");
    }

    // What is there is not written over.
    let again = command(&sandbox, folder.path(), &arguments);
    assert_eq!(again.status.code(), Some(26), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("monitoring cannot be written"));
}

#[test]
fn accounts_and_groups_that_are_not_there_make_no_files() {
    let sandbox = Recorded::start(tenant());
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], i32); 3] = [
        (&["--account", "bg-03@contoso.onmicrosoft.com"], 20),
        (&["--account", FIRST, "--group", "Nobody"], 20),
        (&["--account", "bg-01"], 2),
    ];
    for (wrong, code) in cases {
        let arguments: Vec<&str> = wrong.iter().copied().chain(["--out", "monitoring"]).collect();
        let output = command(&sandbox, folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(code), "{wrong:?}: {output:?}");
        assert!(!folder.path().join("monitoring").exists());
    }
}
