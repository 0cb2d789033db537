//! Keeps the USB ports by the [policy](super::usb_policy): the kernel lets nothing in by itself, [`Guard`] looks and decides.
//!
//! A device that is not authorised is there, and has no driver, no configuration and no say. The kernel sends no events
//! without a network layer, so [`Guard::look`] is to be called several times a second; [`GuardedConsole`] does it
//! whenever somebody may type.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::check::{Check, OTHER_IMAGE};
use super::usb_policy::{
    Description, Looked, Part, Place, Refusal, Verdict, judge, judge_looked_at, keyboards,
};
use crate::console::view::{Instruction, Tone, View};
use crate::console::{Console, ConsoleError};
use crate::key::device::{is_fido, read_bounded, read_text};
use crate::secret::Secret;
use crate::transcript::{Entry, Text};

/// So long, or until somebody has typed, every keyboard is one that was there at the start: ports take seconds to report
/// their devices.
const START: Duration = Duration::from_secs(10);
/// How often the ports are looked at while somebody may type. A key has to be ready well within 10 s after its replug.
const BEAT: Duration = Duration::from_millis(100);
/// How often a device is tried that does not take its configuration.
const TRIES: u8 = 5;
/// Largest set of descriptors: 8 configurations, each at most 64 KiB (USB 2.0, 9.6.3).
const MAX_DESCRIPTORS: u64 = (8 << 16) + 18;
/// Time in which what was typed gets from an interrupt to the terminal's queue.
const TYPED: Duration = Duration::from_millis(50);
/// Attributes of a root hub by which the kernel authorises what it finds.
const DEFAULTS: [&str; 2] = ["authorized_default", "interface_authorized_default"];

/// What the guard did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// What the device calls itself.
    pub device: String,
    /// Where it is plugged in.
    pub port: String,
    /// What was decided.
    pub decision: Decision,
}

/// What the officer is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// A keyboard was let in.
    Keyboard,
    /// Something was refused.
    Refused(Refusal),
    /// What was refused has been taken out.
    TakenOut,
}

/// A device that is plugged in.
struct Known {
    /// Number that the bus gave to this plugging-in.
    devnum: String,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Admitted { is_keyboard: bool },
    Refused,
    Tried(u8),
}

/// Decides about every device that is plugged in.
pub struct Guard {
    sys: PathBuf,
    start_ends: Instant,
    closed: BTreeSet<String>,
    known: BTreeMap<String, Known>,
    forget_typed: fn(),
}

impl Guard {
    /// Has the kernel let nothing in from now on, on the machine itself.
    #[must_use]
    pub fn start() -> Self {
        Self::at("/sys".into(), START, forget_typed)
    }

    /// Goes on after a session that crashed: its keyboards stay, and no other one is let in beside them.
    #[must_use]
    pub fn start_again() -> Self {
        let mut guard = Self::at("/sys".into(), Duration::ZERO, forget_typed);
        guard.keep_keyboards();
        guard
    }

    /// Takes over the keyboards that are let in; everything else is decided about anew.
    fn keep_keyboards(&mut self) {
        for name in self.names().into_iter().filter(|name| !name.starts_with("usb")) {
            let bytes =
                read_bounded(&self.path(&name).join("descriptors"), MAX_DESCRIPTORS).unwrap_or_default();
            let Some(devnum) = read_text(&self.path(&name).join("devnum")) else {
                continue;
            };
            let is_let_in = |place| {
                read_text(&self.path(&interface(&name, place)).join("authorized")).as_deref() == Some("1")
            };
            let is_keyboard = Description::read(&bytes)
                .is_ok_and(|device| keyboards(&device).iter().any(|(place, _)| is_let_in(*place)));
            if is_keyboard {
                let state = State::Admitted { is_keyboard };
                self.known.insert(name, Known { devnum, state });
            }
        }
    }

