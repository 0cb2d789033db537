//! What is read of a tenant before anything is judged: plain data, so that the judging is pure.

use crate::graph::{
    AccessPolicy, Campaign, Client, GraphError, Group, Member, Organization, PassPolicy, Passkey,
    PasskeyPolicy, RoleAssignment, RoleSchedule, Scope, User,
};
use crate::id::Aaguid;

/// What is asked about.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The accounts, with the models of keys that are to be registered.
    pub accounts: Vec<Wanted>,
    /// Name or object id of the accounts' group; found through the policies when left out.
    pub group: Option<String>,
    /// Whether the keys are registered by a route that creates no Temporary Access Pass, so that its policy does not matter.
    pub without_pass: bool,
    /// Whether the manifest is of a rehearsal; nothing without a manifest.
    pub rehearsal: Option<bool>,
    /// The tenant that the manifest is for.
    pub planned_tenant: Option<String>,
}

/// An account that is asked about.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its sign-in name, as it was given.
    pub name: String,
    /// Models of its keys.
    pub models: Vec<Model>,
}

/// A model of key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// Its AAGUID.
    pub aaguid: Aaguid,
    /// Its name, where it is known.
    pub product: Option<String>,
}

/// Something that a permission or a licence may hide.
#[derive(Debug, Clone)]
pub enum Reading<T> {
    /// It was read.
    Read(T),
    /// Graph refused it, for this reason.
    Hidden(String),
}

impl<T> Reading<T> {
    /// Takes a refusal for want of permission, licence or the thing itself as an answer; any other error stays one.
    pub(in crate::tenant) fn of(result: Result<T, GraphError>) -> Result<Self, GraphError> {
        match result {
            Ok(value) => Ok(Self::Read(value)),
            Err(error) => match error.refusal() {
                // Not every cloud has every list: what is not there is not read either.
                Some(refusal) if matches!(refusal.status, 403 | 404) || refusal.is_unlicensed() => {
                    Ok(Self::Hidden(format!("{} {}", refusal.status, refusal.code)))
                }
                _ => Err(error),
            },
        }
    }

    /// What was read.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Hidden(_) => None,
        }
    }
}

/// The tenant.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The tenant itself.
    pub organization: Organization,
    /// Object id of the caller, if the token tells it.
    pub caller: Option<String>,
    /// The passkey policy.
    pub passkeys: PasskeyPolicy,
    /// The Temporary Access Pass policy.
    pub passes: PassPolicy,
    /// The registration campaign.
    pub campaign: Campaign,
    /// Whether security defaults are on.
    pub security_defaults: Reading<bool>,
    /// Conditional Access policies.
    pub access: Reading<Vec<AccessPolicy>>,
    /// Whether the sign-in log can be read.
    pub sign_in_log: Reading<()>,
    /// The accounts' group.
    pub group: Option<GroupFacts>,
    /// The accounts, in the order they were asked for.
    pub accounts: Vec<AccountFacts>,
}

/// The accounts' group.
#[derive(Debug, Clone)]
pub struct GroupFacts {
    /// The group.
    pub group: Group,
    /// Its direct members.
    pub members: Vec<Member>,
}

/// One account.
#[derive(Debug, Clone)]
pub struct AccountFacts {
    /// What was asked.
    pub wanted: Wanted,
    /// What is known of it, if it is there.
    pub found: Option<Found>,
}

/// An account that is there.
#[derive(Debug, Clone)]
pub struct Found {
    /// The account.
    pub user: User,
    /// Its groups, as far as policies name them.
    pub scope: Scope,
    /// Its passkeys.
    pub passkeys: Reading<Vec<Passkey>>,
    /// Its roles.
    pub roles: Reading<Vec<RoleAssignment>>,
    /// How long and in which way it has them.
    pub schedules: Reading<Vec<RoleSchedule>>,
}

