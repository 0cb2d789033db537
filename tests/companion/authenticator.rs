//! A software authenticator: P-256 by ring, CBOR by hand, attestation by a certificate of its own.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as B64;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, KeyPair};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// What a bad registration or sign-in does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    Signature,
    Challenge,
    Origin,
    RpId,
    NoUserPresence,
    NoUserVerification,
    Type,
}

/// Which statement a registration carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statement {
    Packed,
    /// Packed, with a certificate whose subject lacks what the specification asks for.
    PackedOddCertificate,
    SelfAttested,
    None,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "what a model can do, each by itself"
)]
pub(crate) struct Authenticator {
    pub(crate) aaguid: [u8; 16],
    pub(crate) certificate: Vec<u8>,
    odd_certificate: Vec<u8>,
    attestation_pkcs8: Vec<u8>,
    attestation_key: EcdsaKeyPair,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) extensions: bool,
    /// The PIN it insists on when one is given; none takes any.
    pub(crate) pin: Option<String>,
    /// It wants its PIN at every use.
    pub(crate) always_uv: bool,
    /// It cannot remove a single credential.
    pub(crate) keeps_everything: bool,
    /// It forgets what it has just made.
    pub(crate) forgets: bool,
}

/// What authenticatorMakeCredential gives.
pub(crate) struct Made {
    pub(crate) id: Vec<u8>,
    pub(crate) cose_key: Vec<u8>,
    pub(crate) auth_data: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    pub(crate) attestation_object: Vec<u8>,
}

pub(crate) struct Credential {
    pub(crate) rp_id: String,
    pub(crate) id: Vec<u8>,
    key: EcdsaKeyPair,
    counter: u32,
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).unwrap();
    bytes
}

fn key_pair() -> (Vec<u8>, EcdsaKeyPair) {
    let rng = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &rng).unwrap();
    (pkcs8.as_ref().to_vec(), pair)
}

fn leaf(aaguid: [u8; 16], unit: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "CH");
    name.push(DnType::OrganizationName, "Software Authenticator");
    name.push(DnType::OrganizationalUnitName, unit);
    name.push(DnType::CommonName, "Batch 1");
    params.distinguished_name = name;
    params.is_ca = IsCa::ExplicitNoCa;
    let mut extension = vec![0x04, 0x10];
    extension.extend_from_slice(&aaguid);
    params.custom_extensions.push(CustomExtension::from_oid_content(
        &[1, 3, 6, 1, 4, 1, 45724, 1, 1, 4],
        extension,
    ));
    params
}