    /// The same for a sysfs at `sys`; for `start`, keyboards are let in whatever their number.
    fn at(sys: PathBuf, start: Duration, forget_typed: fn()) -> Self {
        let mut guard = Self {
            sys,
            start_ends: Instant::now() + start,
            closed: BTreeSet::new(),
            known: BTreeMap::new(),
            forget_typed,
        };
        guard.close(&guard.names());
        guard
    }

    /// Says that somebody has typed: the keyboards that were there at the start are known by now.
    pub fn end_start(&mut self) {
        self.start_ends = self.start_ends.min(Instant::now());
    }

    /// Looks at what is plugged in and decides about what is new.
    pub fn look(&mut self) -> Vec<News> {
        let names = self.names();
        self.close(&names);
        let devices: Vec<&String> = names.iter().filter(|n| !n.starts_with("usb")).collect();
        let is_gone = |(name, known): (&String, &Known)| {
            (known.state == State::Refused && !names.contains(name)).then(|| News {
                device: String::new(),
                port: name.clone(),
                decision: Decision::TakenOut,
            })
        };
        let mut news: Vec<News> = self.known.iter().filter_map(is_gone).collect();
        self.known.retain(|name, _| names.contains(name));
        for name in devices {
            let Some(devnum) = read_text(&self.path(name).join("devnum")) else {
                continue;
            };
            let tried = match self.known.get(name) {
                Some(known) if known.devnum == devnum => match known.state {
                    State::Tried(tries) => tries,
                    _ => continue,
                },
                _ => 0,
            };
            // What is plugged in anew is no keyboard that is there.
            self.known.remove(name);
            let (state, decision) = self.decide(name, tried);
            self.known.insert(name.clone(), Known { devnum, state });
            news.extend(decision.map(|decision| News {
                device: self.name(name),
                port: name.clone(),
                decision,
            }));
        }
        news
    }

