//! Records that are replaced and must outlive a power cut at any moment: two slots, written in turn.
//!
//! A rename is not atomic on FAT, so no record is ever replaced in place. The slots of a record lie in two folders,
//! `<group>/a` and `<group>/b`: the sectors with the names of one slot are not written when the other one is.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use ring::digest::{Context, SHA256};

use super::{Folder, MediaError, Stick, disk};

/// First word of a slot file; the number is the version of the format.
const MAGIC: &str = "glasskey-slot-1";
/// Largest record, in bytes.
pub const MAX_RECORD: usize = 1 << 20;
/// Longest header line, in bytes.
const MAX_HEADER: usize = 256;
/// Names that DOS and its descendants keep for devices; `com1` to `lpt9` are found by their form.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// One of the two places of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Folder `a`.
    A,
    /// Folder `b`.
    B,
}

impl Slot {
    const BOTH: [Self; 2] = [Self::A, Self::B];

    fn folder(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// A record in a ceremony's folder: `<group>/a/<name>` and `<group>/b/<name>`.
#[derive(Debug, Clone)]
pub struct Slots {
    folder: Folder,
    group: String,
    name: String,
}

/// A whole generation of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Counts the writes of this record, from 1.
    pub generation: u64,
    /// What was written.
    pub content: Vec<u8>,
}

/// What is wrong with one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotFault {
    /// Which slot.
    pub slot: Slot,
    /// What is wrong, as a clause.
    pub reason: String,
}

impl fmt::Display for SlotFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {} {}", self.slot.folder(), self.reason)
    }
}

/// What the two slots hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The newest whole generation; `None` when the record was never written, or no slot is whole.
    pub newest: Option<Record>,
    /// What is wrong with a slot that exists and is not whole: after a cut write, one; more is damage.
    pub faults: Vec<SlotFault>,
}

