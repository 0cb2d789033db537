//! The assertion by which an application proves that it holds its certificate's key (RFC 7523; PS256, RFC 7518).

use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use serde_json::json;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::super::client::guid;
use super::endpoint::Application;
use super::error::SignInError;
use crate::secret::{Secret, with_capacity};

/// Seconds that an assertion is good.
const LIFETIME: u64 = 540;
/// Seconds that the service's clock may be behind ours.
const SKEW: u64 = 60;

/// An application's certificate with its private key.
pub struct Certificate {
    thumbprint: String,
    /// PKCS #8. The parsed key lives only while it signs.
    key: Secret<Vec<u8>>,
    not_after: i64,
}

impl Certificate {
    /// Reads a certificate and its private key, both PEM; the key as PKCS #8 without a passphrase.
    pub fn read(certificate: &[u8], key: &[u8]) -> Result<Self, SignInError> {
        let wrong = |what: &str| SignInError::Certificate(what.to_owned());
        let der = section(certificate, "CERTIFICATE")
            .ok_or_else(|| wrong("the file holds no certificate in PEM"))?;
        let (_, parsed) = X509Certificate::from_der(der.expose())
            .map_err(|_| wrong("the file holds no X.509 certificate"))?;
        if section(key, "ENCRYPTED PRIVATE KEY").is_some() {
            return Err(wrong("the private key has a passphrase"));
        }
        let key = section(key, "PRIVATE KEY")
            .ok_or_else(|| wrong("the file holds no private key in PEM and PKCS #8"))?;
        let pair = RsaKeyPair::from_pkcs8(key.expose())
            .map_err(|_| wrong("the private key is no RSA key of 2048 to 4096 bits in PKCS #8"))?;
        if parsed.public_key().subject_public_key.data.as_ref() != pair.public_key().as_ref() {
            return Err(wrong("the private key is that of another certificate"));
        }
        let (begin, end) = (
            parsed.validity().not_before.timestamp(),
            parsed.validity().not_after.timestamp(),
        );
        let digest = ring::digest::digest(&ring::digest::SHA256, der.expose());
        let certificate = Self {
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(digest),
            key,
            not_after: end,
        };
        let now = now()?.cast_signed();
        if now < begin {
            return Err(wrong("it is not valid yet, or this machine's clock is wrong"));
        }
        certificate.check(now)?;
        Ok(certificate)
    }

    fn check(&self, now: i64) -> Result<(), SignInError> {
        if now > self.not_after {
            return Err(SignInError::Certificate(
                "it has expired, or this machine's clock is wrong".into(),
            ));
        }
        Ok(())
    }

    /// A signed assertion for one request.
    pub(super) fn assertion(&self, application: &Application) -> Result<Zeroizing<String>, SignInError> {
        let now = now()?;
        self.check(now.cast_signed())?;
        let header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint});
        let claims = json!({
            "aud": application.endpoint("token"),
            "iss": application.client_id,
            "sub": application.client_id,
            "jti": guid(),
            "iat": now,
            "nbf": now - SKEW,
            "exp": now + LIFETIME,
        });
        let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let mut text = Zeroizing::new(String::with_capacity(2048));
        text.push_str(&part(&header));
        text.push('.');
        text.push_str(&part(&claims));
        let pair = RsaKeyPair::from_pkcs8(self.key.expose())
            .map_err(|_| SignInError::Certificate("the private key cannot be read".into()))?;
        let mut signature = vec![0_u8; pair.public().modulus_len()];
        pair.sign(
            &RSA_PSS_SHA256,
            &SystemRandom::new(),
            text.as_bytes(),
            &mut signature,
        )
        .map_err(|_| SignInError::Random)?;
        text.push('.');
        text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(signature));
        Ok(text)
    }
}

fn now() -> Result<u64, SignInError> {
    let since = SystemTime::UNIX_EPOCH.elapsed();
    since
        .map(|d| d.as_secs())
        .map_err(|_| SignInError::Certificate("this machine's clock is wrong".into()))
}

/// The first PEM section with this label (RFC 7468), decoded into memory that is wiped.
fn section(text: &[u8], label: &str) -> Option<Secret<Vec<u8>>> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let mut letters = with_capacity(body.len());
    letters
        .expose_mut()
        .extend(body.bytes().filter(|b| !b.is_ascii_whitespace()));
    let mut der = with_capacity(letters.expose().len());
    BASE64_STANDARD
        .decode_vec(letters.expose(), der.expose_mut())
        .ok()?;
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_by_their_label_and_never_guessed() {
        let text =
            b"x\n-----BEGIN A-----\nAAEC\r\nAw==\n-----END A-----\n-----BEGIN B-----\n!\n-----END B-----\n";
        assert_eq!(section(text, "A").unwrap().expose(), &[0, 1, 2, 3]);
        assert!(section(text, "B").is_none() && section(text, "C").is_none());
    }

    #[test]
    fn files_that_hold_something_else_are_refused_in_words() {
        let key = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAEC\n-----END ENCRYPTED PRIVATE KEY-----\n";
        for certificate in [
            &b""[..],
            key,
            b"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----",
        ] {
            assert!(matches!(
                Certificate::read(certificate, key),
                Err(SignInError::Certificate(_))
            ));
        }
    }
}
