//! What must hold before anything is written, read from the tenant: the rules themselves are `tenant::rules`.

use std::collections::BTreeMap;

use super::{RegistrationError, Route};
use crate::graph::{Client, NewPass, Organization, PasskeyPolicy, Service, User};
use crate::id::Aaguid;
use crate::manifest::Manifest;
use crate::manifest::schema::PreparedKey;
use crate::tenant::rules::{self, Condition};

impl From<Condition> for RegistrationError {
    fn from(condition: Condition) -> Self {
        Self::condition(condition.what, condition.hint)
    }
}

/// The tenant is the manifest's, and a rehearsal goes into a sandbox tenant and nothing else does.
pub(super) fn tenant(manifest: &Manifest, tenant: &Organization) -> Result<(), RegistrationError> {
    let planned = manifest.tenant_id.as_deref();
    Ok(rules::tenant(manifest.ceremony.rehearsal, planned, tenant)?)
}

/// No key of the manifest stands for two accounts, or twice for one.
pub(super) fn one_account_each(manifest: &Manifest) -> Result<(), RegistrationError> {
    let mut seen: BTreeMap<&[u8], &PreparedKey> = BTreeMap::new();
    for key in &manifest.keys {
        let Some(other) = seen.insert(key.identity.public_key.as_slice(), key) else {
            continue;
        };
        return Err(RegistrationError::condition(
            format!(
                "The manifest has one and the same key as label {} for {} and as label {} for {}. Nothing has been changed.",
                other.label, other.account, key.label, key.account
            ),
            "One key serves one account: compare the labels with the signed record of the ceremony.",
        ));
    }
    Ok(())
}

/// The account can take a passkey, and the caller is somebody else.
pub(super) fn account(user: &User, caller: Option<&str>) -> Result<(), RegistrationError> {
    Ok(rules::account(user, caller)?)
}

/// The route exists in this cloud; asked before anything is sent.
pub(super) fn service(service: &Service, route: Route) -> Result<(), RegistrationError> {
    let needs = route.needs();
    if service.lacks().contains(&needs) {
        return Err(RegistrationError::condition(
            format!(
                "{} has no {}. Nothing has been sent.",
                service.name(),
                needs.describe()
            ),
            match route {
                Route::Tap => "docs/registrar.md says what works in which cloud.",
                Route::OnBehalf | Route::AirGapped => "Register the keys with `--route tap`.",
            },
        ));
    }
    Ok(())
}

/// The passkey policy lets this account register this model; returns warnings.
pub(super) fn passkeys(
    graph: &Client,
    policy: &PasskeyPolicy,
    user: &User,
    aaguid: Aaguid,
) -> Result<Vec<String>, RegistrationError> {
    rules::passkeys_enabled(policy)?;
    rules::self_service(policy)?;
    let lists = [&policy.include_targets, &policy.exclude_targets];
    let groups = lists.into_iter().flatten().filter_map(|t| t.group());
    let scope = graph.scope(&user.id, groups)?;
    rules::passkey_scope(policy, &user.user_principal_name, &scope)?;
    Ok(rules::model(policy, &scope, aaguid)?.into_iter().collect())
}

/// Both policies let this account register this model; returns the pass to create, and warnings.
pub(super) fn policies(
    graph: &Client,
    user: &User,
    aaguid: Aaguid,
    minutes: u32,
) -> Result<(NewPass, Vec<String>), RegistrationError> {
    let passkeys = graph.passkey_policy()?;
    let passes = graph.pass_policy()?;
    let campaign = graph.campaign()?;
    rules::passkeys_enabled(&passkeys)?;
    rules::self_service(&passkeys)?;
    let lists = [
        &passkeys.include_targets,
        &passkeys.exclude_targets,
        &passes.include_targets,
        &passes.exclude_targets,
        &campaign.include_targets,
        &campaign.exclude_targets,
    ];
    let groups = lists.into_iter().flatten().filter_map(|t| t.group());
    let scope = graph.scope(&user.id, groups)?;
    let name = &user.user_principal_name;
    rules::passkey_scope(&passkeys, name, &scope)?;
    let mut warnings: Vec<String> = rules::model(&passkeys, &scope, aaguid)?.into_iter().collect();
    let new = rules::passes_enabled(&passes, minutes)?;
    rules::pass_scope(&passes, name, &scope)?;
    warnings.extend(rules::one_time(new));
    warnings.extend(rules::long_name(name));
    warnings.extend(rules::campaign(&campaign, &scope).map(|found| {
        format!("{found} Exclude the accounts' group from it (`glasskey companion setup`), or the page asks first.")
    }));
    Ok((new, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Cloud;

    #[test]
    fn a_cloud_without_creation_options_is_named_before_anything_is_sent() {
        for cloud in Cloud::ALL {
            let there = Service::cloud(cloud);
            assert_eq!(service(&there, Route::Tap).is_ok(), cloud != Cloud::China);
            for route in [Route::OnBehalf, Route::AirGapped] {
                let result = service(&there, route);
                assert_eq!(result.is_ok(), cloud == Cloud::Global);
                if let Err(error) = result {
                    assert!(error.to_string().contains(there.name()), "{error}");
                    assert!(error.hint().contains("--route tap"));
                }
            }
        }
    }
}
