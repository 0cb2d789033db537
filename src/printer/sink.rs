//! Where a printer's bytes go: in production one character device, opened without create.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};

use super::PrintError;
use super::spool::Spool;

/// Largest single write: the driver cuts into transfers of this size, and progress is told after each.
pub const CHUNK: usize = 8 << 10;

/// Major number of USB class devices, usblp among them (Documentation/admin-guide/devices.txt).
const USB_MAJOR: u32 = 180;

/// Takes a printer's bytes.
pub trait Sink {
    /// Takes at least one of these bytes and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
}

/// The device node of a USB printer.
#[derive(Debug)]
pub struct Device(File);

impl Device {
    /// Opens the node for writing; refuses whatever is not a USB character device, and creates nothing.
    ///
    /// A missing printer must be an error: with create, the page would become a file of that name.
    pub fn open(node: &Path) -> Result<Self, PrintError> {
        let name = || node.display().to_string();
        let flags = OFlags::WRONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
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
            Ok(Self(file))
        } else {
            Err(PrintError::NotAPrinter(name()))
        }
    }
}

impl Sink for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
}

/// Sends all bytes in chunks; `sent` hears of each.
pub fn send(sink: &mut dyn Sink, job: &Spool, sent: &mut dyn FnMut(usize)) -> Result<(), PrintError> {
    let of = job.len();
    let mut done = 0;
    for mut chunk in job.chunks() {
        while !chunk.is_empty() {
            match sink.write(chunk) {
                Ok(count) if (1..=chunk.len()).contains(&count) => {
                    chunk = &chunk[count..];
                    done += count;
                    sent(done);
                }
                Ok(_) => {
                    return Err(PrintError::Refused {
                        sent: done,
                        of,
                        reason: "no byte was taken".into(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(&error, done, of)),
            }
        }
    }
    Ok(())
}

fn failure(error: &io::Error, sent: usize, of: usize) -> PrintError {
    use rustix::io::Errno;
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
    use rustix::io::Errno;

    /// Takes `room` bytes in bites of at most `bite`, then fails.
    struct Fake {
        taken: Vec<u8>,
        bite: usize,
        room: usize,
        then: Errno,
    }

    impl Sink for Fake {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(bytes.len() <= CHUNK);
            let count = bytes.len().min(self.bite).min(self.room - self.taken.len());
            if count == 0 {
                return Err(self.then.into());
            }
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }
    }

    fn fake(bite: usize, room: usize, then: Errno) -> Fake {
        Fake {
            taken: Vec::new(),
            bite,
            room,
            then,
        }
    }

    #[test]
    fn sends_every_byte_once_whatever_the_bites() {
        let page: Vec<u8> = (0..30_000_u32).map(|i| i.to_le_bytes()[0]).collect();
        for bite in [1000, CHUNK, usize::MAX] {
            let mut sink = fake(bite, usize::MAX, Errno::IO);
            let mut told = Vec::new();
            send(&mut sink, &Spool::from(page.as_slice()), &mut |done| {
                told.push(done);
            })
            .unwrap();
            assert_eq!(sink.taken, page);
            assert!(told.is_sorted() && told.last() == Some(&page.len()));
        }
    }

    #[test]
    fn tells_a_printer_that_went_away_from_one_that_refuses() {
        let page = Spool::from(vec![0; 20_000].as_slice());
        let mut quiet = |_| {};
        let gone = send(&mut fake(CHUNK, CHUNK, Errno::NODEV), &page, &mut quiet);
        assert_eq!(
            gone,
            Err(PrintError::Vanished {
                sent: CHUNK,
                of: 20_000
            })
        );
        let empty = send(&mut fake(CHUNK, CHUNK, Errno::NOSPC), &page, &mut quiet);
        assert!(matches!(empty, Err(PrintError::Refused { sent: CHUNK, .. })));
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
