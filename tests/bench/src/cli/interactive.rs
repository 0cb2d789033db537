//! A machine driven by hand: its console is this terminal, and lines that begin with `!` go to the bench.

use std::io::BufRead as _;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use bench::engine::Touch;
use bench::error::{Error, Result};
use bench::key::VirtualKey;
use bench::qemu::Qemu;
use bench::usbredir::device::Plug;
use bench::usbredir::printer::{PortStatus, Printer};

use crate::cli::{Interactive, say, serve};

const HELP: &str = "\
!plug N | !pull N           port N: keys from 0 on, then the printer
!touch N | !decline N       answer key N's request for a touch
!clock N SECONDS            move key N's clock ahead
!counters N                 what crossed key N's wire
!printer                    state, and how many bytes it holds
!printer ready | paper-out  give or take paper
!printer save FILE          keep what was printed
!stick plug NAME IMAGE | !stick pull NAME
!screen FILE                photograph the screen
!quit                       switch the machine off";

struct Bench {
    machine: Qemu,
    keys: Vec<VirtualKey>,
    printer: Option<Printer>,
}

/// Runs the machine until it is off.
pub(super) fn run(arguments: Interactive) -> Result<()> {
    let mut bench = Bench::start(arguments)?;
    bench.machine.console().echo(true);
    let lines = input_lines();
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => match line.strip_prefix('!') {
                Some("quit") => return Ok(()),
                // A mistyped command must not cost the machine.
                Some(command) => say(&bench
                    .obey(command)
                    .unwrap_or_else(|error| format!("error: {error}")))?,
                None => bench.machine.console().send_line(&line)?,
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        if bench.machine.wait_exit(Duration::ZERO).is_ok() {
            return say("The machine is off.");
        }
    }
}

impl Bench {
    fn start(arguments: Interactive) -> Result<Self> {
        let keys = arguments
            .keys
            .iter()
            .map(VirtualKey::open)
            .collect::<Result<Vec<_>>>()?;
        let printer = arguments.printer.then(Printer::default);
        let ports = keys.len() + usize::from(printer.is_some());
        let ports = u8::try_from(ports).map_err(|_| Error::Spec("These are too many keys.".to_owned()))?;
        let mut builder = Qemu::builder()
            .memory(arguments.memory)
            .redir_ports(ports)
            .screen()
            .keyboard();
        if let Some(kernel) = arguments.kernel {
            builder = builder.kernel(kernel);
        }
        if let Some(initrd) = arguments.initrd {
            builder = builder.initrd(initrd);
        }
        if let Some(append) = arguments.append {
            builder = builder.append(append);
        }
        if let Some(image) = arguments.boot_stick {
            builder = builder.boot_stick(image);
        }
        if arguments.ovmf {
            builder = builder.ovmf();
        }
        if let Some(log) = arguments.log {
            builder = builder.console_log(log);
        }
        for (name, image) in arguments.sticks {
            builder = builder.stick(name, image);
        }
        let mut bench = Self {
            machine: builder.start()?,
            keys,
            printer,
        };
        for n in 0..usize::from(ports) {
            if arguments.plugged {
                bench.plug(n)?;
            }
            if let (true, Some(key)) = (arguments.manual, bench.keys.get(n)) {
                key.set_touch(Touch::Manual);
            }
        }
        Ok(bench)
    }

    fn obey(&mut self, command: &str) -> Result<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            ["plug", n] => self.plug(number(n)?)?,
            ["pull", n] => self.machine.pull(number(n)?)?,
            ["touch", n] => self.key(n)?.touch(),
            ["decline", n] => self.key(n)?.decline(),
            ["clock", n, seconds] => {
                let by = Duration::from_secs(number(seconds)? as u64);
                if self.key(n)?.engine().is_none() {
                    return Ok("An external key has a clock of its own.".to_owned());
                }
                self.key(n)?.advance_clock(by);
            }
            ["counters", n] => return Ok(serve::counters(self.key(n)?)),
            ["printer"] => {
                let printer = self.printer()?;
                return Ok(format!(
                    "{:?}, bytes: {}",
                    printer.status(),
                    printer.printed().len()
                ));
            }
            ["printer", "ready"] => self.printer()?.set_status(PortStatus::Ready),
            ["printer", "paper-out"] => self.printer()?.set_status(PortStatus::PaperOut),
            ["printer", "save", file] => {
                std::fs::write(file, self.printer()?.printed()).map_err(|source| Error::Io {
                    what: format!("Writing {file}"),
                    source,
                })?;
            }
            ["stick", "plug", name, image] => self.machine.plug_stick(name, Path::new(image))?,
            ["stick", "pull", name] => self.machine.pull_stick(name)?,
            ["screen", file] => self
                .machine
                .screendump(&std::path::absolute(file).unwrap_or_else(|_| file.into()))?,
            _ => return Ok(HELP.to_owned()),
        }
        Ok("done".to_owned())
    }

    fn plug(&mut self, n: usize) -> Result<()> {
        let device: &dyn Plug = match (self.keys.get(n), &self.printer) {
            (Some(key), _) => key,
            (None, Some(printer)) if n == self.keys.len() => printer,
            _ => return Err(Error::Spec(format!("Nothing belongs into port {n}."))),
        };
        self.machine.plug(n, device)
    }

    fn key(&self, n: &str) -> Result<&VirtualKey> {
        self.keys
            .get(number(n)?)
            .ok_or_else(|| Error::Spec(format!("There is no key {n}.")))
    }

    fn printer(&self) -> Result<&Printer> {
        self.printer
            .as_ref()
            .ok_or_else(|| Error::Spec("There is no printer.".to_owned()))
    }
}

fn number(text: &str) -> Result<usize> {
    text.parse()
        .map_err(|_| Error::Spec(format!("This is no number: {text}")))
}

/// The terminal's lines, read in the background so that the machine's end is noticed.
fn input_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}
