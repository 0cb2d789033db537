//! A passkey for a tenant: what its creation options ask of a key, and whether what a key made answers them.
//!
//! [`MakeRequest::from_options`] reads options as a tenant sends them (WebAuthn 2, 5.4), [`MakeRequest::credential`] is
//! what `KeyBus::make_credential` takes, and [`MakeRequest::check`] looks at what came back.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attestation::{self, Raw};
use super::auth_data::{AuthData, USER_PRESENT, USER_VERIFIED};
use super::cbor;
use super::credential::{Credential, NewCredential, UserEntity};
use super::info::{EDDSA, ES256};
use crate::blob::Blob;
use crate::identity::IdentityCredential;

/// The relying party of Entra ID. No other one is ever answered.
pub const RP_ID: &str = "login.microsoft.com";
/// The origin that goes into `clientDataJSON`.
pub const ORIGIN: &str = "https://login.microsoft.com";
/// Largest `clientDataJSON` that is taken; Entra ID's has about 7 kB.
pub const MAX_CLIENT_DATA: usize = 32 * 1024;
/// Most credentials on an exclude list; an account has at most ten passkeys.
const MAX_EXCLUDED: usize = 64;
/// Longest credential id (CTAP 2.1, 6.4 has no limit; one message has 7,609 bytes).
const MAX_CREDENTIAL_ID: usize = 1023;
/// Longest names that every key takes: some refuse longer ones instead of cutting them.
const MAX_NAME: usize = 64;

/// A passkey that a tenant asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MakeRequest {
    /// Relying party, always [`RP_ID`].
    pub rp_id: String,
    /// The account as the tenant names it to keys; names are cut to 64 bytes.
    pub user: UserEntity,
    /// The whole `clientDataJSON`.
    pub client_data: Blob,
    /// COSE algorithm numbers in order of preference.
    pub algorithms: Vec<i64>,
    /// Credentials that must not be on the key yet.
    pub exclude: Vec<Blob>,
    /// Whether the hmac-secret extension is asked for.
    pub hmac_secret: bool,
    /// Level of the credProtect extension, where it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cred_protect: Option<u8>,
}

impl MakeRequest {
    /// Reads the member `publicKey` of a tenant's creation options; the error is a clause.
    ///
    /// Members that are not known here do not matter: the key is asked for a discoverable credential with PIN and touch
    /// whatever they say.
    pub fn from_options(public_key: &Value) -> Result<Self, String> {
        let text = |path: &str| public_key.pointer(path).and_then(Value::as_str);
        let rp_id = text("/rp/id").ok_or("they name no relying party")?;
        let challenge = text("/challenge").ok_or("they hold no challenge")?;
        let user_id = text("/user/id")
            .and_then(bytes)
            .ok_or("they name no user handle")?;
        let list = |name: &str| public_key[name].as_array().map_or(&[][..], Vec::as_slice);
        let exclude = list("excludeCredentials").iter().map(|entry| {
            let id = entry["id"].as_str().and_then(bytes);
            id.map(Blob)
                .ok_or("their exclude list has an entry without an id")
        });
        let extensions = &public_key["extensions"];
        let request = Self {
            rp_id: rp_id.to_owned(),
            user: UserEntity {
                id: Blob(user_id),
                name: cut(text("/user/name").ok_or("they name no user")?),
                display_name: cut(text("/user/displayName").unwrap_or_default()),
            },
            client_data: Blob(client_data(challenge)),
            algorithms: list("pubKeyCredParams")
                .iter()
                .filter(|entry| entry["type"].as_str().is_none_or(|kind| kind == "public-key"))
                .filter_map(|entry| entry["alg"].as_i64())
                .collect(),
            exclude: exclude.collect::<Result<_, _>>()?,
            hmac_secret: extensions["hmacCreateSecret"] == true,
            cred_protect: match extensions["credentialProtectionPolicy"].as_str() {
                Some("userVerificationOptional") => Some(1),
                Some("userVerificationOptionalWithCredentialIDList") => Some(2),
                Some("userVerificationRequired") => Some(3),
                _ => None,
            },
        };
        request.validate()?;
        Ok(request)
    }

