//! What a manifest says, format versions 1 and 2 (docs/formats.md).

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::OffsetDateTime;

use super::OpenError;
use crate::blob::Blob;
use crate::id::{Aaguid, BagNumber, CeremonyId, LabelId, SlipNumber, Upn};
use crate::identity::IdentityCredential;
use crate::secret::{self, Pin, Secret};

/// Value of `format`.
const FORMAT: &str = "glasskey-manifest";
/// Value of `version` of a manifest without passkeys, which older programs read too.
const VERSION: u64 = 1;
/// Value of `version` of a manifest with passkeys.
const VERSION_WITH_PASSKEYS: u64 = 2;

/// Everything a ceremony prepared. It holds PINs where the custody mode says so.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always `glasskey-manifest`.
    format: String,
    /// Format version, 1, or 2 when a key has a passkey.
    version: u64,
    /// The ceremony it comes from.
    pub ceremony: CeremonyFacts,
    /// The tenant the keys are for, where the plan names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Where each PIN is kept.
    pub pin_custody: PinCustody,
    /// Who took part.
    pub people: Vec<Person>,
    /// The age recipients it was meant for; a copy encrypted for others is noticed.
    pub recipients: Vec<String>,
    /// The transcript up to the entry before the manifest was made.
    pub transcript: TranscriptHead,
    /// Reconciliation of slips.
    pub slips: SlipCount,
    /// The keys that were prepared, in order.
    pub keys: Vec<PreparedKey>,
}

/// What is said of the ceremony itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CeremonyFacts {
    /// Its id, on every paper and label.
    pub id: CeremonyId,
    /// Title from the plan.
    pub title: String,
    /// Start, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub started: OffsetDateTime,
    /// When the manifest was made, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub finished: OffsetDateTime,
    /// True for a rehearsal: such a manifest is registered in a sandbox tenant only.
    pub rehearsal: bool,
    /// Version of the program on the station.
    pub station_version: String,
}

/// Where the PIN of a prepared key is kept (plan: `pin_custody`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinCustody {
    /// On the slip, and encrypted in the manifest.
    Manifest,
    /// On the slip alone.
    Slip,
    /// A transport PIN in the manifest; after registration the station replaces it and prints the slip.
    Rotate,
}

/// A person of the ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Name as the plan spells it.
    pub name: String,
    /// Role in the ceremony.
    pub role: Role,
}

/// Roles in a ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Works at the station.
    Officer,
    /// Watches and signs.
    Witness,
    /// Keeps slip or key in a safe.
    Custodian,
}

/// State of the transcript when the manifest was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TranscriptHead {
    /// SHA-256 of the last line, in lower-case hexadecimal.
    pub sha256: String,
    /// Number of lines up to there.
    pub entries: u64,
}

/// Slips printed = sealed + voided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlipCount {
    /// Slips that were sent to the printer.
    pub printed: u32,
    /// Slips in use.
    pub sealed: u32,
    /// Numbers of the others.
    pub voided: Vec<SlipNumber>,
}

/// One prepared key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedKey {
    /// Number on its label.
    pub label: LabelId,
    /// The account it is for.
    pub account: Upn,
    /// Its place among the keys of its account, from 1.
    #[serde(default = "first_place")]
    pub place: u8,
    /// Number of the slip with its PIN; none in custody `rotate`, whose slips come later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slip: Option<SlipNumber>,
    /// Bag of the key, where bags are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_bag: Option<BagNumber>,
    /// Bag of the slip, where bags are used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slip_bag: Option<BagNumber>,
    /// Bag of the second half of a split slip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_slip_bag: Option<BagNumber>,
    /// Who keeps it, where the plan names somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custodian: Option<String>,
    /// Where it is kept, where the plan names a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub safe: Option<String>,
    /// When it was proven, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub prepared: OffsetDateTime,
    /// Its model.
    pub model: Model,
    /// The credential by which it is recognised.
    pub identity: IdentityCredential,
    /// The passkey it made for the tenant (route air-gapped).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration: Option<Box<MadePasskey>>,
    /// Its PIN, in custody `manifest`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "write_pin",
        deserialize_with = "read_pin"
    )]
    pub pin: Option<Pin>,
}

