//! A small CTAP client for the bench's own tests and for a look at a key between two machines.
//!
//! It talks to any [`Authenticator`] without a kernel between; it is no second opinion on CTAP, python-fido2 is.

use std::time::{Duration, Instant};

use ciborium::Value;
use opensk::api::crypto::aes256::Aes256 as _;
use opensk::api::crypto::ecdh::{PublicKey as _, SecretKey as _, SharedSecret as _};
use opensk::api::crypto::hmac256::Hmac256 as _;
use opensk::api::crypto::sha256::Sha256 as _;
use opensk::api::crypto::software_crypto::{
    SoftwareAes256, SoftwareEcdhPublicKey, SoftwareEcdhSecretKey, SoftwareHmac256, SoftwareSha256,
};

use crate::engine::environment::SystemRng;
use crate::error::{Error, Result};
use crate::message::{Assembler, BROADCAST, Cid, Message, Step, command_byte};
use crate::report::Authenticator;

/// CTAP1_ERR_SUCCESS.
pub const OK: u8 = 0x00;

/// One channel to a powered key.
pub struct Client<'key> {
    key: &'key dyn Authenticator,
    cid: Cid,
    patience: Duration,
}

impl<'key> Client<'key> {
    /// Opens a channel by INIT.
    ///
    /// # Errors
    ///
    /// The key does not answer within a second.
    pub fn connect(key: &'key dyn Authenticator) -> Result<Self> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|error| Error::Key(format!("No random bytes: {error}")))?;
        let mut client = Self {
            key,
            cid: BROADCAST,
            patience: Duration::from_secs(1),
        };
        client.send(command_byte::INIT, &nonce);
        let end = Instant::now() + client.patience;
        loop {
            let answer = client.receive(end)?;
            if answer.command == command_byte::INIT
                && answer.payload.len() >= 17
                && answer.payload[..8] == nonce
            {
                client.cid.copy_from_slice(&answer.payload[8..12]);
                client.patience = Duration::from_secs(35);
                return Ok(client);
            }
        }
    }

    /// Waits this long for an answer, from now on.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Makes one CTAPHID request and waits for its answer; keepalives are passed over.
    ///
    /// # Errors
    ///
    /// No answer came in time.
    pub fn request(&self, command: u8, payload: &[u8]) -> Result<Message> {
        self.send(command, payload);
        self.answer()
    }

    /// Waits for the answer to what was sent.
    ///
    /// # Errors
    ///
    /// No answer came in time.
    pub fn answer(&self) -> Result<Message> {
        let end = Instant::now() + self.patience;
        loop {
            let answer = self.receive(end)?;
            if answer.cid == self.cid && answer.command != command_byte::KEEPALIVE {
                return Ok(answer);
            }
        }
    }

    /// Sends a request without waiting.
    pub fn send(&self, command: u8, payload: &[u8]) {
        for report in Message::new(self.cid, command, payload).reports() {
            self.key.send(&report);
        }
    }

    /// Makes one CTAP request; gives the status and the answer's members.
    ///
    /// # Errors
    ///
    /// No answer came in time, or it is a CTAPHID error or no CBOR.
    pub fn ctap(&self, number: u8, members: Option<Value>) -> Result<(u8, Value)> {
        let mut payload = vec![number];
        if let Some(members) = members {
            ciborium::into_writer(&members, &mut payload)
                .map_err(|error| Error::Key(format!("The request cannot be encoded: {error}")))?;
        }
        let answer = self.request(command_byte::CBOR, &payload)?;
        if answer.command != command_byte::CBOR {
            let code = answer.payload.first();
            return Err(Error::Key(format!(
                "The key answered with CTAPHID 0x{:02x}: {code:02x?}",
                answer.command
            )));
        }
        match answer.payload.split_first() {
            Some((status, [])) => Ok((*status, Value::Null)),
            Some((status, body)) => match ciborium::from_reader(body) {
                Ok(value) => Ok((*status, value)),
                Err(error) => Err(Error::Key(format!("The answer is no CBOR: {error}"))),
            },
            None => Err(Error::Key("The answer has no status.".to_owned())),
        }
    }

    /// authenticatorGetInfo.
    ///
    /// # Errors
    ///
    /// The key did not answer with status 0.
    pub fn info(&self) -> Result<Value> {
        match self.ctap(0x04, None)? {
            (OK, info) => Ok(info),
            (status, _) => Err(Error::Key(format!("getInfo answered: 0x{status:02x}"))),
        }
    }

    /// Tells what getInfo says of an option.
    ///
    /// # Errors
    ///
    /// The key did not answer getInfo.
    pub fn option(&self, name: &str) -> Result<Option<bool>> {
        let options = member(&self.info()?, &Value::from(0x04)).unwrap_or(Value::Null);
        Ok(member(&options, &Value::from(name)).and_then(|value| value.as_bool()))
    }

    /// authenticatorReset; gives the status.
    ///
    /// # Errors
    ///
    /// The key did not answer.
    pub fn reset(&self) -> Result<u8> {
        self.ctap(0x07, None).map(|(status, _)| status)
    }

