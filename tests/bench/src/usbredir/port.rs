//! One `usb-redir` device of QEMU, seen from the other end of its socket.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::{Context as _, Error, Result};
use crate::usbredir::codec::{CANCELLED, CAPABILITIES, Control, OK, Packet, STALL};
use crate::usbredir::descriptors::Descriptors;
use crate::usbredir::device::{Device, Pipe, Plug, Transfer};

/// QEMU makes its sockets before it runs the guest.
const SOCKET_WAIT: Duration = Duration::from_secs(10);

/// A USB port of the guest; dropping it unplugs.
pub struct Port {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// The state that the reader, the devices and the test share.
pub(super) struct Shared {
    stream: UnixStream,
    write: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    device: Option<(u64, Arc<dyn Device>, Descriptors)>,
    plugs: u64,
    polled: BTreeSet<u8>,
    pending: BTreeMap<u64, Packet>,
    next_id: u64,
}

impl Port {
    /// Connects to QEMU's socket, as soon as it is there.
    ///
    /// # Errors
    ///
    /// The socket does not appear within ten seconds.
    pub fn connect(path: &Path) -> Result<Self> {
        let end = Instant::now() + SOCKET_WAIT;
        loop {
            match UnixStream::connect(path) {
                Ok(stream) => return Self::over(stream),
                Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                Err(source) => {
                    return Err(Error::Io {
                        what: format!("Connecting to {}", path.display()),
                        source,
                    });
                }
            }
        }
    }

