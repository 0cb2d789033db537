//! The guest's serial console: read in the background, kept in a file, searched by tests.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;

use crate::error::{Context as _, Error, Result};

/// How much of the console an error shows.
const LINES_SHOWN: usize = 30;

/// What is looked for.
#[derive(Clone, Debug)]
pub enum Pattern {
    /// These very characters.
    Text(String),
    /// Whatever fits.
    Regex(Regex),
}

impl From<&str> for Pattern {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Regex> for Pattern {
    fn from(regex: Regex) -> Self {
        Self::Regex(regex)
    }
}

impl Pattern {
    fn find(&self, text: &str) -> Option<(usize, usize)> {
        match self {
            Self::Text(wanted) => text.find(wanted.as_str()).map(|at| (at, at + wanted.len())),
            Self::Regex(regex) => regex.find(text).map(|found| (found.start(), found.end())),
        }
    }

    fn shown(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Regex(regex) => regex.as_str(),
        }
    }
}

/// The test's end of a serial line.
pub struct Console {
    shared: Arc<Shared>,
    input: Mutex<Box<dyn Write + Send>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Default)]
struct State {
    text: String,
    read_up_to: usize,
    ended: bool,
    echo: bool,
}

impl Console {
    /// Begins to read; every byte goes to the log file as it comes.
    ///
    /// # Errors
    ///
    /// The log file cannot be made.
    pub fn start(
        output: impl Read + Send + 'static,
        input: impl Write + Send + 'static,
        log: &Path,
    ) -> Result<Self> {
        let log_file = File::create(log).context(|| format!("Creating the console log {}", log.display()))?;
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        thread::spawn(move || reader.read(output, log_file));
        Ok(Self {
            shared,
            input: Mutex::new(Box::new(input)),
        })
    }

    /// Waits for a text or a regular expression; gives what came up to its end, and goes on from there.
    ///
    /// Carriage returns and terminal escape sequences are left out, here and in everything returned.
    ///
    /// # Errors
    ///
    /// It does not come in time, or the guest has ended; the error shows the last lines.
    pub fn expect(&self, pattern: impl Into<Pattern>, timeout: Duration) -> Result<String> {
        self.expect_one_of([pattern.into()], timeout)
            .map(|(_, text)| text)
    }

    /// Waits for whichever comes first; gives its place in the list, and what came up to its end.
    ///
    /// # Errors
    ///
    /// None comes in time, or the guest has ended.
    pub fn expect_one_of(
        &self,
        patterns: impl IntoIterator<Item = impl Into<Pattern>>,
        timeout: Duration,
    ) -> Result<(usize, String)> {
        let patterns: Vec<Pattern> = patterns.into_iter().map(Into::into).collect();
        let end = Instant::now() + timeout;
        let mut state = self.shared.lock();
        loop {
            let unread = &state.text[state.read_up_to..];
            let found = patterns.iter().enumerate().filter_map(|(place, pattern)| {
                pattern.find(unread).map(|(start, stop)| (start, stop, place))
            });
            if let Some((_, stop, place)) = found.min() {
                let text = unread[..stop].to_owned();
                state.read_up_to += stop;
                return Ok((place, text));
            }
            let left = end.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                let wanted: Vec<&str> = patterns.iter().map(Pattern::shown).collect();
                let why = if state.ended {
                    "The guest has ended"
                } else {
                    "The guest does not say it in time"
                };
                return Err(Error::Console(format!(
                    "{why}: {}\n--- last lines of the console ---\n{}",
                    wanted.join("` or `"),
                    last_lines(&state.text)
                )));
            }
            (state, _) = self
                .shared
                .grown
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Types a line and Return.
    ///
    /// # Errors
    ///
    /// The guest has ended.
    pub fn send_line(&self, line: &str) -> Result<()> {
        self.send(&format!("{line}\n"))
    }

    /// Types characters as they are.
    ///
    /// # Errors
    ///
    /// The guest has ended.
    pub fn send(&self, text: &str) -> Result<()> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        input
            .write_all(text.as_bytes())
            .and_then(|()| input.flush())
            .context(|| "Typing on the guest's console".to_owned())
    }

