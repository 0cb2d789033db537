//! A security key as a USB device: a FIDO HID interface, and a boot keyboard beside it if wanted.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::Result;
use crate::key::VirtualKey;
use crate::report::{Authenticator as _, Report};
use crate::usbredir::codec::Control;
use crate::usbredir::descriptors::{self, Descriptors, INTERRUPT, Interface};
use crate::usbredir::device::{Device, Pipe, Plug};

const IN: u8 = 0x81;
const OUT: u8 = 0x01;
const KEYBOARD_IN: u8 = 0x82;
const INTERVAL: u8 = 5;
const HID_CLASS: u8 = 3;
/// How long one look at the key, or at the port, takes.
const SLICE: Duration = Duration::from_millis(50);
const IDLE: Duration = Duration::from_millis(3);

/// Usage page 0xF1D0, usage 1, 64 bytes in, 64 bytes out, no report ids.
#[rustfmt::skip]
const FIDO_REPORTS: &[u8] = &[
    0x06, 0xd0, 0xf1, 0x09, 0x01, 0xa1, 0x01,
    0x09, 0x20, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x40, 0x81, 0x02,
    0x09, 0x21, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x40, 0x91, 0x02,
    0xc0,
];

/// The boot keyboard of the HID specification, appendix B.1, without LEDs.
#[rustfmt::skip]
pub(super) const KEYBOARD_REPORTS: &[u8] = &[
    0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,
    0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
    0x95, 0x01, 0x75, 0x08, 0x81, 0x01,
    0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x25, 0x65, 0x05, 0x07, 0x19, 0x00, 0x29, 0x65, 0x81, 0x00,
    0xc0,
];

/// The USB side of one key.
pub struct HidKey {
    key: VirtualKey,
    descriptors: Descriptors,
    pipe: Mutex<Option<Pipe>>,
}

impl HidKey {
    /// Dresses a key as a USB device, as its identity says.
    #[must_use]
    pub fn new(key: &VirtualKey) -> Self {
        let identity = key.identity();
        let fido = Interface {
            class: [HID_CLASS, 0, 0],
            extra: descriptors::hid(FIDO_REPORTS.len()),
            endpoints: vec![(IN, INTERRUPT, INTERVAL, 64), (OUT, INTERRUPT, INTERVAL, 64)],
        };
        let keyboard = Interface {
            class: [HID_CLASS, 1, 1],
            extra: descriptors::hid(KEYBOARD_REPORTS.len()),
            endpoints: vec![(KEYBOARD_IN, INTERRUPT, INTERVAL, 8)],
        };
        let mut interfaces = vec![fido];
        interfaces.extend(identity.keyboard.then_some(keyboard));
        Self {
            key: key.clone(),
            descriptors: Descriptors { identity, interfaces },
            pipe: Mutex::default(),
        }
    }

    /// Types on the key's keyboard: modifiers, a zero, and up to six keys; all zeros lift the fingers.
    pub fn type_report(&self, report: [u8; 8]) {
        if let Some(pipe) = &*self.pipe.lock().unwrap_or_else(PoisonError::into_inner) {
            pipe.interrupt_in(KEYBOARD_IN, &report);
        }
    }

    fn set_pipe(&self, pipe: Option<Pipe>) {
        *self.pipe.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

impl Device for HidKey {
    fn descriptors(&self) -> Descriptors {
        self.descriptors.clone()
    }

    fn plugged(&self, pipe: Pipe) -> Result<()> {
        let claim = self.key.claim()?;
        let eject = pipe.clone();
        self.key.on_unplug(Some(Box::new(move || eject.eject())));
        self.key.power_on()?;
        self.set_pipe(Some(pipe.clone()));
        let key = self.key.clone();
        thread::spawn(move || {
            pump(&key, &pipe);
            drop(claim);
        });
        Ok(())
    }

    fn pulled(&self) {
        self.set_pipe(None);
        self.key.on_unplug(None);
        self.key.power_off();
    }

    fn control(&self, request: &Control) -> Option<Vec<u8>> {
        const SET_IDLE: u8 = 0x0a;
        const SET_PROTOCOL: u8 = 0x0b;
        match (request.request_type, request.request, request.value >> 8) {
            (0x81, 6, 0x22) => match request.index {
                0 => Some(FIDO_REPORTS.to_vec()),
                1 if self.descriptors.identity.keyboard => Some(KEYBOARD_REPORTS.to_vec()),
                _ => None,
            },
            (0x21, SET_IDLE | SET_PROTOCOL, _) => Some(Vec::new()),
            _ => None,
        }
    }

    fn interrupt_out(&self, endpoint: u8, data: &[u8]) {
        // Anything but a whole report is nothing a key could take.
        if let (OUT, Ok(report)) = (endpoint, Report::try_from(data)) {
            self.key.send(&report);
        }
    }
}

/// Carries reports to the host while it polls; an unpolled key keeps them, as a real one does.
fn pump(key: &VirtualKey, pipe: &Pipe) {
    let mut kept: Option<Report> = None;
    while pipe.is_alive() {
        if !pipe.polls(IN) {
            thread::sleep(IDLE);
        } else if let Some(report) = kept.take().or_else(|| key.recv(SLICE)) {
            if pipe.polls(IN) {
                pipe.interrupt_in(IN, &report);
            } else {
                kept = Some(report);
            }
        }
    }
}

impl Plug for VirtualKey {
    fn device(&self) -> Arc<dyn Device> {
        Arc::new(HidKey::new(self))
    }
}

impl Plug for Arc<HidKey> {
    fn device(&self) -> Arc<dyn Device> {
        Arc::<HidKey>::clone(self)
    }
}
