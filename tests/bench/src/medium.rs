//! A stick that can fail and be cut at an exact write: its image behind an NBD server inside the test.
//!
//! QEMU reaches the image through a unix socket, without a cache of its own, and a USB stick has one command at a time:
//! each write of the guest arrives here at once and in order, and is applied before it is acknowledged. One request
//! carries 128 KiB at most, so a long write of the guest comes in several.
//!
//! A [`Cut`] takes the power away at one request: from then on nothing is answered and nothing is applied. The image
//! holds exactly what was applied, and a new machine takes it up through [`Medium::power_on`] or as a plain file:
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//!
//! use bench::medium::{Cut, Medium};
//! use bench::qemu::Qemu;
//!
//! # fn main() -> bench::error::Result<()> {
//! let medium = Medium::serve(Path::new("stick.img"))?;
//! let mut machine = Qemu::builder().kernel("vmlinuz").stick_served("plans", &medium).start()?;
//! let switch = machine.kill_switch();
//! medium.arm(Cut::at_text(br#""n":37,"#).applied().and_then(move || switch.kill()));
//! assert!(medium.wait_cut(Duration::from_secs(60)));
//! machine.kill()?;
//! medium.power_on();
//! # Ok(())
//! # }
//! ```
//!
//! In a cut machine only `kill` is of use: QEMU waits for the stick in `quit` and `pull_stick`
//! ([`Medium::disconnect`] ends such a wait with I/O errors in the guest).

mod cut;
mod disk;
mod nbd;

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::error::{Context as _, Result};
pub use crate::medium::cut::{Cut, Request};
use crate::medium::disk::Disk;
pub use crate::medium::disk::{Refusal, Requests};

/// A stick's image, served to QEMU; dropping it pulls the stick's cable.
pub struct Medium {
    shared: Arc<Shared>,
    image: PathBuf,
    directory: TempDir,
    listener: Option<JoinHandle<()>>,
}

/// What the connections and the test share.
struct Shared {
    disk: Mutex<Disk>,
    changed: Condvar,
    connections: Mutex<BTreeMap<u64, UnixStream>>,
    closed: Condvar,
    ended: AtomicBool,
}

impl Medium {
    /// Serves an image file; nothing else may write to it meanwhile.
    ///
    /// # Errors
    ///
    /// The image cannot be opened, or there is no place for a socket.
    pub fn serve(image: &Path) -> Result<Self> {
        let disk = Disk::open(image)?;
        let directory = tempfile::Builder::new().prefix("medium").tempdir();
        let directory = directory.context(|| "Making a directory for a socket".to_owned())?;
        let path = socket_in(&directory);
        let socket = UnixListener::bind(&path).context(|| format!("Listening at {}", path.display()))?;
        let shared = Arc::new(Shared {
            disk: Mutex::new(disk),
            changed: Condvar::new(),
            connections: Mutex::default(),
            closed: Condvar::new(),
            ended: AtomicBool::new(false),
        });
        let listener = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || shared.accept(&socket))
        };
        Ok(Self {
            shared,
            image: image.to_owned(),
            directory,
            listener: Some(listener),
        })
    }

    /// The image file.
    #[must_use]
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// The unix socket at which QEMU, or any NBD client, finds the image.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        socket_in(&self.directory)
    }

    /// What was asked for so far; a request counts when it comes, whatever becomes of it.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.shared.disk().requests()
    }

    /// Arms a cut in place of an older one; it takes effect once.
    pub fn arm(&self, cut: Cut) {
        self.shared.disk().arm(Some(cut));
    }

    /// Takes back a cut that has not happened yet.
    pub fn disarm(&self) {
        self.shared.disk().arm(None);
    }

    /// Tells whether the power is cut.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.shared.disk().is_cut()
    }

    /// Waits until the power is cut; false if it is still on after this time.
    #[must_use]
    pub fn wait_cut(&self, timeout: Duration) -> bool {
        let disk = self.shared.disk();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(disk, timeout, |disk| !disk.is_cut());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_cut()
    }

    /// Gives the power back for the next machine; one that was cut off stays cut off.
    pub fn power_on(&self) {
        self.shared.disk().power_on();
    }

    /// Has the next writes refused, this many or (`None`) all; zero heals.
    ///
    /// A guest tries a refused write several times before it gives up, so a small number may not be noticed at all.
    pub fn fail_writes(&self, refusal: Refusal, count: Option<u32>) {
        self.shared.disk().fail_writes(refusal, count);
    }

    /// Has the next reads refused, this many or (`None`) all; zero heals.
    pub fn fail_reads(&self, refusal: Refusal, count: Option<u32>) {
        self.shared.disk().fail_reads(refusal, count);
    }

    /// Moves the write-protect switch; QEMU sees it when the stick is plugged in.
    pub fn write_protect(&self, on: bool) {
        self.shared.disk().write_protect(on);
    }

    /// Tells where the write-protect switch stands.
    #[must_use]
    pub fn is_write_protected(&self) -> bool {
        self.shared.disk().is_write_protected()
    }

    /// Makes every write take this much longer; it is applied at the end of that time.
    pub fn slow_writes(&self, each: Duration) {
        self.shared.disk().slow_writes(each);
    }

    /// Closes all connections: the requests that a cut left open fail in the guest, and so do all later ones.
    ///
    /// A medium that is not cut takes QEMU back at its next request.
    pub fn disconnect(&self) {
        self.shared.disconnect();
    }

    /// Waits until nobody is connected, so that nothing more can change the image; false if somebody still is.
    ///
    /// Needed after killing a machine that was not cut: its last writes may still lie in the socket.
    #[must_use]
    pub fn wait_closed(&self, timeout: Duration) -> bool {
        let connections = self.shared.connections();
        let waited = self
            .shared
            .closed
            .wait_timeout_while(connections, timeout, |connections| !connections.is_empty());
        waited.unwrap_or_else(PoisonError::into_inner).0.is_empty()
    }
}

impl Drop for Medium {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which sees then that it is over.
        let _ = UnixStream::connect(self.socket());
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
        self.shared.disconnect();
    }
}

impl Shared {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<u64, UnixStream>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disconnect(&self) {
        for stream in self.connections().values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn accept(self: &Arc<Self>, socket: &UnixListener) {
        for (id, stream) in (0..).zip(socket.incoming()) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let Ok((stream, copy)) = stream.and_then(|stream| Ok((stream.try_clone()?, stream))) else {
                continue;
            };
            // Without power nobody is there; QEMU says so at once, at its start and at a new attempt.
            if self.disk().is_cut() {
                continue;
            }
            self.connections().insert(id, copy);
            let shared = Arc::clone(self);
            thread::spawn(move || {
                // A broken connection is a pulled cable: the other side sees it too.
                let _ = nbd::converse(&stream, &shared.disk, &shared.changed);
                shared.connections().remove(&id);
                shared.closed.notify_all();
            });
        }
    }
}

fn socket_in(directory: &TempDir) -> PathBuf {
    directory.path().join("nbd")
}