    /// Devices and root hubs, without interfaces.
    fn names(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.sys.join("bus/usb/devices"));
        let names = entries.into_iter().flatten().flatten();
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.contains(':'))
            .collect()
    }

    fn close(&mut self, names: &BTreeSet<String>) {
        for hub in names.iter().filter(|n| n.starts_with("usb")) {
            if !self.closed.contains(hub) && DEFAULTS.iter().all(|name| self.write(hub, name, "0").is_ok()) {
                self.closed.insert(hub.clone());
            }
        }
    }

    fn decide(&self, name: &str, tried: u8) -> (State, Option<Decision>) {
        let bytes = read_bounded(&self.path(name).join("descriptors"), MAX_DESCRIPTORS).unwrap_or_default();
        let Ok(device) = Description::read(&bytes) else {
            return self.refuse(name, Refusal::Unreadable);
        };
        let wanted = self.keyboard_is_wanted();
        let mut verdict = judge(&device, wanted);
        let admitted = loop {
            let parts = match verdict {
                Verdict::Refuse(why) => return self.refuse(name, why),
                Verdict::Admit(parts) => parts,
            };
            let Ok(looked) = self.admit(name, &parts) else {
                return if tried < TRIES {
                    (State::Tried(tried + 1), None)
                } else {
                    self.refuse(name, Refusal::Unreadable)
                };
            };
            if looked.is_empty() {
                break parts;
            }
            verdict = judge_looked_at(&device, &looked, wanted);
            if verdict == Verdict::Admit(parts.clone()) {
                break parts;
            }
        };
        let is_keyboard = admitted.iter().any(|(_, part)| *part == Part::Keyboard);
        let decision = is_keyboard.then_some(Decision::Keyboard);
        (State::Admitted { is_keyboard }, decision)
    }

    fn refuse(&self, name: &str, why: Refusal) -> (State, Option<Decision>) {
        // A device that the kernel let in before the guard began loses its drivers.
        let _ = self.write(name, "authorized", "0");
        if why == Refusal::HiddenKeyboard {
            (self.forget_typed)();
        }
        (State::Refused, Some(Decision::Refused(why)))
    }

    /// Lets these interfaces in and no other one; returns what those are that may be security keys.
    fn admit(&self, name: &str, parts: &[(Place, Part)]) -> io::Result<Vec<Looked>> {
        if read_text(&self.path(name).join("authorized")).as_deref() != Some("1") {
            self.write(name, "authorized", "1")?;
        }
        let admitted: BTreeSet<String> = parts.iter().map(|(place, _)| interface(name, *place)).collect();
        let present: BTreeSet<String> = self.interfaces(name).collect();
        for other in present.difference(&admitted) {
            self.write(other, "authorized", "0")?;
        }
        // A device has one configuration at a time: what is in another one is not there.
        let there: Vec<_> = parts
            .iter()
            .filter(|(place, _)| present.contains(&interface(name, *place)))
            .collect();
        if there.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut looked = Vec::new();
        for (place, part) in there {
            let interface = interface(name, *place);
            self.write(&interface, "authorized", "1")?;
            fs::write(self.sys.join("bus/usb/drivers_probe"), &interface)?;
            if *part == Part::PerhapsKey {
                looked.push(self.look_at(&interface)?);
            }
        }
        Ok(looked)
    }

    fn interfaces(&self, name: &str) -> impl Iterator<Item = String> {
        let prefix = format!("{name}:");
        let entries = fs::read_dir(self.sys.join("bus/usb/devices"));
        let names = entries.into_iter().flatten().flatten();
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(move |other| other.starts_with(&prefix))
    }

    /// What the HID driver has found in an interface.
    fn look_at(&self, interface: &str) -> io::Result<Looked> {
        for entry in fs::read_dir(self.path(interface))?.flatten() {
            // The kernel makes `input` when a report descriptor has keys or buttons: its word counts, not a second reading.
            if let Some(descriptor) = read_bounded(&entry.path().join("report_descriptor"), 4096) {
                return Ok(Looked {
                    is_fido: is_fido(&descriptor),
                    is_input: entry.path().join("input").exists(),
                });
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    /// A keyboard is let in at the start, and later while there is none.
    fn keyboard_is_wanted(&self) -> bool {
        let built_in = fs::read_dir(self.sys.join("bus/serio/drivers/atkbd"))
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("serio"));
        let plugged = self
            .known
            .values()
            .any(|known| known.state == State::Admitted { is_keyboard: true });
        Instant::now() < self.start_ends || !(built_in || plugged)
    }

    /// What a device calls itself, or its numbers.
    fn name(&self, name: &str) -> String {
        let text = |file: &str| read_text(&self.path(name).join(file)).filter(|text| !text.is_empty());
        text("product").unwrap_or_else(|| {
            let number = |file: &str| text(file).unwrap_or_else(|| "????".into());
            format!("device {}:{}", number("idVendor"), number("idProduct"))
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sys.join("bus/usb/devices").join(name)
    }

    fn write(&self, name: &str, attribute: &str, value: &str) -> io::Result<()> {
        fs::write(self.path(name).join(attribute), value)
    }
}

/// Throws away what was typed and not read yet.
fn forget_typed() {
    std::thread::sleep(TYPED);
    let _ = rustix::termios::tcflush(rustix::stdio::stdin(), rustix::termios::QueueSelector::IFlush);
}

/// Name of an interface in sysfs.
fn interface(device: &str, place: Place) -> String {
    format!("{device}:{}.{}", place.configuration, place.interface)
}

/// Has the kernel let nothing in from now on; a [`Guard`] decides later.
pub fn close_ports() {
    drop(Guard::start());
}

/// The line of the self-test about USB: no root hub lets anything in by itself; `root` is `/` on the image.
#[must_use]
pub fn check(root: &Path) -> Check {
    let guard = Guard {
        sys: root.join("sys"),
        start_ends: Instant::now(),
        closed: BTreeSet::new(),
        known: BTreeMap::new(),
        forget_typed: || {},
    };
    let hubs: Vec<String> = guard
        .names()
        .into_iter()
        .filter(|n| n.starts_with("usb"))
        .collect();
    let is_open = |hub: &&String| {
        DEFAULTS
            .iter()
            .any(|name| read_text(&guard.path(hub).join(name)).as_deref() != Some("0"))
    };
    let open: Vec<&String> = hubs.iter().filter(is_open).collect();
    let found = match (hubs.is_empty(), open.first()) {
        (true, _) => "there is no USB port".to_owned(),
        (false, None) => format!("{} controllers let nothing in by themselves", hubs.len()),
        (false, Some(hub)) => format!("{hub} lets devices in by itself"),
    };
    Check::new(
        "USB policy",
        !hubs.is_empty() && open.is_empty(),
        found,
        OTHER_IMAGE,
    )
}

/// A console that keeps the USB ports while it waits, and tells what it refused.
pub struct GuardedConsole<'a> {
    inner: &'a mut dyn Console,
    guard: Guard,
    refused: Vec<Entry>,
    /// What the ceremony wants to be seen.
    view: View,
}

impl<'a> GuardedConsole<'a> {
    /// Puts a guard beside a console.
    #[must_use]
    pub fn new(inner: &'a mut dyn Console, guard: Guard) -> Self {
        Self {
            inner,
            guard,
            refused: Vec::new(),
            view: View::default(),
        }
    }

    /// Looks at the ports once, and tells what happened.
    pub fn look(&mut self) -> Result<(), ConsoleError> {
        for News {
            device,
            port,
            decision,
        } in self.guard.look()
        {
            match decision {
                Decision::Keyboard => self
                    .inner
                    .tell(&format!("   Keyboard: {device} on port {port}."))?,
                Decision::Refused(why) => {
                    self.inner.tell(&format!(
                        "!! Refused: {device} on port {port}; {why}.\n   {}",
                        why.hint()
                    ))?;
                    self.alarm(&device, why)?;
                    self.refused.push(Entry::UsbRefused {
                        device: Text::new(&device),
                        port: Text::new(&port),
                        reason: Text::new(&why.to_string()),
                    });
                }
                Decision::TakenOut if self.has_view() => self.inner.show(&self.view)?,
                Decision::TakenOut => {}
            }
        }
        Ok(())
    }
}

impl GuardedConsole<'_> {
    /// Shows in large letters, in place of what the ceremony says, what has to be taken out.
    fn alarm(&mut self, device: &str, why: Refusal) -> Result<(), ConsoleError> {
        if !self.has_view() {
            // A console without a view makes the line just told its largest text.
            return Ok(());
        }
        let mut view = self.view.clone();
        view.instruction = Instruction {
            tone: Tone::Trouble,
            sentence: format!("Refused: {device}"),
            detail: format!("Why: {why}. {}", why.hint()),
        };
        self.inner.show(&view)
    }

    fn has_view(&self) -> bool {
        !self.view.instruction.sentence.is_empty()
    }
}

impl Console for GuardedConsole<'_> {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        self.inner.tell(text)
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        self.look()?;
        self.inner.ask(question)
    }

    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        self.inner.withdraw()
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError> {
        let until = Instant::now() + wait;
        loop {
            self.look()?;
            let left = until.saturating_duration_since(Instant::now());
            let line = self.inner.poll(left.min(BEAT))?;
            if line.is_some() {
                self.guard.end_start();
            }
            if line.is_some() || left <= BEAT {
                return Ok(line);
            }
        }
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.look()?;
        let line = self.inner.ask_hidden(question)?;
        self.guard.end_start();
        Ok(line)
    }

    fn show(&mut self, view: &View) -> Result<(), ConsoleError> {
        self.view.clone_from(view);
        self.inner.show(view)
    }

    fn take_notes(&mut self) -> Vec<Entry> {
        let mut notes = std::mem::take(&mut self.refused);
        notes.extend(self.inner.take_notes());
        notes
    }
}

#[cfg(test)]
mod tests;
