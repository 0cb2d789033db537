//! The officer's stick: plan in, transcript and manifest out; every write is synced and read back.
//!
//! [`Stick`] is a directory with rules; [`mount`] puts a USB stick there, on the image only. What must outlive a
//! power cut is kept twice: [`mirror`] for text that grows, [`slots`] for records that are replaced. [`resume`] finds
//! ceremonies on a stick and tells whether the stick that was put back is the same one.

mod disk;
mod error;
pub mod mirror;
pub mod mount;
pub mod resume;
pub mod slots;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::PathBuf;

use crate::id::CeremonyId;

use disk::sync_folder;
use error::State;

pub use error::MediaError;

/// Name of the plan on the stick.
pub const PLAN: &str = "plan.toml";
/// Largest plan that is read, in bytes.
const MAX_PLAN: u64 = 1 << 20;
/// Name of the transcript in the ceremony's folder.
pub const TRANSCRIPT: &str = "transcript.jsonl";
/// What the name of a ceremony's folder begins with.
const FOLDER: &str = "ceremony-";
/// Name of the manifest in the ceremony's folder.
pub const MANIFEST: &str = "manifest.age";
/// Name of the record's copy in the ceremony's folder.
pub const RECORD: &str = "record.pdf";

/// A directory that stands for the officer's stick.
pub struct Stick {
    root: PathBuf,
    /// Brings the medium into a state where reads come from the medium and not from memory.
    mounted: Option<mount::Mounted>,
}

impl Stick {
    /// Uses a plain directory, for work outside the image.
    #[must_use]
    pub fn directory(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            mounted: None,
        }
    }

    /// Uses a mounted USB stick.
    #[must_use]
    pub fn mounted(mounted: mount::Mounted) -> Self {
        Self {
            root: mounted.path().to_owned(),
            mounted: Some(mounted),
        }
    }

    /// Reads the plan's text.
    pub fn read_plan(&self) -> Result<String, MediaError> {
        let failed = |source| MediaError::from_io(format!("Reading `{PLAN}`"), source, self.state());
        let mut text = String::new();
        let file = File::open(self.root.join(PLAN)).map_err(failed)?;
        file.take(MAX_PLAN + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        if text.len() as u64 > MAX_PLAN {
            Err(MediaError::TooLarge(PLAN.into()))
        } else {
            Ok(text)
        }
    }

    /// Reads a file that lies beside the plan; `None` when there is none. More than `limit` bytes are refused.
    pub fn read_beside_plan(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, MediaError> {
        let read = disk::read(&self.root.join(name), limit + 1)
            .map_err(|source| MediaError::from_io(format!("Reading `{name}`"), source, self.state()))?;
        match read {
            Some(bytes) if bytes.len() as u64 > limit => Err(MediaError::TooLarge(name.into())),
            read => Ok(read),
        }
    }

    /// Writes a file beside the plan: the old one is there until the new one is whole on the medium.
    pub fn write_beside_plan(&mut self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.check_mounted()?;
        // Before a ceremony the stick is mounted for reading alone.
        self.make_writable()?;
        let failed = |source| MediaError::from_io(format!("Writing `{name}`"), source, self.state());
        let (new, path) = (self.root.join(format!("{name}.new")), self.root.join(name));
        disk::write(&new, bytes).map_err(failed)?;
        fs::rename(&new, &path).map_err(failed)?;
        sync_folder(&self.root).map_err(failed)?;
        self.prove(&[(path, bytes.to_vec())])
    }

    /// Makes the folder of a ceremony; it must be new.
    pub fn create_folder(&mut self, ceremony: &CeremonyId) -> Result<Folder, MediaError> {
        self.check_mounted()?;
        let folder = self.folder(ceremony);
        let what = "Making the ceremony's folder on the stick";
        let failed = |source| MediaError::from_io(what, source, self.state());
        fs::create_dir(&folder.path).map_err(failed)?;
        sync_folder(&self.root).map_err(failed)?;
        Ok(folder)
    }

    /// The folder of a ceremony that has begun; made when it is not there.
    pub fn open_folder(&mut self, ceremony: &CeremonyId) -> Result<Folder, MediaError> {
        let folder = self.folder(ceremony);
        if folder.path.is_dir() {
            Ok(folder)
        } else {
            self.create_folder(ceremony)
        }
    }

    /// Where the folder of a ceremony is, or would be.
    fn folder(&self, ceremony: &CeremonyId) -> Folder {
        Folder {
            path: self.root.join(format!("{FOLDER}{ceremony}")),
            place: self.mounted.as_ref().map(mount::Mounted::place),
        }
    }

    /// Looks for the stick anew after it was taken out; takes any stick with a plan.
    ///
    /// [`Stick::take_up`] also says whether it is the same one.
    pub fn reopen(&mut self) -> Result<(), MediaError> {
        match &mut self.mounted {
            Some(mounted) => mounted.find_again(),
            None => Ok(()),
        }
    }

    /// Writes caches out and reads files back from the medium, comparing each with what it should hold.
    ///
    /// The stick is read-only afterwards. [`Stick::prove`] does the same and makes it writable again.
    pub fn read_back(&mut self, files: &[(PathBuf, Vec<u8>)]) -> Result<(), MediaError> {
        if let Some(mounted) = &mut self.mounted {
            mounted.remount_read_only()?;
        }
        for (path, expected) in files {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            // One byte more than expected is enough to see that there is more.
            let read = disk::read(path, expected.len() as u64 + 1).map_err(|source| {
                MediaError::from_io(format!("Reading `{name}` back"), source, self.state())
            })?;
            if read.as_ref() != Some(expected) {
                return Err(MediaError::ReadBack(name));
            }
        }
        Ok(())
    }

    /// Proves that the medium holds these files: sync, unmount, mount read-only, compare, mount writable.
    ///
    /// No file on the stick may be open. When unmounting is impossible this is [`MediaError::Busy`], never a
    /// comparison with memory. The stick is writable again even when a file was not what it should be. On FAT
    /// each mount walks the file allocation table once: a fraction of a second on a large stick.
    pub fn prove(&mut self, files: &[(PathBuf, Vec<u8>)]) -> Result<(), MediaError> {
        let compared = self.read_back(files);
        let writable = match &mut self.mounted {
            // After `Busy` the old mount still stands, writable.
            Some(mounted) if !matches!(compared, Err(MediaError::Busy)) => mounted.remount_writable(),
            _ => Ok(()),
        };
        compared.and(writable)
    }

    /// Makes the stick writable again, after a read-back that failed.
    pub fn make_writable(&mut self) -> Result<(), MediaError> {
        self.mounted
            .as_mut()
            .map_or(Ok(()), mount::Mounted::remount_writable)
    }

    fn check_mounted(&self) -> Result<(), MediaError> {
        self.mounted.as_ref().map_or(Ok(()), mount::Mounted::check)
    }

    fn state(&self) -> State {
        self.mounted
            .as_ref()
            .map(|m| m.place().state())
            .unwrap_or_default()
    }
}

/// The folder of one ceremony on the stick.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    /// The mount it is in; `None` for a plain directory.
    place: Option<mount::Place>,
}

