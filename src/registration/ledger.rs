//! What a run of registrations tells others: which key it works with, and what became of it.

use std::time::Duration;

use super::RegistrationError;
use super::report::KeyReport;
use crate::id::LabelId;
use crate::inventory::{
    Address, Author, Claimed, Event, Filter, Inventory, InventoryError, Key, OpenPass, Renewal, Run,
};
use crate::manifest::schema::PreparedKey;

/// Hears of each key before and after it is registered.
pub trait Ledger {
    /// A key is about to be worked with; an error stops the run before anything is done with it.
    fn begin(&mut self, key: &PreparedKey) -> Result<(), RegistrationError>;

    /// The work with it has ended, as the report says, well or not.
    fn end(&mut self, key: &PreparedKey, tenant: &str, report: &KeyReport) -> Result<(), RegistrationError>;

    /// A pass for this key's account is about to be created.
    fn pass_opens(&mut self, _: &PreparedKey, _: &str, _: &str) -> Result<(), RegistrationError> {
        Ok(())
    }

    /// The pass for this key, in this tenant and for this account's object id, is deleted, and the sessions are ended.
    fn pass_closed(&mut self, _: &LabelId, _: &str, _: &str) -> Result<(), RegistrationError> {
        Ok(())
    }

    /// Passes in this tenant that runs left which are dead.
    fn left_open(&mut self, _: &str) -> Result<Vec<OpenPass>, RegistrationError> {
        Ok(Vec::new())
    }

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
        inventory: &mut Inventory,
        key: &PreparedKey,
        tenant: &str,
        report: &KeyReport,
        proven: bool,
    ) -> Result<(), InventoryError> {
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
            self.record(inventory, key, &event)?;
        }
        if proven {
            let passkey = report.credential.is_some();
            self.record(inventory, key, &Event::Proven { passkey })?;
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
        if let Err(error) = sole(&mut inventory, key) {
            inventory.release(&key.label, &self.run)?;
            return Err(error.into());
        }
        let (address, label, run) = (self.address.clone(), key.label.clone(), self.run.clone());
        self.renewal = Some(Renewal::start(address, label, run, self.lease));
        Ok(())
    }

    fn end(&mut self, key: &PreparedKey, tenant: &str, report: &KeyReport) -> Result<(), RegistrationError> {
        let proven = matches!(report.result.as_str(), "registered" | "alreadyRegistered");
        // Where the pass could not be deleted or the audit log shows too much, the passkey is there all the same.
        let is_there = report.method.is_some() && report.unproven.is_empty() && report.deleted.is_empty();
        self.renewal = None;
        let mut inventory = self.open()?;
        let written = if proven || is_there {
            self.write(&mut inventory, key, tenant, report, proven)
        } else {
            Ok(())
        };
        let released = inventory.release(&key.label, &self.run);
        Ok(written.and(released)?)
    }

    fn pass_opens(&mut self, key: &PreparedKey, tenant: &str, user: &str) -> Result<(), RegistrationError> {
        let (tenant, user) = (tenant.to_owned(), user.to_owned());
        let event = Event::PassOpened { tenant, user };
        Ok(self.record(&mut self.open()?, key, &event)?)
    }

    fn pass_closed(&mut self, label: &LabelId, tenant: &str, user: &str) -> Result<(), RegistrationError> {
        let (tenant, user) = (tenant.to_owned(), user.to_owned());
        let event = Event::PassClosed { tenant, user };
        let mut inventory = self.open()?;
        let mut result = inventory.record(label, &event, &self.author, Some(&self.run));
        if let Err(InventoryError::ClaimLost(_)) = result {
            result = inventory.record(label, &event, &self.author, None);
        }
        match result {
            // Whoever has the key now looks for the pass as well, and says so itself.
            Ok(_) | Err(InventoryError::Taken { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn left_open(&mut self, tenant: &str) -> Result<Vec<OpenPass>, RegistrationError> {
        let mut open = self.open()?.open_passes(&self.run)?;
        open.retain(|pass| pass.tenant == tenant);
        Ok(open)
    }

    fn known(&mut self) -> Result<Vec<Key>, RegistrationError> {
        Ok(self.open()?.keys(&Filter::default())?)
    }
}

/// No other run works with another key of this account: an account has one pass, and it would be deleted under their hands.
///
/// Both have claimed before they look, so at most one of two goes on.
fn sole(inventory: &mut Inventory, key: &PreparedKey) -> Result<(), InventoryError> {
    let present = inventory.present()?;
    let of_account = Filter {
        accounts: vec![key.account.clone()],
        ..Filter::default()
    };
    for other in inventory.keys(&of_account)? {
        match other.claim {
            Some(claim) if other.label != key.label && claim.until >= present => {
                return Err(InventoryError::Taken {
                    label: other.label,
                    who: claim.who,
                    until: claim.until,
                });
            }
            _ => {}
        }
    }
    Ok(())
}
