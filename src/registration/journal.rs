//! The journal: one line of JSON before and one after each write to a tenant, on disk before the write begins.
//!
//! It never holds a pass, only its method id. From it the next run knows which pass a dead run left behind.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

pub use crate::journal::State;

use crate::journal::Lines;

/// What is written to the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// A Temporary Access Pass is created.
    CreatePass,
    /// A Temporary Access Pass is deleted.
    DeletePass,
    /// The account's sessions are ended.
    RevokeSessions,
    /// A passkey is registered on behalf of an account.
    RegisterPasskey,
    /// A passkey that does not belong there is deleted.
    DeletePasskey,
    /// A role is given; the method id is the role's.
    AssignRole,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub time: OffsetDateTime,
    /// What.
    pub action: Action,
    /// How far.
    pub state: State,
    /// Tenant id.
    pub tenant: String,
    /// Object id of the account.
    pub user: String,
    /// Method id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Label of the key, where the write is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A passkey that an earlier run registered, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// Method id.
    pub method: String,
    /// Whether nobody knows yet if the tenant has it.
    pub open: bool,
    /// When its registration was intended.
    pub since: OffsetDateTime,
}

/// A pass that an earlier run may have left, or sessions that it opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Tenant id.
    pub tenant: String,
    /// Object id of the account.
    pub user: String,
    /// Method id, if the answer to the creation arrived.
    pub method: Option<String>,
    /// When its creation was intended.
    pub since: OffsetDateTime,
    /// Whether it is deleted, and only the account's sessions may be left.
    pub deleted: bool,
}

/// An open journal; one run at a time.
pub struct Journal {
    lines: Lines<Entry>,
    watch: Option<Watch>,
}

/// Is told of lines.
type Watch = Box<dyn FnMut(&Entry)>;

impl Journal {
    /// Opens a journal, or begins one, and locks it against a second run.
    pub fn open(path: &Path) -> io::Result<Self> {
        let lines = Lines::open(path)?;
        Ok(Self { lines, watch: None })
    }

    /// Tells `watch` of each line as soon as it is on disk: what it says has not been sent yet, or was answered just now.
    #[must_use]
    pub fn watched(mut self, watch: Box<dyn FnMut(&Entry)>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Writes an entry and waits until it is on disk.
    pub fn write(
        &mut self,
        action: Action,
        state: State,
        tenant: &str,
        user: &str,
        method: Option<&str>,
    ) -> io::Result<()> {
        self.entry(action, state, tenant, user, method, None)
    }

    /// The same for a write that is about one key.
    pub fn write_for(
        &mut self,
        action: Action,
        state: State,
        tenant: &str,
        user: &str,
        method: Option<&str>,
        label: &str,
    ) -> io::Result<()> {
        self.entry(action, state, tenant, user, method, Some(label))
    }

    fn entry(
        &mut self,
        action: Action,
        state: State,
        tenant: &str,
        user: &str,
        method: Option<&str>,
        label: Option<&str>,
    ) -> io::Result<()> {
        self.lines.write(Entry {
            time: OffsetDateTime::now_utc(),
            action,
            state,
            tenant: tenant.to_owned(),
            user: user.to_owned(),
            method: method.map(str::to_owned),
            label: label.map(str::to_owned),
        })?;
        if let (Some(watch), Some(entry)) = (&mut self.watch, self.lines.entries().last()) {
            watch(entry);
        }
        Ok(())
    }

    /// Passkeys of one key that the tenant has, or may have, oldest first.
    #[must_use]
    pub fn registrations(&self, tenant: &str, user: &str, label: &str) -> Vec<Registered> {
        let mut found: Vec<Registered> = Vec::new();
        for entry in self.entries() {
            let same = entry.tenant == tenant && entry.user == user && entry.label.as_deref() == Some(label);
            let Some(method) = entry.method.as_ref().filter(|_| same) else {
                continue;
            };
            match (entry.action, entry.state) {
                (Action::RegisterPasskey, State::Intended) => found.push(Registered {
                    method: method.clone(),
                    open: true,
                    since: entry.time,
                }),
                // The tenant's own id counts; it may have another form than the one that was expected.
                (Action::RegisterPasskey, State::Done) => {
                    if let Some(open) = found.iter_mut().rev().find(|r| r.open) {
                        (open.open, open.method) = (false, method.clone());
                    }
                }
                (Action::RegisterPasskey, State::Refused) => found.retain(|r| r.method != *method),
                _ => {}
            }
        }
        found
    }

    /// Every entry, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        self.lines.entries()
    }

