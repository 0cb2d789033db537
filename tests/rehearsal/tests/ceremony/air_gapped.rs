//! Keys make passkeys on the image by options that a sandbox tenant issued before, and the tenant takes what they made.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bench::client::{Client, OK};
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use ciborium::Value as Cbor;
use rehearsal::built;
use rehearsal::papers::Paper;
use rehearsal::plan::{Plan, account};
use serde_json::Value;

use crate::desk::{Desk, known};
use crate::{check, key};

const OPTIONS: &str = "creation-options.json";
const RELYING_PARTY: &str = "login.microsoft.com";

/// A sandbox tenant in a process of its own.
struct Tenant {
    process: Child,
    origin: String,
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn glasskey(folder: &Path) -> Command {
    let mut command = Command::new(built::needed(
        built::repository("target/debug/glasskey"),
        "cargo build makes it",
    ));
    command.current_dir(folder);
    command
}

impl Tenant {
    fn start(folder: &Path, accounts: usize) -> Self {
        let mut command = glasskey(folder);
        command.args([
            "sandbox",
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--token-file",
            "token",
        ]);
        for number in 1..=accounts {
            command.args(["--user", &account(number)]);
        }
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut line = String::new();
        let out = process.stdout.take().expect("its output");
        BufReader::new(out).read_line(&mut line).expect("a line");
        let ready: Value = serde_json::from_str(&line).expect("JSON");
        let origin = ready["graph"].as_str().expect("an address").to_owned();
        Self { process, origin }
    }

    /// A command of the companion against this tenant, with what it prints as JSON.
    fn companion(&self, folder: &Path, arguments: &[&str]) -> Value {
        let done = glasskey(folder)
            .arg("companion")
            .args(arguments)
            .args(["--graph", &self.origin, "--token-file", "token", "--json"])
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&done.stdout).expect("JSON")
    }
}

/// Whether a key holds this credential for the relying party, without the station.
fn holds(key: &VirtualKey, credential: &[u8]) -> bool {
    let text = |t: &str| Cbor::Text(t.to_owned());
    let allowed = Cbor::Map(vec![
        (text("id"), Cbor::Bytes(credential.to_vec())),
        (text("type"), text("public-key")),
    ]);
    let request = Cbor::Map(vec![
        (1.into(), text(RELYING_PARTY)),
        (2.into(), Cbor::Bytes(vec![0; 32])),
        (3.into(), Cbor::Array(vec![allowed])),
        (5.into(), Cbor::Map(vec![(text("up"), false.into())])),
    ]);
    key.power_on().expect("power");
    let answer = Client::connect(key).and_then(|client| client.ctap(0x02, Some(request)));
    key.power_off();
    answer.expect("an answer").0 == OK
}

fn credential(made: &Value) -> Vec<u8> {
    use base64::Engine as _;
    let id = made["registration"]["credential_id"].as_str().expect("a passkey");
    base64::prelude::BASE64_URL_SAFE_NO_PAD
        .decode(id)
        .expect("base64url")
}

#[test]
fn a_tenant_takes_the_passkeys_that_keys_made_on_the_image() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let tenant = Tenant::start(folder.path(), 2);
    let mut desk = Desk::new(|recipient| Plan::new(2, recipient));
    let plan = desk.stick().read("plan.toml").expect("the plan");
    std::fs::write(at("plan.toml"), plan).expect("a copy");
    let fetched = tenant.companion(folder.path(), &["options", "plan.toml"]);
    assert_eq!(fetched["keys"].as_array().map(Vec::len), Some(2));
    let file = std::fs::read(at(OPTIONS)).expect("the options");
    desk.stick().write(OPTIONS, &file).expect("onto the stick");

    let keys = [key(), key()];
    // The power fails when the first key is prepared: the other one is made by the same file.
    desk.sit_until_cut(known, |officer| {
        officer.begin()?;
        officer.prepare(&keys[0], 0).map(drop)
    });
    desk.sit(
        |officer| known(officer).after(1),
        |officer| {
            officer.begin()?;
            officer.explain("the power failed")?;
            officer.prepare(&keys[1], 0)?;
            officer.close()
        },
    );
    let evidence = desk.evidence();
    check(&evidence, 2);
    assert_eq!(evidence.events("creation-options").len(), 2);
    let manifest = desk.manifest(&evidence);
    assert_eq!(manifest["version"], 2);
    for (made, key) in manifest["keys"].as_array().expect("keys").iter().zip(&keys) {
        assert!(holds(key, &credential(made)), "{made}");
    }
    assert!(!holds(&keys[0], &credential(&manifest["keys"][1])));

    let fingerprint = evidence.papers.iter().rev().find_map(|paper| match paper {
        Paper::Record { fingerprint, .. } => Some(fingerprint.clone()),
        _ => None,
    });
    std::fs::write(at("fingerprint.txt"), fingerprint.expect("a record")).expect("a file");
    let sealed = evidence.folder.join("manifest.age");
    let report = tenant.companion(
        folder.path(),
        &[
            "submit",
            &sealed.to_string_lossy(),
            "--identity",
            &desk.identity().to_string_lossy(),
            "--station-fingerprint-file",
            "fingerprint.txt",
            "--yes",
            "--poll-seconds",
            "1",
        ],
    );
    for key in report["keys"].as_array().expect("keys") {
        assert_eq!(
            key["result"], "registeredNotProven",
            "no key is at this machine: {key}"
        );
        assert_eq!(key["method"]["attestationLevel"], "attested", "{key}");
        assert_eq!(key["method"]["passkeyType"], "deviceBound", "{key}");
        assert_eq!(key["method"]["displayName"], key["label"]);
    }
}