    /// Finds what must not reach a key, wherever the request comes from; the error is a clause.
    pub fn validate(&self) -> Result<(), String> {
        if self.rp_id != RP_ID {
            return Err(format!(
                "they are for the relying party {:?}, and only {RP_ID} is answered",
                self.rp_id.chars().take(80).collect::<String>()
            ));
        }
        if !(1..=64).contains(&self.user.id.0.len()) {
            return Err("their user handle does not have 1 to 64 bytes".into());
        }
        if self.user.name.len() > MAX_NAME || self.user.display_name.len() > MAX_NAME {
            return Err("they name the user with more than 64 bytes".into());
        }
        if !self.algorithms.iter().any(|a| [ES256, EDDSA].contains(a)) {
            return Err("they ask for no signature algorithm that security keys have".into());
        }
        let ids = &self.exclude;
        if ids.len() > MAX_EXCLUDED
            || ids
                .iter()
                .any(|id| !(1..=MAX_CREDENTIAL_ID).contains(&id.0.len()))
        {
            return Err("their exclude list is longer than any account's".into());
        }
        if self.client_data.0.len() > MAX_CLIENT_DATA {
            return Err(format!("their challenge makes more than {MAX_CLIENT_DATA} bytes"));
        }
        let data: Value = serde_json::from_slice(self.client_data.as_slice())
            .map_err(|_| "their client data is no JSON".to_owned())?;
        let challenge = data["challenge"].as_str().unwrap_or_default();
        if challenge.is_empty() || data["type"] != "webauthn.create" || data["origin"] != ORIGIN {
            return Err("their client data is not for the making of a passkey".into());
        }
        Ok(())
    }

    /// SHA-256 of `clientDataJSON`: all that the key sees of it.
    #[must_use]
    pub fn client_data_hash(&self) -> Blob {
        Blob(digest(&SHA256, self.client_data.as_slice()).as_ref().to_vec())
    }

    /// What the key is asked to make: discoverable; the PIN and a touch are always asked for.
    #[must_use]
    pub fn credential(&self) -> NewCredential {
        NewCredential {
            rp_id: self.rp_id.clone(),
            user: self.user.clone(),
            client_data: self.client_data.clone(),
            algorithms: self.algorithms.clone(),
            discoverable: true,
            exclude: self.exclude.clone(),
            hmac_secret: self.hmac_secret,
            cred_protect: self.cred_protect,
        }
    }

    /// Whether a credential that a key just made is the one asked for, and of the key with this identity; the error is
    /// a clause.
    ///
    /// Relying party, touch, PIN, algorithm and signature were looked at when it was made, in the worker.
    pub fn check(&self, made: &Credential, identity: &IdentityCredential) -> Result<(), String> {
        if made.rp_id != self.rp_id {
            return Err("the passkey is for another relying party".into());
        }
        if made.aaguid != identity.aaguid {
            return Err(format!(
                "the passkey is of model {}, the key is of model {}",
                made.aaguid, identity.aaguid
            ));
        }
        if made.attestation.client_data_hash != self.client_data_hash() {
            return Err("the passkey was made for another challenge".into());
        }
        if identity.attestation.verified && !made.attestation.verified {
            return Err(format!(
                "the passkey's attestation does not verify, though the key's does: {}",
                made.attestation.note
            ));
        }
        Ok(())
    }
}

/// A finished passkey as it is handed on: what a tenant takes, without its names.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// Credential id.
    pub credential_id: &'a [u8],
    /// The whole `clientDataJSON`.
    pub client_data: &'a [u8],
    /// WebAuthn attestation object (CBOR).
    pub attestation_object: &'a [u8],
}

