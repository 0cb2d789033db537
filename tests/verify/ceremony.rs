//! A whole ceremony as its files tell it, made with the library: two keys, a spoiled slip, a pause.

use glasskey::blob::Blob;
use glasskey::id::{Aaguid, CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use glasskey::identity::{AttestationStatement, IdentityCredential, RP_ID};
use glasskey::manifest::schema::{
    CeremonyFacts, Model, Person, PinCustody, PreparedKey, Role, SlipCount, TranscriptHead,
};
use glasskey::manifest::sign::StationKey;
use glasskey::manifest::{HeadDigest, Identity, Manifest, RecordCode, seal};
use glasskey::secret::Secret;
use glasskey::transcript::{Act, Entry, ExceptionKind, Text, Transcript, hex};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use time::OffsetDateTime;
use time::macros::datetime;

/// The PIN in every manifest made here: it must never be seen anywhere.
pub(crate) const PIN: &str = "73915082";
const MODEL: [u8; 16] = [7; 16];

pub(crate) fn label(key: u8) -> LabelId {
    LabelId::draw(&mut |bytes| {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap().wrapping_mul(3) + key;
        }
    })
}

pub(crate) fn slip(number: u32) -> SlipNumber {
    SlipNumber::new(number).unwrap()
}

/// The time of the line with this number.
pub(crate) fn at(line: u64) -> OffsetDateTime {
    datetime!(2026-11-22 10:00 UTC) + time::Duration::seconds(i64::try_from(line).unwrap() * 20)
}

/// An identity credential that attests itself, as a key would make it.
fn identity(key: u8) -> IdentityCredential {
    let rng = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &rng).unwrap();
    let point = pair.public_key().as_ref();
    // COSE_Key of P-256 (RFC 9053, 7.1.1).
    let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
    let cose = [&head[..], &point[1..33], &[0x22, 0x58, 0x20], &point[33..65]].concat();
    let credential_id = [key; 32];
    let auth_data = [
        digest(&SHA256, RP_ID.as_bytes()).as_ref(),
        &[0x45, 0, 0, 0, 1],
        &MODEL,
        &[0, 32],
        &credential_id,
        &cose,
    ]
    .concat();
    let hash = digest(&SHA256, b"challenge");
    let signature = pair
        .sign(&rng, &[&auth_data[..], hash.as_ref()].concat())
        .unwrap();
    IdentityCredential {
        rp_id: RP_ID.into(),
        credential_id: Blob(credential_id.to_vec()),
        algorithm: -7,
        public_key: Blob(cose),
        aaguid: Aaguid(MODEL),
        auth_data: Blob(auth_data),
        attestation: AttestationStatement {
            format: "packed".into(),
            algorithm: Some(-7),
            signature: Blob(signature.as_ref().to_vec()),
            x5c: vec![],
            client_data_hash: Blob(hash.as_ref().to_vec()),
            verified: false,
            note: "Self attestation.".into(),
            thumbprint_sha1: None,
            thumbprint_sha256: None,
        },
    }
}

/// Everything that the station knew.
pub(crate) struct Ceremony {
    pub(crate) entries: Vec<Entry>,
    pub(crate) station: StationKey,
    pub(crate) identity: Identity,
    pub(crate) keys: Vec<IdentityCredential>,
}

/// The files of a ceremony.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) transcript: String,
    pub(crate) manifest: Vec<u8>,
    /// What stands on paper.
    pub(crate) code: RecordCode,
}

pub(crate) fn id() -> CeremonyId {
    CeremonyId::draw(&mut |bytes| bytes.fill(5))
}

fn people() -> Vec<Person> {
    let person = |name: &str, role| Person {
        name: name.into(),
        role,
    };
    vec![
        person("Ada", Role::Officer),
        person("Grace", Role::Witness),
        person("Zoë", Role::Custodian),
    ]
}

pub(crate) fn account(key: u8) -> String {
    format!("bg-0{key}@contoso.onmicrosoft.com")
}

