//! Short-lived child processes: this program again, for one piece of work with a secret or a device.
//!
//! A hang ends with a kill, a panic in third-party code costs one answer, and un-wiped copies of a PIN
//! go back to the kernel. Requests, secrets and answers travel as frames over pipes; what foreign code
//! prints lands nowhere. This module knows no key, printer or format.

pub mod child;
pub mod frame;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use frame::{Frame, Kind};

use crate::secret::Secret;

/// Why a worker gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The child could not be started or its pipes broke.
    #[error("the worker process could not be used: {0}")]
    Io(#[from] std::io::Error),
    /// The deadline passed; the child was killed.
    #[error("no answer within {} s", .0.as_secs())]
    Deadline(Duration),
    /// The child ended without an answer: it crashed, or was killed from outside.
    #[error("the worker process ended without an answer")]
    Died,
    /// The caller asked to stop.
    #[error("stopped on request")]
    Cancelled,
    /// The child reported this failure (bytes as the task defines them).
    #[error("the worker reported a failure")]
    Failed(Vec<u8>),
}

/// Starts workers: which program, with which first arguments.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
}

impl Launcher {
    /// This very program (`/proc/self/exe`).
    #[must_use]
    pub fn current() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
        }
    }

    /// Another build of this program; tests name it.
    #[must_use]
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self { program: path.into() }
    }

    /// Does `task` in a child: sends `request` and `secret`, hands events to `on_event`, returns the answer.
    ///
    /// `cancel` is looked at ten times a second; set, it closes the child's input, which is the sign to
    /// stop cleanly, and two seconds later the child is killed.
    pub fn call(
        &self,
        task: &str,
        request: &[u8],
        secret: Option<&Secret<Vec<u8>>>,
        deadline: Duration,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<u8>, WorkerError> {
        self.start(task, request, secret)?
            .wait(deadline, cancel, on_event)
    }

    /// Starts `task` in a child and hands it `request` and `secret`; dropped, the child is ended.
    pub fn start(
        &self,
        task: &str,
        request: &[u8],
        secret: Option<&Secret<Vec<u8>>>,
    ) -> Result<Running, WorkerError> {
        let mut child = Guard(
            Command::new(&self.program)
                .args(["worker", task])
                .env_clear()
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                // A panic message of foreign code can quote the text it was cutting: nobody gets to read it.
                .stderr(Stdio::null())
                .spawn()?,
        );
        let (Some(mut input), Some(mut output)) = (child.0.stdin.take(), child.0.stdout.take()) else {
            return Err(WorkerError::Died);
        };
        let (sender, frames) = channel();
        std::thread::spawn(move || {
            while let Ok(Some(frame)) = frame::read(&mut output) {
                if sender.send(frame).is_err() {
                    break;
                }
            }
        });
        let sent = frame::write(&mut input, Kind::Request, request)
            .and_then(|()| frame::write(&mut input, Kind::Secret, secret.map_or(&[], |s| s.expose())))
            .and_then(|()| input.flush());
        if sent.is_err() {
            // A child that died before reading says so below; one that lives is killed by the guard.
            drop(input);
            return Err(WorkerError::Died);
        }
        Ok(Running {
            input: Some(input),
            frames,
            _child: child,
        })
    }
}

/// Whether time goes against a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// The child is at work.
    Counts,
    /// The child waits for people.
    IsHeld,
}

/// A child at work.
pub struct Running {
    // Dropped first: its end is the sign to stop.
    input: Option<ChildStdin>,
    frames: Receiver<Frame>,
    _child: Guard,
}

impl Running {
    /// Gives a child that waits the word to go on.
    pub fn go(&mut self, word: &[u8]) -> Result<(), WorkerError> {
        let input = self.input.as_mut().ok_or(WorkerError::Died)?;
        frame::write(input, Kind::Go, word).map_err(|_| WorkerError::Died)
    }

    /// Waits for the answer, as [`Launcher::call`] does.
    pub fn wait(
        self,
        deadline: Duration,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(&[u8]),
    ) -> Result<Vec<u8>, WorkerError> {
        let mut on_event = |event: &[u8]| {
            on_event(event);
            Time::Counts
        };
        self.wait_held(deadline, Duration::ZERO, cancel, &mut on_event)
    }

