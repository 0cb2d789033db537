//! Makes the changes, journalled, and waits until the tenant shows each of them.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::change::{Change, plan};
use super::journal::{Action, Entry, Journal, Known, known};
use super::password;
use super::policy::{self, Policy};
use super::present::{Groups, Present, groups, user};
use super::wish::Wish;
use crate::graph::{Client, GraphError, Group, NewGroup, NewUser};
use crate::journal::State;
use crate::tenant::rules::Condition;

/// Accounts and group, members and policies, and a last look; one more for a tenant that is slow to show it.
const ROUNDS: usize = 5;
/// How often the creation of the group is sent while Graph is certain to have done nothing.
const ATTEMPTS: usize = 5;

/// Why a setup stopped.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The tenant is not one in which this can be done.
    #[error("{}", .0.what)]
    Condition(Condition),
    /// Graph refused, or could not be reached.
    #[error("{0}.")]
    Graph(#[from] GraphError),
    /// The journal cannot be written.
    #[error("The journal cannot be written: {0}")]
    File(std::io::Error),
    /// The tenant does not show what was written.
    #[error("The tenant does not show in time: {0}.")]
    NotShown(String),
    /// No password could be drawn.
    #[error("The kernel's random number generator failed.")]
    NoRandomness,
}

impl From<Condition> for SetupError {
    fn from(condition: Condition) -> Self {
        Self::Condition(condition)
    }
}

/// A setup with everything it needs.
pub struct Setup<'a> {
    /// The tenant.
    pub graph: &'a Client,
    /// Where writes are journalled.
    pub journal: &'a mut Journal,
    /// What the tenant is to have.
    pub wish: &'a Wish,
    /// Where lines of progress go.
    pub say: &'a mut dyn FnMut(&str),
    /// How long a tenant may take to show what was written.
    pub settle: Duration,
    /// Pause between two looks.
    pub poll: Duration,
}

