//! What OpenSK asks of its surroundings, bundled: clock, randomness, finger, memory, wire.

use std::fmt;
use std::sync::Arc;

use opensk::api::crypto::software_crypto::SoftwareCrypto;
use opensk::api::customization::CustomizationImpl;
use opensk::api::key_store;
use opensk::api::rng::rand_core::{self, CryptoRng, RngCore};
use opensk::env::Env;

use crate::engine::clock::Clock;
use crate::engine::config::EngineConfig;
use crate::engine::presence::EngineEnd;
use crate::engine::store::Store;
use crate::engine::wire::Wire;

/// The surroundings of one powered key.
pub(super) struct Environment {
    rng: SystemRng,
    store: Store,
    clock: Clock,
    presence: EngineEnd,
    connection: EngineEnd,
    customization: CustomizationImpl,
    firmware: u64,
}

impl Environment {
    pub(super) fn new(config: &EngineConfig, store: Store, clock: Clock, wire: Arc<Wire>) -> Self {
        Self {
            rng: SystemRng,
            store,
            clock,
            presence: EngineEnd(Arc::clone(&wire)),
            connection: EngineEnd(wire),
            customization: config.customization(),
            firmware: config.firmware,
        }
    }
}

/// The operating system's randomness: a seed would make two keys twins.
pub(crate) struct SystemRng;

impl RngCore for SystemRng {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        getrandom::fill(dest).expect("Linux always has random bytes after start-up");
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for SystemRng {}
impl opensk::api::rng::Rng for SystemRng {}

/// Swallows the engine's debug text.
pub(super) struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

impl key_store::Helper for Environment {}

impl Env for Environment {
    type Rng = SystemRng;
    type UserPresence = EngineEnd;
    type Persist = Store;
    type KeyStore = Self;
    type Write = Nowhere;
    type Customization = CustomizationImpl;
    type HidConnection = EngineEnd;
    type Clock = Clock;
    type Crypto = SoftwareCrypto;

    fn rng(&mut self) -> &mut SystemRng {
        &mut self.rng
    }

    fn user_presence(&mut self) -> &mut EngineEnd {
        &mut self.presence
    }

    fn persist(&mut self) -> &mut Store {
        &mut self.store
    }

    fn key_store(&mut self) -> &mut Self {
        self
    }

    fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    fn write(&mut self) -> Nowhere {
        Nowhere
    }

    fn customization(&self) -> &CustomizationImpl {
        &self.customization
    }

    fn hid_connection(&mut self) -> &mut EngineEnd {
        &mut self.connection
    }

    fn boots_after_soft_reset(&self) -> bool {
        false
    }

    fn firmware_version(&self) -> Option<u64> {
        Some(self.firmware)
    }
}
