//! Key files from the command line.

use std::path::Path;

use bench::engine::Engine;
use bench::engine::config::EngineConfig;
use bench::engine::file::KeyState;
use bench::error::{Error, Result};
use bench::hex;
use bench::identity::UsbIdentity;
use serde_json::json;

use crate::cli::{NewKey, say};

/// OpenSK's entry for the PIN.
const PIN_ENTRY: usize = 2045;

/// Makes a key file.
pub(super) fn new(new: NewKey) -> Result<()> {
    let mut config = EngineConfig {
        attestation_aaguid: new.attestation_aaguid,
        pin_protocol_one: !new.pin_protocol_two_only,
        min_pin_length: new.min_pin_length,
        max_pin_retries: new.max_pin_retries,
        always_uv: new.always_uv,
        ..EngineConfig::default()
    };
    config.aaguid = new.aaguid.unwrap_or(config.aaguid);
    let mut identity = UsbIdentity {
        serial: new.serial,
        keyboard: new.keyboard,
        ..UsbIdentity::default()
    };
    identity.product_text = new.product.unwrap_or(identity.product_text);
    Engine::create(&new.file, config, identity).map(drop)
}

/// Shows what a key file says, but no secrets.
pub(super) fn show(file: &Path) -> Result<()> {
    let state = KeyState::read(file)?;
    let shown = json!({
        "config": state.config,
        "identity": state.identity,
        "attestation_root_der": hex::encode(&state.root),
        "pin_is_set": state.store.contains_key(&PIN_ENTRY),
        "discoverable_credentials": state.store.keys().filter(|entry| (1700..2000).contains(*entry)).count(),
    });
    let text = serde_json::to_string_pretty(&shown)
        .map_err(|error| Error::Key(format!("The key cannot be shown: {error}")))?;
    say(&text)
}