impl Folder {
    /// Path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Its own name, which holds the ceremony's id.
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Makes sure that writes reach the stick and not memory.
    fn check(&self) -> Result<(), MediaError> {
        self.place.as_ref().map_or(Ok(()), mount::Place::check)
    }

    /// Sorts an error by what is to be done about it.
    fn failed(&self, what: impl Into<String>, source: std::io::Error) -> MediaError {
        let state = self.place.as_ref().map(mount::Place::state);
        MediaError::from_io(what, source, state.unwrap_or_default())
    }

    /// Appends to a file and waits until the medium has it.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.check()?;
        let failed = |source| self.failed(format!("Writing `{name}`"), source);
        let path = self.file(name);
        let is_new = !path.exists();
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        if is_new {
            sync_folder(&self.path).map_err(failed)
        } else {
            Ok(())
        }
    }

    /// Writes a whole file and waits until the medium has it; an older one of that name is replaced.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.check()?;
        disk::write(&self.file(name), bytes)
            .map_err(|source| self.failed(format!("Writing `{name}`"), source))
    }

    /// Reads a whole file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, MediaError> {
        fs::read(self.file(name)).map_err(|source| self.failed(format!("Reading `{name}`"), source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stick() -> (PathBuf, Stick) {
        let mut name = [0_u8; 8];
        crate::pin::kernel_random(&mut name).unwrap();
        let path = std::env::temp_dir().join(format!("glasskey-stick-{}", crate::transcript::hex(&name)));
        fs::create_dir_all(&path).unwrap();
        (path.clone(), Stick::directory(path))
    }

    #[test]
    fn writes_are_read_back_and_a_changed_file_is_noticed() {
        let (path, mut stick) = stick();
        let ceremony = CeremonyId::draw(&mut |b| crate::pin::kernel_random(b).unwrap());
        let folder = stick.create_folder(&ceremony).unwrap();
        folder.append(TRANSCRIPT, b"one\n").unwrap();
        folder.append(TRANSCRIPT, b"two\n").unwrap();
        let expected = (folder.file(TRANSCRIPT), b"one\ntwo\n".to_vec());
        stick.read_back(std::slice::from_ref(&expected)).unwrap();
        fs::write(&expected.0, b"one\nTWO\n").unwrap();
        assert!(matches!(
            stick.read_back(&[expected]),
            Err(MediaError::ReadBack(_))
        ));
        assert!(
            stick.create_folder(&ceremony).is_err(),
            "a ceremony's folder is made once"
        );
        fs::remove_dir_all(path).unwrap();
    }
}
