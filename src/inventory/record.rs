//! Events and what they change: the one way in which a key's row changes after its import.

use super::event::{read_stamp, stamp};
use super::key::Claim;
use super::store::{Store, Value};
use super::{Event, Inventory, InventoryError, KeyState, Run};
use crate::id::{LabelId, SlipNumber};

/// Who writes an event, and by which command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The person, as the machine knows them.
    pub who: String,
    /// The command.
    pub source: String,
}

/// What is to be known of a key before it is changed.
pub(super) struct Now {
    pub(super) state: KeyState,
    pub(super) account: String,
    pub(super) run: Option<String>,
    pub(super) claim: Option<Claim>,
}

impl Inventory {
    /// Writes an event and changes the key by it.
    ///
    /// A `run` has to hold the claim; without one the key must not be claimed by anybody.
    pub fn record(
        &mut self,
        label: &LabelId,
        event: &Event,
        author: &Author,
        run: Option<&Run>,
    ) -> Result<KeyState, InventoryError> {
        let present = self.present()?;
        self.store.transaction(|store| {
            let now = look(store, label)?;
            match (run, now.claim, now.run) {
                (Some(run), _, Some(id)) if id == run.id => {}
                (Some(_), ..) => return Err(InventoryError::ClaimLost(label.clone())),
                (None, Some(claim), _) if claim.until >= present => {
                    return Err(InventoryError::Taken {
                        label: label.clone(),
                        who: claim.who,
                        until: claim.until,
                    });
                }
                (None, ..) => {}
            }
            if let Event::Registered { account, .. } = event
                && !account.eq_ignore_ascii_case(&now.account)
            {
                return Err(InventoryError::OtherAccount {
                    label: label.clone(),
                    planned: now.account,
                    given: account.clone(),
                });
            }
            let state = match event.step() {
                None => now.state,
                Some(step) => now.state.after(step).ok_or_else(|| InventoryError::NotAllowed {
                    label: label.clone(),
                    state: now.state,
                    step,
                })?,
            };
            let time = stamp(present);
            change(store, label, event, state, &time)?;
            write(store, label.as_str(), event, state, author, &time)?;
            Ok(state)
        })
    }
}

/// Reads a key and, on a server, keeps others from changing it meanwhile; SQLite has one writer anyway.
pub(super) fn look(store: &mut Store, label: &LabelId) -> Result<Now, InventoryError> {
    let lock = if store.is_server() { " FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT state, account, claim_run, claim_who, claim_until FROM glasskey_keys WHERE label = ?1{lock}"
    );
    let rows = store.query(&sql, &[label.as_str().into()])?;
    let Some(row) = rows.first() else {
        return Err(InventoryError::Unknown(label.clone()));
    };
    let word = row.text(0);
    let state = KeyState::from_word(&word)
        .ok_or_else(|| InventoryError::Database(format!("{word:?} is no state of a key")))?;
    Ok(Now {
        state,
        account: row.text(1),
        run: row.optional_text(2),
        claim: read_stamp(&row.text(4)).map(|until| Claim {
            who: row.text(3),
            until,
        }),
    })
}

/// Adds a line to a key's history.
pub(super) fn write(
    store: &mut Store,
    label: &str,
    event: &Event,
    state: KeyState,
    author: &Author,
    time: &str,
) -> Result<(), InventoryError> {
    let detail = serde_json::to_string(event).map_err(|error| InventoryError::Database(error.to_string()))?;
    store.execute(
        "INSERT INTO glasskey_events (label, time, what, state, who, source, detail)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            label.into(),
            time.into(),
            event.word().into(),
            state.word().into(),
            author.who.as_str().into(),
            author.source.as_str().into(),
            detail.into(),
        ],
    )?;
    Ok(())
}

/// The columns that an event changes, beside the state.
fn change(
    store: &mut Store,
    label: &LabelId,
    event: &Event,
    state: KeyState,
    time: &str,
) -> Result<(), InventoryError> {
    let mut columns: Vec<(&str, Value)> = vec![("state", state.word().into())];
    match event {
        Event::Registered {
            tenant, user, method, ..
        } => columns.extend([
            ("registered", time.into()),
            ("tenant", tenant.as_str().into()),
            ("user_id", user.as_str().into()),
            ("method", method.clone().into()),
        ]),
        Event::Proven { .. } => columns.push(("proven", time.into())),
        Event::Drilled { .. } => columns.extend([("proven", time.into()), ("drilled", time.into())]),
        Event::Moved(places) => {
            let slip = places.slip.map(SlipNumber::number).map(i64::from);
            let bag = |bag: &Option<crate::id::BagNumber>| bag.as_ref().map(ToString::to_string);
            let texts = [
                ("custodian", places.custodian.clone()),
                ("safe", places.safe.clone()),
                ("key_bag", bag(&places.key_bag)),
                ("slip_bag", bag(&places.slip_bag)),
                ("second_slip_bag", bag(&places.second_slip_bag)),
            ];
            columns.extend(slip.map(|slip| ("slip", slip.into())));
            columns.extend(
                texts
                    .into_iter()
                    .filter_map(|(name, text)| Some((name, text?.into()))),
            );
        }
        _ => {}
    }
    let set: Vec<String> = columns
        .iter()
        .zip(2..)
        .map(|((name, _), number)| format!("{name} = ?{number}"))
        .collect();
    let sql = format!("UPDATE glasskey_keys SET {} WHERE label = ?1", set.join(", "));
    let values: Vec<Value> = std::iter::once(label.as_str().into())
        .chain(columns.into_iter().map(|(_, value)| value))
        .collect();
    store.execute(&sql, &values)?;
    Ok(())
}