fn certificate(pkcs8: &[u8], aaguid: [u8; 16], unit: &str) -> Vec<u8> {
    let key = KeyPair::try_from(pkcs8).unwrap();
    leaf(aaguid, unit).self_signed(&key).unwrap().der().to_vec()
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        let aaguid = random();
        let (pkcs8, attestation_key) = key_pair();
        Self {
            aaguid,
            certificate: certificate(&pkcs8, aaguid, "Authenticator Attestation"),
            odd_certificate: certificate(&pkcs8, aaguid, "Toys"),
            attestation_pkcs8: pkcs8,
            attestation_key,
            credentials: Vec::new(),
            extensions: true,
            pin: None,
            always_uv: false,
            keeps_everything: false,
            forgets: false,
        }
    }

    /// authenticatorMakeCredential for any relying party, with touch and PIN.
    pub(crate) fn make_for(&mut self, rp_id: &str, client_data_hash: &[u8]) -> Made {
        let (_, key) = key_pair();
        let credential = Credential {
            rp_id: rp_id.to_owned(),
            id: random::<32>().to_vec(),
            key,
            counter: 1,
        };
        let auth_data = self.auth_data(rp_id, 1, 0x05, Some(&credential));
        let message = [auth_data.as_slice(), client_data_hash].concat();
        let signature = self.attestation_key.sign(&SystemRandom::new(), &message).unwrap();
        let signature = signature.as_ref().to_vec();
        let text = |t: &str| ciborium::Value::Text(t.to_owned());
        let bytes = |b: &[u8]| ciborium::Value::Bytes(b.to_vec());
        let statement = vec![
            (text("alg"), ciborium::Value::Integer((-7).into())),
            (text("sig"), bytes(&signature)),
            (
                text("x5c"),
                ciborium::Value::Array(vec![bytes(&self.certificate)]),
            ),
        ];
        let object = ciborium::Value::Map(vec![
            (text("fmt"), text("packed")),
            (text("attStmt"), ciborium::Value::Map(statement)),
            (text("authData"), bytes(&auth_data)),
        ]);
        let mut attestation_object = Vec::new();
        ciborium::into_writer(&object, &mut attestation_object).unwrap();
        let point = credential.key.public_key().as_ref();
        let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
        let cose_key = [&head[..], &point[1..33], &[0x22, 0x58, 0x20], &point[33..65]].concat();
        let made = Made {
            id: credential.id.clone(),
            cose_key,
            auth_data,
            signature,
            attestation_object,
        };
        if !self.forgets {
            self.credentials.push(credential);
        }
        made
    }

    fn auth_data(&self, rp_id: &str, counter: u32, flags: u8, credential: Option<&Credential>) -> Vec<u8> {
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        let extensions = self.extensions && credential.is_some();
        let flags = flags | if credential.is_some() { 0x40 } else { 0 } | if extensions { 0x80 } else { 0 };
        data.push(flags);
        data.extend_from_slice(&counter.to_be_bytes());
        if let Some(credential) = credential {
            data.extend_from_slice(&self.aaguid);
            data.extend_from_slice(&u16::try_from(credential.id.len()).unwrap().to_be_bytes());
            data.extend_from_slice(&credential.id);
            let point = credential.key.public_key().as_ref();
            // COSE_Key {1: 2, 3: -7, -1: 1, -2: x, -3: y} in CTAP2 canonical form
            data.extend_from_slice(&[0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
            data.extend_from_slice(&point[1..33]);
            data.extend_from_slice(&[0x22, 0x58, 0x20]);
            data.extend_from_slice(&point[33..65]);
        }
        if extensions {
            // {"credProtect": 1, "hmac-secret": true}
            data.push(0xa2);
            data.extend_from_slice(b"\x6bcredProtect\x01\x6bhmac-secret\xf5");
        }
        data
    }

    fn client_data(kind: &str, challenge: &str, wrong: Wrong) -> Vec<u8> {
        let kind = if wrong == Wrong::Type {
            "webauthn.other"
        } else {
            kind
        };
        let challenge = if wrong == Wrong::Challenge {
            B64.encode(random::<32>())
        } else {
            challenge.to_owned()
        };
        let origin = if wrong == Wrong::Origin {
            "https://login.evil.example"
        } else {
            "https://login.microsoft.com"
        };
        json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false})
            .to_string()
            .into_bytes()
    }

    fn flags(wrong: Wrong) -> u8 {
        match wrong {
            Wrong::NoUserPresence => 0x04,
            Wrong::NoUserVerification => 0x01,
            _ => 0x05,
        }
    }

    /// navigator.credentials.create()
    pub(crate) fn create(&mut self, options: &Value, statement: Statement, wrong: Wrong) -> Value {
        let rp_id = options["rp"]["id"].as_str().unwrap();
        let (_, key) = key_pair();
        let credential = Credential {
            rp_id: rp_id.to_owned(),
            id: random::<32>().to_vec(),
            key,
            counter: 1,
        };
        let signed_rp = if wrong == Wrong::RpId {
            "other.example"
        } else {
            rp_id
        };
        let auth_data = self.auth_data(signed_rp, 1, Self::flags(wrong), Some(&credential));
        let client_data = Self::client_data("webauthn.create", options["challenge"].as_str().unwrap(), wrong);
        let mut message = auth_data.clone();
        message.extend_from_slice(digest(&SHA256, &client_data).as_ref());
        let signer = match statement {
            Statement::SelfAttested => &credential.key,
            _ => &self.attestation_key,
        };
        let mut signature = signer
            .sign(&SystemRandom::new(), &message)
            .unwrap()
            .as_ref()
            .to_vec();
        if wrong == Wrong::Signature {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        let text = |t: &str| ciborium::Value::Text(t.to_owned());
        let certificate = match statement {
            Statement::Packed => Some(&self.certificate),
            Statement::PackedOddCertificate => Some(&self.odd_certificate),
            _ => None,
        };
        let mut attestation = vec![
            (text("alg"), ciborium::Value::Integer((-7).into())),
            (text("sig"), ciborium::Value::Bytes(signature)),
        ];
        if let Some(certificate) = certificate {
            let chain = vec![ciborium::Value::Bytes(certificate.clone())];
            attestation.push((text("x5c"), ciborium::Value::Array(chain)));
        }
        let (format, attestation) = if statement == Statement::None {
            ("none", Vec::new())
        } else {
            ("packed", attestation)
        };
        let object = ciborium::Value::Map(vec![
            (text("fmt"), text(format)),
            (text("attStmt"), ciborium::Value::Map(attestation)),
            (text("authData"), ciborium::Value::Bytes(auth_data)),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&object, &mut bytes).unwrap();
        let id = B64.encode(&credential.id);
        self.credentials.push(credential);
        json!({"id": id, "rawId": id, "type": "public-key",
            "response": {"clientDataJSON": B64.encode(client_data), "attestationObject": B64.encode(bytes), "transports": ["usb"]},
            "clientExtensionResults": {}})
    }

    /// Has its attestation certificate issued by a new authority; returns the authority's certificate in PEM.
    pub(crate) fn certified(&mut self) -> String {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "Software Authority");
        authority.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        authority.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let root = authority.self_signed(&authority_key).unwrap().pem();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = KeyPair::try_from(self.attestation_pkcs8.as_slice()).unwrap();
        let certificate = leaf(self.aaguid, "Authenticator Attestation")
            .signed_by(&key, &issuer)
            .unwrap();
        self.certificate = certificate.der().to_vec();
        root
    }

    /// Answers client data with a new credential (authenticatorMakeCredential): its id and the attestation object.
    pub(crate) fn attest(&mut self, rp_id: &str, client_data: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (_, key) = key_pair();
        let credential = Credential {
            rp_id: rp_id.to_owned(),
            id: random::<32>().to_vec(),
            key,
            counter: 1,
        };
        let auth_data = self.auth_data(rp_id, 1, 0x05, Some(&credential));
        let message = [auth_data.as_slice(), digest(&SHA256, client_data).as_ref()].concat();
        let signature = self.attestation_key.sign(&SystemRandom::new(), &message).unwrap();
        let bytes = |b: &[u8]| ciborium::Value::Bytes(b.to_vec());
        let statement = vec![
            ("alg".into(), (-7).into()),
            ("sig".into(), bytes(signature.as_ref())),
            (
                "x5c".into(),
                ciborium::Value::Array(vec![bytes(&self.certificate)]),
            ),
        ];
        let object = ciborium::Value::Map(vec![
            ("fmt".into(), "packed".into()),
            ("attStmt".into(), ciborium::Value::Map(statement)),
            ("authData".into(), bytes(&auth_data)),
        ]);
        let mut object_bytes = Vec::new();
        ciborium::into_writer(&object, &mut object_bytes).unwrap();
        let id = credential.id.clone();
        self.credentials.push(credential);
        (id, object_bytes)
    }

    /// Makes a credential without any relying party looking: its id and public point.
    pub(crate) fn make(&mut self, rp_id: &str) -> (Vec<u8>, Vec<u8>) {
        let (_, key) = key_pair();
        let point = key.public_key().as_ref().to_vec();
        let id = random::<32>().to_vec();
        self.credentials.push(Credential {
            rp_id: rp_id.to_owned(),
            id: id.clone(),
            key,
            counter: 1,
        });
        (id, point)
    }

    /// Another key of the same model and batch.
    pub(crate) fn sibling(&self) -> Self {
        let mut sibling = Self::new();
        sibling.aaguid = self.aaguid;
        sibling.certificate.clone_from(&self.certificate);
        let pkcs8 = &self.attestation_pkcs8;
        sibling.attestation_key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8, &SystemRandom::new()).unwrap();
        sibling
    }

    /// Holds the credentials of a relying party under their ids, with other private keys: no key does, an impostor may.
    pub(crate) fn forge(&mut self, rp_id: &str) {
        for credential in self.credentials.iter_mut().filter(|c| c.rp_id == rp_id) {
            credential.key = key_pair().1;
        }
    }

    /// Signs as authenticatorGetAssertion does; `None` if the credential is not held.
    pub(crate) fn sign(
        &mut self,
        rp_id: &str,
        id: &[u8],
        client_data_hash: &[u8],
        flags: u8,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        let index = self
            .credentials
            .iter()
            .position(|c| c.id == id && c.rp_id == rp_id)?;
        self.credentials[index].counter += 1;
        let credential = &self.credentials[index];
        let auth_data = self.auth_data(rp_id, credential.counter, flags, None);
        let message = [auth_data.as_slice(), client_data_hash].concat();
        let signature = credential.key.sign(&SystemRandom::new(), &message).unwrap();
        Some((auth_data, signature.as_ref().to_vec()))
    }

    /// navigator.credentials.get()
    pub(crate) fn get(&mut self, options: &Value, wrong: Wrong) -> Value {
        let allowed: Vec<Vec<u8>> = options["allowCredentials"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| B64.decode(c["id"].as_str().unwrap()).unwrap())
            .collect();
        let id = self
            .credentials
            .iter()
            .find(|c| allowed.contains(&c.id))
            .unwrap()
            .id
            .clone();
        let rp_id = options["rpId"].as_str().unwrap().to_owned();
        let client_data = Self::client_data("webauthn.get", options["challenge"].as_str().unwrap(), wrong);
        let hash = digest(&SHA256, &client_data);
        let (mut auth_data, mut signature) =
            self.sign(&rp_id, &id, hash.as_ref(), Self::flags(wrong)).unwrap();
        if wrong == Wrong::RpId {
            auth_data[0] ^= 1;
        }
        if wrong == Wrong::Signature {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        let id = B64.encode(id);
        json!({"id": id, "rawId": id, "type": "public-key",
            "response": {"clientDataJSON": B64.encode(client_data), "authenticatorData": B64.encode(auth_data),
                "signature": B64.encode(signature), "userHandle": null},
            "clientExtensionResults": {}})
    }
}
