//! Making credentials (authenticatorMakeCredential) and what comes back.

use ciborium::Value;
use ctap_hid_fido2::fidokey::credential_management::credential_management_params::CredentialProtectionPolicy;
use ctap_hid_fido2::fidokey::{CredentialExtension, CredentialSupportedKeyType, MakeCredentialArgsBuilder};
use ctap_hid_fido2::public_key_credential_user_entity::PublicKeyCredentialUserEntity;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::attestation::{self, AttestationStatement, Raw};
use super::auth_data::{AuthData, USER_PRESENT, USER_VERIFIED};
use super::cbor;
use super::error::{Effect, KeyError};
use super::info::{EDDSA, ES256, KeyInfo};
use super::pin;
use super::reset::TOUCH;
use super::session::Session;
use crate::blob::Blob;
use crate::id::Aaguid;
use crate::secret::Pin;

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

/// Longest name a key must take (CTAP 2.1, 6.1.2: it may cut longer ones).
const MAX_NAME: usize = 64;

impl NewCredential {
    /// Finds what no key takes, before a key sees it.
    fn check(&self) -> Result<(), KeyError> {
        let refuse = |what: &str| Err(KeyError::Unsupported { what: what.into() });
        if !(1..=64).contains(&self.user.id.0.len()) {
            return refuse("a user handle that is empty or longer than 64 bytes");
        }
        if self.user.name.len() > MAX_NAME || self.user.display_name.len() > MAX_NAME {
            return refuse("a user name longer than 64 bytes");
        }
        if self.key_types().is_empty() {
            return refuse("the signature algorithms that the relying party wants");
        }
        Ok(())
    }

    fn key_types(&self) -> Vec<CredentialSupportedKeyType> {
        self.algorithms
            .iter()
            .filter_map(|algorithm| match *algorithm {
                ES256 => Some(CredentialSupportedKeyType::Ecdsa256),
                EDDSA => Some(CredentialSupportedKeyType::Ed25519),
                _ => None,
            })
            .collect()
    }

    /// The extensions that the key has, in canonical order (same length, so by their bytes).
    fn extensions(&self, info: &KeyInfo) -> Vec<CredentialExtension> {
        let has = |name: &str| info.extensions.iter().any(|e| e == name);
        let mut extensions = Vec::new();
        if let Some(level) = self
            .cred_protect
            .filter(|l| (1..=3).contains(l) && has("credProtect"))
        {
            let policy = CredentialProtectionPolicy::from(u32::from(level));
            extensions.push(CredentialExtension::CredProtect(Some(policy)));
        }
        if self.hmac_secret && has("hmac-secret") {
            extensions.push(CredentialExtension::HmacSecret(Some(true)));
        }
        extensions
    }
}

/// Makes a credential with the PIN; waits for the touch.
pub(super) fn make(
    session: &mut Session<'_>,
    pin: &Pin,
    new: &NewCredential,
) -> Result<Credential, KeyError> {
    new.check()?;
    pin::check_length(pin)?;
    let info = session.identify()?;
    let ask = pin::ready_for_pin(session, &info)?;
    let user = PublicKeyCredentialUserEntity::new(
        Some(new.user.id.as_slice()),
        Some(&new.user.name),
        Some(&new.user.display_name),
    );
    let extensions = new.extensions(&info);
    let made = pin::with_token(&info, |protocol| {
        session.library(protocol, TOUCH, Effect::Unknown, |key| {
            let mut args = MakeCredentialArgsBuilder::new(&new.rp_id, new.client_data.as_slice())
                .pin(pin.expose())
                .user_entity(&user);
            for key_type in new.key_types() {
                args = args.key_type(key_type);
            }
            for id in &new.exclude {
                args = args.exclude_authenticator(id.as_slice());
            }
            if new.discoverable {
                args = args.resident_key();
            }
            if !extensions.is_empty() {
                args = args.extensions(&extensions);
            }
            key.make_credential_with_args(&args.build())
        })
    });
    let (_, made) = pin::count_attempts(session, ask, made)?;
    let raw = Raw {
        format: &made.fmt,
        // The library gives 0 for an absent algorithm; 0 is reserved (RFC 9053).
        algorithm: (made.attstmt_alg != 0).then(|| i64::from(made.attstmt_alg)),
        signature: &made.attstmt_sig,
        x5c: &made.attstmt_x5c,
    };
    read(new, &made.auth_data, &raw)
}

