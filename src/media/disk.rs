//! Reads and writes that reach the medium: synced, dropped from memory, read from the medium again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Advice, fadvise};

/// Unit in which the kernel keeps file content in memory, in bytes.
const PAGE: u64 = 4096;

/// A new name in a folder is safe only when the folder itself is written.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder that may be there already, and waits until its name is on the medium.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => path.parent().map_or(Ok(()), sync_folder),
    }
}

/// Writes a whole file and waits until the medium has it and its name.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = File::create(path)?;
    file.write_all_at(bytes, 0)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes a file hold `bytes` from `offset` on and end there, and waits until the medium has it.
pub(super) fn write_tail(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    file.write_all_at(bytes, offset)?;
    let end = offset + bytes.len() as u64;
    if file.metadata()?.len() > end {
        file.set_len(end)?;
    }
    file.sync_all()?;
    if is_new {
        path.parent().map_or(Ok(()), sync_folder)
    } else {
        Ok(())
    }
}

/// Whether a file ends with `bytes` at `offset`, as the medium has it.
pub(super) fn tail_is(path: &Path, offset: u64, bytes: &[u8]) -> io::Result<bool> {
    let file = File::open(path)?;
    // Pages that were synced are clean, and this drops them: the read below goes to the medium.
    fadvise(&file, offset - offset % PAGE, None, Advice::DontNeed)?;
    if file.metadata()?.len() != offset + bytes.len() as u64 {
        return Ok(false);
    }
    let mut read = vec![0; bytes.len()];
    file.read_exact_at(&mut read, offset)?;
    Ok(read == bytes)
}

/// Reads a file from the medium, `limit` bytes at most; `None` when it is not there.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    fadvise(&file, 0, None, Advice::DontNeed)?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
