//! What a key that comes or goes changes.

use super::Ceremony;
use super::step::{Step, names};
use crate::ceremony::effect::{Effect, Notice};
use crate::ceremony::event::{Failure, FailureKind, SeenKey};

impl Ceremony {
    pub(super) fn keys_changed(&mut self) -> Vec<Effect> {
        match self.step.clone() {
            Step::Empty if self.seen.is_empty() => self.arm(),
            // The job waits for a key, and others lie in the sockets: what was said before may not fit them.
            Step::Empty | Step::Remove if !self.seen.is_empty() => {
                vec![Effect::Tell(Notice::TakeOutAll(names(&self.seen)))]
            }
            Step::Arm => match &self.seen[..] {
                [] => vec![],
                [key] => self.enter(Step::Identify(key.clone())),
                several => vec![Effect::Tell(Notice::SeveralKeys(names(several)))],
            },
            Step::ConfirmErase(key, _) | Step::AgreeErase(key, _) if !self.seen.contains(&key) => {
                let mut effects = vec![Effect::Withdraw, Effect::Tell(Notice::Gone(key.name))];
                effects.extend(self.enter(Step::Empty));
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
                [back] if back.port == key.port => self.enter(Step::Reset(back.clone())),
                several => match several.iter().find(|k| k.port == key.port) {
                    Some(back) => vec![Effect::Tell(Notice::LeaveOnly(back.name.clone()))],
                    None => vec![Effect::Tell(Notice::WrongSocket)],
                },
            },
            Step::Remove if self.seen.is_empty() => self.next_key(),
            Step::OneOnly(key, step) => match &self.seen[..] {
                [only] if *only == key => self.enter(*step),
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

    /// Asks for a replug before the next reset; a key that is out already is just put back.
    pub(super) fn take_out(&mut self, key: SeenKey) -> Vec<Effect> {
        let notice = Notice::TakeOut(key.name.clone());
        self.step = Step::TakeOut(key);
        match self.keys_changed() {
            effects if effects.is_empty() => vec![Effect::Tell(notice)],
            effects => effects,
        }
    }

    /// Halts work with `key` until no other one is plugged in.
    pub(super) fn halt(&mut self, key: SeenKey, step: Step) -> Vec<Effect> {
        let name = key.name.clone();
        let halted = self.seen.len() > 1 && self.seen.contains(&key);
        self.step = Step::OneOnly(key, Box::new(step));
        if halted {
            vec![Effect::Tell(Notice::LeaveOnly(name))]
        } else {
            // The other key, or this one, is gone by now: no change of the bus will tell again.
            self.keys_changed()
        }
    }
}
