//! Mounting a USB stick on the image: FAT only, nothing on it is ever run, read-only until it is written.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};

use super::error::State;
use super::{MediaError, PLAN};

/// `statfs` type of FAT (linux/magic.h, MSDOS_SUPER_MAGIC).
const FAT: i64 = 0x4d44;
/// How long a stick may take to leave sysfs once it was pulled.
const LEAVING: Duration = Duration::from_millis(500);
/// Never run, never a device, never set-user-id.
const SAFE: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC);
/// Names in UTF-8. Not `flush`: every write is synced by its writer, and that option has the kernel sleep 100 ms at each
/// close of a file that was written (`fat_file_release`), twice for every line of the transcript.
const OPTIONS: &CStr = c"utf8";

/// A mounted stick; unmounted on drop.
pub struct Mounted {
    device: PathBuf,
    path: PathBuf,
}

/// What is mounted where, for those who hold files on the stick and not the stick.
#[derive(Debug, Clone)]
pub(super) struct Place {
    device: PathBuf,
    path: PathBuf,
}

impl Place {
    /// Makes sure that the path is the stick: after a failed mount, writes would silently go to memory.
    pub(super) fn check(&self) -> Result<(), MediaError> {
        let device_of = |path: &Path| fs::metadata(path).map(|m| m.dev());
        let parent = self.path.parent().unwrap_or(Path::new("/"));
        let is_fat = rustix::fs::statfs(&self.path).is_ok_and(|s| s.f_type == FAT);
        match (device_of(&self.path), device_of(parent)) {
            (Ok(own), Ok(above)) if own != above && is_fat => Ok(()),
            _ => Err(MediaError::NotMounted),
        }
    }

    /// Asks the kernel, after an error, whether the device is still there and whether it takes writes.
    ///
    /// A stick that was pulled fails at once and is gone from sysfs a moment later: that moment is waited for.
    pub(super) fn state(&self) -> State {
        let until = Instant::now() + LEAVING;
        loop {
            let state = self.state_now();
            if state.present == Some(false) || Instant::now() >= until {
                return state;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn state_now(&self) -> State {
        let Some(name) = self.device.file_name() else {
            return State::default();
        };
        let class = Path::new("/sys/class/block").join(name);
        let Ok(own) = fs::canonicalize(&class) else {
            return State {
                present: Some(false),
                locked: None,
            };
        };
        let text = |path: PathBuf| fs::read_to_string(path).map(|t| t.trim().to_owned());
        // The same name can be another stick by now; the mount keeps the number of the old one.
        let mounted = fs::metadata(&self.path).map(|m| {
            let number = m.dev();
            format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number))
        });
        let is_same = match (text(own.join("dev")), mounted) {
            (Ok(number), Ok(mounted)) => Some(number == mounted),
            _ => None,
        };
        // The SCSI layer takes a device offline that answers nothing any more, before or instead of removing it.
        let answers = [own.join("device/state"), own.join("../device/state")]
            .into_iter()
            .find_map(|path| text(path).ok())
            .is_none_or(|state| state == "running");
        let locked = [own.join("ro"), own.join("../ro")]
            .into_iter()
            .filter_map(|path| text(path).ok())
            .fold(None, |locked, value| Some(locked == Some(true) || value == "1"));
        State {
            present: if answers { is_same } else { Some(false) },
            locked,
        }
    }
}

/// Looks through the USB sticks for the one with a plan and mounts it read-only at `path`.
pub fn find(path: &Path) -> Result<Mounted, MediaError> {
    let mut found = Vec::new();
    for device in usb_volumes() {
        if let Ok(mounted) = Mounted::new(&device, path) {
            if path.join(PLAN).is_file() {
                found.push(device);
            }
            drop(mounted);
        }
    }
    match &found[..] {
        [] => Err(MediaError::NoStick),
        [device] => Mounted::new(device, path),
        several => Err(MediaError::SeveralSticks(several.len())),
    }
}

/// Volumes on USB disks: partitions, and whole disks without any.
fn usb_volumes() -> Vec<PathBuf> {
    let block = Path::new("/sys/class/block");
    let Ok(entries) = fs::read_dir(block) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|e| {
            fs::canonicalize(e.path()).is_ok_and(|p| p.components().any(|c| is_usb_bus(c.as_os_str())))
        })
        .filter_map(|e| e.file_name().into_string().ok())
        .collect();
    names.sort();
    let has_partitions = |name: &str| names.iter().any(|n| n != name && n.starts_with(name));
    names
        .iter()
        .filter(|n| !has_partitions(n))
        .map(|n| Path::new("/dev").join(n))
        .collect()
}

