//! One worker's way to its key: the raw channel, then the library, never both at once.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use ciborium::Value;
use ctap_hid_fido2::FidoKeyHid;

use super::assertion::{Assertion, CredentialQuery};
use super::bus::KeyEvent;
use super::cbor;
use super::channel::{Call, Channel, Limits};
use super::device::UsbPort;
use super::error::{Effect, KeyError};
use super::find;
use super::hid::HidPipe;
use super::info::{KeyInfo, Unfit};
use super::library::{Follow, Library, TouchLine};
use super::reset::{self, PLAIN};
use crate::id::Aaguid;

const CLIENT_PIN: u8 = 0x06;

/// What a key says about attempts at its PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retries {
    /// Attempts left.
    pub(super) left: u8,
    /// Whether it accepts none before it was taken out.
    pub(super) paused: bool,
}

/// One key and everything that listens while it works.
pub(super) struct Session<'a> {
    pub(super) node: String,
    pub(super) port: UsbPort,
    pub(super) stop: &'a AtomicBool,
    pub(super) touch: TouchLine,
    pub(super) on_event: &'a mut dyn FnMut(KeyEvent),
}

impl Session<'_> {
    fn channel(&self) -> Result<Channel<HidPipe>, KeyError> {
        let pipe = HidPipe::open(&self.node, &self.port)?;
        Channel::open(pipe, Limits::default())
            .map_err(|error| error.into_key_error(&self.port, Effect::Nothing))
    }

    /// Asks the key what it is.
    pub(super) fn identify(&mut self) -> Result<KeyInfo, KeyError> {
        let mut channel = self.channel()?;
        // U2F keys do not even claim to know CTAP2; some that know it forget the claim, so ask anyway.
        let knows = channel.knows_cbor();
        let mut call = Call {
            total: PLAIN,
            stop: self.stop,
            expects_touch: false,
            on_event: &mut *self.on_event,
        };
        reset::identify(&mut channel, &self.port, &mut call).map_err(|error| match error {
            KeyError::Protocol { .. } if !knows => KeyError::Unfit(Unfit::NoFido2 { versions: Vec::new() }),
            other => other,
        })
    }

    /// Asks without a touch which of these credentials the key holds, over one channel.
    pub(super) fn find(
        &mut self,
        queries: &[CredentialQuery],
    ) -> Result<Option<(usize, Assertion)>, KeyError> {
        let mut channel = self.channel()?;
        let mut call = Call {
            total: PLAIN,
            stop: self.stop,
            expects_touch: false,
            on_event: &mut *self.on_event,
        };
        let info = reset::identify(&mut channel, &self.port, &mut call)?;
        find::find(&mut channel, &self.port, &info, queries, &mut call)
    }

    /// Resets the key.
    pub(super) fn reset(&mut self, expected: Aaguid) -> Result<KeyInfo, KeyError> {
        let mut channel = self.channel()?;
        let mut call = Call {
            total: reset::TOUCH,
            stop: self.stop,
            expects_touch: true,
            on_event: &mut *self.on_event,
        };
        reset::reset(&mut channel, &self.port, expected, &mut call)
    }

    /// Sends one command that needs no touch over the raw channel.
    pub(super) fn exchange(&mut self, command: u8, body: &[u8], effect: Effect) -> Result<Vec<u8>, KeyError> {
        let mut channel = self.channel()?;
        let mut call = Call {
            total: PLAIN,
            stop: self.stop,
            expects_touch: false,
            on_event: &mut *self.on_event,
        };
        channel
            .cbor(command, body, &mut call)
            .map_err(|error| error.into_key_error(&self.port, effect))
    }

    /// Asks how many attempts at the PIN are left; the library would hide that a replug is wanted.
    pub(super) fn retries(&mut self, protocol: u8) -> Result<Retries, KeyError> {
        let question = Value::Map(vec![
            (1.into(), u64::from(protocol).into()),
            (2.into(), 0x01.into()),
        ]);
        let body = self.exchange(CLIENT_PIN, &cbor::write(&question), Effect::Nothing)?;
        read_retries(&body)
    }

    /// Does `work` with the library, which is opened for it alone.
    pub(super) fn library<T: Send, E: std::fmt::Display>(
        &mut self,
        protocol: u8,
        total: Duration,
        effect: Effect,
        work: impl FnOnce(&FidoKeyHid) -> Result<T, E> + Send,
    ) -> Result<T, KeyError> {
        let library = Library::open(&self.node, &self.port, protocol)?;
        let expects_touch = total > PLAIN;
        let mut follow = Follow {
            total,
            expects_touch,
            late: if expects_touch {
                KeyError::NoTouch
            } else {
                KeyError::Mute { effect }
            },
            stop: self.stop,
            touch: &self.touch,
            on_event: &mut *self.on_event,
        };
        library.run(effect, &mut follow, work)
    }
}

fn read_retries(body: &[u8]) -> Result<Retries, KeyError> {
    let map = cbor::read_map(body).map_err(KeyError::protocol)?;
    let left = cbor::find(&map, 3)
        .and_then(cbor::unsigned)
        .and_then(|n| u8::try_from(n).ok())
        .ok_or_else(|| KeyError::protocol("it does not tell how many attempts at its PIN are left"))?;
    let paused = cbor::find(&map, 4).and_then(Value::as_bool).unwrap_or(false);
    Ok(Retries { left, paused })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_retries_and_the_wish_for_a_replug() {
        assert_eq!(
            read_retries(&[0xA1, 0x03, 0x08]),
            Ok(Retries {
                left: 8,
                paused: false
            })
        );
        assert_eq!(
            read_retries(&[0xA2, 0x03, 0x05, 0x04, 0xF5]),
            Ok(Retries {
                left: 5,
                paused: true
            })
        );
        assert!(read_retries(&[0xA0]).is_err());
        assert!(read_retries(&[0xA1, 0x03, 0x19, 0x01, 0x00]).is_err());
    }
}
