//! A key in a file is the same key in the next process.

use bench::client::{Client, OK};
use bench::engine::file::KeyState;
use bench::key::VirtualKey;
use bench::report::Authenticator;
use bench::spec::KeySpec;

#[test]
fn a_key_file_keeps_pin_and_attestation() {
    let directory = tempfile::tempdir().unwrap();
    let spec: KeySpec = format!("opensk:{}/key.json", directory.path().display())
        .parse()
        .unwrap();
    let root = {
        let key = VirtualKey::open(&spec).unwrap();
        key.power_on().unwrap();
        assert_eq!(Client::connect(&key).unwrap().set_pin("1234").unwrap(), OK);
        assert!(VirtualKey::open(&spec).is_err(), "one key is in one place");
        key.engine().unwrap().attestation_root().to_vec()
    };
    let key = VirtualKey::open(&spec).unwrap();
    key.power_on().unwrap();
    assert_eq!(
        Client::connect(&key).unwrap().option("clientPin").unwrap(),
        Some(true)
    );
    assert_eq!(key.engine().unwrap().attestation_root(), root);
    let state = KeyState::read(&directory.path().join("key.json")).unwrap();
    assert_eq!(state.root, root);
    assert!(
        state.store.contains_key(&2045),
        "the PIN's entry is in the file at once"
    );
}

#[test]
fn refuses_a_file_that_is_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.json");
    std::fs::write(&path, "{}").unwrap();
    let Err(error) = VirtualKey::open(&KeySpec::Engine { file: Some(path) }) else {
        panic!("an empty object is no key");
    };
    assert!(error.to_string().contains("is no key file"), "{error}");
}