pub(crate) fn act(effect: Act, key: Option<u8>, slip: Option<SlipNumber>) -> [Entry; 2] {
    let key = key.map(label);
    [
        Entry::Intended {
            effect,
            key: key.clone(),
            slip,
        },
        Entry::Done {
            effect,
            key,
            slip,
            result: None,
        },
    ]
}

pub(crate) fn answered(question: &str, answer: &str) -> Entry {
    Entry::Answered {
        question: Text::new(question),
        answer: Text::new(answer),
        by: Some(Role::Officer),
    }
}

fn present(officer: &str, witness: &str) -> Entry {
    Entry::Present {
        officer: Text::new(officer),
        witness: Text::new(witness),
    }
}

impl Ceremony {
    /// Two keys, prepared without anything that an auditor would ask about.
    pub(crate) fn new() -> Self {
        let (first, station) = (StationKey::generate().unwrap(), StationKey::generate().unwrap());
        let keys = vec![identity(1), identity(2)];
        let mut entries = vec![Entry::Started {
            ceremony: id(),
            title: Text::new("Rehearsal in Zürich"),
            plan_sha256: "ab".repeat(32),
            station: first.fingerprint(),
            version: Text::new("0.1.0"),
            custody: PinCustody::Manifest,
            people: people(),
        }];
        entries.extend([1, 2].map(|key| Entry::Planned {
            label: label(key),
            account: account(key).parse().unwrap(),
            place: 1,
            custodian: Some(Text::new("Zoë")),
            safe: Some(Text::new("Safe 2")),
        }));
        entries.push(Entry::SelfTest {
            check: Text::new("no-network"),
            passed: true,
            found: Text::new("no network device"),
        });
        entries.push(present("Ada", "Grace"));
        // The first slip of the first key comes out creased.
        entries.extend(begun(1, 1));
        entries.push(answered("slip-whole", "no"));
        entries.push(Entry::Exception {
            number: 1,
            kind: ExceptionKind::SlipVoided,
            key: Some(label(1)),
            slip: Some(slip(1)),
            what: Text::new("Slip 0001 is void."),
            reason: Text::new("creased in the printer"),
        });
        entries.push(Entry::SlipVoided {
            slip: slip(1),
            reason: Text::new("not whole"),
        });
        entries.extend(act(Act::PrintSlip, Some(1), Some(slip(2))));
        entries.extend(finished(1, 2, &keys[0]));
        entries.push(Entry::Paused);
        entries.push(Entry::Resumed {
            station: station.fingerprint(),
            version: Text::new("0.1.0"),
            cut: false,
            torn: 0,
            found: Text::new("No key was in hand."),
        });
        entries.push(present("Ada", "Grace"));
        entries.extend(begun(2, 3));
        entries.extend(finished(2, 3, &keys[1]));
        entries.extend(act(Act::PrintRecord, None, None));
        entries.push(answered("record-signed", "yes"));
        Self {
            entries,
            station,
            identity: Identity::generate(),
            keys,
        }
    }

    /// The manifest that belongs to a transcript with this head.
    pub(crate) fn manifest(&self, head: &Transcript) -> Manifest {
        let key = |number: u8| PreparedKey {
            label: label(number),
            account: account(number).parse().unwrap(),
            place: 1,
            slip: Some(slip(u32::from(number) + 1)),
            key_bag: format!("K-{number}").parse().ok(),
            slip_bag: format!("S-{number}").parse().ok(),
            second_slip_bag: None,
            custodian: Some("Zoë".into()),
            safe: Some("Safe 2".into()),
            prepared: at(30),
            model: Model {
                aaguid: Aaguid(MODEL),
                product: "Virtual key".into(),
                usb: "1209:0001".into(),
                serial: None,
                firmware: Some(1),
                versions: vec!["FIDO_2_1".into()],
            },
            identity: self.keys[usize::from(number) - 1].clone(),
            registration: None,
            pin: Some(Secret::new(PIN.into())),
        };
        Manifest::new(
            CeremonyFacts {
                id: id(),
                title: "Rehearsal in Zürich".into(),
                started: at(0),
                finished: at(100),
                rehearsal: true,
                station_version: "0.1.0".into(),
            },
            None,
            PinCustody::Manifest,
            people(),
            vec![self.identity.recipient()],
            TranscriptHead {
                sha256: head.head().to_owned(),
                entries: head.entries(),
            },
            SlipCount {
                printed: 3,
                sealed: 2,
                voided: vec![slip(1)],
            },
            vec![key(1), key(2)],
        )
    }