    /// Speaks over a stream that is connected already.
    ///
    /// # Errors
    ///
    /// The stream is dead.
    pub fn over(stream: UnixStream) -> Result<Self> {
        let read = stream.try_clone().context(|| "Duplicating a socket".to_owned())?;
        let shared = Arc::new(Shared {
            stream,
            write: Mutex::default(),
            state: Mutex::default(),
        });
        shared.write(
            &Packet::Hello {
                version: "glasskey bench".to_owned(),
                capabilities: CAPABILITIES,
            },
            0,
        );
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.read(read))
        };
        Ok(Self {
            shared,
            reader: Some(reader),
        })
    }

    /// Gives the device power and shows it to the guest.
    ///
    /// # Errors
    ///
    /// The port is taken, or the device does not come up.
    pub fn plug(&self, plug: &dyn Plug) -> Result<()> {
        let device = plug.device();
        let descriptors = device.descriptors();
        let number = {
            let mut state = self.shared.state();
            if state.device.is_some() {
                return Err(Error::Port("Something is in this port already.".to_owned()));
            }
            state.plugs += 1;
            state.polled.clear();
            state.pending.clear();
            state.device = Some((state.plugs, Arc::clone(&device), descriptors.clone()));
            state.plugs
        };
        let pipe = Pipe {
            port: Arc::downgrade(&self.shared),
            plug: number,
        };
        if let Err(error) = device.plugged(pipe) {
            self.shared.state().device = None;
            return Err(error);
        }
        for packet in descriptors.announcement() {
            self.shared.write(&packet, 0);
        }
        Ok(())
    }

    /// Takes the device out; false if there was none.
    #[must_use]
    pub fn pull(&self) -> bool {
        self.shared.pull()
    }

    /// Tells whether a device is in the port; a fault may have pulled it out.
    #[must_use]
    pub fn is_plugged(&self) -> bool {
        self.shared.plug().is_some()
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.shared.pull();
        let _ = self.shared.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Shared {
    pub(super) fn plug(&self) -> Option<u64> {
        self.state().device.as_ref().map(|(number, ..)| *number)
    }

    pub(super) fn polls(&self, plug: u64, endpoint: u8) -> bool {
        let state = self.state();
        state.polled.contains(&endpoint) && state.device.as_ref().is_some_and(|(number, ..)| *number == plug)
    }

    pub(super) fn interrupt_in(&self, plug: u64, endpoint: u8, data: &[u8]) {
        let id = {
            let mut state = self.state();
            if state.device.as_ref().is_none_or(|(number, ..)| *number != plug) {
                return;
            }
            state.next_id += 1;
            state.next_id
        };
        let length = u16::try_from(data.len()).expect("an interrupt report is short");
        self.write(
            &Packet::Interrupt {
                endpoint,
                status: OK,
                length,
                data: data.to_vec(),
            },
            id,
        );
    }

    pub(super) fn bulk_done(&self, plug: u64, id: u64) {
        if self.plug() == Some(plug)
            && let Some(packet) = self.state().pending.remove(&id)
        {
            self.write(&answer_to(&packet, OK), id);
        }
    }

    /// Answers a pending bulk IN transfer of this endpoint, where there is one.
    pub(super) fn bulk_in(&self, plug: u64, endpoint: u8, answer: &[u8]) -> bool {
        let is_read =
            |packet: &Packet| matches!(packet, Packet::Bulk { endpoint: of, .. } if *of == endpoint);
        let id = {
            let mut state = self.state();
            if state.device.as_ref().is_none_or(|(number, ..)| *number != plug) {
                return false;
            }
            let Some(id) = state
                .pending
                .iter()
                .find(|(_, packet)| is_read(packet))
                .map(|(id, _)| *id)
            else {
                return false;
            };
            state.pending.remove(&id);
            id
        };
        let answer = Packet::Bulk {
            endpoint,
            status: OK,
            length: u32::try_from(answer.len()).expect("an answer is short"),
            data: answer.to_vec(),
        };
        self.write(&answer, id);
        true
    }

    pub(super) fn pull(&self) -> bool {
        let taken = {
            let mut state = self.state();
            state.polled.clear();
            state.pending.clear();
            state.device.take()
        };
        let Some((_, device, _)) = taken else {
            return false;
        };
        self.write(&Packet::Disconnect, 0);
        device.pulled();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn device(&self) -> Option<(Arc<dyn Device>, Descriptors)> {
        self.state()
            .device
            .as_ref()
            .map(|(_, device, descriptors)| (Arc::clone(device), descriptors.clone()))
    }

    /// A dead socket means that QEMU is gone, which its own handle reports.
    fn write(&self, packet: &Packet, id: u64) {
        let _one_at_a_time = self.write.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = (&self.stream).write_all(&packet.encode(id));
    }

    fn read(&self, stream: UnixStream) {
        let mut stream = BufReader::new(stream);
        if Packet::read_hello(&mut stream).is_err() {
            return;
        }
        while let Ok((id, packet)) = Packet::read(&mut stream) {
            let plug = self.plug();
            // A fault may have pulled the device out meanwhile: it answers nothing any more.
            if let Some(answer) = self.handle(id, packet)
                && self.plug() == plug
            {
                self.write(&answer, id);
            }
        }
        self.pull();
    }

    fn handle(&self, id: u64, packet: Packet) -> Option<Packet> {
        let (device, descriptors) = self.device()?;
        match packet {
            Packet::SetConfiguration(configuration) => {
                device.configured(configuration);
                Some(Packet::ConfigurationStatus(OK, configuration))
            }
            Packet::GetConfiguration => Some(Packet::ConfigurationStatus(OK, 1)),
            Packet::SetAltSetting(interface, setting) => {
                let status = if setting == 0 { OK } else { STALL };
                Some(Packet::AltSettingStatus(status, interface, setting))
            }
            Packet::GetAltSetting(interface) => Some(Packet::AltSettingStatus(OK, interface, 0)),
            Packet::StartInterrupt(endpoint) => {
                self.state().polled.insert(endpoint);
                Some(Packet::InterruptStatus(OK, endpoint))
            }
            Packet::StopInterrupt(endpoint) => {
                self.state().polled.remove(&endpoint);
                Some(Packet::InterruptStatus(OK, endpoint))
            }
            Packet::Control(request) => Some(Packet::Control(control(&*device, &descriptors, &request))),
            Packet::Interrupt {
                endpoint,
                length,
                ref data,
                ..
            } => {
                device.interrupt_out(endpoint, data);
                Some(Packet::Interrupt {
                    endpoint,
                    status: OK,
                    length,
                    data: Vec::new(),
                })
            }
            Packet::Bulk {
                endpoint, ref data, ..
            } => {
                // Kept before the device decides: it may finish the transfer from another thread at once.
                self.state().pending.insert(id, packet.clone());
                let transfer = if endpoint & 0x80 == 0 {
                    device.bulk_out(id, endpoint, data)
                } else {
                    Transfer::Pending
                };
                let status = match transfer {
                    Transfer::Pending => return None,
                    Transfer::Done => OK,
                    Transfer::Stalled => STALL,
                };
                self.state()
                    .pending
                    .remove(&id)
                    .map(|packet| answer_to(&packet, status))
            }
            Packet::Cancel => {
                let packet = self.state().pending.remove(&id)?;
                device.cancelled(id);
                Some(answer_to(&packet, CANCELLED))
            }
            // A bus reset leaves the device in its port, and everything else is QEMU's own business.
            _ => None,
        }
    }
}

/// The answer to a bulk packet: its length if it is done, no data.
fn answer_to(packet: &Packet, status: u8) -> Packet {
    match packet {
        Packet::Bulk { endpoint, length, .. } => {
            let length = if status == OK { *length } else { 0 };
            Packet::Bulk {
                endpoint: *endpoint,
                status,
                length,
                data: Vec::new(),
            }
        }
        other => other.clone(),
    }
}

fn control(device: &dyn Device, descriptors: &Descriptors, request: &Control) -> Control {
    const HOST_TO_DEVICE: u8 = 0;
    let direction = request.request_type & 0x80;
    let answer = match (request.request_type, request.request) {
        (0x80, 6) => descriptors.standard(request.value),
        // GET_STATUS of device, interface and endpoint.
        (0x80..=0x82, 0) => Some(vec![0, 0]),
        // CLEAR_FEATURE and SET_FEATURE, mostly of a halted endpoint.
        (0x00..=0x02, 1 | 3) => Some(Vec::new()),
        _ => device.control(request),
    };
    let Some(mut data) = answer else {
        return Control {
            status: STALL,
            length: 0,
            data: Vec::new(),
            ..request.clone()
        };
    };
    data.truncate(usize::from(request.length));
    let length = if direction == HOST_TO_DEVICE {
        request.length
    } else {
        u16::try_from(data.len()).unwrap_or(0)
    };
    Control {
        status: OK,
        length,
        data,
        ..request.clone()
    }
}
