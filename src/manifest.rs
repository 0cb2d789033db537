//! The manifest: what a ceremony prepared, signed by the station and encrypted for its recipients.
//!
//! JSON payload ([`schema`]) -> JWS ([`sign`], RFC 7515, EdDSA) -> age file ([`seal`]). Stock `age` and any
//! JOSE library open it; [`open`] does the same with an error for each way it can fail.

mod digest;
pub mod file_digest;
pub mod fingerprint;
pub mod record_code;
pub mod schema;
pub mod seal;
pub mod sign;

pub use file_digest::FileDigest;
pub use fingerprint::StationFingerprint;
pub use record_code::{HeadDigest, HeadStart, RecordCode};
pub use schema::Manifest;
pub use seal::Identity;

use crate::secret::Secret;

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// The file is shorter than it was written.
    #[error("the manifest is cut off: it has {found} bytes{}", .expected.map(|e| format!(" of {e}")).unwrap_or_default())]
    Truncated {
        /// Bytes in the file.
        found: usize,
        /// Bytes it was written with, where that can still be read.
        expected: Option<usize>,
    },
    /// At least one byte changed since it was written, or it is no age file at all.
    #[error("the manifest is damaged: {0}")]
    Damaged(&'static str),
    /// It is whole, and encrypted for somebody else.
    #[error("the manifest is not encrypted for this identity")]
    WrongIdentity,
    /// It opens, but the station did not mean this recipient to have it.
    #[error("the manifest was encrypted anew: its signed list of recipients does not hold {0}")]
    UnintendedRecipient(String),
    /// The signer is not the station whose fingerprint was given.
    #[error("the manifest was signed by another station key: {found}")]
    WrongStation {
        /// Fingerprint of the key that signed it.
        found: StationFingerprint,
    },
    /// The signature does not belong to the content.
    #[error("the manifest's signature is wrong")]
    BadSignature,
    /// A whole, signed manifest whose content this version cannot read.
    #[error("the manifest's content cannot be read: {0}")]
    Content(String),
    /// Written by a newer Glasskey.
    #[error("the manifest has format version {0}, which this version of glasskey does not know")]
    NewerVersion(u64),
}

impl OpenError {
    /// What to do now, as a sentence.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Truncated { .. } | Self::Damaged(_) => {
                "Copy the manifest from the ceremony's stick again; the stick holds the file as it was read back."
            }
            Self::WrongIdentity => "Give the identity file whose public key stands in the plan's recipients.",
            Self::UnintendedRecipient(_) => {
                "Ask who made this copy, and take the manifest from the ceremony's stick instead."
            }
            Self::WrongStation { .. } => {
                "Compare the fingerprint with the signed paper record. If they differ, do not use this manifest."
            }
            Self::BadSignature => "Do not use this manifest: take it from the ceremony's stick again.",
            Self::Content(_) | Self::NewerVersion(_) => {
                "Use the version of glasskey that the station ran, or a newer one."
            }
        }
    }
}

/// Opens a manifest: decrypts it, checks the signature against the fingerprint from paper, and reads it.
///
/// Everything is checked before anything is returned; a manifest that is not whole is never used in part.
pub fn open(bytes: &[u8], identity: &Identity, station: &StationFingerprint) -> Result<Manifest, OpenError> {
    let jws = seal::unseal(bytes, identity)?;
    read(&jws, identity, station)
}

/// Opens a manifest whose station nobody named, and tells who signed it.
///
/// This proves that nothing was changed since it was signed; who signed it proves only a comparison with paper.
pub fn open_from_anyone(
    bytes: &[u8],
    identity: &Identity,
) -> Result<(Manifest, StationFingerprint), OpenError> {
    let jws = seal::unseal(bytes, identity)?;
    let station = sign::signer(&jws)?;
    Ok((read(&jws, identity, &station)?, station))
}

