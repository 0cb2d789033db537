//! CTAPHID (CTAP 2.1, 11.2): messages over 64-byte reports, with a limit on everything a key can do wrong.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use super::bus::KeyEvent;
use super::device::UsbPort;
use super::error::{Effect, KeyError, of_status};

/// One report, without a report id.
pub type Report = [u8; 64];

const BROADCAST: [u8; 4] = [0xFF; 4];
const INIT: u8 = 0x86;
const CBOR: u8 = 0x90;
const CANCEL: u8 = 0x91;
const KEEPALIVE: u8 = 0xBB;
const ERROR: u8 = 0xBF;
/// Longest message: one initial and 128 following reports.
const MAX_MESSAGE: usize = 57 + 128 * 59;
const STATUS_BUSY: u8 = 0x06;
const STATUS_BAD_CHANNEL: u8 = 0x0B;
const STATUS_CANCELLED: u8 = 0x2D;
/// How often the stop flag is looked at while a key is silent.
const SLICE: Duration = Duration::from_millis(50);

/// Where reports come from and go to: hidraw, or a virtual key in tests.
pub trait ReportPipe {
    /// Sends one report.
    fn send(&mut self, report: &Report) -> Result<(), PipeError>;

    /// Waits up to `wait` for a report; `None` means that the time has passed.
    fn recv(&mut self, wait: Duration) -> Result<Option<Report>, PipeError>;
}

/// Why reports no longer come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipeError {
    /// The device is no longer there.
    Gone,
    /// A report of this many bytes came.
    Size(usize),
}

/// Limits of patience.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// For the answer to INIT.
    pub init: Duration,
    /// How often INIT is tried: a key that was just plugged in may need a moment.
    pub init_attempts: u8,
    /// Between two reports of a key at work; keys send keepalives about every 100 ms.
    pub gap: Duration,
    /// How long a busy key is asked again, and how long to wait in between.
    pub busy: Duration,
    /// Pause between two attempts at a busy key.
    pub busy_pause: Duration,
    /// For the last answer after CANCEL.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(1),
            init_attempts: 2,
            gap: Duration::from_secs(2),
            busy: Duration::from_secs(3),
            busy_pause: Duration::from_millis(200),
            drain: Duration::from_secs(1),
        }
    }
}

/// How one command is followed.
pub struct Call<'a> {
    /// Longest time in all; keepalives do not extend it. Keys give up waiting for a touch after 30 s.
    pub total: Duration,
    /// Set, it ends the command with CANCEL.
    pub stop: &'a AtomicBool,
    /// Hears what the key's keepalives say, whenever that changes.
    pub on_event: &'a mut dyn FnMut(KeyEvent),
}

/// Why a command has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChannelError {
    /// The device is no longer there.
    Gone,
    /// Nothing came for longer than any key at work is silent.
    Mute,
    /// The time for the whole command has passed; the key was told to stop.
    TimedOut,
    /// The stop flag was set; the key was told to stop.
    Stopped,
    /// The key stayed busy with something else.
    Busy,
    /// The key broke the rules of the protocol.
    Violation(String),
    /// The transport layer of the key answered with an error.
    Transport(u8),
    /// The key answered with this CTAP status.
    Status(u8),
}

impl From<PipeError> for ChannelError {
    fn from(error: PipeError) -> Self {
        match error {
            PipeError::Gone => Self::Gone,
            PipeError::Size(size) => Self::Violation(format!("a report of {size} bytes instead of 64")),
        }
    }
}

impl ChannelError {
    /// The same as an error for people; `effect` where the command may have been carried out.
    #[must_use]
    pub fn into_key_error(self, port: &UsbPort, effect: Effect) -> KeyError {
        match self {
            Self::Gone => KeyError::Vanished {
                port: port.clone(),
                effect,
            },
            Self::Mute => KeyError::Mute { effect },
            Self::TimedOut => KeyError::NoTouch,
            Self::Stopped => KeyError::Cancelled {
                effect: Effect::Nothing,
            },
            Self::Busy => KeyError::Busy,
            Self::Violation(detail) => KeyError::Protocol { detail, effect },
            Self::Transport(code) => KeyError::Protocol {
                detail: format!("transport error 0x{code:02X}"),
                effect,
            },
            Self::Status(code) => of_status(code, effect),
        }
    }
}