impl Facts {
    /// Reads everything; nothing is written.
    pub fn read(graph: &Client, question: &Question) -> Result<Self, GraphError> {
        let organization = graph.organization()?;
        let (passkeys, passes) = (graph.passkey_policy()?, graph.pass_policy()?);
        let campaign = graph.campaign()?;
        let security_defaults = Reading::of(graph.security_defaults())?;
        let access = Reading::of(graph.access_policies())?;
        let sign_in_log = Reading::of(graph.try_sign_in_log())?;
        let mut named = target_groups(&passkeys, &passes, &campaign, access.value());
        let asked = match &question.group {
            Some(name) => Some(group(graph, name)?),
            None => None,
        };
        named.extend(asked.iter().flatten().map(|g| g.id.clone()));
        let mut accounts = Vec::new();
        for wanted in &question.accounts {
            accounts.push(AccountFacts {
                wanted: wanted.clone(),
                found: account(graph, &wanted.name, &named)?,
            });
        }
        let group = match asked {
            Some(group) => group,
            None => shared_group(graph, &passkeys, &passes, &campaign, &accounts)?,
        };
        let group = match group {
            Some(group) => Some(GroupFacts {
                members: graph.group_members(&group.id)?,
                group,
            }),
            None => None,
        };
        Ok(Self {
            organization,
            caller: graph.caller(),
            passkeys,
            passes,
            campaign,
            security_defaults,
            access,
            sign_in_log,
            group,
            accounts,
        })
    }
}

/// Every group that one of the policies names.
fn target_groups(
    passkeys: &PasskeyPolicy,
    passes: &PassPolicy,
    campaign: &Campaign,
    access: Option<&Vec<AccessPolicy>>,
) -> Vec<String> {
    let lists = [
        &passkeys.include_targets,
        &passkeys.exclude_targets,
        &passes.include_targets,
        &passes.exclude_targets,
        &campaign.include_targets,
        &campaign.exclude_targets,
    ];
    let targets = lists.into_iter().flatten().filter_map(|t| t.group());
    let policies = access.into_iter().flatten();
    let users = policies.filter_map(|p| p.conditions.as_ref()?.users.as_ref());
    let groups = users.flat_map(|u| u.include_groups.iter().chain(&u.exclude_groups));
    targets.map(str::to_owned).chain(groups.cloned()).collect()
}

fn account(graph: &Client, name: &str, groups: &[String]) -> Result<Option<Found>, GraphError> {
    let user = match graph.user(name) {
        Ok(user) => user,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let scope = graph.scope(&user.id, groups.iter().map(String::as_str))?;
    let passkeys = Reading::of(graph.passkeys(&user.id))?;
    let roles = Reading::of(graph.role_assignments(&user.id))?;
    let schedules = Reading::of(graph.role_schedules(&user.id))?;
    Ok(Some(Found {
        user,
        scope,
        passkeys,
        roles,
        schedules,
    }))
}

/// A group by its object id or its name; nothing if there is none, or more than one of this name.
fn group(graph: &Client, name: &str) -> Result<Option<Group>, GraphError> {
    // Only an object id has this form; a name is not asked for as one, because Graph would refuse it.
    if name.parse::<Aaguid>().is_ok() {
        return match graph.group(name) {
            Ok(group) => Ok(Some(group)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        };
    }
    let mut found = graph.groups_named(name)?;
    let first = found.pop();
    Ok(first.filter(|_| found.is_empty()))
}

/// The first group that holds every account and that a policy was given for them.
fn shared_group(
    graph: &Client,
    passkeys: &PasskeyPolicy,
    passes: &PassPolicy,
    campaign: &Campaign,
    accounts: &[AccountFacts],
) -> Result<Option<Group>, GraphError> {
    let found: Vec<&Found> = accounts.iter().filter_map(|a| a.found.as_ref()).collect();
    let holds_all = |id: &&str| !found.is_empty() && found.iter().all(|f| f.scope.has(id));
    // Who is included where others are not, or left out of what everyone else is asked.
    let lists = [
        &passkeys.include_targets,
        &passes.include_targets,
        &campaign.exclude_targets,
    ];
    let mut groups = lists.into_iter().flatten().filter_map(|t| t.group());
    match groups.find(holds_all) {
        Some(id) => graph.group(id).map(Some),
        None => Ok(None),
    }
}
