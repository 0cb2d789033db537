//! The engine's persistent memory, kept outside its thread.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opensk::api::persist::{Attestation, AttestationId, Persist, PersistIter, keys};
use opensk::ctap::status_code::CtapResult;

/// What a key remembers, by OpenSK's entry number.
pub(super) type Contents = BTreeMap<usize, Vec<u8>>;

/// A shared handle on one key's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    contents: Arc<Mutex<Contents>>,
    changed: Arc<AtomicBool>,
}

impl Store {
    pub(super) fn with(contents: Contents) -> Self {
        Self {
            contents: Arc::new(Mutex::new(contents)),
            changed: Arc::default(),
        }
    }

    pub(super) fn contents(&self) -> Contents {
        self.lock().clone()
    }

    /// Tells whether anything was written since the last call.
    pub(super) fn changed(&self) -> bool {
        self.changed.swap(false, Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Persist for Store {
    fn find(&self, key: usize) -> CtapResult<Option<Vec<u8>>> {
        Ok(self.lock().get(&key).cloned())
    }

    fn insert(&mut self, key: usize, value: &[u8]) -> CtapResult<()> {
        self.lock().insert(key, value.to_vec());
        self.changed.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn remove(&mut self, key: usize) -> CtapResult<()> {
        if self.lock().remove(&key).is_some() {
            self.changed.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// One pair serves both kinds: the engine's own memory has room for one, and the bench's keys keep batch
    /// attestation for those who do not ask for the other.
    fn get_attestation(&self, _: AttestationId) -> CtapResult<Option<Attestation>> {
        let contents = self.lock();
        let entry = |key: usize| contents.get(&key).cloned();
        let pair = entry(keys::ATTESTATION_PRIVATE_KEY).zip(entry(keys::ATTESTATION_CERTIFICATE));
        Ok(pair.map(|(wrapped_private_key, certificate)| Attestation {
            wrapped_private_key,
            certificate,
        }))
    }

    fn iter(&self) -> CtapResult<PersistIter<'_>> {
        let keys: Vec<usize> = self.lock().keys().copied().collect();
        Ok(Box::new(keys.into_iter().map(Ok)))
    }
}
