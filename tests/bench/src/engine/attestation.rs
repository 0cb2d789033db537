//! The attestation of a key model: a root, and a batch certificate below it that names the AAGUID.
//!
//! Both follow from the AAGUID alone (keys by hashing, signatures by RFC 6979), so two keys of one model share them
//! without sharing a file, and a verifier's list of trusted roots stays true from run to run.

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};
use sha2::{Digest as _, Sha256};

use crate::engine::config::Aaguid;
use crate::error::{Error, Result};

/// id-fido-gen-ce-aaguid: the extension of a packed attestation certificate.
const AAGUID_EXTENSION: &[u64] = &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4];

/// What every key of one model shares.
pub struct Batch {
    /// The private key of the batch: a P-256 scalar.
    pub key: Vec<u8>,
    /// The certificate that travels with every new credential, DER.
    pub certificate: Vec<u8>,
    /// The certificate that signed it, DER; verifiers trust this one.
    pub root: Vec<u8>,
}

impl Batch {
    /// Makes the batch of a model; the same model gives the same bytes.
    ///
    /// # Errors
    ///
    /// The certificates cannot be encoded.
    pub fn of(aaguid: &Aaguid) -> Result<Self> {
        Self::make(aaguid)
            .map_err(|error| Error::Key(format!("The attestation certificate cannot be made: {error}")))
    }

    fn make(aaguid: &Aaguid) -> std::result::Result<Self, rcgen::Error> {
        let root_key = Pair::of("root", aaguid);
        let mut root = parameters("Authenticator Attestation Root", "Bench Root")?;
        root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let root_certificate = root.self_signed(&root_key)?;

        let batch_key = Pair::of("batch", aaguid);
        let mut batch = parameters("Authenticator Attestation", "Bench Batch")?;
        batch.is_ca = IsCa::ExplicitNoCa;
        let content = [&[0x04, 0x10][..], aaguid].concat();
        batch.custom_extensions = vec![CustomExtension::from_oid_content(AAGUID_EXTENSION, content)];
        let certificate = batch.signed_by(&batch_key, &Issuer::new(root, root_key))?;
        Ok(Self {
            key: batch_key.secret.to_bytes().to_vec(),
            certificate: certificate.der().to_vec(),
            root: root_certificate.der().to_vec(),
        })
    }
}

fn parameters(unit: &str, name: &str) -> std::result::Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::new(Vec::new())?;
    let mut subject = DistinguishedName::new();
    // Packed attestation asks for all four, and for this organizational unit in the batch certificate.
    subject.push(DnType::CountryName, "CH");
    subject.push(DnType::OrganizationName, "Virtual Bench");
    subject.push(DnType::OrganizationalUnitName, unit);
    subject.push(DnType::CommonName, name);
    parameters.distinguished_name = subject;
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    Ok(parameters)
}

/// A key pair that follows from its purpose and the model.
struct Pair {
    secret: SecretKey,
    public: Vec<u8>,
}

impl Pair {
    fn of(purpose: &str, aaguid: &Aaguid) -> Self {
        let digest = Sha256::new()
            .chain_update(purpose)
            .chain_update(aaguid)
            .finalize();
        let secret = SecretKey::from_slice(&digest).expect("a digest is a P-256 scalar but for 1 in 2^32");
        let public = SigningKey::from(&secret)
            .verifying_key()
            .to_encoded_point(false)
            .as_bytes()
            .to_vec();
        Self { secret, public }
    }
}

impl PublicKeyData for Pair {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Pair {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        let signature: DerSignature = SigningKey::from(&self.secret).sign(message);
        Ok(signature.as_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_one_batch_and_another_model_another() {
        let (one, again, other) = (Batch::of(&[1; 16]), Batch::of(&[1; 16]), Batch::of(&[2; 16]));
        let (one, again, other) = (one.unwrap(), again.unwrap(), other.unwrap());
        assert_eq!(one.certificate, again.certificate);
        assert_eq!(one.root, again.root);
        assert_ne!(one.root, other.root);
        assert!(
            one.certificate
                .windows(18)
                .any(|part| part == [&[0x04, 0x10][..], &[1; 16]].concat())
        );
    }
}
