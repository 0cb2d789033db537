//! The WebAuthn relying party behind the sandbox: every registration and every sign-in is really verified.
//!
//! A statement that is wrong (signature, challenge, origin, rp.id, user presence, user verification) is
//! refused. One that merely proves nothing (self attestation, a certificate the packed rules dislike, a chain
//! to an unknown root) is `notAttested`, as in Entra ID while attestation is not enforced.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AttestationCaList, AttestationFormat, AuthenticationState, COSEAlgorithm, Credential,
    ParsedAttestationData, PublicKeyCredential, RegisterPublicKeyCredential, RegistrationState,
    UserVerificationPolicy,
};

/// The rp.id of the real service, so that keys and browsers see in a rehearsal what they see later.
pub(crate) const RP_ID: &str = "login.microsoft.com";
/// The origin that a client writes into clientDataJSON.
pub(crate) const ORIGIN: &str = "https://login.microsoft.com";
/// Length of the service's challenge in bytes, as captured: far more than the 32 that examples use.
const CHALLENGE_BYTES: usize = 5198;

/// What a registration that was accepted left behind.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Registered {
    /// Key, counter and flags, as the library keeps them.
    pub(crate) credential: Credential,
    /// Whether the attestation statement and its certificate were accepted.
    pub(crate) attested: bool,
    /// Model number from the authenticator data.
    pub(crate) aaguid: [u8; 16],
    /// The attestation certificate, where there was one.
    pub(crate) certificate: Option<Vec<u8>>,
}

