//! What can be plugged into a port, and what a plugged device may do.

use std::sync::{Arc, Weak};

use crate::error::Result;
use crate::usbredir::codec::Control;
use crate::usbredir::descriptors::Descriptors;
use crate::usbredir::port::Shared;

/// How a transfer to a device goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Taken.
    Done,
    /// Neither taken nor refused: the host goes on waiting.
    Pending,
    /// Refused.
    Stalled,
}

/// A USB device behind a port.
pub trait Device: Send + Sync {
    /// What the host reads of it.
    fn descriptors(&self) -> Descriptors;

    /// The device has power; it may use the pipe until it is pulled.
    ///
    /// # Errors
    ///
    /// The device does not come up; it is not announced then.
    fn plugged(&self, pipe: Pipe) -> Result<()>;

    /// The device has lost its power.
    fn pulled(&self);

    /// The host has chosen a configuration; 0 is none.
    fn configured(&self, _configuration: u8) {}

    /// Answers a control request that is not a standard one of the device; `None` is a stall.
    fn control(&self, request: &Control) -> Option<Vec<u8>>;

    /// Takes data of an interrupt OUT endpoint.
    fn interrupt_out(&self, _endpoint: u8, _data: &[u8]) {}

    /// Takes data of a bulk OUT endpoint; the id names the transfer for [`Pipe::bulk_done`].
    fn bulk_out(&self, _id: u64, _endpoint: u8, _data: &[u8]) -> Transfer {
        Transfer::Stalled
    }

    /// The host has given a pending transfer up.
    fn cancelled(&self, _id: u64) {}
}

/// Whatever can be handed to a port.
pub trait Plug {
    /// The device to plug in.
    fn device(&self) -> Arc<dyn Device>;
}

/// A device's way to the host, dead once the device is pulled.
#[derive(Clone)]
pub struct Pipe {
    pub(super) port: Weak<Shared>,
    pub(super) plug: u64,
}

impl Pipe {
    /// Tells whether the device is still in its port.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.port
            .upgrade()
            .is_some_and(|port| port.plug() == Some(self.plug))
    }

    /// Tells whether the host polls an interrupt IN endpoint.
    #[must_use]
    pub fn polls(&self, endpoint: u8) -> bool {
        self.port
            .upgrade()
            .is_some_and(|port| port.polls(self.plug, endpoint))
    }

    /// Sends data of an interrupt IN endpoint.
    pub fn interrupt_in(&self, endpoint: u8, data: &[u8]) {
        if let Some(port) = self.port.upgrade() {
            port.interrupt_in(self.plug, endpoint, data);
        }
    }

    /// Answers the host's pending read of a bulk IN endpoint; tells whether there was one.
    #[must_use]
    pub fn bulk_in(&self, endpoint: u8, data: &[u8]) -> bool {
        let port = self.port.upgrade();
        port.is_some_and(|port| port.bulk_in(self.plug, endpoint, data))
    }

    /// Ends a pending bulk OUT transfer.
    pub fn bulk_done(&self, id: u64) {
        if let Some(port) = self.port.upgrade() {
            port.bulk_done(self.plug, id);
        }
    }

    /// Pulls the device out from inside.
    pub fn eject(&self) {
        if let Some(port) = self.port.upgrade()
            && port.plug() == Some(self.plug)
        {
            port.pull();
        }
    }
}