    /// Passes that were created, or may have been, and of which nobody confirmed that they are deleted and the account's
    /// sessions ended.
    #[must_use]
    pub fn leftovers(&self) -> Vec<Leftover> {
        let mut open: Vec<Leftover> = Vec::new();
        for entry in self.entries() {
            let same = |l: &Leftover| l.tenant == entry.tenant && l.user == entry.user;
            match (entry.action, entry.state) {
                (Action::CreatePass, State::Intended) => open.push(Leftover {
                    tenant: entry.tenant.clone(),
                    user: entry.user.clone(),
                    method: None,
                    since: entry.time,
                    deleted: false,
                }),
                (Action::CreatePass, State::Done) => {
                    if let Some(pass) = open.iter_mut().rev().find(|l| same(l) && l.method.is_none()) {
                        pass.method.clone_from(&entry.method);
                    }
                }
                (Action::CreatePass, State::Refused) => {
                    if let Some(at) = open.iter().rposition(|l| same(l) && l.method.is_none()) {
                        open.remove(at);
                    }
                }
                // One pass per account: whichever was deleted, none of the earlier ones is left.
                (Action::DeletePass, State::Done) => {
                    open.iter_mut().filter(|l| same(l)).for_each(|l| l.deleted = true);
                }
                (Action::RevokeSessions, State::Done) => open.retain(|l| !(same(l) && l.deleted)),
                _ => {}
            }
        }
        open
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("glasskey-journal-{}-{name}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        path
    }

    #[test]
    fn a_registration_is_open_until_the_tenant_has_answered() {
        let path = path("registered");
        let mut journal = Journal::open(&path).unwrap();
        let mut write = |state, method: &str, label: &str| {
            journal
                .write_for(Action::RegisterPasskey, state, "t", "u", Some(method), label)
                .unwrap();
            journal.registrations("t", "u", "A")
        };
        assert!(write(State::Intended, "b", "B").is_empty(), "another key");
        assert!(write(State::Intended, "1", "A")[0].open);
        assert!(write(State::Refused, "1", "A").is_empty());
        assert!(write(State::Intended, "2", "A")[0].open);
        let done = write(State::Done, "2x", "A");
        assert_eq!(
            (done[0].open, done[0].method.as_str(), done.len()),
            (false, "2x", 1)
        );
        assert!(journal.registrations("other", "u", "A").is_empty());
        assert!(journal.leftovers().is_empty(), "no pass");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_pass_is_left_over_until_its_deletion_and_the_end_of_its_sessions_are_confirmed() {
        let path = path("left");
        let mut journal = Journal::open(&path).unwrap();
        journal
            .write(Action::CreatePass, State::Intended, "t", "u", None)
            .unwrap();
        assert_eq!(journal.leftovers()[0].method, None);
        journal
            .write(Action::CreatePass, State::Done, "t", "u", Some("p"))
            .unwrap();
        journal
            .write(Action::DeletePass, State::Intended, "t", "u", Some("p"))
            .unwrap();
        assert!(Journal::open(&path).is_err(), "a second run is refused");
        drop(journal);
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(journal.leftovers()[0].method.as_deref(), Some("p"));
        journal
            .write(Action::RevokeSessions, State::Done, "t", "u", None)
            .unwrap();
        assert!(
            !journal.leftovers()[0].deleted,
            "the pass is there and may open a session"
        );
        journal
            .write(Action::DeletePass, State::Done, "t", "u", Some("p"))
            .unwrap();
        assert!(journal.leftovers()[0].deleted);
        journal
            .write(Action::RevokeSessions, State::Done, "t", "other", None)
            .unwrap();
        assert_eq!(journal.leftovers().len(), 1);
        journal
            .write(Action::RevokeSessions, State::Done, "t", "u", None)
            .unwrap();
        assert!(journal.leftovers().is_empty());
        journal
            .write(Action::CreatePass, State::Intended, "t", "u", None)
            .unwrap();
        journal
            .write(Action::CreatePass, State::Refused, "t", "u", None)
            .unwrap();
        assert!(journal.leftovers().is_empty());
        std::fs::remove_file(path).unwrap();
    }
}
