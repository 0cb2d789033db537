//! Claims: one run at a time works with a key, for a lease that it renews; what a dead run held is taken over.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::event::stamp;
use super::key::Claim;
use super::{Address, Author, Event, Inventory, InventoryError, KeyState, record};
use crate::id::LabelId;

/// One run of a program that works with keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Drawn anew for each run: two runs of one person are two.
    pub(super) id: String,
    /// Whose run, as others read it.
    pub who: String,
}

/// The answer to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimed {
    /// The key is this run's until the lease ends; what it was at that moment.
    Yours(KeyState),
    /// Another run has it.
    TakenBy(Claim),
}

impl Run {
    /// A new run of this person.
    pub fn new(who: &str) -> Result<Self, InventoryError> {
        let mut bytes = [0_u8; 8];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
            .map_err(|_| InventoryError::Database("this machine gives no random numbers".into()))?;
        Ok(Self {
            id: format!("{:016x}", u64::from_be_bytes(bytes)),
            who: who.to_owned(),
        })
    }
}

impl Inventory {
    /// Claims a key for a run, or finds out who has it. A key that is out of service is refused.
    pub fn claim(&mut self, label: &LabelId, run: &Run, lease: Duration) -> Result<Claimed, InventoryError> {
        let present = self.present()?;
        let until = present + lease;
        self.store.transaction(|store| {
            let before = record::look(store, label)?;
            if !before.state.is_in_service() {
                let (label, state) = (label.clone(), before.state);
                return Err(InventoryError::OutOfService { label, state });
            }
            // The condition is in the statement as well: whoever changes a row decides, not whoever read it.
            let changed = store.execute(
                "UPDATE glasskey_keys SET claim_run = ?2, claim_who = ?3, claim_until = ?4
                WHERE label = ?1 AND state = ?5 AND (claim_run IS NULL OR claim_run = ?2 OR claim_until < ?6)",
                &[
                    label.as_str().into(),
                    run.id.as_str().into(),
                    run.who.as_str().into(),
                    stamp(until).into(),
                    before.state.word().into(),
                    stamp(present).into(),
                ],
            )?;
            match (changed, before.claim) {
                (0, Some(claim)) => return Ok(Claimed::TakenBy(claim)),
                (0, None) => return Err(InventoryError::Database("the key changed meanwhile".into())),
                (_, Some(claim)) if before.run.as_ref() != Some(&run.id) => {
                    let author = Author {
                        who: run.who.clone(),
                        source: "claim".into(),
                    };
                    let event = Event::TakenOver { from: claim.who };
                    record::write(store, label.as_str(), &event, before.state, &author, &stamp(present))?;
                }
                _ => {}
            }
            Ok(Claimed::Yours(before.state))
        })
    }

    /// Begins the lease anew; false where the claim is not this run's any more.
    pub fn renew(&mut self, label: &LabelId, run: &Run, lease: Duration) -> Result<bool, InventoryError> {
        let until = self.present()? + lease;
        let changed = self.store.execute(
            "UPDATE glasskey_keys SET claim_until = ?3 WHERE label = ?1 AND claim_run = ?2",
            &[label.as_str().into(), run.id.as_str().into(), stamp(until).into()],
        )?;
        Ok(changed > 0)
    }

    /// Gives a key back; what is not this run's stays as it is.
    pub fn release(&mut self, label: &LabelId, run: &Run) -> Result<(), InventoryError> {
        self.store.execute(
            "UPDATE glasskey_keys SET claim_run = NULL, claim_who = NULL, claim_until = NULL
            WHERE label = ?1 AND claim_run = ?2",
            &[label.as_str().into(), run.id.as_str().into()],
        )?;
        Ok(())
    }
}

/// Renews a claim from a thread of its own, with a connection of its own, until it is dropped.
pub struct Renewal {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewal {
    /// Renews every third of the lease, and sooner after a failure.
    #[must_use]
    pub fn start(address: Address, label: LabelId, run: Run, lease: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut pause = lease / 3;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let renewed = Inventory::open(&address).and_then(|mut i| i.renew(&label, &run, lease));
                pause = match renewed {
                    Ok(true) => lease / 3,
                    // Whoever took it over has it; the next event of this run is refused.
                    Ok(false) => break,
                    Err(_) => lease / 12,
                };
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