impl Made<'_> {
    /// Checks from the bytes alone that this is a passkey for [`RP_ID`], made with PIN and touch by a key of the same
    /// model, signed as its attestation says, and says its public key (`COSE_Key`); the error is a clause.
    pub fn check_again(&self, identity: &IdentityCredential) -> Result<Vec<u8>, String> {
        let object = cbor::read_map(self.attestation_object)?;
        let member = |map: &[(ciborium::Value, ciborium::Value)], name: &str| {
            let found = map.iter().find(|(key, _)| key.as_text() == Some(name));
            found.map(|(_, value)| value.clone())
        };
        let auth_data = member(&object, "authData").and_then(|v| v.into_bytes().ok());
        let auth_data = auth_data.ok_or("its attestation object holds no authenticator data")?;
        let format = member(&object, "fmt").and_then(|v| v.into_text().ok());
        let statement = member(&object, "attStmt").and_then(|v| v.into_map().ok());
        let (format, statement) = format
            .zip(statement)
            .ok_or("its attestation object holds no statement")?;
        let data = AuthData::parse(&auth_data)?;
        let attested = data.attested.as_ref();
        let attested = attested.ok_or("its authenticator data holds no credential")?;
        if !data.is_for(RP_ID) {
            return Err("it is for another relying party".into());
        }
        if !data.has(USER_PRESENT | USER_VERIFIED) {
            return Err("the key made it without touch or PIN".into());
        }
        if attested.credential_id != self.credential_id {
            return Err("its credential id is not the one that the key wrote".into());
        }
        if attested.aaguid != identity.aaguid {
            return Err("it was made by a key of another model".into());
        }
        let algorithm = member(&statement, "alg").and_then(|v| v.into_integer().ok());
        let signature = member(&statement, "sig").and_then(|v| v.into_bytes().ok());
        let x5c = member(&statement, "x5c").and_then(|v| v.into_array().ok());
        let x5c = x5c.unwrap_or_default().into_iter().map(|c| c.into_bytes().ok());
        let raw = Raw {
            format: &format,
            algorithm: algorithm.and_then(|a| i64::try_from(a).ok()),
            signature: &signature.unwrap_or_default(),
            x5c: &x5c.flatten().collect::<Vec<_>>(),
        };
        let hash = digest(&SHA256, self.client_data);
        let found = attestation::check(&raw, &auth_data, hash.as_ref(), attested);
        let holds = found.verified
            || raw.x5c.is_empty()
                && attested
                    .public_key
                    .verifies(&auth_data, hash.as_ref(), raw.signature);
        if identity.attestation.verified && !found.verified || format == "packed" && !holds {
            return Err(format!("its attestation does not hold: {}", found.note));
        }
        Ok(attested.cose_key.clone())
    }
}

