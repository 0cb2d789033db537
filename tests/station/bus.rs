//! USB ports with virtual keys: real CTAP, in this process and without a kernel.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bench::client::{Client, OK, member};
use bench::engine::config::EngineConfig;
use bench::key::VirtualKey;
use bench::report::Authenticator as _;
use ciborium::Value;
use glasskey::id::Aaguid;
use glasskey::identity::{AttestationStatement, RP_ID};
use glasskey::key::auth_data::AuthData;
use glasskey::key::channel::{Call, Channel, Limits, PipeError, Report, ReportPipe};
use glasskey::key::{
    Assertion, Blob, Configuration, Credential, CredentialQuery, Effect, IdentityCredential, IdentityProof,
    KeyBus, KeyError, KeyEvent, KeyInfo, NewCredential, PinProof, PinSet, SecurityKey, UsbPort, UserEntity,
    Watch, find, reset,
};
use glasskey::secret::Pin;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use crate::power::Power;

const PIN_INVALID: u8 = 0x31;
/// The keys answer at once; a busy machine may not let them for seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The one socket of the station, and the keys that lie on the table; clones are the same socket.
#[derive(Clone)]
pub(crate) struct Bus {
    keys: Vec<VirtualKey>,
    plugged: Rc<RefCell<Option<usize>>>,
    plugs: Rc<RefCell<u16>>,
    power: Rc<Power>,
}

/// The cable between channel and virtual key.
struct Cable(VirtualKey);

impl ReportPipe for Cable {
    fn send(&mut self, report: &Report) -> Result<(), PipeError> {
        self.0.send(report);
        Ok(())
    }

    fn recv(&mut self, wait: Duration) -> Result<Option<Report>, PipeError> {
        Ok(self.0.recv(wait))
    }
}

impl Bus {
    pub(crate) fn new(keys: usize, power: &Rc<Power>) -> Self {
        let key = |_| VirtualKey::new(EngineConfig::default()).unwrap();
        Self {
            keys: (0..keys).map(key).collect(),
            plugged: Rc::default(),
            plugs: Rc::default(),
            power: Rc::clone(power),
        }
    }

    pub(crate) fn key(&self, place: usize) -> &VirtualKey {
        &self.keys[place]
    }

    pub(crate) fn plugged(&self) -> Option<usize> {
        *self.plugged.borrow()
    }

    pub(crate) fn plug(&self, place: usize) {
        assert_eq!(self.plugged(), None, "one key at a time");
        self.keys[place].power_on().unwrap();
        *self.plugs.borrow_mut() += 1;
        *self.plugged.borrow_mut() = Some(place);
    }

    pub(crate) fn pull(&self) -> Option<usize> {
        let place = self.plugged.borrow_mut().take();
        place.inspect(|place| self.keys[*place].power_off())
    }

    /// The power fails and comes back: a key that is in the socket stays there.
    pub(crate) fn power_cycle(&self) {
        if let Some(place) = self.pull() {
            self.plug(place);
        }
    }

    /// The key that is meant, if it is still the one in the socket.
    fn held(&self, key: &SecurityKey) -> Result<&VirtualKey, KeyError> {
        self.power.call();
        let is_meant = key.devnum == *self.plugs.borrow();
        let place = self.plugged().filter(|_| is_meant);
        place.map(|place| &self.keys[place]).ok_or(KeyError::NoKey)
    }

