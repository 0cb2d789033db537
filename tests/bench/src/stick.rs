//! USB sticks as raw image files: a FAT file system in a GPT partition, or on the bare stick.
//!
//! Works with mtools, dosfstools and sfdisk, so no image is ever mounted.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use crate::error::{Context as _, Error, Result};

const MIB: u64 = 1 << 20;
/// The file by which [`Stick::fill`] takes the room away.
pub const FILLER: &str = "filler.bin";

/// How a stick is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One partition from 1 MiB on, in a GPT.
    Gpt,
    /// The file system begins in the first sector.
    Superfloppy,
}

/// One stick's image file.
#[derive(Clone, Debug)]
pub struct Stick {
    path: PathBuf,
    layout: Layout,
}

impl Stick {
    /// Makes an empty stick of this size, with a volume label; an existing file is replaced.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or a disk tool is missing or refuses.
    pub fn create(path: &Path, layout: Layout, mebibytes: u64, label: &str) -> Result<Self> {
        let file = File::create(path).context(|| format!("Creating the stick {}", path.display()))?;
        file.set_len(mebibytes * MIB)
            .context(|| format!("Sizing the stick {}", path.display()))?;
        let stick = Self::at(path, layout);
        let mut format = Command::new("mkfs.vfat");
        format.args(["-n", label]);
        if layout == Layout::Gpt {
            stick.run(
                Command::new("sfdisk")
                    .args(["--quiet", "--no-reread", "--no-tell-kernel"])
                    .arg(path),
                b"label: gpt\nstart=2048, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\n",
            )?;
            // A MiB at each end belongs to the partition table.
            format
                .args(["--offset", "2048"])
                .arg(path)
                .arg(((mebibytes - 2) * 1024).to_string());
        } else {
            format.arg("-I").arg(path);
        }
        stick.run(&mut format, b"")?;
        Ok(stick)
    }

    /// Takes up an image that is there already.
    #[must_use]
    pub fn at(path: &Path, layout: Layout) -> Self {
        Self {
            path: path.to_owned(),
            layout,
        }
    }

