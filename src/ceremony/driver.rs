//! Carries out what the state machine wants: keys, papers, stick and officer behind small traits.

use std::collections::VecDeque;
use std::time::Duration;

use time::OffsetDateTime;

use super::closing;
use super::effect::{Effect, Question, Work};
use super::event::{Answer, Event, Failure, FailureKind, Outcome, SeenKey};
use super::in_hand::InHand;
use super::journal::Journal;
use super::state::{Ceremony, Job};
use crate::console::{Console, ConsoleError, text};
use crate::id::{CeremonyId, KeyFingerprint, LabelId};
use crate::key::{KeyBus, SecurityKey};
use crate::manifest::schema::PreparedKey;
use crate::manifest::sign::StationKey;
use crate::media::{MediaError, Stick};
use crate::paper::stock::Stock;
use crate::paper::{Document, LayoutError};
use crate::pin::{self, NoRandomness};
use crate::plan::Plan;
use crate::printer::PrintError;
use crate::secret::{Pin, Secret};
use crate::transcript::{Entry, Text};

/// How often the bus is looked at while nothing happens.
const LOOK: Duration = Duration::from_millis(250);

/// Something that prints documents.
pub trait Press {
    /// Prints; returns when the printer has taken all bytes.
    fn print(&mut self, document: &Document, pin: Option<&Pin>) -> Result<(), PrintError>;
}

/// Encrypts a signed manifest for recipients; the error is a clause for people.
pub type Sealer<'a> = dyn Fn(&Secret<Vec<u8>>, &[String]) -> Result<Vec<u8>, String> + 'a;

/// Everything outside that a ceremony uses.
pub struct Ports<'a> {
    /// The USB ports.
    pub keys: &'a dyn KeyBus,
    /// The printer.
    pub press: &'a mut dyn Press,
    /// The officer.
    pub console: &'a mut dyn Console,
    /// Encrypts a signed manifest for its recipients.
    pub seal: &'a Sealer<'a>,
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
    #[error(transparent)]
    Media(#[from] MediaError),
    /// No random numbers.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// Something in the plan cannot be printed.
    #[error("The plan cannot be printed: {0}.")]
    Layout(#[from] LayoutError),
    /// The plan names a label sheet that is not known.
    #[error("The plan's label stock is not known: {0}.")]
    Stock(String),
}

/// What a finished ceremony says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Keys prepared.
    pub prepared: usize,
    /// Keys put aside.
    pub rejected: usize,
}

/// A key that is done, until the manifest takes it.
pub(super) struct KeptKey {
    pub(super) key: PreparedKey,
    pub(super) fingerprint: KeyFingerprint,
}

/// A ceremony being carried out.
pub(super) struct Driver<'a> {
    pub(super) plan: &'a Plan,
    pub(super) ports: Ports<'a>,
    pub(super) journal: Journal<'a>,
    pub(super) id: CeremonyId,
    pub(super) station: StationKey,
    pub(super) started: OffsetDateTime,
    pub(super) kept: Vec<KeptKey>,
    pub(super) exceptions: Vec<String>,
    pub(super) sealed: Option<Vec<u8>>,
    pub(super) in_hand: InHand,
    pub(super) stock: Stock,
    pub(super) next_label: u16,
}

/// Carries out a whole ceremony by `plan`, whose file had the SHA-256 `plan_sha256`.
///
/// `checks` are the results of the self-test, which go into the transcript.
pub fn run<'a>(
    plan: &'a Plan,
    plan_sha256: &str,
    checks: Vec<Entry>,
    stick: &'a mut Stick,
    ports: Ports<'a>,
) -> Result<Finished, DriverError> {
    let label_stock: Stock = plan
        .label_stock
        .parse()
        .map_err(|e: crate::paper::stock::UnknownStock| DriverError::Stock(e.0))?;
    let station = StationKey::generate().ok_or(NoRandomness)?;
    let id = draw_id(CeremonyId::draw)?;
    let mut jobs: Vec<Job> = Vec::new();
    for key in &plan.keys {
        let mut label = draw_id(LabelId::draw)?;
        while jobs.iter().any(|j| j.label == label) {
            label = draw_id(LabelId::draw)?;
        }
        jobs.push(Job {
            label,
            account: key.account.clone(),
            custodian: key.custodian.clone(),
        });
    }
    let started = (ports.now)();
    let journal = Journal::new(stick, &id)?;
    let mut driver = Driver {
        plan,
        ports,
        journal,
        id,
        station,
        started,
        kept: Vec::new(),
        exceptions: Vec::new(),
        sealed: None,
        in_hand: InHand::default(),
        stock: label_stock,
        next_label: plan.first_label,
    };
    closing::check_printable(&driver, &jobs)?;
    driver.begin(plan_sha256, checks)?;
    driver.drive(jobs)
}

