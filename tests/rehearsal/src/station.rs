//! The offline workstation: the image in QEMU with the officer's stick, a page printer and USB ports.

use std::path::Path;
use std::time::{Duration, Instant};

use bench::console::Console;
use bench::medium::Medium;
use bench::qemu::Qemu;
use bench::qemu::builder::Builder;
use bench::stick::{Layout, Stick};
use bench::usbredir::printer::Printer;

use crate::{Result, at};

/// Port of the printer; keys use the others.
pub const PRINTER_PORT: usize = 3;
/// Port of the label printer, where there is one.
pub const LABEL_PRINTER_PORT: usize = 2;
/// Name of the officer's stick at the machine.
pub const STICK: &str = "officer";
/// What the printer says of itself, as most office printers do.
pub const PRINTER_ID: &str = "MFG:Virtual;MDL:Bench Page Printer;CMD:PJL,PCL5e,PDF;";

/// A station that is switched on.
pub struct Station {
    machine: Qemu,
    printer: Printer,
    label_printer: Option<Printer>,
    stick: Stick,
    started: Instant,
}

/// Makes the officer's stick with a plan on it.
pub fn make_stick(path: &Path, plan: &str) -> Result<Stick> {
    let stick = Stick::create(path, Layout::Gpt, 32, "GLASSKEY")?;
    stick.write("plan.toml", plan.as_bytes())?;
    Ok(stick)
}

impl Station {
    /// Boots the image's scripted twin; the console's text goes to `log` as well.
    pub fn start(kernel: &Path, stick: Stick, log: &Path) -> Result<Self> {
        Self::start_with(PRINTER_ID, kernel, stick, log)
    }

    /// The same with a printer that says this of itself.
    pub fn start_with(printer: &str, kernel: &Path, stick: Stick, log: &Path) -> Result<Self> {
        let machine = Qemu::builder().stick(STICK, stick.path());
        Self::boot(machine, printer, kernel, stick, log)
    }

    /// The same on a computer whose clock says `clock` (UTC, as QEMU reads it: `1999-12-31T23:59:00`).
    pub fn start_at(kernel: &Path, stick: Stick, clock: &str, log: &Path) -> Result<Self> {
        let machine = Qemu::builder()
            .stick(STICK, stick.path())
            .arg("-rtc")
            .arg(format!("base={clock}"));
        Self::boot(machine, PRINTER_ID, kernel, stick, log)
    }

    /// The same with the stick's image served by `medium`, which can fail and counts what it is asked for.
    pub fn start_served(kernel: &Path, stick: Stick, medium: &Medium, log: &Path) -> Result<Self> {
        let machine = Qemu::builder().stick_served(STICK, medium);
        Self::boot(machine, PRINTER_ID, kernel, stick, log)
    }

    /// The same for a machine whose memory can still be looked at when the guest has switched it off ([`Self::wait_off`]).
    pub fn start_kept(kernel: &Path, stick: Stick, log: &Path) -> Result<Self> {
        let machine = Qemu::builder().stick(STICK, stick.path()).arg("-no-shutdown");
        Self::boot(machine, PRINTER_ID, kernel, stick, log)
    }

    fn boot(machine: Builder, printer: &str, kernel: &Path, stick: Stick, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder).map_err(at(folder))?;
        }
        let mut machine = machine
            .kernel(kernel)
            .memory(512)
            .redir_ports(4)
            .console_log(log)
            .start()?;
        let started = Instant::now();
        let printer = Printer::new(printer);
        machine.plug(PRINTER_PORT, &printer)?;
        Ok(Self {
            machine,
            printer,
            label_printer: None,
            stick,
            started,
        })
    }

    /// The machine, for plugging.
    pub fn machine(&mut self) -> &mut Qemu {
        &mut self.machine
    }

    /// The screen and the keyboard.
    #[must_use]
    pub fn console(&self) -> &Console {
        self.machine.console()
    }

    /// The printer.
    #[must_use]
    pub fn printer(&self) -> &Printer {
        &self.printer
    }

    /// Connects a label printer beside the page printer.
    pub fn connect_label_printer(&mut self, printer: &Printer) -> Result<()> {
        self.machine.plug(LABEL_PRINTER_PORT, printer)?;
        self.label_printer = Some(printer.clone());
        Ok(())
    }

    /// All that the printer of labels has printed, which is the page printer where there is no other.
    #[must_use]
    pub fn labels_printed(&self) -> Vec<u8> {
        self.label_printer.as_ref().unwrap_or(&self.printer).printed()
    }

    /// The officer's stick.
    #[must_use]
    pub fn stick(&self) -> &Stick {
        &self.stick
    }

    /// Time since power-on.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until the guest has switched off a machine that keeps its memory.
    pub fn wait_off(&mut self) -> Result<()> {
        let is_off = |event: &serde_json::Value| event["event"] == "SHUTDOWN";
        let machine = &mut self.machine;
        Ok(machine
            .qmp()
            .wait_event(Duration::from_mins(1), is_off)
            .map(drop)?)
    }

    /// Waits for the machine to switch itself off; returns the stick and all that was printed.
    pub fn finish(mut self) -> Result<(Stick, Vec<u8>)> {
        self.machine.wait_exit(Duration::from_secs(30))?;
        Ok((self.stick, self.printer.printed()))
    }

    /// Cuts the power where it stands; returns the stick and all that was printed.
    pub fn cut(mut self) -> Result<(Stick, Vec<u8>)> {
        self.machine.kill()?;
        Ok((self.stick, self.printer.printed()))
    }
}
