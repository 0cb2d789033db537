//! The description of a machine, and its start.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::console::Console;
use crate::error::{Context as _, Error, Result};
use crate::medium::Medium;
use crate::qemu::Qemu;
use crate::qemu::arguments::Layout;
use crate::qemu::kill::Switch;
use crate::qemu::sticks::Source;
use crate::qmp::Qmp;
use crate::usbredir::port::Port;

const PROGRAM: &str = "qemu-system-x86_64";
const START_WAIT: Duration = Duration::from_secs(20);
/// A unix socket's path has 108 bytes at most.
const LONGEST_DIRECTORY: usize = 90;
/// Debian's build of OVMF.
const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// What the graphics card says of its screen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Screen {
    Standard,
    Sized(u32, u32),
}

/// A machine before its start.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) kernel: Option<PathBuf>,
    pub(super) initrd: Option<PathBuf>,
    pub(super) append: Option<String>,
    pub(super) boot_stick: Option<PathBuf>,
    pub(super) firmware: Option<(PathBuf, PathBuf)>,
    pub(super) memory: u32,
    pub(super) processors: u32,
    pub(super) sticks: Vec<(String, Source)>,
    pub(super) redir_ports: u8,
    pub(super) screen: Option<Screen>,
    pub(super) keyboard: bool,
    pub(super) console_log: Option<PathBuf>,
    pub(super) arguments: Vec<String>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            kernel: None,
            initrd: None,
            append: None,
            boot_stick: None,
            firmware: None,
            memory: 512,
            processors: 1,
            sticks: Vec::new(),
            redir_ports: 4,
            screen: None,
            keyboard: false,
            console_log: None,
            arguments: Vec::new(),
        }
    }
}

impl Builder {
    /// Boots this kernel directly.
    #[must_use]
    pub fn kernel(mut self, path: impl Into<PathBuf>) -> Self {
        self.kernel = Some(path.into());
        self
    }

    /// Gives the kernel an initramfs.
    #[must_use]
    pub fn initrd(mut self, path: impl Into<PathBuf>) -> Self {
        self.initrd = Some(path.into());
        self
    }

    /// Gives the kernel a command line.
    #[must_use]
    pub fn append(mut self, command_line: impl Into<String>) -> Self {
        self.append = Some(command_line.into());
        self
    }

    /// Boots from this raw image, plugged in as a read-only USB stick.
    #[must_use]
    pub fn boot_stick(mut self, path: impl Into<PathBuf>) -> Self {
        self.boot_stick = Some(path.into());
        self
    }

    /// Starts with Debian's UEFI firmware instead of a BIOS.
    #[must_use]
    pub fn ovmf(self) -> Self {
        self.firmware(OVMF_CODE, OVMF_VARS)
    }

    /// Starts with this UEFI firmware; the variables are copied, so nothing is kept.
    #[must_use]
    pub fn firmware(mut self, code: impl Into<PathBuf>, variables: impl Into<PathBuf>) -> Self {
        self.firmware = Some((code.into(), variables.into()));
        self
    }

    /// Sets the memory in MiB (512 when not set).
    #[must_use]
    pub fn memory(mut self, mebibytes: u32) -> Self {
        self.memory = mebibytes;
        self
    }

    /// Sets the number of processors (1 when not set).
    #[must_use]
    pub fn processors(mut self, count: u32) -> Self {
        self.processors = count;
        self
    }

    /// Has a stick plugged in from the start; [`Qemu::pull_stick`] takes its name.
    #[must_use]
    pub fn stick(mut self, name: impl Into<String>, image: impl Into<PathBuf>) -> Self {
        self.sticks.push((name.into(), Source::image(image, false)));
        self
    }

    /// The same with its write-protect switch on: the guest cannot write to it.
    #[must_use]
    pub fn stick_read_only(mut self, name: impl Into<String>, image: impl Into<PathBuf>) -> Self {
        self.sticks.push((name.into(), Source::image(image, true)));
        self
    }

    /// Has a stick plugged in from the start that can fail and be cut; it must outlive the machine.
    #[must_use]
    pub fn stick_served(mut self, name: impl Into<String>, medium: &Medium) -> Self {
        self.sticks.push((name.into(), Source::served(medium)));
        self
    }

    /// Sets the number of ports for keys and printers (4 when not set).
    #[must_use]
    pub fn redir_ports(mut self, count: u8) -> Self {
        self.redir_ports = count;
        self
    }

    /// Gives the machine a screen, for [`Qemu::screendump`].
    #[must_use]
    pub fn screen(mut self) -> Self {
        self.screen.get_or_insert(Screen::Standard);
        self
    }

    /// Gives the machine a screen of this size in pixels, told to firmware and guest by its EDID.
    ///
    /// With OVMF and a kernel that keeps the firmware's mode, 800x600, 1024x768, 1920x1080, 2560x1440 and 3840x2160
    /// were seen to work; without a size, OVMF takes 1280x800.
    #[must_use]
    pub fn screen_size(mut self, width: u32, height: u32) -> Self {
        self.screen = Some(Screen::Sized(width, height));
        self
    }

    /// Gives the machine a USB keyboard, for [`Qemu::send_key`] and [`Qemu::type_text`].
    #[must_use]
    pub fn keyboard(mut self) -> Self {
        self.keyboard = true;
        self
    }

    /// Keeps the whole console in this file.
    #[must_use]
    pub fn console_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.console_log = Some(path.into());
        self
    }

    /// Gives QEMU one more argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the machine and connects everything.
    ///
    /// # Errors
    ///
    /// QEMU is missing or refuses; the error shows what it said.
    pub fn start(self) -> Result<Qemu> {
        let directory = tempfile::Builder::new().prefix("bench").tempdir();
        let directory = directory.context(|| "Making a directory for sockets".to_owned())?;
        if directory.path().as_os_str().len() > LONGEST_DIRECTORY {
            let path = directory.path().display();
            return Err(Error::Qemu(format!(
                "This is too long a path for sockets (set TMPDIR): {path}"
            )));
        }
        let complaints = directory.path().join("stderr");
        let stderr =
            fs::File::create(&complaints).context(|| format!("Creating {}", complaints.display()))?;
        let mut layout = Layout::default();
        let arguments = self.arguments_in(directory.path(), &mut layout)?;
        let mut child = Command::new(PROGRAM)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .context(|| format!("Starting {PROGRAM}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Qemu("QEMU has no console.".to_owned()));
        };
        let log = self
            .console_log
            .clone()
            .unwrap_or_else(|| directory.path().join("console.log"));
        let connected = Console::start(output, input, &log).and_then(|console| {
            let qmp = Qmp::connect(&directory.path().join("qmp"), START_WAIT)?;
            let ports: Result<_> = (0..self.redir_ports)
                .map(|n| Port::connect(&directory.path().join(format!("k{n}"))))
                .collect();
            Ok((console, qmp, ports?))
        });
        match connected {
            Ok((console, qmp, ports)) => Ok(Qemu {
                child: Switch::new(child),
                qmp,
                console,
                ports,
                sticks: layout.sticks,
                reserved: layout.reserved,
                memory: self.memory,
                directory,
            }),
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                // What QEMU said explains more than the socket that it did not open.
                let said = fs::read_to_string(&complaints).unwrap_or_default();
                if said.trim().is_empty() {
                    Err(error)
                } else {
                    Err(Error::Qemu(format!("{error}\n{said}")))
                }
            }
        }
    }
}
