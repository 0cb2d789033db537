//! The age file around a signed manifest (age-encryption.org/v1), for X25519 recipients.
//!
//! One stanza more than age needs stands in its header, which stock `age` passes over: a digest of the
//! stanzas before it and the length of the content. With it a damaged or cut file is told from a wrong
//! identity, which age alone cannot do.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::{Read, Write};
use std::str::FromStr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use age::secrecy::ExposeSecret;
use age::{DecryptError, Decryptor, EncryptError, Encryptor, x25519};
use age_core::format::{FileKey, Stanza};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::digest::{Context, SHA256};

use super::OpenError;
use crate::id::IdError;
use crate::secret::{self, Secret};
use crate::worker::child::Reporter;
use crate::worker::{Launcher, WorkerError};

/// Name of the worker task that encrypts: age keeps copies of its own, which end with the child.
pub const TASK: &str = "seal";

/// Type of the additional stanza.
const STANZA: &str = "glasskey-integrity-v1";

/// Size of the chunks that age encrypts one by one, and of the tag each of them gains (age specification).
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// Time for encrypting a manifest of several hundred keys on a slow machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// An age X25519 identity (`AGE-SECRET-KEY-1…`) of a companion.
pub struct Identity(x25519::Identity);

impl Identity {
    /// Makes a new identity.
    #[must_use]
    pub fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// The recipient (`age1…`) that belongs to it; this goes into the plan.
    #[must_use]
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// The identity file as `age-keygen` writes it.
    #[must_use]
    pub fn to_file(&self) -> Secret<String> {
        let key = self.0.to_string();
        Secret::new(format!(
            "# public key: {}\n{}\n",
            self.recipient(),
            key.expose_secret()
        ))
    }
}

impl FromStr for Identity {
    type Err = IdError;

    /// Reads an identity file: comment lines and one line `AGE-SECRET-KEY-1…`.
    fn from_str(file: &str) -> Result<Self, IdError> {
        let shape = |reason: &str| IdError::Shape {
            reason: reason.to_owned(),
        };
        let mut lines = file
            .lines()
            .map(str::trim)
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            return Err(shape(
                "the identity file must hold exactly one line AGE-SECRET-KEY-1…",
            ));
        };
        line.parse().map(Self).map_err(|_| {
            shape("the identity file holds no X25519 identity (a line AGE-SECRET-KEY-1…); `age-keygen` makes one")
        })
    }
}

/// Checks that a text is a recipient this version can encrypt for.
pub fn check_recipient(text: &str) -> Result<(), String> {
    text.parse::<x25519::Recipient>()
        .map(drop)
        .map_err(|why| format!("{text:?} is not an age X25519 recipient (age1…): {why}"))
}

/// Encrypts a signed manifest for its recipients (texts `age1…`, checked before).
pub fn seal(jws: &Secret<Vec<u8>>, recipients: &[String]) -> Result<Vec<u8>, String> {
    let recipients: Vec<x25519::Recipient> = recipients
        .iter()
        .map(|r| r.parse().map_err(str::to_owned))
        .collect::<Result<_, _>>()?;
    if recipients.is_empty() {
        return Err("encrypting needs at least one recipient".into());
    }
    let all = AllRecipients {
        recipients,
        length: jws.expose().len(),
    };
    let failed = |error: &dyn std::fmt::Display| format!("encrypting failed: {error}");
    let encryptor =
        Encryptor::with_recipients(std::iter::once(&all as &dyn age::Recipient)).map_err(|e| failed(&e))?;
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).map_err(|e| failed(&e))?;
    writer.write_all(jws.expose()).map_err(|e| failed(&e))?;
    writer.finish().map_err(|e| failed(&e))?;
    Ok(file)
}

/// Encrypts in a short-lived child process, so that no copy of a PIN outlives the work.
pub fn seal_in_child(
    launcher: &Launcher,
    jws: &Secret<Vec<u8>>,
    recipients: &[String],
) -> Result<Vec<u8>, String> {
    let request = serde_json::to_vec(recipients).map_err(|e| e.to_string())?;
    let never = AtomicBool::new(false);
    launcher
        .call(TASK, &request, Some(jws), DEADLINE, &never, &mut |_| {})
        .map_err(|error| match error {
            WorkerError::Failed(reason) => String::from_utf8_lossy(&reason).into_owned(),
            other => other.to_string(),
        })
}

/// The child's side of [`seal_in_child`].
pub fn work(request: &[u8], jws: Secret<Vec<u8>>, _: &mut Reporter) -> Result<Vec<u8>, Vec<u8>> {
    let recipients: Vec<String> = serde_json::from_slice(request).map_err(|e| e.to_string().into_bytes())?;
    let sealed = seal(&jws, &recipients).map_err(String::into_bytes);
    drop(jws);
    sealed
}

/// Decrypts an age file and tells cut, damaged and foreign files apart.
pub fn unseal(file: &[u8], identity: &Identity) -> Result<Secret<Vec<u8>>, OpenError> {
    unseal_with(file, &CheckingIdentity::new(&identity.0))
}

