//! What a worker can be asked to do with one key: request, answer and failure as JSON, PINs as its secret.
//!
//! `glasskey worker key` can be driven by hand with the frames of [`crate::worker::frame`]: a request such as
//! `{"key":{"port":"1-2","busnum":1,"devnum":4,"vid":0,"pid":0,"product":"","serial":null,
//! "node":"/dev/hidraw0"},"operation":"identify"}`, then a secret: each PIN with its length in one byte in
//! front, possibly none. Keep its input open: the end of the input is the sign to stop.

use std::process::ExitCode;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::assertion::{self, Assertion, CredentialQuery};
use super::config::{self, Configuration};
use super::credential::{self, Credential, NewCredential};
use super::device::SecurityKey;
use super::error::{Effect, KeyError};
use super::info::KeyInfo;
use super::library::TouchLine;
use super::pin::{self, PinProof, PinSet};
use super::removal;
use super::session::Session;
use crate::blob::Blob;
use crate::id::Aaguid;
use crate::secret::{self, Pin, Secret};
use crate::worker::child::{self, Reporter};

/// Name of the worker task.
pub const TASK: &str = "key";

/// One request to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Which key; only `node` and `port` matter to the child.
    pub key: SecurityKey,
    /// What to do with it.
    pub operation: Operation,
}

/// One piece of work with one key; PINs travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// getInfo.
    Identify,
    /// authenticatorReset, if the model is the expected one.
    Reset {
        /// Model number of the key that was taken out.
        expected: Aaguid,
    },
    /// Sets the first PIN (secret: the PIN).
    SetPin,
    /// Changes the PIN (secret: the current one, then the new one).
    ChangePin,
    /// Proves the PIN (secret: the PIN).
    ProvePin,
    /// Applies a policy setting (secret: the PIN).
    Configure {
        /// The setting.
        setting: Configuration,
    },
    /// Makes a credential (secret: the PIN).
    MakeCredential {
        /// Which.
        new: NewCredential,
    },
    /// Removes a discoverable credential (secret: the PIN).
    RemoveCredential {
        /// Which.
        credential_id: Blob,
    },
    /// Gets an assertion (secret: the PIN, or none).
    AssertCredential {
        /// Of which credential.
        query: CredentialQuery,
    },
    /// Asks which of several credentials the key holds, without a touch.
    FindCredential {
        /// Of which credentials.
        queries: Vec<CredentialQuery>,
    },
}

/// The answer to an [`Operation`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Identify`, `Reset` and `Configure`: getInfo, taken last.
    Info(Box<KeyInfo>),
    /// To `SetPin` and `ChangePin`.
    PinSet(Box<PinSet>),
    /// To `ProvePin`.
    PinProof(PinProof),
    /// To `MakeCredential`.
    Credential(Box<Credential>),
    /// To `RemoveCredential`.
    Removed,
    /// To `AssertCredential`.
    Assertion(Assertion),
    /// To `FindCredential`: the place of the one that signed, and what it signed.
    Found(Option<(usize, Assertion)>),
}

impl Operation {
    /// Whether a failure can leave the key changed.
    #[must_use]
    pub fn writes(&self) -> bool {
        !matches!(
            self,
            Self::Identify | Self::ProvePin | Self::AssertCredential { .. } | Self::FindCredential { .. }
        )
    }

    /// Whether it waits for a touch.
    #[must_use]
    pub fn needs_touch(&self) -> bool {
        matches!(
            self,
            Self::Reset { .. } | Self::MakeCredential { .. } | Self::AssertCredential { .. }
        )
    }
}

/// Serves one request in this process, which must be a worker.
#[must_use]
pub fn serve() -> ExitCode {
    child::serve(Box::new(|request, secret, reporter| {
        answer(request, &secret, reporter)
            .and_then(|answer| serde_json::to_vec(&answer).map_err(|e| internal(&e)))
            .map_err(|failure| serde_json::to_vec(&failure).unwrap_or_default())
    }))
}

fn internal(error: &dyn std::fmt::Display) -> KeyError {
    KeyError::Worker {
        reason: error.to_string(),
        effect: Effect::Nothing,
    }
}

