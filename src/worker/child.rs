//! The child's side of a worker: guard rails first, then one request, then one answer.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

use rustix::process::{Resource, Rlimit, Signal};

use super::frame::{self, Kind};
use crate::secret::{self, Secret};

/// The channel back to the parent.
pub struct Reporter {
    output: File,
    stop: Arc<AtomicBool>,
    words: Receiver<Vec<u8>>,
}

impl Reporter {
    /// Waits for the parent's word to go on; `None` when the parent wants no more.
    pub fn wait_go(&mut self) -> Option<Vec<u8>> {
        self.words.recv().ok()
    }

    /// Tells the parent something while the work goes on.
    pub fn event(&mut self, body: &[u8]) {
        // A parent that is gone is noticed through the death signal; there is nobody to tell.
        let _ = frame::write(&mut self.output, Kind::Event, body);
    }

    /// Is set when the parent wants the work to stop cleanly.
    #[must_use]
    pub fn stop(&self) -> &Arc<AtomicBool> {
        &self.stop
    }
}

/// Work of a child: request and secret in, answer or failure (both bytes) out.
pub type Work = dyn FnOnce(&[u8], Secret<Vec<u8>>, &mut Reporter) -> Result<Vec<u8>, Vec<u8>>;

/// Runs one piece of work in this process, which must be a worker started by [`super::Launcher`].
#[must_use]
pub fn serve(work: Box<Work>) -> ExitCode {
    match serve_inner(work) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve_inner(work: Box<Work>) -> io::Result<()> {
    guard_process()?;
    let output = move_stdout_away()?;
    let mut input = io::stdin().lock();
    let closed = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let request = frame::read(&mut input)?
        .filter(|f| f.kind == Kind::Request)
        .ok_or_else(closed)?;
    let secret = frame::read(&mut input)?
        .filter(|f| f.kind == Kind::Secret)
        .ok_or_else(closed)?;
    drop(input);
    let stop = Arc::new(AtomicBool::new(false));
    let words = watch_input(Arc::clone(&stop));
    let mut reporter = Reporter { output, stop, words };
    let result = work(request.body.expose(), secret.body, &mut reporter);
    match result {
        Ok(answer) => frame::write(&mut reporter.output, Kind::Answer, &answer),
        Err(failure) => frame::write(&mut reporter.output, Kind::Failure, &failure),
    }
}

/// Dies with the parent, leaves no core, gains no rights, stays in RAM.
fn guard_process() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::process::setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?;
    rustix::thread::set_no_new_privs(true)?;
    lock_memory_if_unlimited();
    Ok(())
}

/// Locks this process's memory where the user may lock as much as it needs, as on the image.
///
/// An ordinary user may lock a few MB only, and a lock on future pages would then fail allocations.
fn lock_memory_if_unlimited() {
    if rustix::process::getrlimit(Resource::Memlock).current.is_none() || rustix::process::geteuid().is_root()
    {
        let _ = secret::lock_memory();
    }
}

/// Moves the result pipe off descriptor 1, so that what a library prints cannot be taken for a result.
fn move_stdout_away() -> io::Result<File> {
    let output: OwnedFd = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?;
    let null = File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(File::from(output))
}

/// The parent closes our input when it wants us to stop; until then it may give the word to go on.
fn watch_input(stop: Arc<AtomicBool>) -> Receiver<Vec<u8>> {
    let (sender, words) = channel();
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(frame)) = frame::read(&mut input) {
            if frame.kind == Kind::Go {
                let _ = sender.send(frame.body.expose().clone());
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    words
}
