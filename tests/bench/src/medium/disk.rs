//! The image file under its faults: what one request does to it, and what is answered.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use crate::error::{Context as _, Result};
use crate::medium::cut::{Cut, Hook, Keep, Request};

/// The answer of a stick that does not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A medium error; the guest's program sees `EIO`.
    Io,
    /// The stick has no blocks left; the guest's program sees `ENOSPC`.
    NoSpace,
}

/// How often each kind of request came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Flushes.
    pub flushes: u64,
}

/// What a request comes to.
pub(super) enum Outcome<T> {
    Done(T),
    /// With this error number of the protocol.
    Failed(u32),
    /// The power is off: no answer, now and ever; the hook belongs to the request that cut it.
    Dead(Option<Hook>),
}

/// Error numbers of the NBD protocol.
pub(super) const EPERM: u32 = 1;
pub(super) const EIO: u32 = 5;
pub(super) const EINVAL: u32 = 22;
pub(super) const ENOSPC: u32 = 28;

pub(super) struct Disk {
    file: File,
    length: u64,
    requests: Requests,
    cut: Option<Cut>,
    power: bool,
    write_protected: bool,
    failing_writes: Failing,
    failing_reads: Failing,
    delay: Duration,
    /// What the writes since the last flush replaced, oldest first.
    replaced: Vec<(u64, Vec<u8>)>,
}

/// Requests to refuse: how, and how many (`None`: all).
#[derive(Clone, Copy, Debug)]
struct Failing(Refusal, Option<u32>);

impl Failing {
    const NONE: Self = Self(Refusal::Io, Some(0));

    fn take(&mut self) -> Option<u32> {
        match &mut self.1 {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        Some(match self.0 {
            Refusal::Io => EIO,
            Refusal::NoSpace => ENOSPC,
        })
    }
}

impl Disk {
    pub(super) fn open(image: &Path) -> Result<Self> {
        let what = || format!("Opening the stick {}", image.display());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(image)
            .context(what)?;
        let length = file.metadata().context(what)?.len();
        Ok(Self {
            file,
            length,
            requests: Requests::default(),
            cut: None,
            power: true,
            write_protected: false,
            failing_writes: Failing::NONE,
            failing_reads: Failing::NONE,
            delay: Duration::ZERO,
            replaced: Vec::new(),
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn requests(&self) -> Requests {
        self.requests
    }

    pub(super) fn arm(&mut self, cut: Option<Cut>) {
        self.cut = cut;
    }

    pub(super) fn is_cut(&self) -> bool {
        !self.power
    }

    pub(super) fn power_on(&mut self) {
        self.power = true;
    }

    pub(super) fn fail_writes(&mut self, refusal: Refusal, count: Option<u32>) {
        self.failing_writes = Failing(refusal, count);
    }

    pub(super) fn fail_reads(&mut self, refusal: Refusal, count: Option<u32>) {
        self.failing_reads = Failing(refusal, count);
    }

    pub(super) fn write_protect(&mut self, on: bool) {
        self.write_protected = on;
    }

    pub(super) fn is_write_protected(&self) -> bool {
        self.write_protected
    }

    pub(super) fn slow_writes(&mut self, each: Duration) {
        self.delay = each;
    }

    pub(super) fn delay(&self) -> Duration {
        self.delay
    }

    pub(super) fn read(&mut self, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        if !self.power {
            return Outcome::Dead(None);
        }
        self.requests.reads += 1;
        if let Some(error) = self.failing_reads.take() {
            return Outcome::Failed(error);
        }
        if !self.reaches(offset, length) {
            return Outcome::Failed(EINVAL);
        }
        let mut data = vec![0; length];
        answer(self.file.read_exact_at(&mut data, offset), data)
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Outcome<()> {
        if !self.power {
            return Outcome::Dead(None);
        }
        self.requests.writes += 1;
        if self.write_protected {
            return Outcome::Failed(EPERM);
        }
        if !self.reaches(offset, data.len()) {
            return Outcome::Failed(ENOSPC);
        }
        if let Some(cut) = self.falls(&Request::Write { offset, data }) {
            let kept = match cut.keep {
                Keep::Nothing => 0,
                Keep::Begin(bytes) => bytes.min(data.len()),
                Keep::Everything => data.len(),
            };
            // An image that cannot be written shows in the test's own look at it.
            let _ = self.apply(offset, &data[..kept]);
            return self.end(cut);
        }
        if let Some(error) = self.failing_writes.take() {
            return Outcome::Failed(error);
        }
        answer(self.apply(offset, data), ())
    }

    pub(super) fn flush(&mut self) -> Outcome<()> {
        if !self.power {
            return Outcome::Dead(None);
        }
        self.requests.flushes += 1;
        let cut = self.falls(&Request::Flush);
        if cut.as_ref().is_none_or(|cut| cut.keep == Keep::Everything) {
            self.replaced.clear();
        }
        cut.map_or(Outcome::Done(()), |cut| self.end(cut))
    }

    fn reaches(&self, offset: u64, length: usize) -> bool {
        let end = u64::try_from(length)
            .ok()
            .and_then(|length| offset.checked_add(length));
        end.is_some_and(|end| end <= self.length)
    }

    /// Asks the armed cut, which is used up by falling.
    fn falls(&mut self, request: &Request<'_>) -> Option<Cut> {
        self.cut.take_if(|cut| cut.falls_on(request))
    }

    fn apply(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut old = vec![0; data.len()];
        self.file.read_exact_at(&mut old, offset)?;
        self.file.write_all_at(data, offset)?;
        self.replaced.push((offset, old));
        Ok(())
    }

    fn end(&mut self, cut: Cut) -> Outcome<()> {
        self.power = false;
        for (offset, old) in self.replaced.drain(..).rev() {
            if cut.unflushed_lost {
                let _ = self.file.write_all_at(&old, offset);
            }
        }
        Outcome::Dead(cut.hook)
    }
}

fn answer<T>(result: io::Result<()>, value: T) -> Outcome<T> {
    result.map_or(Outcome::Failed(EIO), |()| Outcome::Done(value))
}