/// Reads and checks what the key made.
fn read(new: &NewCredential, auth_data: &[u8], raw: &Raw<'_>) -> Result<Credential, KeyError> {
    let open = |detail: String| KeyError::Protocol {
        detail,
        effect: Effect::Unknown,
    };
    let not = |reason: &str| KeyError::NotProven {
        reason: reason.into(),
    };
    let parsed = AuthData::parse(auth_data).map_err(open)?;
    if !parsed.is_for(&new.rp_id) {
        return Err(not("the credential is for another relying party"));
    }
    if !parsed.has(USER_PRESENT) {
        return Err(not("nobody touched the key"));
    }
    if !parsed.has(USER_VERIFIED) {
        return Err(not("the key made the credential without checking its PIN"));
    }
    let attested = parsed
        .attested
        .ok_or_else(|| open("it made a credential and did not tell which".into()))?;
    let algorithm = attested.public_key.algorithm();
    if !new.algorithms.contains(&algorithm) {
        return Err(not("the credential has an algorithm that was not asked for"));
    }
    let hash = digest(&SHA256, new.client_data.as_slice());
    Ok(Credential {
        rp_id: new.rp_id.clone(),
        id: Blob(attested.credential_id.clone()),
        algorithm,
        public_key: Blob(attested.cose_key.clone()),
        aaguid: attested.aaguid,
        auth_data: auth_data.into(),
        attestation_object: Blob(attestation_object(raw, auth_data)),
        attestation: attestation::check(raw, auth_data, hash.as_ref(), &attested),
    })
}

/// Builds the attestation object (WebAuthn 2, 6.5.4) in canonical order.
fn attestation_object(raw: &Raw<'_>, auth_data: &[u8]) -> Vec<u8> {
    let mut statement = Vec::new();
    if let Some(algorithm) = raw.algorithm {
        statement.push((Value::from("alg"), Value::from(algorithm)));
    }
    if !raw.signature.is_empty() {
        statement.push(("sig".into(), Value::Bytes(raw.signature.to_vec())));
    }
    if !raw.x5c.is_empty() {
        let chain = raw.x5c.iter().cloned().map(Value::Bytes).collect();
        statement.push(("x5c".into(), Value::Array(chain)));
    }
    cbor::write(&Value::Map(vec![
        ("fmt".into(), raw.format.into()),
        ("attStmt".into(), Value::Map(statement)),
        ("authData".into(), Value::Bytes(auth_data.to_vec())),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::identity;
    use crate::key::info::tests::plain_info;
    use crate::key::virtual_key;

    fn new() -> NewCredential {
        let user = UserEntity {
            id: b"user".as_slice().into(),
            name: "user".into(),
            display_name: "User".into(),
        };
        identity::request(user, b"challenge".as_slice().into())
    }

    fn made(rp_id: &str, flags: u8) -> Result<Credential, KeyError> {
        let auth_data = virtual_key::auth_data(rp_id, flags, Some(&virtual_key::cose_es256()));
        let hash = digest(&SHA256, b"challenge");
        let signature = virtual_key::sign(&[&auth_data[..], hash.as_ref()].concat());
        let leaf = include_bytes!("../../tests/key/fixtures/attestation.der").to_vec();
        let raw = Raw {
            format: "packed",
            algorithm: Some(ES256),
            signature: &signature,
            x5c: &[leaf],
        };
        read(&new(), &auth_data, &raw)
    }

    #[test]
    fn reads_what_was_made() {
        let credential = made(identity::RP_ID, 0x05).unwrap();
        assert_eq!(credential.id.as_slice(), virtual_key::CREDENTIAL_ID);
        assert_eq!(credential.algorithm, ES256);
        assert!(credential.attestation.verified);
        let object = cbor::read_map(credential.attestation_object.as_slice()).unwrap();
        let names: Vec<_> = object.iter().filter_map(|(k, _)| k.as_text()).collect();
        assert_eq!(names, ["fmt", "attStmt", "authData"]);
        let json = serde_json::to_string(&credential).unwrap();
        assert_eq!(serde_json::from_str::<Credential>(&json).unwrap(), credential);
    }

    #[test]
    fn refuses_a_credential_without_touch_pin_or_relying_party() {
        assert!(matches!(
            made("other.invalid", 0x05),
            Err(KeyError::NotProven { .. })
        ));
        assert!(matches!(
            made(identity::RP_ID, 0x01),
            Err(KeyError::NotProven { .. })
        ));
        assert!(matches!(
            made(identity::RP_ID, 0x04),
            Err(KeyError::NotProven { .. })
        ));
    }

    #[test]
    fn asks_only_for_extensions_that_the_key_has_and_in_canonical_order() {
        let wish = NewCredential {
            hmac_secret: true,
            cred_protect: Some(3),
            ..new()
        };
        assert!(wish.extensions(&plain_info()).is_empty());
        let info = KeyInfo {
            extensions: vec!["hmac-secret".into(), "credProtect".into()],
            ..plain_info()
        };
        let names: Vec<String> = wish.extensions(&info).iter().map(ToString::to_string).collect();
        assert_eq!(names, ["credProtect", "hmac-secret"]);
    }

    #[test]
    fn refuses_requests_that_no_key_takes() {
        assert_eq!(new().check(), Ok(()));
        let mut long = new();
        long.user.name = "x".repeat(65);
        assert!(long.check().is_err());
        let mut empty = new();
        empty.user.id = Blob(Vec::new());
        assert!(empty.check().is_err());
        let foreign = NewCredential {
            algorithms: vec![-257],
            ..new()
        };
        assert!(foreign.check().is_err());
    }
}
