//! The terminal itself: raw mode, its size, and writing that nothing typed can stop.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use ratatui_core::layout::Size;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{self, InputModes, OptionalActions, QueueSelector, Termios};

/// Largest screen that is drawn: memory is bounded whatever the terminal says of itself.
const LARGEST: Size = Size::new(512, 256);
/// The Scroll Lock key stops the output of a Linux console: so long it is waited before that is undone.
const STOPPED: Duration = Duration::from_millis(100);
/// A terminal that takes nothing for so long is broken.
const BROKEN: Duration = Duration::from_secs(10);

/// A terminal in raw mode: bytes come as they are typed, without echo, and none of them makes a signal.
pub(super) struct Tty {
    descriptor: OwnedFd,
    /// The settings that were found, and those in use; `None` on a pipe.
    modes: Option<(Termios, Termios)>,
    /// The size of what has none, such as a pipe.
    otherwise: Size,
}

impl Tty {
    pub(super) fn new(descriptor: OwnedFd, otherwise: Size) -> io::Result<Self> {
        let modes = match termios::tcgetattr(&descriptor) {
            Ok(found) => {
                let mut raw = found.clone();
                raw.make_raw();
                termios::tcsetattr(&descriptor, OptionalActions::Now, &raw)?;
                Some((found, raw))
            }
            Err(_) => None,
        };
        Ok(Self {
            descriptor,
            modes,
            otherwise,
        })
    }

    pub(super) fn size(&self) -> Size {
        match termios::tcgetwinsize(&self.descriptor) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Size::new(size.ws_col.min(LARGEST.width), size.ws_row.min(LARGEST.height))
            }
            _ => self.otherwise,
        }
    }

    /// Writes everything, and starts the output again where a key has stopped it.
    pub(super) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut moved = Instant::now();
        while !bytes.is_empty() {
            if !ready(&self.descriptor, PollFlags::OUT, STOPPED)? {
                if moved.elapsed() > BROKEN {
                    return Err(Errno::TIMEDOUT.into());
                }
                self.start_output()?;
                continue;
            }
            // Small pieces, so that a key pressed meanwhile stops little.
            let piece = &bytes[..bytes.len().min(1024)];
            match rustix::io::write(&self.descriptor, piece) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    moved = Instant::now();
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Leaving software flow control starts a stopped terminal (Linux, `n_tty_set_termios`).
    fn start_output(&self) -> io::Result<()> {
        if let Some((_, raw)) = &self.modes {
            let mut controlled = raw.clone();
            controlled.input_modes.insert(InputModes::IXON);
            termios::tcsetattr(&self.descriptor, OptionalActions::Now, &controlled)?;
            termios::tcsetattr(&self.descriptor, OptionalActions::Now, raw)?;
        }
        Ok(())
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        if let Some((found, _)) = &self.modes {
            // What was typed for this program is not for the next one.
            let _ = termios::tcflush(&self.descriptor, QueueSelector::IFlush);
            let _ = termios::tcsetattr(&self.descriptor, OptionalActions::Now, found);
        }
    }
}

/// Whether a descriptor becomes ready within `wait`.
pub(super) fn ready(descriptor: &OwnedFd, what: PollFlags, wait: Duration) -> io::Result<bool> {
    let wait = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    };
    match poll(&mut [PollFd::new(descriptor, what)], Some(&wait)) {
        Ok(count) => Ok(count > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
