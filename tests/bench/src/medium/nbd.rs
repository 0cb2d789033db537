//! The part of the NBD protocol that QEMU's client speaks: fixed newstyle handshake, simple replies, big endian.
//!
//! Any export name is accepted. Structured replies, TLS, TRIM and the like are not offered; clients do without.

use std::io::{self, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use crate::medium::disk::{Disk, EINVAL, Outcome};

const GREETING: &[u8; 16] = b"NBDMAGICIHAVEOPT";
const OPTION_MAGIC: u64 = u64::from_be_bytes(*b"IHAVEOPT");
const OPTION_REPLY_MAGIC: u64 = 0x0003_e889_0455_65a9;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;

const FIXED_NEWSTYLE: u16 = 1;
const NO_ZEROES: u16 = 2;

const EXPORT_NAME: u32 = 1;
const ABORT: u32 = 2;
const GO: u32 = 7;

const ACK: u32 = 1;
const INFO: u32 = 3;
const UNSUPPORTED: u32 = 0x8000_0001;

const HAS_FLAGS: u16 = 1;
const READ_ONLY: u16 = 1 << 1;
const SEND_FLUSH: u16 = 1 << 2;

const READ: u16 = 0;
const WRITE: u16 = 1;
const DISCONNECT: u16 = 2;
const FLUSH: u16 = 3;

/// No option and no request of QEMU's is longer.
const LONGEST_OPTION: u32 = 64 << 10;
const LONGEST_REQUEST: u32 = 32 << 20;

/// Serves one client until it goes; after a cut it is only listened to.
pub(super) fn converse(stream: &UnixStream, disk: &Mutex<Disk>, changed: &Condvar) -> io::Result<()> {
    let mut input = BufReader::new(stream);
    if !negotiate(&mut input, stream, disk)? {
        return Ok(());
    }
    while let Some(request) = Request::read(&mut input)? {
        let outcome = request.perform(disk);
        let (error, data) = match outcome {
            Outcome::Done(data) => (0, data),
            Outcome::Failed(error) => (error, Vec::new()),
            Outcome::Dead(hook) => {
                changed.notify_all();
                if let Some(hook) = hook {
                    hook();
                }
                // Read and forgotten, so that the client's socket never says that somebody is missing.
                return io::copy(&mut input, &mut io::sink()).map(drop);
            }
        };
        let mut reply = Vec::with_capacity(16 + data.len());
        reply.extend_from_slice(&REPLY_MAGIC.to_be_bytes());
        reply.extend_from_slice(&error.to_be_bytes());
        reply.extend_from_slice(&request.handle);
        reply.extend_from_slice(&data);
        (&*stream).write_all(&reply)?;
    }
    Ok(())
}

/// Agrees on the export; false if the client wants nothing more.
fn negotiate(input: &mut impl Read, mut output: &UnixStream, disk: &Mutex<Disk>) -> io::Result<bool> {
    output.write_all(GREETING)?;
    output.write_all(&(FIXED_NEWSTYLE | NO_ZEROES).to_be_bytes())?;
    let client_flags = u32::from_be_bytes(take(input)?);
    loop {
        expect(u64::from_be_bytes(take(input)?) == OPTION_MAGIC)?;
        let option = u32::from_be_bytes(take(input)?);
        let length = u32::from_be_bytes(take(input)?);
        expect(length <= LONGEST_OPTION)?;
        let mut data = vec![0; length as usize];
        input.read_exact(&mut data)?;
        match option {
            EXPORT_NAME => {
                output.write_all(&export(disk))?;
                if client_flags & u32::from(NO_ZEROES) == 0 {
                    output.write_all(&[0; 124])?;
                }
                return Ok(true);
            }
            GO => {
                const INFO_EXPORT: [u8; 2] = [0, 0];
                let information = [&INFO_EXPORT[..], &export(disk)].concat();
                output.write_all(&option_reply(option, INFO, &information))?;
                output.write_all(&option_reply(option, ACK, &[]))?;
                return Ok(true);
            }
            ABORT => {
                output.write_all(&option_reply(option, ACK, &[]))?;
                return Ok(false);
            }
            _ => output.write_all(&option_reply(option, UNSUPPORTED, &[]))?,
        }
    }
}

/// The export's size and transmission flags.
fn export(disk: &Mutex<Disk>) -> Vec<u8> {
    let disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
    let protected = if disk.is_write_protected() { READ_ONLY } else { 0 };
    let flags = HAS_FLAGS | SEND_FLUSH | protected;
    [&disk.length().to_be_bytes()[..], &flags.to_be_bytes()].concat()
}

fn option_reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut reply = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    for word in [option, kind, length] {
        reply.extend_from_slice(&word.to_be_bytes());
    }
    reply.extend_from_slice(data);
    reply
}

struct Request {
    kind: u16,
    handle: [u8; 8],
    offset: u64,
    length: u32,
    data: Vec<u8>,
}

impl Request {
    /// Reads the next request; none after the client's goodbye.
    fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        expect(u32::from_be_bytes(take(input)?) == REQUEST_MAGIC)?;
        let _flags: [u8; 2] = take(input)?;
        let mut request = Self {
            kind: u16::from_be_bytes(take(input)?),
            handle: take(input)?,
            offset: u64::from_be_bytes(take(input)?),
            length: u32::from_be_bytes(take(input)?),
            data: Vec::new(),
        };
        expect(request.length <= LONGEST_REQUEST)?;
        if request.kind == WRITE {
            request.data.resize(request.length as usize, 0);
            input.read_exact(&mut request.data)?;
        }
        Ok((request.kind != DISCONNECT).then_some(request))
    }

    fn perform(&self, disk: &Mutex<Disk>) -> Outcome<Vec<u8>> {
        let lock = || disk.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |outcome| match outcome {
            Outcome::Done(()) => Outcome::Done(Vec::new()),
            Outcome::Failed(error) => Outcome::Failed(error),
            Outcome::Dead(hook) => Outcome::Dead(hook),
        };
        match self.kind {
            READ => lock().read(self.offset, self.length as usize),
            WRITE => {
                let delay = lock().delay();
                thread::sleep(delay);
                nothing(lock().write(self.offset, &self.data))
            }
            FLUSH => nothing(lock().flush()),
            _ => Outcome::Failed(EINVAL),
        }
    }
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn expect(met: bool) -> io::Result<()> {
    if met {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "this is not the NBD protocol",
    ))
}
