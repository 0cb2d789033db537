//! What the report says: keys by account, drills that are due, and findings, worst first.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use crate::inventory::{Key, KeyState, Kind};

/// Days before a drill in which it counts as due.
const NOTICE: i64 = 14;

/// Days that a prepared key may wait for its registration.
const PATIENCE: i64 = 30;

/// Everything that a report shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// When it was made, UTC.
    pub made: OffsetDateTime,
    /// Which inventory, as a person knows it.
    pub inventory: String,
    /// Whether it holds real keys.
    pub kind: Option<Kind>,
    /// Days from one drill to the next.
    pub days: u32,
    /// How many keys are in each state, in the order of a key's life.
    pub totals: Vec<(KeyState, usize)>,
    /// What is not as it should be, worst first.
    pub findings: Vec<Finding>,
    /// Accounts with their keys.
    pub accounts: Vec<Account>,
}

/// One thing that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// The account, or one of its keys.
    pub about: String,
    /// What it is, as sentences.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// An account may not be opened, or by the wrong people.
    Act,
    /// Something is late or missing.
    Plan,
    /// Good to know.
    Note,
}

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its sign-in name.
    pub name: String,
    /// How many of its keys open it, as far as is known.
    pub usable: usize,
    /// Its keys.
    pub keys: Vec<Line>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The key.
    pub key: Key,
    /// Its next drill.
    pub drill: NextDrill,
}

/// When a key is drilled next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextDrill {
    /// It opens no account.
    None,
    /// Later.
    Later(OffsetDateTime),
    /// Within two weeks.
    Soon(OffsetDateTime),
    /// It should have been.
    Overdue(OffsetDateTime),
}

impl Weight {
    /// The word in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Act => "Act now",
            Self::Plan => "Plan",
            Self::Note => "Note",
        }
    }
}

impl Content {
    /// Makes a report from keys that are ordered by account.
    #[must_use]
    pub fn new(keys: &[Key], inventory: String, kind: Option<Kind>, made: OffsetDateTime, days: u32) -> Self {
        let count = |state| keys.iter().filter(|key| key.state == state).count();
        let same = |a: &Key, b: &Key| a.account.as_str().eq_ignore_ascii_case(b.account.as_str());
        let accounts: Vec<Account> = keys
            .chunk_by(same)
            .map(|keys| account(keys, made, days))
            .collect();
        let mut findings: Vec<Finding> = accounts.iter().flat_map(|a| findings(a, made)).collect();
        findings.sort();
        Self {
            made,
            inventory,
            kind,
            days,
            totals: KeyState::ALL.map(|state| (state, count(state))).to_vec(),
            findings,
            accounts,
        }
    }

    /// Number of keys.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.totals.iter().map(|(_, count)| count).sum()
    }

    /// Number of keys whose drill is overdue, and of those that are due within two weeks.
    #[must_use]
    pub fn drills(&self) -> (usize, usize) {
        let lines = || self.accounts.iter().flat_map(|account| &account.keys);
        let count = |wanted: fn(&NextDrill) -> bool| lines().filter(|line| wanted(&line.drill)).count();
        (
            count(|drill| matches!(drill, NextDrill::Overdue(_))),
            count(|drill| matches!(drill, NextDrill::Soon(_))),
        )
    }
}

fn account(keys: &[Key], made: OffsetDateTime, days: u32) -> Account {
    let drill = |key: &Key| match key.due(days) {
        None => NextDrill::None,
        Some(due) if due <= made => NextDrill::Overdue(due),
        Some(due) if due <= made + Duration::days(NOTICE) => NextDrill::Soon(due),
        Some(due) => NextDrill::Later(due),
    };
    Account {
        name: keys
            .first()
            .map(|key| key.account.to_string())
            .unwrap_or_default(),
        usable: keys.iter().filter(|key| key.state.is_usable()).count(),
        keys: keys
            .iter()
            .map(|key| Line {
                key: key.clone(),
                drill: drill(key),
            })
            .collect(),
    }
}

