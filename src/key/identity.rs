//! The identity credential: later a touch answers "is this that very key, and was it not reset since?"

use serde::{Deserialize, Serialize};

use super::assertion::{Assertion, Checked, CredentialQuery};
use super::attestation::{self, Raw};
use super::auth_data::{AuthData, USER_PRESENT, USER_VERIFIED};
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

/// Checks again, from its bytes alone, what is said of an identity credential; the error is a clause.
///
/// It was checked when it was made. An auditor asks whether what was written down is what the key signed.
pub fn check_again(identity: &IdentityCredential) -> Result<(), String> {
    let data = AuthData::parse(identity.auth_data.as_slice())?;
    let attested = data
        .attested
        .as_ref()
        .ok_or("its authenticator data holds no credential")?;
    if identity.rp_id != RP_ID || !data.is_for(RP_ID) {
        return Err("the credential is for another relying party".into());
    }
    if !data.has(USER_PRESENT | USER_VERIFIED) {
        return Err("the key made the credential without touch or PIN".into());
    }
    if attested.credential_id != identity.credential_id.as_slice()
        || attested.cose_key != identity.public_key.as_slice()
        || attested.public_key.algorithm() != identity.algorithm
    {
        return Err("credential id or public key are not those that the key wrote".into());
    }
    if attested.aaguid != identity.aaguid {
        return Err("the model number is not the one that the key wrote".into());
    }
    let said = &identity.attestation;
    let x5c: Vec<Vec<u8>> = said.x5c.iter().map(|c| c.as_slice().to_vec()).collect();
    let raw = Raw {
        format: &said.format,
        algorithm: said.algorithm,
        signature: said.signature.as_slice(),
        x5c: &x5c,
    };
    let hash = said.client_data_hash.as_slice();
    let found = attestation::check(&raw, identity.auth_data.as_slice(), hash, attested);
    let signs_itself = said.format == "packed" && said.x5c.is_empty();
    if signs_itself
        && !attested
            .public_key
            .verifies(identity.auth_data.as_slice(), hash, said.signature.as_slice())
    {
        return Err("the signature of its self attestation does not fit".into());
    }
    if found.verified != said.verified {
        return Err(format!(
            "its attestation was noted as {}; it is not so: {}",
            if said.verified { "verified" } else { "not verified" },
            found.note
        ));
    }
    let thumbprints = (&found.thumbprint_sha1, &found.thumbprint_sha256);
    if thumbprints != (&said.thumbprint_sha1, &said.thumbprint_sha256) {
        return Err("the certificate's thumbprints are not those that were noted".into());
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::virtual_key;
    use ring::digest::{SHA256, digest};

    /// A credential with a manufacturer's attestation, or one that attests itself.
    fn identity(certified: bool) -> IdentityCredential {
        let auth_data = virtual_key::auth_data(RP_ID, 0x05, Some(&virtual_key::cose_es256()));
        let hash = digest(&SHA256, b"challenge");
        let signature = virtual_key::sign(&[&auth_data[..], hash.as_ref()].concat());
        let x5c = certified.then(|| include_bytes!("../../tests/key/fixtures/attestation.der").to_vec());
        let attested = AuthData::parse(&auth_data).unwrap().attested.unwrap();
        let raw = Raw {
            format: "packed",
            algorithm: Some(ES256),
            signature: &signature,
            x5c: &Vec::from_iter(x5c),
        };
        let attestation = attestation::check(&raw, &auth_data, hash.as_ref(), &attested);
        assert_eq!(attestation.verified, certified);
        IdentityCredential {
            rp_id: RP_ID.into(),
            credential_id: Blob(attested.credential_id),
            algorithm: ES256,
            public_key: Blob(attested.cose_key),
            aaguid: attested.aaguid,
            auth_data: Blob(auth_data),
            attestation,
        }
    }

    #[test]
    fn what_was_written_down_is_what_the_key_made() {
        let changes: [fn(&mut IdentityCredential); 10] = [
            |i| i.rp_id = "other.invalid".into(),
            |i| i.credential_id.0[0] ^= 1,
            |i| i.public_key.0[20] ^= 1,
            |i| i.algorithm = EDDSA,
            |i| i.aaguid.0[0] ^= 1,
            |i| i.auth_data.0[0] ^= 1,
            |i| i.auth_data.0[36] ^= 1,
            |i| i.attestation.signature.0[20] ^= 1,
            |i| i.attestation.verified = !i.attestation.verified,
            |i| i.attestation.thumbprint_sha256 = Some("00".into()),
        ];
        for certified in [true, false] {
            assert_eq!(check_again(&identity(certified)), Ok(()));
            for (index, change) in changes.into_iter().enumerate() {
                let mut forged = identity(certified);
                change(&mut forged);
                assert!(check_again(&forged).is_err(), "{certified}, change {index}");
            }
        }
    }
}
