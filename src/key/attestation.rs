//! The packed attestation of a new credential (WebAuthn 2, 8.2): signature, model number, thumbprints.
//!
//! Whether the certificate leads to a root that the metadata service knows is checked elsewhere.

use std::fmt::Write as _;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate, X509Version};

use super::auth_data::Attested;
use super::info::{EDDSA, ES256};
use crate::id::Aaguid;
pub use crate::identity::AttestationStatement;

/// The attestation statement as the key gave it (WebAuthn 2, 6.5.4).
pub(super) struct Raw<'a> {
    pub(super) format: &'a str,
    pub(super) algorithm: Option<i64>,
    pub(super) signature: &'a [u8],
    pub(super) x5c: &'a [Vec<u8>],
}

/// Extension of attestation certificates that names the model (id-fido-gen-ce-aaguid).
const AAGUID_EXTENSION: &[u64] = &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];
/// RS256, which some models' batch certificates use.
const RS256: i64 = -257;
/// Real chains have up to three certificates of about 1 kB.
const MAX_CERTIFICATES: usize = 8;

/// Checks an attestation over authenticator data that was already read as `attested`.
///
/// The parser of certificates is third-party: call this in a worker.
pub(super) fn check(
    raw: &Raw<'_>,
    auth_data: &[u8],
    client_data_hash: &[u8],
    attested: &Attested,
) -> AttestationStatement {
    let message = [auth_data, client_data_hash].concat();
    let leaf = raw.x5c.first();
    let outcome = match (raw.format, leaf) {
        ("packed", Some(leaf)) => check_certified(raw, leaf, &message, attested.aaguid).map(|()| {
            (
                true,
                "Signed by the manufacturer's certificate for this model.".to_owned(),
            )
        }),
        ("packed", None) if raw.algorithm == Some(attested.public_key.algorithm()) => {
            if attested
                .public_key
                .verifies(auth_data, client_data_hash, raw.signature)
            {
                Ok((
                    false,
                    "Self attestation: it holds, and says nothing about the model.".into(),
                ))
            } else {
                Err("The signature of the self attestation does not fit.".into())
            }
        }
        ("packed", None) => Err("The self attestation names another algorithm than its key.".into()),
        ("none", _) => Ok((false, "The key gives no attestation.".into())),
        _ => Ok((
            false,
            "The attestation has a format that is not checked here.".into(),
        )),
    };
    let (verified, note) = outcome.unwrap_or_else(|note| (false, note));
    let thumbprint = |algorithm| leaf.map(|leaf| upper_hex(digest(algorithm, leaf).as_ref()));
    AttestationStatement {
        format: if raw.format.len() <= 32 && raw.format.chars().all(|c| c.is_ascii_graphic()) {
            raw.format.to_owned()
        } else {
            "unknown".into()
        },
        algorithm: raw.algorithm,
        signature: raw.signature.into(),
        x5c: raw
            .x5c
            .iter()
            .take(MAX_CERTIFICATES)
            .map(|c| c.as_slice().into())
            .collect(),
        client_data_hash: client_data_hash.into(),
        verified,
        note,
        thumbprint_sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
        thumbprint_sha256: thumbprint(&SHA256),
    }
}

/// The rules of WebAuthn 2, 8.2 and 8.2.1 that need no chain.
fn check_certified(raw: &Raw<'_>, leaf: &[u8], message: &[u8], aaguid: Aaguid) -> Result<(), String> {
    let unreadable = || "The attestation certificate cannot be read.".to_owned();
    let (rest, certificate) = X509Certificate::from_der(leaf).map_err(|_| unreadable())?;
    if !rest.is_empty() {
        return Err(unreadable());
    }
    let key = &certificate.public_key().subject_public_key.data;
    let algorithm: &dyn VerificationAlgorithm = match raw.algorithm {
        Some(ES256) => &ECDSA_P256_SHA256_ASN1,
        Some(EDDSA) => &ED25519,
        Some(RS256) => &RSA_PKCS1_2048_8192_SHA256,
        _ => return Err("The attestation is signed with an algorithm that is not known here.".into()),
    };
    UnparsedPublicKey::new(algorithm, key)
        .verify(message, raw.signature)
        .map_err(|_| "The signature of the attestation does not fit.".to_owned())?;
    if certificate.version() != X509Version::V3 {
        return Err("The attestation certificate is not of version 3.".into());
    }
    let unit = certificate
        .subject()
        .iter_organizational_unit()
        .any(|unit| unit.as_str() == Ok("Authenticator Attestation"));
    if !unit {
        return Err("The certificate is not one for attestation.".into());
    }
    if certificate
        .basic_constraints()
        .map_err(|_| unreadable())?
        .is_none_or(|constraints| constraints.value.ca)
    {
        return Err("The attestation certificate must not be one of an authority.".into());
    }
    let wanted = Oid::from(AAGUID_EXTENSION).map_err(|_| unreadable())?;
    let extension = certificate
        .get_extension_unique(&wanted)
        .map_err(|_| unreadable())?;
    if let Some(extension) = extension {
        // The value is an OCTET STRING inside the extension's own OCTET STRING.
        if extension.value.strip_prefix(&[0x04, 0x10]) != Some(&aaguid.0[..]) {
            return Err("The attestation certificate names another model than the key does.".into());
        }
        if extension.critical {
            return Err("The model number in the attestation certificate is marked critical.".into());
        }
    }
    Ok(())
}

