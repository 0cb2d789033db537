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

/// Asks for a line without an echo, until there is one.
///
/// `None` when interrupted, at the end of the input, or when the terminal would show what is typed.
pub(super) fn ask(question: &str, interrupt: &Interrupt) -> Option<Secret<String>> {
    let silence = Silence::begin().ok()?;
    let line = loop {
        let _ = write!(io::stderr(), "{question} (not shown): ");
        let line = read(interrupt);
        let _ = writeln!(io::stderr());
        // An empty line is no PIN of any key.
        if line.as_ref().is_none_or(|line| !line.expose().is_empty()) {
            break line;
        }
    };
    drop(silence);
    line
}

/// Reads past the buffer of standard input, which nobody wipes.
fn read(interrupt: &Interrupt) -> Option<Secret<String>> {
    super::terminal::await_input(interrupt)?;
    let mut buffer = Zeroizing::new([0_u8; LONGEST]);
    let length = rustix::io::read(rustix::stdio::stdin(), buffer.as_mut_slice()).ok()?;
    line_of(&buffer[..length])
}

/// The text of what was read, empty where it is none; nothing at the end of the input.
fn line_of(read: &[u8]) -> Option<Secret<String>> {
    if read.is_empty() {
        return None;
    }
    let line = read.strip_suffix(b"\n").unwrap_or(read);
    let text = std::str::from_utf8(line).unwrap_or_default();
    Some(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_before_its_newline_and_the_input_with_nothing() {
        let text = |read: &[u8]| line_of(read).map(|line| line.expose().clone());
        assert_eq!(text(b"7391 5082\n").as_deref(), Some("7391 5082"));
        assert_eq!(text(b"p\xc3\xa4ss").as_deref(), Some("p\u{e4}ss"));
        assert_eq!(text(b"\n").as_deref(), Some(""));
        assert_eq!(text(b"\xff\n").as_deref(), Some(""));
        assert_eq!(text(b""), None);
    }
}