/// A passkey that was made offline by a tenant's creation options, ready to be posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MadePasskey {
    /// The account that the challenge is for.
    pub account: Upn,
    /// The tenant that issued the challenge.
    pub tenant_id: String,
    /// Credential id.
    pub credential_id: Blob,
    /// The whole `clientDataJSON`.
    pub client_data_json: Blob,
    /// WebAuthn attestation object (CBOR).
    pub attestation_object: Blob,
    /// When the challenge ends, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub expires: OffsetDateTime,
}

/// What the key said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its model number.
    pub aaguid: Aaguid,
    /// USB product string (a note, never an identity).
    pub product: String,
    /// USB vendor and product id, `vvvv:pppp`.
    pub usb: String,
    /// USB serial (a note, never an identity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Firmware version of getInfo, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub firmware: Option<u64>,
    /// CTAP versions of getInfo.
    pub versions: Vec<String>,
}

fn first_place() -> u8 {
    1
}

impl Manifest {
    /// Starts a manifest of the current format version.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "one per member of the format")]
    pub fn new(
        ceremony: CeremonyFacts,
        tenant_id: Option<String>,
        pin_custody: PinCustody,
        people: Vec<Person>,
        recipients: Vec<String>,
        transcript: TranscriptHead,
        slips: SlipCount,
        keys: Vec<PreparedKey>,
    ) -> Self {
        let has_passkeys = keys.iter().any(|key| key.registration.is_some());
        let version = if has_passkeys {
            VERSION_WITH_PASSKEYS
        } else {
            VERSION
        };
        let format = FORMAT.to_owned();
        Self {
            format,
            version,
            ceremony,
            tenant_id,
            pin_custody,
            people,
            recipients,
            transcript,
            slips,
            keys,
        }
    }

    /// Writes the payload; it can hold PINs.
    pub fn to_json(&self) -> Result<Secret<Vec<u8>>, serde_json::Error> {
        // A first pass counts, so that the buffer never grows and leaves copies behind.
        let mut counter = Counter(0);
        serde_json::to_writer(&mut counter, self)?;
        let mut json = secret::with_capacity(counter.0);
        serde_json::to_writer(json.expose_mut(), self)?;
        Ok(json)
    }

    /// Reads a payload whose signature has been checked.
    pub fn from_json(json: &[u8]) -> Result<Self, OpenError> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u64,
        }
        let content = |error: serde_json::Error| OpenError::Content(error.to_string());
        let head: Head = serde_json::from_slice(json).map_err(content)?;
        if head.format != FORMAT {
            return Err(OpenError::Content(format!("it is a {:?}", head.format)));
        }
        if !(VERSION..=VERSION_WITH_PASSKEYS).contains(&head.version) {
            return Err(OpenError::NewerVersion(head.version));
        }
        serde_json::from_slice(json).map_err(content)
    }
}

/// Counts bytes instead of keeping them.
struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The one place where a PIN is serialised: into the payload that is about to be encrypted.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn write_pin<S: Serializer>(pin: &Option<Pin>, serializer: S) -> Result<S::Ok, S::Error> {
    match pin {
        Some(pin) => serializer.serialize_str(pin.expose()),
        None => serializer.serialize_none(),
    }
}

