//! What a tenant has already, of what a setup is about.

use serde_json::Value;

use super::policy::Policy;
use super::wish::Wish;
use crate::graph::{
    Client, GraphError, Group, METHODS_POLICY, Organization, PASS_POLICY, PASSKEY_POLICY, User,
};
use crate::tenant::facts::Reading;

/// The groups of a name.
#[derive(Debug, Clone)]
pub enum Groups {
    /// There is none.
    None,
    /// There is one.
    One(Box<Group>),
    /// There are more.
    Many(usize),
}

/// What is there.
#[derive(Debug, Clone)]
pub struct Present {
    /// The tenant.
    pub organization: Organization,
    /// Object id of the caller, if the token tells it.
    pub caller: Option<String>,
    /// Whether the tenant has a licence for protected groups, as far as the sign-in log tells.
    pub licensed: bool,
    /// The accounts, in the order of the wish.
    pub users: Vec<Option<User>>,
    /// The group.
    pub groups: Groups,
    /// Object ids of its direct members.
    pub members: Vec<String>,
    /// Whether security defaults are on.
    pub security_defaults: Reading<bool>,
    /// Scheme and host that stand in links to objects.
    pub link_origin: String,
    passkeys: Value,
    passes: Value,
    methods: Value,
}

impl Present {
    /// Reads everything; nothing is written.
    pub fn read(graph: &Client, wish: &Wish) -> Result<Self, GraphError> {
        let organization = graph.organization()?;
        let licensed = match graph.try_sign_in_log() {
            Ok(()) => true,
            // Without the permission the licence is unknown; Graph refuses a group that it does not allow.
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.is_unlicensed() => false,
                Some(refusal) if refusal.status == 403 => true,
                _ => return Err(error),
            },
        };
        let mut users = Vec::new();
        for account in &wish.accounts {
            users.push(user(graph, account.as_str())?);
        }
        let groups = groups(graph, &wish.group)?;
        let members = match &groups {
            Groups::One(group) => match graph.group_members(&group.id) {
                Ok(members) => members.into_iter().map(|m| m.id).collect(),
                Err(error) if error.is_not_found() => Vec::new(),
                Err(error) => return Err(error),
            },
            _ => Vec::new(),
        };
        Ok(Self {
            organization,
            caller: graph.caller(),
            licensed,
            users,
            groups,
            members,
            security_defaults: Reading::of(graph.security_defaults())?,
            link_origin: graph.link_origin().to_owned(),
            passkeys: graph.policy(PASSKEY_POLICY)?,
            passes: graph.policy(PASS_POLICY)?,
            methods: graph.policy(METHODS_POLICY)?,
        })
    }

    pub(super) fn policy(&self, which: Policy) -> &Value {
        match which {
            Policy::Passkeys => &self.passkeys,
            Policy::Passes => &self.passes,
            Policy::Campaign => &self.methods,
        }
    }
}

/// An account, if it is there.
pub(super) fn user(graph: &Client, name: &str) -> Result<Option<User>, GraphError> {
    match graph.user(name) {
        Ok(user) => Ok(Some(user)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The groups of a name.
pub(super) fn groups(graph: &Client, name: &str) -> Result<Groups, GraphError> {
    let mut found = graph.groups_named(name)?;
    Ok(match found.len() {
        0 | 1 => found.pop().map_or(Groups::None, |g| Groups::One(Box::new(g))),
        count => Groups::Many(count),
    })
}
