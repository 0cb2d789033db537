//! What must hold before anything is written, read from the tenant: the rules themselves are `tenant::rules`.

use super::RegistrationError;
use crate::graph::{Client, NewPass, Organization, User};
use crate::id::Aaguid;
use crate::manifest::Manifest;
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

/// The account can take a passkey, and the caller is somebody else.
pub(super) fn account(user: &User, caller: Option<&str>) -> Result<(), RegistrationError> {
    Ok(rules::account(user, caller)?)
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
    rules::passkeys_enabled(&passkeys)?;
    rules::self_service(&passkeys)?;
    let lists = [
        &passkeys.include_targets,
        &passkeys.exclude_targets,
        &passes.include_targets,
        &passes.exclude_targets,
    ];
    let groups = lists.into_iter().flatten().filter_map(|t| t.group());
    let scope = graph.scope(&user.id, groups)?;
    let name = &user.user_principal_name;
    rules::passkey_scope(&passkeys, name, &scope)?;
    let mut warnings: Vec<String> = rules::model(&passkeys, &scope, aaguid)?.into_iter().collect();
    let new = rules::passes_enabled(&passes, minutes)?;
    rules::pass_scope(&passes, name, &scope)?;
    warnings.extend(rules::one_time(new));
    Ok((new, warnings))
}
