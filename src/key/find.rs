//! Asking a key, without a touch, which of many credentials it holds: as few lists as the key takes.

use std::collections::VecDeque;

use ciborium::Value;

use super::assertion::{Assertion, CredentialQuery};
use super::cbor;
use super::channel::{Call, Channel, ReportPipe};
use super::device::UsbPort;
use super::error::{Effect, KeyError};
use super::info::KeyInfo;
use crate::blob::Blob;

const GET_ASSERTION: u8 = 0x02;

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

    use super::*;
    use crate::key::info::tests::plain_info;

    fn query() -> CredentialQuery {
        CredentialQuery {
            rp_id: "station.example".into(),
            credential_id: b"id".as_slice().into(),
            client_data: b"challenge".as_slice().into(),
        }
    }

    #[test]
    fn reads_which_of_the_list_signed() {
        let query = query();
        let mut other = query.clone();
        other.credential_id = b"other".as_slice().into();
        let answer = |id: Option<&[u8]>| {
            let credential = id.map(|id| Value::Map(vec![("id".into(), Value::Bytes(id.to_vec()))]));
            let mut map: Vec<(Value, Value)> = credential.map(|c| (1.into(), c)).into_iter().collect();
            map.push((2.into(), Value::Bytes(vec![2; 37])));
            map.push((3.into(), Value::Bytes(vec![3; 70])));
            cbor::write(&Value::Map(map))
        };
        let place = |list: &[(usize, &CredentialQuery)], body: &[u8]| {
            read_silent(list, body).map(|(place, assertion)| (place, assertion.credential_id.0))
        };
        let (one, two) = ([(4, &query)], [(4, &other), (5, &query)]);
        assert_eq!(place(&one, &answer(Some(b"id"))), Some((4, b"id".to_vec())));
        assert_eq!(place(&two, &answer(Some(b"id"))), Some((5, b"id".to_vec())));
        assert_eq!(place(&one, &answer(Some(b"stranger"))), None);
        // A key may leave the id out only when one was asked for.
        assert_eq!(place(&one, &answer(None)), Some((4, b"id".to_vec())));
        assert_eq!(place(&two, &answer(None)), None);
        assert_eq!(place(&one, &[0xA0]), None);
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
}