/// Time that also passes when a pipe says that it waited, so that tests need not.
struct Timer {
    started: Instant,
    skipped: Duration,
}

impl Timer {
    fn start() -> Self {
        Self {
            started: Instant::now(),
            skipped: Duration::ZERO,
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed() + self.skipped
    }

    fn recv(&mut self, pipe: &mut dyn ReportPipe, until: Duration) -> Result<Option<Report>, ChannelError> {
        let before = self.now();
        let wait = until
            .saturating_sub(before)
            .min(SLICE)
            .max(Duration::from_millis(1));
        let report = pipe.recv(wait)?;
        if report.is_none() {
            self.skipped += (before + wait).saturating_sub(self.now());
        }
        Ok(report)
    }
}

/// What a message exchange came to.
enum Received {
    Message(Vec<u8>),
    Busy,
    BadChannel,
}

/// A message that is coming in.
struct Assembly {
    length: usize,
    bytes: Vec<u8>,
    sequence: u8,
}

impl Assembly {
    fn start(report: &Report) -> Result<Self, ChannelError> {
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        if length == 0 || length > MAX_MESSAGE {
            return Err(ChannelError::Violation(format!("a message of {length} bytes")));
        }
        let mut bytes = Vec::with_capacity(length);
        bytes.extend_from_slice(&report[7..7 + length.min(57)]);
        Ok(Self {
            length,
            bytes,
            sequence: 0,
        })
    }

    fn add(&mut self, report: &Report) -> Result<(), ChannelError> {
        if report[4] != self.sequence {
            return Err(ChannelError::Violation(format!(
                "packet {:#04x} in place of packet {:#04x}",
                report[4], self.sequence
            )));
        }
        let missing = self.length - self.bytes.len();
        self.bytes.extend_from_slice(&report[5..5 + missing.min(59)]);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(())
    }

    fn complete(&self) -> bool {
        self.bytes.len() == self.length
    }
}

/// A logical channel to one key.
pub struct Channel<P> {
    pipe: P,
    limits: Limits,
    id: [u8; 4],
    capabilities: u8,
}

impl<P: ReportPipe> Channel<P> {
    /// Proves that the key answers (INIT) and gets a channel of our own.
    pub fn open(pipe: P, limits: Limits) -> Result<Self, ChannelError> {
        let mut channel = Self {
            pipe,
            limits,
            id: BROADCAST,
            capabilities: 0,
        };
        channel.init()?;
        Ok(channel)
    }

    /// Whether the key says that it knows CTAP2 messages.
    #[must_use]
    pub fn knows_cbor(&self) -> bool {
        self.capabilities & 0x04 != 0
    }

    /// Gives the pipe back.
    pub fn into_pipe(self) -> P {
        self.pipe
    }

    /// Sends a CTAP2 command and returns the body of its answer (the bytes after the status).
    ///
    /// An answer that came in spite of our CANCEL counts: it is the truth about the key.
    pub fn cbor(&mut self, command: u8, body: &[u8], call: &mut Call<'_>) -> Result<Vec<u8>, ChannelError> {
        let message = [&[command], body].concat();
        if message.len() > MAX_MESSAGE {
            return Err(ChannelError::Violation("the command is too long".into()));
        }
        let mut timer = Timer::start();
        let mut opened_again = false;
        loop {
            self.send(CBOR, &message)?;
            match self.receive(&mut timer, call)? {
                Received::Message(mut answer) => {
                    // An assembled message has at least one byte.
                    return match answer.remove(0) {
                        0x00 => Ok(answer),
                        status => Err(ChannelError::Status(status)),
                    };
                }
                Received::Busy if call.stop.load(Ordering::Relaxed) => return Err(ChannelError::Stopped),
                Received::Busy if timer.now() >= self.limits.busy => return Err(ChannelError::Busy),
                Received::Busy => std::thread::sleep(self.limits.busy_pause),
                Received::BadChannel if opened_again => {
                    return Err(ChannelError::Transport(STATUS_BAD_CHANNEL));
                }
                Received::BadChannel => {
                    opened_again = true;
                    self.init()?;
                }
            }
        }
    }

