//! The vault's process: age, scrypt and the identity, in memory that ends with it.
//!
//! The file: a line `glasskey-vault-1 <SHA-256 of the rest, hexadecimal>`, then an age file with one scrypt stanza
//! whose content is an identity file as `age-keygen` writes it. An scrypt stanza stands alone in its header
//! (age specification), so what tells damage from a wrong passphrase has to stand before the age file.

use std::io::{Read, Write};
use std::str::FromStr;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Encryptor, scrypt};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::VaultError;
use crate::blob::Blob;
use crate::manifest::{Identity, OpenError, seal};
use crate::secret::{self, Secret};
use crate::worker::child::Reporter;

/// Name of the worker task.
pub const TASK: &str = "vault";

/// scrypt work factor (log2 of N); with age's r = 8 and p = 1 this takes 64 MiB.
pub const LOG_N: u8 = 16;

/// First word of a vault's file; the number is the version of the format.
const MAGIC: &str = "glasskey-vault-1 ";
/// What every version begins with.
const FAMILY: &str = "glasskey-vault-";
/// What `age-keygen` and [`Identity::to_file`] write before the recipient.
const RECIPIENT: &str = "# public key: ";

/// What the child is asked to do; the passphrase, or for `Open` the identity, comes in the secret frame.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Make an identity and lock it; answered with [`Created`].
    Create,
    /// Unlock an identity; answered with the identity file.
    Unlock {
        /// The vault's file.
        file: Blob,
    },
    /// Open a record; answered with its content.
    Open {
        /// The record.
        sealed: Blob,
    },
}

/// A new vault.
#[derive(Debug, Serialize, Deserialize)]
pub struct Created {
    /// Its public recipient (`age1…`).
    pub recipient: String,
    /// Its file.
    pub file: Blob,
}

/// The worker task `vault`.
pub fn work(request: &[u8], secret: Secret<Vec<u8>>, _: &mut Reporter) -> Result<Vec<u8>, Vec<u8>> {
    answer(request, secret).map_err(|error| serde_json::to_vec(&error).unwrap_or_default())
}

fn answer(request: &[u8], secret: Secret<Vec<u8>>) -> Result<Vec<u8>, VaultError> {
    let failed = |error: &dyn std::fmt::Display| VaultError::Worker(error.to_string());
    let request = serde_json::from_slice(request).map_err(|e| failed(&e))?;
    match request {
        Request::Create => {
            let identity = Identity::generate();
            let created = Created {
                recipient: identity.recipient(),
                file: lock(&identity, &secret, LOG_N)?.into(),
            };
            serde_json::to_vec(&created).map_err(|e| failed(&e))
        }
        Request::Unlock { file } => {
            let identity = unlock(file.as_slice(), &secret)?;
            Ok(identity.to_file().expose().clone().into_bytes())
        }
        Request::Open { sealed } => {
            let identity = identity(&secret)?;
            drop(secret);
            let content = seal::unseal(sealed.as_slice(), &identity).map_err(|error| match error {
                OpenError::WrongIdentity => VaultError::OtherVault,
                OpenError::Truncated { .. } => VaultError::Damaged("it is cut off".into()),
                OpenError::Damaged(reason) => VaultError::Damaged(reason.into()),
                other => failed(&other),
            })?;
            Ok(content.expose().clone())
        }
    }
}

/// The recipient that an identity file names in its first line.
pub(super) fn recipient_line(file: &[u8]) -> Option<&str> {
    std::str::from_utf8(file)
        .ok()?
        .lines()
        .next()?
        .strip_prefix(RECIPIENT)
}

/// Encrypts an identity under a passphrase.
fn lock(identity: &Identity, passphrase: &Secret<Vec<u8>>, log_n: u8) -> Result<Vec<u8>, VaultError> {
    let failed = |error: &dyn std::fmt::Display| VaultError::Worker(error.to_string());
    let mut recipient = scrypt::Recipient::new(as_text(passphrase)?);
    recipient.set_work_factor(log_n);
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(recipients).map_err(|e| failed(&e))?;
    let mut age_file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut age_file).map_err(|e| failed(&e))?;
    writer
        .write_all(identity.to_file().expose().as_bytes())
        .map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    let mut file = format!("{MAGIC}{}\n", hex_digest(&age_file)).into_bytes();
    file.append(&mut age_file);
    Ok(file)
}

/// Decrypts an identity; damage is found before the passphrase is tried.
fn unlock(file: &[u8], passphrase: &Secret<Vec<u8>>) -> Result<Identity, VaultError> {
    let damaged = |reason: &str| VaultError::Damaged(reason.into());
    let Some(rest) = file.strip_prefix(MAGIC.as_bytes()) else {
        let is_newer = file.strip_prefix(FAMILY.as_bytes()).is_some_and(|rest| {
            let number: Vec<u8> = rest.iter().copied().take_while(u8::is_ascii_digit).collect();
            !number.is_empty()
                && !matches!(&number[..], [b'0' | b'1', ..])
                && rest.get(number.len()) == Some(&b' ')
        });
        return Err(if is_newer {
            VaultError::NewerVersion
        } else {
            damaged("it does not begin like a vault's file")
        });
    };
    let line = rest.iter().position(|b| *b == b'\n');
    let (found, age_file) = rest.split_at(line.ok_or_else(|| damaged("its first line is cut off"))?);
    let age_file = &age_file[1..];
    if found != hex_digest(age_file).as_bytes() {
        return Err(damaged("its content is not what was written"));
    }
    let decryptor = Decryptor::new(age_file).map_err(|_| damaged("the age header does not parse"))?;
    if !decryptor.is_scrypt() {
        return Err(damaged("it is not encrypted under a passphrase"));
    }
    let mut key = scrypt::Identity::new(as_text(passphrase)?);
    // A file that asks for more was not written here, and could ask for all memory there is.
    key.set_max_work_factor(LOG_N);
    let reader = decryptor.decrypt(std::iter::once(&key as &dyn age::Identity));
    let mut reader = reader.map_err(|error| match error {
        DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => VaultError::WrongPassphrase,
        DecryptError::ExcessiveWork { .. } => damaged("it asks for more work than a vault takes"),
        _ => damaged("the age header was changed"),
    })?;
    let mut content = secret::with_capacity(age_file.len());
    reader
        .read_to_end(content.expose_mut())
        .map_err(|_| damaged("the encrypted identity was changed"))?;
    identity(&content)
}

