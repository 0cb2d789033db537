//! The engine's view of the finger: waits in steps, so that CANCEL and power loss get through.

use std::sync::Arc;
use std::time::Duration;

use opensk::api::connection::{HidConnection, RecvStatus, UsbEndpoint};
use opensk::api::user_presence::{UserPresence, UserPresenceError, UserPresenceWaitResult};
use opensk::ctap::status_code::CtapResult;

use crate::engine::wire::{Presence, Wire};

/// The engine's end of the wire.
pub(super) struct EngineEnd(pub(super) Arc<Wire>);

impl UserPresence for EngineEnd {
    fn check_init(&mut self) {
        self.0.begin_touch();
    }

    fn wait_with_timeout(&mut self, packet: &mut [u8; 64], timeout_ms: usize) -> UserPresenceWaitResult {
        let timeout = Duration::from_millis(timeout_ms as u64);
        Ok(match self.0.wait_for_touch(timeout) {
            Presence::Touched => (Ok(()), RecvStatus::Timeout),
            Presence::Declined => (Err(UserPresenceError::Declined), RecvStatus::Timeout),
            Presence::Waiting => (Err(UserPresenceError::Timeout), RecvStatus::Timeout),
            Presence::NoPower => (Err(UserPresenceError::Canceled), RecvStatus::Timeout),
            Presence::Request(report) => {
                *packet = report;
                (
                    Err(UserPresenceError::Timeout),
                    RecvStatus::Received(UsbEndpoint::MainHid),
                )
            }
        })
    }

    fn check_complete(&mut self) {
        self.0.end_touch();
    }
}

impl HidConnection for EngineEnd {
    fn send(&mut self, buf: &[u8; 64], _endpoint: UsbEndpoint) -> CtapResult<()> {
        self.0.keepalive(buf);
        Ok(())
    }

    fn recv(&mut self, _buf: &mut [u8; 64], _timeout_ms: usize) -> CtapResult<RecvStatus> {
        Ok(RecvStatus::Timeout)
    }
}
