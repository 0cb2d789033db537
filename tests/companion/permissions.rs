//! Each command works with exactly the permissions that `companion permissions` says, and without none of them.

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use glasskey::registration::Route;
use glasskey::sandbox::{self, Group, Settings, User};
use glasskey::secret::Secret;
use glasskey::tenant::permissions::of;
use serde_json::{Value, json};

use crate::contract::Recorded;
use crate::registration::{Scene, adds, does_nothing, manifest, prepared};

const UPN: &str = "bg-01@contoso.onmicrosoft.com";

/// A token with these permissions, as the sandbox reads it.
pub(crate) fn token(permissions: &[&str]) -> String {
    let claims = json!({"oid": "00000000-0000-4000-8000-000000000009", "scp": permissions.join(" ")});
    format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()))
}

/// The least set of a command, then that set without each of its members, with the one that is missing.
pub(crate) fn sets(command: &str) -> Vec<(Vec<&'static str>, Option<&'static str>)> {
    let least: Vec<&str> = of(command).unwrap().least().collect();
    let without = |missing: &&'static str| {
        let rest = least.iter().copied().filter(|p| p != missing).collect();
        (rest, Some(*missing))
    };
    let mut sets: Vec<_> = least.iter().map(without).collect();
    sets.insert(0, (least.clone(), None));
    sets
}

fn exit_code(permissions: &[&str], arguments: &[&str]) -> Option<i32> {
    let sandbox = Recorded::with(sandbox::Options {
        settings: Settings {
            users: vec![User::named(UPN)],
            groups: vec![Group::named("Emergency access")],
            ..Settings::default()
        },
        token: Some(token(permissions)),
        ..sandbox::Options::default()
    });
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), sandbox.token()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .current_dir(folder.path())
        .arg("companion")
        .args(arguments)
        .args(["--graph", &sandbox.origin(), "--token-file", "token"])
        .output()
        .unwrap();
    output.status.code()
}

#[test]
fn commands_work_with_the_least_permissions_and_with_no_fewer() {
    let commands: [&[&str]; 3] = [
        &["preflight", "--account", UPN, "--group", "Emergency access"],
        &[
            "setup",
            "--account",
            "bg-02@contoso.onmicrosoft.com",
            "--plain-group",
            "--apply",
            "--yes",
        ],
        &[
            "monitor",
            "--account",
            UPN,
            "--group",
            "Emergency access",
            "--out",
            "monitoring",
        ],
    ];
    for arguments in commands {
        for (permissions, missing) in sets(arguments[0]) {
            let code = exit_code(&permissions, arguments);
            match missing {
                // What the preflight finds in this tenant is not the question here.
                None => assert!(matches!(code, Some(0 | 20)), "{}: {code:?}", arguments[0]),
                Some(missing) => assert_eq!(code, Some(21), "{} without {missing}", arguments[0]),
            }
        }
    }
}

#[test]
fn a_registration_works_with_the_least_permissions_and_with_no_fewer() {
    for (permissions, missing) in sets("register") {
        let scene = Scene::with_token(token(&permissions));
        let (key, prepared) = prepared(1, UPN);
        scene.bus.plug(&key);
        let (result, report, _) = scene.run(&manifest(vec![prepared], true, vec![]), adds(&key));
        match missing {
            None => {
                assert!(result.is_ok(), "{result:?}");
                assert_eq!(report.keys[0].audit, Some("notChecked"), "the log needs more");
            }
            Some(missing) => assert!(result.is_err(), "without {missing}"),
        }
    }
}

#[test]
fn a_registration_on_behalf_works_with_the_least_permissions_and_with_no_fewer() {
    for (permissions, missing) in sets("register --route on-behalf") {
        let mut scene = Scene::with_token(token(&permissions));
        scene.options.route = Route::OnBehalf;
        let (key, mut prepared) = prepared(1, UPN);
        prepared.pin = Some(Secret::new("73915082".into()));
        scene.bus.plug(&key);
        let (result, _, _) = scene.run(&manifest(vec![prepared], true, vec![]), does_nothing());
        match missing {
            None => assert!(result.is_ok(), "{result:?}"),
            Some(missing) => assert!(result.is_err(), "without {missing}"),
        }
    }
}

#[test]
fn the_command_prints_lines_or_json_of_one_command_or_all() {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_glasskey"));
        let output = command
            .args(["companion", "permissions"])
            .args(arguments)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, all) = run(&[]);
    assert_eq!(code, Some(0));
    for part in [
        "companion preflight\n",
        "companion register\n",
        "UserAuthMethod-TAP.ReadWrite.All",
        "role: ",
    ] {
        assert!(all.contains(part), "{part}");
    }
    let (_, one) = run(&["setup", "--json"]);
    let document: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(document["commands"].as_array().unwrap().len(), 1);
    assert_eq!(
        document["commands"][0]["permissions"][0]["name"],
        "User.ReadWrite.All"
    );
    assert_eq!(run(&["inventory"]).0, Some(2));
}