    /// Writes the files, after `change` had its way with the manifest and `last` with the last entry.
    pub(crate) fn write_with(
        &self,
        change: impl FnOnce(&mut Manifest),
        last: impl FnOnce(&mut Entry),
    ) -> Files {
        let mut chain = Transcript::default();
        let mut transcript = String::new();
        let mut printed = None;
        let mut append = |chain: &mut Transcript, entry: Entry| {
            let is_record = matches!(
                entry,
                Entry::Intended {
                    effect: Act::PrintRecord,
                    ..
                }
            );
            transcript += &chain.append(at(chain.entries()), entry);
            if is_record {
                printed = Some(chain.head().to_owned());
            }
        };
        for entry in &self.entries {
            append(&mut chain, entry.clone());
        }
        append(&mut chain, act(Act::Export, None, None)[0].clone());
        let mut content = self.manifest(&chain);
        change(&mut content);
        let jws = self.station.sign(&content.to_json().unwrap());
        let manifest = seal::seal(&jws, &[self.identity.recipient()]).unwrap();
        append(
            &mut chain,
            Entry::ManifestWritten {
                sha256: hex(digest(&SHA256, &manifest).as_ref()),
                bytes: manifest.len() as u64,
            },
        );
        let mut end = Entry::Ended {
            prepared: 2,
            rejected: 0,
            slips_printed: 3,
            slips_voided: 1,
            exceptions: 1,
            aborted: false,
        };
        last(&mut end);
        append(&mut chain, end);
        let head: HeadDigest = printed
            .unwrap_or_else(|| chain.head().to_owned())
            .parse()
            .unwrap();
        Files {
            transcript,
            manifest,
            code: RecordCode {
                ceremony: id(),
                station: self.station.fingerprint(),
                head,
            },
        }
    }

    pub(crate) fn write(&self) -> Files {
        self.write_with(|_| {}, |_| {})
    }

    /// Where the first entry stands of which this is true.
    pub(crate) fn find(&self, is: impl Fn(&Entry) -> bool) -> usize {
        self.entries.iter().position(is).unwrap()
    }
}

/// A key up to its first slip.
fn begun(key: u8, number: u32) -> Vec<Entry> {
    let [intended, done] = act(Act::Identify, Some(key), None);
    let mut entries = vec![
        intended,
        Entry::KeyIdentified {
            label: label(key),
            account: account(key).parse().unwrap(),
            aaguid: Aaguid(MODEL),
            product: Text::new("Virtual key"),
            port: Text::new("1-1"),
        },
        done,
    ];
    entries.extend(act(Act::Reset, Some(key), None));
    entries.extend(act(Act::PrintSlip, Some(key), Some(slip(number))));
    entries
}

/// A key from its good slip on.
fn finished(key: u8, number: u32, identity: &IdentityCredential) -> Vec<Entry> {
    let mut entries = vec![answered("slip-whole", "yes")];
    for step in [Act::SetPin, Act::Configure, Act::ProvePin, Act::MakeIdentity] {
        entries.extend(act(step, Some(key), Some(slip(number))));
    }
    entries.extend(act(Act::PrintLabel, Some(key), None));
    entries.push(Entry::KeyPrepared {
        label: label(key),
        slip: Some(slip(number)),
        key_bag: format!("K-{key}").parse().ok(),
        slip_bag: format!("S-{key}").parse().ok(),
        second_slip_bag: None,
        fingerprint: Text::new(KeyFingerprint::of(identity.public_key.as_slice()).as_str()),
    });
    entries
}
