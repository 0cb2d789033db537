//! A person's sign-in that outlives a command: one entry for each cloud in the kernel's session keyring.
//!
//! It is memory of the kernel, never a file; it goes with the log-in session, and after eight hours in any case.
//! It needs no daemon, unlike a desktop's secret service.

use linux_keyutils::{Key, KeyRing, KeyRingIdentifier};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::super::address::Service;
use super::endpoint::Application;
use crate::secret::{Secret, with_capacity};

/// Seconds after which the kernel forgets it.
const LIFETIME: usize = 8 * 3600;
/// Largest entry: the kernel takes no more.
const LIMIT: usize = 32 * 1024;

/// What became of a sign-in that was kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is gone now.
    Forgotten,
    /// There was none.
    Nothing,
}

impl Kept {
    /// Forgets the sign-in that is kept for a service; the text says why that cannot be done.
    pub fn forget(service: &Service) -> Result<Self, String> {
        let ring = ring()?;
        let Ok(key) = ring.search(&name(service)) else {
            return Ok(Self::Nothing);
        };
        key.invalidate()
            .or_else(|_| key.revoke())
            .map_err(|error| format!("{error:?}"))?;
        Ok(Self::Forgotten)
    }
}

/// Name of the entry: a token of one cloud is not even looked at for another.
fn name(service: &Service) -> String {
    format!("glasskey:sign-in:{}", service.login_origin())
}

#[derive(Serialize)]
struct Writing<'a> {
    tenant: &'a str,
    client: &'a str,
    refresh: &'a str,
}

#[derive(Deserialize)]
struct Reading {
    tenant: String,
    client: String,
    refresh: String,
}

/// Keeps a refresh token; it is good for this application in this tenant of this cloud alone.
pub(super) fn keep(application: &Application, refresh: &Secret<String>) -> Result<(), String> {
    let entry = Writing {
        tenant: &application.tenant,
        client: &application.client_id,
        refresh: refresh.expose(),
    };
    let mut bytes = with_capacity(LIMIT);
    serde_json::to_writer(bytes.expose_mut(), &entry).map_err(|e| e.to_string())?;
    let key: Key = ring()?
        .add_key(&name(&application.service), bytes.expose())
        .map_err(|error| format!("{error:?}"))?;
    if key.set_timeout(LIFETIME).is_err() {
        // One that would stay for ever is not kept.
        let _ = key.invalidate();
        return Err("the kernel takes no time limit".into());
    }
    Ok(())
}

/// The refresh token that is kept, if it is this application's.
pub(super) fn kept(application: &Application) -> Option<Secret<String>> {
    let key = ring().ok()?.search(&name(&application.service)).ok()?;
    let mut bytes = Zeroizing::new(vec![0_u8; LIMIT]);
    let length = key.read(&mut *bytes).ok()?;
    let mut entry: Reading = serde_json::from_slice(bytes.get(..length)?).ok()?;
    if entry.tenant == application.tenant && entry.client == application.client_id {
        Some(Secret::new(entry.refresh))
    } else {
        entry.refresh.zeroize();
        None
    }
}

fn ring() -> Result<KeyRing, String> {
    KeyRing::from_special_id(KeyRingIdentifier::Session, false).map_err(|error| format!("{error:?}"))
}
