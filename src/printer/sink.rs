//! Where a printer's bytes go: in production one character device, opened without create.
//!
//! The driver (usblp) takes a write of up to 8 KiB as one transfer and waits for it. When a printer that says it is
//! out of paper keeps it waiting, the write ends: with its full length, because the transfer stays queued, or with
//! `ENOSPC` when it was the one before that is still queued and nothing of this one was taken. So a count is
//! believed, the same bytes are offered again after `ENOSPC`, and closing before the last transfer has ended would
//! cancel it: [`Sink::finish`] waits for that.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::spool::Spool;
use super::status::{Gauge, Status};
use super::{PrintError, PrintProgress};
use crate::ioctl;

/// Largest single write: the driver cuts into transfers of this size, and progress is told after each.
pub const CHUNK: usize = 8 << 10;

/// Major number of USB class devices, usblp among them (Documentation/admin-guide/devices.txt).
const USB_MAJOR: u32 = 180;

/// The driver itself waits 1.5 s before it says `ENOSPC`; a device that does not wait costs no processor time.
const AGAIN: Duration = Duration::from_millis(50);

/// Takes a printer's bytes.
pub trait Sink {
    /// Takes at least one of these bytes and says how many; `ENOSPC` when there is no paper and it took none.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Waits until nothing that was taken is queued any more; `ENOSPC` as for [`Sink::write`].
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The device node of a USB printer.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens the node for writing; refuses whatever is not a USB character device, and creates nothing.
    ///
    /// A missing printer must be an error: with create, the page would become a file of that name.
    pub fn open(node: &Path) -> Result<Self, PrintError> {
        let file = open(node, OFlags::WRONLY)?;
        // A driver that cannot do it only waits longer.
        let _ = ioctl::printer_abort(&file);
        Ok(Self(file))
    }
}

/// Opens the node of a USB printer, as [`Device::open`] does.
pub(super) fn open(node: &Path, access: OFlags) -> Result<File, PrintError> {
    let name = || node.display().to_string();
    let flags = access | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    let opened = rustix::fs::open(node, flags, Mode::empty()).map_err(|error| PrintError::Open {
        node: name(),
        reason: io::Error::from(error).to_string(),
    })?;
    let file = File::from(opened);
    let is_printer = rustix::fs::fstat(&file).is_ok_and(|stat| {
        FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
            && rustix::fs::major(stat.st_rdev) == USB_MAJOR
    });
    if is_printer {
        Ok(file)
    } else {
        Err(PrintError::NotAPrinter(name()))
    }
}

impl Sink for &Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0).write(bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        // A write of nothing waits for the transfer before it.
        (&self.0).write(&[]).map(drop)
    }
}

impl Gauge for Device {
    fn status(&self) -> io::Result<Status> {
        ioctl::printer_status(&self.0).map(Status::of)
    }
}

/// Sends all bytes in chunks; `tell` hears of each, and of a lack of paper for as long as it lasts.
///
/// `stop` is looked at while there is no paper: whoever waits for people can be told to give up.
pub fn send(
    sink: &mut dyn Sink,
    job: &Spool,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(PrintProgress),
) -> Result<(), PrintError> {
    let of = job.len();
    let mut done = 0;
    for mut chunk in job.chunks() {
        while !chunk.is_empty() {
            let count = with_paper(|| sink.write(chunk), stop, tell, done, of)?;
            if !(1..=chunk.len()).contains(&count) {
                return Err(PrintError::Refused {
                    sent: done,
                    of,
                    reason: "no byte was taken".into(),
                });
            }
            chunk = &chunk[count..];
            done += count;
            tell(PrintProgress::Sent { bytes: done, of });
        }
    }
    with_paper(|| sink.finish(), stop, tell, done, of)
}