    fn init(&mut self) -> Result<(), ChannelError> {
        self.id = BROADCAST;
        for _ in 0..self.limits.init_attempts {
            let mut nonce = [0_u8; 8];
            SystemRandom::new()
                .fill(&mut nonce)
                .map_err(|_| ChannelError::Violation("the kernel gave no random numbers".into()))?;
            self.send(INIT, &nonce)?;
            let mut timer = Timer::start();
            while timer.now() < self.limits.init {
                let Some(report) = timer.recv(&mut self.pipe, self.limits.init)? else {
                    continue;
                };
                // Stale answers, also to other programs' INIT, differ in command or nonce.
                let ours = report[..4] == BROADCAST && report[4] == INIT && report[7..15] == nonce;
                if !ours {
                    continue;
                }
                let length = u16::from_be_bytes([report[5], report[6]]);
                let id = [report[15], report[16], report[17], report[18]];
                if length < 17 || id == BROADCAST || id == [0; 4] {
                    return Err(ChannelError::Violation("an unusable channel".into()));
                }
                self.id = id;
                self.capabilities = report[23];
                return Ok(());
            }
        }
        Err(ChannelError::Mute)
    }

    fn send(&mut self, command: u8, message: &[u8]) -> Result<(), ChannelError> {
        let length = u16::try_from(message.len())
            .map_err(|_| ChannelError::Violation("the command is too long".into()))?;
        let (first, rest) = message.split_at(message.len().min(57));
        let mut report = [0_u8; 64];
        report[..4].copy_from_slice(&self.id);
        report[4] = command;
        report[5..7].copy_from_slice(&length.to_be_bytes());
        report[7..7 + first.len()].copy_from_slice(first);
        self.pipe.send(&report)?;
        for (sequence, part) in (0_u8..).zip(rest.chunks(59)) {
            let mut report = [0_u8; 64];
            report[..4].copy_from_slice(&self.id);
            report[4] = sequence;
            report[5..5 + part.len()].copy_from_slice(part);
            self.pipe.send(&report)?;
        }
        Ok(())
    }

    /// Collects the answer to the command that was just sent.
    fn receive(&mut self, timer: &mut Timer, call: &mut Call<'_>) -> Result<Received, ChannelError> {
        let mut heard = timer.now();
        let mut told: Option<KeyEvent> = None;
        let mut message: Option<Assembly> = None;
        loop {
            let now = timer.now();
            let why = if call.stop.load(Ordering::Relaxed) {
                Some(ChannelError::Stopped)
            } else if now >= call.total {
                Some(ChannelError::TimedOut)
            } else if now >= heard + self.limits.gap {
                Some(ChannelError::Mute)
            } else {
                None
            };
            if let Some(why) = why {
                return self.give_up(timer, message, why);
            }
            let until = (heard + self.limits.gap).min(call.total);
            let Some(report) = timer.recv(&mut self.pipe, until)? else {
                continue;
            };
            // Every open descriptor gets every report: foreign channels are none of our business.
            if report[..4] != self.id {
                continue;
            }
            heard = timer.now();
            if report[4] == KEEPALIVE && message.is_none() {
                let event = if report[7] == 2 {
                    KeyEvent::TouchNeeded
                } else {
                    KeyEvent::Working
                };
                if told != Some(event) {
                    told = Some(event);
                    (call.on_event)(event);
                }
                continue;
            }
            if let Some(received) = take(&mut message, &report)? {
                return Ok(received);
            }
        }
    }

