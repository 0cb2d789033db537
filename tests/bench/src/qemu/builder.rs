//! The description of a machine, and its start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::console::Console;
use crate::error::{Context as _, Error, Result};
use crate::qemu::{PORTS, Qemu, absolute, blockdev};
use crate::qmp::Qmp;
use crate::usbredir::port::Port;

const PROGRAM: &str = "qemu-system-x86_64";
const START_WAIT: Duration = Duration::from_secs(20);
/// A unix socket's path has 108 bytes at most.
const LONGEST_DIRECTORY: usize = 90;
/// Debian's build of OVMF.
const OVMF_CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// A machine before its start.
#[derive(Clone, Debug)]
pub struct Builder {
    kernel: Option<PathBuf>,
    initrd: Option<PathBuf>,
    append: Option<String>,
    boot_stick: Option<PathBuf>,
    firmware: Option<(PathBuf, PathBuf)>,
    memory: u32,
    processors: u32,
    sticks: Vec<(String, PathBuf)>,
    redir_ports: u8,
    screen: bool,
    keyboard: bool,
    console_log: Option<PathBuf>,
    arguments: Vec<String>,
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
            screen: false,
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
        self.sticks.push((name.into(), image.into()));
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
        self.screen = true;
        self
    }

    /// Gives the machine a USB keyboard, for [`Qemu::send_key`].
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
                child,
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

    fn arguments_in(&self, directory: &Path, layout: &mut Layout) -> Result<Vec<String>> {
        let mut list = Arguments(Vec::new());
        // /dev/kvm may exist and still fail in the middle of a run.
        list.pair("-machine", "q35,accel=tcg");
        list.pair("-cpu", "max");
        list.pair("-m", self.memory.to_string());
        list.pair("-smp", self.processors.to_string());
        for flag in ["-nodefaults", "-no-reboot", "-no-user-config"] {
            list.0.push(flag.to_owned());
        }
        list.pair("-display", "none");
        list.pair("-chardev", "stdio,id=console,signal=off");
        list.pair("-serial", "chardev:console");
        list.pair(
            "-qmp",
            format!("unix:{}/qmp,server=on,wait=off", directory.display()),
        );
        list.pair("-device", format!("qemu-xhci,id=x,p2={PORTS},p3={PORTS}"));
        if self.screen {
            list.pair("-vga", "std");
        }
        self.boot_arguments(directory, &mut list)?;
        for n in 0..self.redir_ports {
            list.pair(
                "-chardev",
                format!(
                    "socket,id=k{n},path={}/k{n},server=on,wait=off",
                    directory.display()
                ),
            );
            list.pair(
                "-device",
                format!("usb-redir,id=u{n},chardev=k{n},bus=x.0,port={}", n + 1),
            );
        }
        let mut free = (self.redir_ports + 1..=PORTS).rev();
        let mut take = || {
            free.next()
                .ok_or_else(|| Error::Port("A machine has eight USB ports.".to_owned()))
        };
        if let Some(image) = &self.boot_stick {
            let port = take()?;
            layout.reserved.push(port);
            list.pair("-blockdev", blockdev("boot", image, true).to_string());
            list.pair(
                "-device",
                format!("usb-storage,id=dev-boot,drive=img-boot,bus=x.0,port={port},bootindex=1"),
            );
        }
        if self.keyboard {
            let port = take()?;
            layout.reserved.push(port);
            list.pair("-device", format!("usb-kbd,bus=x.0,port={port}"));
        }
        for (name, image) in &self.sticks {
            let port = take()?;
            layout.sticks.insert(name.clone(), port);
            list.pair("-blockdev", blockdev(name, image, false).to_string());
            list.pair(
                "-device",
                format!("usb-storage,id=dev-{name},drive=img-{name},bus=x.0,port={port},removable=on"),
            );
        }
        list.0.extend(self.arguments.iter().cloned());
        Ok(list.0)
    }

    fn boot_arguments(&self, directory: &Path, list: &mut Arguments) -> Result<()> {
        if let Some((code, variables)) = &self.firmware {
            let copy = directory.join("vars.fd");
            fs::copy(variables, &copy).context(|| format!("Copying {}", variables.display()))?;
            list.pair(
                "-drive",
                format!("if=pflash,format=raw,unit=0,readonly=on,file={}", code.display()),
            );
            list.pair(
                "-drive",
                format!("if=pflash,format=raw,unit=1,file={}", copy.display()),
            );
        }
        let files = [("-kernel", &self.kernel), ("-initrd", &self.initrd)];
        for (option, path) in files {
            if let Some(path) = path {
                list.pair(option, absolute(path).display().to_string());
            }
        }
        if let Some(append) = &self.append {
            list.pair("-append", append.clone());
        }
        if self.kernel.is_none() && self.boot_stick.is_none() {
            return Err(Error::Qemu(
                "A machine needs a kernel or a stick to boot from.".to_owned(),
            ));
        }
        Ok(())
    }
}

/// Which of the controller's ports QEMU's own devices took.
#[derive(Debug, Default)]
struct Layout {
    sticks: BTreeMap<String, u8>,
    reserved: Vec<u8>,
}

struct Arguments(Vec<String>);

impl Arguments {
    fn pair(&mut self, option: &str, value: impl Into<String>) {
        self.0.push(option.to_owned());
        self.0.push(value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirected_ports_come_first_and_sticks_last() {
        let builder = Qemu::builder()
            .kernel("k")
            .boot_stick("b")
            .keyboard()
            .stick("plan", "p")
            .redir_ports(3);
        let mut layout = Layout::default();
        let list = builder
            .arguments_in(Path::new("/d"), &mut layout)
            .unwrap()
            .join(" ");
        assert!(
            list.contains("usb-redir,id=u2,chardev=k2,bus=x.0,port=3"),
            "{list}"
        );
        assert!(
            list.contains("drive=img-boot,bus=x.0,port=8,bootindex=1"),
            "{list}"
        );
        assert!(list.contains("usb-kbd,bus=x.0,port=7"), "{list}");
        assert_eq!(layout.sticks["plan"], 6);
        assert!(list.contains("accel=tcg"), "{list}");
    }

    #[test]
    fn a_machine_without_anything_to_boot_is_refused() {
        assert!(Qemu::builder().start().is_err());
    }
}
