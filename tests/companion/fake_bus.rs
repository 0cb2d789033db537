//! Security keys without USB: software authenticators behind the trait of the key bus.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use glasskey::graph::Interrupt;
use glasskey::id::Aaguid;
use glasskey::key::attestation::AttestationStatement;
use glasskey::key::device::UsbPort;
use glasskey::key::{
    Assertion, Blob, Configuration, Credential, CredentialQuery, Effect, IdentityCredential, IdentityProof,
    KeyBus, KeyError, KeyEvent, KeyInfo, NewCredential, PinProof, PinSet, SecurityKey, UserEntity, Watch,
};
use glasskey::secret::Pin;

use crate::authenticator::Authenticator;

/// A key that several hands can hold: the tool's and the browser's.
pub(crate) type Shared = Arc<Mutex<Authenticator>>;

/// What happens while the key makes a credential; each once, in order.
pub(crate) enum OnMake {
    /// The person takes so long to touch it.
    Wait(Duration),
    /// Nobody touches it.
    NoTouch,
    /// It is taken out after it has made the credential, and put back.
    Gone,
    /// Another key is put into its place.
    Swap(Shared),
    /// Somebody stops the program; the credential is made.
    Interrupt(Interrupt),
}

/// A bus with at most one key on it.
#[derive(Clone, Default)]
pub(crate) struct FakeBus {
    plugged: Arc<Mutex<Option<(u16, Shared)>>>,
    count: Arc<Mutex<u16>>,
    pub(crate) on_make: Arc<Mutex<VecDeque<OnMake>>>,
}

impl FakeBus {
    pub(crate) fn plug(&self, key: &Shared) {
        let mut count = self.count.lock().unwrap();
        *count += 1;
        *self.plugged.lock().unwrap() = Some((*count, key.clone()));
    }

    fn held(&self, key: &SecurityKey) -> Result<Shared, KeyError> {
        match &*self.plugged.lock().unwrap() {
            Some((devnum, shared)) if *devnum == key.devnum => Ok(shared.clone()),
            _ => Err(KeyError::NoKey),
        }
    }
}

/// Refuses a wrong PIN, and none where the key insists.
fn admit(key: &Authenticator, pin: Option<&Pin>) -> Result<(), KeyError> {
    match (pin, &key.pin) {
        (None, _) if key.always_uv => Err(KeyError::PinRequired),
        (Some(given), Some(right)) if given.expose() != right => Err(KeyError::PinWrong {
            retries_left: Some(7),
        }),
        _ => Ok(()),
    }
}

fn unused<T>() -> Result<T, KeyError> {
    Err(KeyError::Unsupported {
        what: "this call in a registration".into(),
    })
}

impl KeyBus for FakeBus {
    fn scan(&self) -> Result<Vec<SecurityKey>, KeyError> {
        let plugged = self.plugged.lock().unwrap();
        Ok(plugged
            .iter()
            .map(|(devnum, _)| SecurityKey {
                port: UsbPort::new("1-1"),
                busnum: 1,
                devnum: *devnum,
                vid: 0x1209,
                pid: 1,
                product: "Software key".into(),
                serial: None,
                node: "/dev/null".into(),
            })
            .collect())
    }

    fn holds_any(
        &self,
        _: &SecurityKey,
        _: &[IdentityCredential],
        _: &mut Watch<'_>,
    ) -> Result<Option<usize>, KeyError> {
        unused()
    }