    /// Tells the key to stop and waits for its last word, or the next command would find it busy.
    fn give_up(
        &mut self,
        timer: &mut Timer,
        mut message: Option<Assembly>,
        why: ChannelError,
    ) -> Result<Received, ChannelError> {
        self.send(CANCEL, &[])?;
        let until = timer.now() + self.limits.drain;
        while timer.now() < until {
            let Some(report) = timer.recv(&mut self.pipe, until)? else {
                continue;
            };
            if report[..4] != self.id || report[4] == KEEPALIVE {
                continue;
            }
            match take(&mut message, &report) {
                Ok(None) => {}
                Ok(Some(Received::Message(answer))) if answer.first() != Some(&STATUS_CANCELLED) => {
                    return Ok(Received::Message(answer));
                }
                Ok(Some(_)) | Err(_) => return Err(why),
            }
        }
        // A key that does not even answer CANCEL is mute, whatever we were waiting for.
        Err(ChannelError::Mute)
    }
}

/// Takes one report of our channel, keepalives excepted, into the message.
fn take(message: &mut Option<Assembly>, report: &Report) -> Result<Option<Received>, ChannelError> {
    match (report[4], message.as_mut()) {
        (ERROR, _) => {
            return match report[7] {
                STATUS_BUSY => Ok(Some(Received::Busy)),
                STATUS_BAD_CHANNEL => Ok(Some(Received::BadChannel)),
                code => Err(ChannelError::Transport(code)),
            };
        }
        (CBOR, None) => *message = Some(Assembly::start(report)?),
        (sequence, Some(assembly)) if sequence & 0x80 == 0 => assembly.add(report)?,
        (other, _) => {
            return Err(ChannelError::Violation(format!(
                "an unexpected packet {other:#04x}"
            )));
        }
    }
    if message.as_ref().is_some_and(Assembly::complete) {
        let bytes = message.take().map(|m| m.bytes).unwrap_or_default();
        return Ok(Some(if bytes == [STATUS_BUSY] {
            Received::Busy
        } else {
            Received::Message(bytes)
        }));
    }
    Ok(None)
}

/// A pipe that plays arbitrary bytes as reports of 64 bytes, each behind one byte of instructions.
///
/// Bits 0, 1, 2 copy channel, command and nonce from the host's last report, so that answers can fit;
/// the two high bits make silence or a report of a wrong size.
struct Replay<'a> {
    bytes: &'a [u8],
    sent: Report,
}

impl ReportPipe for Replay<'_> {
    fn send(&mut self, report: &Report) -> Result<(), PipeError> {
        self.sent = *report;
        Ok(())
    }

    fn recv(&mut self, _: Duration) -> Result<Option<Report>, PipeError> {
        let Some((head, rest)) = self.bytes.split_first_chunk::<65>() else {
            self.bytes = &[];
            return Ok(None);
        };
        self.bytes = rest;
        let mut report = [0; 64];
        report.copy_from_slice(&head[1..]);
        match head[0] & 0xC0 {
            0xC0 => return Ok(None),
            0x80 => return Err(PipeError::Size(usize::from(head[1]))),
            _ => {}
        }
        if head[0] & 1 != 0 {
            report[..4].copy_from_slice(&self.sent[..4]);
        }
        if head[0] & 2 != 0 {
            report[4] = self.sent[4];
        }
        if head[0] & 4 != 0 {
            report[7..15].copy_from_slice(&self.sent[7..15]);
        }
        Ok(Some(report))
    }
}

/// Plays arbitrary bytes to a channel and to the readers behind it; for fuzzing, must never panic.
pub fn exercise(bytes: &[u8]) {
    let limits = Limits {
        busy: Duration::ZERO,
        busy_pause: Duration::ZERO,
        ..Limits::default()
    };
    let replay = Replay { bytes, sent: [0; 64] };
    if let Ok(mut channel) = Channel::open(replay, limits) {
        let mut call = Call {
            total: Duration::from_secs(35),
            stop: &AtomicBool::new(false),
            on_event: &mut |_| {},
        };
        if let Ok(body) = channel.cbor(0x04, &[], &mut call) {
            let _ = super::info::parse(&body);
        }
    }
    let _ = super::info::parse(bytes);
    let _ = super::auth_data::AuthData::parse(bytes);
}
