//! Asking a key for an assertion of one credential, and checking it.

use ctap_hid_fido2::fidokey::GetAssertionArgsBuilder;
use serde::{Deserialize, Serialize};

use super::auth_data::{AuthData, PublicKey, USER_PRESENT, USER_VERIFIED};
use super::blob::Blob;
use super::error::{Effect, KeyError};
use super::pin;
use super::reset::TOUCH;
use super::session::Session;
use crate::secret::Pin;

/// Which credential is to sign what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialQuery {
    /// Relying party, for example `login.microsoft.com`.
    pub rp_id: String,
    /// Credential id.
    pub credential_id: Blob,
    /// The bytes whose SHA-256 becomes the client data hash (`clientDataJSON` for WebAuthn).
    pub client_data: Blob,
}

/// A signed answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assertion {
    /// Which credential signed.
    pub credential_id: Blob,
    /// Authenticator data as the key signed it.
    pub auth_data: Blob,
    /// The signature.
    pub signature: Blob,
    /// User handle, where the key gave one.
    pub user_handle: Option<Blob>,
}

/// What a checked assertion says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Whether the key verified its user (PIN or finger).
    pub user_verified: bool,
    /// Signature counter; 0 on keys that do not count.
    pub sign_count: u32,
}

impl Assertion {
    /// Checks relying party, credential, touch and signature against a known public key (`COSE_Key`).
    pub fn check(&self, query: &CredentialQuery, cose_key: &[u8]) -> Result<Checked, KeyError> {
        let not = |reason: &str| KeyError::NotProven {
            reason: reason.to_owned(),
        };
        let public_key = PublicKey::from_cose(cose_key).map_err(|reason| KeyError::NotProven { reason })?;
        let auth_data = AuthData::parse(self.auth_data.as_slice()).map_err(KeyError::protocol)?;
        if !auth_data.is_for(&query.rp_id) {
            return Err(not("it is for another relying party"));
        }
        if self.credential_id != query.credential_id {
            return Err(not("another credential signed"));
        }
        if !auth_data.has(USER_PRESENT) {
            return Err(not("nobody touched the key"));
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, query.client_data.as_slice());
        if !public_key.verifies(
            self.auth_data.as_slice(),
            hash.as_ref(),
            self.signature.as_slice(),
        ) {
            return Err(not("the signature does not fit"));
        }
        Ok(Checked {
            user_verified: auth_data.has(USER_VERIFIED),
            sign_count: auth_data.sign_count,
        })
    }
}

/// Gets an assertion of one credential; waits for the touch.
pub(super) fn get(
    session: &mut Session<'_>,
    pin: Option<&Pin>,
    query: &CredentialQuery,
) -> Result<Assertion, KeyError> {
    let info = session.identify()?;
    let protocol = if let Some(pin) = pin {
        pin::check_length(pin)?;
        pin::ready_for_pin(session, &info)?
    } else if info.has("alwaysUv") {
        return Err(KeyError::PinRequired);
    } else {
        info.pin_protocol().unwrap_or(1)
    };
    let got = session.library(protocol, TOUCH, Effect::Nothing, |key| {
        let args = GetAssertionArgsBuilder::new(&query.rp_id, query.client_data.as_slice())
            .credential_id(query.credential_id.as_slice());
        let args = match pin {
            Some(pin) => args.pin(pin.expose()),
            None => args.without_pin_and_uv(),
        };
        key.get_assertion_with_args(&args.build())
    });
    let got = pin::count_attempts(session, protocol, got)?
        .into_iter()
        .next()
        .ok_or_else(|| KeyError::protocol("it gave no assertion"))?;
    Ok(Assertion {
        // A key may leave the id out when only one was asked for (CTAP 2.1, 6.2.2).
        credential_id: if got.credential_id.is_empty() {
            query.credential_id.clone()
        } else {
            Blob(got.credential_id)
        },
        auth_data: Blob(got.auth_data),
        signature: Blob(got.signature),
        user_handle: (!got.user.id.is_empty()).then_some(Blob(got.user.id)),
    })
}
