//! A ceremony played without devices: effects are journalled as the driver would, and power can fail.

use std::collections::{HashMap, HashSet};

use super::*;
use crate::ceremony::resume::{self, Next};
use crate::ceremony::{AfterPage, Answer, Event, FailureKind, Outcome, SeenPrinter};
use crate::manifest::sign::StationKey;
use crate::transcript::{Entry, Tally, Text};

fn job(number: u8) -> Job {
    let mut next = number;
    let mut random = |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(37).wrapping_add(11);
            *byte = next;
        }
    };
    Job {
        label: LabelId::draw(&mut random),
        account: format!("bg-{number:02}@contoso.onmicrosoft.com").parse().unwrap(),
        place: 1,
        custodian: None,
        safe: None,
    }
}

pub(super) fn key(port: &str, device: u16) -> SeenKey {
    SeenKey {
        port: port.into(),
        device: (1, device),
        name: format!("Key on {port}"),
    }
}

/// A ceremony with its transcript, as the driver would keep it.
pub(super) struct Play {
    pub(super) rules: Rules,
    pub(super) ceremony: Ceremony,
    pub(super) entries: Vec<Entry>,
    pub(super) tally: Tally,
    pub(super) pending: Option<Effect>,
    pub(super) device: u16,
    pub(super) confirmed: HashSet<SlipNumber>,
    pub(super) printed: HashSet<SlipNumber>,
    pub(super) ending: Option<Ending>,
    /// The slip whose PIN each registered key has in truth (second pass).
    pub(super) in_force: HashMap<LabelId, SlipNumber>,
}

impl Play {
    pub(super) fn new(rules: Rules) -> Self {
        let jobs: Vec<Job> = (1..=2).map(job).collect();
        let started = Entry::Started {
            ceremony: crate::id::CeremonyId::draw(&mut |bytes| bytes.fill(1)),
            title: Text::new("Test"),
            plan_sha256: String::new(),
            station: StationKey::generate().unwrap().fingerprint(),
            version: Text::new("0"),
            custody: rules.custody,
            people: vec![],
        };
        let planned = jobs.iter().map(|job| Entry::Planned {
            label: job.label.clone(),
            account: job.account.clone(),
            place: 1,
            custodian: None,
            safe: None,
        });
        let options = rules.passkeys.then(|| Entry::CreationOptions {
            sha256: String::new(),
            tenant: Text::new("t"),
            expires: time::OffsetDateTime::UNIX_EPOCH,
        });
        let entries: Vec<Entry> = std::iter::once(started).chain(options).chain(planned).collect();
        let team = Team::new(&["Ada Lovelace"], &["Grace Hopper"]);
        let (ceremony, effects) = Ceremony::new(rules, team, jobs, vec![]);
        let mut play = Self {
            rules,
            ceremony,
            tally: Tally::of(&entries),
            entries,
            pending: None,
            device: 10,
            confirmed: HashSet::new(),
            printed: HashSet::new(),
            ending: None,
            in_force: HashMap::new(),
        };
        play.take(effects);
        play
    }

    fn record(&mut self, entry: Entry) {
        self.tally.add(&entry);
        self.entries.push(entry);
    }

    /// Does what a driver does with effects: journals, and remembers what waits for an answer.
    fn take(&mut self, effects: Vec<Effect>) {
        let waiting = effects
            .iter()
            .filter(|e| matches!(e, Effect::Do(_) | Effect::Ask(_)))
            .count();
        assert!(waiting <= 1, "one thing at a time: {effects:?}");
        for effect in effects {
            match &effect {
                Effect::Record(entry) => self.record(entry.clone()),
                Effect::Withdraw => self.pending = None,
                Effect::End(ending) => self.ending = Some(*ending),
                Effect::Do(work) => {
                    if let Work::PrintSlip(slip) = work {
                        assert!(self.printed.insert(*slip), "{slip} printed twice");
                    }
                    if let Work::SetPin(_, Some(slip)) = work {
                        assert!(self.confirmed.contains(slip), "{slip} was not confirmed");
                        assert!(!self.ceremony.slips().voided().contains(slip));
                    }
                    let (effect, slip) = (work.act(), work.slip());
                    self.record(Entry::Intended {
                        effect,
                        key: self.label_for(work),
                        slip,
                    });
                    self.pending = Some(Effect::Do(work.clone()));
                }
                Effect::Ask(_) => self.pending = Some(effect),
                Effect::Tell(_) | Effect::ForgetPin | Effect::ForgetStored(_) => {}
            }
        }
    }

    fn label_for(&self, work: &Work) -> Option<LabelId> {
        let is_closing = matches!(work, Work::PrintRecord | Work::Export);
        self.ceremony
            .job()
            .filter(|_| !is_closing)
            .map(|j| j.label.clone())
    }

