//! What a key says of itself (authenticatorGetInfo, CTAP 2.1, 6.4), and whether that will do.

use std::collections::BTreeMap;

use ciborium::Value;
use serde::{Deserialize, Serialize};

use super::cbor;
use super::error::KeyError;
use crate::id::Aaguid;

/// COSE algorithm number of ECDSA with P-256 and SHA-256.
pub const ES256: i64 = -7;
/// COSE algorithm number of EdDSA, with Ed25519 here.
pub const EDDSA: i64 = -8;

/// Shortest PIN that the specification allows, in code points; keys may ask for more.
pub const MIN_PIN_LENGTH: u32 = 4;

/// The answer to getInfo, with the defaults of the specification filled in.
///
/// Members of an unexpected type count as absent; unknown members are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// Protocol versions, for example `FIDO_2_0`, `U2F_V2`.
    pub versions: Vec<String>,
    /// Supported extensions.
    pub extensions: Vec<String>,
    /// Model number.
    pub aaguid: Aaguid,
    /// Options that are present, with their values.
    pub options: BTreeMap<String, bool>,
    /// Longest message the key takes, in bytes (absent: 1024).
    pub max_msg_size: u32,
    /// PIN/UV auth protocols in the key's order (absent, as with CTAP 2.0: 1).
    pub pin_protocols: Vec<u8>,
    /// How many credential ids the key takes in one list, where it says so.
    pub max_credential_count_in_list: Option<u32>,
    /// Longest credential id the key takes back, where it says so.
    pub max_credential_id_length: Option<u32>,
    /// Ways to reach the key; empty where it does not say.
    pub transports: Vec<String>,
    /// COSE algorithm numbers; empty where it does not say.
    pub algorithms: Vec<i64>,
    /// Whether the key wants a new PIN before anything else.
    pub force_pin_change: bool,
    /// Shortest PIN in code points (absent or 0: 4).
    pub min_pin_length: u32,
    /// Longest PIN in code points, where the key says so.
    pub max_pin_length: Option<u32>,
    /// Firmware version as the model numbers it.
    pub firmware: Option<u64>,
    /// How many more discoverable credentials fit.
    pub remaining_discoverable: Option<u64>,
    /// Attestation formats; empty where it does not say.
    pub attestation_formats: Vec<String>,
    /// Whether a reset wants a long touch (CTAP 2.3); `None`: the model does not know long touches.
    pub long_touch_for_reset: Option<bool>,
    /// Transports over which a reset is possible, where the key restricts them (CTAP 2.2).
    pub transports_for_reset: Option<Vec<String>>,
    /// Whether the key has rules for PINs beyond their length (CTAP 2.2); `None` where it does not say.
    pub pin_complexity_policy: Option<bool>,
    /// Where those rules can be read, as printable ASCII without spaces, at most 256 bytes.
    pub pin_complexity_policy_url: Option<String>,
    /// Subcommands of authenticatorConfig that the key knows, where it lists them (CTAP 2.3).
    pub config_commands: Option<Vec<u64>>,
}

impl KeyInfo {
    /// Value of an option; `None` if the key does not list it.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<bool> {
        self.options.get(name).copied()
    }

    /// Whether an option is listed and true.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.option(name) == Some(true)
    }

    /// Whether a PIN is set.
    #[must_use]
    pub fn pin_set(&self) -> bool {
        self.has("clientPin")
    }

    /// Whether the next reset wants a long touch.
    #[must_use]
    pub fn wants_long_touch(&self) -> bool {
        self.long_touch_for_reset == Some(true)
    }

    /// The PIN/UV auth protocol to use: 2 if listed, else 1 if listed.
    #[must_use]
    pub fn pin_protocol(&self) -> Option<u8> {
        [2, 1].into_iter().find(|p| self.pin_protocols.contains(p))
    }
}

/// Why a key cannot be prepared as an emergency key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Unfit {
    /// It speaks U2F only.
    #[error("It does not know FIDO2 (it lists {}).", listed(.versions))]
    NoFido2 {
        /// What it lists.
        versions: Vec<String>,
    },
    /// It has no PIN function.
    #[error("It cannot have a PIN.")]
    NoPin,
    /// Its PIN cannot authorise credentials.
    #[error("Its PIN cannot authorise credentials (noMcGaPermissionsWithClientPin).")]
    PinNotForCredentials,
    /// It offers no PIN protocol we know.
    #[error("It offers no PIN protocol that is known here.")]
    NoPinProtocol,
    /// It is part of a computer.
    #[error("It is built into a device and is no key to put into a safe.")]
    Platform,
    /// It can be reset, but not over USB.
    #[error("It cannot be reset over USB (it lists {}).", listed(.transports))]
    ResetNotOverUsb {
        /// Where it can be reset.
        transports: Vec<String>,
    },
    /// It signs with algorithms only that we cannot check.
    #[error("It signs neither with ES256 nor with EdDSA.")]
    Algorithms,
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