fn draw_id<T>(draw: impl Fn(&mut dyn FnMut(&mut [u8])) -> T) -> Result<T, NoRandomness> {
    let mut failed = None;
    let id = draw(&mut |bytes| failed = pin::kernel_random(bytes).err());
    failed.map_or(Ok(id), Err)
}

impl Driver<'_> {
    fn begin(&mut self, plan_sha256: &str, checks: Vec<Entry>) -> Result<(), ConsoleError> {
        let entry = Entry::Started {
            ceremony: self.id.clone(),
            title: Text::new(&self.plan.title),
            plan_sha256: plan_sha256.to_owned(),
            station: self.station.fingerprint(),
            version: Text::new(env!("CARGO_PKG_VERSION")),
            custody: self.plan.pin_custody,
            people: self.plan.people.clone(),
        };
        self.record(entry)?;
        for check in checks {
            self.record(check)?;
        }
        self.ports
            .console
            .tell(&format!("Ceremony {}: {}", self.id, self.plan.title))
    }

    fn drive(&mut self, jobs: Vec<Job>) -> Result<Finished, DriverError> {
        let now = self.look()?;
        let (mut ceremony, effects) = Ceremony::new(jobs, self.plan.bags, now.clone());
        let mut queue = VecDeque::from(effects);
        let mut asked: Option<Question> = None;
        let mut seen = now;
        loop {
            while let Some(effect) = queue.pop_front() {
                match effect {
                    Effect::Tell(notice) => self.ports.console.tell(&text::notice(&notice))?,
                    Effect::Ask(question) => {
                        self.ports.console.ask(&text::question(&question))?;
                        asked = Some(question);
                    }
                    Effect::Record(entry) => self.exception(entry)?,
                    Effect::ForgetPin => self.in_hand.pin = None,
                    Effect::Keep => self.keep(&ceremony),
                    Effect::Withdraw => asked = None,
                    Effect::Do(work) => {
                        let event = self.perform(&work, &ceremony)?;
                        // What to say about the result depends on what is plugged in now, not before the work.
                        let now = self.look()?;
                        seen.clone_from(&now);
                        queue.extend(ceremony.handle(Event::KeysSeen(now)));
                        queue.extend(ceremony.handle(event));
                    }
                    Effect::End => {
                        let (prepared, rejected) = (ceremony.prepared().len(), ceremony.rejected().len());
                        return Ok(Finished {
                            ceremony: self.id.clone(),
                            prepared,
                            rejected,
                        });
                    }
                }
            }
            let now = self.look()?;
            if seen != now {
                seen.clone_from(&now);
                queue.extend(ceremony.handle(Event::KeysSeen(now)));
                continue;
            }
            if let Some(line) = self.ports.console.poll(LOOK)?
                && let Some(answer) = self.read_answer(&mut asked, &line)?
            {
                queue.extend(ceremony.handle(Event::Answered(answer)));
            }
        }
    }

    /// The keys on the bus; a bus that cannot be read is an empty one, and is said once per look.
    fn look(&mut self) -> Result<Vec<SeenKey>, ConsoleError> {
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

    fn read_answer(
        &mut self,
        asked: &mut Option<Question>,
        line: &str,
    ) -> Result<Option<Answer>, ConsoleError> {
        let Some(question) = asked.take() else {
            if !line.is_empty() {
                self.ports.console.tell("   (Nothing is asked right now.)")?;
            }
            return Ok(None);
        };
        let Some(answer) = text::answer(&question, line) else {
            self.ports
                .console
                .tell("!! Please type the whole word yes or no.")?;
            self.ports.console.ask(&text::question(&question))?;
            *asked = Some(question);
            return Ok(None);
        };
        if matches!(&answer, Answer::Text(typed) if self.in_hand.pin_is_in(typed)) {
            self.withhold(&question)?;
            self.ports.console.ask(&text::question(&question))?;
            *asked = Some(question);
            return Ok(None);
        }
        let said = match &answer {
            Answer::Yes => "yes",
            Answer::No => "no",
            Answer::Text(text) => text,
        };
        self.record(Entry::Answered {
            question: Text::new(text::subject(&question)),
            answer: Text::new(said),
            by: None,
        })?;
        Ok(Some(answer))
    }

    /// A PIN that was typed must not get into the transcript; that it was typed belongs on the record.
    fn withhold(&mut self, question: &Question) -> Result<(), ConsoleError> {
        self.ports.console.tell(
            "!! What was typed holds the PIN of this key: somebody has read the slip. It was not written down.\n   \
             Both of you decide now whether this key may be used; the record will say what happened.",
        )?;
        self.exceptions
            .push("The PIN of a key was typed at the station instead of a label or bag number.".into());
        let answer = Text::new("withheld: it held the PIN of the key in hand");
        self.record(Entry::Answered {
            question: Text::new(text::subject(question)),
            answer,
            by: None,
        })
    }

    pub(super) fn record(&mut self, entry: Entry) -> Result<(), ConsoleError> {
        self.journal.append((self.ports.now)(), entry, self.ports.console)
    }

    /// Records what the state machine noted, and keeps what belongs under "exceptions" on the record.
    fn exception(&mut self, entry: Entry) -> Result<(), ConsoleError> {
        match &entry {
            Entry::SlipVoided { slip, reason } => {
                self.exceptions
                    .push(format!("Slip {slip} is void: {}.", reason.as_str()));
            }
            Entry::KeyRejected { label, reason } => {
                self.exceptions.push(format!(
                    "A key for label {label} was put aside: {}",
                    reason.as_str()
                ));
            }
            _ => {}
        }
        self.record(entry)
    }

    /// Does one piece of work, journalled before and after.
    fn perform(&mut self, work: &Work, ceremony: &Ceremony) -> Result<Event, DriverError> {
        let job = ceremony.job().cloned();
        let key = job.as_ref().map(|j| j.label.clone());
        let effect = text::act(work);
        let slip = match work {
            Work::PrintSlip(slip)
            | Work::SetPin(_, slip)
            | Work::ProvePin(_, slip)
            | Work::MakeIdentity(_, slip) => Some(*slip),
            _ => None,
        };
        self.record(Entry::Intended {
            effect,
            key: key.clone(),
            slip,
        })?;
        self.ports.console.tell(&text::work(work))?;
        let outcome = match work {
            Work::Identify(seen) => self.identify(seen, job.as_ref())?,
            Work::Reset(seen) => self.reset(seen),
            Work::PrintSlip(slip) => self.print_slip(*slip, job.as_ref())?,
            Work::SetPin(seen, slip) => self.set_pin(seen, *slip),
            Work::ProvePin(seen, slip) => self.prove_pin(seen, *slip),
            Work::MakeIdentity(seen, _) => self.make_identity(seen, job.as_ref()),
            Work::PrintLabel(label) => self.print_label(label),
            Work::PrintRecord => closing::print_record(self, ceremony)?,
            Work::Export => closing::export(self, ceremony)?,
        };
        match outcome {
            Ok(outcome) => {
                // After the export the stick is read-only and the transcript closed.
                if outcome != Outcome::Exported {
                    let result = result_text(&outcome);
                    self.record(Entry::Done {
                        effect,
                        key,
                        slip,
                        result,
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
        kind: FailureKind::Other,
        text: error.to_string(),
        hint: error.hint(),
    }
}

fn result_text(outcome: &Outcome) -> Option<Text> {
    match outcome {
        Outcome::Identified { description, .. } => Some(Text::new(description)),
        Outcome::IdentityMade { fingerprint } => Some(Text::new(fingerprint)),
        _ => None,
    }
}
