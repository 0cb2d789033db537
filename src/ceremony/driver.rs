//! Carries out what the state machine wants: keys, papers, stick and people behind small traits.

use std::collections::VecDeque;
use std::time::Duration;

use time::OffsetDateTime;

use super::effect::{Effect, Ending, Question, Work};
use super::event::{AfterPage, Event, Failure, FailureKind, Outcome, SeenKey, SeenPrinter};
use super::in_hand::InHand;
use super::job::Pass;
use super::journal::Journal;
use super::printing::ReadySlip;
use super::scene::Scene;
use super::state::Ceremony;
use super::{closing, vault_keeper};
use crate::console::{Console, ConsoleError, text};
use crate::creation_options::CreationOptions;
use crate::id::{CeremonyId, LabelId};
use crate::key::{KeyBus, SecurityKey};
use crate::manifest::schema::PreparedKey;
use crate::manifest::sign::StationKey;
use crate::media::MediaError;
use crate::paper::stock::Stock;
use crate::paper::{Document, LayoutError};
use crate::pin::NoRandomness;
use crate::plan::Plan;
use crate::printer::{PrintError, Status};
use crate::secret::{Pin, Secret};
use crate::transcript::{Entry, Text};
use crate::vault::VaultError;
use crate::worker::Launcher;

/// How often the bus is looked at while nothing happens.
const LOOK: Duration = Duration::from_millis(250);

/// What a printer says of its paper while a page is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tray {
    /// There is none; said about once a second.
    Empty,
    /// There is some again.
    Filled,
}

/// Hears of the paper; true gives the page up.
pub type PaperWatch<'a> = dyn FnMut(Tray) -> bool + 'a;

/// A document that is laid out and waits for the word to go to the printer.
pub trait Ready {
    /// Prints it; returns when the printer has taken all bytes, with what it says of itself then.
    fn print(self: Box<Self>, paper: &mut PaperWatch<'_>) -> Result<Option<Status>, PrintError>;
}

/// Something that prints documents.
pub trait Press {
    /// Lays a document out ahead of its time; nothing reaches the printer before [`Ready::print`].
    fn prepare(&mut self, document: &Document, pin: Option<&Pin>) -> Result<Box<dyn Ready>, PrintError>;

    /// The printers there are right now.
    fn printers(&mut self) -> Vec<SeenPrinter>;
}

/// Encrypts a signed manifest for recipients; the error is a clause for people.
pub type Sealer<'a> = dyn Fn(&Secret<Vec<u8>>, &[String]) -> Result<Vec<u8>, String> + 'a;

/// Everything outside that a ceremony uses.
pub struct Ports<'a> {
    /// The USB ports.
    pub keys: &'a dyn KeyBus,
    /// The printer.
    pub press: &'a mut dyn Press,
    /// The people.
    pub console: &'a mut dyn Console,
    /// Encrypts a signed manifest for its recipients.
    pub seal: &'a Sealer<'a>,
    /// Starts the child processes that encrypt PINs for the stick.
    pub launcher: &'a Launcher,
    /// The clock, UTC.
    pub now: &'a dyn Fn() -> OffsetDateTime,
}

