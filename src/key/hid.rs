//! Reports over `/dev/hidrawN` by hidapi.

use std::ffi::CString;
use std::fs::File;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use hidapi::{HidApi, HidDevice};

use super::channel::{PipeError, Report, ReportPipe};
use super::device::UsbPort;
use super::error::{Effect, KeyError};

/// udev sets permissions a moment after the node appears.
const PERMISSION_WAIT: Duration = Duration::from_secs(2);

/// One open device node.
pub(super) struct HidPipe(HidDevice);

impl HidPipe {
    /// Opens the node; no other handle of this process may be open on it.
    pub(super) fn open(node: &str, port: &UsbPort) -> Result<Self, KeyError> {
        await_permission(node, port)?;
        let path = CString::new(node).map_err(|_| KeyError::protocol("a node name with NUL"))?;
        let unreachable = |error: hidapi::HidError| KeyError::NoHidraw {
            reason: format!("hidapi: {error}"),
        };
        HidApi::new()
            .map_err(unreachable)?
            .open_path(&path)
            .map(Self)
            .map_err(|_| KeyError::Vanished {
                port: port.clone(),
                effect: Effect::Nothing,
            })
    }
}

/// Finds out by metadata and opening why a node could not be used; hidapi gives text only.
fn await_permission(node: &str, port: &UsbPort) -> Result<(), KeyError> {
    let started = Instant::now();
    loop {
        match File::options().read(true).write(true).open(node) {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                if started.elapsed() >= PERMISSION_WAIT {
                    return Err(KeyError::NoAccess { node: node.into() });
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound && started.elapsed() < PERMISSION_WAIT => {}
            Err(_) => {
                return Err(KeyError::Vanished {
                    port: port.clone(),
                    effect: Effect::Nothing,
                });
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl ReportPipe for HidPipe {
    fn send(&mut self, report: &Report) -> Result<(), PipeError> {
        // hidraw wants a report id in front, 0 for devices that have none.
        let mut bytes = [0_u8; 65];
        bytes[1..].copy_from_slice(report);
        match self.0.write(&bytes) {
            Ok(_) => Ok(()),
            Err(_) => Err(PipeError::Gone),
        }
    }

    fn recv(&mut self, wait: Duration) -> Result<Option<Report>, PipeError> {
        let wait = i32::try_from(wait.as_millis().max(1)).unwrap_or(i32::MAX);
        let mut bytes = [0_u8; 65];
        match self.0.read_timeout(&mut bytes, wait) {
            Ok(0) => Ok(None),
            Ok(64) => {
                let mut report = [0_u8; 64];
                report.copy_from_slice(&bytes[..64]);
                Ok(Some(report))
            }
            Ok(size) => Err(PipeError::Size(size)),
            Err(_) => Err(PipeError::Gone),
        }
    }
}