fn identity(file: &Secret<Vec<u8>>) -> Result<Identity, VaultError> {
    std::str::from_utf8(file.expose())
        .ok()
        .and_then(|text| Identity::from_str(text).ok())
        .ok_or_else(|| VaultError::Damaged("it holds no X25519 identity".into()))
}

fn as_text(passphrase: &Secret<Vec<u8>>) -> Result<SecretString, VaultError> {
    std::str::from_utf8(passphrase.expose())
        .map(SecretString::from)
        .map_err(|_| VaultError::Worker("the passphrase is not UTF-8".into()))
}

fn hex_digest(bytes: &[u8]) -> String {
    use std::fmt::Write;
    digest(&SHA256, bytes)
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Work that a test does not wait for.
    const QUICK: u8 = 2;

    fn passphrase(text: &str) -> Secret<Vec<u8>> {
        Secret::new(text.as_bytes().to_vec())
    }

    fn unlocked(file: &[u8], text: &str) -> Result<String, VaultError> {
        unlock(file, &passphrase(text)).map(|identity| identity.recipient())
    }

    #[test]
    fn the_passphrase_opens_the_vault_and_another_one_does_not() {
        let identity = Identity::generate();
        let file = lock(&identity, &passphrase("copper lamp/seven birds"), QUICK).unwrap();
        assert_eq!(
            unlocked(&file, "copper lamp/seven birds"),
            Ok(identity.recipient())
        );
        for wrong in ["copper lamp/seven bird", "seven birds/copper lamp", ""] {
            assert_eq!(unlocked(&file, wrong), Err(VaultError::WrongPassphrase));
        }
    }

    #[test]
    fn any_byte_flipped_and_any_cut_is_damage_and_not_a_wrong_passphrase() {
        let file = lock(&Identity::generate(), &passphrase("right"), QUICK).unwrap();
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= [0x01, 0x20, 0x80][at % 3];
            for damaged in [&changed[..], &file[..at]] {
                let result = unlocked(damaged, "right");
                assert!(
                    matches!(result, Err(VaultError::Damaged(_))),
                    "byte {at}: {result:?}"
                );
            }
        }
        assert!(unlocked(&file, "right").is_ok(), "the control");
    }

    #[test]
    fn a_digest_made_anew_does_not_help() {
        let file = lock(&Identity::generate(), &passphrase("right"), QUICK).unwrap();
        let age_file = &file[file.iter().position(|b| *b == b'\n').unwrap() + 1..];
        for at in 0..age_file.len() {
            let mut changed = age_file.to_vec();
            changed[at] ^= 1;
            let mut forged = format!("{MAGIC}{}\n", hex_digest(&changed)).into_bytes();
            forged.append(&mut changed);
            assert!(unlocked(&forged, "right").is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_file_that_asks_for_more_work_or_is_newer_is_refused_before_work_is_done() {
        let identity = Identity::generate();
        let file = lock(&identity, &passphrase("right"), QUICK).unwrap();
        let end = file.iter().position(|b| *b == b'\n').unwrap() + 1;
        let text = String::from_utf8_lossy(&file[end..]).into_owned();
        let line = text.lines().nth(1).unwrap().to_owned();
        // Only at the end: the salt may begin with a 2 as well.
        let harder = format!("{} 17", line.strip_suffix(" 2").unwrap());
        let at = text.find(&line).unwrap();
        let mut age_file = file[end..end + at].to_vec();
        age_file.extend_from_slice(harder.as_bytes());
        age_file.extend_from_slice(&file[end + at + line.len()..]);
        let mut forged = format!("{MAGIC}{}\n", hex_digest(&age_file)).into_bytes();
        forged.append(&mut age_file);
        let reason = "it asks for more work than a vault takes".to_owned();
        assert_eq!(unlocked(&forged, "right"), Err(VaultError::Damaged(reason)));
        assert_eq!(
            unlocked(b"glasskey-vault-2 what is to come\n", "right"),
            Err(VaultError::NewerVersion)
        );
    }

    #[test]
    fn the_parts_are_what_stock_age_reads() {
        let identity = Identity::generate();
        let file = lock(&identity, &passphrase("right"), QUICK).unwrap();
        let age_file = &file[file.iter().position(|b| *b == b'\n').unwrap() + 1..];
        let key = scrypt::Identity::new(SecretString::from("right"));
        let opened = age::decrypt(&key, age_file).unwrap();
        let own: age::x25519::Identity = String::from_utf8(opened)
            .unwrap()
            .lines()
            .find(|line| line.starts_with("AGE-SECRET-KEY-1"))
            .unwrap()
            .parse()
            .unwrap();
        let record = seal::seal(&passphrase("a record"), &[identity.recipient()]).unwrap();
        assert_eq!(age::decrypt(&own, &record).unwrap(), b"a record");
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            prop_assert!(unlocked(&bytes, "right").is_err());
            let begun = [MAGIC.as_bytes(), &bytes[..]].concat();
            prop_assert!(unlocked(&begun, "right").is_err());
        }
    }
}