/// Why a ceremony could not be carried on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Nobody can be asked any more.
    #[error(transparent)]
    Console(#[from] ConsoleError),
    /// The stick cannot be used.
    #[error("{0}\n   {hint}", hint = .0.hint())]
    Media(#[from] MediaError),
    /// PINs cannot be encrypted for the stick.
    #[error("{0}.\n   {hint}", hint = .0.hint())]
    Vault(#[from] VaultError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Something in the plan cannot be printed.
    #[error("The plan cannot be printed: {0}.")]
    Layout(#[from] LayoutError),
    /// The plan names a label sheet that is not known.
    #[error("The plan's label stock is not known: {0}.")]
    Stock(String),
    /// An unfinished ceremony on the stick cannot be taken up.
    #[error("{0}")]
    Unfinished(String),
}

/// What a ceremony says of itself when the station is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// How it is left.
    pub ending: Ending,
    /// Keys prepared, or sealed in the second pass.
    pub prepared: usize,
    /// Keys put aside.
    pub rejected: usize,
}

/// A ceremony being carried out.
pub(super) struct Driver<'a> {
    pub(super) plan: &'a Plan,
    /// What the tenant asks of each key (route air-gapped).
    pub(super) options: Option<CreationOptions>,
    pub(super) ports: Ports<'a>,
    pub(super) journal: Journal<'a>,
    pub(super) id: CeremonyId,
    pub(super) station: StationKey,
    pub(super) started: OffsetDateTime,
    /// The keys that are done, with the PINs that the manifest or the second pass needs.
    pub(super) kept: Vec<PreparedKey>,
    pub(super) vault: vault_keeper::Keeper,
    /// PINs of an earlier start that may be in force (second pass).
    pub(super) new_pins: Vec<(LabelId, Pin)>,
    pub(super) exported: closing::Exported,
    pub(super) in_hand: InHand,
    pub(super) ready: Option<ReadySlip>,
    pub(super) stock: Stock,
    pub(super) next_label: u16,
    pub(super) scene: Scene,
    pub(super) asked: Option<Question>,
}

impl Driver<'_> {
    /// Carries a ceremony through to its end.
    pub(super) fn drive(
        &mut self,
        ceremony: &mut Ceremony,
        effects: Vec<Effect>,
        mut seen: Vec<SeenKey>,
    ) -> Result<Ending, DriverError> {
        let mut printers = self.ports.press.printers();
        let mut queue = VecDeque::from(effects);
        queue.extend(ceremony.handle(Event::PrintersSeen(printers.clone())));
        loop {
            while let Some(effect) = queue.pop_front() {
                match effect {
                    Effect::Tell(notice) => {
                        self.ports.console.tell(&text::notice(&notice))?;
                        self.scene.notice(&notice);
                        self.show(ceremony)?;
                    }
                    Effect::Ask(question) => self.ask(question, ceremony)?,
                    Effect::Record(entry) => self.record(entry)?,
                    Effect::ForgetStored(label) => self.forget_pins(&label)?,
                    Effect::ForgetPin => {
                        self.in_hand.pin = None;
                        self.in_hand.second_half = None;
                        self.ready = None;
                    }
                    Effect::Withdraw => {
                        self.asked = None;
                        self.ports.console.withdraw()?;
                    }
                    Effect::Do(work) => {
                        let event = self.perform(&work, ceremony)?;
                        // What to say about the result depends on what is plugged in now, not before the work.
                        seen = self.look()?;
                        queue.extend(ceremony.handle(Event::KeysSeen(seen.clone())));
                        printers = self.ports.press.printers();
                        queue.extend(ceremony.handle(Event::PrintersSeen(printers.clone())));
                        queue.extend(ceremony.handle(event));
                    }
                    Effect::End(ending) => {
                        self.ready = None;
                        return Ok(ending);
                    }
                }
            }
            let now = self.look()?;
            if seen != now {
                seen.clone_from(&now);
                queue.extend(ceremony.handle(Event::KeysSeen(now)));
                continue;
            }
            let there = self.ports.press.printers();
            if printers != there {
                printers.clone_from(&there);
                queue.extend(ceremony.handle(Event::PrintersSeen(there)));
                continue;
            }
            let line = self.ports.console.poll(LOOK)?;
            self.record_notes()?;
            if let Some(line) = line
                && let Some(event) = self.read_line(&line)?
            {
                queue.extend(ceremony.handle(event));
            }
        }
    }

    fn show(&mut self, ceremony: &Ceremony) -> Result<(), ConsoleError> {
        self.scene.follow(ceremony, self.journal.tally().exceptions.len());
        self.ports.console.show(self.scene.view())
    }

    fn ask(&mut self, question: Question, ceremony: &Ceremony) -> Result<(), ConsoleError> {
        self.scene.question(&question);
        self.ports.console.ask(&self.words(&question))?;
        // After the question: where a view says what to do, it is the view that is shown.
        self.show(ceremony)?;
        self.asked = Some(question);
        Ok(())
    }

    /// A question in words; what it is compared with stands with it, because a small screen has no room elsewhere.
    pub(super) fn words(&self, question: &Question) -> String {
        let words = text::question(question);
        match question {
            Question::RecordWhole => format!("{}\n{words}", closing::fingerprint(self)),
            Question::Label(label) if self.journal.tally().is_second_pass => {
                text::label_again(label.as_str())
            }
            _ => words,
        }
    }

    /// The keys on the bus; a bus that cannot be read is an empty one, and is said once per look.
    pub(super) fn look(&mut self) -> Result<Vec<SeenKey>, ConsoleError> {
        match self.ports.keys.scan() {
            Ok(keys) => Ok(keys.iter().map(seen_key).collect()),
            Err(error) => {
                self.ports
                    .console
                    .tell(&format!("!! {error}\n   {}", error.hint()))?;
                std::thread::sleep(Duration::from_secs(2));
                Ok(Vec::new())
            }
        }
    }

    /// Writes an entry; when another stick has taken the first one's place, all else is written to it again.
    pub(super) fn record(&mut self, entry: Entry) -> Result<(), ConsoleError> {
        self.journal
            .append((self.ports.now)(), entry, self.ports.console)?;
        while self.journal.take_stick_is_new() {
            if let Err(failure) = self.store_all() {
                self.say(&format!("!! {}\n   {}", failure.text, failure.hint))?;
                self.journal.ask_for_stick(self.ports.console)?;
            }
        }
        Ok(())
    }

    /// Writes down what was done at the console beside the ceremony; after the last line, what comes is told and no more.
    fn record_notes(&mut self) -> Result<(), ConsoleError> {
        for note in self.ports.console.take_notes() {
            if !self.exported.end_is_recorded {
                self.record(note)?;
            }
        }
        Ok(())
    }

    /// Does one piece of work, journalled before and after.
    fn perform(&mut self, work: &Work, ceremony: &mut Ceremony) -> Result<Event, DriverError> {
        let effect = work.act();
        let closing = matches!(work, Work::PrintRecord | Work::Export);
        let key = ceremony.job().filter(|_| !closing).map(|j| j.label.clone());
        let slip = work.slip();
        self.record(Entry::Intended {
            effect,
            key: key.clone(),
            slip,
        })?;
        self.ports.console.tell(&text::work(work))?;
        self.scene.work(work);
        self.show(ceremony)?;
        let outcome = match work {
            Work::Identify(seen) if ceremony.pass() == Pass::Seal => self.recognise(seen)?,
            Work::Identify(seen) => self.identify(seen, ceremony.job())?,
            Work::Reset(seen) => self.reset(seen, ceremony),
            Work::PrintSlip(slip) => self.print_slip(*slip, ceremony.job())?,
            Work::PrintSecondHalf(_) => self.print_second_half(),
            Work::StorePin => self.store_pin(ceremony)?,
            Work::SetPin(seen, slip) => self.set_pin(seen, *slip),
            Work::Configure(seen) => self.configure(seen),
            Work::ProvePin(seen) => self.prove_pin(seen),
            Work::MakeIdentity(seen) => self.make_identity(seen, ceremony),
            Work::MakePasskey(seen) => self.make_passkey(seen, ceremony),
            Work::PrintLabel(label) => self.print_label(label),
            Work::StoreKey => self.store_key(ceremony),
            Work::ChangePin(seen, slip) => self.change_pin(seen, *slip),
            Work::WhichPin(seen, slip) => self.which_pin(seen, *slip),
            Work::PrintRecord => closing::print_record(self),
            Work::Export => closing::export(self)?,
        };
        self.scene.ended(effect, outcome.is_ok());
        match outcome {
            Ok(outcome) => {
                if let Outcome::Identified { description, .. } = &outcome {
                    self.scene.identified(description);
                }
                // After the export the stick is read-only and the transcript closed.
                if outcome != Outcome::Exported {
                    self.record(Entry::Done {
                        effect,
                        key,
                        slip,
                        result: result_text(&outcome),
                    })?;
                }
                Ok(Event::Done(outcome))
            }
            Err(failure) => {
                let reason = Text::new(&failure.text);
                self.record(Entry::Failed {
                    effect,
                    key,
                    slip,
                    reason,
                })?;
                Ok(Event::Failed(failure))
            }
        }
    }
}

