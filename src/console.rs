//! How the station speaks with the officer: [`text`] says what in words, [`view`] what a full screen shows besides,
//! and [`screen`] (a Linux console), [`line`](mod@line) (anything else) or [`script`] (replayed answers) is what it speaks through.
//!
//! A console shows text and hands back typed lines; it never sees a PIN.

pub mod line;
pub mod screen;
pub mod script;
pub mod text;
pub mod view;

use std::time::Duration;

use crate::secret::Secret;
use crate::transcript::Entry;
use view::View;

/// The console broke: its input ended or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Nobody can type any more.
    #[error("the console's input ended")]
    Closed,
    /// The terminal failed.
    #[error("the console failed: {0}")]
    Io(#[from] std::io::Error),
    /// A script was asked what it has no answer to.
    #[error("the script has no answer to {question:?}; the question it has next is {expected:?}")]
    Unexpected {
        /// The question that was asked.
        question: String,
        /// Part of the question that comes next in the script; empty at its end.
        expected: String,
    },
}

/// A screen and a keyboard, or what stands for them.
pub trait Console {
    /// Shows a paragraph.
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError>;

    /// Shows a question; the answer comes from [`Console::poll`].
    fn ask(&mut self, question: &str) -> Result<(), ConsoleError>;

    /// Takes back the question that stands, because its answer has no meaning any more.
    fn withdraw(&mut self) -> Result<(), ConsoleError> {
        Ok(())
    }

    /// Returns a line the officer typed, or `None` when none came within `wait`.
    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError>;

    /// Asks for a text that nobody else may read, a passphrase: it is not shown while it is typed.
    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError>;

    /// Shows where the ceremony stands; a console without room for it shows nothing.
    fn show(&mut self, view: &View) -> Result<(), ConsoleError> {
        let _ = view;
        Ok(())
    }

    /// Takes what was done at the console beside the ceremony and belongs into its transcript.
    fn take_notes(&mut self) -> Vec<Entry> {
        Vec::new()
    }

    /// Waits for a line as long as it takes.
    fn wait_line(&mut self) -> Result<String, ConsoleError> {
        loop {
            if let Some(line) = self.poll(Duration::from_hours(1))? {
                return Ok(line);
            }
        }
    }
}
