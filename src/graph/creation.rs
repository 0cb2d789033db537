//! Registration on behalf of a user: creation options, and the credential that answers them.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::calls::passkeys;
use super::client::{Client, Repeat};
use super::error::GraphError;
use super::model::Passkey;

/// What a key is asked to make a credential for, with the challenge that the service waits for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreationOptions {
    /// Until when the challenge is good, by the service's clock.
    #[serde(default, with = "time::serde::rfc3339::option")]
    pub challenge_timeout_date_time: Option<OffsetDateTime>,
    /// `PublicKeyCredentialCreationOptions` as they came (WebAuthn 2, 5.4); `key::registration` reads them.
    pub public_key: Value,
}

/// What answers creation options.
#[derive(Debug, Clone, Copy)]
pub struct NewPasskey<'a> {
    /// Its name in the account, at most 30 characters.
    pub display_name: &'a str,
    /// Credential id.
    pub credential_id: &'a [u8],
    /// clientDataJSON, the same bytes that the key got the digest of.
    pub client_data: &'a [u8],
    /// Attestation object in CBOR (WebAuthn 2, 6.5.4).
    pub attestation_object: &'a [u8],
}

impl Client {
    /// Fetches creation options for an account: good for five minutes, or in beta for so many minutes.
    ///
    /// The service refuses it with 405 if the caller is the account. Beta takes 5 to 43,200 minutes, and its
    /// challenge is answered there.
    pub fn creation_options(
        &self,
        user: &str,
        beta_minutes: Option<u32>,
    ) -> Result<CreationOptions, GraphError> {
        let path = match beta_minutes {
            None => format!("{}/creationOptions", passkeys("v1.0", user)),
            Some(minutes) => format!(
                "{}/creationOptions(challengeTimeoutInMinutes={minutes})",
                passkeys("beta", user)
            ),
        };
        self.get(&path)
    }

    /// Registers a credential as a passkey of an account. Never repeats by itself: whoever gets no answer reads
    /// the list first.
    pub fn register_passkey(
        &self,
        user: &str,
        new: &NewPasskey<'_>,
        beta: bool,
    ) -> Result<Passkey, GraphError> {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let body = json!({
            "displayName": new.display_name,
            "publicKeyCredential": {
                "id": text(new.credential_id),
                "response": {
                    "clientDataJSON": text(new.client_data),
                    "attestationObject": text(new.attestation_object),
                },
            },
        });
        let version = if beta { "beta" } else { "v1.0" };
        self.send("POST", &passkeys(version, user), Some(&body), Repeat::Never)?
            .json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_kept_as_they_came() {
        let sent = json!({"@odata.context": "x", "challengeTimeoutDateTime": "2024-06-13T11:26:35Z",
            "publicKey": {"rp": {"id": "login.microsoft.com"}, "hints": ["security-key"]}});
        let options: CreationOptions = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(options.public_key, sent["publicKey"]);
        assert!(options.challenge_timeout_date_time.is_some());
        let mut bare = sent;
        bare["challengeTimeoutDateTime"] = Value::Null;
        assert!(serde_json::from_value::<CreationOptions>(bare.clone()).is_ok());
        bare.as_object_mut().unwrap().remove("publicKey");
        assert!(serde_json::from_value::<CreationOptions>(bare).is_err());
    }
}
