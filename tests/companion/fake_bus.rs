//! Security keys without USB: software authenticators behind the trait of the key bus.

use std::sync::{Arc, Mutex};

use glasskey::id::Aaguid;
use glasskey::key::device::UsbPort;
use glasskey::key::{
    Assertion, Blob, Configuration, Credential, CredentialQuery, IdentityCredential, IdentityProof, KeyBus,
    KeyError, KeyEvent, KeyInfo, NewCredential, PinProof, PinSet, SecurityKey, UserEntity, Watch,
};
use glasskey::secret::Pin;

use crate::authenticator::Authenticator;

/// A key that several hands can hold: the tool's and the browser's.
pub(crate) type Shared = Arc<Mutex<Authenticator>>;

/// A bus with at most one key on it.
#[derive(Clone, Default)]
pub(crate) struct FakeBus {
    plugged: Arc<Mutex<Option<(u16, Shared)>>>,
    count: Arc<Mutex<u16>>,
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
        _: Option<&Pin>,
        watch: &mut Watch<'_>,
    ) -> Result<Assertion, KeyError> {
        (watch.on_event)(KeyEvent::TouchNeeded);
        let shared = self.held(key)?;
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
    fn prove_pin(&self, _: &SecurityKey, _: &Pin, _: &mut Watch<'_>) -> Result<PinProof, KeyError> {
        unused()
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
        _: &SecurityKey,
        _: &Pin,
        _: &NewCredential,
        _: &mut Watch<'_>,
    ) -> Result<Credential, KeyError> {
        unused()
    }
}
