//! One machine: QEMU without acceleration, an xHCI controller with eight ports, a serial console and a control socket.
//!
//! Ports 1 to n of the guest are ours ([`Qemu::plug`]); QEMU's own sticks and keyboard count down from port 8.

pub mod builder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::console::Console;
use crate::error::{Context as _, Error, Result};
use crate::qemu::builder::Builder;
use crate::qmp::Qmp;
use crate::usbredir::device::Plug;
use crate::usbredir::port::Port;

/// What the guest may take to let go of a stick.
const UNPLUG_WAIT: Duration = Duration::from_secs(20);
const QUIT_WAIT: Duration = Duration::from_secs(10);
const PORTS: u8 = 8;

/// A running machine; dropping it ends QEMU.
pub struct Qemu {
    child: Child,
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

    /// Plugs a raw image in as a USB stick.
    ///
    /// # Errors
    ///
    /// The name is taken, all ports are, or QEMU cannot open the image.
    pub fn plug_stick(&mut self, name: &str, image: &Path) -> Result<()> {
        if self.sticks.contains_key(name) {
            return Err(Error::Port(format!("A stick of this name is plugged in: {name}")));
        }
        let port = self.free_port()?;
        self.qmp.execute("blockdev-add", &blockdev(name, image, false))?;
        let device = json!({
            "driver": "usb-storage", "id": format!("dev-{name}"), "drive": format!("img-{name}"),
            "bus": "x.0", "port": port.to_string(), "removable": true,
        });
        if let Err(error) = self.qmp.execute("device_add", &device) {
            let _ = self
                .qmp
                .execute("blockdev-del", &json!({ "node-name": format!("img-{name}") }));
            return Err(error);
        }
        self.sticks.insert(name.to_owned(), port);
        Ok(())
    }

    /// Pulls a stick; its image is complete when this returns.
    ///
    /// # Errors
    ///
    /// There is no such stick, or the machine does not let go of it.
    pub fn pull_stick(&mut self, name: &str) -> Result<()> {
        if self.sticks.remove(name).is_none() {
            return Err(Error::Port(format!(
                "No stick of this name is plugged in: {name}"
            )));
        }
        let device = format!("dev-{name}");
        self.qmp.execute("device_del", &json!({ "id": device }))?;
        self.qmp.wait_event(UNPLUG_WAIT, |event| {
            event["event"] == "DEVICE_DELETED" && event["data"]["device"] == device.as_str()
        })?;
        self.qmp
            .execute("blockdev-del", &json!({ "node-name": format!("img-{name}") }))?;
        Ok(())
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

    /// Strikes a key or a chord on the machine's keyboard by QEMU's names, such as `ret` or `ctrl-alt-delete`.
    ///
    /// # Errors
    ///
    /// There is no such key.
    pub fn send_key(&mut self, chord: &str) -> Result<()> {
        let keys: Vec<Value> = chord
            .split('-')
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        self.qmp.execute("send-key", &json!({ "keys": keys })).map(drop)
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
            if let Some(status) = self.child.try_wait().context(|| "Waiting for QEMU".to_owned())? {
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

    /// Switches the machine off at once, as by its plug.
    ///
    /// # Errors
    ///
    /// QEMU does not end.
    pub fn quit(&mut self) -> Result<ExitStatus> {
        // QEMU may be gone before it answers.
        let _ = self.qmp.execute("quit", &json!({}));
        self.wait_exit(QUIT_WAIT)
    }

    fn port(&self, n: usize) -> Result<&Port> {
        let count = self.ports.len();
        self.ports
            .get(n)
            .ok_or_else(|| Error::Port(format!("There is no port {n}, only this many: {count}")))
    }

    fn free_port(&self) -> Result<u8> {
        let redirected = u8::try_from(self.ports.len()).unwrap_or(PORTS);
        (redirected + 1..=PORTS)
            .rev()
            .find(|port| !self.reserved.contains(port) && !self.sticks.values().any(|used| used == port))
            .ok_or_else(|| Error::Port("All USB ports are taken.".to_owned()))
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.ports.clear();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments of `blockdev-add` for a raw image.
fn blockdev(name: &str, image: &Path, read_only: bool) -> Value {
    json!({
        "node-name": format!("img-{name}"), "driver": "raw", "read-only": read_only,
        "file": { "driver": "file", "filename": absolute(image) },
    })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
