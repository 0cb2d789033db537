//! Authenticator data (WebAuthn 2, 6.1), read within its bounds.

use ciborium::Value;

use super::cbor;
use crate::id::Aaguid;

/// Somebody touched the key.
pub const USER_PRESENT: u8 = 0x01;
/// The key knew who: a PIN or a finger.
pub const USER_VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// What an authenticator signs over.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthData {
    /// SHA-256 of the relying party id.
    pub rp_id_hash: [u8; 32],
    /// Flags, see [`USER_PRESENT`] and [`USER_VERIFIED`].
    pub flags: u8,
    /// Signature counter.
    pub sign_count: u32,
    /// A new credential, in answers to makeCredential.
    pub attested: Option<Attested>,
}

/// A new credential inside authenticator data.
#[derive(Debug, Clone, PartialEq)]
pub struct Attested {
    /// Model number.
    pub aaguid: Aaguid,
    /// Credential id.
    pub credential_id: Vec<u8>,
    /// The public key.
    pub public_key: PublicKey,
    /// The public key's `COSE_Key` bytes as the key wrote them.
    pub cose_key: Vec<u8>,
}

/// A public key of a kind that we can check signatures of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// P-256, as an uncompressed point (65 bytes).
    Es256(Vec<u8>),
    /// Ed25519 (32 bytes).
    EdDsa(Vec<u8>),
}

impl PublicKey {
    /// Reads a `COSE_Key` (RFC 9052, 7) that takes up all of `bytes`.
    pub fn from_cose(bytes: &[u8]) -> Result<Self, String> {
        let map = cbor::read_map(bytes)?;
        let integer = |at| {
            cbor::find(&map, at)
                .and_then(Value::as_integer)
                .and_then(|i| i64::try_from(i).ok())
        };
        let coordinate = |at| {
            cbor::find(&map, at)
                .and_then(Value::as_bytes)
                .filter(|bytes| bytes.len() == 32)
        };
        match (
            integer(1),
            integer(3),
            integer(-1),
            coordinate(-2),
            coordinate(-3),
        ) {
            (Some(2), Some(-7), Some(1), Some(x), Some(y)) => {
                let mut point = vec![0x04];
                point.extend_from_slice(x);
                point.extend_from_slice(y);
                Ok(Self::Es256(point))
            }
            (Some(1), Some(-8), Some(6), Some(x), _) => Ok(Self::EdDsa(x.clone())),
            _ => Err("the public key is neither P-256 nor Ed25519".into()),
        }
    }

    /// COSE algorithm number.
    #[must_use]
    pub fn algorithm(&self) -> i64 {
        match self {
            Self::Es256(_) => super::info::ES256,
            Self::EdDsa(_) => super::info::EDDSA,
        }
    }

    /// Checks a signature over authenticator data and client data hash.
    #[must_use]
    pub fn verifies(&self, auth_data: &[u8], client_data_hash: &[u8], signature: &[u8]) -> bool {
        use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};
        let message = [auth_data, client_data_hash].concat();
        match self {
            Self::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                .verify(&message, signature)
                .is_ok(),
            Self::EdDsa(key) => UnparsedPublicKey::new(&ED25519, key)
                .verify(&message, signature)
                .is_ok(),
        }
    }
}

impl AuthData {
    /// Reads authenticator data.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let short = || "its authenticator data is too short".to_owned();
        let (rp_id_hash, rest) = bytes.split_first_chunk::<32>().ok_or_else(short)?;
        let (&flags, rest) = rest.split_first().ok_or_else(short)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
        let attested = if flags & ATTESTED == 0 {
            None
        } else {
            let (aaguid, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
            let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
            let length = usize::from(u16::from_be_bytes(*length));
            // WebAuthn 2, 6.5.1 allows credential ids up to 1023 bytes.
            if length > 1023 {
                return Err("its credential id is too long".into());
            }
            let (credential_id, rest) = rest.split_at_checked(length).ok_or_else(short)?;
            let (_, after) = cbor::read_first(rest)?;
            let cose_key = &rest[..rest.len() - after.len()];
            Some(Attested {
                aaguid: Aaguid(*aaguid),
                credential_id: credential_id.to_vec(),
                public_key: PublicKey::from_cose(cose_key)?,
                cose_key: cose_key.to_vec(),
            })
        };
        Ok(Self {
            rp_id_hash: *rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*count),
            attested,
        })
    }

    /// Whether all of these flags are set.
    #[must_use]
    pub fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }

    /// Whether it is about this relying party.
    #[must_use]
    pub fn is_for(&self, rp_id: &str) -> bool {
        ring::digest::digest(&ring::digest::SHA256, rp_id.as_bytes()).as_ref() == self.rp_id_hash
    }
}
