//! Asking a key for an assertion of one credential, and checking it.

use std::collections::VecDeque;

use ciborium::Value;
use ctap_hid_fido2::fidokey::GetAssertionArgsBuilder;
use serde::{Deserialize, Serialize};

use super::auth_data::{AuthData, PublicKey, USER_PRESENT, USER_VERIFIED};
use super::cbor;
use super::channel::{Call, Channel, ReportPipe};
use super::device::UsbPort;
use super::error::{Effect, KeyError};
use super::info::KeyInfo;
use super::pin;
use super::reset::TOUCH;
use super::session::Session;
use crate::blob::Blob;
use crate::secret::Pin;

const GET_ASSERTION: u8 = 0x02;

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

/// Asks without a touch which of these credentials the key holds: place and assertion of the first.
///
/// Asks for as many at once as the key takes ([`KeyInfo::max_credential_count_in_list`], one where it does not
/// say, and [`KeyInfo::max_msg_size`]); ids longer than the key's own are not asked for. `None` also for keys
/// that do not tell without a touch or a PIN.
pub fn find<P: ReportPipe>(
    channel: &mut Channel<P>,
    port: &UsbPort,
    info: &KeyInfo,
    queries: &[CredentialQuery],
    call: &mut Call<'_>,
) -> Result<Option<(usize, Assertion)>, KeyError> {
    let mut lists: VecDeque<Vec<(usize, &CredentialQuery)>> = lists(info, queries).into();
    while let Some(list) = lists.pop_front() {
        let answer = channel
            .cbor(GET_ASSERTION, &cbor::write(&silent(&list)), call)
            .map_err(|error| error.into_key_error(port, Effect::Nothing));
        match answer.map(|body| read_silent(&list, &body)) {
            Ok(Some(found)) => return Ok(Some(found)),
            Err(KeyError::NotHeld) => {}
            Err(error @ (KeyError::Vanished { .. } | KeyError::Mute { .. } | KeyError::Cancelled { .. })) => {
                return Err(error);
            }
            // What a key makes of a list says nothing about what it makes of one id.
            Ok(None) | Err(_) if list.len() > 1 => {
                for single in list.into_iter().rev() {
                    lists.push_front(vec![single]);
                }
            }
            Ok(None) | Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Divides the queries, each with its place, into lists that the key takes.
fn lists<'a>(info: &KeyInfo, queries: &'a [CredentialQuery]) -> Vec<Vec<(usize, &'a CredentialQuery)>> {
    let most = info.max_credential_count_in_list.map_or(1, |n| n as usize).max(1);
    let fits = |query: &CredentialQuery| {
        info.max_credential_id_length
            .is_none_or(|longest| query.credential_id.0.len() <= longest as usize)
    };
    let mut lists: Vec<Vec<(usize, &CredentialQuery)>> = Vec::new();
    let mut size = 0;
    for (place, query) in queries.iter().enumerate().filter(|(_, query)| fits(query)) {
        let more = cbor::write(&descriptor(query)).len();
        match lists.last_mut() {
            Some(list)
                if list.len() < most
                    && size + more <= info.max_msg_size as usize
                    && list[0].1.rp_id == query.rp_id
                    && list[0].1.client_data == query.client_data =>
            {
                size += more;
                list.push((place, query));
            }
            _ => {
                let list = vec![(place, query)];
                // The command byte, and a longer header once the list has more than 23 members.
                size = 1 + cbor::write(&silent(&list)).len() + LIST_HEADER;
                lists.push(list);
            }
        }
    }
    lists
}

/// How much the header of a CBOR array can grow beyond one byte while the list still fits a message.
const LIST_HEADER: usize = 2;

fn descriptor(query: &CredentialQuery) -> Value {
    Value::Map(vec![
        ("id".into(), Value::Bytes(query.credential_id.as_slice().to_vec())),
        ("type".into(), "public-key".into()),
    ])
}

/// getAssertion of any of several credentials without user presence (CTAP 2.1, 6.2: the option `up`).
fn silent(list: &[(usize, &CredentialQuery)]) -> Value {
    let (rp_id, client_data) = list.first().map_or(("", &[][..]), |(_, query)| {
        (&*query.rp_id, query.client_data.as_slice())
    });
    let hash = ring::digest::digest(&ring::digest::SHA256, client_data);
    let ids = list.iter().map(|(_, query)| descriptor(query)).collect();
    Value::Map(vec![
        (1.into(), rp_id.into()),
        (2.into(), Value::Bytes(hash.as_ref().to_vec())),
        (3.into(), Value::Array(ids)),
        (5.into(), Value::Map(vec![("up".into(), false.into())])),
    ])
}

/// Reads which credential of the list signed, and what.
fn read_silent(list: &[(usize, &CredentialQuery)], body: &[u8]) -> Option<(usize, Assertion)> {
    let map = cbor::read_map(body).ok()?;
    let bytes = |number| {
        cbor::find(&map, number)
            .and_then(Value::as_bytes)
            .cloned()
            .map(Blob)
    };
    let signer = match (cbor::find(&map, 1), list) {
        (Some(credential), _) => {
            let id = credential
                .as_map()?
                .iter()
                .find(|(key, _)| key.as_text() == Some("id"))?
                .1
                .as_bytes()?;
            list.iter().find(|(_, query)| query.credential_id.0 == *id)?
        }
        // A key may leave the id out when only one was asked for (CTAP 2.1, 6.2.2).
        (None, [single]) => single,
        (None, _) => return None,
    };
    let (place, query) = *signer;
    let assertion = Assertion {
        credential_id: query.credential_id.clone(),
        auth_data: bytes(2)?,
        signature: bytes(3)?,
        user_handle: None,
    };
    Some((place, assertion))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::digest::{SHA256, digest};

    use super::*;
    use crate::key::info::tests::plain_info;
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
        let body = cbor::write(&Value::Map(vec![
            (2.into(), Value::Bytes(quiet.auth_data.0.clone())),
            (3.into(), Value::Bytes(quiet.signature.0.clone())),
        ]));
        let one = [(4, &query)];
        assert_eq!(read_silent(&one, &body), Some((4, quiet)));
        assert_eq!(read_silent(&one, &[0xA0]), None);
        // Of several, one that does not say which it is proves nothing.
        assert_eq!(read_silent(&[(4, &query), (5, &query)], &body), None);
    }

    /// `count` queries whose ids have `length` bytes.
    fn queries(count: u8, length: usize) -> Vec<CredentialQuery> {
        let ids = (0..count).map(|n| vec![n; length].into());
        ids.map(|credential_id| CredentialQuery {
            credential_id,
            ..query()
        })
        .collect()
    }

    fn places(info: &KeyInfo, queries: &[CredentialQuery]) -> Vec<Vec<usize>> {
        let lists = lists(info, queries);
        lists
            .iter()
            .map(|list| list.iter().map(|(place, _)| *place).collect())
            .collect()
    }

    #[test]
    fn asks_for_one_id_at_a_time_where_the_key_does_not_say_more() {
        let info = plain_info();
        assert_eq!(places(&info, &queries(3, 64)), [[0], [1], [2]]);
        let info = KeyInfo {
            max_credential_count_in_list: Some(2),
            ..info
        };
        assert_eq!(places(&info, &queries(3, 64)), [vec![0, 1], vec![2]]);
        assert!(places(&info, &[]).is_empty());
    }

    #[test]
    fn leaves_out_ids_that_the_key_cannot_have_made() {
        let mut mixed = queries(3, 64);
        mixed[1].credential_id = vec![9; 65].into();
        let info = KeyInfo {
            max_credential_count_in_list: Some(8),
            max_credential_id_length: Some(64),
            ..plain_info()
        };
        assert_eq!(places(&info, &mixed), [[0, 2]]);
        assert_eq!(places(&info, &queries(3, 64)), [[0, 1, 2]]);
    }

    #[test]
    fn different_questions_do_not_share_a_list() {
        let mut mixed = queries(4, 64);
        mixed[2].rp_id = "other.example".into();
        mixed[3].client_data = b"other".as_slice().into();
        let info = KeyInfo {
            max_credential_count_in_list: Some(8),
            ..plain_info()
        };
        assert_eq!(places(&info, &mixed), [vec![0, 1], vec![2], vec![3]]);
    }

    proptest! {
        /// No message is longer than the key takes, unless one id alone is too long; nothing is lost or doubled.
        #[test]
        fn lists_fit_the_key(most in 1_u32..300, max_msg_size in 200_u32..8000, count: u8, length in 1_usize..600) {
            let info = KeyInfo {
                max_credential_count_in_list: Some(most),
                max_msg_size,
                ..plain_info()
            };
            let queries = queries(count, length);
            let lists = lists(&info, &queries);
            for list in &lists {
                prop_assert!(list.len() <= most as usize);
                let size = 1 + cbor::write(&silent(list)).len();
                prop_assert!(size <= max_msg_size as usize || list.len() == 1, "{size}");
            }
            let asked: Vec<usize> = lists.iter().flatten().map(|(place, _)| *place).collect();
            prop_assert_eq!(asked, (0..queries.len()).collect::<Vec<_>>());
        }
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
