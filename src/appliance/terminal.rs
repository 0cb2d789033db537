//! The terminal of the image, as the kernel gave it: what a program that crashed on the full screen leaves is undone.

use rustix::termios::{self, OptionalActions, QueueSelector, Termios};

use crate::console::screen;

/// Ends a sequence that was cut off; normal attributes, cursor on, empty.
const NORMAL: &[u8] = b"\x18\x1b[0m\x1b[?25h\x1b[2J\x1b[H";

/// The terminal on standard input and output.
pub(super) struct Terminal {
    /// Its settings; `None` where it has none.
    found: Option<Termios>,
    is_screen: bool,
}

impl Terminal {
    /// The terminal as it is now.
    pub(super) fn found() -> Self {
        Self {
            found: termios::tcgetattr(rustix::stdio::stdin()).ok(),
            is_screen: screen::is_linux_console(),
        }
    }

    /// Makes it what it was: typed lines with an echo, a cursor, and an empty screen.
    pub(super) fn restore(&self) {
        let input = rustix::stdio::stdin();
        if let Some(found) = &self.found {
            // What was typed for the program that crashed may be a passphrase.
            let _ = termios::tcflush(input, QueueSelector::IFlush);
            let _ = termios::tcsetattr(input, OptionalActions::Now, found);
        }
        if self.is_screen {
            let _ = rustix::io::write(rustix::stdio::stdout(), NORMAL);
        }
    }
}
