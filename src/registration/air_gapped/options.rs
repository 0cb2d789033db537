//! Creation options for every key of a plan, with challenges that live long.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::super::RegistrationError;
use super::{account, policy};
use crate::creation_options::{CreationOptions, KeyOptions, OptionsError};
use crate::graph::{Client, Mark};
use crate::key::registration::MakeRequest;
use crate::plan::Plan;
use crate::tenant::rules;

/// Fewest minutes that a challenge of the beta service lives.
pub const SHORTEST: u32 = 5;
/// Most minutes: 30 days.
pub const LONGEST: u32 = 43_200;

impl From<OptionsError> for RegistrationError {
    fn from(error: OptionsError) -> Self {
        Self::condition(format!("{error}."), error.hint())
    }
}

/// Fetches options for each key of the plan; `say` hears how it goes. Nothing in the tenant is changed.
pub fn fetch(
    graph: &Client,
    plan: &Plan,
    minutes: u32,
    say: &mut dyn FnMut(&str),
) -> Result<CreationOptions, RegistrationError> {
    let organization = graph.organization()?;
    let sandbox = organization.mark == Mark::Present;
    if organization.mark == Mark::Partial {
        rules::half_marked::<()>()?;
    }
    // Said before anything is fetched; what is fetched is compared as the station will do it.
    let mut options = CreationOptions::new(
        sandbox,
        organization.id.clone(),
        OffsetDateTime::now_utc(),
        Vec::new(),
    );
    options.suits(plan)?;
    let mut users = BTreeMap::new();
    for key in &plan.keys {
        let name = key.account.as_str().to_ascii_lowercase();
        if users.contains_key(&name) {
            continue;
        }
        let user = account(graph, &key.account)?;
        for warning in policy(graph, &user, &plan.required_models)? {
            say(&format!("warning: {}: {warning}", key.account));
        }
        users.insert(name, user);
    }
    for (index, key) in plan.keys.iter().enumerate() {
        let name = key.account.as_str().to_ascii_lowercase();
        let Some(user) = users.get(&name) else { continue };
        let fetched = graph.creation_options(&user.id, Some(minutes))?;
        let refused = |why: String| {
            RegistrationError::condition(
                format!("The options of {} cannot be used: {why}.", key.account),
                "This version of glasskey does not know them: nothing is written.",
            )
        };
        let request = MakeRequest::from_options(&fetched.public_key).map_err(refused)?;
        let expires = fetched
            .challenge_timeout_date_time
            .ok_or_else(|| refused("they do not say when their challenge ends".into()))?;
        options
            .keys
            .push(KeyOptions::new(key.account.clone(), key.place, expires, request));
        say(&format!(
            "Options {} of {}: key {} of {}",
            index + 1,
            plan.keys.len(),
            key.place,
            key.account
        ));
    }
    for key in &options.keys {
        key.check()?;
    }
    options.fits(plan, options.issued, &|_, _| true)?;
    Ok(options)
}
