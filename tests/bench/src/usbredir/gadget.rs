//! A USB device made to measure: any interfaces, and HID reports that a test sends. It notes what the host does to it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::identity::UsbIdentity;
use crate::usbredir::codec::Control;
use crate::usbredir::descriptors::{self, BULK, Descriptors, INTERRUPT, Interface};
use crate::usbredir::device::{Device, Pipe, Plug};
use crate::usbredir::hid_key::KEYBOARD_REPORTS;

const HID_CLASS: u8 = 3;
const KEYS_IN: u8 = 0x81;
const INTERVAL: u8 = 5;
/// How long a finger rests on a key; the host asks every 5 ms.
const PRESS: Duration = Duration::from_millis(40);

/// A shared handle on one gadget; clones are the same one.
#[derive(Clone)]
pub struct Gadget {
    inner: Arc<Inner>,
}

struct Inner {
    descriptors: Descriptors,
    /// Report descriptors, by interface.
    reports: Vec<&'static [u8]>,
    pipe: Mutex<Option<Pipe>>,
    configured: AtomicBool,
}

impl Gadget {
    /// A keyboard with boot protocol, as sold.
    #[must_use]
    pub fn keyboard(name: &str) -> Self {
        let keys = Interface {
            class: [HID_CLASS, 1, 1],
            extra: descriptors::hid(KEYBOARD_REPORTS.len()),
            endpoints: vec![(KEYS_IN, INTERRUPT, INTERVAL, 8)],
        };
        Self::new(name, vec![keys], vec![KEYBOARD_REPORTS])
    }

    /// A keyboard with the endpoints and the class numbers of a security key.
    #[must_use]
    pub fn keyboard_in_disguise(name: &str) -> Self {
        let keys = Interface {
            class: [HID_CLASS, 0, 0],
            extra: descriptors::hid(KEYBOARD_REPORTS.len()),
            endpoints: vec![
                (KEYS_IN, INTERRUPT, INTERVAL, 64),
                (0x01, INTERRUPT, INTERVAL, 64),
            ],
        };
        Self::new(name, vec![keys], vec![KEYBOARD_REPORTS])
    }

    /// An Ethernet adapter (CDC ECM).
    #[must_use]
    pub fn network_adapter(name: &str) -> Self {
        let control = Interface {
            class: [2, 6, 0],
            // Header, union of interfaces 0 and 1, Ethernet with the address in string 3 (CDC 1.2, 5.2.3; ECM 1.2, 5.4).
            extra: [
                &[5, 0x24, 0, 0x10, 1][..],
                &[5, 0x24, 6, 0, 1],
                &[13, 0x24, 15, 3, 0, 0, 0, 0, 0xea, 5, 0, 0, 0],
            ]
            .concat(),
            endpoints: vec![(0x83, INTERRUPT, INTERVAL, 16)],
        };
        let data = Interface {
            class: [10, 0, 0],
            extra: Vec::new(),
            endpoints: vec![(0x81, BULK, 0, 64), (0x02, BULK, 0, 64)],
        };
        Self::new(name, vec![control, data], Vec::new())
    }

    fn new(name: &str, interfaces: Vec<Interface>, reports: Vec<&'static [u8]>) -> Self {
        let identity = UsbIdentity {
            product: 0x0003,
            product_text: name.to_owned(),
            serial: Some("525400123456".to_owned()),
            ..UsbIdentity::default()
        };
        Self {
            inner: Arc::new(Inner {
                descriptors: Descriptors { identity, interfaces },
                reports,
                pipe: Mutex::default(),
                configured: AtomicBool::new(false),
            }),
        }
    }

    /// Whether the host has given it a configuration since it was plugged in: without one it can send nothing.
    #[must_use]
    pub fn was_configured(&self) -> bool {
        self.inner.configured.load(Ordering::Relaxed)
    }

    /// Whether the host listens to its keys now.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        self.pipe().is_some_and(|pipe| pipe.polls(KEYS_IN))
    }

    /// Waits until the host listens.
    ///
    /// # Errors
    ///
    /// It does not in time.
    pub fn wait_heard(&self, timeout: Duration) -> Result<()> {
        let end = Instant::now() + timeout;
        while !self.is_heard() {
            if Instant::now() >= end {
                return Err(Error::Port(
                    "The host does not listen to this keyboard.".to_owned(),
                ));
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Types lower-case letters, digits, spaces and Enter (`\n`), whether the host listens or not.
    pub fn type_text(&self, text: &str) {
        for usage in text.chars().filter_map(usage) {
            for report in [[0, 0, usage, 0, 0, 0, 0, 0], [0; 8]] {
                if let Some(pipe) = self.pipe() {
                    pipe.interrupt_in(KEYS_IN, &report);
                }
                thread::sleep(PRESS);
            }
        }
    }

    fn pipe(&self) -> Option<Pipe> {
        let pipe = self.inner.pipe.lock();
        pipe.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_pipe(&self, pipe: Option<Pipe>) {
        *self.inner.pipe.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
    }
}

/// The usage of a key on the keyboard page (HID usage tables, section 10).
fn usage(character: char) -> Option<u8> {
    let offset = |first: char| u8::try_from(u32::from(character) - u32::from(first)).ok();
    match character {
        'a'..='z' => offset('a').map(|n| 0x04 + n),
        '1'..='9' => offset('1').map(|n| 0x1E + n),
        '0' => Some(0x27),
        '\n' => Some(0x28),
        ' ' => Some(0x2C),
        _ => None,
    }
}

impl Device for Gadget {
    fn descriptors(&self) -> Descriptors {
        self.inner.descriptors.clone()
    }

    fn plugged(&self, pipe: Pipe) -> Result<()> {
        self.inner.configured.store(false, Ordering::Relaxed);
        self.set_pipe(Some(pipe));
        Ok(())
    }

    fn pulled(&self) {
        self.set_pipe(None);
    }

    fn configured(&self, configuration: u8) {
        if configuration != 0 {
            self.inner.configured.store(true, Ordering::Relaxed);
        }
    }

    fn control(&self, request: &Control) -> Option<Vec<u8>> {
        match (request.request_type, request.request, request.value >> 8) {
            (0x81, 6, 0x22) => self
                .inner
                .reports
                .get(usize::from(request.index))
                .map(|r| r.to_vec()),
            // SET_REPORT (the lamps), SET_IDLE, SET_PROTOCOL.
            (0x21, 0x09..=0x0b, _) if !self.inner.reports.is_empty() => Some(Vec::new()),
            _ => None,
        }
    }
}

impl Plug for Gadget {
    fn device(&self) -> Arc<dyn Device> {
        Arc::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_the_keys_of_a_keyboard() {
        let all: Vec<_> = "az190\n A".chars().map(usage).collect();
        let expected = [0x04, 0x1D, 0x1E, 0x26, 0x27, 0x28, 0x2C].map(Some);
        assert_eq!(all[..7], expected);
        assert_eq!(all[7], None);
    }
}