fn read(
    jws: &Secret<Vec<u8>>,
    identity: &Identity,
    station: &StationFingerprint,
) -> Result<Manifest, OpenError> {
    let payload = sign::verify(jws, station)?;
    let manifest = Manifest::from_json(payload.expose())?;
    let recipient = identity.recipient();
    if manifest.recipients.contains(&recipient) {
        Ok(manifest)
    } else {
        Err(OpenError::UnintendedRecipient(recipient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::schema::tests::sample;
    use crate::manifest::sign::StationKey;

    /// A sealed sample, its identity and its station's fingerprint.
    fn sealed() -> (Vec<u8>, Identity, StationFingerprint) {
        let identity = Identity::generate();
        let station = StationKey::generate().unwrap();
        let mut manifest = sample();
        manifest.recipients = vec![identity.recipient()];
        let jws = station.sign(&manifest.to_json().unwrap());
        let file = seal::seal(&jws, &manifest.recipients).unwrap();
        (file, identity, station.fingerprint())
    }

    #[test]
    fn opens_what_was_sealed() {
        let (file, identity, station) = sealed();
        let manifest = open(&file, &identity, &station).unwrap();
        assert_eq!(manifest.keys[0].pin.as_ref().unwrap().expose(), "73915082");
        assert_eq!(*manifest.to_json().unwrap().expose(), {
            let mut expected = sample();
            expected.recipients = vec![identity.recipient()];
            expected.to_json().unwrap().expose().clone()
        });
    }

    #[test]
    fn tells_who_signed_it_and_still_checks_the_signature() {
        let (file, identity, station) = sealed();
        let (manifest, found) = open_from_anyone(&file, &identity).unwrap();
        assert_eq!((found, manifest.keys.len()), (station, 1));
        assert_eq!(
            open_from_anyone(&file, &Identity::generate()).err(),
            Some(OpenError::WrongIdentity)
        );
    }

    #[test]
    fn a_header_is_inspected_without_an_identity() {
        let (file, identity, _) = sealed();
        let header = seal::inspect(&file).unwrap();
        let content = seal::unseal(&file, &identity).unwrap().expose().len();
        assert_eq!((header.recipients, header.content), (1, content));
        assert!(matches!(
            seal::inspect(&file[..file.len() - 1]),
            Err(OpenError::Truncated { .. })
        ));
        let mut longer = file.clone();
        longer.push(0);
        assert!(matches!(seal::inspect(&longer), Err(OpenError::Damaged(_))));
        let mut changed = file;
        changed[40] ^= 1;
        assert!(matches!(seal::inspect(&changed), Err(OpenError::Damaged(_))));
        assert!(seal::inspect(b"no age file").is_err());
    }

    #[test]
    fn any_byte_flipped_is_damage_and_nothing_else() {
        let (file, identity, station) = sealed();
        for at in 0..file.len() {
            let mask = [0x01, 0x20, 0x80][at % 3];
            let mut changed = file.clone();
            changed[at] ^= mask;
            match open(&changed, &identity, &station) {
                Err(OpenError::Damaged(_)) => {}
                other => panic!("byte {at} ^ {mask:#x} gave {:?}", other.err()),
            }
        }
    }

    #[test]
    fn every_truncation_is_called_one() {
        let (file, identity, station) = sealed();
        for length in 0..file.len() {
            match open(&file[..length], &identity, &station) {
                Err(OpenError::Truncated { found, .. }) => assert_eq!(found, length),
                other => panic!("{length} bytes gave {:?}", other.err()),
            }
        }
        let mut longer = file.clone();
        longer.push(0);
        assert!(matches!(
            open(&longer, &identity, &station),
            Err(OpenError::Damaged(_))
        ));
    }

    #[test]
    fn a_wrong_identity_or_station_is_named() {
        let (file, identity, station) = sealed();
        assert_eq!(
            open(&file, &Identity::generate(), &station).err(),
            Some(OpenError::WrongIdentity)
        );
        let other = StationKey::generate().unwrap().fingerprint();
        assert_eq!(
            open(&file, &identity, &other).err(),
            Some(OpenError::WrongStation { found: station })
        );
    }

    #[test]
    fn a_copy_encrypted_for_somebody_else_is_noticed() {
        let (file, identity, station) = sealed();
        let thief = Identity::generate();
        let jws = seal::unseal(&file, &identity).unwrap();
        let copy = seal::seal(&jws, &[thief.recipient()]).unwrap();
        assert_eq!(
            open(&copy, &thief, &station).err(),
            Some(OpenError::UnintendedRecipient(thief.recipient()))
        );
    }
}
