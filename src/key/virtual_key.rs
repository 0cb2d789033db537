//! What a key signs, made by the tests themselves.

use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

use super::cbor;
use ciborium::Value;

pub(super) const MODEL: [u8; 16] = [7; 16];
pub(super) const CREDENTIAL_ID: &[u8] = b"a credential";

/// The key pair that the test certificates name.
pub(super) fn pair() -> EcdsaKeyPair {
    let pkcs8 = include_bytes!("../../tests/key/fixtures/attestation-key.pk8");
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new()).unwrap()
}

pub(super) fn sign(message: &[u8]) -> Vec<u8> {
    pair()
        .sign(&SystemRandom::new(), message)
        .unwrap()
        .as_ref()
        .to_vec()
}

pub(super) fn cose_es256() -> Vec<u8> {
    let pair = pair();
    let point = pair.public_key().as_ref();
    cbor::write(&Value::Map(vec![
        (1.into(), 2.into()),
        (3.into(), (-7).into()),
        ((-1).into(), 1.into()),
        ((-2).into(), Value::Bytes(point[1..33].to_vec())),
        ((-3).into(), Value::Bytes(point[33..].to_vec())),
    ]))
}

pub(super) fn ed25519() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap()
}

pub(super) fn cose_ed25519() -> Vec<u8> {
    cbor::write(&Value::Map(vec![
        (1.into(), 1.into()),
        (3.into(), (-8).into()),
        ((-1).into(), 6.into()),
        (
            (-2).into(),
            Value::Bytes(ed25519().public_key().as_ref().to_vec()),
        ),
    ]))
}

/// Authenticator data, with a new credential where `cose_key` is given.
pub(super) fn auth_data(rp_id: &str, flags: u8, cose_key: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
    bytes.push(flags | if cose_key.is_some() { 0x40 } else { 0 });
    bytes.extend_from_slice(&[0, 0, 0, 3]);
    if let Some(cose_key) = cose_key {
        bytes.extend_from_slice(&MODEL);
        bytes.extend_from_slice(&u16::try_from(CREDENTIAL_ID.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(CREDENTIAL_ID);
        bytes.extend_from_slice(cose_key);
    }
    bytes
}
