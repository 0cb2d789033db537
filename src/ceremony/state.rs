//! The state machine of a ceremony: which step follows which, whatever happens.
//!
//! `step` says where it stands, `bus` what a key that comes or goes changes, `done` and `answers` how it goes
//! on, `failures` what happens when it does not, `doubt` what needs both people and a typed reason, `printer` what a
//! printer may hold.

mod answers;
mod bus;
mod done;
mod doubt;
mod failures;
mod printer;
mod step;

use super::effect::{Effect, Ending, Notice, Part, Question, Work};
use super::event::{Event, SeenKey, SeenPrinter};
use super::job::{Job, Pass, PreparedJob, RejectedKey, Rules};
use super::slips::Slips;
use super::team::{Sitting, Team};
use crate::id::{BagNumber, LabelId, SlipNumber};
use crate::transcript::{Entry, ExceptionKind, Tally};
use printer::Held;
use step::{Doubt, Hand, Step};

/// A ceremony in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    rules: Rules,
    team: Team,
    sitting: Option<Sitting>,
    jobs: Vec<Job>,
    /// The key that was recognised (second pass).
    recognised: Option<usize>,
    /// Bags of the first pass, which were opened (second pass).
    spent_bags: Vec<BagNumber>,
    /// Slips of keys of which nobody knows whether they have its PIN (second pass).
    undecided: Vec<(LabelId, SlipNumber)>,
    step: Step,
    seen: Vec<SeenKey>,
    fingerprint: String,
    /// Bag of the key in hand.
    key_bag: Option<BagNumber>,
    slips: Slips,
    prepared: Vec<PreparedJob>,
    rejected: Vec<RejectedKey>,
    exceptions: u32,
    pause_is_wanted: bool,
    is_aborted: bool,
    /// How often the key in hand refused a PIN.
    refused_pins: u8,
    /// What an earlier start left behind and nobody has explained yet.
    left_over: Option<Doubt>,
    printers: Vec<SeenPrinter>,
    /// The printers there were when a slip was sent last.
    sent_to: Vec<SeenPrinter>,
    /// Whether nothing is wrong with the printer since the slip in hand was sent, or people saw it whole.
    printer_is_well: bool,
    /// A page that a printer may hold.
    held: Option<Held>,
}

impl Ceremony {
    /// Starts a ceremony with these keys plugged in.
    #[must_use]
    pub fn new(rules: Rules, team: Team, jobs: Vec<Job>, seen: Vec<SeenKey>) -> (Self, Vec<Effect>) {
        let mut ceremony = Self {
            rules,
            team,
            sitting: None,
            jobs,
            recognised: None,
            spent_bags: Vec::new(),
            undecided: Vec::new(),
            step: Step::NameOfficer,
            seen,
            fingerprint: String::new(),
            key_bag: None,
            slips: Slips::default(),
            prepared: Vec::new(),
            rejected: Vec::new(),
            exceptions: 0,
            pause_is_wanted: false,
            is_aborted: false,
            refused_pins: 0,
            left_over: None,
            printers: Vec::new(),
            sent_to: Vec::new(),
            printer_is_well: true,
            held: None,
        };
        let effects = ceremony.enter(Step::NameOfficer);
        (ceremony, effects)
    }

    /// Takes a ceremony up again where its transcript ends; `found` tells the people what that is.
    ///
    /// The slip of the key in hand is void from here on: the PIN on it was in memory only.
    #[must_use]
    pub fn resumed(
        rules: Rules,
        team: Team,
        tally: &Tally,
        cut: bool,
        found: &str,
        seen: Vec<SeenKey>,
    ) -> (Self, Vec<Effect>) {
        let jobs = super::resume::jobs(tally, rules.pass);
        let (mut ceremony, ask) = Self::new(rules, team, jobs, seen);
        ceremony.prepared = super::resume::prepared(tally, rules.pass);
        ceremony.undecided.clone_from(&tally.undecided);
        if rules.pass == Pass::Seal {
            let bags = tally.prepared.iter().filter(|p| !p.is_sealed);
            ceremony.spent_bags = bags.filter_map(|p| p.key_bag.clone()).collect();
        }
        ceremony.rejected = super::resume::rejected(tally);
        ceremony.exceptions = u32::try_from(tally.exceptions.len()).unwrap_or(u32::MAX);
        ceremony.slips = Slips::resumed(tally.printed, tally.voided.clone(), tally.sealed().collect());
        ceremony.is_aborted = tally.is_aborted;
        let mut effects = vec![Effect::Tell(Notice::Found(found.to_owned()))];
        let key = tally.in_hand.as_ref().map(|h| h.label.clone());
        let slip = tally.in_hand.as_ref().and_then(|h| h.slip);
        if let Some(slip) = tally.slip_in_printer() {
            ceremony.hold_unseen_printer(slip);
            if tally.printer_doubt.is_none() {
                effects.push(Effect::Record(Entry::PrinterDoubt { slip }));
            }
        }
        let is_undecided = |slip| tally.undecided.iter().any(|(_, s)| *s == slip);
        if let Some(slip) = slip.filter(|s| !is_undecided(*s)) {
            effects.extend(ceremony.void(slip, "its PIN was in memory only, and the station was restarted"));
        }
        if cut {
            ceremony.left_over = Some(Doubt {
                kind: ExceptionKind::Restart,
                key,
                slip,
                what: found.to_owned(),
            });
        }
        effects.extend(ask);
        (ceremony, effects)
    }

