//! The second opinion: python-fido2 takes a served key through its whole life, strict attestation included.
//!
//! `BENCH_PYTHON` names a Python that has the package `fido2` 2.2.1; without it, `python3` must have it.

use std::process::Command;
use std::sync::Arc;

use bench::engine::config::{BENCH_AAGUID, EngineConfig};
use bench::hex;
use bench::key::VirtualKey;
use bench::udp::cycle_datagram;
use bench::udp::server::Server;

use crate::engine_life::powered;

#[test]
fn python_fido2_agrees_with_the_key() {
    let key = powered();
    judge(&key, "life");
    assert_eq!(key.counters().answer("makeCredential 0x00"), 2);
    assert_eq!(key.counters().answer("reset 0x00"), 2);
}

#[test]
fn python_fido2_refuses_a_certificate_of_another_model() {
    let config = EngineConfig {
        attestation_aaguid: Some([7; 16]),
        ..EngineConfig::default()
    };
    judge(&VirtualKey::new(config).unwrap(), "foreign");
}

fn judge(key: &VirtualKey, act: &str) {
    let cycle = cycle_datagram("0ff0").unwrap();
    let server = Server::start("127.0.0.1:0".parse().unwrap(), Arc::new(key.clone()), Some(cycle)).unwrap();
    let python = std::env::var_os("BENCH_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/outside_client.py"))
        .args([
            server.address().ip().to_string(),
            server.address().port().to_string(),
            "0ff0".to_owned(),
        ])
        .args([
            hex::encode(key.engine().unwrap().attestation_root()),
            hex::encode(&BENCH_AAGUID),
            act.to_owned(),
        ])
        .output()
        .unwrap_or_else(|error| panic!("cannot start {}: {error}", python.display()));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        !complaint.contains("No module named 'fido2'"),
        "set BENCH_PYTHON to a Python with fido2 2.2.1 (python3 -m venv DIR; DIR/bin/pip install fido2==2.2.1)"
    );
    assert!(output.status.success(), "{complaint}");
}
