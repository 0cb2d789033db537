//! The report bridge: an authenticator at a UDP port on loopback, one 64-byte report per datagram.
//!
//! What stands behind the port is a matter of configuration; [`server`] is the other side of the same bridge.

pub mod server;

use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Context as _, Error, Result};
use crate::hex;
use crate::report::{Authenticator, Report};

/// What an authenticator takes to restart after the power-cycle datagram.
const SETTLE: Duration = Duration::from_millis(300);
/// More datagrams than a socket's buffer holds.
const STALE_LIMIT: usize = 10_000;

/// Where an authenticator answers: `PEER,BIND[,cycle=HEX]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpAddress {
    /// Its port.
    pub peer: SocketAddr,
    /// Our port: some authenticators answer to a fixed one instead of the sender's.
    pub bind: SocketAddr,
    /// The datagram that switches it off and on again.
    pub cycle: Option<Report>,
}

impl FromStr for UdpAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut parts = text.split(',');
        let (Some(peer), Some(bind)) = (parts.next(), parts.next()) else {
            return Err(Error::Spec(format!(
                "A UDP key is `PEER,BIND[,cycle=HEX]`, not: {text}"
            )));
        };
        let (peer, bind) = (loopback(peer)?, loopback(bind)?);
        let cycle = match parts.next() {
            None => None,
            Some(option) => match option.strip_prefix("cycle=") {
                Some(digits) => Some(cycle_datagram(digits)?),
                None => return Err(Error::Spec(format!("A UDP key has no option: {option}"))),
            },
        };
        match parts.next() {
            None => Ok(Self { peer, bind, cycle }),
            Some(rest) => Err(Error::Spec(format!("This is too much for a UDP key: {rest}"))),
        }
    }
}

/// Reads an address, on loopback only: reports carry PINs.
///
/// # Errors
///
/// The text is no address with port, or the address leaves this machine.
pub fn loopback(text: &str) -> Result<SocketAddr> {
    let address: SocketAddr = text
        .parse()
        .map_err(|_| Error::Spec(format!("This is no address with a port: {text}")))?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(Error::Spec(format!(
        "A key is bridged on the loopback interface only, not at: {text}"
    )))
}

/// Reads the power-cycle datagram: up to 64 bytes of hexadecimal digits, filled up with zeros.
///
/// # Errors
///
/// The text is not hexadecimal, empty, or longer than a report.
pub fn cycle_datagram(digits: &str) -> Result<Report> {
    let bytes = hex::decode(digits)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| Error::Spec(format!("The power-cycle datagram is not hexadecimal: {digits}")))?;
    let mut report = [0; 64];
    report
        .get_mut(..bytes.len())
        .ok_or_else(|| {
            Error::Spec(format!(
                "The power-cycle datagram has more than 64 bytes: {}",
                bytes.len()
            ))
        })?
        .copy_from_slice(&bytes);
    Ok(report)
}

/// The bridge to one authenticator.
#[derive(Debug)]
pub struct Udp {
    address: UdpAddress,
    socket: UdpSocket,
    powered: AtomicBool,
}

impl Udp {
    /// Binds our side.
    ///
    /// # Errors
    ///
    /// The port is taken.
    pub fn open(address: &UdpAddress) -> Result<Self> {
        let socket = UdpSocket::bind(address.bind).context(|| format!("Binding {}", address.bind))?;
        Ok(Self {
            address: address.clone(),
            socket,
            powered: AtomicBool::new(false),
        })
    }

    /// The port that we are bound to.
    ///
    /// # Errors
    ///
    /// The system does not tell.
    pub fn local_address(&self) -> Result<SocketAddr> {
        self.socket
            .local_addr()
            .context(|| "Asking for the local port".to_owned())
    }

    fn receive(&self, timeout: Duration) -> Option<Report> {
        let end = Instant::now() + timeout;
        loop {
            let left = end
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1));
            self.socket.set_read_timeout(Some(left)).ok()?;
            let mut buffer = [0; 65];
            // A refused datagram shows as an error of the next call: the peer is not there, yet.
            let received = self.socket.recv_from(&mut buffer);
            if let Ok((64, sender)) = received
                && sender.ip() == self.address.peer.ip()
            {
                return buffer[..64].try_into().ok();
            }
            if Instant::now() >= end {
                return None;
            }
        }
    }
}

impl Authenticator for Udp {
    fn power_on(&self) -> Result<()> {
        if let Some(cycle) = &self.address.cycle {
            self.socket
                .send_to(cycle, self.address.peer)
                .context(|| format!("Power-cycling the key at {}", self.address.peer))?;
            thread::sleep(SETTLE);
        }
        // Bounded, because a peer may never stop to talk.
        (0..STALE_LIMIT)
            .take_while(|_| self.receive(Duration::ZERO).is_some())
            .for_each(drop);
        self.powered.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn power_off(&self) {
        self.powered.store(false, Ordering::SeqCst);
    }

    fn send(&self, report: &Report) {
        if self.powered.load(Ordering::SeqCst) {
            // A key that is gone does not answer; the caller's deadlines see that.
            let _ = self.socket.send_to(report, self.address.peer);
        }
    }

    fn recv(&self, timeout: Duration) -> Option<Report> {
        if !self.powered.load(Ordering::SeqCst) {
            thread::sleep(timeout.min(Duration::from_millis(20)));
            return None;
        }
        self.receive(timeout)
            .filter(|_| self.powered.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_peer_bind_and_cycle() {
        let address: UdpAddress = "127.0.0.1:8111,127.0.0.1:7112,cycle=ac10".parse().unwrap();
        assert_eq!(address.peer.port(), 8111);
        assert_eq!(address.bind.port(), 7112);
        assert_eq!(address.cycle.unwrap()[..3], [0xac, 0x10, 0]);
    }

    #[test]
    fn refuses_addresses_beyond_this_machine() {
        let error = "192.0.2.1:1,127.0.0.1:2".parse::<UdpAddress>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "A key is bridged on the loopback interface only, not at: 192.0.2.1:1"
        );
        assert!("127.0.0.1:1,0.0.0.0:2".parse::<UdpAddress>().is_err());
    }

    #[test]
    fn refuses_a_cycle_datagram_that_is_no_report() {
        assert!(cycle_datagram(&"00".repeat(64)).is_ok());
        assert!(cycle_datagram(&"00".repeat(65)).is_err());
        assert!(cycle_datagram("xyz").is_err());
        assert!(cycle_datagram("").is_err());
    }
}
