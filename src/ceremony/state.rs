//! The state machine of a ceremony: which step follows which, whatever happens.

use super::effect::{Effect, Notice, Question, Work};
use super::event::{Answer, Event, Failure, FailureKind, Outcome, SeenKey, bag};
use super::slips::Slips;
use crate::id::{BagNumber, LabelId, SlipNumber, Upn};
use crate::transcript::{Entry, Text};

/// One key to prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Label it gets.
    pub label: LabelId,
    /// Account it is for.
    pub account: Upn,
    /// Who will keep it.
    pub custodian: Option<String>,
}

/// A key that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedJob {
    /// What was to be prepared.
    pub job: Job,
    /// Slip with its PIN.
    pub slip: SlipNumber,
    /// Bag of the key.
    pub key_bag: Option<BagNumber>,
    /// Bag of the slip.
    pub slip_bag: Option<BagNumber>,
}

/// A key that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedKey {
    /// Label it would have got.
    pub label: LabelId,
    /// Why.
    pub reason: String,
}

/// Where a ceremony stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Waiting until no key is plugged in.
    Empty,
    /// Waiting for one key.
    Arm,
    Identify(SeenKey),
    ConfirmErase(SeenKey),
    /// Waiting for the key to be taken out.
    TakeOut(SeenKey),
    /// Waiting for it to come back to the same port.
    PutBack(SeenKey),
    Reset(SeenKey),
    PrintSlip(SeenKey, SlipNumber),
    ConfirmSlip(SeenKey, SlipNumber),
    SetPin(SeenKey, SlipNumber),
    ProvePin(SeenKey, SlipNumber),
    MakeIdentity(SeenKey, SlipNumber),
    PrintLabel(SeenKey, SlipNumber),
    ConfirmLabel(SeenKey, SlipNumber),
    KeyBag(SeenKey, SlipNumber),
    SlipBag(SeenKey, SlipNumber, Option<BagNumber>),
    /// Waiting for the prepared key to be taken out.
    Remove,
    /// A second key is plugged in; the step goes on when it is gone.
    OneOnly(SeenKey, Box<Step>, Work),
    /// The officer decides whether to try again.
    Trouble {
        again: Box<Step>,
        reason: String,
    },
    PrintRecord,
    ConfirmRecord,
    Export,
    Ended,
}

/// A ceremony in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    jobs: Vec<Job>,
    current: usize,
    bags: bool,
    step: Step,
    seen: Vec<SeenKey>,
    fingerprint: String,
    slips: Slips,
    prepared: Vec<PreparedJob>,
    rejected: Vec<RejectedKey>,
}

impl Ceremony {
    /// Starts a ceremony with these keys plugged in; `bags` tells whether bag numbers are asked for.
    #[must_use]
    pub fn new(jobs: Vec<Job>, bags: bool, seen: Vec<SeenKey>) -> (Self, Vec<Effect>) {
        let mut ceremony = Self {
            jobs,
            current: 0,
            bags,
            step: Step::Empty,
            seen,
            fingerprint: String::new(),
            slips: Slips::default(),
            prepared: Vec::new(),
            rejected: Vec::new(),
        };
        let effects = ceremony.next_key();
        (ceremony, effects)
    }

    /// Keys that are done.
    #[must_use]
    pub fn prepared(&self) -> &[PreparedJob] {
        &self.prepared
    }

    /// Keys that were put aside.
    #[must_use]
    pub fn rejected(&self) -> &[RejectedKey] {
        &self.rejected
    }

    /// The account of slips.
    #[must_use]
    pub fn slips(&self) -> &Slips {
        &self.slips
    }

