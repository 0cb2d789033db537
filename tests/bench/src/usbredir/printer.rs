//! A USB printer that keeps every byte: class 7, bidirectional, with paper or without, honest or not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error;
use crate::identity::UsbIdentity;
use crate::usbredir::codec::Control;
use crate::usbredir::descriptors::{BULK, Descriptors, Interface};
use crate::usbredir::device::{Device, Pipe, Plug, Transfer};

const OUT: u8 = 0x01;
const IN: u8 = 0x82;

/// Port status bits of the printer class.
const NO_ERROR: u8 = 1 << 3;
const SELECTED: u8 = 1 << 4;
const PAPER_EMPTY: u8 = 1 << 5;

/// A printer's state as GET_PORT_STATUS shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortStatus {
    /// Takes everything at once.
    Ready,
    /// Takes nothing until there is paper again; what was sent waits.
    PaperOut,
    /// Out of order: status without "no error"; data waits as well.
    Fault,
}

/// How a printer answers when it is asked for its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it is.
    Honest,
    /// That it is well, always.
    Lies,
    /// Not at all: the request stalls.
    Silent,
}

/// What happens to a printer at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// It is pulled out; the bytes before that one were taken.
    Pull,
    /// It refuses that byte and all that follow, until it is switched off and on.
    Refuse,
    /// It is out of paper; the transfer with that byte waits.
    PaperOut,
}

/// Where a mishap happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// At this byte, counted from 0 from now on.
    Byte(usize),
    /// At the last byte of these, which end a job.
    EndOf(&'static [u8]),
}

impl At {
    /// The byte of these data at which it happens, or where it happens later.
    fn in_data(self, data: &[u8]) -> Result<usize, Self> {
        match self {
            Self::Byte(byte) if byte < data.len() => Ok(byte),
            Self::Byte(byte) => Err(Self::Byte(byte - data.len())),
            Self::EndOf(end) if data.ends_with(end) => Ok(data.len() - 1),
            Self::EndOf(_) => Err(self),
        }
    }
}

/// A shared handle on one printer; clones are the same printer.
#[derive(Clone)]
pub struct Printer {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    identity: UsbIdentity,
    device_id: String,
    status: PortStatus,
    manner: Manner,
    mishap: Option<(At, Mishap)>,
    refuses: bool,
    printed: Vec<u8>,
    waiting: Vec<(u64, Vec<u8>)>,
    pipe: Option<Pipe>,
    soft_resets: u64,
    answers: Vec<Answer>,
}

/// What a printer says when it receives a transfer that ends with a request.
struct Answer {
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Default for Printer {
    fn default() -> Self {
        Self::new("MFG:Virtual;MDL:Bench Page Printer;CMD:PDF;CLS:PRINTER;")
    }
}

impl Printer {
    /// Makes a printer with this IEEE 1284 device id.
    #[must_use]
    pub fn new(device_id: &str) -> Self {
        let identity = UsbIdentity {
            product: 0x0002,
            product_text: "Bench Page Printer".to_owned(),
            serial: Some("PRINTER1".to_owned()),
            ..UsbIdentity::default()
        };
        Self {
            inner: Arc::new(Mutex::new(Inner {
                identity,
                device_id: device_id.to_owned(),
                status: PortStatus::Ready,
                manner: Manner::Honest,
                mishap: None,
                refuses: false,
                printed: Vec::new(),
                waiting: Vec::new(),
                pipe: None,
                soft_resets: 0,
                answers: Vec::new(),
            })),
        }
    }

    /// Changes what the printer calls itself on USB, from the next plug-in on.
    pub fn set_identity(&self, identity: UsbIdentity) {
        self.lock().identity = identity;
    }

    /// Answers each transfer that ends with this request, from now on with this.
    pub fn set_answer(&self, request: &[u8], answer: &[u8]) {
        let mut inner = self.lock();
        inner.answers.retain(|known| known.request != request);
        inner.answers.push(Answer {
            request: request.to_vec(),
            answer: answer.to_vec(),
        });
    }

    /// Everything taken so far.
    #[must_use]
    pub fn printed(&self) -> Vec<u8> {
        self.lock().printed.clone()
    }

    /// Hands the printed bytes over and begins anew.
    #[must_use]
    pub fn take_printed(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().printed)
    }

    /// Whether bytes wait that a printer out of paper or out of order does not take.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Changes how it answers when it is asked for its status.
    pub fn set_manner(&self, manner: Manner) {
        self.lock().manner = manner;
    }

    /// Has something happen.
    pub fn arm(&self, at: At, mishap: Mishap) {
        self.lock().mishap = Some((at, mishap));
    }