    /// Sets the first PIN, by the first PIN protocol that key and client know; gives the status.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not with a key agreement key.
    pub fn set_pin(&self, pin: &str) -> Result<u8> {
        let protocol = self.pin_protocol()?;
        let secret = match self.agree(protocol)? {
            Ok(secret) => secret,
            Err(status) => return Ok(status),
        };
        let new = secret.encrypt(&padded(pin)?)?;
        let members = map(vec![
            (1, Value::from(protocol)),
            (2, Value::from(3)),
            (3, secret.ours.clone()),
            (4, Value::Bytes(secret.authenticate(&new))),
            (5, Value::Bytes(new)),
        ]);
        self.ctap(0x06, Some(members)).map(|(status, _)| status)
    }

    /// Changes the PIN by PIN protocol 1 or 2; gives the status.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not with a key agreement key.
    pub fn change_pin(&self, protocol: u8, current: &str, new: &str) -> Result<u8> {
        let secret = match self.agree(protocol)? {
            Ok(secret) => secret,
            Err(status) => return Ok(status),
        };
        let hash = secret.encrypt(&SoftwareSha256::digest(current.as_bytes())[..16])?;
        let new = secret.encrypt(&padded(new)?)?;
        let members = map(vec![
            (1, Value::from(protocol)),
            (2, Value::from(4)),
            (3, secret.ours.clone()),
            (4, Value::Bytes(secret.authenticate(&[&new[..], &hash].concat()))),
            (5, Value::Bytes(new)),
            (6, Value::Bytes(hash)),
        ]);
        self.ctap(0x06, Some(members)).map(|(status, _)| status)
    }

    /// The first PIN protocol of getInfo that this client knows; 1 where the key lists none.
    ///
    /// # Errors
    ///
    /// The key did not answer getInfo.
    pub fn pin_protocol(&self) -> Result<u8> {
        let listed = member(&self.info()?, &Value::from(0x06));
        let knows = |protocol: u8| match listed.as_ref().and_then(Value::as_array) {
            Some(list) => list.contains(&Value::from(protocol)),
            None => protocol == 1,
        };
        Ok(if knows(1) { 1 } else { 2 })
    }

    /// How many wrong PINs the key still allows.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not with a number.
    pub fn pin_retries(&self) -> Result<u8> {
        let protocol = self.pin_protocol()?;
        let (_, answer) = self.ctap(
            0x06,
            Some(map(vec![(1, Value::from(protocol)), (2, Value::from(1))])),
        )?;
        member(&answer, &Value::from(3))
            .and_then(|left| left.into_integer().ok()?.try_into().ok())
            .ok_or_else(|| Error::Key("The key does not tell its PIN retries.".to_owned()))
    }

    /// Asks for a PIN token by PIN protocol 1 or 2, which shows whether the key accepts a PIN; gives the status.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not with a key agreement key.
    pub fn pin_token(&self, protocol: u8, pin: &str) -> Result<u8> {
        Ok(self.plain_token(protocol, pin)?.err().unwrap_or(OK))
    }

    /// Gets a token without a list of permissions, good for making credentials, or the status that refuses it.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not as the protocol wants it.
    pub fn plain_token(&self, protocol: u8, pin: &str) -> Result<std::result::Result<Vec<u8>, u8>> {
        self.token(protocol, pin, 0x05, Vec::new())
    }

    /// Gets a token with these permissions by PIN protocol 1 or 2, or the status that refuses it.
    ///
    /// # Errors
    ///
    /// The key did not answer, or not as the protocol wants it.
    pub fn token_for(
        &self,
        protocol: u8,
        pin: &str,
        permissions: u8,
    ) -> Result<std::result::Result<Vec<u8>, u8>> {
        self.token(protocol, pin, 0x09, vec![(9, Value::from(permissions))])
    }

    fn token(
        &self,
        protocol: u8,
        pin: &str,
        subcommand: u8,
        more: Vec<(i64, Value)>,
    ) -> Result<std::result::Result<Vec<u8>, u8>> {
        let secret = match self.agree(protocol)? {
            Ok(secret) => secret,
            Err(status) => return Ok(Err(status)),
        };
        let hash = secret.encrypt(&SoftwareSha256::digest(pin.as_bytes())[..16])?;
        let mut members = vec![
            (1, Value::from(protocol)),
            (2, Value::from(subcommand)),
            (3, secret.ours.clone()),
            (6, Value::Bytes(hash)),
        ];
        members.extend(more);
        let (status, answer) = self.ctap(0x06, Some(map(members)))?;
        if status != OK {
            return Ok(Err(status));
        }
        member(&answer, &Value::from(2))
            .and_then(|token| secret.decrypt(token.as_bytes()?))
            .map(Ok)
            .ok_or_else(|| Error::Key("The key gave no proper token.".to_owned()))
    }