fn unseal_with(file: &[u8], checking: &CheckingIdentity<'_>) -> Result<Secret<Vec<u8>>, OpenError> {
    let truncated = |expected| OpenError::Truncated {
        found: file.len(),
        expected,
    };
    if b"age-encryption.org/v1\n".starts_with(file) {
        return Err(truncated(None));
    }
    let mut rest = file;
    let decryptor = Decryptor::new(&mut rest).map_err(|error| match error {
        DecryptError::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => truncated(None),
        DecryptError::UnknownFormat => OpenError::Damaged("it is not an age file of version 1"),
        _ => OpenError::Damaged("the age header does not parse"),
    })?;
    let reader = decryptor.decrypt(std::iter::once(checking as &dyn age::Identity));
    if let Some(damage) = checking.damage.take() {
        return Err(OpenError::Damaged(damage));
    }
    let mut reader = reader.map_err(|error| match error {
        DecryptError::NoMatchingKeys => OpenError::WrongIdentity,
        _ => OpenError::Damaged("the age header was changed"),
    })?;
    let mut jws = secret::with_capacity(file.len());
    let complete = reader.read_to_end(jws.expose_mut());
    // The header's own check has passed, so the length in it can be trusted.
    if let Some(length) = checking.length.get() {
        let expected = sealed_length(file, length);
        if expected.is_some_and(|e| file.len() < e) {
            return Err(truncated(expected));
        }
    }
    complete.map_err(|_| OpenError::Damaged("the encrypted content was changed"))?;
    Ok(jws)
}

/// What a sealed manifest's header says to somebody who cannot open it; nothing of it is authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedHeader {
    /// How many recipients can open it.
    pub recipients: usize,
    /// Length of the signed manifest inside, in bytes.
    pub content: usize,
}

/// Reads the header of a sealed manifest without an identity: damage and cuts are noticed, forgery is not.
pub fn inspect(file: &[u8]) -> Result<SealedHeader, OpenError> {
    let nobody = Identity::generate();
    let checking = CheckingIdentity::new(&nobody.0);
    match unseal_with(file, &checking) {
        // Without a key that fits, age ends where the content begins.
        Ok(_) | Err(OpenError::WrongIdentity) => {}
        Err(error) => return Err(error),
    }
    let foreign = OpenError::Damaged("its header is not one that glasskey writes");
    let content = checking.length.get().ok_or(foreign)?;
    let found = file.len();
    match sealed_length(file, content) {
        Some(expected) if found < expected => Err(OpenError::Truncated {
            found,
            expected: Some(expected),
        }),
        Some(expected) if found == expected => Ok(SealedHeader {
            recipients: checking.recipients.get(),
            content,
        }),
        _ => Err(OpenError::Damaged("its length is not the one its header tells")),
    }
}

/// Length of the whole file for content of `length` bytes; `None` without a recognisable header.
fn sealed_length(file: &[u8], length: usize) -> Option<usize> {
    let mac_line = file.windows(5).position(|w| w == b"\n--- ")? + 5;
    let header = mac_line + file[mac_line..].iter().position(|b| *b == b'\n')? + 1;
    let chunks = length.div_ceil(CHUNK).max(1);
    Some(header + 16 + length + chunks * TAG)
}

/// All recipients as one, so that the additional stanza can cover their stanzas.
struct AllRecipients {
    recipients: Vec<x25519::Recipient>,
    length: usize,
}

impl age::Recipient for AllRecipients {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let mut stanzas = Vec::new();
        for recipient in &self.recipients {
            stanzas.extend(recipient.wrap_file_key(file_key)?.0);
        }
        let args = vec![BASE64.encode(digest(&stanzas)), self.length.to_string()];
        stanzas.push(Stanza {
            tag: STANZA.into(),
            args,
            body: Vec::new(),
        });
        Ok((stanzas, HashSet::new()))
    }
}

/// An identity that looks at the additional stanza before it tries its key.
struct CheckingIdentity<'a> {
    identity: &'a x25519::Identity,
    length: Cell<Option<usize>>,
    damage: RefCell<Option<&'static str>>,
    recipients: Cell<usize>,
}

impl<'a> CheckingIdentity<'a> {
    fn new(identity: &'a x25519::Identity) -> Self {
        Self {
            identity,
            length: Cell::new(None),
            damage: RefCell::new(None),
            recipients: Cell::new(0),
        }
    }
}

impl age::Identity for CheckingIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.identity.unwrap_stanza(stanza)
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        if let Some(at) = stanzas.iter().position(|s| s.tag == STANZA) {
            let (before, own) = (&stanzas[..at], &stanzas[at]);
            self.recipients.set(before.len());
            self.length.set(own.args.get(1).and_then(|a| a.parse().ok()));
            if own.args.first().map(String::as_str) != Some(&BASE64.encode(digest(before))) {
                *self.damage.borrow_mut() = Some("the age header was changed");
            }
        }
        stanzas
            .iter()
            .find_map(|stanza| self.identity.unwrap_stanza(stanza))
    }
}

/// SHA-256 over stanzas: every part preceded by its length, so that no two headers look alike.
fn digest(stanzas: &[Stanza]) -> impl AsRef<[u8]> {
    let mut context = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        context.update(&(bytes.len() as u64).to_le_bytes());
        context.update(bytes);
    };
    for stanza in stanzas {
        part(stanza.tag.as_bytes());
        part(&(stanza.args.len() as u64).to_le_bytes());
        for arg in &stanza.args {
            part(arg.as_bytes());
        }
        part(&stanza.body);
    }
    context.finish()
}