fn read_pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pin>, D::Error> {
    Option::<String>::deserialize(deserializer).map(|pin| pin.map(Secret::new))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::identity::AttestationStatement;
    use time::macros::datetime;

    /// A manifest with one key, for tests of every layer.
    pub(crate) fn sample() -> Manifest {
        let mut random = |bytes: &mut [u8]| bytes.fill(5);
        Manifest::new(
            CeremonyFacts {
                id: CeremonyId::draw(&mut random),
                title: "Rehearsal".into(),
                started: datetime!(2026-11-22 10:00 UTC),
                finished: datetime!(2026-11-22 10:20 UTC),
                rehearsal: true,
                station_version: "0.1.0".into(),
            },
            None,
            PinCustody::Manifest,
            vec![Person {
                name: "Ada".into(),
                role: Role::Officer,
            }],
            vec![],
            TranscriptHead {
                sha256: "00".repeat(32),
                entries: 12,
            },
            SlipCount {
                printed: 1,
                sealed: 1,
                voided: vec![],
            },
            vec![PreparedKey {
                label: LabelId::draw(&mut random),
                account: "bg-01@contoso.onmicrosoft.com".parse().unwrap(),
                place: 1,
                slip: SlipNumber::new(1),
                key_bag: Some("K-1".parse().unwrap()),
                slip_bag: None,
                second_slip_bag: None,
                safe: None,
                custodian: Some("Grace".into()),
                prepared: datetime!(2026-11-22 10:10 UTC),
                model: Model {
                    aaguid: Aaguid([1; 16]),
                    product: "Key".into(),
                    usb: "1209:0001".into(),
                    serial: None,
                    firmware: Some(1),
                    versions: vec!["FIDO_2_1".into()],
                },
                identity: IdentityCredential {
                    rp_id: "identity.glasskey.invalid".into(),
                    credential_id: vec![2; 32].into(),
                    algorithm: -7,
                    public_key: vec![4; 77].into(),
                    aaguid: Aaguid([1; 16]),
                    auth_data: vec![3; 100].into(),
                    attestation: AttestationStatement {
                        format: "packed".into(),
                        algorithm: Some(-7),
                        signature: vec![5; 70].into(),
                        x5c: vec![vec![0x30, 0x03, 0x02, 0x01, 0x01].into()],
                        client_data_hash: vec![6; 32].into(),
                        verified: true,
                        note: "Batch certificate.".into(),
                        thumbprint_sha1: None,
                        thumbprint_sha256: None,
                    },
                },
                registration: None,
                pin: Some(Secret::new("73915082".into())),
            }],
        )
    }

    #[test]
    fn writes_without_growing_its_buffer_and_reads_it_back() {
        let json = sample().to_json().unwrap();
        assert_eq!(json.expose().len(), json.expose().capacity());
        let again = Manifest::from_json(json.expose()).unwrap();
        assert_eq!(again.to_json().unwrap().expose(), json.expose());
    }

    #[test]
    fn a_passkey_makes_it_version_2_and_comes_back() {
        let mut with = sample();
        with.keys[0].registration = Some(Box::new(MadePasskey {
            account: "bg-01@contoso.onmicrosoft.com".parse().unwrap(),
            tenant_id: "t".into(),
            credential_id: vec![1; 32].into(),
            client_data_json: b"{}".as_slice().into(),
            attestation_object: vec![2; 300].into(),
            expires: datetime!(2026-12-22 10:00 UTC),
        }));
        let with = Manifest::new(
            with.ceremony,
            None,
            with.pin_custody,
            with.people,
            with.recipients,
            with.transcript,
            with.slips,
            with.keys,
        );
        let json = with.to_json().unwrap();
        let text = String::from_utf8(json.expose().clone()).unwrap();
        assert!(text.contains("\"version\":2,") && text.contains("\"client_data_json\":\"e30\""));
        let again = Manifest::from_json(json.expose()).unwrap();
        assert_eq!(again.keys[0].registration, with.keys[0].registration);
    }

    #[test]
    fn names_a_newer_version_and_a_foreign_format() {
        let json = String::from_utf8(sample().to_json().unwrap().expose().clone()).unwrap();
        let newer = json.replace("\"version\":1,", "\"version\":3,");
        assert_eq!(
            Manifest::from_json(newer.as_bytes()).err(),
            Some(OpenError::NewerVersion(3))
        );
        let foreign = json.replace("glasskey-manifest", "shopping-list");
        assert!(matches!(
            Manifest::from_json(foreign.as_bytes()),
            Err(OpenError::Content(_))
        ));
    }
}