impl Setup<'_> {
    /// Adds what is missing; returns how many changes were made. Repeating it changes nothing.
    pub fn run(&mut self) -> Result<usize, SetupError> {
        let mut made = 0;
        for _ in 0..ROUNDS {
            let mut present = Present::read(self.graph, self.wish)?;
            let tenant = present.organization.id.clone();
            if matches!(present.groups, Groups::None) && self.awaits_group(&tenant)? {
                present = Present::read(self.graph, self.wish)?;
            }
            let plan = plan(self.wish, &present)?;
            if plan.changes.is_empty() {
                return Ok(made);
            }
            for (change, _) in plan.changes {
                self.graph.interrupt().check().map_err(GraphError::from)?;
                made += usize::from(self.make(&tenant, change, &present.groups)?);
            }
        }
        Err(SetupError::NotShown("every change".into()))
    }

    /// Makes one change, unless it needs ids that are not known yet; then the next round makes it.
    fn make(&mut self, tenant: &str, change: Change, groups: &Groups) -> Result<bool, SetupError> {
        match (change, groups) {
            (Change::User(new), _) => self.create_user(tenant, &new)?,
            (Change::Group(new), _) => self.create_group(tenant, &new)?,
            (
                Change::Member {
                    account,
                    ids: Some((group, user)),
                },
                _,
            ) => self.add_member(tenant, account.as_str(), &group, &user)?,
            (Change::Policy(which), Groups::One(group)) => return self.change_policy(tenant, which, group),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn create_user(&mut self, tenant: &str, new: &NewUser) -> Result<(), SetupError> {
        let name = &new.user_principal_name;
        (self.say)(&format!("Creating the account {name}."));
        self.note(Action::CreateUser, State::Intended, tenant, name, None)?;
        let password = password::random().ok_or(SetupError::NoRandomness)?;
        let result = self.graph.create_user(new, &password);
        drop(password);
        match result {
            Ok(_) => {}
            // It may be there already, created by a run whose answer was lost and not shown everywhere yet.
            Err(error) if error.refusal().is_some_and(|r| matches!(r.status, 400 | 409)) => {
                if self.shown(|s| Ok(user(s.graph, name)?.is_none()))? {
                    self.note(Action::CreateUser, State::Refused, tenant, name, None)?;
                    return Err(error.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        if self.shown(|s| Ok(user(s.graph, name)?.is_none()))? {
            return Err(SetupError::NotShown(format!("the account {name}")));
        }
        let id = self.graph.user(name)?.id;
        self.note(Action::CreateUser, State::Done, tenant, name, Some(&id))
    }

    fn create_group(&mut self, tenant: &str, new: &NewGroup) -> Result<(), SetupError> {
        let name = &new.display_name;
        (self.say)(&format!("Creating the group {name}."));
        for attempt in 1.. {
            self.note(Action::CreateGroup, State::Intended, tenant, name, None)?;
            let error = match self.graph.create_group(new) {
                Ok(group) => {
                    self.note(Action::CreateGroup, State::Done, tenant, name, Some(&group.id))?;
                    break;
                }
                Err(error) => error,
            };
            let refusal = error.refusal();
            let throttled = refusal.is_some_and(|r| r.status == 429);
            if throttled || refusal.is_some() && !error.is_transient() {
                self.note(Action::CreateGroup, State::Refused, tenant, name, None)?;
            }
            if throttled && attempt < ATTEMPTS {
                let asked = refusal.and_then(|r| r.retry_after).unwrap_or(self.poll);
                self.graph.interrupt().sleep(asked).map_err(GraphError::from)?;
                continue;
            }
            // No certain answer: names are not unique, so it is looked for before anybody sends it again.
            return Err(error.into());
        }
        if self.shown(|s| Ok(matches!(groups(s.graph, name)?, Groups::None)))? {
            return Err(SetupError::NotShown(format!("the group {name}")));
        }
        Ok(())
    }

    /// Waits for a group that an earlier round or run created, or may have; returns whether it has come.
    fn awaits_group(&mut self, tenant: &str) -> Result<bool, SetupError> {
        let name = self.wish.group.clone();
        match known(self.journal, Action::CreateGroup, tenant, &name) {
            Known::Nothing => return Ok(false),
            Known::Open | Known::Done(_) => {}
        }
        (self.say)(&format!(
            "The journal says that the group {name} was created, or may have been: looking for it first."
        ));
        Ok(!self.shown(|s| Ok(matches!(groups(s.graph, &name)?, Groups::None)))?)
    }

    fn add_member(&mut self, tenant: &str, account: &str, group: &str, id: &str) -> Result<(), SetupError> {
        (self.say)(&format!("Adding {account} to the group."));
        self.note(Action::AddMember, State::Intended, tenant, account, Some(group))?;
        let end = Instant::now() + self.settle;
        loop {
            let error = match self.graph.add_member(group, id) {
                Ok(()) => break,
                Err(error) => error,
            };
            match error.refusal().map(|r| r.status) {
                // Already in it, says the service behind groups; what it shows decides.
                Some(400) if !self.shown(|s| Ok(!is_member(s.graph, group, id)?))? => break,
                // Created a moment ago, and not known there yet.
                Some(404) if Instant::now() < end => {
                    self.graph
                        .interrupt()
                        .sleep(self.poll)
                        .map_err(GraphError::from)?;
                }
                Some(400 | 404) => {
                    self.note(Action::AddMember, State::Refused, tenant, account, Some(group))?;
                    return Err(error.into());
                }
                _ => return Err(error.into()),
            }
        }
        if self.shown(|s| Ok(!is_member(s.graph, group, id)?))? {
            return Err(SetupError::NotShown(format!("{account} in the group")));
        }
        self.note(Action::AddMember, State::Done, tenant, account, Some(group))
    }

    /// Reads the policy again, adds to what is there now, writes and reads back.
    fn change_policy(&mut self, tenant: &str, which: Policy, group: &Group) -> Result<bool, SetupError> {
        let (path, models) = (which.path(), &self.wish.models);
        let missing = |graph: &Client| -> Result<_, SetupError> {
            let before = graph.policy(path)?;
            Ok(policy::change(
                which,
                &before,
                &group.id,
                models,
                &mut Vec::new(),
            )?)
        };
        let Some(request) = missing(self.graph)? else {
            return Ok(false);
        };
        (self.say)(&format!("Changing {path}."));
        self.note(Action::ChangePolicy, State::Intended, tenant, path, None)?;
        if let Err(error) = self.graph.change_policy(path, &request.body) {
            if error.refusal().is_some() && !error.is_transient() {
                self.note(Action::ChangePolicy, State::Refused, tenant, path, None)?;
            }
            return Err(error.into());
        }
        if self.shown(|s| Ok(missing(s.graph)?.is_some()))? {
            return Err(SetupError::NotShown(path.into()));
        }
        self.note(Action::ChangePolicy, State::Done, tenant, path, None)?;
        Ok(true)
    }

    /// Looks until something is not missing any more, or the time is over; returns whether it is missing.
    fn shown(
        &mut self,
        mut missing: impl FnMut(&Self) -> Result<bool, SetupError>,
    ) -> Result<bool, SetupError> {
        let end = Instant::now() + self.settle;
        loop {
            if !missing(self)? {
                return Ok(false);
            }
            if Instant::now() >= end {
                return Ok(true);
            }
            self.graph
                .interrupt()
                .sleep(self.poll)
                .map_err(GraphError::from)?;
        }
    }

    fn note(
        &mut self,
        action: Action,
        state: State,
        tenant: &str,
        subject: &str,
        object: Option<&str>,
    ) -> Result<(), SetupError> {
        let entry = Entry {
            time: OffsetDateTime::now_utc(),
            action,
            state,
            tenant: tenant.to_owned(),
            subject: subject.to_owned(),
            object: object.map(str::to_owned),
        };
        self.journal.write(entry).map_err(SetupError::File)
    }
}

fn is_member(graph: &Client, group: &str, id: &str) -> Result<bool, GraphError> {
    let members = graph.group_members(group)?;
    Ok(members.iter().any(|m| m.id.eq_ignore_ascii_case(id)))
}
