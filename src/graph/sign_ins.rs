//! The sign-in log of one account, and which kinds of method it has.

use serde::Deserialize;
use time::OffsetDateTime;

use super::calls::{encoded, moment};
use super::client::Client;
use super::error::GraphError;

/// How much the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Each step of a sign-in, with its method: version beta.
    Steps,
    /// Success or failure alone: version v1.0.
    Outcome,
}

/// One sign-in, successful or not.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignIn {
    /// Entry id.
    pub id: String,
    /// When.
    #[serde(with = "time::serde::rfc3339::option")]
    pub created_date_time: Option<OffsetDateTime>,
    /// Where to.
    pub app_display_name: Option<String>,
    /// Where from.
    pub ip_address: Option<String>,
    /// Success or failure.
    pub status: Option<SignInStatus>,
    /// The steps, with [`Detail::Steps`]; they may be added some time after the entry.
    pub authentication_details: Option<Vec<SignInStep>>,
}

/// How a sign-in ended.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInStatus {
    /// 0 is success.
    pub error_code: Option<i64>,
    /// Why not, in words.
    pub failure_reason: Option<String>,
}

/// One step of a sign-in.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInStep {
    /// Name of the method.
    pub authentication_method: Option<String>,
    /// For a passkey: its name and its model number, as far as was seen.
    pub authentication_method_detail: Option<String>,
    /// Whether this step succeeded.
    pub succeeded: Option<bool>,
    /// More words, such as that an earlier sign-in satisfied it.
    pub authentication_step_result_detail: Option<String>,
}

impl SignIn {
    /// Whether it succeeded; what says nothing of it did not.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.status.as_ref().and_then(|status| status.error_code) == Some(0)
    }
}

impl Client {
    /// Reads the sign-in log of one account since a time; needs a licence (P1).
    pub fn sign_ins(
        &self,
        user: &str,
        since: OffsetDateTime,
        detail: Detail,
    ) -> Result<Vec<SignIn>, GraphError> {
        let version = match detail {
            Detail::Steps => "beta",
            Detail::Outcome => "v1.0",
        };
        let filter = format!("userId eq '{user}' and createdDateTime ge {}", moment(since));
        self.list(&format!(
            "/{version}/auditLogs/signIns?$filter={}&$top=50",
            encoded(&filter)
        ))
    }

    /// Lists the kinds of method that an account has, each as its last word: `fido2AuthenticationMethod`.
    pub fn method_kinds(&self, user: &str) -> Result<Vec<String>, GraphError> {
        #[derive(Deserialize)]
        struct Method {
            #[serde(default, rename = "@odata.type")]
            kind: String,
        }
        let path = format!("/v1.0/users/{}/authentication/methods", encoded(user));
        let methods: Vec<Method> = self.list(&path)?;
        let last = |kind: &str| kind.rsplit('.').next().unwrap_or_default().to_owned();
        Ok(methods.iter().map(|method| last(&method.kind)).collect())
    }
}
