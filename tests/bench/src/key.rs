//! One virtual key as a test holds it: an engine or a bridge, the fault wrapper before it, and an eye on the wire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::counters::{self, Counters, Exchange, Tally};
use crate::engine::config::EngineConfig;
use crate::engine::{Engine, Touch};
use crate::error::{Error, Result};
use crate::faults::{Fault, Faulty};
use crate::identity::UsbIdentity;
use crate::report::{Authenticator, Report};
use crate::spec::KeySpec;
use crate::udp::Udp;

/// "User presence needed" in a keepalive.
const UP_NEEDED: u8 = 2;
/// A port looks at its key this often at least, and sees then that it has been pulled.
const CLAIM_WAIT: Duration = Duration::from_millis(500);

/// A shared handle on one key; clones are the same key.
#[derive(Clone)]
pub struct VirtualKey {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Option<Arc<Engine>>,
    chain: Faulty,
    identity: Mutex<UsbIdentity>,
    tally: Mutex<Tally>,
    watch: Mutex<Watch>,
    watched: Condvar,
    claimed: AtomicBool,
}

/// One port's sole right to a key's reports.
pub(crate) struct Claim(Arc<Inner>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.claimed.store(false, Ordering::SeqCst);
    }
}

/// Whether the wire shows a key that waits for a touch; one request asks for one touch.
#[derive(Debug, Default)]
struct Watch {
    request: u64,
    touched: Option<u64>,
    awaited: bool,
}

impl VirtualKey {
    /// Takes up the key that a specification names; a missing key file is made with the default configuration.
    ///
    /// # Errors
    ///
    /// The key file is unusable, or the UDP port is taken.
    pub fn open(spec: &KeySpec) -> Result<Self> {
        match spec {
            KeySpec::Engine { file: None } => Self::new(EngineConfig::default()),
            KeySpec::Engine { file: Some(file) } if file.exists() => Ok(Self::from(Engine::open(file)?)),
            KeySpec::Engine { file: Some(file) } => Ok(Self::from(Engine::create(
                file,
                EngineConfig::default(),
                UsbIdentity::default(),
            )?)),
            KeySpec::Udp(address) => Ok(Self::assemble(
                None,
                Arc::new(Udp::open(address)?),
                UsbIdentity::default(),
            )),
        }
    }

    /// Makes a new key in memory.
    ///
    /// # Errors
    ///
    /// The configuration is out of bounds.
    pub fn new(config: EngineConfig) -> Result<Self> {
        Ok(Self::from(Engine::new(config, UsbIdentity::default())?))
    }

    /// Puts the wrapper before any other authenticator.
    #[must_use]
    pub fn wrap(authenticator: Arc<dyn Authenticator>) -> Self {
        Self::assemble(None, authenticator, UsbIdentity::default())
    }

    /// The engine, unless the key is an external one.
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.inner.engine.as_deref()
    }

    /// What the key calls itself on USB.
    #[must_use]
    pub fn identity(&self) -> UsbIdentity {
        lock(&self.inner.identity).clone()
    }

    /// Changes what the key calls itself, from the next plug-in on.
    pub fn set_identity(&self, identity: UsbIdentity) {
        *lock(&self.inner.identity) = identity;
    }

    /// Replaces the key's faults; an empty list heals it.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.inner.chain.set_faults(faults);
    }

    /// Says what to do when a fault unplugs the key; the key has lost its power by then.
    pub(crate) fn on_unplug(&self, hook: Option<Box<dyn Fn() + Send + Sync>>) {
        self.inner.chain.on_unplug(hook);
    }

    /// Gives one port the right to the key's reports; a port that lost the key gives it back within moments.
    pub(crate) fn claim(&self) -> Result<Claim> {
        let end = Instant::now() + CLAIM_WAIT;
        while self.inner.claimed.swap(true, Ordering::SeqCst) {
            if Instant::now() >= end {
                return Err(Error::Port("This key is in another port.".to_owned()));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(Claim(Arc::clone(&self.inner)))
    }

    /// Decides about touches; an external key is touched by its own means.
    pub fn set_touch(&self, touch: Touch) {
        if let Some(engine) = self.engine() {
            engine.set_touch(touch);
        }
    }

    /// Touches the key once; without effect on an external key.
    pub fn touch(&self) {
        if let Some(engine) = self.engine() {
            let mut watch = lock(&self.inner.watch);
            watch.touched = Some(watch.request);
            watch.awaited = false;
            drop(watch);
            engine.touch();
        }
    }

    /// Refuses the touch that is being waited for; without effect on an external key.
    pub fn decline(&self) {
        if let Some(engine) = self.engine() {
            engine.decline();
        }
    }

    /// Waits until the wire shows that the key asks for a touch; each request counts once.
    ///
    /// A key that is touched at once ([`Touch::Auto`] with no delay, the default) never asks.
    #[must_use]
    pub fn wait_touch_awaited(&self, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        let mut watch = lock(&self.inner.watch);
        while !watch.awaited {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.inner.watched.wait_timeout(watch, left);
            (watch, _) = woken.unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Moves the clock of an engine ahead; without effect on an external key.
    pub fn advance_clock(&self, by: Duration) {
        if let Some(engine) = self.engine() {
            engine.advance_clock(by);
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        lock(&self.inner.tally).counters.clone()
    }

    /// Begins to count anew.
    pub fn reset_counters(&self) {
        *lock(&self.inner.tally) = Tally::default();
    }

    /// The requests since the last power-up, in order, with their answers.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        lock(&self.inner.tally).exchanges.clone()
    }

    fn assemble(engine: Option<Arc<Engine>>, backend: Arc<dyn Authenticator>, identity: UsbIdentity) -> Self {
        Self {
            inner: Arc::new(Inner {
                engine,
                chain: Faulty::new(backend),
                identity: Mutex::new(identity),
                tally: Mutex::default(),
                watch: Mutex::default(),
                watched: Condvar::new(),
                claimed: AtomicBool::new(false),
            }),
        }
    }
}

impl From<Engine> for VirtualKey {
    fn from(engine: Engine) -> Self {
        let identity = engine.identity().clone();
        let engine = Arc::new(engine);
        Self::assemble(Some(Arc::clone(&engine)), engine, identity)
    }
}

impl Authenticator for VirtualKey {
    fn power_on(&self) -> Result<()> {
        lock(&self.inner.tally).power_up();
        self.inner.chain.power_on()
    }

    fn power_off(&self) {
        self.inner.chain.power_off();
        lock(&self.inner.watch).awaited = false;
    }

    fn send(&self, report: &Report) {
        let begun = lock(&self.inner.tally).request(report);
        if begun.is_some_and(|command| command != Command::CANCEL) {
            let mut watch = lock(&self.inner.watch);
            watch.request += 1;
            watch.awaited = false;
        }
        self.inner.chain.send(report);
    }

    fn recv(&self, timeout: Duration) -> Option<Report> {
        let report = self.inner.chain.recv(timeout)?;
        lock(&self.inner.tally).answer(&report);
        let mut watch = lock(&self.inner.watch);
        if counters::keepalive(&report) == Some(UP_NEEDED) {
            watch.awaited = watch.touched != Some(watch.request);
            self.inner.watched.notify_all();
        } else if counters::begins_answer(&report) {
            watch.awaited = false;
        }
        Some(report)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
