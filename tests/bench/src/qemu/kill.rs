//! QEMU's process, shared with whoever may have to end it.

use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Context as _, Result};

/// Kills one machine; clones belong to the same machine.
#[derive(Clone, Debug)]
pub struct Switch(Arc<Mutex<Child>>);

impl Switch {
    pub(super) fn new(child: Child) -> Self {
        Self(Arc::new(Mutex::new(child)))
    }

    /// Kills QEMU where it stands (SIGKILL); without effect when it has ended.
    pub fn kill(&self) {
        let _ = self.child().kill();
    }

    pub(super) fn id(&self) -> u32 {
        self.child().id()
    }

    pub(super) fn ended(&self) -> Result<Option<ExitStatus>> {
        self.child().try_wait().context(|| "Waiting for QEMU".to_owned())
    }

    pub(super) fn wait(&self) {
        let _ = self.child().wait();
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
