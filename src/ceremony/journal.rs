//! The transcript on the stick: each line is on the medium before anything else happens.

use time::OffsetDateTime;

use crate::console::{Console, ConsoleError};
use crate::id::CeremonyId;
use crate::media::{Folder, MediaError, Stick, TRANSCRIPT};
use crate::transcript::{Entry, Transcript};

/// Writes entries and keeps their bytes, so that a new stick can take the place of a lost one.
pub(super) struct Journal<'a> {
    stick: &'a mut Stick,
    folder: Folder,
    ceremony: CeremonyId,
    transcript: Transcript,
    bytes: Vec<u8>,
}

impl<'a> Journal<'a> {
    pub(super) fn new(stick: &'a mut Stick, ceremony: &CeremonyId) -> Result<Self, MediaError> {
        stick.make_writable()?;
        let folder = stick.create_folder(ceremony)?;
        let (transcript, bytes) = (Transcript::default(), Vec::new());
        Ok(Self {
            stick,
            folder,
            ceremony: ceremony.clone(),
            transcript,
            bytes,
        })
    }

    pub(super) fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Writes one entry; asks for the stick as often as it takes, because nothing may go on without it.
    pub(super) fn append(
        &mut self,
        now: OffsetDateTime,
        entry: Entry,
        console: &mut dyn Console,
    ) -> Result<(), ConsoleError> {
        let line = self.transcript.append(now, entry);
        self.bytes.extend_from_slice(line.as_bytes());
        let mut result = self.folder.append(TRANSCRIPT, line.as_bytes());
        while let Err(error) = result {
            console.tell(&format!(
                "!! {error}\n   {} Nothing goes on before the stick is back.",
                error.hint()
            ))?;
            console.ask("?? Press Enter when the stick is in.")?;
            console.wait_line()?;
            result = self.reopen();
        }
        Ok(())
    }

    /// Takes up the stick again, or another one, and writes the whole transcript there.
    fn reopen(&mut self) -> Result<(), MediaError> {
        self.stick.reopen()?;
        self.stick.make_writable()?;
        self.folder = self.stick.open_folder(&self.ceremony)?;
        self.folder.write(TRANSCRIPT, &self.bytes)
    }

    /// Writes a file of the ceremony.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        self.folder.write(name, bytes)
    }

    /// Reads the transcript and another file back from the medium, and compares them.
    pub(super) fn read_back(&mut self, name: &str, bytes: &[u8]) -> Result<(), MediaError> {
        let files = [
            (self.folder.file(TRANSCRIPT), self.bytes.clone()),
            (self.folder.file(name), bytes.to_vec()),
        ];
        self.stick.read_back(&files)
    }

    /// Allows writing again after a read-back that failed.
    pub(super) fn make_writable(&mut self) -> Result<(), MediaError> {
        self.reopen()
    }
}