fn findings(account: &Account, made: OffsetDateTime) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |weight, about: String, text: String| found.push(Finding { weight, about, text });
    let name = || account.name.clone();
    match account.usable {
        0 => add(Weight::Act, name(), "No key opens this account.".into()),
        1 => add(
            Weight::Act,
            name(),
            "Only one key opens this account: if it fails, nobody gets in.".into(),
        ),
        _ => {
            for (what, of) in together(account) {
                add(
                    Weight::Plan,
                    name(),
                    format!("All keys that open it have one {what}: {of}."),
                );
            }
        }
    }
    for line in &account.keys {
        let key = &line.key;
        let about = || format!("{}, key {}", account.name, key.label);
        if let Some((weight, text)) = by_state(key, made) {
            add(weight, about(), text);
        }
        if let NextDrill::Overdue(due) = line.drill {
            add(
                Weight::Plan,
                about(),
                format!("Its drill is overdue since {}.", due.date()),
            );
        }
        if key.state.is_in_service() {
            for (weight, text) in by_place(key, made) {
                add(weight, about(), text);
            }
        }
    }
    found
}

/// Safe or custodian that all usable keys of an account share.
fn together(account: &Account) -> Vec<(&'static str, &str)> {
    let shared = |of: fn(&Key) -> Option<&str>| {
        let usable = account.keys.iter().filter(|line| line.key.state.is_usable());
        let all: BTreeSet<Option<&str>> = usable.map(|line| of(&line.key)).collect();
        // More than one, or none that is known, is no finding here.
        (all.len() == 1)
            .then(|| all.into_iter().next().flatten())
            .flatten()
    };
    let safe = shared(|key| key.safe.as_deref()).map(|of| ("safe", of));
    let custodian = shared(|key| key.custodian.as_deref()).map(|of| ("custodian", of));
    safe.into_iter().chain(custodian).collect()
}

fn by_state(key: &Key, made: OffsetDateTime) -> Option<(Weight, String)> {
    match key.state {
        KeyState::Lost if key.registered.is_some() => Some((
            Weight::Act,
            "It is lost, and its passkey may still open the account: remove the passkey, then record that it is revoked.".into(),
        )),
        KeyState::Lost => Some((Weight::Note, "It is lost; it was never registered.".into())),
        KeyState::Registered => Some((
            Weight::Plan,
            "It is registered, and nobody has proven since that it is the prepared key.".into(),
        )),
        KeyState::Prepared if made - key.prepared > Duration::days(PATIENCE) => Some((
            Weight::Plan,
            format!("It was prepared on {} and is not registered.", key.prepared.date()),
        )),
        _ => None,
    }
}

fn by_place(key: &Key, made: OffsetDateTime) -> Vec<(Weight, String)> {
    let mut found = Vec::new();
    let missing: Vec<&str> = [
        ("custodian", key.custodian.is_none()),
        ("safe", key.safe.is_none()),
    ]
    .into_iter()
    .filter_map(|(what, missing)| missing.then_some(what))
    .collect();
    if !missing.is_empty() {
        found.push((
            Weight::Note,
            format!("No {} is recorded.", missing.join(" and no ")),
        ));
    }
    let slip_bags = [&key.slip_bag, &key.second_slip_bag];
    if let Some(bag) = &key.key_bag
        && slip_bags.into_iter().any(|slip| slip.as_ref() == Some(bag))
    {
        found.push((Weight::Act, format!("The key and its PIN are in one bag: {bag}.")));
    }
    if let Some(claim) = &key.claim
        && claim.until < made
    {
        found.push((
            Weight::Note,
            format!("A run of {} ended without giving it back.", claim.who),
        ));
    }
    if !key.attested {
        found.push((
            Weight::Note,
            "Its attestation was not verified at the station.".into(),
        ));
    }
    found
}