    /// The image file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file, over an older one if need be; its directory must exist.
    ///
    /// # Errors
    ///
    /// There is no room or no such directory.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        // From its standard input mcopy would cut the file without a word when there is no room.
        let mut source = tempfile::NamedTempFile::new().context(|| "Making a temporary file".to_owned())?;
        source
            .write_all(content)
            .context(|| format!("Writing {}", source.path().display()))?;
        let target = format!("::{name}");
        self.run(self.tool("mcopy").arg("-o").arg(source.path()).arg(target), b"")
            .map(drop)
    }

    /// Makes a directory.
    ///
    /// # Errors
    ///
    /// It exists.
    pub fn create_directory(&self, name: &str) -> Result<()> {
        self.run(self.tool("mmd").arg(format!("::{name}")), b"").map(drop)
    }

    /// Reads a file back.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    pub fn read(&self, name: &str) -> Result<Vec<u8>> {
        let source = format!("::{name}");
        self.run(self.tool("mcopy").args([&source, "-"]), b"")
    }

    /// Lists all files with their paths, such as `outbox/manifest.json`; directories end with a slash.
    ///
    /// # Errors
    ///
    /// The file system cannot be read.
    pub fn list(&self) -> Result<Vec<String>> {
        let out = self.run(self.tool("mdir").args(["-b", "-/", "::"]), b"")?;
        let lines = String::from_utf8_lossy(&out);
        Ok(lines
            .lines()
            .filter_map(|line| line.strip_prefix("::/"))
            .map(str::to_owned)
            .collect())
    }

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// There is none of this name.
    pub fn remove(&self, name: &str) -> Result<()> {
        self.run(self.tool("mdel").arg(format!("::{name}")), b"")
            .map(drop)
    }

    /// The room for files, in bytes; always a whole number of clusters.
    ///
    /// # Errors
    ///
    /// The file system cannot be read.
    pub fn free(&self) -> Result<u64> {
        let out = self.run(self.tool("mdir").arg("::"), b"")?;
        // The last line groups its digits: `16 703 488 bytes free`.
        String::from_utf8_lossy(&out)
            .lines()
            .find_map(|line| line.trim().strip_suffix(" bytes free").map(str::to_owned))
            .and_then(|digits| digits.replace(' ', "").parse().ok())
            .ok_or_else(|| {
                Error::Stick(format!(
                    "`mdir` does not tell the room on {}",
                    self.path.display()
                ))
            })
    }

    /// Fills the stick with one file ([`FILLER`]) so that this many bytes are left, rounded up to whole clusters.
    ///
    /// # Errors
    ///
    /// There is less room than that already.
    pub fn fill(&self, leave: u64) -> Result<()> {
        // Of an earlier filling; mostly there is none.
        let _ = self.remove(FILLER);
        let free = self.free()?;
        let size = free
            .checked_sub(leave.next_multiple_of(self.cluster()?))
            .and_then(|size| usize::try_from(size).ok())
            .ok_or_else(|| {
                Error::Stick(format!("Only {free} bytes are free, and {leave} are to be left."))
            })?;
        self.write(FILLER, &vec![0; size])
    }

    /// The size of a cluster in bytes, from the file system's first sector.
    fn cluster(&self) -> Result<u64> {
        let what = || format!("Reading the stick {}", self.path.display());
        let start = if self.layout == Layout::Gpt { MIB } else { 0 };
        let mut sector = [0; 16];
        let file = File::open(&self.path).context(what)?;
        file.read_exact_at(&mut sector, start).context(what)?;
        let [low, high, sectors] = [sector[11], sector[12], sector[13]];
        match u64::from(u16::from_le_bytes([low, high])) * u64::from(sectors) {
            0 => Err(Error::Stick(format!(
                "There is no FAT file system on {}",
                self.path.display()
            ))),
            size => Ok(size),
        }
    }

    fn tool(&self, name: &str) -> Command {
        let offset = if self.layout == Layout::Gpt { "@@1M" } else { "" };
        let mut command = Command::new(name);
        // Sticks of every geometry are fine, and names stay as they are written.
        command
            .env("MTOOLS_SKIP_CHECK", "1")
            .arg("-i")
            .arg(format!("{}{offset}", self.path.display()));
        command
    }

    fn run(&self, command: &mut Command, input: &[u8]) -> Result<Vec<u8>> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context(|| format!("Starting `{name}`"))?;
        let (stdin, input) = (child.stdin.take(), input.to_vec());
        // Fed from a thread, so that neither side waits for the other; what was not taken shows in the status.
        let feeder = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&input)));
        let Output {
            status,
            stdout,
            stderr,
        } = child
            .wait_with_output()
            .context(|| format!("Waiting for `{name}`"))?;
        let _ = feeder.join();
        if status.success() {
            return Ok(stdout);
        }
        let complaint = String::from_utf8_lossy(&stderr);
        Err(Error::Stick(format!(
            "`{name}` fails on {}: {}",
            self.path.display(),
            complaint.trim()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_in_both_layouts() {
        let directory = tempfile::tempdir().unwrap();
        for layout in [Layout::Gpt, Layout::Superfloppy] {
            let stick = Stick::create(&directory.path().join("stick.img"), layout, 16, "PLANS").unwrap();
            let content: Vec<u8> = (0..100_000u32).map(|n| u8::try_from(n % 256).unwrap()).collect();
            stick.create_directory("outbox").unwrap();
            stick.write("plan.toml", b"old").unwrap();
            stick.write("plan.toml", b"new\n").unwrap();
            stick.write("outbox/long name.bin", &content).unwrap();
            assert_eq!(stick.read("plan.toml").unwrap(), b"new\n");
            assert_eq!(stick.read("outbox/long name.bin").unwrap(), content);
            let mut list = stick.list().unwrap();
            list.sort();
            assert_eq!(list, ["outbox/", "outbox/long name.bin", "plan.toml"]);
            assert!(
                stick
                    .read("missing")
                    .unwrap_err()
                    .to_string()
                    .starts_with("`mcopy` fails on")
            );
        }
    }

    #[test]
    fn a_filled_stick_has_the_room_that_was_left_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        for layout in [Layout::Gpt, Layout::Superfloppy] {
            let stick = Stick::create(&directory.path().join("stick.img"), layout, 16, "PLANS").unwrap();
            let cluster = stick.cluster().unwrap();
            stick.fill(3 * cluster).unwrap();
            stick.fill(2 * cluster - 1).unwrap();
            assert_eq!(stick.free().unwrap(), 2 * cluster);
            let two = vec![7; usize::try_from(2 * cluster).unwrap()];
            stick.write("two", &two).unwrap();
            assert_eq!(stick.free().unwrap(), 0);
            assert!(stick.write("more", b"m").is_err());
            assert!(stick.fill(1 << 30).is_err());
            stick.remove("two").unwrap();
            assert!(stick.remove("two").is_err());
            stick.write("more", b"m").unwrap();
        }
    }
}
