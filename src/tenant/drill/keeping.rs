//! The inventory's side of a drill: the key is claimed, the drill is begun and ended on record.

use std::time::Duration;

use time::OffsetDateTime;

use super::sign_in::Known;
use crate::id::{LabelId, Upn};
use crate::inventory::event::stamp;
use crate::inventory::{
    Address, Author, Claimed, Event, Evidence, Filter, Held, Inventory, InventoryError, Key, Kind, Renewal,
    Run,
};
use crate::registration::RegistrationError;

/// How long a claim outlives a run that died.
const LEASE: Duration = Duration::from_mins(10);
/// Sign-ins of a registration come before it is recorded, by at most this time.
const REGISTERING: time::Duration = time::Duration::hours(1);
/// The inventory keeps whole seconds.
const SLACK: time::Duration = time::Duration::seconds(1);

/// A key that is claimed for a drill, which has begun on record.
pub struct Keeping {
    address: Address,
    author: Author,
    run: Run,
    renewal: Option<Renewal>,
    /// Id of the drill.
    pub drill: String,
    /// The key.
    pub key: Key,
    /// What it is asked for.
    pub held: Held,
    /// Whether it is a rehearsal's.
    pub kind: Option<Kind>,
    /// When drills of it began that have no end on record, UTC.
    pub cut_off: Vec<String>,
    /// The last drill of the account, or its first registration, UTC: from then on its use is explained or an alarm.
    pub since: OffsetDateTime,
    /// What explains its use.
    pub known: Known,
    /// Ids of the account's passkeys, as far as the inventory knows.
    pub methods: Vec<String>,
    /// Every account of the inventory.
    pub accounts: Vec<Upn>,
}

impl Keeping {
    /// Claims the key with this label, or that of the account whose drill is due first, and begins the drill.
    pub fn begin(
        address: Address,
        author: Author,
        account: &Upn,
        label: Option<&LabelId>,
        reason: &str,
    ) -> Result<Self, RegistrationError> {
        let mut inventory = Inventory::open(&address)?;
        let all = inventory.keys(&Filter::default())?;
        let mut accounts: Vec<Upn> = all.iter().map(|key| key.account.clone()).collect();
        accounts.dedup();
        let of_this = Filter {
            accounts: vec![account.clone()],
            ..Filter::default()
        };
        let keys: Vec<Key> = all.into_iter().filter(|key| of_this.admits(key)).collect();
        let label = choose(&keys, account, label)?;
        let run = Run::new(&author.who)?;
        if let Claimed::TakenBy(claim) = inventory.claim(&label, &run, LEASE)? {
            return Err(RegistrationError::Inventory(InventoryError::Taken {
                label,
                who: claim.who,
                until: claim.until,
            }));
        }
        // Read after the claim: whoever had it before may have changed it.
        let key = inventory.key(&label)?;
        let held = inventory.held(&label)?;
        let present = inventory.present()?;
        let drills = inventory.drills()?;
        let of_account: Vec<_> = drills
            .into_iter()
            .filter(|drill| keys.iter().any(|key| key.label == drill.label))
            .collect();
        let cut_off = of_account
            .iter()
            .filter(|drill| drill.label == label && drill.ended.is_none());
        let cut_off = cut_off.map(|drill| stamp(drill.begun)).collect();
        let ended = of_account.iter().filter(|drill| drill.passed);
        let registered = keys.iter().filter_map(|key| key.registered).min();
        let last = ended.filter_map(|drill| drill.ended).max();
        let since = last.or(registered).unwrap_or(present);
        let mut known = Known::default();
        for drill in &of_account {
            let ids = drill.evidence.as_ref().map(|evidence| evidence.sign_ins.clone());
            match (ids.filter(|ids| !ids.is_empty()), drill.ended) {
                (Some(ids), _) => known.ids.extend(ids),
                (None, Some(ended)) => known.times.push((drill.begun, ended)),
                (None, None) => {}
            }
        }
        for key in &keys {
            for event in inventory.history(&key.label)? {
                // What came before the last drill was looked at by it.
                if event.what == "registered" && last.is_none_or(|last| event.time >= last) {
                    known.times.push((event.time - REGISTERING, event.time + SLACK));
                }
            }
        }
        let drill = format!("{}-{label}", stamp(present));
        let mut keeping = Self {
            renewal: None,
            drill,
            key,
            held,
            kind: inventory.kind()?,
            cut_off,
            since,
            known,
            methods: keys.into_iter().filter_map(|key| key.method).collect(),
            accounts,
            address,
            author,
            run,
        };
        let begun = Event::DrillBegun {
            drill: keeping.drill.clone(),
            reason: reason.to_owned(),
        };
        inventory.record(&label, &begun, &keeping.author, Some(&keeping.run))?;
        keeping.renewal = Some(Renewal::start(
            keeping.address.clone(),
            label,
            keeping.run.clone(),
            LEASE,
        ));
        Ok(keeping)
    }

    /// Who holds the drill.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.author.who
    }

    /// Records how the drill ended, with the signed report, and gives the key back.
    pub fn end(mut self, passed: bool, evidence: Evidence) -> Result<(), InventoryError> {
        let event = if passed {
            Event::Drilled {
                note: None,
                evidence: Some(evidence),
            }
        } else {
            Event::DrillFailed { evidence }
        };
        // Opened anew: the drill may have taken an hour, and a connection may not last.
        let mut inventory = Inventory::open(&self.address)?;
        let recorded = inventory.record(&self.key.label, &event, &self.author, Some(&self.run));
        self.renewal = None;
        let released = inventory.release(&self.key.label, &self.run);
        recorded.map(drop).and(released)
    }
}

/// The key with this label if the account has it, else the one whose drill is due first.
fn choose(keys: &[Key], account: &Upn, label: Option<&LabelId>) -> Result<LabelId, RegistrationError> {
    let refuse = |what: String, hint: &str| {
        let hint = hint.to_owned();
        Err(RegistrationError::Condition { what, hint })
    };
    let Some(label) = label else {
        let usable = keys.iter().filter_map(|key| Some((key.due(0)?, &key.label)));
        return match usable.min() {
            Some((_, label)) => Ok(label.clone()),
            None => refuse(
                format!("No key opens {account}, as far as the inventory knows."),
                "Register a key first (`companion register --inventory`), or look at the account's name.",
            ),
        };
    };
    match keys.iter().find(|key| key.label == *label) {
        Some(key) if key.state.is_usable() => Ok(label.clone()),
        Some(key) => refuse(
            format!(
                "The key with label {label} is {}: it opens no account.",
                key.state.word()
            ),
            "Drill another key of the account.",
        ),
        None => refuse(
            format!("The key with label {label} is not for {account}."),
            "Compare the label with the inventory: `companion inventory show`.",
        ),
    }
}