    fn raw<T>(
        &self,
        key: &SecurityKey,
        work: impl FnOnce(&mut Channel<Cable>, &mut Call<'_>) -> Result<T, KeyError>,
    ) -> Result<T, KeyError> {
        let held = self.held(key)?;
        let stop = AtomicBool::new(false);
        let limits = Limits {
            init: PATIENCE,
            gap: PATIENCE,
            ..Limits::default()
        };
        let mut channel = Channel::open(Cable(held.clone()), limits)
            .map_err(|error| error.into_key_error(&key.port, Effect::Nothing))?;
        let mut call = Call {
            total: PATIENCE,
            stop: &stop,
            expects_touch: true,
            on_event: &mut |_| {},
        };
        let result = work(&mut channel, &mut call);
        self.power.call();
        result
    }

    /// What a key answers to a question about its PIN.
    fn with_client(
        &self,
        key: &SecurityKey,
        ask: impl FnOnce(&Client<'_>, u8) -> bench::error::Result<u8>,
    ) -> Result<KeyInfo, KeyError> {
        let held = self.held(key)?;
        let client = connect(held);
        let protocol = client.pin_protocol().unwrap();
        let status = ask(&client, protocol).unwrap();
        self.power.call();
        match status {
            OK => self.raw(key, |channel, call| reset::identify(channel, &key.port, call)),
            PIN_INVALID => Err(KeyError::PinWrong {
                retries_left: client.pin_retries().ok(),
            }),
            other => Err(KeyError::Protocol {
                detail: format!("status 0x{other:02x}"),
                effect: Effect::Unknown,
            }),
        }
    }

    /// What a key answers when it makes a credential (CTAP 2.1, 6.1).
    fn made(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        new: &NewCredential,
        watch: &mut Watch<'_>,
    ) -> Result<Value, KeyError> {
        (watch.on_event)(KeyEvent::TouchNeeded);
        let client = connect(self.held(key)?);
        let protocol = client.pin_protocol().unwrap();
        let token = client.plain_token(protocol, pin.expose()).unwrap().unwrap();
        let hash = digest(&SHA256, new.client_data.as_slice());
        let hmac = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &token);
        let proof =
            ring::hmac::sign(&hmac, hash.as_ref()).as_ref()[..if protocol == 1 { 16 } else { 32 }].to_vec();
        let mut request = vec![
            (1, Value::Bytes(hash.as_ref().to_vec())),
            (2, map(vec![("id", new.rp_id.as_str().into())])),
            (
                3,
                map(vec![
                    ("id", Value::Bytes(new.user.id.0.clone())),
                    ("name", new.user.name.as_str().into()),
                ]),
            ),
            (
                4,
                Value::Array(vec![map(vec![
                    ("alg", (-7).into()),
                    ("type", "public-key".into()),
                ])]),
            ),
        ];
        if new.discoverable {
            request.push((7, map(vec![("rk", true.into())])));
        }
        request.extend([(8, Value::Bytes(proof)), (9, protocol.into())]);
        let (status, answer) = client.ctap(0x01, Some(map(request))).unwrap();
        assert_eq!(status, OK);
        self.power.call();
        Ok(answer)
    }
}

/// A channel to a key that has power.
pub(crate) fn connect(key: &VirtualKey) -> Client<'_> {
    let tries = PATIENCE.as_secs();
    (0..tries).find_map(|_| Client::connect(key).ok()).unwrap()
}

fn map<K: Into<Value>>(members: Vec<(K, Value)>) -> Value {
    Value::Map(
        members
            .into_iter()
            .map(|(key, value)| (key.into(), value))
            .collect(),
    )
}

fn unused<T>() -> Result<T, KeyError> {
    Err(KeyError::Unsupported {
        what: "this call in a ceremony".into(),
    })
}

impl KeyBus for Bus {
    fn scan(&self) -> Result<Vec<SecurityKey>, KeyError> {
        self.power.call();
        let key = |_| SecurityKey {
            port: UsbPort::new("1-1"),
            busnum: 1,
            devnum: *self.plugs.borrow(),
            vid: 0x1209,
            pid: 1,
            product: "Virtual key".into(),
            serial: None,
            node: "/dev/null".into(),
        };
        Ok(self.plugged().map(key).into_iter().collect())
    }

    fn identify(&self, key: &SecurityKey, _: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        self.raw(key, |channel, call| reset::identify(channel, &key.port, call))
    }

    fn reset(&self, key: &SecurityKey, expected: Aaguid, watch: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        (watch.on_event)(KeyEvent::TouchNeeded);
        self.raw(key, |channel, call| {
            reset::reset(channel, &key.port, expected, call)
        })
    }

    fn set_pin(&self, key: &SecurityKey, pin: &Pin, _: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        let info = self.with_client(key, |client, _| client.set_pin(pin.expose()))?;
        Ok(PinSet { protocol: 1, info })
    }

    fn change_pin(
        &self,
        key: &SecurityKey,
        current: &Pin,
        new: &Pin,
        _: &mut Watch<'_>,
    ) -> Result<PinSet, KeyError> {
        let info = self.with_client(key, |client, protocol| {
            client.change_pin(protocol, current.expose(), new.expose())
        })?;
        Ok(PinSet { protocol: 1, info })
    }

    fn prove_pin(&self, key: &SecurityKey, pin: &Pin, _: &mut Watch<'_>) -> Result<PinProof, KeyError> {
        self.with_client(key, |client, protocol| client.pin_token(protocol, pin.expose()))?;
        Ok(PinProof {
            protocol: 1,
            retries: 8,
            with_permissions: false,
        })
    }

    fn configure(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &Configuration,
        _: &mut Watch<'_>,
    ) -> Result<KeyInfo, KeyError> {
        unused()
    }

