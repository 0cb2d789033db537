//! What a run of registrations tells others: which key it works with, and what became of it.

use std::time::Duration;

use super::RegistrationError;
use super::report::KeyReport;
use crate::inventory::{
    Address, Author, Claimed, Event, Filter, Inventory, InventoryError, Key, Renewal, Run,
};
use crate::manifest::schema::PreparedKey;

/// Hears of each key before and after it is registered.
pub trait Ledger {
    /// A key is about to be worked with; an error stops the run before anything is done with it.
    fn begin(&mut self, key: &PreparedKey) -> Result<(), RegistrationError>;

    /// The work with it has ended, as the report says, well or not.
    fn end(&mut self, key: &PreparedKey, tenant: &str, report: &KeyReport) -> Result<(), RegistrationError>;

    /// Every key that is known beside the manifest's; nothing where no inventory is kept.
    fn known(&mut self) -> Result<Vec<Key>, RegistrationError> {
        Ok(Vec::new())
    }
}

/// Nobody else is to know.
pub struct NoLedger;

impl Ledger for NoLedger {
    fn begin(&mut self, _: &PreparedKey) -> Result<(), RegistrationError> {
        Ok(())
    }

    fn end(&mut self, _: &PreparedKey, _: &str, _: &KeyReport) -> Result<(), RegistrationError> {
        Ok(())
    }
}

/// An inventory in which each key is claimed while it is worked with.
pub struct InventoryLedger {
    address: Address,
    author: Author,
    run: Run,
    lease: Duration,
    renewal: Option<Renewal>,
}

impl InventoryLedger {
    /// Works with the inventory at this address; each claim is renewed within its lease while the run lives.
    pub fn new(address: Address, author: Author, lease: Duration) -> Result<Self, InventoryError> {
        let run = Run::new(&author.who)?;
        Ok(Self {
            address,
            author,
            run,
            lease,
            renewal: None,
        })
    }

    /// Opened for each act: between two of them a person may take half an hour, and a connection may not last.
    fn open(&self) -> Result<Inventory, InventoryError> {
        Inventory::open(&self.address)
    }

    fn record(
        &self,
        inventory: &mut Inventory,
        key: &PreparedKey,
        event: &Event,
    ) -> Result<(), InventoryError> {
        inventory
            .record(&key.label, event, &self.author, Some(&self.run))
            .map(drop)
    }

    /// What the report says of a key whose passkey is there and, where `proven`, passed everything.
    fn write(
        &self,
        key: &PreparedKey,
        tenant: &str,
        report: &KeyReport,
        proven: bool,
    ) -> Result<(), InventoryError> {
        let mut inventory = self.open()?;
        let known = inventory.key(&key.label)?;
        let method = report.method.as_ref().map(|passkey| passkey.id.clone());
        // A passkey that an earlier run recorded is proven again, and not registered anew.
        if !known.state.is_usable() || known.method != method {
            let event = Event::Registered {
                account: report.account.clone(),
                tenant: tenant.to_owned(),
                user: report.user_id.clone().unwrap_or_default(),
                method,
            };
            self.record(&mut inventory, key, &event)?;
        }
        if proven {
            let passkey = report.credential.is_some();
            self.record(&mut inventory, key, &Event::Proven { passkey })?;
        }
        Ok(())
    }
}

impl Ledger for InventoryLedger {
    fn begin(&mut self, key: &PreparedKey) -> Result<(), RegistrationError> {
        let mut inventory = self.open()?;
        match inventory.claim(&key.label, &self.run, self.lease)? {
            Claimed::Yours(_) => {}
            Claimed::TakenBy(claim) => {
                return Err(RegistrationError::Inventory(InventoryError::Taken {
                    label: key.label.clone(),
                    who: claim.who,
                    until: claim.until,
                }));
            }
        }
        let planned = inventory.key(&key.label)?.account;
        if !planned.as_str().eq_ignore_ascii_case(key.account.as_str()) {
            inventory.release(&key.label, &self.run)?;
            return Err(RegistrationError::Inventory(InventoryError::OtherAccount {
                label: key.label.clone(),
                planned: planned.to_string(),
                given: key.account.to_string(),
            }));
        }
        let (address, label, run) = (self.address.clone(), key.label.clone(), self.run.clone());
        self.renewal = Some(Renewal::start(address, label, run, self.lease));
        Ok(())
    }

    fn end(&mut self, key: &PreparedKey, tenant: &str, report: &KeyReport) -> Result<(), RegistrationError> {
        let proven = matches!(report.result.as_str(), "registered" | "alreadyRegistered");
        // Where the pass could not be deleted or the audit log shows too much, the passkey is there all the same.
        let is_there = report.method.is_some() && report.unproven.is_empty() && report.deleted.is_empty();
        let written = if proven || is_there {
            self.write(key, tenant, report, proven)
        } else {
            Ok(())
        };
        self.renewal = None;
        let released = self.open().and_then(|mut i| i.release(&key.label, &self.run));
        Ok(written.and(released)?)
    }

    fn known(&mut self) -> Result<Vec<Key>, RegistrationError> {
        Ok(self.open()?.keys(&Filter::default())?)
    }
}