/// Why a response is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// A member is missing or is not base64url.
    #[error("the credential's member {0} is missing or unreadable")]
    Malformed(&'static str),
    /// The library's reason.
    #[error("{0}")]
    Refused(#[from] WebauthnError),
}

/// The relying party `login.microsoft.com` of one sandbox tenant.
pub(crate) struct RelyingParty {
    core: WebauthnCore,
    roots: Option<AttestationCaList>,
}

impl RelyingParty {
    /// Makes the relying party; with `roots`, only statements that chain to one of them are attested.
    pub(crate) fn new(roots: Option<AttestationCaList>) -> Self {
        let origin = url::Url::parse(ORIGIN).expect("the origin is a constant URL");
        Self {
            core: WebauthnCore::new_unsafe_experts_only(
                "Microsoft",
                RP_ID,
                vec![origin],
                std::time::Duration::from_mins(1),
                None,
                None,
            ),
            roots,
        }
    }

    /// Begins a registration: creation options in W3C JSON as the service sends them, and what to keep.
    pub(crate) fn begin_registration(
        &self,
        user_id: &[u8],
        name: &str,
        display_name: &str,
        exclude: &[Vec<u8>],
    ) -> Result<(Value, RegistrationState), Refusal> {
        let builder = self
            .core
            .new_challenge_register_builder(user_id, name, display_name)?
            .user_verification_policy(UserVerificationPolicy::Required)
            .credential_algorithms(vec![COSEAlgorithm::ES256, COSEAlgorithm::RS256])
            .require_resident_key(true)
            .exclude_credentials(Some(exclude.to_vec()));
        let (_, state) = self.core.generate_challenge_register(builder)?;
        let challenge = opaque_challenge();
        let mut kept = serde_json::to_value(&state).map_err(WebauthnError::from)?;
        kept["challenge"] = json!(challenge);
        let state = serde_json::from_value(kept).map_err(WebauthnError::from)?;
        let exclude: Vec<Value> = exclude
            .iter()
            .map(|id| json!({"type": "public-key", "id": BASE64_URL_SAFE_NO_PAD.encode(id), "transports": ["usb"]}))
            .collect();
        let options = json!({
            "rp": {"id": RP_ID, "name": "Microsoft"},
            "user": {"id": BASE64_URL_SAFE_NO_PAD.encode(user_id), "name": name, "displayName": display_name},
            "challenge": challenge,
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
            "timeout": 60000,
            "excludeCredentials": exclude,
            "authenticatorSelection": {
                "authenticatorAttachment": "cross-platform",
                "requireResidentKey": true,
                "userVerification": "required",
            },
            "attestation": "direct",
            "extensions": {
                "hmacCreateSecret": true,
                "enforceCredentialProtectionPolicy": true,
                "credentialProtectionPolicy": "userVerificationOptional",
            },
        });
        Ok((options, state))
    }

    /// Verifies a registration response.
    pub(crate) fn finish_registration(
        &self,
        credential: &Value,
        state: &RegistrationState,
    ) -> Result<Registered, Refusal> {
        let mut response = registration_response(credential)?;
        let aaguid = aaguid(&response.response.attestation_object).unwrap_or_default();
        match self
            .core
            .register_credential(&response, state, self.roots.as_ref())
        {
            Ok(credential) => {
                let certificate = certificate(&response.response.attestation_object);
                let packed = credential.attestation_format == AttestationFormat::Packed;
                let attested =
                    packed && matches!(credential.attestation.data, ParsedAttestationData::Basic(_));
                Ok(Registered {
                    credential,
                    attested,
                    aaguid,
                    certificate,
                })
            }
            Err(error) if proves_nothing(&error) => {
                let certificate = certificate(&response.response.attestation_object);
                response.response.attestation_object =
                    without_statement(&response.response.attestation_object)
                        .ok_or(WebauthnError::AttestationStatementMapInvalid)?;
                let credential = self.core.register_credential(&response, state, None)?;
                Ok(Registered {
                    credential,
                    attested: false,
                    aaguid,
                    certificate,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Begins a sign-in with one of `credentials`.
    pub(crate) fn begin_sign_in(
        &self,
        credentials: Vec<Credential>,
    ) -> Result<(Value, AuthenticationState), Refusal> {
        let allow: Vec<Value> = credentials
            .iter()
            .map(|c| json!({"type": "public-key", "id": BASE64_URL_SAFE_NO_PAD.encode(&c.cred_id)}))
            .collect();
        let builder = self
            .core
            .new_challenge_authenticate_builder(credentials, Some(UserVerificationPolicy::Required))?;
        let (response, state) = self.core.generate_challenge_authenticate(builder)?;
        let options = json!({
            "challenge": BASE64_URL_SAFE_NO_PAD.encode(&response.public_key.challenge),
            "timeout": 60000,
            "rpId": RP_ID,
            "allowCredentials": allow,
            "userVerification": "required",
        });
        Ok((options, state))
    }

    /// Verifies a sign-in response; returns the credential id and the new signature counter.
    pub(crate) fn finish_sign_in(
        &self,
        credential: &Value,
        state: &AuthenticationState,
    ) -> Result<(Vec<u8>, u32), Refusal> {
        let field = |pointer: &'static str| decoded(credential, pointer);
        let user_handle = credential
            .pointer("/response/userHandle")
            .filter(|v| !v.is_null())
            .map(|_| field("/response/userHandle"))
            .transpose()?;
        let id = match field("/rawId") {
            Ok(id) => id,
            Err(_) => field("/id")?,
        };
        let response: PublicKeyCredential = serde_json::from_value(json!({
            "id": BASE64_URL_SAFE_NO_PAD.encode(&id),
            "rawId": BASE64_URL_SAFE_NO_PAD.encode(&id),
            "type": "public-key",
            "response": {
                "authenticatorData": BASE64_URL_SAFE_NO_PAD.encode(field("/response/authenticatorData")?),
                "clientDataJSON": BASE64_URL_SAFE_NO_PAD.encode(field("/response/clientDataJSON")?),
                "signature": BASE64_URL_SAFE_NO_PAD.encode(field("/response/signature")?),
                "userHandle": user_handle.map(|h| BASE64_URL_SAFE_NO_PAD.encode(h)),
            },
        }))
        .map_err(WebauthnError::from)?;
        let result = self.core.authenticate_credential(&response, state)?;
        Ok((result.cred_id().clone(), result.counter()))
    }
}

/// Reads base64url or base64, padded or not, as clients send both.
pub(crate) fn lenient_base64(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    BASE64_URL_SAFE_NO_PAD.decode(plain).ok()
}

/// The statement is well formed or unknown, its signature is not wrong, and yet it vouches for nothing.
fn proves_nothing(error: &WebauthnError) -> bool {
    matches!(
        error,
        WebauthnError::AttestationNotSupported
            | WebauthnError::AttestationCertificateRequirementsNotMet
            | WebauthnError::AttestationChainNotTrusted(_)
            | WebauthnError::AttestationNotVerifiable
            | WebauthnError::AttestationTrustFailure
            | WebauthnError::AttestationUntrustedAaguid
            | WebauthnError::AttestationFormatMissingAaguid
            | WebauthnError::X509DerInvalid
    )
}

/// A challenge of the service's length and alphabet: the ASCII text of a token that only the server reads.
fn opaque_challenge() -> String {
    let mut random = vec![0_u8; CHALLENGE_BYTES * 3 / 4];
    super::fill_random(&mut random);
    let token = BASE64_URL_SAFE_NO_PAD.encode(random);
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

fn decoded(credential: &Value, pointer: &'static str) -> Result<Vec<u8>, Refusal> {
    credential
        .pointer(pointer)
        .and_then(Value::as_str)
        .and_then(lenient_base64)
        .ok_or(Refusal::Malformed(pointer))
}

/// Builds the library's type from what browsers and simpler clients send.
fn registration_response(credential: &Value) -> Result<RegisterPublicKeyCredential, Refusal> {
    // Both spellings reach the real service and are read there.
    let client_data = decoded(credential, "/response/clientDataJSON")
        .or_else(|_| decoded(credential, "/response/clientDataJson"))?;
    let id = decoded(credential, "/rawId").or_else(|_| decoded(credential, "/id"))?;
    let built = json!({
        "id": BASE64_URL_SAFE_NO_PAD.encode(&id),
        "rawId": BASE64_URL_SAFE_NO_PAD.encode(&id),
        "type": "public-key",
        "response": {
            "attestationObject":
                BASE64_URL_SAFE_NO_PAD.encode(decoded(credential, "/response/attestationObject")?),
            "clientDataJSON": BASE64_URL_SAFE_NO_PAD.encode(client_data),
        },
    });
    let response: RegisterPublicKeyCredential =
        serde_json::from_value(built).map_err(|error| Refusal::Refused(error.into()))?;
    match credential_id(&response.response.attestation_object) {
        Some(inner) if inner == id => Ok(response),
        _ => Err(Refusal::Malformed("/rawId")),
    }
}

fn member(attestation_object: &[u8], name: &str) -> Option<ciborium::Value> {
    let value: ciborium::Value = ciborium::from_reader(attestation_object).ok()?;
    value
        .into_map()
        .ok()?
        .into_iter()
        .find(|(key, _)| key.as_text() == Some(name))
        .map(|(_, value)| value)
}

fn authenticator_data(attestation_object: &[u8]) -> Option<Vec<u8>> {
    member(attestation_object, "authData")?.into_bytes().ok()
}

/// The AAGUID: 16 bytes after rpIdHash (32), flags (1) and counter (4); see WebAuthn 6.1 and 6.5.1.
fn aaguid(attestation_object: &[u8]) -> Option<[u8; 16]> {
    authenticator_data(attestation_object)?
        .get(37..53)?
        .try_into()
        .ok()
}

fn credential_id(attestation_object: &[u8]) -> Option<Vec<u8>> {
    let data = authenticator_data(attestation_object)?;
    let length = u16::from_be_bytes(data.get(53..55)?.try_into().ok()?);
    Some(data.get(55..55 + usize::from(length))?.to_vec())
}

/// The first certificate of `x5c`.
fn certificate(attestation_object: &[u8]) -> Option<Vec<u8>> {
    let statement = member(attestation_object, "attStmt")?.into_map().ok()?;
    let (_, chain) = statement
        .into_iter()
        .find(|(key, _)| key.as_text() == Some("x5c"))?;
    chain.into_array().ok()?.into_iter().next()?.into_bytes().ok()
}

/// The same attestation object with format `none`, so that everything but the statement is still verified.
fn without_statement(attestation_object: &[u8]) -> Option<Vec<u8>> {
    let data = authenticator_data(attestation_object)?;
    let object = ciborium::Value::Map(vec![
        ("fmt".into(), "none".into()),
        ("attStmt".into(), ciborium::Value::Map(Vec::new())),
        ("authData".into(), ciborium::Value::Bytes(data)),
    ]);
    let mut bytes = Vec::new();
    ciborium::into_writer(&object, &mut bytes).ok()?;
    Some(bytes)
}
