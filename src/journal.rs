//! A file of JSON lines about writes to a tenant: one before and one after each, on disk before the write is sent.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest journal that is read; one write takes less than a kilobyte.
const LIMIT: u64 = 16 * 1024 * 1024;

/// How far a write is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// About to be sent.
    Intended,
    /// The tenant confirmed it.
    Done,
    /// The tenant refused it: nothing was changed.
    Refused,
}

/// An open journal; one run at a time.
pub struct Lines<E> {
    file: File,
    entries: Vec<E>,
}

impl<E: Serialize + DeserializeOwned> Lines<E> {
    /// Opens a journal, or begins one, and locks it against a second run.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other("another run of glasskey uses this journal"))?;
        if file.metadata()?.len() > LIMIT {
            return Err(io::Error::other("it is too large to be a journal"));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // Power failed within the last line: its write had not begun, because the line was not safe yet.
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
        }
        let mut entries = Vec::new();
        for (index, line) in bytes[..whole].split(|b| *b == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let entry = serde_json::from_slice(line).map_err(|error| {
                io::Error::other(format!("line {} is not a journal entry: {error}", index + 1))
            })?;
            entries.push(entry);
        }
        Ok(Self { file, entries })
    }

    /// Writes an entry and waits until it is on disk.
    pub fn write(&mut self, entry: E) -> io::Result<()> {
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()?;
        self.entries.push(entry);
        Ok(())
    }

    /// Every entry, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[E] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_is_dropped_and_a_torn_middle_refused() {
        let path = std::env::temp_dir().join(format!("glasskey-lines-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let mut lines: Lines<State> = Lines::open(&path).unwrap();
        lines.write(State::Intended).unwrap();
        assert!(Lines::<State>::open(&path).is_err(), "a second run is refused");
        drop(lines);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..whole.len() {
            std::fs::write(&path, [&whole, &whole[..cut]].concat()).unwrap();
            let mut lines: Lines<State> = Lines::open(&path).unwrap();
            assert_eq!(lines.entries().len(), 1);
            lines.write(State::Done).unwrap();
            drop(lines);
            let lines: Lines<State> = Lines::open(&path).unwrap();
            assert_eq!(lines.entries(), [State::Intended, State::Done]);
        }
        std::fs::write(&path, [&whole[..4], b"\n", &whole].concat()).unwrap();
        assert!(Lines::<State>::open(&path).is_err());
        std::fs::remove_file(path).unwrap();
    }
}
