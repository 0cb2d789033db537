//! What officer and witness do together: passphrase, initials, reasons for the record, a pause, the end before its time.

use regex::Regex;

use crate::officer::{Officer, PATIENCE, capture};
use crate::{Error, Result};

/// What the two type where the station asks for their parts of a passphrase.
#[derive(Debug, Clone, Default)]
pub enum Passphrases {
    /// An empty line: they do without (custody `manifest` alone lets them).
    #[default]
    None,
    /// The officer's part and the witness's part.
    Two(String, String),
}

impl Passphrases {
    /// A pair of parts that the station takes.
    #[must_use]
    pub fn two() -> Self {
        Self::Two("otter lantern quartz".into(), "meadow syrup trumpet".into())
    }

    fn part(&self, of_officer: bool) -> &str {
        match self {
            Self::None => "",
            Self::Two(officer, _) if of_officer => officer,
            Self::Two(_, witness) => witness,
        }
    }
}

/// Everything that is asked before the first key, with the words by which each question is known.
const OPENING: [&str; 8] = [
    "Officer, type your part .*:",
    "Officer, the same again:",
    "Witness, type your part .*:",
    "Witness, the same again:",
    "The officer's part:",
    "The witness's part:",
    "Officer, type your initials .*:",
    "Witness, type your initials .*:",
];

impl Officer<'_> {
    /// Waits until the ceremony begins or goes on, and answers up to both initials; returns its id.
    pub fn begin(&mut self) -> Result<String> {
        let ceremony = capture(
            &self.see(r"Ceremony ([0-9A-Z]{8}): .*")?,
            r"Ceremony ([0-9A-Z]{8}): ",
        )?;
        self.sit_down()?;
        Ok(ceremony)
    }

    /// Types parts of the passphrase, unseen, and initials, as the station asks for them.
    pub fn sit_down(&mut self) -> Result<()> {
        let passphrases = self.passphrases.clone();
        let wrong = |e: regex::Error| Error::Wrong(e.to_string());
        let questions: Vec<Regex> = OPENING
            .iter()
            .map(|q| Regex::new(q).map_err(wrong))
            .collect::<Result<_>>()?;
        loop {
            let (place, _) = self
                .station()
                .console()
                .expect_one_of(questions.iter().cloned(), PATIENCE)?;
            match place {
                0 | 1 | 4 => self.say(passphrases.part(true))?,
                2 | 3 | 5 => self.say(passphrases.part(false))?,
                6 => self.say(&self.initials[0].clone())?,
                _ => return self.say(&self.initials[1].clone()),
            }
        }
    }

    /// The witness types initials to what is asked of both.
    pub fn agree(&mut self) -> Result<()> {
        let asked = self.see(r"type your initials \S+ to agree, or no:")?;
        // The station names whose initials it wants: nobody else's will do.
        let code = capture(&asked, r"type your initials (\S+) to agree")?;
        if code != self.initials[1] {
            return Err(Error::Wrong(format!(
                "the station asks for {code}, and {} is here",
                self.initials[1]
            )));
        }
        self.say(&code)
    }

    /// Types why something out of the ordinary happened, and the witness agrees; returns the exception's number.
    pub fn explain(&mut self, reason: &str) -> Result<u32> {
        let asked = self.see("Why\\? One line for the record, never a PIN:")?;
        let number = capture(&asked, r"Exception (\d+): ")?;
        self.say(reason)?;
        self.agree()?;
        number
            .parse()
            .map_err(|_| Error::Wrong(format!("{number} is no number of an exception")))
    }

    /// Wishes for a pause; with a key in hand it begins when that key is finished.
    pub fn pause(&mut self) -> Result<()> {
        self.say("pause")
    }

    /// Reads that the ceremony is paused, and switches off.
    pub fn paused(&mut self) -> Result<()> {
        self.see("The ceremony is paused")?;
        self.see("Press Enter to switch off")?;
        self.say("")
    }

    /// Breaks the ceremony off: yes, the witness's initials, a reason, and the initials again.
    pub fn abort(&mut self, reason: &str) -> Result<u32> {
        self.say("abort")?;
        self.see(r"Break the ceremony off\? .*\(yes/no\)")?;
        self.say("yes")?;
        self.agree()?;
        self.explain(reason)
    }
}
