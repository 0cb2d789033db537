//! Erasing a key: INIT, getInfo, authenticatorReset (CTAP 2.1, 6.6), and nothing else.
//!
//! On some keys any other command voids the permission, even inside the 10 s. Only the command must fall
//! into them; the touch may come later.

use std::time::Duration;

use super::channel::{Call, Channel, ChannelError, ReportPipe};
use super::device::UsbPort;
use super::error::{Effect, KeyError};
use super::info::{self, KeyInfo, Unfit};
use crate::id::Aaguid;

const GET_INFO: u8 = 0x04;
const RESET: u8 = 0x07;

/// Longest time for an exchange without a touch.
pub(super) const PLAIN: Duration = Duration::from_secs(5);
/// Longest time for a command with a touch: keys give up at 30 s.
pub const TOUCH: Duration = Duration::from_secs(35);

/// Asks a key what it is (getInfo).
pub fn identify<P: ReportPipe>(
    channel: &mut Channel<P>,
    port: &UsbPort,
    call: &mut Call<'_>,
) -> Result<KeyInfo, KeyError> {
    let total = call.total.min(PLAIN);
    let mut quiet = Call {
        total,
        stop: call.stop,
        on_event: &mut |_| {},
    };
    match channel.cbor(GET_INFO, &[], &mut quiet) {
        Ok(body) => info::parse(&body),
        // U2F keys know no CTAP2 message: 0x01 from either layer.
        Err(ChannelError::Status(0x01) | ChannelError::Transport(0x01)) => {
            Err(KeyError::Unfit(Unfit::NoFido2 { versions: Vec::new() }))
        }
        // It sent keepalives to the end of our patience: getInfo never waits for a touch.
        Err(ChannelError::TimedOut) => Err(KeyError::Mute {
            effect: Effect::Nothing,
        }),
        Err(error) => Err(error.into_key_error(port, Effect::Nothing)),
    }
}

/// Resets the key if it is of the expected model, and returns what it says of itself afterwards.
///
/// A key that leaves the bus right after a reset gives [`KeyError::Vanished`] with an unknown effect;
/// identifying it again then tells whether it has a PIN.
pub fn reset<P: ReportPipe>(
    channel: &mut Channel<P>,
    port: &UsbPort,
    expected: Aaguid,
    call: &mut Call<'_>,
) -> Result<KeyInfo, KeyError> {
    let before = identify(channel, port, call)?;
    if before.aaguid != expected {
        return Err(KeyError::OtherModel {
            expected,
            found: before.aaguid,
        });
    }
    if let Some(transports) = before.transports_for_reset
        && !transports.iter().any(|t| t == "usb")
    {
        return Err(KeyError::Unfit(Unfit::ResetNotOverUsb { transports }));
    }
    match channel.cbor(RESET, &[], call) {
        Ok(_) => {}
        Err(ChannelError::Status(0x30)) => return Err(KeyError::WindowPassed),
        Err(ChannelError::Status(0x01)) => {
            return Err(KeyError::Unsupported { what: "reset".into() });
        }
        Err(error) => return Err(error.into_key_error(port, Effect::Unknown)),
    }
    let after = identify(channel, port, call).map_err(|error| error.with_effect(Effect::Unknown))?;
    if after.pin_set() {
        return Err(KeyError::ResetIncomplete);
    }
    Ok(after)
}