/// Checks whether the key can be prepared at all; a set PIN or a wanted PIN change are no obstacles.
pub fn fitness(info: &KeyInfo) -> Result<(), Unfit> {
    // FIDO_2_1_PRE is a preview of credential management, not a version of its own.
    if !info
        .versions
        .iter()
        .any(|v| v.starts_with("FIDO_2_") && v != "FIDO_2_1_PRE")
    {
        return Err(Unfit::NoFido2 {
            versions: info.versions.clone(),
        });
    }
    if info.has("plat") {
        return Err(Unfit::Platform);
    }
    if info.option("clientPin").is_none() {
        return Err(Unfit::NoPin);
    }
    if info.has("noMcGaPermissionsWithClientPin") {
        return Err(Unfit::PinNotForCredentials);
    }
    if info.pin_protocol().is_none() {
        return Err(Unfit::NoPinProtocol);
    }
    if !info.algorithms.is_empty() && !info.algorithms.iter().any(|a| matches!(*a, ES256 | EDDSA)) {
        return Err(Unfit::Algorithms);
    }
    if let Some(transports) = &info.transports_for_reset
        && !transports.iter().any(|t| t == "usb")
    {
        return Err(Unfit::ResetNotOverUsb {
            transports: transports.clone(),
        });
    }
    Ok(())
}

/// Most list entries kept of any member; real keys have fewer than 40.
const MAX_LIST: usize = 256;
/// Longest text kept of any member.
const MAX_TEXT: usize = 64;
/// Longest web address kept.
const MAX_URL: usize = 256;

/// Reads the body of a getInfo answer (the bytes after the status).
pub fn parse(body: &[u8]) -> Result<KeyInfo, KeyError> {
    let map = cbor::read_map(body).map_err(KeyError::protocol)?;
    let member = |number: i64| cbor::find(&map, number);
    let aaguid = member(0x03)
        .and_then(Value::as_bytes)
        .and_then(|bytes| <[u8; 16]>::try_from(bytes.as_slice()).ok())
        .ok_or_else(|| KeyError::protocol("getInfo holds no model number of 16 bytes"))?;
    let number = |at: i64| member(at).and_then(cbor::unsigned);
    let small = |at: i64| number(at).and_then(|n| u32::try_from(n).ok());
    let flag = |at: i64| member(at).and_then(Value::as_bool);
    let options = member(0x04)
        .and_then(Value::as_map)
        .into_iter()
        .flatten()
        .take(MAX_LIST)
        .filter_map(|(name, value)| Some((text(name)?, value.as_bool()?)))
        .collect();
    let pin_protocols: Vec<u8> = list(member(0x06))
        .filter_map(|v| u8::try_from(cbor::unsigned(v)?).ok())
        .collect();
    let algorithms = list(member(0x0A))
        .filter_map(Value::as_map)
        .filter_map(|entry| {
            let alg = entry.iter().find(|(k, _)| k.as_text() == Some("alg"))?;
            i64::try_from(alg.1.as_integer()?).ok()
        })
        .collect();
    Ok(KeyInfo {
        versions: texts(member(0x01)),
        extensions: texts(member(0x02)),
        aaguid: Aaguid(aaguid),
        options,
        max_msg_size: small(0x05).filter(|size| *size >= 64).unwrap_or(1024),
        pin_protocols: if member(0x06).is_none() {
            vec![1]
        } else {
            pin_protocols
        },
        max_credential_count_in_list: small(0x07).filter(|n| *n > 0),
        max_credential_id_length: small(0x08),
        transports: texts(member(0x09)),
        algorithms,
        force_pin_change: flag(0x0C).unwrap_or(false),
        min_pin_length: small(0x0D).filter(|n| *n > 0).unwrap_or(MIN_PIN_LENGTH),
        max_pin_length: small(0x1D),
        firmware: number(0x0E),
        remaining_discoverable: number(0x14),
        attestation_formats: texts(member(0x16)),
        long_touch_for_reset: flag(0x18),
        transports_for_reset: member(0x1A)
            .and_then(Value::as_array)
            .map(|_| texts(member(0x1A))),
        pin_complexity_policy: flag(0x1B),
        pin_complexity_policy_url: member(0x1C).and_then(url),
        config_commands: member(0x1F)
            .and_then(Value::as_array)
            .map(|_| list(member(0x1F)).filter_map(cbor::unsigned).collect()),
    })
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(MAX_LIST)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    list(value).filter_map(text).collect()
}