/// `clientDataJSON` for this challenge, byte for byte as browsers write it (WebAuthn 2, 5.8.1.1).
#[must_use]
pub fn client_data(challenge: &str) -> Vec<u8> {
    let challenge = json!(challenge.trim_end_matches('='));
    format!(r#"{{"type":"webauthn.create","challenge":{challenge},"origin":"{ORIGIN}","crossOrigin":false}}"#)
        .into_bytes()
}

/// Reads base64 in either alphabet, padded or not: tenants send both.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

/// The beginning of a name that every key takes, on a character border.
fn cut(name: &str) -> String {
    name[..name.floor_char_boundary(MAX_NAME)].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::key::virtual_key;

    /// Options as Entra ID sends them.
    fn options() -> Value {
        json!({
            "rp": {"id": RP_ID, "name": "Microsoft"},
            "user": {"id": "T0Y6AAAA", "name": "bg-01@contoso.onmicrosoft.com", "displayName": "BG-01"},
            "challenge": "QUJDRA",
            "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
            "timeout": 60000,
            "excludeCredentials": [{"type": "public-key", "id": "+/8=", "transports": []}],
            "attestation": "direct",
            "extensions": {"hmacCreateSecret": true, "credentialProtectionPolicy": "userVerificationOptional"},
            "hints": ["security-key"],
        })
    }

    #[test]
    fn reads_options_as_they_are_sent() {
        let request = MakeRequest::from_options(&options()).unwrap();
        assert_eq!(
            request.client_data.as_slice(),
            br#"{"type":"webauthn.create","challenge":"QUJDRA","origin":"https://login.microsoft.com","crossOrigin":false}"#
        );
        assert_eq!(request.user.id.as_slice(), b"OF:\0\0\0");
        assert_eq!(request.exclude[0].as_slice(), [0xfb, 0xff]);
        assert_eq!((request.hmac_secret, request.cred_protect), (true, Some(1)));
        assert!(request.credential().discoverable);
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<MakeRequest>(&text).unwrap(), request);
    }

    #[test]
    fn refuses_what_is_not_for_this_relying_party_or_no_key_takes() {
        let changes: [(&str, Value, &str); 7] = [
            ("/rp/id", json!("evil.example"), "relying party"),
            ("/rp/id", json!(null), "relying party"),
            ("/challenge", json!(""), "client data"),
            ("/challenge", json!("A".repeat(40_000)), "bytes"),
            ("/user/id", json!("A".repeat(100)), "user handle"),
            ("/pubKeyCredParams", json!([{"alg": -257}]), "algorithm"),
            ("/excludeCredentials", json!([{}]), "exclude list"),
        ];
        for (path, value, word) in changes {
            let mut options = options();
            *options.pointer_mut(path).unwrap() = value;
            let error = MakeRequest::from_options(&options).unwrap_err();
            assert!(error.contains(word), "{path}: {error}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        let mut options = options();
        options["user"]["displayName"] = json!("\u{e4}".repeat(50));
        options["user"]["name"] = json!(format!("a{}", "\u{e4}".repeat(50)));
        let user = MakeRequest::from_options(&options).unwrap().user;
        assert_eq!((user.display_name.len(), user.name.len()), (64, 63));
    }

    /// What a key makes of a request, and the identity credential of the same key.
    fn made(flags: u8) -> (MakeRequest, IdentityCredential, Vec<u8>) {
        let request = MakeRequest::from_options(&options()).unwrap();
        let cose = virtual_key::cose_es256();
        let leaf = include_bytes!("../../tests/key/fixtures/attestation.der").to_vec();
        let statement = |auth_data: &[u8], hash: &[u8]| {
            let attested = AuthData::parse(auth_data).unwrap().attested.unwrap();
            let signature = virtual_key::sign(&[auth_data, hash].concat());
            let raw = Raw {
                format: "packed",
                algorithm: Some(ES256),
                signature: &signature,
                x5c: std::slice::from_ref(&leaf),
            };
            (attestation::check(&raw, auth_data, hash, &attested), signature)
        };
        let own = virtual_key::auth_data(crate::identity::RP_ID, 0x05, Some(&cose));
        let identity = IdentityCredential {
            rp_id: crate::identity::RP_ID.into(),
            credential_id: virtual_key::CREDENTIAL_ID.into(),
            algorithm: ES256,
            public_key: Blob(cose.clone()),
            aaguid: crate::id::Aaguid(virtual_key::MODEL),
            attestation: statement(&own, &[1; 32]).0,
            auth_data: Blob(own),
        };
        let auth_data = virtual_key::auth_data(RP_ID, flags, Some(&cose));
        let (_, signature) = statement(&auth_data, request.client_data_hash().as_slice());
        let bytes = ciborium::Value::Bytes;
        let statement = vec![
            ("alg".into(), ES256.into()),
            ("sig".into(), bytes(signature)),
            ("x5c".into(), ciborium::Value::Array(vec![bytes(leaf.clone())])),
        ];
        let object = cbor::write(&ciborium::Value::Map(vec![
            ("fmt".into(), "packed".into()),
            ("attStmt".into(), ciborium::Value::Map(statement)),
            ("authData".into(), bytes(auth_data)),
        ]));
        (request, identity, object)
    }

    fn of<'a>(request: &'a MakeRequest, object: &'a [u8]) -> Made<'a> {
        Made {
            credential_id: virtual_key::CREDENTIAL_ID,
            client_data: request.client_data.as_slice(),
            attestation_object: object,
        }
    }

    #[test]
    fn what_was_made_is_checked_from_its_bytes() {
        let (request, identity, object) = made(0x05);
        let made = of(&request, &object);
        let public_key = identity.public_key.as_slice().to_vec();
        assert_eq!(made.check_again(&identity), Ok(public_key));
        let refused = |made: Made<'_>, word: &str| {
            let error = made.check_again(&identity).unwrap_err();
            assert!(error.contains(word), "{error}");
        };
        let (client_data, credential_id) = (&b"{}"[..], &b"other"[..]);
        refused(Made { client_data, ..made }, "does not fit");
        refused(
            Made {
                credential_id,
                ..made
            },
            "credential id",
        );
        let mut other_model = identity.clone();
        other_model.aaguid.0[0] ^= 1;
        assert!(made.check_again(&other_model).unwrap_err().contains("model"));
    }

    #[test]
    fn a_passkey_without_pin_is_refused() {
        let (request, identity, object) = made(0x01);
        let error = of(&request, &object).check_again(&identity).unwrap_err();
        assert!(error.contains("PIN"));
    }

    proptest! {
        #[test]
        fn no_attestation_object_panics(object: Vec<u8>, at in 0_usize..500, mask in 1_u8..) {
            let (request, identity, good) = made(0x05);
            let mut changed = good.clone();
            let at = at % changed.len();
            changed[at] ^= mask;
            for object in [&object, &changed] {
                let _ = of(&request, object).check_again(&identity);
            }
        }
    }
}
