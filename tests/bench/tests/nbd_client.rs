//! An NBD client that speaks as QEMU does.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use bench::medium::Medium;

const SOON: Duration = Duration::from_secs(5);
const OPTION_MAGIC: &[u8; 8] = b"IHAVEOPT";
pub(crate) const READ: u16 = 0;
pub(crate) const WRITE: u16 = 1;
pub(crate) const DISCONNECT: u16 = 2;
pub(crate) const FLUSH: u16 = 3;
pub(crate) const TRIM: u16 = 4;

/// QEMU's side of one connection.
pub(crate) struct Client {
    pub(crate) stream: UnixStream,
    pub(crate) size: u64,
    pub(crate) flags: u16,
    handle: u64,
}

impl Client {
    pub(crate) fn begun(medium: &Medium) -> Self {
        let mut stream = UnixStream::connect(medium.socket()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let greeting: [u8; 18] = take(&mut stream);
        assert_eq!(&greeting, b"NBDMAGICIHAVEOPT\0\x03");
        stream.write_all(&3u32.to_be_bytes()).unwrap();
        Self {
            stream,
            size: 0,
            flags: 0,
            handle: 0,
        }
    }

    /// As QEMU begins: asks for structured replies, does without, goes.
    pub(crate) fn connect(medium: &Medium) -> Self {
        let mut client = Self::begun(medium);
        assert_eq!(client.option(8, b""), (0x8000_0001, Vec::new()));
        let (kind, information) = client.option(7, &[0, 0, 0, 0, 0, 0]);
        assert_eq!((kind, &information[..2]), (3, &[0, 0][..]));
        client.export(&information[2..]);
        assert_eq!(client.option_reply(7), (1, Vec::new()));
        client
    }

    pub(crate) fn export(&mut self, export: &[u8]) {
        self.size = u64::from_be_bytes(export[..8].try_into().unwrap());
        self.flags = u16::from_be_bytes(export[8..].try_into().unwrap());
    }

    pub(crate) fn option(&mut self, option: u32, data: &[u8]) -> (u32, Vec<u8>) {
        self.send_option(option, data);
        self.option_reply(option)
    }

    pub(crate) fn send_option(&mut self, option: u32, data: &[u8]) {
        let length = u32::try_from(data.len()).unwrap();
        let parts = [
            &OPTION_MAGIC[..],
            &option.to_be_bytes(),
            &length.to_be_bytes(),
            data,
        ];
        self.stream.write_all(&parts.concat()).unwrap();
    }

    pub(crate) fn option_reply(&mut self, option: u32) -> (u32, Vec<u8>) {
        assert_eq!(u64::from_be_bytes(take(&mut self.stream)), 0x0003_e889_0455_65a9);
        assert_eq!(u32::from_be_bytes(take(&mut self.stream)), option);
        let kind = u32::from_be_bytes(take(&mut self.stream));
        let length = u32::from_be_bytes(take(&mut self.stream));
        let mut data = vec![0; length as usize];
        self.stream.read_exact(&mut data).unwrap();
        (kind, data)
    }

    pub(crate) fn send(&mut self, kind: u16, offset: u64, length: usize, data: &[u8]) {
        self.handle += 1;
        let parts = [
            &0x2560_9513u32.to_be_bytes()[..],
            &[0, 0],
            &kind.to_be_bytes(),
            &self.handle.to_be_bytes(),
            &offset.to_be_bytes(),
            &u32::try_from(length).unwrap().to_be_bytes(),
            data,
        ];
        self.stream.write_all(&parts.concat()).unwrap();
    }

    /// The error number.
    pub(crate) fn reply(&mut self) -> u32 {
        assert_eq!(u32::from_be_bytes(take(&mut self.stream)), 0x6744_6698);
        let error = u32::from_be_bytes(take(&mut self.stream));
        assert_eq!(u64::from_be_bytes(take(&mut self.stream)), self.handle);
        error
    }

    pub(crate) fn read(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, u32> {
        self.send(READ, offset, length, b"");
        match self.reply() {
            0 => {
                let mut data = vec![0; length];
                self.stream.read_exact(&mut data).unwrap();
                Ok(data)
            }
            error => Err(error),
        }
    }

    pub(crate) fn write(&mut self, offset: u64, data: &[u8]) -> u32 {
        self.send(WRITE, offset, data.len(), data);
        self.reply()
    }

    pub(crate) fn flush(&mut self) -> u32 {
        self.send(FLUSH, 0, 0, b"");
        self.reply()
    }

    /// Tells that the socket is open and says nothing.
    pub(crate) fn hangs(&mut self) -> bool {
        self.stream
            .set_read_timeout(Some(Duration::from_millis(50)))
            .unwrap();
        let answer = self.stream.read(&mut [0]);
        self.stream.set_read_timeout(Some(SOON)).unwrap();
        answer.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

pub(crate) fn take<const N: usize>(stream: &mut UnixStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}
