//! The bench's own security key: an OpenSK engine in a thread, with power, touch and clock in our hands.
//!
//! The store outlives power cycles, and with a key file also the process, so that one key can be carried from
//! machine to machine.

pub mod attestation;
mod clock;
pub mod config;
pub(crate) mod environment;
pub mod file;
mod presence;
mod store;
mod wire;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use opensk::api::persist::{Attestation, AttestationId, Persist};
use opensk::{Ctap, Transport};

use crate::engine::attestation::Batch;
use crate::engine::clock::Clock;
use crate::engine::config::EngineConfig;
use crate::engine::environment::Environment;
use crate::engine::file::{KeyFile, KeyState};
use crate::engine::store::Store;
use crate::engine::wire::Wire;
use crate::error::{Context as _, Error, Result};
use crate::identity::UsbIdentity;
use crate::report::{Authenticator, Report};

/// OpenSK's own recursion and crypto in a debug build need more than the default stack.
const STACK: usize = 16 << 20;

/// What the person at this key does when it blinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// Touches after this time.
    Auto(Duration),
    /// Touches when the test says so.
    Manual,
    /// Never touches.
    Never,
}

/// A key made of the OpenSK library.
pub struct Engine {
    config: EngineConfig,
    identity: UsbIdentity,
    root: Vec<u8>,
    store: Store,
    file: Option<Arc<KeyFile>>,
    wire: Arc<Wire>,
    clock: Clock,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Makes a new key that lives in memory only.
    ///
    /// # Errors
    ///
    /// The attestation certificate cannot be made or stored.
    pub fn new(config: EngineConfig, identity: UsbIdentity) -> Result<Self> {
        Ok(Self::assemble(Self::born(config, identity)?, None))
    }

    /// Makes a new key that lives in a file, which must not exist yet.
    ///
    /// # Errors
    ///
    /// The file exists or cannot be written.
    pub fn create(path: &Path, config: EngineConfig, identity: UsbIdentity) -> Result<Self> {
        let state = Self::born(config, identity)?;
        let file = KeyFile::create(path, &state)?;
        Ok(Self::assemble(state, Some(Arc::new(file))))
    }

    /// Takes up the key in a file; no other process may hold it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no key file, or is in use.
    pub fn open(path: &Path) -> Result<Self> {
        let (file, state) = KeyFile::open(path)?;
        Ok(Self::assemble(state, Some(Arc::new(file))))
    }

    /// Tells how this key was configured.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Tells what this key calls itself on USB.
    #[must_use]
    pub fn identity(&self) -> &UsbIdentity {
        &self.identity
    }

    /// The certificate (DER) that the attestation of this key's model chains to.
    #[must_use]
    pub fn attestation_root(&self) -> &[u8] {
        &self.root
    }

    /// Decides what happens at the next request for a touch; also ends one that waits.
    pub fn set_touch(&self, touch: Touch) {
        self.wire.set_touch(touch);
    }

    /// Touches the key once. Nobody waiting for a touch within half a second: nothing happens.
    pub fn touch(&self) {
        self.wire.press();
    }

    /// Declines the touch that is being waited for (the request ends with 0x27).
    pub fn decline(&self) {
        self.wire.decline();
    }

    /// Tells whether the engine waits for a touch at this moment.
    #[must_use]
    pub fn waits_for_touch(&self) -> bool {
        self.wire.waits_for_touch()
    }

    /// Moves the key's clock ahead, for the 10 s reset window or the 30 s of a touch.
    pub fn advance_clock(&self, by: Duration) {
        self.clock.advance(by);
        self.wire.wake();
    }

    /// Tells whether the key blinks because of a WINK.
    #[must_use]
    pub fn winks(&self) -> bool {
        self.wire.winks()
    }

    fn born(config: EngineConfig, identity: UsbIdentity) -> Result<KeyState> {
        config.check()?;
        let batch = Batch::of(config.attestation_aaguid.as_ref().unwrap_or(&config.aaguid))?;
        let mut store = Store::default();
        let attestation = Attestation {
            wrapped_private_key: batch.key,
            certificate: batch.certificate,
        };
        store
            .set_attestation(AttestationId::Batch, Some(&attestation))
            .and_then(|()| store.set_aaguid(&config.aaguid))
            .map_err(|error| Error::Key(format!("The new key does not take its attestation: {error:?}")))?;
        Ok(KeyState {
            format: file::FORMAT.to_owned(),
            config,
            identity,
            root: batch.root,
            store: store.contents(),
        })
    }

    fn assemble(state: KeyState, file: Option<Arc<KeyFile>>) -> Self {
        Self {
            store: Store::with(state.store),
            config: state.config,
            identity: state.identity,
            root: state.root,
            file,
            wire: Arc::new(Wire::default()),
            clock: Clock::default(),
            thread: Mutex::new(None),
        }
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saver(&self) -> impl Fn() + Send + use<> {
        let (store, file) = (self.store.clone(), self.file.clone());
        let state = KeyState {
            format: file::FORMAT.to_owned(),
            config: self.config.clone(),
            identity: self.identity.clone(),
            root: self.root.clone(),
            store: store.contents(),
        };
        move || {
            if let Some(file) = &file
                && store.changed()
            {
                // A full disk shows at the next open; the engine has nobody to tell.
                let _ = file.write(&KeyState {
                    store: store.contents(),
                    ..state.clone()
                });
            }
        }
    }
}

impl Authenticator for Engine {
    fn power_on(&self) -> Result<()> {
        self.power_off();
        self.wire.power_on();
        let (wire, save) = (Arc::clone(&self.wire), self.saver());
        let environment = Environment::new(
            &self.config,
            self.store.clone(),
            self.clock.clone(),
            Arc::clone(&wire),
        );
        let thread = thread::Builder::new()
            .name("opensk".to_owned())
            .stack_size(STACK)
            .spawn(move || run(environment, &wire, &save))
            .context(|| "Starting the thread of a key".to_owned())?;
        *self.thread() = Some(thread);
        Ok(())
    }

    fn power_off(&self) {
        self.wire.power_off();
        if let Some(thread) = self.thread().take() {
            // A panic of the engine is a dead key, which is what it looks like from outside.
            let _ = thread.join();
        }
    }

    fn send(&self, report: &Report) {
        self.wire.push(report);
    }

    fn recv(&self, timeout: Duration) -> Option<Report> {
        self.wire.pull(timeout)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.power_off();
    }
}

fn run(environment: Environment, wire: &Wire, save: &impl Fn()) {
    let mut ctap = Ctap::new(environment);
    save();
    while let Some(report) = wire.next_request() {
        let answer: Vec<Report> = ctap.process_hid_packet(&report, Transport::MainHid).collect();
        // Before the answer leaves: who has seen it may kill this process.
        save();
        wire.answer(&answer);
        wire.set_winking(ctap.should_wink());
    }
}
