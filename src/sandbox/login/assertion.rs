//! Verifies an application's assertion (RFC 7523, 3) as the real service documents it: PS256 and `x5t#S256`.

use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::relying_party::lenient_base64;
use super::{Application, Refused};

/// Seconds that two clocks may differ.
const SKEW: i64 = 300;
/// Longest time that an assertion may be good, in seconds.
const LONGEST: i64 = 600;

/// The assertion's id, if all of it holds.
pub(super) fn verify(
    text: &str,
    application: &Application,
    audience: &str,
    now: i64,
) -> Result<String, Refused> {
    let refuse = |reason| Refused("invalid_client", reason);
    let mut pem = Pem::iter_from_buffer(application.certificate.as_bytes());
    let der = pem
        .find_map(|section| section.ok().filter(|s| s.label == "CERTIFICATE"))
        .ok_or(refuse("The application's certificate is not PEM."))?
        .contents;
    let (_, certificate) =
        X509Certificate::from_der(&der).map_err(|_| refuse("The application's certificate is none."))?;
    let (signed, signature) = text
        .rsplit_once('.')
        .ok_or(refuse("The assertion is not a JWT."))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or(refuse("The assertion is not a JWT."))?;
    let json = |part: &str| -> Option<Value> { serde_json::from_slice(&lenient_base64(part)?).ok() };
    let header = json(header).ok_or(refuse("The assertion's header is not JSON."))?;
    let claims = json(claims).ok_or(refuse("The assertion's claims are not JSON."))?;
    let thumbprint = ring::digest::digest(&ring::digest::SHA256, &der);
    let thumbprint = super::super::base64url(thumbprint.as_ref());
    if header["alg"] != "PS256" || header["x5t#S256"] != thumbprint.as_str() {
        return Err(refuse(
            "The assertion is not made with the application's certificate.",
        ));
    }
    let key = &certificate.public_key().subject_public_key.data;
    let signature = lenient_base64(signature).ok_or(refuse("The signature is not base64url."))?;
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| refuse("The signature is wrong."))?;
    let client = |name: &str| {
        claims[name]
            .as_str()
            .is_some_and(|c| c.eq_ignore_ascii_case(&application.client_id))
    };
    if claims["aud"] != audience || !client("iss") || !client("sub") {
        return Err(refuse("The assertion is for another service or application."));
    }
    let time = |name: &str| claims[name].as_i64().ok_or(refuse("A time is missing."));
    let (begin, end) = (time("nbf")?, time("exp")?);
    if end <= now - SKEW || begin > now + SKEW || end > now + LONGEST + SKEW {
        return Err(refuse("The assertion is not good at this time."));
    }
    let id = claims["jti"].as_str().filter(|id| !id.is_empty());
    id.map(str::to_owned)
        .ok_or(refuse("The assertion has no id (jti)."))
}
