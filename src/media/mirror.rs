//! Text that grows line by line and must outlive a power cut: two copies, written one after the other.
//!
//! The second copy lies in a folder of its own, so that the sector with the name and length of one copy is not
//! written when the other one grows. Each line is read back from the medium before the second copy is touched.

use std::io;
use std::path::{Path, PathBuf};

use super::{Folder, MediaError, TRANSCRIPT, disk};

/// Folder of the second copy, within the ceremony's folder.
pub const COPY: &str = "copy";
/// Largest text that is read, in bytes: far above what 999 keys can write.
const MAX_TEXT: u64 = 64 << 20;

/// The transcript on the stick, in two copies.
#[derive(Debug)]
pub struct Mirror {
    folder: Folder,
    /// Bytes that both copies hold.
    length: u64,
}

/// What one copy holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidate {
    /// Its whole lines, each with its line feed.
    pub text: String,
    /// Bytes after them: a line that was cut, or rubbish.
    pub torn: u64,
    /// Why it could not be read, or that it is not there.
    pub fault: Option<String>,
}

/// What both copies hold, before anybody looked at the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// `transcript.jsonl`.
    pub first: Candidate,
    /// `copy/transcript.jsonl`.
    pub second: Candidate,
}

/// Which copy a text was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The first copy holds more.
    First,
    /// The second copy holds more.
    Second,
    /// Both hold the same.
    Both,
}

/// The text that both copies together vouch for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Lines whose chain holds.
    pub text: String,
    /// Bytes of an unfinished last line in the copy it was taken from; of both copies, the longer one.
    pub torn: u64,
    /// Whole lines of the copy it was taken from that do not continue the chain: damage, not a power cut.
    pub lost_lines: u64,
    /// Which copy it was taken from.
    pub from: Source,
    /// Whether [`Mirror::adopt`] has something to mend.
    pub repaired: bool,
}

impl Candidates {
    /// Takes the longest text whose chain holds; `chained` says how many of a text's first lines do.
    ///
    /// Where the chain breaks, the line before the break is dropped too, unless the other copy has it.
    /// Copies of which neither continues the other are [`MediaError::Contradiction`]: no power cut does that.
    pub fn agree(&self, chained: &dyn Fn(&str) -> u64) -> Result<Recovered, MediaError> {
        let whole = |candidate: &Candidate| {
            let mut lines: Vec<&str> = candidate.text.split_inclusive('\n').collect();
            let sound = usize::try_from(chained(&candidate.text)).unwrap_or(usize::MAX);
            if sound < lines.len() {
                // A changed line shows in the line after it, so the last sound line is not vouched for.
                lines.truncate(sound.saturating_sub(1));
            }
            lines.concat()
        };
        let (first, second) = (whole(&self.first), whole(&self.second));
        let (from, text) = if first == second {
            (Source::Both, first)
        } else if first.starts_with(&second) {
            (Source::First, first)
        } else if second.starts_with(&first) {
            (Source::Second, second)
        } else {
            let same = first.lines().zip(second.lines()).take_while(|(a, b)| a == b);
            return Err(MediaError::Contradiction {
                line: same.count() as u64 + 1,
            });
        };
        let lost = |candidate: &Candidate| candidate.text[text.len()..].lines().count() as u64;
        let of_source = |value: &dyn Fn(&Candidate) -> u64| match from {
            Source::First => value(&self.first),
            Source::Second => value(&self.second),
            Source::Both => value(&self.first).max(value(&self.second)),
        };
        let (lost_lines, torn) = (of_source(&lost), of_source(&|candidate| candidate.torn));
        let is_as_wanted = |candidate: &Candidate| {
            candidate.fault.is_none() && candidate.torn == 0 && candidate.text == text
        };
        Ok(Recovered {
            torn,
            lost_lines,
            from,
            repaired: !(is_as_wanted(&self.first) && is_as_wanted(&self.second)),
            text,
        })
    }
}