/// Calls a sink again as long as it has no paper or was interrupted.
fn with_paper<T>(
    mut call: impl FnMut() -> io::Result<T>,
    stop: &AtomicBool,
    tell: &mut dyn FnMut(PrintProgress),
    sent: usize,
    of: usize,
) -> Result<T, PrintError> {
    loop {
        match call() {
            Ok(done) => return Ok(done),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.raw_os_error() == Some(Errno::NOSPC.raw_os_error()) => {
                tell(PrintProgress::OutOfPaper);
                if stop.load(Ordering::Relaxed) {
                    return Err(PrintError::Cancelled);
                }
                std::thread::sleep(AGAIN);
            }
            Err(error) => return Err(failure(&error, sent, of)),
        }
    }
}

fn failure(error: &io::Error, sent: usize, of: usize) -> PrintError {
    let gone = [Errno::NODEV, Errno::NXIO, Errno::SHUTDOWN];
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    if errno.is_some_and(|errno| gone.contains(&errno)) {
        PrintError::Vanished { sent, of }
    } else {
        PrintError::Refused {
            sent,
            of,
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A printer behind usblp: takes bytes in bites, and answers as scripted when its room is full.
    struct Fake {
        taken: Vec<u8>,
        bite: usize,
        /// Bytes after which the next answer of `then` is due, once for each of these.
        rooms: Vec<usize>,
        then: Vec<Errno>,
        /// What `finish` answers, once for each of these, before it succeeds.
        at_end: Vec<Errno>,
    }

    impl Fake {
        fn answers(bite: usize, room: usize, then: Errno) -> Self {
            Self {
                taken: Vec::new(),
                bite,
                rooms: vec![room],
                then: vec![then],
                at_end: Vec::new(),
            }
        }
    }

    impl Sink for Fake {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(bytes.len() <= CHUNK);
            let room = self
                .rooms
                .first()
                .map_or(usize::MAX, |room| room - self.taken.len());
            let count = bytes.len().min(self.bite).min(room);
            if count == 0 {
                self.rooms.remove(0);
                return Err(self.then.remove(0).into());
            }
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn finish(&mut self) -> io::Result<()> {
            let errno = (!self.at_end.is_empty()).then(|| self.at_end.remove(0));
            errno.map_or(Ok(()), |errno| Err(errno.into()))
        }
    }

    fn page() -> Vec<u8> {
        (0..30_000_u32)
            .map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1])
            .collect()
    }

    /// Sends the page; what came of it, and what was told.
    fn sent(fake: &mut Fake, stop: bool) -> (Result<(), PrintError>, Vec<PrintProgress>) {
        let mut told = Vec::new();
        let spool = Spool::from(page().as_slice());
        let result = send(fake, &spool, &AtomicBool::new(stop), &mut |progress| {
            told.push(progress);
        });
        (result, told)
    }

    #[test]
    fn sends_every_byte_once_whatever_the_bites() {
        for bite in [1000, CHUNK, usize::MAX] {
            let mut fake = Fake::answers(bite, usize::MAX, Errno::IO);
            let (result, told) = sent(&mut fake, false);
            assert_eq!(result, Ok(()));
            assert_eq!(fake.taken, page());
            let of = page().len();
            assert_eq!(told.last(), Some(&PrintProgress::Sent { bytes: of, of }));
            let counts: Vec<usize> = told
                .iter()
                .filter_map(|progress| match progress {
                    PrintProgress::Sent { bytes, .. } => Some(*bytes),
                    _ => None,
                })
                .collect();
            assert!(counts.len() == told.len() && counts.is_sorted());
        }
    }

    #[test]
    fn every_errno_is_a_printer_that_went_away_or_refuses_or_is_asked_again() {
        let gone = [Errno::NODEV, Errno::NXIO, Errno::SHUTDOWN];
        let refused = [
            Errno::IO,
            Errno::PIPE,
            Errno::PROTO,
            Errno::ILSEQ,
            Errno::OVERFLOW,
            Errno::TIMEDOUT,
            Errno::NOMEM,
            Errno::FAULT,
            Errno::BADF,
            Errno::AGAIN,
            Errno::BUSY,
            Errno::PERM,
            Errno::INVAL,
        ];
        for at in [0, 1, CHUNK, 29_999] {
            let result = |errno| sent(&mut Fake::answers(CHUNK, at, errno), false).0;
            for errno in gone {
                let vanished = PrintError::Vanished { sent: at, of: 30_000 };
                assert_eq!(result(errno), Err(vanished), "{errno:?}");
            }
            for errno in refused {
                let error = result(errno).unwrap_err();
                assert!(
                    matches!(error, PrintError::Refused { sent, .. } if sent == at),
                    "{error}"
                );
                assert!(!error.nothing_was_printed());
            }
            for errno in [Errno::INTR, Errno::NOSPC] {
                assert_eq!(result(errno), Ok(()), "{errno:?}");
            }
        }
    }

    #[test]
    fn what_follows_a_lack_of_paper_is_the_rest_and_nothing_twice() {
        for at in [0, 1, CHUNK - 1, CHUNK, 20_000, 29_999] {
            let mut fake = Fake {
                // Out of paper twice at the same place, as long as it takes people to find some.
                rooms: vec![at, at],
                then: vec![Errno::NOSPC; 2],
                at_end: vec![Errno::NOSPC, Errno::INTR, Errno::NOSPC],
                ..Fake::answers(CHUNK, at, Errno::NOSPC)
            };
            let (result, told) = sent(&mut fake, false);
            assert_eq!(result, Ok(()));
            assert_eq!(fake.taken, page(), "no row twice, none missing");
            let lacks = told.iter().filter(|t| **t == PrintProgress::OutOfPaper).count();
            assert_eq!(lacks, 4);
        }
    }

    #[test]
    fn whoever_waits_for_paper_can_give_up_and_nobody_else() {
        let stopped = sent(&mut Fake::answers(CHUNK, CHUNK, Errno::NOSPC), true);
        assert_eq!(stopped.0, Err(PrintError::Cancelled));
        let mut last = Fake::answers(CHUNK, usize::MAX, Errno::IO);
        last.at_end = vec![Errno::NOSPC];
        assert_eq!(sent(&mut last, true).0, Err(PrintError::Cancelled));
        // A page that goes through is not broken off in the middle.
        assert_eq!(
            sent(&mut Fake::answers(CHUNK, usize::MAX, Errno::IO), true).0,
            Ok(())
        );
    }

    #[test]
    fn a_last_transfer_that_fails_is_no_printed_page() {
        for (errno, gone) in [(Errno::NODEV, true), (Errno::IO, false)] {
            let mut fake = Fake::answers(CHUNK, usize::MAX, Errno::IO);
            fake.at_end = vec![errno];
            let error = sent(&mut fake, false).0.unwrap_err();
            assert_eq!(matches!(error, PrintError::Vanished { .. }), gone, "{error}");
            assert!(!error.nothing_was_printed());
        }
    }

    #[test]
    fn a_missing_node_is_never_created_and_a_plain_file_never_written() {
        let folder = std::env::temp_dir().join(format!("glasskey-sink-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let missing = folder.join("lp0");
        assert!(matches!(Device::open(&missing), Err(PrintError::Open { .. })));
        assert!(!missing.exists());
        let plain = folder.join("lp1");
        std::fs::write(&plain, b"before").unwrap();
        assert!(matches!(Device::open(&plain), Err(PrintError::NotAPrinter(_))));
        assert_eq!(std::fs::read(&plain).unwrap(), b"before");
        let link = folder.join("lp2");
        std::os::unix::fs::symlink("/dev/null", &link).unwrap();
        assert!(matches!(Device::open(&link), Err(PrintError::Open { .. })));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_character_device_of_another_kind_is_refused() {
        assert!(matches!(
            Device::open(Path::new("/dev/null")),
            Err(PrintError::NotAPrinter(_))
        ));
    }
}