    /// Whether what was armed has not happened yet.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        self.lock().mishap.is_some()
    }

    /// How often the host asked for a soft reset.
    #[must_use]
    pub fn soft_resets(&self) -> u64 {
        self.lock().soft_resets
    }

    /// The state as it stands.
    #[must_use]
    pub fn status(&self) -> PortStatus {
        self.lock().status
    }

    /// Changes the state; a ready printer prints what has waited.
    pub fn set_status(&self, status: PortStatus) {
        let mut inner = self.lock();
        inner.status = status;
        if status != PortStatus::Ready {
            return;
        }
        let waiting = std::mem::take(&mut inner.waiting);
        for (_, data) in &waiting {
            inner.printed.extend_from_slice(data);
        }
        let pipe = inner.pipe.clone();
        drop(inner);
        if let Some(pipe) = pipe {
            for (id, _) in waiting {
                pipe.bulk_done(id);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device for Printer {
    fn descriptors(&self) -> Descriptors {
        let printer = Interface {
            class: [7, 1, 2],
            extra: Vec::new(),
            endpoints: vec![(OUT, BULK, 0, 64), (IN, BULK, 0, 64)],
        };
        Descriptors {
            identity: self.lock().identity.clone(),
            interfaces: vec![printer],
        }
    }

    fn plugged(&self, pipe: Pipe) -> error::Result<()> {
        let mut inner = self.lock();
        inner.waiting.clear();
        inner.refuses = false;
        inner.pipe = Some(pipe);
        Ok(())
    }

    fn pulled(&self) {
        let mut inner = self.lock();
        inner.waiting.clear();
        inner.pipe = None;
    }

    fn control(&self, request: &Control) -> Option<Vec<u8>> {
        let mut inner = self.lock();
        match (request.request_type, request.request) {
            // GET_DEVICE_ID: the length counts itself.
            (0xa1, 0) => {
                let length = u16::try_from(inner.device_id.len() + 2).ok()?;
                Some([&length.to_be_bytes(), inner.device_id.as_bytes()].concat())
            }
            // GET_PORT_STATUS.
            (0xa1, 1) => match (inner.manner, inner.status) {
                (Manner::Silent, _) => None,
                (Manner::Lies, _) | (_, PortStatus::Ready) => Some(vec![NO_ERROR | SELECTED]),
                (_, PortStatus::PaperOut) => Some(vec![SELECTED | PAPER_EMPTY]),
                (_, PortStatus::Fault) => Some(vec![0]),
            },
            // SOFT_RESET, to the interface or, by an old misprint, to "other".
            (0x21 | 0x23, 2) => {
                inner.soft_resets += 1;
                Some(Vec::new())
            }
            _ => None,
        }
    }

    fn bulk_out(&self, id: u64, _endpoint: u8, data: &[u8]) -> Transfer {
        let mut inner = self.lock();
        if inner.refuses {
            return Transfer::Stalled;
        }
        if inner.status == PortStatus::Ready
            && let Some((at, mishap)) = inner.mishap.take()
        {
            match (at.in_data(data), mishap) {
                (Err(later), mishap) => inner.mishap = Some((later, mishap)),
                (Ok(_), Mishap::PaperOut) => inner.status = PortStatus::PaperOut,
                (Ok(byte), Mishap::Refuse) => {
                    inner.printed.extend_from_slice(&data[..byte]);
                    inner.refuses = true;
                    return Transfer::Stalled;
                }
                (Ok(byte), Mishap::Pull) => {
                    inner.printed.extend_from_slice(&data[..byte]);
                    let pipe = inner.pipe.clone();
                    drop(inner);
                    if let Some(pipe) = pipe {
                        pipe.eject();
                    }
                    return Transfer::Pending;
                }
            }
        }
        if inner.status == PortStatus::Ready {
            inner.printed.extend_from_slice(data);
            let known = inner.answers.iter().find(|known| data.ends_with(&known.request));
            let answer = known.map(|known| known.answer.clone());
            if let (Some(answer), Some(pipe)) = (answer, &inner.pipe) {
                // A host that does not read gets no answer, as from any printer.
                let _ = pipe.bulk_in(IN, &answer);
            }
            return Transfer::Done;
        }
        inner.waiting.push((id, data.to_vec()));
        Transfer::Pending
    }

    fn cancelled(&self, id: u64) {
        self.lock().waiting.retain(|(other, _)| *other != id);
    }
}

impl Plug for Printer {
    fn device(&self) -> Arc<dyn Device> {
        Arc::new(self.clone())
    }
}
