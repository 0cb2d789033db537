//! The packed attestation of a new credential (WebAuthn 2, 8.2): signature, model number, thumbprints.
//!
//! Whether the certificate leads to a root that the metadata service knows is checked elsewhere.

use serde::{Deserialize, Serialize};

use super::blob::Blob;

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
