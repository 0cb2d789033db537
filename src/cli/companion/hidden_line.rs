//! A line typed on the terminal that nobody sees: PINs.

use std::io::{self, Write as _};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

use crate::graph::Interrupt;
use crate::secret::Secret;

/// Longest line that is read; a PIN has at most 63 bytes.
const LONGEST: usize = 256;

/// The terminal without an echo, until dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let found = termios::tcgetattr(rustix::stdio::stdin())?;
        let mut silent = found.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        // Flush: what was typed before the question was not meant for it.
        termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(found))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Asks for a line without an echo; `None` when interrupted, or when the terminal would show it.
pub(super) fn ask(question: &str, interrupt: &Interrupt) -> Option<Secret<String>> {
    let silence = Silence::begin().ok()?;
    let _ = write!(io::stderr(), "{question} (not shown): ");
    let line = read(interrupt);
    drop(silence);
    let _ = writeln!(io::stderr());
    line
}

/// Reads past the buffer of standard input, which nobody wipes.
fn read(interrupt: &Interrupt) -> Option<Secret<String>> {
    super::terminal::await_input(interrupt)?;
    let mut buffer = Zeroizing::new([0_u8; LONGEST]);
    let length = rustix::io::read(rustix::stdio::stdin(), buffer.as_mut_slice()).ok()?;
    let line = buffer[..length].strip_suffix(b"\n")?;
    let text = std::str::from_utf8(line).ok().filter(|text| !text.is_empty())?;
    Some(Secret::new(text.to_owned()))
}