    /// The key in hand, while there is one to prepare.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        self.jobs.get(self.current)
    }

    /// Whether the ceremony is over.
    #[must_use]
    pub fn ended(&self) -> bool {
        self.step == Step::Ended
    }

    /// Takes one event and says what to do next. An event that does not fit the step changes nothing.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        match event {
            Event::KeysSeen(seen) => {
                self.seen = seen;
                self.keys_changed()
            }
            Event::Done(outcome) => self.done(outcome),
            Event::Failed(failure) => self.failed(failure),
            Event::Answered(answer) => self.answered(&answer),
        }
    }

    /// Announces the job in hand, or goes on to the closing papers.
    fn next_key(&mut self) -> Vec<Effect> {
        let Some(job) = self.jobs.get(self.current) else {
            self.step = Step::PrintRecord;
            let all_done = Notice::AllDone {
                prepared: self.prepared.len(),
                rejected: self.rejected.len(),
                printed: self.slips.printed(),
                voided: self.slips.voided().len(),
            };
            return vec![Effect::Tell(all_done), Effect::Do(Work::PrintRecord)];
        };
        let notice = Notice::NextKey {
            number: self.current + 1,
            of: self.jobs.len(),
            account: job.account.clone(),
            label: job.label.clone(),
        };
        let mut effects = vec![Effect::Tell(notice)];
        effects.extend(self.rearm());
        effects
    }

    /// Starts over with the job in hand: the bus must be empty before a key is accepted.
    fn rearm(&mut self) -> Vec<Effect> {
        self.step = Step::Empty;
        self.keys_changed()
    }

    /// Waits for a key; the bus was empty since the last one.
    fn arm(&mut self) -> Vec<Effect> {
        self.step = Step::Arm;
        if self.seen.is_empty() {
            vec![Effect::Tell(Notice::PutInKey)]
        } else {
            self.keys_changed()
        }
    }

    fn keys_changed(&mut self) -> Vec<Effect> {
        match self.step.clone() {
            Step::Empty if self.seen.is_empty() => self.arm(),
            // The job waits for a key, and others lie in the sockets: what was said before may not fit them.
            Step::Empty | Step::Remove if !self.seen.is_empty() => {
                vec![Effect::Tell(Notice::TakeOutAll(names(&self.seen)))]
            }
            Step::Arm => match &self.seen[..] {
                [] => vec![],
                [key] => self.work(Step::Identify(key.clone())),
                several => vec![Effect::Tell(Notice::SeveralKeys(names(several)))],
            },
            Step::ConfirmErase(key) if !self.seen.contains(&key) => {
                let mut effects = vec![Effect::Withdraw, Effect::Tell(Notice::Gone(key.name))];
                effects.extend(self.rearm());
                effects
            }
            Step::TakeOut(key) if !self.seen.contains(&key) => {
                self.step = Step::PutBack(key);
                let mut effects = vec![Effect::Tell(Notice::PutBack)];
                // A quick hand puts it back between two looks at the bus.
                effects.extend(self.keys_changed());
                effects
            }
            Step::PutBack(key) => match &self.seen[..] {
                [] => vec![],
                [back] if back.port == key.port => self.work(Step::Reset(back.clone())),
                several => match several.iter().find(|k| k.port == key.port) {
                    Some(back) => vec![Effect::Tell(Notice::LeaveOnly(back.name.clone()))],
                    None => vec![Effect::Tell(Notice::WrongSocket)],
                },
            },
            Step::Remove if self.seen.is_empty() => {
                self.current += 1;
                self.next_key()
            }
            Step::OneOnly(key, step, work) => match &self.seen[..] {
                [only] if *only == key => {
                    self.step = *step;
                    vec![Effect::Do(work)]
                }
                // With the key itself gone the work would fail as "taken out": let it, there is one way to handle that.
                rest if !rest.contains(&key) => {
                    self.step = *step;
                    self.failed(Failure {
                        kind: FailureKind::Vanished,
                        text: "The key was taken out.".into(),
                        hint: "Follow the next instruction.".into(),
                    })
                }
                _ => vec![Effect::Tell(Notice::LeaveOnly(key.name))],
            },
            // Whoever takes the key out before the answer has done half of what "yes" would ask for.
            Step::Trouble { again, reason } if *again == Step::Empty && self.seen.is_empty() => {
                self.step = Step::Trouble {
                    again: Box::new(Step::Arm),
                    reason,
                };
                vec![]
            }
            _ => vec![],
        }
    }

    /// Enters a step whose work starts at once.
    fn work(&mut self, step: Step) -> Vec<Effect> {
        let work = match &step {
            Step::Identify(key) => Work::Identify(key.clone()),
            Step::Reset(key) => Work::Reset(key.clone()),
            Step::PrintSlip(_, slip) => Work::PrintSlip(*slip),
            Step::SetPin(key, slip) => Work::SetPin(key.clone(), *slip),
            Step::ProvePin(key, slip) => Work::ProvePin(key.clone(), *slip),
            Step::MakeIdentity(key, slip) => Work::MakeIdentity(key.clone(), *slip),
            Step::PrintLabel(..) => match self.job() {
                Some(job) => Work::PrintLabel(job.label.clone()),
                None => return vec![],
            },
            Step::PrintRecord => Work::PrintRecord,
            Step::Export => Work::Export,
            _ => return vec![],
        };
        self.step = step;
        vec![Effect::Do(work)]
    }

    /// Takes a new slip number for the key and prints it.
    fn new_slip(&mut self, key: SeenKey) -> Vec<Effect> {
        match self.slips.take_next() {
            Some(slip) => self.work(Step::PrintSlip(key, slip)),
            None => self.put_aside("no slip numbers are left in this ceremony"),
        }
    }

    fn done(&mut self, outcome: Outcome) -> Vec<Effect> {
        match (self.step.clone(), outcome) {
            (
                Step::Identify(key),
                Outcome::Identified {
                    description,
                    long_touch,
                },
            ) => {
                let Some(job) = self.job().cloned() else {
                    return vec![];
                };
                self.step = Step::ConfirmErase(key);
                let (account, label) = (job.account, job.label);
                vec![Effect::Ask(Question::Erase {
                    description,
                    account,
                    label,
                    long_touch,
                })]
            }
            (Step::Reset(key), Outcome::Reset) => self.new_slip(key),
            (Step::PrintSlip(key, slip), Outcome::SlipPrinted) => {
                self.step = Step::ConfirmSlip(key, slip);
                vec![Effect::Ask(Question::SlipWhole(slip))]
            }
            (Step::SetPin(key, slip), Outcome::PinSet) => self.work(Step::ProvePin(key, slip)),
            (Step::ProvePin(key, slip), Outcome::PinProven) => self.work(Step::MakeIdentity(key, slip)),
            (Step::MakeIdentity(key, slip), Outcome::IdentityMade { fingerprint }) => {
                self.fingerprint = fingerprint;
                self.work(Step::PrintLabel(key, slip))
            }
            (Step::PrintLabel(key, slip), Outcome::LabelPrinted) => {
                let Some(job) = self.job().cloned() else {
                    return vec![];
                };
                self.step = Step::ConfirmLabel(key, slip);
                vec![Effect::Ask(Question::Label(job.label))]
            }
            (Step::PrintRecord, Outcome::RecordPrinted) => {
                self.step = Step::ConfirmRecord;
                vec![Effect::Ask(Question::RecordWhole)]
            }
            (Step::Export, Outcome::Exported) => {
                self.step = Step::Ended;
                vec![Effect::End]
            }
            _ => vec![],
        }
    }

    fn answered(&mut self, answer: &Answer) -> Vec<Effect> {
        match (self.step.clone(), answer) {
            (Step::ConfirmErase(key), Answer::Yes) => self.take_out(key),
            (Step::ConfirmErase(_), Answer::No) => self.rearm(),
            (Step::ConfirmSlip(key, slip), Answer::Yes) => self.work(Step::SetPin(key, slip)),
            (Step::ConfirmSlip(key, slip), Answer::No) => {
                let mut effects = self.void(slip, "the officer called it spoiled");
                effects.extend(self.new_slip(key));
                effects
            }
            (Step::ConfirmLabel(key, slip), Answer::Text(text)) => self.label_read(key, slip, text),
            (Step::KeyBag(key, slip), Answer::Text(text)) => match self.unused_bag(text, None) {
                Ok(number) => {
                    self.step = Step::SlipBag(key, slip, number);
                    vec![Effect::Ask(Question::SlipBag)]
                }
                Err(why) => vec![
                    Effect::Tell(Notice::NotUnderstood(why)),
                    Effect::Ask(Question::KeyBag),
                ],
            },
            (Step::SlipBag(_, slip, key_bag), Answer::Text(text)) => {
                match self.unused_bag(text, key_bag.as_ref()) {
                    Ok(slip_bag) => self.finish_key(slip, key_bag, slip_bag),
                    Err(why) => vec![
                        Effect::Tell(Notice::NotUnderstood(why)),
                        Effect::Ask(Question::SlipBag),
                    ],
                }
            }
            (Step::Trouble { again, .. }, Answer::Yes) => self.try_again(*again),
            (Step::Trouble { again, reason }, Answer::No) => match slip_of(&again) {
                _ if matches!(*again, Step::PrintRecord | Step::Export) => self.try_again(*again),
                slip => {
                    let mut effects = slip
                        .map(|s| self.void(s, "its key was put aside"))
                        .unwrap_or_default();
                    effects.extend(self.put_aside(&reason));
                    effects
                }
            },
            (Step::ConfirmRecord, Answer::Yes) => self.work(Step::Export),
            (Step::ConfirmRecord, Answer::No) => self.work(Step::PrintRecord),
            _ => vec![],
        }
    }

    /// Reads a bag number that no other key or slip of this ceremony went into; `other` is the bag of the same key.
    fn unused_bag(&self, text: &str, other: Option<&BagNumber>) -> Result<Option<BagNumber>, String> {
        let number = bag(text)?;
        let used = |n: &BagNumber| {
            let mut bags = self
                .prepared
                .iter()
                .flat_map(|p| [&p.key_bag, &p.slip_bag])
                .flatten();
            Some(n) == other || bags.any(|b| b == n)
        };
        match number {
            Some(n) if used(&n) => Err(format!(
                "bag {n} is in use already: every key and every slip has its own bag"
            )),
            number => Ok(number),
        }
    }

    fn try_again(&mut self, again: Step) -> Vec<Effect> {
        match again {
            Step::Empty => self.rearm(),
            Step::Arm => self.arm(),
            Step::TakeOut(key) => self.take_out(key),
            // A slip is never printed twice: a new number, a new PIN.
            Step::PrintSlip(key, _) => self.new_slip(key),
            step => self.work(step),
        }
    }

    /// Asks for a replug before the next reset; a key that is out already is just put back.
    fn take_out(&mut self, key: SeenKey) -> Vec<Effect> {
        let notice = Notice::TakeOut(key.name.clone());
        self.step = Step::TakeOut(key);
        match self.keys_changed() {
            effects if effects.is_empty() => vec![Effect::Tell(notice)],
            effects => effects,
        }
    }

    fn label_read(&mut self, key: SeenKey, slip: SlipNumber, text: &str) -> Vec<Effect> {
        let Some(job) = self.job().cloned() else {
            return vec![];
        };
        let typed = read_label(text);
        if typed.as_ref() != Ok(&job.label) {
            let why = match typed {
                Ok(other) => format!("that is label {other}, this key's label is {}", job.label),
                Err(why) => why,
            };
            return vec![
                Effect::Tell(Notice::NotUnderstood(why)),
                Effect::Ask(Question::Label(job.label)),
            ];
        }
        if self.bags {
            self.step = Step::KeyBag(key, slip);
            vec![Effect::Ask(Question::KeyBag)]
        } else {
            self.finish_key(slip, None, None)
        }
    }

    fn finish_key(
        &mut self,
        slip: SlipNumber,
        key_bag: Option<BagNumber>,
        slip_bag: Option<BagNumber>,
    ) -> Vec<Effect> {
        let Some(job) = self.job().cloned() else {
            return vec![];
        };
        self.slips.seal(slip);
        let label = job.label.clone();
        let entry = Entry::KeyPrepared {
            label: label.clone(),
            slip: Some(slip),
            key_bag: key_bag.clone(),
            slip_bag: slip_bag.clone(),
            second_slip_bag: None,
            fingerprint: Text::new(&self.fingerprint),
        };
        self.prepared.push(PreparedJob {
            job,
            slip,
            key_bag,
            slip_bag,
        });
        self.step = Step::Remove;
        let mut effects = vec![
            Effect::Record(entry),
            Effect::Keep,
            Effect::Tell(Notice::Prepared { label, slip }),
        ];
        // The notice says to take the key out; a key that is out already is not waited for.
        if self.seen.is_empty() {
            effects.extend(self.keys_changed());
        }
        effects
    }

    fn failed(&mut self, failure: Failure) -> Vec<Effect> {
        use FailureKind::{AlreadyPrepared, NoTouch, SeveralKeys, Vanished, WindowPassed};
        let step = self.step.clone();
        if failure.kind == SeveralKeys
            && let Some(key) = key_of(&step)
        {
            let Some(Effect::Do(work)) = self.work(step.clone()).pop() else {
                return vec![];
            };
            let name = key.name.clone();
            let mut effects = vec![Effect::Tell(Notice::Trouble(failure))];
            let halted = self.seen.len() > 1 && self.seen.contains(&key);
            self.step = Step::OneOnly(key, Box::new(step), work);
            if halted {
                effects.push(Effect::Tell(Notice::LeaveOnly(name)));
            } else {
                // The other key, or this one, is gone by now: no change of the bus will tell again.
                effects.extend(self.keys_changed());
            }
            return effects;
        }
        let reason = failure.text.clone();
        let mut effects = vec![Effect::Tell(Notice::Trouble(failure.clone()))];
        let again = match step {
            Step::Identify(_) if matches!(failure.kind, Vanished | AlreadyPrepared) => {
                effects.extend(self.rearm());
                return effects;
            }
            Step::Identify(_) => Step::Empty,
            Step::Reset(key) if matches!(failure.kind, Vanished | WindowPassed) => {
                effects.extend(self.take_out(key));
                return effects;
            }
            Step::Reset(key) => Step::TakeOut(key),
            Step::PrintSlip(key, slip) => {
                effects.extend(self.void(slip, "it did not come out of the printer for certain"));
                Step::PrintSlip(key, slip)
            }
            // The PIN is set and proven, only the touch is missing: the same step can be done again.
            step @ Step::MakeIdentity(..) if failure.kind == NoTouch => step,
            Step::SetPin(_, slip) | Step::ProvePin(_, slip) | Step::MakeIdentity(_, slip) => {
                effects.extend(self.void(slip, "its key was not finished"));
                Step::Empty
            }
            step @ (Step::PrintLabel(..) | Step::PrintRecord | Step::Export) => step,
            _ => return vec![],
        };
        let question = if matches!(again, Step::PrintRecord | Step::Export) {
            Question::Retry
        } else {
            Question::TryAgain
        };
        let again = match again {
            Step::Empty if self.seen.is_empty() => Step::Arm,
            again => again,
        };
        self.step = Step::Trouble {
            again: Box::new(again),
            reason,
        };
        effects.push(Effect::Ask(question));
        effects
    }

    /// Voids a slip: its PIN is forgotten, its number never used again.
    fn void(&mut self, slip: SlipNumber, reason: &str) -> Vec<Effect> {
        if self.slips.voided().contains(&slip) {
            return vec![];
        }
        self.slips.void(slip);
        vec![
            Effect::ForgetPin,
            Effect::Record(Entry::SlipVoided {
                slip,
                reason: Text::new(reason),
            }),
            Effect::Tell(Notice::SlipVoided(slip)),
        ]
    }

    /// Rejects the key in hand; the job waits for another key.
    fn put_aside(&mut self, reason: &str) -> Vec<Effect> {
        let Some(job) = self.job().cloned() else {
            return vec![];
        };
        self.rejected.push(RejectedKey {
            label: job.label.clone(),
            reason: reason.to_owned(),
        });
        let mut effects = vec![
            Effect::Record(Entry::KeyRejected {
                label: job.label.clone(),
                reason: Text::new(reason),
            }),
            Effect::Tell(Notice::PutAside(job.label)),
        ];
        effects.extend(self.rearm());
        effects
    }
}

/// Reads a label: the QR's whole text, or the label id alone.
fn read_label(text: &str) -> Result<LabelId, String> {
    let text = text.trim();
    let id = match text.split(':').collect::<Vec<_>>()[..] {
        ["GLASSKEY", "1", label, ..] => label,
        _ => text,
    };
    id.parse().map_err(|e: crate::id::IdError| e.to_string())
}

fn names(keys: &[SeenKey]) -> Vec<String> {
    keys.iter().map(|k| k.name.clone()).collect()
}

fn key_of(step: &Step) -> Option<SeenKey> {
    match step {
        Step::Identify(key)
        | Step::Reset(key)
        | Step::SetPin(key, _)
        | Step::ProvePin(key, _)
        | Step::MakeIdentity(key, _) => Some(key.clone()),
        _ => None,
    }
}

fn slip_of(step: &Step) -> Option<SlipNumber> {
    match step {
        Step::MakeIdentity(_, slip) | Step::PrintLabel(_, slip) => Some(*slip),
        _ => None,
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
