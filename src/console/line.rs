//! The plain console: paragraphs and typed lines on a terminal, a serial line or a pipe.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{self, LocalModes, OptionalActions};
use zeroize::Zeroize;

use super::{Console, ConsoleError};
use crate::secret::Secret;

/// Longest line that is kept; a scanner or a cat on the keyboard cannot fill the memory.
const MAX_LINE: usize = 512;
/// Reads that are thrown away before a question; something that types without end gets no further.
const TYPED_AHEAD: usize = 64;

/// Reads lines from one descriptor and writes to another.
pub struct LineConsole<W: Write> {
    input: OwnedFd,
    output: W,
    pending: Vec<u8>,
}

impl LineConsole<io::Stdout> {
    /// The console on standard input and output.
    pub fn standard() -> io::Result<Self> {
        Ok(Self::new(rustix::io::dup(rustix::stdio::stdin())?, io::stdout()))
    }
}

impl<W: Write> LineConsole<W> {
    /// A console on these descriptors.
    pub fn new(input: OwnedFd, output: W) -> Self {
        Self {
            input,
            output,
            pending: Vec::new(),
        }
    }

    /// Takes the first whole line out of what was read.
    fn take_line(&mut self) -> Option<String> {
        let end = self.pending.iter().position(|b| matches!(b, b'\n' | b'\r'))?;
        let mut line: Vec<u8> = self.pending.drain(..=end).take(end).collect();
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        // It may be a passphrase.
        line.zeroize();
        Some(text)
    }

    /// Waits for a line that is a secret.
    fn hidden_line(&mut self) -> Result<Secret<String>, ConsoleError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Secret::new(line));
            }
            self.fill(Duration::from_hours(1))?;
        }
    }

    /// Reads what is there within `wait`; false when nothing came.
    fn fill(&mut self, wait: Duration) -> Result<bool, ConsoleError> {
        let wait = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(wait.subsec_nanos()),
        };
        let mut fds = [PollFd::new(&self.input, PollFlags::IN)];
        match poll(&mut fds, Some(&wait)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(false),
            Ok(_) => {}
            Err(error) => return Err(io::Error::from(error).into()),
        }
        let mut bytes = [0_u8; 256];
        match rustix::io::read(&self.input, &mut bytes[..]) {
            Ok(0) => Err(ConsoleError::Closed),
            Ok(count) => {
                let room = MAX_LINE.saturating_sub(self.pending.len());
                // An overlong line is cut; its end still ends it.
                let keep = bytes[..count]
                    .iter()
                    .enumerate()
                    .filter(|(i, b)| *i < room || **b == b'\n');
                self.pending.extend(keep.map(|(_, b)| *b));
                Ok(true)
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Ok(false),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}

impl<W: Write> Console for LineConsole<W> {
    fn tell(&mut self, text: &str) -> Result<(), ConsoleError> {
        writeln!(self.output, "{text}")?;
        Ok(self.output.flush()?)
    }

    fn ask(&mut self, question: &str) -> Result<(), ConsoleError> {
        // A line typed before this question was seen answers another one.
        for _ in 0..TYPED_AHEAD {
            if !self.fill(Duration::ZERO)? {
                break;
            }
        }
        self.pending.zeroize();
        write!(self.output, "{question} ")?;
        Ok(self.output.flush()?)
    }

    fn ask_hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.pending = Vec::with_capacity(MAX_LINE);
        // On a pipe there is nothing to hide from, and no echo to switch off.
        let shown = termios::tcgetattr(&self.input).ok();
        if let Some(shown) = &shown {
            let mut hidden = shown.clone();
            hidden.local_modes.remove(LocalModes::ECHO);
            termios::tcsetattr(&self.input, OptionalActions::Now, &hidden).map_err(io::Error::from)?;
        }
        // Whoever sees the question may type: the echo is off by then.
        let line = self.ask(question).and_then(|()| self.hidden_line());
        self.pending.zeroize();
        if let Some(shown) = &shown {
            termios::tcsetattr(&self.input, OptionalActions::Now, shown).map_err(io::Error::from)?;
        }
        writeln!(self.output)?;
        line
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<String>, ConsoleError> {
        let until = Instant::now() + wait;
        loop {
            if let Some(line) = self.take_line() {
                return Ok(Some(line));
            }
            let left = until.saturating_duration_since(Instant::now());
            if !self.fill(left)? && Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console(typed: &[u8]) -> LineConsole<Vec<u8>> {
        let (read, write) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&write, typed).unwrap();
        LineConsole::new(read, Vec::new())
    }

    #[test]
    fn hands_back_lines_one_by_one_and_reports_the_end() {
        let mut console = console(b"yes\r\n no \n");
        let now = Duration::ZERO;
        assert_eq!(console.poll(now).unwrap().as_deref(), Some("yes"));
        // A carriage return and a line feed are two ends: the empty line between them is an Enter.
        assert_eq!(console.poll(now).unwrap().as_deref(), Some(""));
        assert_eq!(console.poll(now).unwrap().as_deref(), Some("no"));
        assert!(matches!(console.poll(now), Err(ConsoleError::Closed)));
    }

    #[test]
    fn what_was_typed_before_a_question_does_not_answer_it() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let mut console = LineConsole::new(read, Vec::new());
        rustix::io::write(&write, b"yes\nyes\nye").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("yes"));
        console.ask("Erase?").unwrap();
        assert_eq!(console.poll(Duration::from_millis(10)).unwrap(), None);
        rustix::io::write(&write, b"no\n").unwrap();
        assert_eq!(console.poll(Duration::ZERO).unwrap().as_deref(), Some("no"));
    }

    #[test]
    fn a_line_that_is_not_finished_is_waited_for() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        rustix::io::write(&write, b"ye").unwrap();
        let mut console = LineConsole::new(read, Vec::new());
        assert_eq!(console.poll(Duration::from_millis(10)).unwrap(), None);
        rustix::io::write(&write, b"s\n").unwrap();
        assert_eq!(
            console.poll(Duration::from_millis(10)).unwrap().as_deref(),
            Some("yes")
        );
    }
}
