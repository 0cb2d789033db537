//! Making credentials (authenticatorMakeCredential) and what comes back.

use serde::{Deserialize, Serialize};

use super::attestation::AttestationStatement;
use super::blob::Blob;
use crate::id::Aaguid;

/// Whom a credential is for, as the key stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserEntity {
    /// User handle, 1 to 64 bytes.
    pub id: Blob,
    /// Name, at most 64 bytes.
    pub name: String,
    /// Name for people, at most 64 bytes.
    pub display_name: String,
}

/// A credential to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCredential {
    /// Relying party.
    pub rp_id: String,
    /// User.
    pub user: UserEntity,
    /// The bytes whose SHA-256 becomes the client data hash (`clientDataJSON` for WebAuthn).
    pub client_data: Blob,
    /// COSE algorithm numbers in order of preference; others than -7 and -8 are passed over.
    pub algorithms: Vec<i64>,
    /// Whether the key stores it so that it is found without its id.
    pub discoverable: bool,
    /// Credentials that must not be on the key yet.
    pub exclude: Vec<Blob>,
    /// Asks for the hmac-secret extension, where the key has it.
    pub hmac_secret: bool,
    /// Level of the credProtect extension (1 to 3), where the key has it.
    pub cred_protect: Option<u8>,
}

/// A credential that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Relying party.
    pub rp_id: String,
    /// Credential id.
    pub id: Blob,
    /// COSE algorithm number of its key: -7 (ES256) or -8 (EdDSA).
    pub algorithm: i64,
    /// Public key as a `COSE_Key`.
    pub public_key: Blob,
    /// Model number.
    pub aaguid: Aaguid,
    /// Authenticator data as the key signed it.
    pub auth_data: Blob,
    /// WebAuthn attestation object (CBOR), ready for a relying party.
    pub attestation_object: Blob,
    /// What the attestation says, and whether its signature holds.
    pub attestation: AttestationStatement,
}
