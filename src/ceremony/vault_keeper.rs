//! The passphrase that two people know together, and what it protects on the stick.

use super::driver::{Driver, DriverError};
use super::event::Failure;
use super::store::fault;
use crate::blob::Blob;
use crate::console::ConsoleError;
use crate::manifest::schema::PinCustody;
use crate::secret::{self, Pin, Secret};
use crate::transcript::{Entry, Text};
use crate::vault::{OpenVault, Passphrase, Vault, VaultError};
use crate::worker::Launcher;

/// What encrypts PINs for the stick, and, after a new start, opens them.
pub(super) enum Keeper {
    /// No PIN goes to the stick.
    None,
    /// PINs are encrypted; nobody has opened anything.
    Closed(Vault, Vec<u8>),
    /// Both people have typed their parts.
    Open(OpenVault, Vec<u8>),
}

impl Keeper {
    /// Name of the passphrase-protected identity in the ceremony's folder.
    pub(super) const FILE: &str = "vault.age";

    /// The file that holds the identity.
    pub(super) fn file(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Closed(_, file) | Self::Open(_, file) => Some(file),
        }
    }

    /// Encrypts a PIN for the stick; `None` where none goes there.
    pub(super) fn seal(&self, launcher: &Launcher, pin: &Pin) -> Result<Option<Blob>, Failure> {
        let vault = match self {
            Self::None => return Ok(None),
            Self::Closed(vault, _) => vault,
            Self::Open(open, _) => open.vault(),
        };
        let mut bytes = secret::with_capacity(pin.expose().len());
        bytes.expose_mut().extend_from_slice(pin.expose().as_bytes());
        let sealed = vault.seal(launcher, &bytes).map_err(|e| fault(&e.to_string()))?;
        Ok(Some(sealed.into()))
    }

    /// Opens a PIN; `None` where nobody can.
    pub(super) fn open(&self, launcher: &Launcher, sealed: &Blob) -> Result<Option<Pin>, String> {
        let Self::Open(open, _) = self else {
            return Ok(None);
        };
        let bytes = open
            .open(launcher, sealed.as_slice())
            .map_err(|e| e.to_string())?;
        let text = std::str::from_utf8(bytes.expose()).map_err(|_| "it is no text".to_owned())?;
        let mut pin = Secret::new(String::with_capacity(text.len()));
        pin.expose_mut().push_str(text);
        Ok(Some(pin))
    }
}

impl Driver<'_> {
    /// Has both people choose a passphrase, where PINs must outlive a power cut.
    pub(super) fn new_vault(&mut self) -> Result<(), DriverError> {
        let why = match self.plan.pin_custody {
            PinCustody::Slip => return Ok(()),
            PinCustody::Manifest => {
                "   If the power fails, the PINs of the keys that are prepared by then are needed again for the manifest. They lie on \
                 the stick, encrypted under a passphrase: one part by each of you, which the other does not see.\n   Press \
                 Enter instead of a part to do without: after a power cut those PINs would be on their slips alone."
            }
            PinCustody::Rotate => {
                "   The transport PINs wait on the stick for the second pass, encrypted under a passphrase: one part by each of you, \
                 which the other does not see. Write your part down and lock it up: without both parts the keys have to be \
                 prepared again."
            }
        };
        self.say(why)?;
        let is_needed = self.plan.pin_custody == PinCustody::Rotate;
        let passphrase = loop {
            let Some(officer) = self.new_part("Officer", is_needed)? else {
                break None;
            };
            let Some(witness) = self.new_part("Witness", is_needed)? else {
                break None;
            };
            match Passphrase::join(&officer, &witness) {
                Ok(passphrase) => break Some(passphrase),
                Err(error) => self.say(&format!("!! {error}."))?,
            }
        };
        let answer = if passphrase.is_some() { "set" } else { "none" };
        self.record(Entry::Answered {
            question: Text::new("passphrase"),
            answer: Text::new(answer),
            by: None,
        })?;
        let Some(passphrase) = passphrase else {
            return Ok(());
        };
        self.say("   Making the stick's identity ...")?;
        let (vault, file) = Vault::create(self.ports.launcher, &passphrase)?;
        self.journal.write_proven(Keeper::FILE, &file)?;
        self.vault = Keeper::Closed(vault, file);
        Ok(())
    }

    /// One person's part, typed twice; `None` when none is wanted.
    fn new_part(&mut self, who: &str, is_needed: bool) -> Result<Option<Secret<String>>, ConsoleError> {
        loop {
            let part = self.hidden(&format!(
                "?? {who}, type your part (8 or more characters, not shown):"
            ))?;
            if part.expose().is_empty() && !is_needed {
                return Ok(None);
            }
            if let Err(error) = Passphrase::check(&part) {
                self.say(&format!("!! {error}."))?;
                continue;
            }
            let again = self.hidden(&format!("?? {who}, the same again:"))?;
            if part.expose() == again.expose() {
                return Ok(Some(part));
            }
            self.say("!! The two differ. Once more from the beginning.")?;
        }
    }

    /// Opens what an earlier start left; says whether PINs are lost because nobody knows the passphrase.
    ///
    /// Before a key is prepared nothing on the stick is needed: a new passphrase is chosen, whatever was cut off.
    pub(super) fn unlock(&mut self) -> Result<bool, DriverError> {
        if self.plan.pin_custody == PinCustody::Slip || self.journal.tally().prepared.is_empty() {
            return Ok(false);
        }
        let Some(file) = self.journal.read(Keeper::FILE)? else {
            return self.passphrase_is_lost();
        };
        self.say("   PINs lie on the stick under the passphrase of the people who began. Type lost instead if a part is not known any more.")?;
        loop {
            let officer = self.hidden("?? The officer's part:")?;
            if officer.expose() == "lost" {
                return self.passphrase_is_lost();
            }
            let witness = self.hidden("?? The witness's part:")?;
            let opened = Passphrase::join(&officer, &witness)
                .map_err(|e| e.to_string())
                .and_then(|passphrase| {
                    OpenVault::unlock(self.ports.launcher, &file, &passphrase).map_err(|error| match error {
                        VaultError::WrongPassphrase => "These are not the two parts".to_owned(),
                        other => format!("{other}. {}", other.hint()),
                    })
                });
            match opened {
                Ok(open) => {
                    self.vault = Keeper::Open(open, file);
                    return Ok(false);
                }
                Err(error) => self.say(&format!("!! {error}."))?,
            }
        }
    }

    fn passphrase_is_lost(&mut self) -> Result<bool, DriverError> {
        if self.plan.pin_custody == PinCustody::Rotate {
            return Err(DriverError::Unfinished(
                "Without the passphrase the transport PINs are lost. Begin a new ceremony on another stick, with the same keys."
                    .into(),
            ));
        }
        Ok(true)
    }

    fn hidden(&mut self, question: &str) -> Result<Secret<String>, ConsoleError> {
        self.ports.console.ask_hidden(question)
    }
}