    /// Everything said so far.
    #[must_use]
    pub fn text(&self) -> String {
        self.shared.lock().text.clone()
    }

    /// What was said after the last expected text.
    #[must_use]
    pub fn unread(&self) -> String {
        let state = self.shared.lock();
        state.text[state.read_up_to..].to_owned()
    }

    /// Copies everything that comes to the standard output too, or stops doing so.
    pub fn echo(&self, on: bool) {
        self.shared.lock().echo = on;
    }

    /// The last lines, as errors show them.
    #[must_use]
    pub fn last_lines(&self) -> String {
        last_lines(&self.shared.lock().text)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, mut output: impl Read, mut log: File) {
        let mut plain = Plain::default();
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = output.read(&mut chunk) {
            // A full disk must not stop the test that it belongs to.
            let _ = log.write_all(&chunk[..count]);
            let text = plain.take(&chunk[..count]);
            let mut state = self.lock();
            state.text.push_str(&text);
            let echo = state.echo;
            drop(state);
            self.grown.notify_all();
            if echo {
                let mut terminal = std::io::stdout().lock();
                let _ = terminal
                    .write_all(&chunk[..count])
                    .and_then(|()| terminal.flush());
            }
        }
        self.lock().ended = true;
        self.grown.notify_all();
    }
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

/// Makes plain text of a terminal's bytes, chunk by chunk.
#[derive(Debug, Default)]
struct Plain {
    rest: Vec<u8>,
}

impl Plain {
    fn take(&mut self, chunk: &[u8]) -> String {
        self.rest.extend_from_slice(chunk);
        let mut text = Vec::new();
        let mut at = 0;
        while at < self.rest.len() {
            match self.rest[at] {
                0x1b => match escape_length(&self.rest[at..]) {
                    Some(length) => at += length,
                    None => break,
                },
                b'\r' => at += 1,
                byte => {
                    text.push(byte);
                    at += 1;
                }
            }
        }
        let mut kept = self.rest.split_off(at);
        // A character may be cut in two as well.
        let whole = match std::str::from_utf8(&text) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => text.len(),
        };
        self.rest = text.split_off(whole);
        self.rest.append(&mut kept);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// The length of the escape sequence at the beginning, or `None` if it goes on.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'[' => bytes[2..]
            .iter()
            .position(|byte| (0x40..=0x7e).contains(byte))
            .map(|at| at + 3),
        b'(' | b')' | b'#' => bytes.get(2).map(|_| 3),
        _ => Some(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_out_escapes_even_in_pieces() {
        let mut plain = Plain::default();
        let mut text = String::new();
        for byte in "\x1b[2J\x1b[1;31mInsert\x1b[0m the key…\r\n".as_bytes() {
            text.push_str(&plain.take(&[*byte]));
        }
        assert_eq!(text, "Insert the key…\n");
    }

    #[test]
    fn expects_in_order_and_shows_the_last_lines() {
        let directory = tempfile::tempdir().unwrap();
        let output = std::io::Cursor::new(b"one\r\ntwo 22\r\nthree\r\n".to_vec());
        let console = Console::start(output, Vec::new(), &directory.path().join("log")).unwrap();
        let second = Duration::from_secs(1);
        assert_eq!(console.expect("one", second).unwrap(), "one");
        let number = console.expect(Regex::new(r"\d+").unwrap(), second).unwrap();
        assert_eq!(number, "\ntwo 22");
        assert_eq!(console.expect_one_of(["never", "three"], second).unwrap().0, 1);
        let error = console.expect("one", second).unwrap_err().to_string();
        assert!(error.contains("The guest has ended: one"), "{error}");
        assert!(error.ends_with("one\ntwo 22\nthree"), "{error}");
    }
}
