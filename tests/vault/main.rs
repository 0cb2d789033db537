//! The vault through its child process, and its files in the hands of the age library alone.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the message")]

use std::fs;

use age::secrecy::SecretString;
use glasskey::id::CeremonyId;
use glasskey::media::Stick;
use glasskey::media::slots::Slots;
use glasskey::secret::Secret;
use glasskey::vault::{OpenVault, Passphrase, Vault, VaultError};
use glasskey::worker::Launcher;

fn launcher() -> Launcher {
    Launcher::program(env!("CARGO_BIN_EXE_glasskey"))
}

fn passphrase(officer: &str, witness: &str) -> Passphrase {
    Passphrase::join(&Secret::new(officer.to_owned()), &Secret::new(witness.to_owned())).unwrap()
}

/// What follows the first line of a file.
fn after_first_line(file: &[u8]) -> &[u8] {
    &file[file.iter().position(|b| *b == b'\n').unwrap() + 1..]
}

#[test]
fn a_record_comes_back_from_the_stick_with_both_parts_and_with_nothing_less() {
    let launcher = launcher();
    let root = tempfile::tempdir().unwrap();
    let mut stick = Stick::directory(root.path());
    let ceremony = CeremonyId::draw(&mut |b| glasskey::pin::kernel_random(b).unwrap());
    let folder = stick.create_folder(&ceremony).unwrap();
    let right = passphrase("copper lamp", "sieben Vögel");
    let (vault, file) = Vault::create(&launcher, &right).unwrap();
    let record = Secret::new(b"{\"label\":\"7KM4QX\",\"pin\":\"73915082\"}".to_vec());
    let sealed = vault.seal(&launcher, &record).unwrap();
    for text in [&file, &sealed] {
        assert!(
            !text
                .windows(8)
                .any(|w| w == b"73915082" || w == b"AGE-SECR" || w == b"copper l")
        );
    }
    let at = |group, name| Slots::new(&folder, group, name).unwrap();
    at("vault", "vault").write(&mut stick, &file).unwrap();
    at("keys", "001").write(&mut stick, &sealed).unwrap();
    let held = |group, name| at(group, name).read().unwrap().newest.unwrap().content;

    let open = OpenVault::unlock(&launcher, &held("vault", "vault"), &right).unwrap();
    assert_eq!(open.vault(), &vault);
    let opened = open.open(&launcher, &held("keys", "001")).unwrap();
    assert_eq!(opened.expose(), record.expose());

    let swapped = passphrase("sieben Vögel", "copper lamp");
    assert_eq!(
        OpenVault::unlock(&launcher, &file, &swapped).err(),
        Some(VaultError::WrongPassphrase)
    );
    let (other, _) = Vault::create(&launcher, &right).unwrap();
    assert_ne!(other, vault, "each vault has an identity of its own");
    let foreign = other.seal(&launcher, &record).unwrap();
    assert_eq!(open.open(&launcher, &foreign).err(), Some(VaultError::OtherVault));
    let mut changed = sealed.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    for damaged in [&changed[..], &sealed[..last], b""] {
        let result = open.open(&launcher, damaged);
        assert!(matches!(result.err(), Some(VaultError::Damaged(_))));
    }

    // Nobody is locked in: header lines off, and the age library opens both with the joined passphrase.
    let slot = fs::read(folder.file("vault/a/vault")).unwrap();
    let identity_file = after_first_line(after_first_line(&slot));
    let key = age::scrypt::Identity::new(SecretString::from("copper lamp/sieben Vögel"));
    let text = String::from_utf8(age::decrypt(&key, identity_file).unwrap()).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"))
        .unwrap();
    let identity: age::x25519::Identity = line.parse().unwrap();
    assert_eq!(identity.to_public().to_string(), vault.recipient());
    let slot = fs::read(folder.file("keys/a/001")).unwrap();
    assert_eq!(
        age::decrypt(&identity, after_first_line(&slot)).unwrap(),
        *record.expose()
    );
}

#[test]
fn a_program_that_is_no_worker_is_an_error_and_no_wrong_passphrase() {
    let nobody = Launcher::program("/bin/false");
    let right = passphrase("copper lamp", "seven birds");
    assert!(matches!(
        Vault::create(&nobody, &right).err(),
        Some(VaultError::Worker(_))
    ));
    assert!(matches!(
        OpenVault::unlock(&nobody, b"", &right).err(),
        Some(VaultError::Worker(_))
    ));
}