impl Mirror {
    /// Begins a text; one that is there already is not written over.
    pub fn create(folder: &Folder) -> Result<Self, MediaError> {
        if let Some(path) = paths(folder).into_iter().find(|path| path.exists()) {
            let what = format!("Making `{}`", path.display());
            return Err(folder.failed(what, io::ErrorKind::AlreadyExists.into()));
        }
        Self::adopt(folder, "")
    }

    /// Adds one line, with its line feed: on the medium and read back in the first copy, then in the second.
    ///
    /// The work does not grow with the text. After an error the same line can be given again: it is written to
    /// the same place. On another stick, [`Mirror::adopt`] comes first.
    pub fn append(&mut self, line: &str) -> Result<(), MediaError> {
        self.folder.check()?;
        for path in paths(&self.folder) {
            self.check_length(&path)?;
            self.write(&path, self.length, line.as_bytes())?;
        }
        self.length += line.len() as u64;
        Ok(())
    }

    /// Bytes that both copies hold.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Reads what both copies hold after a power cut; a copy that is missing or unreadable is empty, with a fault.
    ///
    /// An error only when neither copy can be read although one is there.
    pub fn recover(folder: &Folder) -> Result<Candidates, MediaError> {
        folder.check()?;
        let mut errors = Vec::new();
        let [first, second] = paths(folder).map(|path| match disk::read(&path, MAX_TEXT) {
            Ok(Some(bytes)) => Candidate::new(bytes),
            Ok(None) => Candidate::faulty("it is not there".into()),
            Err(error) => {
                let candidate = Candidate::faulty(error.to_string());
                errors.push(error);
                candidate
            }
        });
        match errors.pop() {
            Some(error) if first.fault.is_some() && second.fault.is_some() => {
                Err(folder.failed(format!("Reading `{TRANSCRIPT}`"), error))
            }
            _ => Ok(Candidates { first, second }),
        }
    }

    /// Makes both copies hold exactly `text`, on the medium and read back; then lines can be added.
    ///
    /// What a copy has in common with `text` is not written again, and the copy with less in common is mended
    /// first: a cut in between leaves the better one as it was.
    pub fn adopt(folder: &Folder, text: &str) -> Result<Self, MediaError> {
        folder.check()?;
        disk::make_folder(&folder.file(COPY))
            .map_err(|source| folder.failed(format!("Making the folder `{COPY}`"), source))?;
        let mirror = Self {
            folder: folder.clone(),
            length: text.len() as u64,
        };
        let text = text.as_bytes();
        let mut copies = paths(folder).map(|path| {
            // A copy that cannot be read has nothing in common; writing it says whether the medium still can.
            let held = disk::read(&path, MAX_TEXT).ok().flatten();
            let held_bytes = held.as_deref().unwrap_or_default();
            let common = held_bytes.iter().zip(text).take_while(|(a, b)| a == b).count();
            (common, held.as_deref() == Some(text), path)
        });
        copies.sort_by_key(|(common, _, _)| *common);
        for (common, is_whole, path) in copies {
            if !is_whole {
                mirror.write(&path, common as u64, &text[common..])?;
            }
        }
        Ok(mirror)
    }

    /// A copy that got shorter has lost what was read back before.
    fn check_length(&self, path: &std::path::Path) -> Result<(), MediaError> {
        let what = || format!("Reading `{TRANSCRIPT}`");
        let length = path
            .metadata()
            .map_err(|source| self.folder.failed(what(), source))?
            .len();
        if length < self.length {
            let reason = format!("`{TRANSCRIPT}` has {length} bytes of {}", self.length);
            return Err(MediaError::Damaged { what: what(), reason });
        }
        Ok(())
    }

    fn write(&self, path: &Path, offset: u64, bytes: &[u8]) -> Result<(), MediaError> {
        let failed = |source| self.folder.failed(format!("Writing `{TRANSCRIPT}`"), source);
        disk::write_tail(path, offset, bytes).map_err(failed)?;
        if disk::tail_is(path, offset, bytes).map_err(failed)? {
            Ok(())
        } else {
            Err(MediaError::ReadBack(TRANSCRIPT.into()))
        }
    }
}

