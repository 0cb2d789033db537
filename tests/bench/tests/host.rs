//! A scripted usbredir host: the other end of a port, speaking as QEMU does.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use bench::usbredir::codec::{CAPABILITIES, Packet};
use bench::usbredir::port::Port;

/// The host's end of a port.
pub(crate) struct Host {
    pub(crate) stream: UnixStream,
    pub(crate) id: u64,
}

impl Host {
    pub(crate) fn connected() -> (Self, Port) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let port = Port::over(theirs).unwrap();
        let mut host = Self {
            stream: ours,
            id: 100,
        };
        let hello = Packet::read_hello(&mut host.stream).unwrap();
        assert!(matches!(
            hello,
            Packet::Hello {
                capabilities: 0x72,
                ..
            }
        ));
        host.write(&Packet::Hello {
            version: "host".to_owned(),
            capabilities: CAPABILITIES,
        });
        (host, port)
    }

    pub(crate) fn write(&mut self, packet: &Packet) -> u64 {
        use std::io::Write as _;
        self.id += 1;
        self.stream.write_all(&packet.encode(self.id)).unwrap();
        self.id
    }

    pub(crate) fn read(&mut self) -> (u64, Packet) {
        Packet::read(&mut self.stream).unwrap()
    }

    pub(crate) fn ask(&mut self, packet: &Packet) -> Packet {
        let id = self.write(packet);
        let (answered, answer) = self.read();
        assert_eq!(answered, id);
        answer
    }

    /// The answer, and the report of the key that comes before or after it: they come from different threads.
    pub(crate) fn ask_for_report(&mut self, packet: &Packet) -> (Packet, Packet) {
        let id = self.write(packet);
        let (first, second) = (self.read(), self.read());
        let (answer, report) = if first.0 == id {
            (first, second)
        } else {
            (second, first)
        };
        assert_eq!(answer.0, id);
        (answer.1, report.1)
    }

    pub(crate) fn announcement(&mut self) -> [Packet; 3] {
        [self.read().1, self.read().1, self.read().1]
    }
}
