//! The identity credential: later a touch answers "is this that very key, and was it not reset since?"

use serde::{Deserialize, Serialize};

use super::assertion::{Assertion, Checked, CredentialQuery};
use super::credential::{Credential, NewCredential, UserEntity};
use super::error::KeyError;
use super::info::{EDDSA, ES256};
use crate::blob::Blob;
use crate::id::{CeremonyId, LabelId};
pub use crate::identity::IdentityCredential;

pub use crate::identity::RP_ID;

/// The key has just proven to be the prepared one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityProof {
    /// The random bytes that were to be signed.
    pub challenge: Blob,
    /// What was signed.
    pub assertion: Assertion,
    /// What the check found.
    pub checked: Checked,
}

impl From<Credential> for IdentityCredential {
    fn from(credential: Credential) -> Self {
        Self {
            rp_id: credential.rp_id,
            credential_id: credential.id,
            algorithm: credential.algorithm,
            public_key: credential.public_key,
            aaguid: credential.aaguid,
            auth_data: credential.auth_data,
            attestation: credential.attestation,
        }
    }
}

/// The user entity of an identity credential: which ceremony and which label.
#[must_use]
pub fn user(ceremony: &CeremonyId, label: &LabelId) -> UserEntity {
    let name = format!("{ceremony}-{label}");
    UserEntity {
        id: Blob(name.clone().into_bytes()),
        display_name: format!("Glasskey {label}"),
        name,
    }
}

/// What makes an identity credential.
pub(super) fn request(user: UserEntity, challenge: Blob) -> NewCredential {
    NewCredential {
        rp_id: RP_ID.into(),
        user,
        client_data: challenge,
        algorithms: vec![ES256, EDDSA],
        discoverable: false,
        exclude: Vec::new(),
        hmac_secret: false,
        cred_protect: None,
    }
}

/// What proves an identity credential.
pub(super) fn query(identity: &IdentityCredential, challenge: Blob) -> CredentialQuery {
    CredentialQuery {
        rp_id: identity.rp_id.clone(),
        credential_id: identity.credential_id.clone(),
        client_data: challenge,
    }
}

/// Checks the answer to [`query`].
pub(super) fn prove(
    identity: &IdentityCredential,
    query: &CredentialQuery,
    assertion: Assertion,
) -> Result<IdentityProof, KeyError> {
    let checked = assertion.check(query, identity.public_key.as_slice())?;
    Ok(IdentityProof {
        challenge: query.client_data.clone(),
        assertion,
        checked,
    })
}