pub(super) fn seen_key(key: &SecurityKey) -> SeenKey {
    SeenKey {
        port: key.port.as_str().to_owned(),
        device: (key.busnum, key.devnum),
        name: key.to_string(),
    }
}

pub(super) fn print_failure(error: &PrintError) -> Failure {
    Failure {
        kind: if error.nothing_was_printed() {
            FailureKind::NothingPrinted
        } else {
            FailureKind::Other
        },
        text: error.to_string(),
        hint: error.hint(),
    }
}

fn result_text(outcome: &Outcome) -> Option<Text> {
    match outcome {
        Outcome::Identified { description, .. } => Some(Text::new(description)),
        Outcome::IdentityMade { fingerprint } => Some(Text::new(fingerprint)),
        Outcome::PasskeyMade { credential } => Some(Text::new(credential)),
        Outcome::Recognised(label) => Some(Text::new(label.as_str())),
        Outcome::SlipPrinted(after) | Outcome::SecondHalfPrinted(after) => Some(Text::new(match after {
            AfterPage::Silent => "all bytes taken, no status",
            AfterPage::Well => "all bytes taken, status well",
            AfterPage::OutOfPaper => "all bytes taken, out of paper",
            AfterPage::Trouble => "all bytes taken, in trouble",
        })),
        Outcome::PinInForce { new } => Some(Text::new(if *new { "new" } else { "transport" })),
        _ => None,
    }
}