    fn send(&mut self, event: Event) {
        let effects = self.ceremony.handle(event);
        self.take(effects);
    }

    pub(super) fn go_on(&mut self) {
        match self.pending.take() {
            None if matches!(self.ceremony.step, Step::CyclePrinter(_)) => {
                self.device += 1;
                let seen = match self.ceremony.printers.len() {
                    0 => vec![SeenPrinter(1, self.device)],
                    _ => vec![],
                };
                self.send(Event::PrintersSeen(seen));
            }
            None => {
                // Somebody takes keys out, or puts one in.
                self.device += 1;
                let seen = match self.ceremony.seen.len() {
                    0 => vec![key("1-1", self.device)],
                    _ => vec![],
                };
                self.send(Event::KeysSeen(seen));
            }
            Some(Effect::Do(work)) => {
                if let Some(entry) = closing_entry(&work, &self.tally) {
                    self.record(entry);
                }
                let outcome = self.outcome(&work);
                if !matches!(work, Work::Export) {
                    self.record(Entry::Done {
                        effect: work.act(),
                        key: self.label_for(&work),
                        slip: work.slip(),
                        result: (outcome == Outcome::PinInForce { new: true }).then(|| Text::new("new")),
                    });
                }
                self.send(Event::Done(outcome));
            }
            Some(Effect::Ask(question)) => {
                let answer = answer(&question);
                self.record(Entry::Answered {
                    question: Text::new(crate::console::text::subject(&question)),
                    answer: Text::new(match &answer {
                        Answer::Yes => "yes",
                        Answer::No => "no",
                        Answer::Text(text) => text,
                    }),
                    by: None,
                });
                if let Question::SlipWhole(slip, part) = question
                    && part != Part::First
                {
                    self.confirmed.insert(slip);
                }
                self.send(Event::Answered(answer));
            }
            Some(_) => {}
        }
    }

    /// What comes of work that succeeds.
    fn outcome(&mut self, work: &Work) -> Outcome {
        match work {
            Work::Identify(_) if self.ceremony.pass() == Pass::Seal => {
                // One of the registered keys, sometimes one that is done already.
                let place = usize::from(self.device / 2) % self.ceremony.jobs.len();
                let job = self.ceremony.jobs[place].clone();
                self.record(Entry::KeyIdentified {
                    label: job.label.clone(),
                    account: job.account,
                    aaguid: crate::id::Aaguid([0; 16]),
                    product: Text::new("Key"),
                    port: Text::new("1-1"),
                });
                Outcome::Recognised(job.label)
            }
            Work::ChangePin(_, slip) => {
                self.in_force
                    .extend(self.ceremony.job().map(|j| (j.label.clone(), *slip)));
                Outcome::PinChanged
            }
            Work::WhichPin(_, slip) => Outcome::PinInForce {
                new: self.ceremony.job().and_then(|j| self.in_force.get(&j.label)) == Some(slip),
            },
            _ => outcome(work),
        }
    }

    /// A change of PIN that is cut off took place or not.
    fn cut_off(&mut self, work: &Work) {
        if let (Work::ChangePin(_, slip), 0) = (work, self.device % 2) {
            self.in_force
                .extend(self.ceremony.job().map(|j| (j.label.clone(), *slip)));
        }
    }

    pub(super) fn other(&mut self, event: Event) {
        match (&event, &self.pending.clone()) {
            (Event::KeysSeen(_) | Event::PrintersSeen(_), Some(Effect::Do(_))) => {
                // The driver tells of keys and printers only when work has ended.
            }
            (Event::KeysSeen(_) | Event::PrintersSeen(_), _) => self.send(event),
            (Event::Failed(failure), Some(Effect::Do(work))) if may_fail_so(work, failure.kind) => {
                let work = work.clone();
                if failure.kind != FailureKind::PinRefused && failure.kind != FailureKind::SeveralKeys {
                    self.cut_off(&work);
                }
                self.record(Entry::Failed {
                    effect: work.act(),
                    key: self.label_for(&work),
                    slip: work.slip(),
                    reason: Text::new(&failure.text),
                });
                self.pending = None;
                if failure.kind == FailureKind::Vanished {
                    self.send(Event::KeysSeen(vec![]));
                }
                self.send(event);
            }
            (Event::Answered(answer), Some(Effect::Ask(question))) if is_possible(question, answer) => {
                self.record(Entry::Answered {
                    question: Text::new(crate::console::text::subject(question)),
                    answer: Text::new(match answer {
                        Answer::Yes => "yes",
                        _ => "no",
                    }),
                    by: None,
                });
                if let (Question::SlipWhole(slip, part), Answer::Yes) = (question, answer)
                    && *part != Part::First
                {
                    self.confirmed.insert(*slip);
                }
                self.pending = None;
                self.send(event);
            }
            (Event::PinTyped, Some(Effect::Ask(_))) | (Event::Wanted(_), None | Some(Effect::Ask(_))) => {
                self.pending = None;
                self.send(event);
            }
            _ => {}
        }
    }