fn upper_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::auth_data::AuthData;
    use crate::key::virtual_key;

    const GOOD: &[u8] = include_bytes!("../../tests/key/fixtures/attestation.der");

    fn statement(
        format: &str,
        x5c: &[&[u8]],
        change: impl FnOnce(&mut Vec<u8>, &mut Attested),
    ) -> AttestationStatement {
        let auth_data = virtual_key::auth_data("example.invalid", 0x05, Some(&virtual_key::cose_es256()));
        let hash = digest(&SHA256, b"client data");
        let mut signature = virtual_key::sign(&[&auth_data[..], hash.as_ref()].concat());
        let mut attested = AuthData::parse(&auth_data).unwrap().attested.unwrap();
        change(&mut signature, &mut attested);
        let x5c: Vec<Vec<u8>> = x5c.iter().map(|c| c.to_vec()).collect();
        let raw = Raw {
            format,
            algorithm: Some(ES256),
            signature: &signature,
            x5c: &x5c,
        };
        check(&raw, &auth_data, hash.as_ref(), &attested)
    }

    #[test]
    fn verifies_a_batch_attestation_and_computes_thumbprints() {
        let statement = statement("packed", &[GOOD], |_, _| {});
        assert!(statement.verified, "{}", statement.note);
        // By openssl x509 -fingerprint.
        assert_eq!(
            statement.thumbprint_sha1.as_deref(),
            Some("274C7E3B1AB597C59856B2DCA5026FC8E5BD5509")
        );
        assert_eq!(
            statement.thumbprint_sha256.as_deref(),
            Some("CEE1991DF64A0A80C2CFA60CDE1CAB1FF6B662BCCB205E595209ED68652A3E13")
        );
        let json = serde_json::to_string(&statement).unwrap();
        assert_eq!(
            serde_json::from_str::<AttestationStatement>(&json).unwrap(),
            statement
        );
    }

    #[test]
    fn a_certificate_may_leave_the_model_out() {
        let certificate = include_bytes!("../../tests/key/fixtures/attestation-no-model.der");
        assert!(statement("packed", &[certificate], |_, _| {}).verified);
    }

    #[test]
    fn says_why_it_does_not_verify() {
        let authority = include_bytes!("../../tests/key/fixtures/attestation-authority.der");
        let unit = include_bytes!("../../tests/key/fixtures/attestation-other-unit.der");
        let mut trailing = GOOD.to_vec();
        trailing.push(0);
        let note = |format: &str, x5c: &[&[u8]]| {
            let statement = statement(format, x5c, |_, _| {});
            assert!(!statement.verified);
            statement.note
        };
        assert!(note("packed", &[authority]).contains("authority"));
        assert!(note("packed", &[unit]).contains("not one for attestation"));
        assert!(note("packed", &[b"no certificate"]).contains("cannot be read"));
        assert!(note("packed", &[&trailing]).contains("cannot be read"));
        assert!(note("packed", &[&GOOD[..200]]).contains("cannot be read"));
        assert!(note("packed", &[]).starts_with("Self attestation"));
        assert!(note("none", &[]).contains("no attestation"));
        assert!(note("tpm", &[GOOD]).contains("not checked"));
        let foreign = statement("packed", &[GOOD], |_, attested| attested.aaguid.0[0] = 8);
        assert!(foreign.note.contains("another model") && !foreign.verified);
        let forged = statement("packed", &[GOOD], |signature, _| signature[20] ^= 1);
        assert!(forged.note.contains("does not fit") && !forged.verified);
    }
}
