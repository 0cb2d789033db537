//! How the sign-in service of a sandbox tenant is set up.

use serde::{Deserialize, Serialize};

/// How the sign-in service answers; every member may be left out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Login {
    /// Applications that sign in with a certificate. A person may use any application.
    pub applications: Vec<Application>,
    /// Permissions that a person's sign-in may be given; all when left out.
    pub permissions: Option<Vec<String>>,
    /// The user who signs in: object id or sign-in name. Nobody in particular when left out.
    pub user: Option<String>,
    /// The person says no, in the browser and to a device code.
    pub declined: bool,
    /// How often a device code is answered with `slow_down` first.
    pub slow_down_polls: u32,
    /// How often it is then answered with `authorization_pending`.
    pub pending_polls: u32,
    /// How long a device code is good.
    pub device_code_seconds: u32,
    /// Least time between two questions with a device code.
    pub device_code_interval_seconds: u32,
    /// How long a token lives.
    pub token_seconds: u32,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            applications: Vec::new(),
            permissions: None,
            user: None,
            declined: false,
            slow_down_polls: 0,
            pending_polls: 1,
            device_code_seconds: 900,
            device_code_interval_seconds: 1,
            token_seconds: 3600,
        }
    }
}

/// An application with a certificate of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// Application (client) id.
    pub client_id: String,
    /// Its certificate, PEM.
    pub certificate: String,
    /// Application permissions that it was granted; all when left out.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
}
