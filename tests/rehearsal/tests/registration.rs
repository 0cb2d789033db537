//! Registration with the wrong key at the browser, on the registrar's laptop; the rehearsal itself is the twin with the right one.

use std::collections::BTreeMap;
use std::time::Duration;

use bench::engine::Touch;
use bench::faults::Fault;
use bench::key::VirtualKey;
use rehearsal::built;
use rehearsal::laptop::{self, Equipment, Task, Waiting};
use rehearsal::officer::{KeyNotes, Officer};
use rehearsal::papers::{self, Paper};
use rehearsal::plan;
use rehearsal::recipient::Recipient;
use rehearsal::station::{self, Station};

#[test]
fn the_wrong_key_at_the_browser_is_refused_and_the_pass_deleted() {
    let kernel = built::image(built::SERIAL_KERNEL);
    let made = |path: &str, how: &str| built::needed(built::repository(path), how);
    let equipment = Equipment {
        glasskey: made("target/debug/glasskey", "cargo build makes it"),
        python: made("target/venv/bin/python", "tests/run makes it"),
        laptop: made("target/laptop", "tests/registrar/build target/laptop makes it"),
        repository: built::repository(""),
    };
    let folder = tempfile::tempdir().unwrap();
    let recipient = Recipient::make(&folder.path().join("identity.txt")).unwrap();
    let stick = station::make_stick(
        &folder.path().join("stick.img"),
        &plan::plan(2, &recipient.public),
    )
    .unwrap();
    let keys: Vec<VirtualKey> = (0..2)
        .map(|_| VirtualKey::open(&"opensk".parse().unwrap()).unwrap())
        .collect();

    // The other key is of an older kind: it must get through ceremony and browser all the same.
    keys[1].set_faults(Fault::ctap_2_0());

    let mut station = Station::start(&kernel, stick, &folder.path().join("station.log")).unwrap();
    let mut officer = Officer::new(&mut station);
    officer.begin().unwrap();
    let mut notes: Vec<KeyNotes> = Vec::new();
    for key in &keys {
        key.set_touch(Touch::Manual);
        notes.push(officer.prepare(key, 0).unwrap());
        key.set_touch(Touch::Auto(Duration::from_millis(300)));
    }
    officer.close().unwrap();
    let (stick, printed) = station.finish().unwrap();
    let papers = papers::render(&printed, &folder.path().join("printed")).unwrap();
    let pin = |slip: &str| {
        papers.iter().find_map(|p| match p {
            Paper::Slip { number, pin, .. } if number == slip => Some(pin.clone()),
            _ => None,
        })
    };
    let fingerprint = papers.iter().find_map(|p| match p {
        Paper::Record { fingerprint, .. } => Some(fingerprint.clone()),
        _ => None,
    });
    let waiting: BTreeMap<String, Waiting<'_>> = notes
        .iter()
        .zip(&keys)
        .map(|(n, key)| {
            (
                n.label.clone(),
                Waiting {
                    key,
                    account: n.account.clone(),
                    pin: pin(&n.slip).unwrap(),
                },
            )
        })
        .collect();
    let task = Task {
        stick: &stick,
        identity: &recipient.identity,
        fingerprint: &fingerprint.unwrap(),
        keys: waiting,
        arguments: "--on-mismatch delete",
        log: &folder.path().join("laptop.log"),
        swap: Some((notes[0].label.clone(), notes[1].label.clone())),
    };
    let registered = laptop::register(&equipment, &task).unwrap();

    let console = std::fs::read_to_string(task.log).unwrap();
    assert_eq!(registered.status, 23, "{console}");
    assert!(
        console.contains("PERSON-DONE 0"),
        "the person did register the other key: {console}"
    );
    assert_eq!(registered.report["result"], "mismatch");
    let account = &registered.tenant["accounts"][&notes[0].account];
    assert_eq!(
        account["temporaryAccessPassMethods"].as_array().map(Vec::len),
        Some(0),
        "{account}"
    );
    assert_eq!(
        account["fido2Methods"].as_array().map(Vec::len),
        Some(0),
        "the wrong passkey is deleted: {account}"
    );
    let first = &registered.report["keys"][0];
    assert!(
        first["pass"]["deleted"].is_string() && !first["identityBefore"].is_null(),
        "{first}"
    );
}