impl Slots {
    /// Names a record; both names have 1 to 8 characters of `a-z0-9`, as FAT keeps them in one entry.
    pub fn new(folder: &Folder, group: &str, name: &str) -> Result<Self, MediaError> {
        for part in [group, name] {
            if !is_short_name(part) {
                return Err(MediaError::Name(part.to_owned()));
            }
        }
        Ok(Self {
            folder: folder.clone(),
            group: group.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Names of the records of a group, in order, whether their slots are whole or not.
    pub fn list(folder: &Folder, group: &str) -> Result<Vec<String>, MediaError> {
        let mut names = BTreeSet::new();
        for slot in Slot::BOTH {
            let path = folder.file(group).join(slot.folder());
            let failed = |source| folder.failed(format!("Reading the folder `{group}`"), source);
            let entries = match fs::read_dir(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(failed)?,
            };
            for entry in entries {
                let name = entry.map_err(failed)?.file_name();
                names.extend(name.to_str().filter(|n| is_short_name(n)).map(str::to_owned));
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Writes a new generation over the older slot; the newest whole one stays as it is.
    ///
    /// When this returns, the medium itself was read back ([`Stick::prove`]): no other file on the stick may be
    /// open. Returns the number of the generation.
    pub fn write(&self, stick: &mut Stick, content: &[u8]) -> Result<u64, MediaError> {
        if content.len() > MAX_RECORD {
            return Err(MediaError::TooLarge(self.label()));
        }
        self.folder.check()?;
        let held = Slot::BOTH.map(|slot| self.load(slot));
        let generation_of =
            |held: &Result<Option<Record>, SlotFault>| held.as_ref().ok()?.as_ref().map(|r| r.generation);
        let generations = [generation_of(&held[0]), generation_of(&held[1])];
        // What is missing or not whole (`None`) is the older one: the only whole slot is never written over.
        let slot = if generations[0] <= generations[1] {
            Slot::A
        } else {
            Slot::B
        };
        let generation = generations.into_iter().flatten().max().unwrap_or(0) + 1;
        let bytes = self.encode(generation, content);
        let path = self.path(slot);
        self.make_folders(slot)
            .and_then(|()| disk::write(&path, &bytes))
            .map_err(|source| self.folder.failed(format!("Writing `{}`", self.label()), source))?;
        stick.prove(&[(path, bytes)])?;
        Ok(generation)
    }

    /// Reads both slots and returns the newest whole generation, and what is wrong with the other slot.
    ///
    /// A slot that the medium cannot read is a fault like any other, unless neither can be read.
    pub fn read(&self) -> Result<Reading, MediaError> {
        self.folder.check()?;
        let mut reading = Reading {
            newest: None,
            faults: Vec::new(),
        };
        for slot in Slot::BOTH {
            match self.load(slot) {
                Ok(Some(record)) => {
                    if reading
                        .newest
                        .as_ref()
                        .is_none_or(|n| n.generation < record.generation)
                    {
                        reading.newest = Some(record);
                    }
                }
                Ok(None) => {}
                Err(fault) => reading.faults.push(fault),
            }
        }
        // A stick that is gone has no damaged records: ask for the stick instead.
        if let (None, [_, ..]) = (&reading.newest, &reading.faults[..]) {
            for slot in Slot::BOTH {
                disk::read(&self.path(slot), 1)
                    .map_err(|source| self.folder.failed(format!("Reading `{}`", self.label()), source))?;
            }
        }
        Ok(reading)
    }

    /// What a person calls it.
    fn label(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    fn path(&self, slot: Slot) -> PathBuf {
        self.folder.file(&self.group).join(slot.folder()).join(&self.name)
    }

    fn make_folders(&self, slot: Slot) -> io::Result<()> {
        let group = self.folder.file(&self.group);
        disk::make_folder(&group)?;
        disk::make_folder(&group.join(slot.folder()))
    }

    fn load(&self, slot: Slot) -> Result<Option<Record>, SlotFault> {
        let fault = |reason| SlotFault { slot, reason };
        let bytes = disk::read(&self.path(slot), (MAX_HEADER + MAX_RECORD + 1) as u64)
            .map_err(|error| fault(format!("cannot be read: {error}")))?;
        bytes.map(|bytes| self.decode(&bytes).map_err(fault)).transpose()
    }

    /// The header without its digest: the digest covers it, so that no number in it can change unseen.
    ///
    /// It names ceremony and record: after a cut, FAT can show what an older file left in the same place.
    fn head(&self, generation: u64, length: usize) -> String {
        let (folder, label) = (self.folder.name(), self.label());
        format!("{MAGIC} {folder}/{label} {generation} {length} ")
    }

    fn encode(&self, generation: u64, content: &[u8]) -> Vec<u8> {
        let head = self.head(generation, content.len());
        let digest = digest(head.as_bytes(), content);
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(digest.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(content);
        bytes
    }

    fn decode(&self, bytes: &[u8]) -> Result<Record, String> {
        let garbled = || "is garbled".to_owned();
        let end = bytes.iter().take(MAX_HEADER).position(|b| *b == b'\n');
        let end = end.ok_or_else(|| "has no whole first line".to_owned())?;
        let content = &bytes[end + 1..];
        let header = std::str::from_utf8(&bytes[..end]).map_err(|_| garbled())?;
        let [MAGIC, name, generation, length, found] = header.split(' ').collect::<Vec<_>>()[..] else {
            return Err(garbled());
        };
        let (Ok(generation), Ok(length)) = (generation.parse(), length.parse()) else {
            return Err(garbled());
        };
        if content.len() < length {
            return Err(format!("is cut off: it has {} bytes of {length}", content.len()));
        }
        let head = self.head(generation, length);
        // Comparing the whole line refuses every other way of writing the same numbers.
        if header == format!("{head}{found}") && found == digest(head.as_bytes(), content) {
            Ok(Record {
                generation,
                content: content.to_vec(),
            })
        } else if name == format!("{}/{}", self.folder.name(), self.label()) {
            Err(garbled())
        } else {
            Err("holds another record".to_owned())
        }
    }
}

fn digest(head: &[u8], content: &[u8]) -> String {
    use std::fmt::Write;
    let mut sha256 = Context::new(&SHA256);
    sha256.update(head);
    sha256.update(content);
    sha256
        .finish()
        .as_ref()
        .iter()
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn is_short_name(name: &str) -> bool {
    let port = |name: &str| {
        let mut letters = name.chars();
        let number = letters.next_back().is_some_and(|c| c.is_ascii_digit());
        number && matches!(letters.as_str(), "com" | "lpt")
    };
    (1..=8).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && !DEVICES.contains(&name)
        && !port(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CeremonyId;
    use proptest::prelude::*;

    struct Bench {
        _root: tempfile::TempDir,
        stick: Stick,
        folder: Folder,
        slots: Slots,
    }

    fn bench() -> Bench {
        let root = tempfile::tempdir().unwrap();
        let mut stick = Stick::directory(root.path());
        let ceremony = CeremonyId::draw(&mut |b| crate::pin::kernel_random(b).unwrap());
        let folder = stick.create_folder(&ceremony).unwrap();
        let slots = Slots::new(&folder, "keys", "001").unwrap();
        Bench {
            _root: root,
            stick,
            folder,
            slots,
        }
    }

    fn content(slots: &Slots) -> Option<Vec<u8>> {
        slots.read().unwrap().newest.map(|r| r.content)
    }

    #[test]
    fn the_newest_generation_is_read_and_the_one_before_is_still_there() {
        let mut bench = bench();
        assert_eq!(
            bench.slots.read().unwrap(),
            Reading {
                newest: None,
                faults: vec![]
            }
        );
        for generation in 1..=5 {
            let text = format!("generation {generation}");
            assert_eq!(
                bench.slots.write(&mut bench.stick, text.as_bytes()).unwrap(),
                generation
            );
            let newest = bench.slots.read().unwrap().newest.unwrap();
            assert_eq!(
                (newest.generation, newest.content),
                (generation, text.into_bytes())
            );
        }
        let newest = if bench.slots.load(Slot::A).unwrap().unwrap().generation == 5 {
            Slot::A
        } else {
            Slot::B
        };
        fs::remove_file(bench.slots.path(newest)).unwrap();
        assert_eq!(content(&bench.slots).unwrap(), b"generation 4");
        let other = Slots::new(&bench.folder, "keys", "002").unwrap();
        other.write(&mut bench.stick, b"two").unwrap();
        assert_eq!(Slots::list(&bench.folder, "keys").unwrap(), ["001", "002"]);
        assert_eq!(Slots::list(&bench.folder, "none").unwrap(), [""; 0]);
    }

    #[test]
    fn a_slot_of_another_record_or_ceremony_is_not_taken_for_this_one() {
        let (mut bench, mut elsewhere) = (bench(), self::bench());
        let other = Slots::new(&bench.folder, "keys", "002").unwrap();
        other.write(&mut bench.stick, b"of another key").unwrap();
        elsewhere
            .slots
            .write(&mut elsewhere.stick, b"of another day")
            .unwrap();
        bench.slots.write(&mut bench.stick, b"own").unwrap();
        for foreign in [other.path(Slot::A), elsewhere.slots.path(Slot::A)] {
            disk::make_folder(bench.slots.path(Slot::B).parent().unwrap()).unwrap();
            fs::copy(foreign, bench.slots.path(Slot::B)).unwrap();
            let reading = bench.slots.read().unwrap();
            assert_eq!(reading.newest.unwrap().content, b"own");
            assert_eq!(reading.faults[0].to_string(), "copy b holds another record");
        }
    }

    /// Everything that a cut can leave of a slot that was being written: nothing, a part, a part and rubbish.
    fn leftovers(whole: &[u8], rubbish: &[u8]) -> Vec<Vec<u8>> {
        let mut left = Vec::new();
        for length in 0..whole.len() {
            left.push(whole[..length].to_vec());
            let mut longer = whole[..length].to_vec();
            longer.extend(rubbish.iter().cycle().take(whole.len() - length));
            left.push(longer);
            let mut flipped = whole.to_vec();
            flipped[length] ^= rubbish[length % rubbish.len()] | 1;
            left.push(flipped);
        }
        left
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        #[test]
        fn after_any_cut_the_old_or_the_new_content_is_read(
            contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4),
            rubbish in prop::collection::vec(any::<u8>(), 1..20),
        ) {
            let mut bench = bench();
            let mut old = None;
            for new in contents {
                let held = Slot::BOTH.map(|slot| fs::read(bench.slots.path(slot)).ok());
                bench.slots.write(&mut bench.stick, &new).unwrap();
                let [a, b] = Slot::BOTH.map(|slot| fs::read(bench.slots.path(slot)).ok());
                prop_assert!((a == held[0]) != (b == held[1]), "exactly one slot is written");
                let written = if a == held[0] { Slot::B } else { Slot::A };
                let path = bench.slots.path(written);
                let whole = fs::read(&path).unwrap();
                for left in leftovers(&whole, &rubbish) {
                    fs::write(&path, &left).unwrap();
                    let reading = bench.slots.read().unwrap();
                    if left == whole {
                        prop_assert_eq!(reading.newest.map(|r| r.content), Some(new.clone()));
                    } else {
                        prop_assert_eq!(reading.newest.map(|r| r.content), old.clone());
                        prop_assert_eq!(reading.faults.len(), 1);
                    }
                }
                // The next write takes the damaged slot, never the whole one.
                if old.is_some() {
                    fs::write(&path, b"").unwrap();
                    let kept = fs::read(bench.slots.path(if written == Slot::A { Slot::B } else { Slot::A })).unwrap();
                    bench.slots.write(&mut bench.stick, &new).unwrap();
                    prop_assert!(Slot::BOTH.iter().any(|s| fs::read(bench.slots.path(*s)).unwrap() == kept));
                } else {
                    fs::write(&path, &whole).unwrap();
                }
                prop_assert_eq!(content(&bench.slots), Some(new.clone()));
                old = Some(new);
            }
        }
    }

    #[test]
    fn names_that_fat_or_dos_cannot_keep_are_refused() {
        let bench = bench();
        for name in [
            "",
            "Key",
            "a.b",
            "123456789",
            "ä",
            "../x",
            "con",
            "nul",
            "com1",
            "lpt9",
        ] {
            assert!(
                matches!(Slots::new(&bench.folder, "keys", name), Err(MediaError::Name(n)) if n == name),
                "{name}"
            );
        }
        for name in ["1", "001", "vault", "com", "comet1", "12345678"] {
            assert!(Slots::new(&bench.folder, "keys", name).is_ok(), "{name}");
        }
    }
}