    /// What is done to each key.
    #[must_use]
    pub fn pass(&self) -> Pass {
        self.rules.pass
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

    /// Number of exceptions so far.
    #[must_use]
    pub fn exceptions(&self) -> u32 {
        self.exceptions
    }

    /// How many keys the plan has.
    #[must_use]
    pub fn planned(&self) -> usize {
        self.jobs.len()
    }

    /// Whether the ceremony was broken off.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.is_aborted
    }

    /// Who sits at the station.
    #[must_use]
    pub fn sitting(&self) -> Option<&Sitting> {
        self.sitting.as_ref()
    }

    /// The key to prepare now, while there is one.
    #[must_use]
    pub fn job(&self) -> Option<&Job> {
        match self.rules.pass {
            Pass::Prepare => self.jobs.get(self.prepared.len()),
            Pass::Seal => self.jobs.get(self.recognised?),
        }
    }

    /// The key that will be prepared after this one, where the order is known.
    #[must_use]
    pub fn next_job(&self) -> Option<&Job> {
        match self.rules.pass {
            Pass::Prepare => self.jobs.get(self.prepared.len() + 1),
            Pass::Seal => None,
        }
    }

    /// The key whose data is being written to the stick.
    #[must_use]
    pub fn storing(&self) -> Option<&PreparedJob> {
        match &self.step {
            Step::StoreKey(job) => Some(job),
            _ => None,
        }
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
            Event::PrintersSeen(seen) => self.printers_changed(seen),
            Event::Done(outcome) => self.done(outcome),
            Event::Failed(failure) => self.failed(failure),
            Event::Answered(answer) => self.answered(&answer),
            Event::Wanted(wish) => self.wanted(wish),
            Event::PinTyped => self.pin_typed(),
        }
    }

    fn label(&self) -> Option<LabelId> {
        self.job().map(|j| j.label.clone())
    }

    /// Announces the next job, or goes on to the closing papers.
    fn next_key(&mut self) -> Vec<Effect> {
        self.refused_pins = 0;
        self.recognised = None;
        if self.is_aborted || self.prepared.len() >= self.jobs.len() {
            let all_done = Notice::AllDone {
                prepared: self.prepared.len(),
                rejected: self.rejected.len(),
                printed: self.slips.printed(),
                voided: self.slips.voided().len(),
                aborted: self.is_aborted,
            };
            let mut effects = vec![Effect::Tell(all_done)];
            effects.extend(self.enter(Step::PrintRecord));
            return effects;
        }
        if self.pause_is_wanted {
            return self.pause();
        }
        let notice = self.job().map(|job| Notice::NextKey {
            number: self.prepared.len() + 1,
            of: self.jobs.len(),
            account: job.account.clone(),
            label: job.label.clone(),
        });
        let mut effects: Vec<_> = notice.map(Effect::Tell).into_iter().collect();
        effects.extend(self.enter(Step::Empty));
        effects
    }

    /// Goes to a step, whatever it needs: work begins, a question is asked, the bus is looked at.
    fn enter(&mut self, step: Step) -> Vec<Effect> {
        if step.prints() && self.held.is_some() {
            return self.cycle_printer(step);
        }
        if let Some(work) = step.work(self.label().as_ref()) {
            // A slip is never printed twice: a new number, a new PIN.
            if let Step::PrintSlip(hand) = step {
                return self.new_slip(hand.key);
            }
            if matches!(step, Step::PrintSecondHalf(_)) {
                self.slip_is_sent();
            }
            self.step = step;
            return vec![Effect::Do(work)];
        }
        let effects = match &step {
            Step::Empty => {
                // Which key comes next is not known in the second pass.
                self.recognised = None;
                self.step = step;
                return self.keys_changed();
            }
            Step::Arm => return self.arm(),
            Step::TakeOut(key) => return self.take_out(key.clone()),
            Step::CyclePrinter(then) => return self.cycle_printer((**then).clone()),
            Step::Remove => {
                self.step = step;
                return if self.seen.is_empty() {
                    self.keys_changed()
                } else {
                    vec![]
                };
            }
            Step::PutBack(_) => {
                self.step = step;
                let mut effects = vec![Effect::Tell(Notice::PutBack)];
                effects.extend(self.keys_changed());
                return effects;
            }
            Step::OneOnly(key, halted) => return self.halt(key.clone(), (**halted).clone()),
            // A key that went away while something else was asked is not erased by a late yes.
            Step::ConfirmErase(key, _) | Step::AgreeErase(key, _) if !self.seen.contains(key) => {
                let mut effects = vec![Effect::Tell(Notice::Gone(key.name.clone()))];
                effects.extend(self.enter(Step::Empty));
                return effects;
            }
            Step::PrintSlip(hand) => return self.new_slip(hand.key.clone()),
            asking => self.question(asking).map(Effect::Ask).into_iter().collect(),
        };
        self.step = step;
        effects
    }

    /// The question of a step.
    fn question(&self, step: &Step) -> Option<Question> {
        let agree = |to: &str| {
            self.sitting.as_ref().map(|s| Question::Agree {
                to: to.to_owned(),
                witness: s.witness.clone(),
            })
        };
        match step {
            Step::NameOfficer => Some(Question::Officer(self.team.officers.clone())),
            Step::NameWitness(officer) => {
                let others = self.team.witnesses.iter().filter(|m| m.name != officer.name);
                Some(Question::Witness(others.cloned().collect()))
            }
            Step::ConfirmErase(_, erasure) => Some(step::erase_question(erasure)),
            Step::AgreeErase(..) => agree("This key is in use or was: everything on it is erased."),
            Step::ConfirmSlip(hand, part) => hand.slip.map(|slip| Question::SlipWhole(slip, *part)),
            Step::ConfirmLabel(_) => self.label().map(Question::Label),
            Step::KeyBag(_) => Some(Question::KeyBag),
            Step::SlipBag(_, part, _) => Some(Question::SlipBag(*part)),
            Step::Trouble { again, .. } if again.is_unavoidable() => Some(Question::Retry),
            Step::Trouble { .. } => Some(Question::TryAgain),
            Step::Explain(doubt, _) => Some(Question::Reason {
                number: self.exceptions + 1,
                what: doubt.what.clone(),
            }),
            Step::AgreeReason(doubt, reason, _) => agree(&format!("{} Reason: {reason}", doubt.what)),
            Step::ConfirmAbort(_) => Some(Question::Abort {
                prepared: self.prepared.len(),
                left: self.jobs.len() - self.prepared.len(),
            }),
            Step::AgreeAbort(_) => agree("The ceremony is broken off."),
            Step::ConfirmRecord => Some(Question::RecordWhole),
            _ => None,
        }
    }

    /// Waits for a key; the bus was empty since the last one.
    fn arm(&mut self) -> Vec<Effect> {
        self.step = Step::Arm;
        if self.seen.is_empty() {
            let notice = match self.rules.pass {
                Pass::Prepare => Notice::PutInKey,
                Pass::Seal => Notice::PutInAnyOf {
                    left: self.jobs.len() - self.prepared.len(),
                    of: self.jobs.len(),
                },
            };
            vec![Effect::Tell(notice)]
        } else {
            self.keys_changed()
        }
    }

    /// Takes a new slip number for the key and prints it.
    fn new_slip(&mut self, key: SeenKey) -> Vec<Effect> {
        if self.held.is_some() {
            return self.cycle_printer(Step::PrintSlip(Hand { key, slip: None }));
        }
        self.printer_is_well = true;
        self.slip_is_sent();
        match self.slips.take_next() {
            Some(slip) => {
                self.step = Step::PrintSlip(Hand {
                    key,
                    slip: Some(slip),
                });
                vec![Effect::Do(Work::PrintSlip(slip))]
            }
            None => self.put_aside("no slip numbers are left in this ceremony", None),
        }
    }

    /// The part of a slip that is printed first.
    fn first_part(&self) -> Part {
        if self.rules.split_slips {
            Part::First
        } else {
            Part::Whole
        }
    }

    fn pause(&mut self) -> Vec<Effect> {
        self.step = Step::Ended;
        vec![
            Effect::Record(Entry::Paused),
            Effect::Tell(Notice::Paused),
            Effect::End(Ending::Paused),
        ]
    }
}

#[cfg(test)]
#[path = "state_play.rs"]
mod play;
#[cfg(test)]
#[path = "state_printer_tests.rs"]
mod printer_tests;
#[cfg(test)]
#[path = "state_properties.rs"]
mod properties;
#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