    fn make_identity(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        user: &UserEntity,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityCredential, KeyError> {
        let hash = digest(&SHA256, &user.id.0);
        let asked = NewCredential {
            rp_id: RP_ID.into(),
            user: user.clone(),
            client_data: Blob(user.id.0.clone()),
            algorithms: vec![-7],
            discoverable: false,
            exclude: Vec::new(),
            hmac_secret: false,
            cred_protect: None,
        };
        let answer = self.made(key, pin, &asked, watch)?;
        Ok(identity(&answer, hash.as_ref()))
    }

    fn holds_any(
        &self,
        key: &SecurityKey,
        identities: &[IdentityCredential],
        _: &mut Watch<'_>,
    ) -> Result<Option<usize>, KeyError> {
        let query = |identity: &IdentityCredential| CredentialQuery {
            rp_id: identity.rp_id.clone(),
            credential_id: identity.credential_id.clone(),
            client_data: Blob(vec![5; 32]),
        };
        let queries: Vec<_> = identities.iter().map(query).collect();
        self.raw(key, |channel, call| {
            let info = reset::identify(channel, &key.port, call)?;
            let found = find::find(channel, &key.port, &info, &queries, call)?;
            Ok(found.map(|(place, _)| place))
        })
    }

    fn assert_identity(
        &self,
        _: &SecurityKey,
        _: &IdentityCredential,
        _: Option<&Pin>,
        _: &mut Watch<'_>,
    ) -> Result<IdentityProof, KeyError> {
        unused()
    }

    fn make_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        new: &NewCredential,
        watch: &mut Watch<'_>,
    ) -> Result<Credential, KeyError> {
        let answer = self.made(key, pin, new, watch)?;
        let hash = digest(&SHA256, new.client_data.as_slice());
        let made = identity(&answer, hash.as_ref());
        let object = map(vec![
            ("fmt", member(&answer, &1.into()).unwrap()),
            ("attStmt", member(&answer, &3.into()).unwrap()),
            ("authData", member(&answer, &2.into()).unwrap()),
        ]);
        let mut attestation_object = Vec::new();
        ciborium::into_writer(&object, &mut attestation_object).unwrap();
        Ok(Credential {
            rp_id: new.rp_id.clone(),
            id: made.credential_id,
            algorithm: made.algorithm,
            public_key: made.public_key,
            aaguid: made.aaguid,
            auth_data: made.auth_data,
            attestation_object: Blob(attestation_object),
            attestation: made.attestation,
        })
    }

    fn remove_credential(
        &self,
        _: &SecurityKey,
        _: &Pin,
        _: &[u8],
        _: &mut Watch<'_>,
    ) -> Result<(), KeyError> {
        unused()
    }

    fn assert_credential(
        &self,
        _: &SecurityKey,
        _: &CredentialQuery,
        _: Option<&Pin>,
        _: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError> {
        unused()
    }
}

/// The identity credential in an answer to makeCredential (CTAP 2.1, 6.1.2), with its packed attestation.
fn identity(answer: &Value, client_data_hash: &[u8]) -> IdentityCredential {
    let auth_data = member(answer, &2.into()).unwrap().into_bytes().unwrap();
    let statement = member(answer, &3.into()).unwrap();
    let said = |name: &str| member(&statement, &name.into());
    let attested = AuthData::parse(&auth_data).unwrap().attested.unwrap();
    let x5c: Vec<Vec<u8>> = said("x5c")
        .and_then(|chain| chain.into_array().ok())
        .unwrap_or_default()
        .into_iter()
        .map(|certificate| certificate.into_bytes().unwrap())
        .collect();
    let thumbprint = |algorithm| {
        let hex = |leaf: &Vec<u8>| glasskey::transcript::hex(digest(algorithm, leaf).as_ref()).to_uppercase();
        x5c.first().map(hex)
    };
    IdentityCredential {
        rp_id: RP_ID.into(),
        credential_id: Blob(attested.credential_id.clone()),
        algorithm: attested.public_key.algorithm(),
        public_key: Blob(attested.cose_key.clone()),
        aaguid: attested.aaguid,
        auth_data: Blob(auth_data),
        attestation: AttestationStatement {
            format: "packed".into(),
            algorithm: Some(-7),
            signature: Blob(said("sig").unwrap().into_bytes().unwrap()),
            client_data_hash: Blob(client_data_hash.to_vec()),
            verified: !x5c.is_empty(),
            note: "By a test.".into(),
            thumbprint_sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
            thumbprint_sha256: thumbprint(&SHA256),
            x5c: x5c.into_iter().map(Blob).collect(),
        },
    }
}