    /// The shared secret of a PIN protocol, or the status that refuses it.
    fn agree(&self, protocol: u8) -> Result<std::result::Result<Secret, u8>> {
        let question = map(vec![(1, Value::from(protocol)), (2, Value::from(2))]);
        let (status, agreement) = self.ctap(0x06, Some(question))?;
        if status != OK {
            return Ok(Err(status));
        }
        Secret::agree(protocol, &agreement)
            .map(Ok)
            .ok_or_else(|| Error::Key("The key has no proper key agreement key.".to_owned()))
    }

    fn receive(&self, end: Instant) -> Result<Message> {
        let mut assembler = Assembler::default();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(report) = self.key.recv(left) else {
                return Err(Error::Key("The key does not answer.".to_owned()));
            };
            if let Step::Complete(message) = assembler.push(&report) {
                return Ok(message);
            }
        }
    }
}

/// Finds a member of a CBOR map.
#[must_use]
pub fn member(map: &Value, key: &Value) -> Option<Value> {
    map.as_map()?
        .iter()
        .find(|(other, _)| other == key)
        .map(|(_, value)| value.clone())
}

fn map(members: Vec<(i64, Value)>) -> Value {
    Value::Map(
        members
            .into_iter()
            .map(|(key, value)| (Value::from(key), value))
            .collect(),
    )
}

fn padded(pin: &str) -> Result<[u8; 64]> {
    let mut padded = [0; 64];
    padded
        .get_mut(..pin.len())
        .ok_or_else(|| Error::Key("A PIN has at most 64 bytes.".to_owned()))?
        .copy_from_slice(pin.as_bytes());
    Ok(padded)
}

/// What key and client share under a PIN protocol (CTAP 2.1, 6.5.6 and 6.5.7).
struct Secret {
    protocol: u8,
    ours: Value,
    hmac_key: [u8; 32],
    aes_key: [u8; 32],
}

impl Secret {
    fn agree(protocol: u8, agreement: &Value) -> Option<Self> {
        let (ours, secret) = agree_raw(agreement)?;
        let (hmac_key, aes_key) = if protocol == 1 {
            let key = SoftwareSha256::digest(&secret);
            (key, key)
        } else {
            (
                key_of_protocol_two(&secret, b"CTAP2 HMAC key\x01"),
                key_of_protocol_two(&secret, b"CTAP2 AES key\x01"),
            )
        };
        Some(Self {
            protocol,
            ours,
            hmac_key,
            aes_key,
        })
    }

    fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>> {
        let (mut iv, mut bytes) = ([0; 16], plain.to_vec());
        if self.protocol != 1 {
            getrandom::fill(&mut iv).map_err(|error| Error::Key(format!("No random bytes: {error}")))?;
        }
        SoftwareAes256::new(&self.aes_key).encrypt_cbc(&iv, &mut bytes);
        Ok(if self.protocol == 1 {
            bytes
        } else {
            [&iv[..], &bytes].concat()
        })
    }

    fn decrypt(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (iv, bytes) = if self.protocol == 1 {
            ([0; 16], bytes)
        } else {
            let (iv, bytes) = bytes.split_first_chunk::<16>()?;
            (*iv, bytes)
        };
        let mut bytes = bytes.to_vec();
        (bytes.len() % 16 == 0).then_some(())?;
        SoftwareAes256::new(&self.aes_key).decrypt_cbc(&iv, &mut bytes);
        Some(bytes)
    }

    fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        let mut tag = [0; 32];
        SoftwareHmac256::mac(&self.hmac_key, message, &mut tag);
        tag[..if self.protocol == 1 { 16 } else { 32 }].to_vec()
    }
}

/// HKDF-SHA-256 with a salt of zeros, as PIN protocol 2 derives its keys.
fn key_of_protocol_two(secret: &[u8; 32], purpose: &[u8]) -> [u8; 32] {
    let (mut extracted, mut key) = ([0; 32], [0; 32]);
    SoftwareHmac256::mac(&[0; 32], secret, &mut extracted);
    SoftwareHmac256::mac(&extracted, purpose, &mut key);
    key
}

/// Gives our COSE key and the x coordinate of the shared point.
fn agree_raw(answer: &Value) -> Option<(Value, [u8; 32])> {
    let theirs = member(answer, &Value::from(1))?;
    let coordinate = |key: i64| -> Option<[u8; 32]> {
        member(&theirs, &Value::from(key))?
            .as_bytes()?
            .as_slice()
            .try_into()
            .ok()
    };
    let theirs = SoftwareEcdhPublicKey::from_coordinates(&coordinate(-2)?, &coordinate(-3)?)?;
    let secret = SoftwareEcdhSecretKey::random(&mut SystemRng);
    let (mut x, mut y, mut shared) = ([0; 32], [0; 32], [0; 32]);
    secret.public_key().to_coordinates(&mut x, &mut y);
    secret.diffie_hellman(&theirs).raw_secret_bytes(&mut shared);
    let ours = map(vec![
        (1, Value::from(2)),
        (3, Value::from(-25)),
        (-1, Value::from(1)),
        (-2, Value::Bytes(x.to_vec())),
        (-3, Value::Bytes(y.to_vec())),
    ]);
    Some((ours, shared))
}