fn answer(request: &[u8], secret: &Secret<Vec<u8>>, reporter: &mut Reporter) -> Result<Answer, KeyError> {
    let request: Request = serde_json::from_slice(request).map_err(|e| internal(&e))?;
    let mut pins = unpack(secret)?.into_iter();
    let mut next_pin = || pins.next().ok_or_else(|| internal(&"a PIN is missing"));
    let touch = TouchLine::install().map_err(|e| internal(&e))?;
    let stop = Arc::clone(reporter.stop());
    let mut on_event = |event| {
        if let Ok(body) = serde_json::to_vec(&event) {
            reporter.event(&body);
        }
    };
    let mut session = Session {
        node: request.key.node,
        port: request.key.port,
        stop: &stop,
        touch,
        on_event: &mut on_event,
    };
    let session = &mut session;
    Ok(match request.operation {
        Operation::Identify => Answer::Info(Box::new(session.identify()?)),
        Operation::Reset { expected } => Answer::Info(Box::new(session.reset(expected)?)),
        Operation::SetPin => Answer::PinSet(Box::new(pin::set(session, &next_pin()?)?)),
        Operation::ChangePin => {
            let (current, new) = (next_pin()?, next_pin()?);
            Answer::PinSet(Box::new(pin::change(session, &current, &new)?))
        }
        Operation::ProvePin => Answer::PinProof(pin::prove(session, &next_pin()?)?),
        Operation::Configure { setting } => {
            Answer::Info(Box::new(config::apply(session, &next_pin()?, setting)?))
        }
        Operation::MakeCredential { new } => {
            Answer::Credential(Box::new(credential::make(session, &next_pin()?, &new)?))
        }
        Operation::RemoveCredential { credential_id } => {
            removal::remove(session, &next_pin()?, credential_id.as_slice())?;
            Answer::Removed
        }
        Operation::AssertCredential { query } => {
            let pin = next_pin().ok();
            Answer::Assertion(assertion::get(session, pin.as_ref(), &query)?)
        }
        Operation::FindCredential { queries } => Answer::Found(session.find(&queries)?),
    })
}

/// Puts PINs one after another, each with its length in one byte in front.
pub(super) fn pack(pins: &[&Pin]) -> Option<Secret<Vec<u8>>> {
    let mut packed = secret::with_capacity(pins.iter().map(|p| p.expose().len() + 1).sum());
    for pin in pins {
        let length = u8::try_from(pin.expose().len()).ok()?;
        packed.expose_mut().push(length);
        packed.expose_mut().extend_from_slice(pin.expose().as_bytes());
    }
    Some(packed)
}

/// Takes apart what [`pack`] made.
fn unpack(packed: &Secret<Vec<u8>>) -> Result<Vec<Pin>, KeyError> {
    let broken = || internal(&"the PINs cannot be read");
    let mut rest = packed.expose().as_slice();
    let mut pins = Vec::new();
    while let Some((&length, tail)) = rest.split_first() {
        let (pin, tail) = tail.split_at_checked(length.into()).ok_or_else(broken)?;
        pins.push(Secret::new(
            std::str::from_utf8(pin).map_err(|_| broken())?.to_owned(),
        ));
        rest = tail;
    }
    Ok(pins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_arrive_as_they_were_packed() {
        let pin = |text: &str| -> Pin { Secret::new(text.to_owned()) };
        let (a, b) = (pin("123456"), pin("p\u{e4}ss"));
        let packed = pack(&[&a, &b]).unwrap();
        let back = unpack(&packed).unwrap();
        assert_eq!(back.len(), 2);
        assert_eq!(back[0].expose(), "123456");
        assert_eq!(back[1].expose(), "p\u{e4}ss");
        assert!(pack(&[&pin(&"1".repeat(256))]).is_none());
        assert!(unpack(&Secret::new(vec![5, b'1'])).is_err());
        assert!(unpack(&Secret::new(vec![])).unwrap().is_empty());
    }

    #[test]
    fn requests_carry_no_pin_and_survive_json() {
        let request = Request {
            key: SecurityKey {
                port: super::super::UsbPort::new("1-2"),
                busnum: 1,
                devnum: 4,
                vid: 0x1209,
                pid: 1,
                product: String::new(),
                serial: None,
                node: "/dev/hidraw0".into(),
            },
            operation: Operation::Reset {
                expected: Aaguid([1; 16]),
            },
        };
        let json = serde_json::to_string(&request).unwrap();
        assert!(json.contains("01010101-0101-0101-0101-010101010101"), "{json}");
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
    }
}