/// A text of a key that is safe to show; anything longer or stranger is left out.
fn text(value: &Value) -> Option<String> {
    clean(value.as_text()?, MAX_TEXT)
}

/// A web address, which the specification has as bytes.
fn url(value: &Value) -> Option<String> {
    let text = match value {
        Value::Bytes(bytes) => std::str::from_utf8(bytes).ok()?,
        other => other.as_text()?,
    };
    clean(text, MAX_URL).filter(|url| !url.is_empty())
}

fn clean(text: &str, limit: usize) -> Option<String> {
    (text.len() <= limit && text.chars().all(|c| c.is_ascii_graphic())).then(|| text.to_owned())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A CTAP 2.0 key that has no PIN yet.
    pub(crate) fn plain_info() -> KeyInfo {
        let body = cbor::write(&Value::Map(vec![
            (1.into(), Value::Array(vec!["U2F_V2".into(), "FIDO_2_0".into()])),
            (3.into(), Value::Bytes(vec![7; 16])),
            (4.into(), Value::Map(vec![("clientPin".into(), false.into())])),
        ]));
        parse(&body).unwrap()
    }

    /// The captured answer of a key with fingerprint reader, as ctap-hid-fido2 tests it.
    const CAPTURED: &str = "B30184665532465F5632684649444F5F325F306C4649444F5F325F315F505245684649444F5F325F3102856B6372656450726F746563746B686D61632D7365637265746C6C61726765426C6F624B65796863726564426C6F626C6D696E50696E4C656E6774680350D8522D9F575B486688A9BA99FA02F35B04B062726BF5627570F5627576F564706C6174F4677576546F6B656EF568616C776179735576F568637265644D676D74F569617574686E72436667F56962696F456E726F6C6CF569636C69656E7450696EF56A6C61726765426C6F6273F56E70696E557641757468546F6B656EF56F7365744D696E50494E4C656E677468F5706D616B654372656455764E6F74527164F47563726564656E7469616C4D676D7450726576696577F5781B75736572566572696669636174696F6E4D676D7450726576696577F5051904B00682020107080818800981637573620A82A263616C672664747970656A7075626C69632D6B6579A263616C672764747970656A7075626C69632D6B65790B1904000CF40D040E1A000505060F18201001110312021415";

    fn hex(text: &str) -> Vec<u8> {
        text.as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    #[test]
    fn reads_a_captured_answer() {
        let info = parse(&hex(CAPTURED)).unwrap();
        assert_eq!(info.versions, ["U2F_V2", "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1"]);
        assert_eq!(info.aaguid.to_string(), "d8522d9f-575b-4866-88a9-ba99fa02f35b");
        assert_eq!(info.max_msg_size, 1200);
        assert_eq!(info.pin_protocols, [2, 1]);
        assert_eq!(info.pin_protocol(), Some(2));
        assert_eq!(info.algorithms, [ES256, EDDSA]);
        assert_eq!(info.firmware, Some(0x0005_0506));
        assert_eq!(info.remaining_discoverable, Some(0x15));
        assert!(info.pin_set() && info.has("alwaysUv") && !info.force_pin_change);
        assert_eq!(info.min_pin_length, 4);
        assert_eq!(info.max_credential_count_in_list, Some(8));
        assert_eq!(fitness(&info), Ok(()));
    }

    /// The answer of a CTAP 2.0 key with these members besides.
    fn with_members(members: Vec<(i64, Value)>) -> KeyInfo {
        let mut map = vec![(3.into(), Value::Bytes(vec![7; 16]))];
        map.extend(members.into_iter().map(|(number, value)| (number.into(), value)));
        parse(&cbor::write(&Value::Map(map))).unwrap()
    }

    #[test]
    fn tells_a_long_touch_that_is_off_from_one_that_is_unknown() {
        let of = |value: Value| with_members(vec![(0x18, value)]);
        assert_eq!(of(false.into()).long_touch_for_reset, Some(false));
        assert!(!of(false.into()).wants_long_touch());
        assert!(of(true.into()).wants_long_touch());
        assert_eq!(of(1.into()).long_touch_for_reset, None);
    }

    #[test]
    fn reads_the_rules_for_pins_and_shows_no_odd_address() {
        let of = |url: Value| with_members(vec![(0x1B, true.into()), (0x1C, url)]);
        let url = "https://example.com/pins?model=1";
        let info = of(Value::Bytes(url.into()));
        assert_eq!(info.pin_complexity_policy, Some(true));
        assert_eq!(info.pin_complexity_policy_url.as_deref(), Some(url));
        assert_eq!(of(url.into()).pin_complexity_policy_url.as_deref(), Some(url));
        for odd in [
            Value::Bytes(vec![]),
            Value::Bytes(vec![0xFF]),
            "https://example.com/\u{1b}[31m".into(),
            "a b".into(),
            "x".repeat(257).into(),
            5.into(),
        ] {
            assert_eq!(of(odd).pin_complexity_policy_url, None);
        }
        let off = with_members(vec![(0x1B, false.into())]);
        assert_eq!(off.pin_complexity_policy, Some(false));
    }

    #[test]
    fn reads_which_config_commands_there_are() {
        let listed = with_members(vec![(0x1F, Value::Array(vec![3.into(), "x".into(), 4.into()]))]);
        assert_eq!(listed.config_commands, Some(vec![3, 4]));
        assert_eq!(with_members(vec![(0x1F, 3.into())]).config_commands, None);
    }

    #[test]
    fn fills_in_the_defaults_of_ctap_2_0() {
        let info = plain_info();
        assert_eq!(info.pin_protocols, [1]);
        assert_eq!((info.min_pin_length, info.max_msg_size), (4, 1024));
        assert!(!info.pin_set() && !info.wants_long_touch());
        assert_eq!(info.long_touch_for_reset, None);
        assert_eq!(info.pin_complexity_policy, None);
        assert_eq!(
            (info.max_credential_count_in_list, info.config_commands.clone()),
            (None, None)
        );
        assert_eq!(fitness(&info), Ok(()));
    }

    #[test]
    fn tolerates_unknown_members_and_wrong_types() {
        let body = cbor::write(&Value::Map(vec![
            (1.into(), Value::Array(vec!["FIDO_2_9".into(), 5.into()])),
            (3.into(), Value::Bytes(vec![7; 16])),
            (
                4.into(),
                Value::Map(vec![("clientPin".into(), true.into()), ("rk".into(), 1.into())]),
            ),
            (5.into(), "huge".into()),
            (6.into(), "two".into()),
            (0x0C.into(), "yes".into()),
            (0x0D.into(), 0.into()),
            (0x18.into(), true.into()),
            (0x1A.into(), Value::Array(vec!["nfc".into()])),
            (0x7F.into(), Value::Map(vec![])),
            ("text".into(), Value::Null),
        ]));
        let info = parse(&body).unwrap();
        assert_eq!(info.versions, ["FIDO_2_9"]);
        assert_eq!((info.max_msg_size, info.min_pin_length), (1024, 4));
        assert!(!info.force_pin_change && info.wants_long_touch());
        assert_eq!(info.option("rk"), None);
        // Protocols that cannot be read are none; guessing 1 could cost an attempt.
        assert_eq!(info.pin_protocol(), None);
        let usable = KeyInfo {
            pin_protocols: vec![1],
            ..info
        };
        assert_eq!(
            fitness(&usable),
            Err(Unfit::ResetNotOverUsb {
                transports: vec!["nfc".into()]
            })
        );
    }

    #[test]
    fn refuses_keys_that_cannot_serve() {
        let change = |change: &dyn Fn(&mut KeyInfo)| {
            let mut info = plain_info();
            change(&mut info);
            fitness(&info)
        };
        assert!(matches!(
            change(&|i| i.versions = vec!["U2F_V2".into()]),
            Err(Unfit::NoFido2 { .. })
        ));
        assert_eq!(change(&|i| i.options.clear()), Err(Unfit::NoPin));
        assert_eq!(change(&|i| i.algorithms = vec![-257]), Err(Unfit::Algorithms));
        assert_eq!(change(&|i| i.pin_protocols = vec![9]), Err(Unfit::NoPinProtocol));
        assert_eq!(
            change(&|i| {
                i.options.insert("plat".into(), true);
            }),
            Err(Unfit::Platform)
        );
    }

    #[test]
    fn refuses_what_is_no_getinfo_answer() {
        for body in [
            &[][..],
            &[0x80],
            &[0xA0],
            &[0xA1, 0x03, 0x41, 0x00],
            &[0xBF; 100],
            &[0x9F; 4000],
        ] {
            assert!(parse(body).is_err());
        }
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn changed_answers_never_panic(at in 0_usize..400, with: u8) {
            let mut body = hex(CAPTURED);
            if let Some(byte) = body.get_mut(at) {
                *byte = with;
            }
            let _ = parse(&body);
        }
    }
}
