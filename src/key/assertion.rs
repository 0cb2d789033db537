//! Asking a key for an assertion of one credential, and checking it.

use ctap_hid_fido2::fidokey::GetAssertionArgsBuilder;
use serde::{Deserialize, Serialize};

use super::auth_data::{AuthData, PublicKey, USER_PRESENT, USER_VERIFIED};
use super::error::{Effect, KeyError};
use super::pin;
use super::reset::TOUCH;
use super::session::Session;
use crate::blob::Blob;
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
        let auth_data = self.check_silent(query, cose_key)?;
        if !auth_data.has(USER_PRESENT) {
            return Err(KeyError::NotProven {
                reason: "nobody touched the key".into(),
            });
        }
        Ok(Checked {
            user_verified: auth_data.has(USER_VERIFIED),
            sign_count: auth_data.sign_count,
        })
    }

    /// The same without asking for a touch.
    pub(super) fn check_silent(
        &self,
        query: &CredentialQuery,
        cose_key: &[u8],
    ) -> Result<AuthData, KeyError> {
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
        let hash = ring::digest::digest(&ring::digest::SHA256, query.client_data.as_slice());
        if !public_key.verifies(
            self.auth_data.as_slice(),
            hash.as_ref(),
            self.signature.as_slice(),
        ) {
            return Err(not("the signature does not fit"));
        }
        Ok(auth_data)
    }
}

/// Gets an assertion of one credential; waits for the touch.
pub(super) fn get(
    session: &mut Session<'_>,
    pin: Option<&Pin>,
    query: &CredentialQuery,
) -> Result<Assertion, KeyError> {
    let info = session.identify()?;
    let args = || {
        GetAssertionArgsBuilder::new(&query.rp_id, query.client_data.as_slice())
            .credential_id(query.credential_id.as_slice())
    };
    let got = if let Some(pin) = pin {
        pin::check_length(pin)?;
        let ask = pin::ready_for_pin(session, &info)?;
        let got = pin::with_token(&info, |protocol| {
            session.library(protocol, TOUCH, Effect::Nothing, |key| {
                key.get_assertion_with_args(&args().pin(pin.expose()).build())
            })
        });
        pin::count_attempts(session, ask, got)?.1
    } else if info.has("alwaysUv") {
        return Err(KeyError::PinRequired);
    } else {
        session.library(1, TOUCH, Effect::Nothing, |key| {
            key.get_assertion_with_args(&args().without_pin_and_uv().build())
        })?
    };
    let got = got
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

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::key::virtual_key;

    fn query() -> CredentialQuery {
        CredentialQuery {
            rp_id: "login.microsoft.com".into(),
            credential_id: b"id".as_slice().into(),
            client_data: b"{\"type\":\"webauthn.get\"}".as_slice().into(),
        }
    }

    fn assertion(rp_id: &str, flags: u8, client_data: &[u8], ed25519: bool) -> Assertion {
        let auth_data = virtual_key::auth_data(rp_id, flags, None);
        let message = [&auth_data[..], digest(&SHA256, client_data).as_ref()].concat();
        Assertion {
            credential_id: b"id".as_slice().into(),
            signature: Blob(if ed25519 {
                virtual_key::ed25519().sign(&message).as_ref().to_vec()
            } else {
                virtual_key::sign(&message)
            }),
            auth_data: Blob(auth_data),
            user_handle: None,
        }
    }

    #[test]
    fn accepts_both_algorithms() {
        let query = query();
        let good = assertion(&query.rp_id, 0x05, query.client_data.as_slice(), false);
        let checked = good.check(&query, &virtual_key::cose_es256()).unwrap();
        assert!(checked.user_verified);
        assert_eq!(checked.sign_count, 3);
        let good = assertion(&query.rp_id, 0x01, query.client_data.as_slice(), true);
        assert!(
            !good
                .check(&query, &virtual_key::cose_ed25519())
                .unwrap()
                .user_verified
        );
    }

    #[test]
    fn a_silent_assertion_proves_the_key_and_no_touch() {
        let query = query();
        let quiet = assertion(&query.rp_id, 0x00, query.client_data.as_slice(), false);
        let cose = virtual_key::cose_es256();
        assert!(quiet.check_silent(&query, &cose).is_ok());
        assert!(quiet.check(&query, &cose).is_err());
    }

    #[test]
    fn refuses_every_answer_that_proves_nothing() {
        let query = query();
        let data = query.client_data.as_slice();
        let cose = virtual_key::cose_es256();
        let refused =
            |assertion: &Assertion| matches!(assertion.check(&query, &cose), Err(KeyError::NotProven { .. }));
        assert!(refused(&assertion("login.example", 0x01, data, false)));
        assert!(refused(&assertion(&query.rp_id, 0x04, data, false)));
        assert!(refused(&assertion(
            &query.rp_id,
            0x01,
            b"another challenge",
            false
        )));
        assert!(refused(&assertion(&query.rp_id, 0x01, data, true)));
        let good = assertion(&query.rp_id, 0x01, data, false);
        assert!(good.check(&query, &virtual_key::cose_ed25519()).is_err());
        assert!(good.check(&query, b"").is_err());
        let mut other = good.clone();
        other.credential_id = b"other".as_slice().into();
        assert!(refused(&other));
        let mut cut = good;
        cut.auth_data.0.truncate(20);
        assert!(matches!(cut.check(&query, &cose), Err(KeyError::Protocol { .. })));
    }
}
