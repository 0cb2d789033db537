//! The identity credential as data: what the station learns of a key, the manifest carries, and the companion asks for.

use serde::{Deserialize, Serialize};

use crate::blob::Blob;
use crate::id::Aaguid;

/// Relying party of identity credentials; `.invalid` can never be a web site (RFC 2606).
pub const RP_ID: &str = "identity.glasskey.invalid";

/// A prepared key's identity credential; public, it goes into the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityCredential {
    /// Relying party, [`RP_ID`].
    pub rp_id: String,
    /// Credential id.
    pub credential_id: Blob,
    /// COSE algorithm number: -7 (ES256) or -8 (EdDSA).
    pub algorithm: i64,
    /// Public key as a `COSE_Key`.
    pub public_key: Blob,
    /// Model number.
    pub aaguid: Aaguid,
    /// Authenticator data of its creation, which the attestation signs.
    pub auth_data: Blob,
    /// Attestation of its creation.
    pub attestation: AttestationStatement,
}

/// What an attestation says, and what of it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestationStatement {
    /// Attestation format, usually `packed`.
    pub format: String,
    /// COSE algorithm number of the signature, where there is one.
    pub algorithm: Option<i64>,
    /// The signature; empty where there is none.
    pub signature: Blob,
    /// Certificates (DER), leaf first; empty for self attestation or none.
    pub x5c: Vec<Blob>,
    /// SHA-256 of the client data that the signature covers.
    pub client_data_hash: Blob,
    /// Whether the signature was checked and holds, and the certificate names the same model.
    pub verified: bool,
    /// What kind of attestation this is, or why it is not verified, as a sentence.
    pub note: String,
    /// SHA-1 thumbprint of the leaf certificate in upper-case hexadecimal, as Entra ID shows it.
    pub thumbprint_sha1: Option<String>,
    /// SHA-256 thumbprint of the leaf certificate in upper-case hexadecimal.
    pub thumbprint_sha256: Option<String>,
}