    /// The power fails: all that is left is the transcript.
    pub(super) fn cut(&mut self) {
        if let Some(Effect::Do(work)) = self.pending.clone() {
            self.cut_off(&work);
        }
        let tally = Tally::of(&self.entries);
        assert_eq!(tally, self.tally);
        let station = StationKey::generate().unwrap().fingerprint();
        let version = Text::new("0");
        let (cut, found) = match resume::next(&tally) {
            Next::Over => {
                self.ending = Some(Ending::Finished);
                return;
            }
            Next::GoOn { cut, found } => {
                self.record(Entry::Resumed {
                    station,
                    version,
                    cut,
                    torn: 0,
                    found: Text::new(&found),
                });
                (cut, found)
            }
            Next::Seal { cut, found } => {
                self.rules.pass = Pass::Seal;
                self.record(Entry::SealingStarted { station, version });
                (cut, found)
            }
        };
        let team = Team::new(&["Ada Lovelace"], &["Grace Hopper"]);
        let (ceremony, effects) = Ceremony::resumed(self.rules, team, &tally, cut, &found, vec![]);
        self.ceremony = ceremony;
        self.pending = None;
        self.ending = None;
        self.take(effects);
    }
}

fn closing_entry(work: &Work, tally: &Tally) -> Option<Entry> {
    let count = |n: usize| u32::try_from(n).unwrap();
    matches!(work, Work::Export).then(|| Entry::Ended {
        prepared: count(tally.prepared.len()),
        rejected: count(tally.rejected.len()),
        slips_printed: tally.printed,
        slips_voided: count(tally.voided.len()),
        exceptions: count(tally.exceptions.len()),
        aborted: tally.is_aborted,
    })
}

fn outcome(work: &Work) -> Outcome {
    match work {
        Work::Identify(_) => Outcome::Identified {
            description: String::new(),
            long_touch: false,
            in_use: false,
        },
        Work::Reset(_) => Outcome::Reset,
        Work::PrintSlip(_) => Outcome::SlipPrinted(AfterPage::Well),
        Work::PrintSecondHalf(_) => Outcome::SecondHalfPrinted(AfterPage::Silent),
        Work::StorePin => Outcome::PinStored,
        Work::SetPin(..) => Outcome::PinSet,
        Work::Configure(_) => Outcome::Configured,
        Work::ProvePin(_) => Outcome::PinProven,
        Work::MakeIdentity(_) => Outcome::IdentityMade {
            fingerprint: "F".into(),
        },
        Work::MakePasskey(_) => Outcome::PasskeyMade {
            credential: "C".into(),
        },
        Work::PrintLabel(_) => Outcome::LabelPrinted,
        Work::StoreKey => Outcome::KeyStored,
        Work::ChangePin(..) => Outcome::PinChanged,
        Work::WhichPin(..) => Outcome::PinInForce { new: true },
        Work::PrintRecord => Outcome::RecordPrinted,
        Work::Export => Outcome::Exported,
    }
}

fn answer(question: &Question) -> Answer {
    let text = |text: &str| Answer::Text(text.to_owned());
    match question {
        Question::Officer(members) | Question::Witness(members) => text(&members[0].code),
        Question::Agree { witness, .. } => text(&witness.code),
        Question::Reason { .. } => text("a reason"),
        Question::Label(label) => text(label.as_str()),
        Question::KeyBag | Question::SlipBag(_) => text("-"),
        Question::Abort { .. } => Answer::No,
        _ => Answer::Yes,
    }
}

/// Whether the driver can make this failure of this work.
fn may_fail_so(work: &Work, kind: FailureKind) -> bool {
    use FailureKind::{AlreadyPrepared, NothingPrinted, Other, PinRefused, WindowPassed};
    match work {
        Work::PrintSlip(_) | Work::PrintSecondHalf(_) | Work::PrintLabel(_) | Work::PrintRecord => {
            matches!(kind, NothingPrinted | Other)
        }
        Work::StorePin | Work::StoreKey | Work::Export => kind == Other,
        Work::Identify(_) => !matches!(kind, NothingPrinted | PinRefused | WindowPassed),
        Work::Reset(_) => !matches!(kind, NothingPrinted | PinRefused | AlreadyPrepared),
        _ => !matches!(kind, NothingPrinted | WindowPassed | AlreadyPrepared),
    }
}

fn is_possible(question: &Question, answer: &Answer) -> bool {
    let wants_text = matches!(
        question,
        Question::Officer(_)
            | Question::Witness(_)
            | Question::Agree { .. }
            | Question::Reason { .. }
            | Question::Label(_)
            | Question::KeyBag
            | Question::SlipBag(_)
    );
    wants_text == matches!(answer, Answer::Text(_))
}
