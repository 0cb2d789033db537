//! What the service's refusals mean, and what to do about them.

use super::super::{RegistrationError, conditions};
use crate::graph::{Client, GraphError, User};
use crate::id::Aaguid;

/// The one published sub-code of a refused registration.
const OUT_OF_SCOPE: &str = "error_user_group_restriction_policy_failure";

/// No creation options came.
pub(super) fn of_options(error: GraphError, user: &User) -> RegistrationError {
    let name = &user.user_principal_name;
    match error.refusal().map(|r| r.status) {
        Some(405) => RegistrationError::condition(
            format!("The token belongs to {name} itself: {error}."),
            "Use another administrator: nobody registers a key for himself this way.",
        ),
        // The account was read a moment ago, so it is the call that is not known.
        Some(400 | 404) => RegistrationError::condition(
            format!("The service issues no creation options for {name}: {error}."),
            "Register the key with `--route tap`; only the global cloud issues creation options.",
        ),
        _ => error.into(),
    }
}

/// Creation options that no key of ours may answer; `why` is a clause about them.
pub(super) fn of_content(why: &str) -> RegistrationError {
    RegistrationError::condition(
        format!("The tenant's creation options cannot be used: {why}. The key was not asked."),
        "Check that `--graph` or `--cloud` leads to Microsoft Graph; else register the key with `--route tap`.",
    )
}

/// The credential was refused. Where the service does not say why, the policies are read again.
pub(super) fn of_post(graph: &Client, error: GraphError, user: &User, aaguid: Aaguid) -> RegistrationError {
    let Some(refusal) = error.refusal().filter(|r| matches!(r.status, 400 | 409)) else {
        return error.into();
    };
    if refusal.sub_code.as_deref() == Some(OUT_OF_SCOPE) {
        return RegistrationError::condition(
            format!(
                "The passkey policy does not include {}, or excludes it: {error}.",
                user.user_principal_name
            ),
            "Add the account's group to the include targets of the policy `Passkey (FIDO2)`; exclusion wins.",
        );
    }
    let again = graph
        .passkey_policy()
        .map_err(RegistrationError::from)
        .and_then(|policy| conditions::passkeys(graph, &policy, user, aaguid));
    match again {
        Err(RegistrationError::Condition { what, hint }) => {
            RegistrationError::condition(format!("{what} The service says: {error}."), hint)
        }
        Err(RegistrationError::Interrupted) => RegistrationError::Interrupted,
        Ok(warnings) if !warnings.is_empty() => RegistrationError::condition(
            format!("{error}. {}", warnings.join(" ")),
            "If the model is new, wait until Microsoft's metadata knows it (up to four weeks), or have attestation not \
             enforced for this registration.",
        ),
        _ => RegistrationError::condition(
            format!("{error}. The policies as they are now would not refuse this account and this model."),
            "Repeat the command; if it happens again, register the key with `--route tap` and report both request ids.",
        ),
    }
}
