//! What was begun on a stick, and whether the stick that was put back is the one that was taken out.

use std::fs;
use std::str::FromStr;

use crate::id::CeremonyId;

use super::mirror::{Candidate, Candidates, Mirror};
use super::{FOLDER, Folder, MediaError, PLAN, Stick};

/// A ceremony's folder on a stick.
#[derive(Debug)]
pub struct Begun {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Its folder.
    pub folder: Folder,
    /// Both copies of its transcript; whether it has ended stands in there.
    pub transcript: Candidates,
}

/// What is in the port after a stick was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// No stick with a plan.
    Absent,
    /// The same stick.
    Same {
        /// Lines it lacks: 1 at most when it was pulled while a line was written; more shows an older copy of
        /// the stick, or one that lost what it had confirmed.
        behind: u64,
    },
    /// A stick with a plan and without this ceremony: it can take the place of the other one.
    Other,
    /// A stick with a transcript of this ceremony that tells another story: nothing may be written over it.
    Contradicts,
}

impl Stick {
    /// The ceremonies that have a folder on this stick, in the order of their ids.
    pub fn ceremonies(&self) -> Result<Vec<Begun>, MediaError> {
        self.check_mounted()?;
        let failed = |source| MediaError::from_io("Reading the stick's top folder", source, self.state());
        let mut begun = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let id = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
            let Some(ceremony) = id.and_then(|id| CeremonyId::from_str(id).ok()) else {
                continue;
            };
            let folder = self.folder(&ceremony);
            if folder.path.is_dir() {
                let transcript = Mirror::recover(&folder)?;
                begun.push(Begun {
                    ceremony,
                    folder,
                    transcript,
                });
            }
        }
        begun.sort_by(|a, b| a.ceremony.cmp(&b.ceremony));
        Ok(begun)
    }

    /// Looks for the stick anew after it was taken out, and compares it with the transcript so far.
    ///
    /// `transcript` is all that was written, the line in progress included. The stick stays read-only: before
    /// anything is written, [`Stick::make_writable`], [`Stick::open_folder`] and [`Mirror::adopt`] are called, on
    /// a stick that is [`Returned::Other`] only after a person agreed.
    pub fn take_up(&mut self, ceremony: &CeremonyId, transcript: &str) -> Result<Returned, MediaError> {
        match self.reopen() {
            Err(MediaError::NoStick) => return Ok(Returned::Absent),
            other => other?,
        }
        if !self.root.join(PLAN).is_file() {
            return Ok(Returned::Absent);
        }
        let folder = self.folder(ceremony);
        if !folder.path.is_dir() {
            return Ok(Returned::Other);
        }
        let Candidates { first, second } = Mirror::recover(&folder)?;
        let held: Vec<Held> = [first, second]
            .iter()
            .map(|copy| compare(copy, transcript))
            .collect();
        let behind = held.iter().filter_map(|held| match held {
            Held::Prefix(behind) => Some(*behind),
            _ => None,
        });
        Ok(match behind.min() {
            Some(behind) => Returned::Same { behind },
            None if held.contains(&Held::Foreign) => Returned::Contradicts,
            None => Returned::Other,
        })
    }
}

/// How one copy on the stick stands to the transcript so far.
#[derive(Debug, PartialEq, Eq)]
enum Held {
    /// It has no line at all.
    Nothing,
    /// Its lines begin the transcript; this many are missing.
    Prefix(u64),
    /// It has lines of its own.
    Foreign,
}

fn compare(copy: &Candidate, transcript: &str) -> Held {
    let (mut ours, mut theirs) = (transcript.split_inclusive('\n'), copy.text.split_inclusive('\n'));
    let common = ours
        .by_ref()
        .zip(theirs.by_ref())
        .take_while(|(a, b)| a == b)
        .count();
    let (all, held) = (transcript.lines().count(), copy.text.lines().count());
    // The line in progress can be rubbish, even with line feeds in it; a line before it cannot.
    if held == 0 {
        Held::Nothing
    } else if common > 0 && (common == held || common + 1 >= all) {
        Held::Prefix((all - common) as u64)
    } else {
        Held::Foreign
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::TRANSCRIPT;
    use crate::media::mirror::COPY;
    use std::path::Path;

    const LINES: &str = "started X\nprepared 1\nprepared 2\n";

    fn ceremony() -> CeremonyId {
        CeremonyId::draw(&mut |b| crate::pin::kernel_random(b).unwrap())
    }

    /// A stick whose both copies are `text`.
    fn stick(root: &Path, ceremony: &CeremonyId, text: &str) -> Stick {
        fs::write(root.join(PLAN), "").unwrap();
        let mut stick = Stick::directory(root);
        let folder = stick.open_folder(ceremony).unwrap();
        Mirror::adopt(&folder, text).unwrap();
        stick
    }

    #[test]
    fn the_stick_that_was_taken_out_is_told_from_every_other() {
        let ceremony = ceremony();
        let cases = [
            (LINES, Returned::Same { behind: 0 }),
            ("started X\nprepared 1\n", Returned::Same { behind: 1 }),
            ("started X\nprepared 1\npre", Returned::Same { behind: 1 }),
            ("started X\nprepared 1\nrub\nbish\n", Returned::Same { behind: 1 }),
            ("started X\n", Returned::Same { behind: 2 }),
            ("started X\nprepared 7\n", Returned::Contradicts),
            ("started Y\nprepared 1\nprepared 2\n", Returned::Contradicts),
            ("", Returned::Other),
        ];
        for (text, expected) in cases {
            let root = tempfile::tempdir().unwrap();
            let mut stick = stick(root.path(), &ceremony, text);
            assert_eq!(stick.take_up(&ceremony, LINES).unwrap(), expected, "{text:?}");
            assert_eq!(
                stick.take_up(&self::ceremony(), LINES).unwrap(),
                Returned::Other,
                "a ceremony it does not hold"
            );
            fs::remove_file(root.path().join(PLAN)).unwrap();
            assert_eq!(stick.take_up(&ceremony, LINES).unwrap(), Returned::Absent);
        }
    }

    #[test]
    fn one_copy_that_agrees_is_enough() {
        let (root, ceremony) = (tempfile::tempdir().unwrap(), ceremony());
        let mut stick = stick(root.path(), &ceremony, LINES);
        let folder = stick.open_folder(&ceremony).unwrap();
        fs::write(folder.file(TRANSCRIPT), "rubbish\n").unwrap();
        assert_eq!(
            stick.take_up(&ceremony, LINES).unwrap(),
            Returned::Same { behind: 0 }
        );
        fs::write(folder.file(COPY).join(TRANSCRIPT), "rubbish\n").unwrap();
        assert_eq!(stick.take_up(&ceremony, LINES).unwrap(), Returned::Contradicts);
    }

    #[test]
    fn every_ceremony_on_the_stick_is_found_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let mut ids = [ceremony(), ceremony()];
        ids.sort();
        let mut stick = stick(root.path(), &ids[1], LINES);
        stick.create_folder(&ids[0]).unwrap();
        fs::create_dir(root.path().join("ceremony-photos")).unwrap();
        fs::write(root.path().join("notes"), "").unwrap();
        let begun = stick.ceremonies().unwrap();
        assert_eq!(
            begun.iter().map(|b| &b.ceremony).collect::<Vec<_>>(),
            [&ids[0], &ids[1]]
        );
        assert_eq!(begun[0].transcript.first.text, "");
        assert!(begun[0].transcript.first.fault.is_some());
        assert_eq!(begun[1].transcript.first.text, LINES);
        assert_eq!(begun[1].transcript.first, begun[1].transcript.second);
    }
}
