//! The knobs of the bench's own key: which model it is and how it behaves.

use opensk::api::customization::{CustomizationImpl, DEFAULT_CUSTOMIZATION};
use opensk::ctap::data_formats::EnterpriseAttestationMode;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hex;

/// A key model's number, the AAGUID.
pub type Aaguid = [u8; 16];

/// The model that a key has when nothing else is said.
pub const BENCH_AAGUID: Aaguid = *b"glasskey bench 1";

/// How one key differs from the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a knob of the model")]
pub struct EngineConfig {
    /// The model.
    #[serde(with = "hex::text")]
    pub aaguid: Aaguid,
    /// The model that the attestation certificate names, if it is another one: such a key must be refused.
    #[serde(with = "hex::optional_text", skip_serializing_if = "Option::is_none")]
    pub attestation_aaguid: Option<Aaguid>,
    /// Whether PIN protocol 1 is offered beside 2.
    pub pin_protocol_one: bool,
    /// The minimum PIN length of a new or reset key, 4 to 63.
    pub min_pin_length: u8,
    /// Whether user verification cannot be switched off.
    pub always_uv: bool,
    /// Whether enterprise attestation can be switched on (option `ep`, off at first and after a reset).
    pub enterprise_attestation: bool,
    /// How many credential ids a list may hold; without, the key does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_credentials_in_list: Option<usize>,
    /// Wrong PINs until the key is blocked, 1 to 8.
    pub max_pin_retries: u8,
    /// Room for discoverable credentials.
    pub max_resident_keys: usize,
    /// The longest message the key takes.
    pub max_message: usize,
    /// Whether the signature counter counts.
    pub signature_counter: bool,
    /// The firmware version in getInfo.
    pub firmware: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            aaguid: BENCH_AAGUID,
            attestation_aaguid: None,
            pin_protocol_one: true,
            min_pin_length: 4,
            always_uv: false,
            enterprise_attestation: false,
            max_credentials_in_list: None,
            max_pin_retries: 8,
            max_resident_keys: 150,
            max_message: DEFAULT_CUSTOMIZATION.max_msg_size,
            signature_counter: true,
            firmware: 1,
        }
    }
}

impl EngineConfig {
    /// Refuses values that the engine cannot live with.
    pub(crate) fn check(&self) -> Result<()> {
        let rules = [
            (
                (4..=63).contains(&self.min_pin_length),
                "The minimum PIN length is 4 to 63.",
            ),
            (
                (1..=8).contains(&self.max_pin_retries),
                "The number of PIN retries is 1 to 8.",
            ),
            (
                self.max_credentials_in_list != Some(0),
                "A list holds at least one credential id.",
            ),
            (
                (1..=300).contains(&self.max_resident_keys),
                "There is room for 1 to 300 discoverable credentials.",
            ),
            (
                (1024..=7609).contains(&self.max_message),
                "The longest message is 1024 to 7609 bytes.",
            ),
        ];
        match rules.iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(Error::Key((*rule).to_owned())),
            None => Ok(()),
        }
    }

    pub(super) fn customization(&self) -> CustomizationImpl {
        CustomizationImpl {
            allows_pin_protocol_v1: self.pin_protocol_one,
            default_min_pin_length: self.min_pin_length,
            enforce_always_uv: self.always_uv,
            enterprise_attestation_mode: self
                .enterprise_attestation
                .then_some(EnterpriseAttestationMode::PlatformManaged),
            max_credential_count_in_list: self.max_credentials_in_list,
            max_pin_retries: self.max_pin_retries,
            max_supported_resident_keys: self.max_resident_keys,
            max_msg_size: self.max_message,
            use_signature_counter: self.signature_counter,
            use_batch_attestation: true,
            ..DEFAULT_CUSTOMIZATION
        }
    }
}

/// Reads an AAGUID as people write it, with or without hyphens.
///
/// # Errors
///
/// The text is not 16 bytes of hexadecimal digits.
pub fn parse_aaguid(text: &str) -> Result<Aaguid> {
    hex::decode(text)
        .and_then(|bytes| Aaguid::try_from(bytes).ok())
        .ok_or_else(|| Error::Spec(format!("This is no AAGUID (32 hexadecimal digits): {text}")))
}
