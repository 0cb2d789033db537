//! The one place that drives ctap-hid-fido2, reads its error texts, and makes up for what it lacks.
//!
//! Its calls block without limit and know no CANCEL. They run in a thread of their own; this side sends
//! CANCEL to the same channel at the deadline, and the parent kills the process where even that is not heard.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use ctap_hid_fido2::{FidoKeyHid, FidoKeyHidFactory, HidParam, LibCfg};

use super::bus::KeyEvent;
use super::device::UsbPort;
use super::error::{Effect, KeyError, of_status};

/// Line that the library prints when a keepalive asks for a touch.
const TOUCH_LINE: &str = "glasskey: touch";

/// Hears the library print that the key waits for a touch.
///
/// The library tells it on standard output only, so that becomes a pipe of ours; a worker's results
/// travel elsewhere.
pub(super) struct TouchLine(Receiver<()>);

impl TouchLine {
    /// Takes over standard output of this process, which must be a worker.
    pub(super) fn install() -> std::io::Result<Self> {
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        rustix::stdio::dup2_stdout(&writer)?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(File::from(reader));
            let mut line = Vec::new();
            // Other lines name unknown members of answers; their length is the key's choice.
            while (&mut lines)
                .take(4096)
                .read_until(b'\n', &mut line)
                .is_ok_and(|n| n > 0)
            {
                if line.trim_ascii_end() == TOUCH_LINE.as_bytes() && sender.send(()).is_err() {
                    break;
                }
                line.clear();
            }
            // A full pipe would block the library in the middle of a command.
            let _ = std::io::copy(&mut lines, &mut std::io::sink());
        });
        Ok(Self(receiver))
    }

    /// A listener that hears nothing.
    #[cfg(test)]
    fn deaf() -> Self {
        Self(mpsc::channel().1)
    }
}

/// How one call of the library is followed.
pub(super) struct Follow<'a> {
    pub(super) total: Duration,
    /// What it means when that time has passed.
    pub(super) late: KeyError,
    pub(super) stop: &'a AtomicBool,
    pub(super) touch: &'a TouchLine,
    pub(super) on_event: &'a mut dyn FnMut(KeyEvent),
}

/// An open key of the library; no raw channel may be open beside it.
pub(super) struct Library {
    key: FidoKeyHid,
    node: String,
    port: UsbPort,
    channel: [u8; 4],
}

impl Library {
    /// Opens the node and gets a channel.
    pub(super) fn open(node: &str, port: &UsbPort, protocol: u8) -> Result<Self, KeyError> {
        let config = LibCfg {
            keep_alive_msg: TOUCH_LINE.into(),
            ..LibCfg::init()
        };
        let effect = Effect::Nothing;
        let key = FidoKeyHidFactory::create_by_params(&[HidParam::Path(node.into())], &config)
            .map_err(|e| read_error(&e).into_key_error(port, effect))?
            .with_pin_protocol_version(protocol);
        let channel = key
            .get_cid()
            .map_err(|e| read_error(&e).into_key_error(port, effect))?;
        Ok(Self {
            key,
            node: node.into(),
            port: port.clone(),
            channel,
        })
    }

    /// Does `work` with the library, follows it, and tells the key to stop where it takes too long.
    pub(super) fn run<T: Send, E: Display>(
        &self,
        effect: Effect,
        follow: &mut Follow<'_>,
        work: impl FnOnce(&FidoKeyHid) -> Result<T, E> + Send,
    ) -> Result<T, KeyError> {
        let (sender, done) = mpsc::channel();
        // What an earlier command asked for is over.
        while follow.touch.0.try_recv().is_ok() {}
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let _ = sender.send(work(&self.key).map_err(|e| read_error(&e)));
            });
            let started = Instant::now();
            let mut told_to_stop: Option<KeyError> = None;
            loop {
                while follow.touch.0.try_recv().is_ok() {
                    (follow.on_event)(KeyEvent::TouchNeeded);
                }
                if told_to_stop.is_none() {
                    let stop = follow.stop.load(Ordering::Relaxed);
                    if stop || started.elapsed() >= follow.total {
                        // The library's own handle is blocked; CANCEL from another one works as well.
                        let _ = self.send_cancel();
                        told_to_stop = Some(if stop {
                            KeyError::Cancelled {
                                effect: Effect::Nothing,
                            }
                        } else {
                            follow.late.clone()
                        });
                    }
                }
                match done.recv_timeout(Duration::from_millis(50)) {
                    Ok(Ok(value)) => return Ok(value),
                    Ok(Err(failure)) => {
                        return Err(match told_to_stop {
                            Some(why) if failure == Failure::Status(0x2D) => why,
                            _ => failure.into_key_error(&self.port, effect),
                        });
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    // The library panicked at what the key sent.
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(KeyError::Protocol {
                            detail: "an answer that cannot be read".into(),
                            effect,
                        });
                    }
                }
            }
        })
    }

    fn send_cancel(&self) -> std::io::Result<()> {
        let mut report = [0_u8; 65];
        report[1..5].copy_from_slice(&self.channel);
        report[5] = 0x91;
        File::options().write(true).open(&self.node)?.write_all(&report)
    }
}

/// What the library's error text means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    Status(u8),
    Gone,
    Unreadable,
}

impl Failure {
    fn into_key_error(self, port: &UsbPort, effect: Effect) -> KeyError {
        match self {
            Self::Status(code) => of_status(code, effect),
            Self::Gone => KeyError::Vanished {
                port: port.clone(),
                effect,
            },
            Self::Unreadable => KeyError::Protocol {
                detail: "an answer that cannot be read".into(),
                effect,
            },
        }
    }
}

/// Reads the library's error text; it is never shown, because some of it misleads.
fn read_error(error: &dyn Display) -> Failure {
    let text = error.to_string();
    if let Some((_, code)) = text.split_once("response_status err = 0x") {
        let digits: String = code.chars().take_while(char::is_ascii_hexdigit).take(2).collect();
        return u8::from_str_radix(&digits, 16).map_or(Failure::Unreadable, Failure::Status);
    }
    let gone = [
        "read err = ",
        "read error",
        "write error",
        "Failed to open device.",
    ];
    if gone.iter().any(|g| text.contains(g)) {
        return Failure::Gone;
    }
    Failure::Unreadable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_library_s_error_texts() {
        let read = |text: &str| read_error(&text);
        assert_eq!(
            read("response_status err = 0x31 CTAP2_ERR_PIN_INVALID   PIN Invalid."),
            Failure::Status(0x31)
        );
        assert_eq!(read("response_status err = 0x6"), Failure::Status(0x06));
        assert_eq!(read("response_status err = 0xF0 CTAP2"), Failure::Status(0xF0));
        assert_eq!(read("read err = 0xFE"), Failure::Gone);
        assert_eq!(read("write error"), Failure::Gone);
        assert_eq!(read("Failed to open device."), Failure::Gone);
        assert_eq!(read("Nonce verification failed"), Failure::Unreadable);
        assert_eq!(read("response_status err = 0x"), Failure::Unreadable);
    }

    #[test]
    fn a_deaf_listener_hears_nothing() {
        assert!(TouchLine::deaf().0.try_recv().is_err());
    }
}
