//! Calls on the policies of a tenant. What is written is JSON that was read before and changed where it must be.

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Client, Repeat};
use super::error::GraphError;
use super::model::{PassPolicy, PasskeyPolicy, Target};

/// The policy around the methods; it holds the registration campaign.
pub const METHODS_POLICY: &str = "/v1.0/policies/authenticationMethodsPolicy";
/// Configuration of passkeys.
pub const PASSKEY_POLICY: &str =
    "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2";
/// Configuration of Temporary Access Passes.
pub const PASS_POLICY: &str =
    "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/temporaryAccessPass";

/// The registration campaign: the page that asks people at sign-in to add a method.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Campaign {
    /// `default`, `enabled` or `disabled`.
    pub state: Option<String>,
    /// Who is asked.
    pub include_targets: Vec<Target>,
    /// Who is not; wins.
    pub exclude_targets: Vec<Target>,
}

/// A Conditional Access policy, as far as it says whom it takes in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessPolicy {
    /// Its name.
    #[serde(default)]
    pub display_name: String,
    /// `enabled`, `disabled` or `enabledForReportingButNotEnforced`.
    #[serde(default)]
    pub state: Option<String>,
    /// When it applies.
    #[serde(default)]
    pub conditions: Option<AccessConditions>,
}

/// When a Conditional Access policy applies.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessConditions {
    /// Whom it takes in.
    #[serde(default)]
    pub users: Option<AccessUsers>,
}

/// Whom a Conditional Access policy takes in.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct AccessUsers {
    /// Object ids, `All`, `None` or `GuestsOrExternalUsers`.
    pub include_users: Vec<String>,
    /// Object ids; exclusion wins.
    pub exclude_users: Vec<String>,
    /// Group ids.
    pub include_groups: Vec<String>,
    /// Group ids.
    pub exclude_groups: Vec<String>,
    /// Role definition ids.
    pub include_roles: Vec<String>,
    /// Role definition ids.
    pub exclude_roles: Vec<String>,
}

impl Client {
    /// Reads the passkey policy.
    pub fn passkey_policy(&self) -> Result<PasskeyPolicy, GraphError> {
        self.get(PASSKEY_POLICY)
    }

    /// Reads the Temporary Access Pass policy.
    pub fn pass_policy(&self) -> Result<PassPolicy, GraphError> {
        self.get(PASS_POLICY)
    }

    /// Reads a policy as it is, to change it: [`PASSKEY_POLICY`], [`PASS_POLICY`] or [`METHODS_POLICY`].
    pub fn policy(&self, path: &str) -> Result<Value, GraphError> {
        self.get(path)
    }

    /// Changes the members of a policy that the body names. Arrays are replaced as a whole.
    pub fn change_policy(&self, path: &str, body: &Value) -> Result<(), GraphError> {
        self.send("PATCH", path, Some(body), Repeat::Safe)?;
        Ok(())
    }

    /// Reads the registration campaign.
    pub fn campaign(&self) -> Result<Campaign, GraphError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            #[serde(default)]
            registration_enforcement: Option<Enforcement>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Enforcement {
            #[serde(default)]
            authentication_methods_registration_campaign: Option<Campaign>,
        }
        let policy: Policy = self.get(METHODS_POLICY)?;
        let campaign = policy
            .registration_enforcement
            .and_then(|e| e.authentication_methods_registration_campaign);
        Ok(campaign.unwrap_or_default())
    }

    /// Whether security defaults are on.
    pub fn security_defaults(&self) -> Result<bool, GraphError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Policy {
            is_enabled: bool,
        }
        let policy: Policy = self.get("/v1.0/policies/identitySecurityDefaultsEnforcementPolicy")?;
        Ok(policy.is_enabled)
    }

    /// Lists the Conditional Access policies.
    pub fn access_policies(&self) -> Result<Vec<AccessPolicy>, GraphError> {
        self.list("/v1.0/identity/conditionalAccess/policies")
    }
}

/// The body that changes the registration campaign.
#[must_use]
pub fn campaign_body(campaign: &Value) -> Value {
    json!({"registrationEnforcement": {"authenticationMethodsRegistrationCampaign": campaign}})
}
