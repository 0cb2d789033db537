//! QEMU's command line for a described machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::error::{Context as _, Error, Result};
use crate::qemu::builder::{Builder, Screen};
use crate::qemu::sticks::{Source, device};
use crate::qemu::{PORTS, absolute};

impl Builder {
    pub(super) fn arguments_in(&self, directory: &Path, layout: &mut Layout) -> Result<Vec<String>> {
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
        match self.screen {
            None => {}
            Some(Screen::Standard) => list.pair("-vga", "std"),
            // At 30 Hz even 3840x2160 has a pixel clock that fits into an EDID, and 64 MiB hold its picture.
            Some(Screen::Sized(width, height)) => list.pair(
                "-device",
                format!("VGA,xres={width},yres={height},refresh_rate=30000,vgamem_mb=64"),
            ),
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
            list.pair(
                "-blockdev",
                Source::image(image, true).blockdev("boot").to_string(),
            );
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
        for (name, source) in &self.sticks {
            let port = take()?;
            layout.sticks.insert(name.clone(), port);
            list.pair("-blockdev", source.blockdev(name).to_string());
            list.pair("-device", device(name, port).to_string());
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
pub(super) struct Layout {
    pub(super) sticks: BTreeMap<String, u8>,
    pub(super) reserved: Vec<u8>,
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
    use crate::medium::Medium;
    use crate::qemu::Qemu;

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
    fn sticks_are_files_or_served_and_some_are_protected() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("image");
        fs::write(&image, [0; 512]).unwrap();
        let medium = Medium::serve(&image).unwrap();
        let of = |builder: Builder| {
            let list = builder
                .kernel("k")
                .arguments_in(Path::new("/d"), &mut Layout::default());
            list.unwrap()
                .into_iter()
                .find(|word| word.contains("img-plan"))
                .unwrap()
        };
        let file = of(Qemu::builder().stick("plan", "/p"));
        assert!(
            file.contains("\"driver\":\"file\",\"filename\":\"/p\"") && file.contains("\"read-only\":false")
        );
        assert!(of(Qemu::builder().stick_read_only("plan", "/p")).contains("\"read-only\":true"));
        let served = of(Qemu::builder().stick_served("plan", &medium));
        assert!(
            served.contains("\"driver\":\"nbd\"") && served.contains("\"read-only\":false"),
            "{served}"
        );
        medium.write_protect(true);
        assert!(of(Qemu::builder().stick_served("plan", &medium)).contains("\"read-only\":true"));
    }

    #[test]
    fn a_machine_without_anything_to_boot_is_refused() {
        assert!(Qemu::builder().start().is_err());
    }
}
