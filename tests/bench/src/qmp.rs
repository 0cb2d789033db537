//! QEMU's control socket: one JSON object a line, commands answered in order, events in between.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::error::{Context as _, Error, Result};

const ANSWER_WAIT: Duration = Duration::from_secs(30);

/// A connection that has shaken hands.
#[derive(Debug)]
pub struct Qmp {
    stream: UnixStream,
    buffer: Vec<u8>,
    events: VecDeque<Value>,
}

impl Qmp {
    /// Connects as soon as the socket is there.
    ///
    /// # Errors
    ///
    /// QEMU does not listen or greet in time.
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self> {
        let end = Instant::now() + timeout;
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
                Err(source) => {
                    return Err(Error::Io {
                        what: format!("Connecting to {}", path.display()),
                        source,
                    });
                }
            }
        };
        let mut qmp = Self {
            stream,
            buffer: Vec::new(),
            events: VecDeque::new(),
        };
        qmp.line(Instant::now() + ANSWER_WAIT)?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and gives its `return`.
    ///
    /// # Errors
    ///
    /// QEMU refuses, or is gone.
    pub fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let line = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        self.stream
            .write_all(line.as_bytes())
            .context(|| format!("Sending `{command}` to QEMU"))?;
        let end = Instant::now() + ANSWER_WAIT;
        loop {
            let mut answer = self.line(end)?;
            if answer.get("event").is_some() {
                self.events.push_back(answer);
            } else if let Some(error) = answer.get("error") {
                return Err(Error::Qemu(format!(
                    "QEMU refuses `{command}`: {}",
                    error["desc"]
                )));
            } else {
                return Ok(answer["return"].take());
            }
        }
    }

    /// Waits for an event that fits; earlier ones that do not are forgotten.
    ///
    /// # Errors
    ///
    /// It does not come in time.
    pub fn wait_event(&mut self, timeout: Duration, fits: impl Fn(&Value) -> bool) -> Result<Value> {
        let end = Instant::now() + timeout;
        while let Some(event) = self.events.pop_front() {
            if fits(&event) {
                return Ok(event);
            }
        }
        loop {
            let line = self.line(end)?;
            if fits(&line) {
                return Ok(line);
            }
        }
    }

    fn line(&mut self, end: Instant) -> Result<Value> {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return serde_json::from_slice(&line)
                    .map_err(|error| Error::Qemu(format!("QEMU's answer is no JSON: {error}")));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Error::Qemu(
                    "QEMU does not answer on its control socket.".to_owned(),
                ));
            }
            let waiting = self.stream.set_read_timeout(Some(left));
            waiting.context(|| "Setting a read timeout".to_owned())?;
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Error::Qemu("QEMU has closed its control socket.".to_owned())),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => {
                    return Err(Error::Io {
                        what: "Reading QEMU's control socket".to_owned(),
                        source,
                    });
                }
            }
        }
    }
}