    fn assert_identity(
        &self,
        key: &SecurityKey,
        identity: &IdentityCredential,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<IdentityProof, KeyError> {
        let query = CredentialQuery {
            rp_id: identity.rp_id.clone(),
            credential_id: identity.credential_id.clone(),
            client_data: Blob(vec![5; 32]),
        };
        let assertion = self.assert_credential(key, &query, pin, watch)?;
        let checked = assertion.check(&query, identity.public_key.as_slice())?;
        Ok(IdentityProof {
            challenge: query.client_data,
            assertion,
            checked,
        })
    }

    fn assert_credential(
        &self,
        key: &SecurityKey,
        query: &CredentialQuery,
        pin: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError> {
        (watch.on_event)(KeyEvent::TouchNeeded);
        let shared = self.held(key)?;
        admit(&shared.lock().unwrap(), pin)?;
        let hash = ring::digest::digest(&ring::digest::SHA256, query.client_data.as_slice());
        let id = query.credential_id.as_slice();
        let signed = shared.lock().unwrap().sign(&query.rp_id, id, hash.as_ref(), 0x01);
        let (auth_data, signature) = signed.ok_or(KeyError::NotHeld)?;
        Ok(Assertion {
            credential_id: query.credential_id.clone(),
            auth_data: Blob(auth_data),
            signature: Blob(signature),
            user_handle: None,
        })
    }

    fn identify(&self, _: &SecurityKey, _: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        unused()
    }
    fn reset(&self, _: &SecurityKey, _: Aaguid, _: &mut Watch<'_>) -> Result<KeyInfo, KeyError> {
        unused()
    }
    fn set_pin(&self, _: &SecurityKey, _: &Pin, _: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        unused()
    }
    fn change_pin(&self, _: &SecurityKey, _: &Pin, _: &Pin, _: &mut Watch<'_>) -> Result<PinSet, KeyError> {
        unused()
    }
    fn prove_pin(&self, key: &SecurityKey, pin: &Pin, _: &mut Watch<'_>) -> Result<PinProof, KeyError> {
        admit(&self.held(key)?.lock().unwrap(), Some(pin))?;
        Ok(PinProof {
            protocol: 2,
            retries: 8,
            with_permissions: true,
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
        _: &SecurityKey,
        _: &Pin,
        _: &UserEntity,
        _: &mut Watch<'_>,
    ) -> Result<IdentityCredential, KeyError> {
        unused()
    }
    fn make_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        new: &NewCredential,
        watch: &mut Watch<'_>,
    ) -> Result<Credential, KeyError> {
        (watch.on_event)(KeyEvent::TouchNeeded);
        let shared = self.held(key)?;
        let step = self.on_make.lock().unwrap().pop_front();
        match &step {
            Some(OnMake::Wait(time)) => std::thread::sleep(*time),
            Some(OnMake::NoTouch) => return Err(KeyError::NoTouch),
            Some(OnMake::Swap(other)) => {
                self.plug(other);
                return Err(KeyError::Vanished {
                    port: key.port.clone(),
                    effect: Effect::Nothing,
                });
            }
            _ => {}
        }
        let mut held = shared.lock().unwrap();
        admit(&held, Some(pin))?;
        let excluded = |id: &[u8]| new.exclude.iter().any(|e| e.as_slice() == id);
        if held
            .credentials
            .iter()
            .any(|c| c.rp_id == new.rp_id && excluded(&c.id))
        {
            return Err(KeyError::AlreadyHeld);
        }
        let hash = ring::digest::digest(&ring::digest::SHA256, new.client_data.as_slice());
        let made = held.make_for(&new.rp_id, hash.as_ref());
        let (certificate, aaguid) = (held.certificate.clone(), held.aaguid);
        drop(held);
        match step {
            Some(OnMake::Gone) => {
                self.plug(&shared);
                return Err(KeyError::Vanished {
                    port: key.port.clone(),
                    effect: Effect::Unknown,
                });
            }
            Some(OnMake::Interrupt(interrupt)) => interrupt.flag().store(true, Ordering::Relaxed),
            _ => {}
        }
        Ok(Credential {
            rp_id: new.rp_id.clone(),
            id: Blob(made.id),
            algorithm: -7,
            public_key: Blob(made.cose_key),
            aaguid: Aaguid(aaguid),
            auth_data: Blob(made.auth_data),
            attestation_object: Blob(made.attestation_object),
            attestation: AttestationStatement {
                format: "packed".into(),
                algorithm: Some(-7),
                signature: Blob(made.signature),
                x5c: vec![Blob(certificate)],
                client_data_hash: hash.as_ref().into(),
                verified: true,
                note: String::new(),
                thumbprint_sha1: None,
                thumbprint_sha256: None,
            },
        })
    }
    fn remove_credential(
        &self,
        key: &SecurityKey,
        pin: &Pin,
        credential_id: &[u8],
        _: &mut Watch<'_>,
    ) -> Result<(), KeyError> {
        let shared = self.held(key)?;
        let mut held = shared.lock().unwrap();
        admit(&held, Some(pin))?;
        if held.keeps_everything {
            return Err(KeyError::ModelCannot {
                what: "remove a single credential".into(),
            });
        }
        held.credentials.retain(|c| c.id != credential_id);
        Ok(())
    }
}
