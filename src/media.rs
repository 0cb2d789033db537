//! The officer's stick: plan in, transcript and manifest out; every write is synced and read back.
//!
//! [`Stick`] is a directory with rules; [`mount`] puts a USB stick there, on the image only.

pub mod mount;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::id::CeremonyId;

/// Name of the plan on the stick.
pub const PLAN: &str = "plan.toml";
/// Largest plan that is read, in bytes.
const MAX_PLAN: u64 = 1 << 20;
/// Name of the transcript in the ceremony's folder.
pub const TRANSCRIPT: &str = "transcript.jsonl";
/// Name of the manifest in the ceremony's folder.
pub const MANIFEST: &str = "manifest.age";

/// Why the stick cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No stick has a plan.
    #[error("No stick with a file `{PLAN}` was found.")]
    NoStick,
    /// More than one has.
    #[error("{0} sticks have a file `{PLAN}`.")]
    SeveralSticks(usize),
    /// Reading or writing failed.
    #[error("{what} failed: {source}.")]
    Io {
        /// What was tried, as the start of a sentence.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than it can sensibly be.
    #[error("`{0}` is too large.")]
    TooLarge(String),
    /// What was read back is not what was written.
    #[error("`{0}` was written, but something else was read back: the stick is faulty.")]
    ReadBack(String),
    /// What is mounted is not the stick: writing there would go to memory and be lost.
    #[error("The stick is not mounted where it should be.")]
    NotMounted,
}

impl MediaError {
    /// What to do now.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoStick => "Put in a FAT-formatted USB stick with the plan in its top folder.",
            Self::SeveralSticks(_) => "Take out all but one.",
            Self::TooLarge(_) => "Check that this is the right stick.",
            Self::Io { .. } | Self::ReadBack(_) | Self::NotMounted => {
                "Take the stick out and put it back, or use another one that is not write-protected."
            }
        }
    }
}

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
        let failed = |source| MediaError::Io {
            what: format!("Reading `{PLAN}`"),
            source,
        };
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

    /// Makes the folder of a ceremony; it must be new.
    pub fn create_folder(&mut self, ceremony: &CeremonyId) -> Result<Folder, MediaError> {
        self.check_mounted()?;
        let path = self.root.join(format!("ceremony-{ceremony}"));
        let failed = |source| MediaError::Io {
            what: "Making the ceremony's folder on the stick".into(),
            source,
        };
        fs::create_dir(&path).map_err(failed)?;
        sync_folder(&self.root).map_err(failed)?;
        Ok(Folder { path })
    }

    /// The folder of a ceremony that has begun; made when it is not there.
    pub fn open_folder(&mut self, ceremony: &CeremonyId) -> Result<Folder, MediaError> {
        let path = self.root.join(format!("ceremony-{ceremony}"));
        if path.is_dir() {
            Ok(Folder { path })
        } else {
            self.create_folder(ceremony)
        }
    }

    /// Looks for the stick anew after it was taken out.
    pub fn reopen(&mut self) -> Result<(), MediaError> {
        match &mut self.mounted {
            Some(mounted) => mounted.find_again(),
            None => Ok(()),
        }
    }

    /// Writes caches out and reads files back from the medium, comparing each with what it should hold.
    pub fn read_back(&mut self, files: &[(PathBuf, Vec<u8>)]) -> Result<(), MediaError> {
        if let Some(mounted) = &mut self.mounted {
            mounted.remount_read_only()?;
        }
        for (path, expected) in files {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            let read = fs::read(path).map_err(|source| MediaError::Io {
                what: format!("Reading `{name}` back"),
                source,
            })?;
            if read != *expected {
                return Err(MediaError::ReadBack(name));
            }
        }
        Ok(())
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
}

/// The folder of one ceremony on the stick.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Path of a file in it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Appends to a file and waits until the medium has it.
    pub fn append(&self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        let failed = |source| MediaError::Io {
            what: format!("Writing `{name}`"),
            source,
        };
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
        let failed = |source| MediaError::Io {
            what: format!("Writing `{name}`"),
            source,
        };
        let mut file = File::create(self.file(name)).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        sync_folder(&self.path).map_err(failed)
    }

    /// Reads a whole file.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, MediaError> {
        fs::read(self.file(name)).map_err(|source| MediaError::Io {
            what: format!("Reading `{name}`"),
            source,
        })
    }
}

/// A new name in a folder is safe only when the folder itself is written.
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
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
