//! The signature over a manifest: JWS compact serialisation (RFC 7515), EdDSA with Ed25519 (RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::OpenError;
use super::fingerprint::StationFingerprint;
use crate::secret::{self, Secret};

/// Media type in the header, so that a signature over something else is never taken for a manifest.
const TYPE: &str = "glasskey-manifest+jws";

/// Why something is no signed manifest.
const NOT_SIGNED: &str = "what was encrypted is not a signed manifest";

/// Begin of an Ed25519 private key in PKCS#8 version 1 (RFC 8410, 7); the 32 bytes of the key follow.
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

/// An Ed25519 key: of one ceremony, made in RAM and forgotten at power-off; or of a registrar, in a file.
pub struct StationKey(Ed25519KeyPair);

/// Makes a registrar's key as a PEM file (RFC 8410), as `openssl genpkey -algorithm ed25519` does; `None` without
/// random numbers.
#[must_use]
pub fn generate_pem() -> Option<Secret<String>> {
    let mut der = secret::with_capacity(48);
    der.expose_mut().extend_from_slice(&PKCS8);
    der.expose_mut().resize(48, 0);
    SystemRandom::new().fill(&mut der.expose_mut()[16..]).ok()?;
    let mut pem = Secret::new(String::with_capacity(128));
    let text = pem.expose_mut();
    for part in [PEM_BEGIN, "\n"] {
        text.push_str(part);
    }
    BASE64.encode_string(der.expose(), text);
    for part in ["\n", PEM_END, "\n"] {
        text.push_str(part);
    }
    Some(pem)
}

impl StationKey {
    /// Makes a new key from the kernel's random numbers; `None` when they are not available.
    #[must_use]
    pub fn generate() -> Option<Self> {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).ok().map(Self)
    }

    /// Reads a registrar's key from a PEM file with an Ed25519 key in PKCS#8; `None` for anything else.
    #[must_use]
    pub fn from_pem(pem: &Secret<String>) -> Option<Self> {
        let body = pem
            .expose()
            .trim()
            .strip_prefix(PEM_BEGIN)?
            .strip_suffix(PEM_END)?;
        let mut letters = secret::with_capacity(body.len());
        letters
            .expose_mut()
            .extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let mut der = secret::with_capacity(letters.expose().len());
        der.expose_mut().resize(letters.expose().len(), 0);
        let length = BASE64.decode_slice(letters.expose(), der.expose_mut()).ok()?;
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der.expose()[..length])
            .ok()
            .map(Self)
    }

    /// The fingerprint that goes on paper.
    #[must_use]
    pub fn fingerprint(&self) -> StationFingerprint {
        Jwk::ed25519(self.0.public_key().as_ref()).thumbprint()
    }

    /// Signs a payload; the result holds the payload, so it is as secret as that.
    #[must_use]
    pub fn sign(&self, payload: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
        self.sign_as(TYPE, payload)
    }

    /// Signs a payload of another media type.
    #[must_use]
    pub fn sign_as(&self, media_type: &str, payload: &Secret<Vec<u8>>) -> Secret<Vec<u8>> {
        let jwk = Jwk::ed25519(self.0.public_key().as_ref());
        let header = Header {
            alg: "EdDSA".into(),
            typ: media_type.into(),
            kid: jwk.thumbprint().key_id(),
            jwk,
        };
        let header = serde_json::to_vec(&header).unwrap_or_default();
        let length = |bytes: usize| bytes.div_ceil(3) * 4;
        let mut jws =
            secret::with_capacity(length(header.len()) + length(payload.expose().len()) + length(64) + 2);
        append_base64url(jws.expose_mut(), &header);
        jws.expose_mut().push(b'.');
        append_base64url(jws.expose_mut(), payload.expose());
        let signature = self.0.sign(jws.expose());
        jws.expose_mut().push(b'.');
        append_base64url(jws.expose_mut(), signature.as_ref());
        jws
    }
}

/// A JWS taken apart.
struct Parts {
    header: Header,
    /// Where the payload begins and ends.
    first: usize,
    second: usize,
}

fn take_apart(bytes: &[u8]) -> Option<Parts> {
    let mut dots = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'.')
        .map(|(at, _)| at);
    let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
        return None;
    };
    let header = BASE64URL.decode(&bytes[..first]).ok()?;
    let header = serde_json::from_slice(&header).ok()?;
    Some(Parts {
        header,
        first,
        second,
    })
}

/// Fingerprint of the key that a JWS names as its signer; nothing is checked.
pub fn signer(jws: &Secret<Vec<u8>>) -> Result<StationFingerprint, OpenError> {
    take_apart(jws.expose())
        .map(|parts| parts.header.jwk.thumbprint())
        .ok_or(OpenError::Damaged(NOT_SIGNED))
}

/// Checks a JWS against the fingerprint from paper and returns its payload.
pub fn verify(jws: &Secret<Vec<u8>>, station: &StationFingerprint) -> Result<Secret<Vec<u8>>, OpenError> {
    verify_as(TYPE, jws, station)
}