fn is_usb_bus(name: &std::ffi::OsStr) -> bool {
    name.to_str()
        .and_then(|n| n.strip_prefix("usb"))
        .is_some_and(|n| n.parse::<u8>().is_ok())
}

impl Mounted {
    fn new(device: &Path, path: &Path) -> Result<Self, MediaError> {
        let place = Place {
            device: device.to_owned(),
            path: path.to_owned(),
        };
        let failed = |source: io::Error| {
            let what = format!("Opening the stick {}", device.display());
            MediaError::from_io(what, source, place.state())
        };
        fs::create_dir_all(path).map_err(failed)?;
        let until = Instant::now() + Duration::from_secs(2);
        loop {
            match mount(device, path, c"vfat", SAFE | MountFlags::RDONLY, OPTIONS) {
                Ok(()) => break,
                // The node of a partition exists a moment before it can be opened.
                Err(Errno::NXIO | Errno::NOENT) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(error) => return Err(failed(error.into())),
            }
        }
        let mounted = Self {
            device: device.to_owned(),
            path: path.to_owned(),
        };
        mounted.check()?;
        Ok(mounted)
    }

    /// The volume that is mounted.
    #[must_use]
    pub fn device(&self) -> &Path {
        &self.device
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes sure that the path is the stick: after a failed mount, writes would silently go to memory.
    pub fn check(&self) -> Result<(), MediaError> {
        self.place().check()
    }

    /// What is mounted where.
    pub(super) fn place(&self) -> Place {
        Place {
            device: self.device.clone(),
            path: self.path.clone(),
        }
    }

    /// Gives up the medium that was there and looks for a stick with a plan.
    pub fn find_again(&mut self) -> Result<(), MediaError> {
        // A stick that was pulled out keeps its mount; without DETACH an open file would hold it.
        let _ = unmount(&self.path, UnmountFlags::DETACH);
        let mut found = find(&self.path)?;
        std::mem::swap(&mut self.device, &mut found.device);
        // The new mount stays: only the old owner may unmount it.
        std::mem::forget(found);
        Ok(())
    }

    /// Allows writing.
    pub fn remount_writable(&mut self) -> Result<(), MediaError> {
        mount_remount(&self.path, SAFE, OPTIONS)
            .map_err(|error| self.failed("Making the stick writable", error))?;
        self.check()
    }

    /// Writes everything out and mounts the medium afresh, so that reads do not come from memory.
    ///
    /// [`MediaError::Busy`] when a file is open: then nothing was read back, and the old mount stays.
    pub fn remount_read_only(&mut self) -> Result<(), MediaError> {
        let what = "Writing the stick out";
        unmount(&self.path, UnmountFlags::empty()).map_err(|error| self.failed(what, error))?;
        mount(
            &self.device,
            &self.path,
            c"vfat",
            SAFE | MountFlags::RDONLY,
            OPTIONS,
        )
        .map_err(|error| self.failed(what, error))?;
        self.check()
    }

    fn failed(&self, what: &str, error: Errno) -> MediaError {
        MediaError::from_io(what, error.into(), self.place().state())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.path, UnmountFlags::empty());
    }
}