    /// The same for work that people can hold up: time after an event that says so counts against `longest_hold`.
    pub fn wait_held(
        mut self,
        deadline: Duration,
        longest_hold: Duration,
        cancel: &AtomicBool,
        on_event: &mut dyn FnMut(&[u8]) -> Time,
    ) -> Result<Vec<u8>, WorkerError> {
        let (mut worked, mut held) = (Duration::ZERO, Duration::ZERO);
        let mut time = Time::Counts;
        let mut looked = Instant::now();
        let mut stop_by: Option<Instant> = None;
        loop {
            let now = Instant::now();
            match time {
                Time::Counts => worked += now - looked,
                Time::IsHeld => held += now - looked,
            }
            looked = now;
            if cancel.load(Ordering::Relaxed) && stop_by.is_none() {
                self.input = None;
                stop_by = Some(Instant::now() + Duration::from_secs(2));
            }
            if stop_by.is_some_and(|by| Instant::now() >= by) {
                return Err(WorkerError::Cancelled);
            }
            if worked >= deadline {
                return Err(WorkerError::Deadline(deadline));
            }
            if time == Time::IsHeld && held >= longest_hold {
                return Err(WorkerError::Deadline(longest_hold));
            }
            match self.frames.recv_timeout(Duration::from_millis(100)) {
                Ok(Frame {
                    kind: Kind::Event,
                    body,
                }) => time = on_event(body.expose()),
                Ok(Frame {
                    kind: Kind::Answer,
                    body,
                }) => return Ok(body.expose().clone()),
                Ok(Frame {
                    kind: Kind::Failure,
                    body,
                }) => return Err(WorkerError::Failed(body.expose().clone())),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(if stop_by.is_some() {
                        WorkerError::Cancelled
                    } else {
                        WorkerError::Died
                    });
                }
            }
        }
    }
}

/// Kills and reaps its child on every way out.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // A child that has answered is about to end by itself: give it a moment to close its device.
        for _ in 0..20 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A program that writes down how it was called.
    const WITNESS: &str = "#!/bin/sh
cd \"$(dirname \"$0\")\" || exit 1
tr '\\0' '\\n' </proc/$$/cmdline >arguments
tr '\\0' '\\n' </proc/$$/environ >environment
timeout 1 cat >input
";

    /// Calls a script that was just written; a child of another test can hold its file open for a moment.
    fn call(
        program: &std::path::Path,
        secret: Option<&Secret<Vec<u8>>>,
        deadline: Duration,
    ) -> Result<Vec<u8>, WorkerError> {
        let never = AtomicBool::new(false);
        loop {
            let result = Launcher::program(program).call("key", b"{}", secret, deadline, &never, &mut |_| {});
            match result {
                Err(WorkerError::Io(error)) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                result => return result,
            }
        }
    }

    #[test]
    fn a_secret_goes_through_the_pipe_and_not_through_arguments_or_environment() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("witness");
        std::fs::write(&program, WITNESS).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let pin = Secret::new(b"73915082".to_vec());
        let result = call(&program, Some(&pin), Duration::from_secs(10));
        assert!(matches!(result, Err(WorkerError::Died)), "{result:?}");
        let seen = |name: &str| {
            String::from_utf8_lossy(&std::fs::read(folder.path().join(name)).unwrap()).into_owned()
        };
        assert!(seen("arguments").ends_with("worker\nkey\n"));
        assert!(!seen("arguments").contains("73915082") && !seen("environment").contains("73915082"));
        assert!(
            seen("input").contains("73915082"),
            "the control: it did go through the pipe"
        );
    }

    #[test]
    fn a_child_that_says_nothing_is_ended_at_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("mute");
        std::fs::write(&program, "#!/bin/sh\nexec sleep 60\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let deadline = Duration::from_millis(300);
        let result = call(&program, None, deadline);
        assert!(
            matches!(result, Err(WorkerError::Deadline(d)) if d == deadline),
            "{result:?}"
        );
    }

    #[test]
    fn time_that_people_hold_up_has_a_limit_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("slow");
        // An event of no bytes, a while, and an answer of no bytes.
        let script = "#!/bin/sh\nprintf '\\003\\000\\000\\000\\000'\nsleep 3\nprintf '\\004\\000\\000\\000\\000'\nexec sleep 60\n";
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let deadline = Duration::from_secs(2);
        let wait = |longest_hold, time| {
            let never = AtomicBool::new(false);
            loop {
                let child = Launcher::program(&program).start("key", b"{}", None);
                match child {
                    Err(WorkerError::Io(e)) if e.kind() == std::io::ErrorKind::ExecutableFileBusy => {}
                    child => {
                        return child
                            .unwrap()
                            .wait_held(deadline, longest_hold, &never, &mut |_| time);
                    }
                }
            }
        };
        let minute = Duration::from_mins(1);
        assert_eq!(wait(minute, Time::IsHeld).unwrap(), b"");
        let counted = wait(minute, Time::Counts);
        assert!(
            matches!(counted, Err(WorkerError::Deadline(d)) if d == deadline),
            "{counted:?}"
        );
        let limit = Duration::from_millis(200);
        let held = wait(limit, Time::IsHeld);
        assert!(
            matches!(held, Err(WorkerError::Deadline(d)) if d == limit),
            "{held:?}"
        );
    }
}