/// The same for a payload of another media type.
pub fn verify_as(
    media_type: &str,
    jws: &Secret<Vec<u8>>,
    signer: &StationFingerprint,
) -> Result<Secret<Vec<u8>>, OpenError> {
    let shape = || OpenError::Damaged(NOT_SIGNED);
    let bytes = jws.expose();
    let Parts {
        header,
        first,
        second,
    } = take_apart(bytes).ok_or_else(shape)?;
    let public = BASE64URL.decode(&header.jwk.x).map_err(|_| shape())?;
    let found = header.jwk.thumbprint();
    if header.alg != "EdDSA"
        || header.typ != media_type
        || header.jwk.kty != "OKP"
        || header.jwk.crv != "Ed25519"
    {
        return Err(shape());
    }
    if header.kid != found.key_id() {
        return Err(OpenError::BadSignature);
    }
    if found != *signer {
        return Err(OpenError::WrongStation { found });
    }
    let signature = BASE64URL.decode(&bytes[second + 1..]).map_err(|_| shape())?;
    UnparsedPublicKey::new(&ED25519, public)
        .verify(&bytes[..second], &signature)
        .map_err(|_| OpenError::BadSignature)?;
    let encoded = &bytes[first + 1..second];
    let mut payload = secret::with_capacity(encoded.len());
    payload.expose_mut().resize(encoded.len(), 0);
    let length = BASE64URL
        .decode_slice(encoded, payload.expose_mut())
        .map_err(|_| shape())?;
    payload.expose_mut().truncate(length);
    Ok(payload)
}

/// Appends base64url without padding; the buffer must have room, so that no copy is left behind.
fn append_base64url(to: &mut Vec<u8>, bytes: &[u8]) {
    let start = to.len();
    to.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let length = BASE64URL.encode_slice(bytes, &mut to[start..]).unwrap_or(0);
    to.truncate(start + length);
}

/// JOSE header (RFC 7515, 4.1) of a manifest.
#[derive(Serialize, Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    jwk: Jwk,
}

/// A public key as JWK (RFC 8037, 2), members in the order RFC 7638 wants for the thumbprint.
#[derive(Serialize, Deserialize)]
struct Jwk {
    crv: String,
    kty: String,
    x: String,
}

impl Jwk {
    fn ed25519(public: &[u8]) -> Self {
        Self {
            crv: "Ed25519".into(),
            kty: "OKP".into(),
            x: BASE64URL.encode(public),
        }
    }

    /// RFC 7638: SHA-256 over the required members in lexicographic order, without white space.
    fn thumbprint(&self) -> StationFingerprint {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let digest = ring::digest::digest(&ring::digest::SHA256, &json);
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(digest.as_ref());
        StationFingerprint(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbprint_matches_the_standards_example() {
        // RFC 8037, appendix A.3.
        let jwk = Jwk {
            crv: "Ed25519".into(),
            kty: "OKP".into(),
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".into(),
        };
        assert_eq!(
            jwk.thumbprint().key_id(),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn a_key_file_reads_back_and_so_does_openssls() {
        let pem = generate_pem().unwrap();
        let key = StationKey::from_pem(&pem).unwrap();
        assert_eq!(
            key.fingerprint(),
            StationKey::from_pem(&pem).unwrap().fingerprint()
        );
        // RFC 8410, 10.1 and 10.3.
        let standard = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
        let read = StationKey::from_pem(&Secret::new(standard.to_owned())).unwrap();
        assert_eq!(
            BASE64.encode(read.0.public_key().as_ref()),
            "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
        );
        for bad in [
            "",
            "text",
            &standard.replace("Ed", "!d"),
            &standard.replace("MC4C", "MC4D"),
        ] {
            assert!(
                StationKey::from_pem(&Secret::new(bad.to_owned())).is_none(),
                "{bad}"
            );
        }
    }

    #[test]
    fn a_signature_over_another_type_is_refused() {
        let key = StationKey::generate().unwrap();
        let payload = Secret::new(b"{}".to_vec());
        let jws = key.sign_as("other+jws", &payload);
        assert!(verify(&jws, &key.fingerprint()).is_err());
        assert!(verify_as("other+jws", &jws, &key.fingerprint()).is_ok());
    }

    #[test]
    fn verifies_its_own_and_refuses_a_changed_payload() {
        let key = StationKey::generate().unwrap();
        let jws = key.sign(&Secret::new(br#"{"a":1}"#.to_vec()));
        assert_eq!(verify(&jws, &key.fingerprint()).unwrap().expose(), br#"{"a":1}"#);
        let other = key.sign(&Secret::new(br#"{"a":2}"#.to_vec()));
        let parts = |s: &Secret<Vec<u8>>| -> Vec<String> {
            String::from_utf8(s.expose().clone())
                .unwrap()
                .split('.')
                .map(str::to_owned)
                .collect()
        };
        let (a, b) = (parts(&jws), parts(&other));
        let mixed = Secret::new(format!("{}.{}.{}", a[0], b[1], a[2]).into_bytes());
        assert_eq!(
            verify(&mixed, &key.fingerprint()).err(),
            Some(OpenError::BadSignature)
        );
    }
}
