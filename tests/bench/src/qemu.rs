//! One machine: QEMU without acceleration, an xHCI controller with eight ports, a serial console and a control socket.
//!
//! Ports 1 to n of the guest are ours ([`Qemu::plug`]); QEMU's own sticks and keyboard count down from port 8.

mod arguments;
pub mod builder;
mod keyboard;
pub mod kill;
mod sticks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::console::Console;
use crate::error::{Error, Result};
use crate::qemu::builder::Builder;
use crate::qemu::kill::Switch;
use crate::qmp::Qmp;
use crate::usbredir::device::Plug;
use crate::usbredir::port::Port;

const QUIT_WAIT: Duration = Duration::from_secs(10);
const PORTS: u8 = 8;

/// A running machine; dropping it ends QEMU.
pub struct Qemu {
    child: Switch,
    qmp: Qmp,
    console: Console,
    ports: Vec<Port>,
    sticks: BTreeMap<String, u8>,
    reserved: Vec<u8>,
    memory: u32,
    directory: TempDir,
}

impl Qemu {
    /// Describes a machine.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Plugs a key or a printer into port `n + 1` of the guest's controller.
    ///
    /// # Errors
    ///
    /// There is no such port, something is in it, or the device does not come up.
    pub fn plug(&mut self, n: usize, device: &dyn Plug) -> Result<()> {
        self.port(n)?.plug(device)
    }

    /// Pulls whatever is in a port.
    ///
    /// # Errors
    ///
    /// There is no such port, or nothing in it.
    pub fn pull(&mut self, n: usize) -> Result<()> {
        if self.port(n)?.pull() {
            return Ok(());
        }
        Err(Error::Port(format!("Nothing is in port {n}.")))
    }

    /// Tells whether something is in a port.
    #[must_use]
    pub fn is_plugged(&self, n: usize) -> bool {
        self.ports.get(n).is_some_and(Port::is_plugged)
    }

    /// The guest's serial console.
    #[must_use]
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// QEMU's control socket, for whatever has no method here.
    pub fn qmp(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// The process id of QEMU.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The directory of this machine's sockets, gone with it.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Photographs the screen as PNG.
    ///
    /// # Errors
    ///
    /// The machine has no screen, or the file cannot be written.
    pub fn screendump(&mut self, path: &Path) -> Result<()> {
        let arguments = json!({ "filename": absolute(path), "format": "png" });
        self.qmp.execute("screendump", &arguments).map(drop)
    }

    /// Writes the guest's memory to a file, to be searched for what must not be there.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save_memory(&mut self, path: &Path) -> Result<()> {
        let arguments = json!({ "val": 0, "size": u64::from(self.memory) << 20, "filename": absolute(path) });
        self.qmp.execute("pmemsave", &arguments).map(drop)
    }

    /// Stops the machine's time.
    ///
    /// # Errors
    ///
    /// QEMU is gone.
    pub fn stop(&mut self) -> Result<()> {
        self.qmp.execute("stop", &json!({})).map(drop)
    }

    /// Lets the machine's time go on.
    ///
    /// # Errors
    ///
    /// QEMU is gone.
    pub fn cont(&mut self) -> Result<()> {
        self.qmp.execute("cont", &json!({})).map(drop)
    }

    /// Waits until the guest has switched itself off.
    ///
    /// # Errors
    ///
    /// It has not in time; the error shows the console's last lines.
    pub fn wait_exit(&mut self, timeout: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.ended()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                let lines = self.console.last_lines();
                return Err(Error::Qemu(format!(
                    "The machine is still on. Its console's last lines:\n{lines}"
                )));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Has QEMU end in good order: what the guest has written is in the images. The guest itself is not asked.
    ///
    /// # Errors
    ///
    /// QEMU does not end; it waits for a stick that was cut.
    pub fn quit(&mut self) -> Result<ExitStatus> {
        // QEMU may be gone before it answers.
        let _ = self.qmp.execute("quit", &json!({}));
        self.wait_exit(QUIT_WAIT)
    }

    /// Kills QEMU where it stands (SIGKILL), as a power cut does.
    ///
    /// # Errors
    ///
    /// QEMU cannot be killed.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        self.child.kill();
        self.wait_exit(QUIT_WAIT)
    }

    /// A handle by which any thread can kill this machine at any time.
    #[must_use]
    pub fn kill_switch(&self) -> Switch {
        self.child.clone()
    }

    fn port(&self, n: usize) -> Result<&Port> {
        let count = self.ports.len();
        self.ports
            .get(n)
            .ok_or_else(|| Error::Port(format!("There is no port {n}, only this many: {count}")))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.ports.clear();
        self.child.kill();
        self.child.wait();
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
