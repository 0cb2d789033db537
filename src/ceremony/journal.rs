//! The transcript on the stick: each line is on the medium, twice, before anything else happens.

use time::OffsetDateTime;

use super::begin::Found;
use crate::console::{Console, ConsoleError};
use crate::id::CeremonyId;
use crate::media::mirror::Mirror;
use crate::media::resume::Returned;
use crate::media::slots::Slots;
use crate::media::{Folder, MediaError, Stick, TRANSCRIPT};
use crate::transcript::{Entry, Tally, Transcript};

/// Writes entries and keeps their text, so that a new stick can take the place of a lost one.
pub(super) struct Journal<'a> {
    stick: &'a mut Stick,
    folder: Folder,
    ceremony: CeremonyId,
    mirror: Mirror,
    transcript: Transcript,
    tally: Tally,
    text: String,
    /// Set when another stick took the place of the first one: what else was on that must be written again.
    stick_is_new: bool,
}

impl<'a> Journal<'a> {
    /// Begins the folder of a new ceremony.
    pub(super) fn new(stick: &'a mut Stick, ceremony: &CeremonyId) -> Result<Self, MediaError> {
        stick.make_writable()?;
        let folder = stick.create_folder(ceremony)?;
        let mirror = Mirror::create(&folder)?;
        Ok(Self {
            stick,
            folder,
            ceremony: ceremony.clone(),
            mirror,
            transcript: Transcript::default(),
            tally: Tally::default(),
            text: String::new(),
            stick_is_new: false,
        })
    }

    /// Goes on with the transcript of a ceremony that was found; mends the copy that a cut left behind.
    pub(super) fn taken_up(stick: &'a mut Stick, found: &Found) -> Result<Self, MediaError> {
        stick.make_writable()?;
        let folder = stick.open_folder(&found.id)?;
        let mirror = Mirror::adopt(&folder, &found.text)?;
        Ok(Self {
            stick,
            folder,
            ceremony: found.id.clone(),
            mirror,
            transcript: found.chain.clone(),
            tally: found.tally.clone(),
            text: found.text.clone(),
            stick_is_new: false,
        })
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The transcript's text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What the transcript adds up to so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether another stick took the place of the first one since this was asked last.
    pub(super) fn take_stick_is_new(&mut self) -> bool {
        std::mem::take(&mut self.stick_is_new)
    }

    /// Writes one entry; asks for the stick as often as it takes, because nothing may go on without it.
    pub(super) fn append(
        &mut self,
        now: OffsetDateTime,
        entry: Entry,
        console: &mut dyn Console,
    ) -> Result<(), ConsoleError> {
        self.tally.add(&entry);
        let line = self.transcript.append(now, entry);
        self.text.push_str(&line);
        let mut result = self.mirror.append(&line);
        while let Err(error) = result {
            console.tell(&format!(
                "!! {error}\n   {} Nothing goes on before the transcript is written.",
                error.hint()
            ))?;
            result = self.ask_once(console)?;
        }
        Ok(())
    }

    fn ask_once(&mut self, console: &mut dyn Console) -> Result<Result<(), MediaError>, ConsoleError> {
        console.ask("?? Press Enter when the stick is in.")?;
        console.wait_line()?;
        self.take_up(console)
    }

    /// Asks for a stick that works; what is on it is written again by the caller.
    pub(super) fn ask_for_stick(&mut self, console: &mut dyn Console) -> Result<(), ConsoleError> {
        while let Err(error) = self.ask_once(console)? {
            console.tell(&format!("!! {error}\n   {}", error.hint()))?;
        }
        self.stick_is_new = true;
        Ok(())
    }

    /// Takes up the stick again, or another one if the people say so, and writes the whole transcript there.
    pub(super) fn take_up(
        &mut self,
        console: &mut dyn Console,
    ) -> Result<Result<(), MediaError>, ConsoleError> {
        let returned = match self.stick.take_up(&self.ceremony, &self.text) {
            Ok(returned) => returned,
            Err(error) => return Ok(Err(error)),
        };
        match returned {
            Returned::Absent => return Ok(Err(MediaError::NoStick)),
            Returned::Contradicts => {
                return Ok(Err(MediaError::OtherStick(
                    "its transcript of this ceremony tells another story".into(),
                )));
            }
            Returned::Same { behind } if behind > 1 => {
                console.tell(&format!(
                    "!! This stick lacks {behind} lines that were confirmed. They are written again; the record should say so."
                ))?;
            }
            Returned::Same { .. } => {}
            Returned::Other => {
                console.tell(
                    "!! This is another stick: it has a plan, and nothing of this ceremony.\n   It can take the place of \
                     the first one; transcript and key data are written to it again. Keep the first one with the record.",
                )?;
                console.ask("?? Go on with this stick? (yes/no)")?;
                if !console.wait_line()?.trim().eq_ignore_ascii_case("yes") {
                    return Ok(Err(MediaError::OtherStick("the first one is wanted".into())));
                }
                self.stick_is_new = true;
            }
        }
        Ok(self.write_again())
    }

    fn write_again(&mut self) -> Result<(), MediaError> {
        self.stick.make_writable()?;
        self.folder = self.stick.open_folder(&self.ceremony)?;
        self.mirror = Mirror::adopt(&self.folder, &self.text)?;
        Ok(())
    }

    /// Writes a file of the ceremony.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.folder.write(name, bytes)
    }

    /// Writes a file of the ceremony and has the medium prove it.
    pub(super) fn write_proven(&mut self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.folder.write(name, bytes)?;
        self.stick.prove(&[(self.folder.file(name), bytes.to_vec())])
    }

    /// Reads a file of the ceremony; `None` when there is none.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, MediaError> {
        if self.folder.file(name).exists() {
            self.folder.read(name).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Writes a record in two generations, proven by the medium.
    pub(super) fn write_record(&mut self, group: &str, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        Slots::new(&self.folder, group, name)?
            .write(self.stick, bytes)
            .map(drop)
    }

    /// Reads the newest whole generation of a record; `None` when there is none.
    pub(super) fn read_record(&self, group: &str, name: &str) -> Result<Option<Vec<u8>>, MediaError> {
        Ok(Slots::new(&self.folder, group, name)?
            .read()?
            .newest
            .map(|r| r.content))
    }

    /// Reads the transcript, and another file where there is one, back from the medium, and compares them.
    pub(super) fn read_back(&mut self, name: &str, bytes: Option<&[u8]>) -> Result<(), MediaError> {
        let mut files = vec![(self.folder.file(TRANSCRIPT), self.text.clone().into_bytes())];
        files.extend(bytes.map(|b| (self.folder.file(name), b.to_vec())));
        self.stick.read_back(&files)
    }

    /// Allows writing again after a read-back that failed.
    pub(super) fn make_writable(&mut self) -> Result<(), MediaError> {
        self.stick.make_writable()
    }
}
