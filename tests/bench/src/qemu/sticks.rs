//! QEMU's own USB sticks: image files, or media served by the test.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::medium::Medium;
use crate::qemu::{PORTS, Qemu, absolute};

/// What the guest may take to let go of a stick.
const UNPLUG_WAIT: Duration = Duration::from_secs(20);

/// Where a stick's bytes are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    Image { path: PathBuf, read_only: bool },
    Served { socket: PathBuf, read_only: bool },
}

impl Source {
    pub(super) fn image(path: impl Into<PathBuf>, read_only: bool) -> Self {
        Self::Image {
            path: path.into(),
            read_only,
        }
    }

    pub(super) fn served(medium: &Medium) -> Self {
        Self::Served {
            socket: medium.socket(),
            read_only: medium.is_write_protected(),
        }
    }

    /// The arguments of `blockdev-add`.
    pub(super) fn blockdev(&self, name: &str) -> Value {
        let (read_only, file) = match self {
            Self::Image { path, read_only } => {
                (read_only, json!({ "driver": "file", "filename": absolute(path) }))
            }
            Self::Served { socket, read_only } => (
                read_only,
                json!({
                    "driver": "nbd", "export": "", "cache": { "direct": true },
                    "server": { "type": "unix", "path": socket },
                }),
            ),
        };
        json!({ "node-name": format!("img-{name}"), "driver": "raw", "read-only": read_only, "file": file })
    }
}

/// The arguments of `device_add` for a stick in this port of the controller.
pub(super) fn device(name: &str, port: u8) -> Value {
    json!({
        "driver": "usb-storage", "id": format!("dev-{name}"), "drive": format!("img-{name}"),
        "bus": "x.0", "port": port.to_string(), "removable": true,
        // Errors go to the guest; by default a full stick would stop the machine.
        "werror": "report", "rerror": "report",
    })
}

impl Qemu {
    /// Plugs a raw image in as a USB stick.
    ///
    /// # Errors
    ///
    /// The name is taken, all ports are, or QEMU cannot open the image.
    pub fn plug_stick(&mut self, name: &str, image: &Path) -> Result<()> {
        self.plug_source(name, &Source::image(image, false))
    }

    /// The same with its write-protect switch on: the guest cannot write to it.
    ///
    /// # Errors
    ///
    /// As [`Qemu::plug_stick`].
    pub fn plug_stick_read_only(&mut self, name: &str, image: &Path) -> Result<()> {
        self.plug_source(name, &Source::image(image, true))
    }

    /// Plugs in a stick that can fail and be cut; it must outlive the machine, or be pulled before it ends.
    ///
    /// # Errors
    ///
    /// As [`Qemu::plug_stick`]; or the medium is cut.
    pub fn plug_stick_served(&mut self, name: &str, medium: &Medium) -> Result<()> {
        self.plug_source(name, &Source::served(medium))
    }

    fn plug_source(&mut self, name: &str, source: &Source) -> Result<()> {
        if self.sticks.contains_key(name) {
            return Err(Error::Port(format!("A stick of this name is plugged in: {name}")));
        }
        let port = self.free_port()?;
        self.qmp.execute("blockdev-add", &source.blockdev(name))?;
        if let Err(error) = self.qmp.execute("device_add", &device(name, port)) {
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

    fn free_port(&self) -> Result<u8> {
        let redirected = u8::try_from(self.ports.len()).unwrap_or(PORTS);
        (redirected + 1..=PORTS)
            .rev()
            .find(|port| !self.reserved.contains(port) && !self.sticks.values().any(|used| used == port))
            .ok_or_else(|| Error::Port("All USB ports are taken.".to_owned()))
    }
}