impl Candidate {
    /// Takes the whole lines of what a file holds.
    fn new(bytes: Vec<u8>) -> Self {
        let valid = std::str::from_utf8(&bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let lines = bytes[..valid]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(0, |at| at + 1);
        let torn = (bytes.len() - lines) as u64;
        let mut bytes = bytes;
        bytes.truncate(lines);
        Self {
            text: String::from_utf8(bytes).unwrap_or_default(),
            torn,
            fault: None,
        }
    }

    fn faulty(reason: String) -> Self {
        Self {
            fault: Some(reason),
            ..Self::default()
        }
    }
}

fn paths(folder: &Folder) -> [PathBuf; 2] {
    [folder.file(TRANSCRIPT), folder.file(COPY).join(TRANSCRIPT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::CeremonyId;
    use crate::media::Stick;
    use crate::transcript::{Entry, Text, Transcript};
    use proptest::prelude::*;
    use std::fs;
    use time::OffsetDateTime;

    fn folder() -> (tempfile::TempDir, Folder) {
        let root = tempfile::tempdir().unwrap();
        let ceremony = CeremonyId::draw(&mut |b| crate::pin::kernel_random(b).unwrap());
        let folder = Stick::directory(root.path()).create_folder(&ceremony).unwrap();
        (root, folder)
    }

    /// Lines of a chain whose answers are these texts.
    fn lines(answers: &[String]) -> Vec<String> {
        let mut transcript = Transcript::default();
        let line = |answer: &String| {
            let entry = Entry::Answered {
                question: Text::new("?"),
                answer: Text::new(answer),
                by: None,
            };
            transcript.append(OffsetDateTime::UNIX_EPOCH, entry)
        };
        answers.iter().map(line).collect()
    }

    /// Number of first lines whose chain holds.
    fn chained(text: &str) -> u64 {
        match Transcript::verify(text) {
            Ok((transcript, _)) => transcript.entries(),
            Err(error) => error.line - 1,
        }
    }

    fn recovered(folder: &Folder) -> Recovered {
        Mirror::recover(folder).unwrap().agree(&chained).unwrap()
    }

    fn both(folder: &Folder) -> [Vec<u8>; 2] {
        paths(folder).map(|path| fs::read(path).unwrap())
    }

    #[test]
    fn both_copies_hold_every_line_and_a_line_can_be_given_again() {
        let (_root, folder) = folder();
        let lines = lines(&["one".into(), "zwei ü".into(), "three".into()]);
        let mut mirror = Mirror::create(&folder).unwrap();
        mirror.append(&lines[0]).unwrap();
        assert!(Mirror::create(&folder).is_err(), "a text is begun once");
        // The second copy takes no writes: the first one has the line already when it is given again.
        let [first, second] = paths(&folder);
        fs::rename(&second, second.with_extension("away")).unwrap();
        fs::create_dir(&second).unwrap();
        assert!(mirror.append(&lines[1]).is_err());
        assert_eq!(fs::read_to_string(first).unwrap(), lines[..2].concat());
        fs::remove_dir(&second).unwrap();
        fs::rename(second.with_extension("away"), &second).unwrap();
        mirror.append(&lines[1]).unwrap();
        mirror.append(&lines[2]).unwrap();
        let all = lines.concat();
        assert_eq!(both(&folder), [all.as_bytes(), all.as_bytes()]);
        assert_eq!(mirror.len(), all.len() as u64);
        assert_eq!(
            recovered(&folder),
            Recovered {
                text: all,
                torn: 0,
                lost_lines: 0,
                from: Source::Both,
                repaired: false
            }
        );
    }

    #[test]
    fn a_copy_that_got_shorter_is_damage() {
        let (_root, folder) = folder();
        let lines = lines(&["one".into(), "two".into()]);
        let mut mirror = Mirror::create(&folder).unwrap();
        mirror.append(&lines[0]).unwrap();
        fs::write(&paths(&folder)[1], "").unwrap();
        assert!(matches!(
            mirror.append(&lines[1]),
            Err(MediaError::Damaged { .. })
        ));
        assert_eq!(recovered(&folder).from, Source::First);
        let mut mirror = Mirror::adopt(&folder, &lines[0]).unwrap();
        mirror.append(&lines[1]).unwrap();
    }

    #[test]
    fn copies_of_two_stories_are_a_contradiction_and_no_story_is_empty() {
        let (_root, folder) = folder();
        assert_eq!(recovered(&folder).text, "");
        let [first, second] = paths(&folder);
        fs::create_dir(second.parent().unwrap()).unwrap();
        fs::write(&first, lines(&["one".into(), "two".into()]).concat()).unwrap();
        fs::write(&second, lines(&["one".into(), "three".into()]).concat()).unwrap();
        let candidates = Mirror::recover(&folder).unwrap();
        assert!(matches!(
            candidates.agree(&chained),
            Err(MediaError::Contradiction { line: 2 })
        ));
    }

    #[test]
    fn a_line_changed_in_one_copy_is_mended_from_the_other_and_in_both_it_is_lost() {
        let (_root, folder) = folder();
        let lines = lines(&["one".into(), "two".into(), "three".into()]);
        Mirror::adopt(&folder, &lines.concat()).unwrap();
        let [first, second] = paths(&folder);
        let changed = lines.concat().replace("two", "six");
        fs::write(&first, &changed).unwrap();
        let mended = recovered(&folder);
        assert_eq!((&mended.text, mended.from), (&lines.concat(), Source::Second));
        assert_eq!((mended.lost_lines, mended.repaired), (0, true));
        fs::write(&second, &changed).unwrap();
        let lost = recovered(&folder);
        assert_eq!((lost.text, lost.lost_lines), (lines[..1].concat(), 2));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn after_any_cut_no_line_is_lost_that_was_written_and_none_is_invented(
            answers in prop::collection::vec("[a-zä]{0,6}", 1..4),
            rubbish in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let (_root, folder) = folder();
            let lines = lines(&answers);
            let (new, old) = lines.split_last().unwrap();
            let (old, all) = (old.concat(), lines.concat());
            Mirror::adopt(&folder, &old).unwrap();
            let [first, second] = paths(&folder);
            for cut in 0..=new.len() {
                // The medium has a part of the line, and rubbish where the rest would be.
                let mut part = all.as_bytes()[..old.len() + cut].to_vec();
                part.extend_from_slice(&rubbish);
                for (a, b) in [(part.as_slice(), old.as_bytes()), (all.as_bytes(), part.as_slice())] {
                    fs::write(&first, a).unwrap();
                    fs::write(&second, b).unwrap();
                    let found = recovered(&folder);
                    prop_assert!(found.text == old || found.text == all, "{:?}", found);
                    if a == all.as_bytes() {
                        prop_assert_eq!(&found.text, &all);
                    }
                    let is_exact = a == found.text.as_bytes() && b == a;
                    prop_assert_eq!(found.repaired, !is_exact);
                    let mut mirror = Mirror::adopt(&folder, &found.text).unwrap();
                    prop_assert_eq!(both(&folder), [found.text.as_bytes(), found.text.as_bytes()]);
                    if found.text == old {
                        mirror.append(new).unwrap();
                    }
                    prop_assert_eq!(both(&folder), [all.as_bytes(), all.as_bytes()]);
                }
            }
        }

        #[test]
        fn whatever_happens_to_one_copy_the_other_is_enough(
            answers in prop::collection::vec("[a-z]{0,6}", 1..5),
            rubbish in prop::collection::vec(any::<u8>(), 0..300),
            at in any::<prop::sample::Index>(),
            second_copy: bool,
        ) {
            let (_root, folder) = folder();
            let all = lines(&answers).concat();
            Mirror::adopt(&folder, &all).unwrap();
            let mut bytes = all.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes.splice(at.., rubbish);
            fs::write(&paths(&folder)[usize::from(second_copy)], &bytes).unwrap();
            prop_assert_eq!(recovered(&folder).text, all);
        }
    }
}
