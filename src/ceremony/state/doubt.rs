//! What needs both people: exceptions with a typed reason, pausing, breaking off.

use super::Ceremony;
use super::step::{Doubt, Step};
use crate::ceremony::effect::{Effect, Notice};
use crate::ceremony::event::Wish;
use crate::ceremony::job::Pass;
use crate::id::SlipNumber;
use crate::transcript::{Entry, ExceptionKind, Text};

/// Fewest characters of a reason.
const SHORTEST_REASON: usize = 3;

impl Ceremony {
    /// Has the people explain something, then goes on with `then`.
    pub(super) fn doubt(
        &mut self,
        kind: ExceptionKind,
        slip: Option<SlipNumber>,
        what: String,
        then: Step,
    ) -> Vec<Effect> {
        let key = self.label();
        let doubt = Doubt {
            kind,
            key,
            slip,
            what,
        };
        self.enter(Step::Explain(Box::new(doubt), Box::new(then)))
    }

    pub(super) fn reason_given(&mut self, doubt: Box<Doubt>, then: Box<Step>, typed: &str) -> Vec<Effect> {
        let reason = typed.trim();
        if reason.chars().count() < SHORTEST_REASON {
            let mut effects = vec![Effect::Tell(Notice::NotUnderstood(
                "the record needs a reason, in a few words".into(),
            ))];
            effects.extend(self.enter(Step::Explain(doubt, then)));
            return effects;
        }
        self.enter(Step::AgreeReason(doubt, reason.to_owned(), then))
    }

    pub(super) fn reason_agreed(&mut self, doubt: Doubt, reason: &str, then: Step) -> Vec<Effect> {
        self.exceptions += 1;
        let mut effects = vec![Effect::Record(Entry::Exception {
            number: self.exceptions,
            kind: doubt.kind,
            key: doubt.key,
            slip: doubt.slip,
            what: Text::new(&doubt.what),
            reason: Text::new(reason),
        })];
        // A key that was taken out while people typed need not be asked out.
        let then = match then {
            Step::Trouble { again, reason } if *again == Step::Empty && self.seen.is_empty() => {
                Step::Trouble {
                    again: Box::new(Step::Arm),
                    reason,
                }
            }
            then => then,
        };
        effects.extend(match (doubt.kind, then) {
            // Nothing is in hand after a restart: the next key is announced.
            (ExceptionKind::Restart | ExceptionKind::Abort, _) => self.next_key(),
            (_, then) => self.enter(then),
        });
        effects
    }

    pub(super) fn pin_typed(&mut self) -> Vec<Effect> {
        // Before officer and witness sit there, no PIN is in memory.
        if self.sitting.is_none() {
            return self.question(&self.step).map(Effect::Ask).into_iter().collect();
        }
        let slip = self.step.slip();
        let then = self.step.clone();
        let what = "The PIN of a key was typed at the station instead of an answer.".to_owned();
        self.doubt(ExceptionKind::PinTyped, slip, what, then)
    }

    pub(super) fn wanted(&mut self, wish: Wish) -> Vec<Effect> {
        let is_seated = self.sitting.is_some();
        match (wish, self.step.clone()) {
            (_, step) if step.is_closing() || !is_seated => self.refuse_wish(),
            (_, Step::Explain(..) | Step::AgreeReason(..) | Step::ConfirmAbort(_) | Step::AgreeAbort(_)) => {
                self.refuse_wish()
            }
            (Wish::Pause, Step::Empty | Step::Arm) => self.pause(),
            (Wish::Pause, step) => {
                self.pause_is_wanted = true;
                let mut effects = vec![Effect::Tell(Notice::PauseLater)];
                effects.extend(self.question(&step).map(Effect::Ask));
                effects
            }
            (Wish::Abort, step) => self.enter(Step::ConfirmAbort(Box::new(step))),
        }
    }

    fn refuse_wish(&mut self) -> Vec<Effect> {
        let mut effects = vec![Effect::Tell(Notice::NoPause)];
        effects.extend(self.question(&self.step).map(Effect::Ask));
        effects
    }

    /// Breaks the ceremony off: what is in hand is void, what is done stays done.
    pub(super) fn abort(&mut self, back: &Step) -> Vec<Effect> {
        self.is_aborted = true;
        // A slip that may hold the PIN in force stands until its key was asked.
        let is_undecided = |slip: &SlipNumber| self.undecided.iter().any(|(_, s)| s == slip);
        let slip = back.slip().filter(|s| !is_undecided(s));
        let mut effects = slip
            .map(|s| self.void(s, "the ceremony was broken off"))
            .unwrap_or_default();
        if back.key_is_changed() && self.rules.pass == Pass::Prepare {
            effects.extend(self.reject("the ceremony was broken off while it was in hand"));
        }
        let what = format!(
            "The ceremony was broken off: {} of {} keys are prepared.",
            self.prepared.len(),
            self.jobs.len()
        );
        effects.extend(self.doubt(ExceptionKind::Abort, slip, what, Step::Remove));
        effects
    }
}
