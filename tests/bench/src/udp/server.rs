//! The reverse role: a bench key answers at a UDP port, for clients that know nothing of the bench.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::error::{Context as _, Result};
use crate::report::{Authenticator, Report};

const SLICE: Duration = Duration::from_millis(50);

/// A key served at a port until this value is dropped.
pub struct Server {
    address: SocketAddr,
    key: Arc<dyn Authenticator>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Gives the key power and serves it; answers go to whoever asked last.
    ///
    /// A datagram equal to `cycle` takes the key's power away and gives it back.
    ///
    /// # Errors
    ///
    /// The port is taken, or the key does not come up.
    pub fn start(listen: SocketAddr, key: Arc<dyn Authenticator>, cycle: Option<Report>) -> Result<Self> {
        let socket = UdpSocket::bind(listen).context(|| format!("Binding {listen}"))?;
        socket
            .set_read_timeout(Some(SLICE))
            .context(|| "Setting a read timeout".to_owned())?;
        let address = socket
            .local_addr()
            .context(|| "Asking for the local port".to_owned())?;
        key.power_on()?;
        let shared = Arc::new(Shared {
            socket,
            client: Mutex::new(None),
        });
        let stop = Arc::new(AtomicBool::new(false));
        let requests = {
            let (shared, key, stop) = (Arc::clone(&shared), Arc::clone(&key), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    shared.pass_request(&*key, cycle.as_ref());
                }
            })
        };
        let answers = {
            let (key, stop) = (Arc::clone(&key), Arc::clone(&stop));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    shared.pass_answer(&*key);
                }
            })
        };
        Ok(Self {
            address,
            key,
            stop,
            threads: vec![requests, answers],
        })
    }

    /// The port being served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.key.power_off();
    }
}

struct Shared {
    socket: UdpSocket,
    client: Mutex<Option<SocketAddr>>,
}

impl Shared {
    fn pass_request(&self, key: &dyn Authenticator, cycle: Option<&Report>) {
        let mut buffer = [0; 65];
        let Ok((64, sender)) = self.socket.recv_from(&mut buffer) else {
            return;
        };
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let mut report = [0; 64];
        report.copy_from_slice(&buffer[..64]);
        if cycle == Some(&report) {
            key.power_off();
            // A key that does not come back is silent, which the client notices.
            let _ = key.power_on();
        } else {
            key.send(&report);
        }
    }

    fn pass_answer(&self, key: &dyn Authenticator) {
        let Some(report) = key.recv(SLICE) else {
            return;
        };
        let client = *self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = client {
            let _ = self.socket.send_to(&report, client);
        }
    }
}
