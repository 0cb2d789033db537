//! Removing one discoverable credential from a key (authenticatorCredentialManagement, CTAP 2.1, 6.8.5).

use ciborium::Value;
use ctap_hid_fido2::fidokey::pin::Permission;
use ring::hmac;

use super::cbor;
use super::error::{Effect, KeyError};
use super::info::KeyInfo;
use super::pin;
use super::reset::PLAIN;
use super::session::Session;
use crate::secret::{Pin, Secret};

/// deleteCredential.
const DELETE: u8 = 0x06;

/// The command of this model: the one of CTAP 2.1, or its preview.
fn command_of(info: &KeyInfo) -> Result<u8, KeyError> {
    if info.has("credMgmt") {
        Ok(0x0A)
    } else if info.has("credentialMgmtPreview") {
        Ok(0x41)
    } else {
        let what = "remove a single credential".into();
        Err(KeyError::ModelCannot { what })
    }
}

/// Parameters of deleteCredential in canonical CBOR, authorised by a token (CTAP 2.1, 6.8.5).
fn request(credential_id: &[u8], protocol: u8, token: &[u8]) -> Vec<u8> {
    let descriptor = Value::Map(vec![
        ("id".into(), Value::Bytes(credential_id.to_vec())),
        ("type".into(), "public-key".into()),
    ]);
    let parameters = Value::Map(vec![(0x02.into(), descriptor)]);
    let mut message = vec![DELETE];
    message.extend_from_slice(&cbor::write(&parameters));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, token), &message);
    // Protocol 1 cuts the tag (CTAP 2.1, 6.5.6).
    let length = if protocol == 1 { 16 } else { 32 };
    cbor::write(&Value::Map(vec![
        (0x01.into(), u64::from(DELETE).into()),
        (0x02.into(), parameters),
        (0x03.into(), u64::from(protocol).into()),
        (0x04.into(), Value::Bytes(tag.as_ref()[..length].to_vec())),
    ]))
}

/// Removes a credential; one that is not there is success. No touch is needed.
pub(super) fn remove(session: &mut Session<'_>, pin: &Pin, credential_id: &[u8]) -> Result<(), KeyError> {
    pin::check_length(pin)?;
    let info = session.identify()?;
    let command = command_of(&info)?;
    let ask = pin::ready_for_pin(session, &info)?;
    let with_permission = info.has("pinUvAuthToken");
    let removed = pin::with_token(&info, |protocol| {
        let token = session.library(protocol, PLAIN, Effect::Nothing, |key| {
            let token = if with_permission {
                key.get_pinuv_auth_token_with_permission(pin.expose(), Permission::CredentialManagement)
            } else {
                key.get_pin_token(pin.expose())
            };
            token.map(|token| Secret::new(token.key))
        })?;
        let body = request(credential_id, protocol, token.expose());
        match session.exchange(command, &body, Effect::Unknown) {
            Ok(_) | Err(KeyError::NotHeld) => Ok(()),
            Err(error) => Err(error),
        }
    });
    pin::count_attempts(session, ask, removed).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::info::tests::plain_info;

    #[test]
    fn a_model_has_the_command_its_preview_or_neither() {
        let with = |name: &str| {
            let mut info = plain_info();
            info.options.insert(name.into(), true);
            command_of(&info)
        };
        assert_eq!(with("credMgmt"), Ok(0x0A));
        assert_eq!(with("credentialMgmtPreview"), Ok(0x41));
        let refused = command_of(&plain_info()).unwrap_err();
        assert!(refused.to_string().contains("cannot remove"), "{refused}");
    }

    /// Computed with Python's hmac module from the rule in CTAP 2.1, 6.8.5 (token: bytes 0 to 31).
    #[test]
    fn signs_and_orders_the_command_as_specified() {
        let token: Vec<u8> = (0..32).collect();
        let two = request(b"\x01\x02", 2, &token);
        let head = [
            &[0xA4, 0x01, 0x06, 0x02, 0xA1, 0x02, 0xA2, 0x62][..],
            b"id",
            &[0x42, 1, 2, 0x64],
            b"type",
            &[0x6A],
            b"public-key",
            &[0x03, 0x02, 0x04, 0x58, 0x20],
        ]
        .concat();
        assert_eq!(two[..head.len()], head);
        assert_eq!(two[head.len()..], VECTOR);
        let one = request(b"\x01\x02", 1, &token);
        assert!(one.ends_with(&VECTOR[..16]) && one.len() < two.len() - 15);
    }

    const VECTOR: [u8; 32] = [
        0x3D, 0x04, 0x37, 0x2E, 0xD5, 0x91, 0xCD, 0xCA, 0x00, 0xE6, 0x60, 0xFC, 0xFB, 0x32, 0xA4, 0x1D, 0x8E,
        0xBE, 0x19, 0xC0, 0x5D, 0xBB, 0x2D, 0x69, 0xDD, 0x37, 0x9E, 0x04, 0x45, 0xBE, 0xE2, 0xA5,
    ];
}
