//! Signing in from the command line.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use glasskey::sandbox::Login;

use crate::contract::Recorded;
use crate::sign_in::{CLIENT, KEYS, TENANT, UPN, certificate, good_certificate, tenant, visit};

fn glasskey(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .current_dir(folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .arg("companion")
        .args(arguments)
        .output()
        .unwrap()
}

/// `companion preflight` with these options of signing in.
fn preflight(folder: &Path, sandbox: &Recorded, more: &[&str]) -> Output {
    let origin = sandbox.origin();
    let mut arguments = vec!["preflight", "--json", "--account", UPN, "--graph", &origin];
    arguments.extend(["--tenant", TENANT, "--client-id", CLIENT]);
    arguments.extend(more);
    glasskey(folder, &arguments)
}

/// What the preflight finds in this tenant is not the question here.
fn looked(output: &Output) -> bool {
    let answered = serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok();
    matches!(output.status.code(), Some(0 | 20)) && answered
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_preflight_runs_unattended_with_a_certificate() {
    let (folder, sandbox) = (tempfile::tempdir().unwrap(), tenant(Login::default()));
    let folder = folder.path();
    std::fs::write(folder.join("application.pem"), good_certificate()).unwrap();
    std::fs::write(folder.join("application.key"), KEYS[0]).unwrap();
    std::fs::write(folder.join("other.pem"), certificate(KEYS[1], 2020..2200)).unwrap();
    std::fs::write(folder.join("other.key"), KEYS[1]).unwrap();
    let with = |certificate: &str, key: &str| {
        let more = [
            "--sign-in",
            "certificate",
            "--certificate",
            certificate,
            "--certificate-key",
            key,
        ];
        preflight(folder, &sandbox, &more)
    };
    let output = with("application.pem", "application.key");
    assert!(looked(&output), "{}", said(&output));
    let token = sandbox.exchanges().iter().find_map(|e| {
        let answer = e.answer.as_ref()?;
        answer["access_token"].as_str().map(str::to_owned)
    });
    let printed = said(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(!printed.contains(&token.unwrap()));
    // Known to nobody; of another certificate; not there.
    for (certificate, key, code) in [
        ("other.pem", "other.key", 21),
        ("application.pem", "other.key", 2),
        ("application.pem", "missing", 2),
    ] {
        let output = with(certificate, key);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(
            said(&output).contains("hint: ") || key == "missing",
            "{}",
            said(&output)
        );
    }
}

#[test]
fn a_device_code_is_told_and_the_sign_in_kept_until_sign_out() {
    let (folder, sandbox) = (tempfile::tempdir().unwrap(), tenant(Login::default()));
    let origin = sandbox.origin();
    let with = |more: &[&str]| {
        let mut arguments = vec!["--sign-in", "device-code"];
        arguments.extend(more);
        preflight(folder.path(), &sandbox, &arguments)
    };
    let output = with(&["--remember"]);
    assert!(looked(&output), "{}", said(&output));
    assert!(said(&output).contains("SANDBOX-1"));
    let kept = !said(&output).contains("is not kept");
    assert!(looked(&with(&["--remember"])));
    let asked = if kept { 1 } else { 2 };
    assert_eq!(sandbox.calls("POST", "/devicecode"), asked);
    let output = glasskey(folder.path(), &["sign-out", "--graph", &origin, "--json"]);
    assert_eq!(
        output.status.code(),
        Some(if kept { 0 } else { 26 }),
        "{}",
        said(&output)
    );
    assert!(looked(&with(&[])));
    assert_eq!(sandbox.calls("POST", "/devicecode"), asked + 1);
}

#[test]
fn without_a_desktop_the_page_is_printed_and_its_answer_taken() {
    let (folder, sandbox) = (tempfile::tempdir().unwrap(), tenant(Login::default()));
    let mut child = Command::new(env!("CARGO_BIN_EXE_glasskey"))
        .current_dir(folder.path())
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .args(["companion", "preflight", "--json", "--account", UPN])
        .args(["--graph", &sandbox.origin(), "--sign-in", "browser"])
        .args(["--tenant", TENANT, "--client-id", CLIENT])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let page = lines
        .find(|line| line.contains("/oauth2/v2.0/authorize?"))
        .unwrap();
    let (_, back) = visit(&page);
    assert_eq!(visit(&back.unwrap()).0, 200);
    let rest: Vec<String> = lines.collect();
    assert!(looked(&child.wait_with_output().unwrap()), "{rest:?}");
}

#[test]
fn a_command_asks_a_person_for_what_it_needs_alone() {
    let (folder, sandbox) = (tempfile::tempdir().unwrap(), tenant(Login::default()));
    let asked = |more: &[&str]| {
        let mut arguments = vec!["--sign-in", "device-code"];
        arguments.extend(more);
        assert!(looked(&preflight(folder.path(), &sandbox, &arguments)));
        let exchanges = sandbox.exchanges();
        let begun = exchanges
            .iter()
            .rfind(|e| e.path.ends_with("/devicecode"))
            .unwrap();
        begun.request["scope"]
            .as_str()
            .unwrap()
            .replace("https://graph.microsoft.com/", "")
    };
    assert_eq!(
        asked(&[]),
        "User.Read.All GroupMember.Read.All Policy.Read.All offline_access"
    );
    assert!(asked(&["--optional-permissions"]).contains("RoleManagement.Read.Directory"));
}

#[test]
fn options_that_do_not_fit_are_refused_before_anything_is_sent() {
    let (folder, sandbox) = (tempfile::tempdir().unwrap(), tenant(Login::default()));
    std::fs::write(folder.path().join("token"), sandbox.token()).unwrap();
    let origin = sandbox.origin();
    let base = ["preflight", "--account", UPN, "--graph", &origin];
    let refused: [&[&str]; 7] = [
        &[],
        &["--sign-in", "browser"],
        &["--sign-in", "browser", "--tenant", TENANT],
        &[
            "--sign-in",
            "browser",
            "--tenant",
            "contoso.ciamlogin.com",
            "--client-id",
            CLIENT,
        ],
        &[
            "--sign-in",
            "browser",
            "--tenant",
            "common",
            "--client-id",
            CLIENT,
        ],
        &[
            "--sign-in",
            "certificate",
            "--tenant",
            TENANT,
            "--client-id",
            CLIENT,
        ],
        &[
            "--token-file",
            "token",
            "--sign-in",
            "browser",
            "--tenant",
            TENANT,
            "--client-id",
            CLIENT,
        ],
    ];
    for more in refused {
        let output = glasskey(folder.path(), &[&base[..], more].concat());
        assert_eq!(output.status.code(), Some(2), "{more:?}: {}", said(&output));
    }
    assert_eq!(sandbox.calls("GET", "") + sandbox.calls("POST", ""), 0);
    let output = glasskey(folder.path(), &[&base[..], &["--token-file", "token"]].concat());
    assert!(matches!(output.status.code(), Some(0 | 20)), "{}", said(&output));
}

#[test]
fn a_cloud_in_which_a_command_cannot_work_is_refused_first() {
    let folder = tempfile::tempdir().unwrap();
    let register = |cloud: &str| {
        let arguments = [
            "register",
            "missing.age",
            "--identity",
            "missing",
            "--station-fingerprint-file",
            "missing",
            "--token-file",
            "missing",
            "--tap-file",
            "tap",
            "--cloud",
            cloud,
        ];
        glasskey(folder.path(), &arguments)
    };
    let output = register("china");
    assert_eq!(output.status.code(), Some(20), "{}", said(&output));
    assert!(said(&output).contains("21Vianet") && said(&output).contains("Temporary Access Pass"));
    // Elsewhere it goes on to what is wrong with the files.
    assert_eq!(register("us-gov").status.code(), Some(2));
    let setup = [
        "setup",
        "--account",
        UPN,
        "--token-file",
        "missing",
        "--cloud",
        "china",
    ];
    assert_eq!(glasskey(folder.path(), &setup).status.code(), Some(20));
}
