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
pub(super) const PLAIN: Duration = Duration::from_secs(8);
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
        expects_touch: false,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use ciborium::Value;

    use super::*;
    use crate::key::bus::KeyEvent;
    use crate::key::cbor;
    use crate::key::channel::{Limits, Report, tests as script};

    const MODEL: [u8; 16] = [7; 16];

    fn info(pin: bool, extra: Vec<(Value, Value)>) -> Vec<u8> {
        let mut map = vec![
            (1.into(), Value::Array(vec!["FIDO_2_1".into()])),
            (3.into(), Value::Bytes(MODEL.to_vec())),
            (4.into(), Value::Map(vec![("clientPin".into(), pin.into())])),
        ];
        map.extend(extra);
        [vec![0x00], cbor::write(&Value::Map(map))].concat()
    }

    /// Resets a key that answers the reset with `reset`, and has a PIN afterwards or not.
    fn run(
        reset_answer: &[u8],
        pin_after: bool,
        extra: &[(Value, Value)],
        expected: [u8; 16],
    ) -> (Result<KeyInfo, KeyError>, Vec<u8>, Vec<KeyEvent>) {
        let mut done = false;
        let pipe = script::key(|message: &[u8]| -> Vec<Report> {
            let cbor = |payload: &[u8]| script::report(script::ID, 0x90, payload);
            if message[0] == GET_INFO {
                return cbor(&info(!done || pin_after, extra.to_vec()));
            }
            done = true;
            [script::report(script::ID, 0xBB, &[2]), cbor(reset_answer)].concat()
        });
        let mut events = Vec::new();
        let stop = AtomicBool::new(false);
        let mut channel = Channel::open(pipe, Limits::default()).unwrap();
        let mut call = Call {
            total: TOUCH,
            stop: &stop,
            expects_touch: true,
            on_event: &mut |event| events.push(event),
        };
        let result = reset(&mut channel, &UsbPort::new("1-2"), Aaguid(expected), &mut call);
        let sent = channel
            .into_pipe()
            .log
            .iter()
            .filter(|(command, _)| *command == 0x90)
            .map(|(_, message)| message[0])
            .collect();
        (result, sent, events)
    }

    #[test]
    fn sends_getinfo_reset_and_nothing_else_before_it() {
        let (result, sent, events) = run(&[0x00], false, &[], MODEL);
        assert!(!result.unwrap().pin_set());
        assert_eq!(sent, [GET_INFO, RESET, GET_INFO]);
        assert_eq!(events, [KeyEvent::TouchNeeded]);
    }

    #[test]
    fn never_erases_another_model() {
        let (result, sent, _) = run(&[0x00], false, &[], [8; 16]);
        assert_eq!(
            result,
            Err(KeyError::OtherModel {
                expected: Aaguid([8; 16]),
                found: Aaguid(MODEL)
            })
        );
        assert_eq!(sent, [GET_INFO]);
    }

    #[test]
    fn refuses_a_key_that_resets_elsewhere_before_anything_is_erased() {
        let nfc = [(0x1A.into(), Value::Array(vec!["nfc".into()]))];
        let (result, sent, _) = run(&[0x00], false, &nfc, MODEL);
        assert!(matches!(
            result,
            Err(KeyError::Unfit(Unfit::ResetNotOverUsb { .. }))
        ));
        assert_eq!(sent, [GET_INFO]);
    }

    #[test]
    fn tells_the_refusals_apart() {
        let refusal = |code: u8| run(&[code], true, &[], MODEL).0.unwrap_err();
        assert_eq!(refusal(0x30), KeyError::WindowPassed);
        assert_eq!(refusal(0x27), KeyError::Refused);
        assert!(matches!(refusal(0x2D), KeyError::Cancelled { .. }));
        assert_eq!(refusal(0x2F), KeyError::NoTouch);
        assert_eq!(refusal(0x3A), KeyError::NoTouch);
        assert!(matches!(refusal(0x01), KeyError::Unsupported { .. }));
        assert_eq!(
            refusal(0x7F),
            KeyError::Status {
                code: 0x7F,
                effect: Effect::Unknown
            }
        );
    }

    #[test]
    fn believes_a_reset_only_when_the_pin_is_gone() {
        let (result, _, _) = run(&[0x00], true, &[], MODEL);
        assert_eq!(result, Err(KeyError::ResetIncomplete));
    }
}
