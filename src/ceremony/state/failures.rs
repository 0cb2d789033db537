//! What happens when work fails: nothing is lost, nothing is used twice, and people decide.

use super::Ceremony;
use super::step::{Hand, Step};
use crate::ceremony::effect::{Effect, Notice};
use crate::ceremony::event::{Failure, FailureKind};
use crate::ceremony::job::{Pass, RejectedKey};
use crate::id::SlipNumber;
use crate::transcript::{Entry, ExceptionKind, Text};

/// How many PINs a key may refuse before people decide.
const PINS_TO_TRY: u8 = 3;

impl Ceremony {
    pub(super) fn failed(&mut self, failure: Failure) -> Vec<Effect> {
        use FailureKind::{
            AlreadyPrepared, NoTouch, NothingPrinted, PinRefused, SeveralKeys, Vanished, WindowPassed,
        };
        let step = self.step.clone();
        let text = failure.text.clone();
        let kind = failure.kind;
        let mut effects = vec![Effect::Tell(Notice::Trouble(failure))];
        if kind == SeveralKeys
            && let Some(key) = step.key().cloned()
        {
            effects.extend(self.halt(key, step));
            return effects;
        }
        effects.extend(match step {
            Step::Identify(_) if matches!(kind, Vanished | AlreadyPrepared) => self.enter(Step::Empty),
            Step::Identify(_) => self.trouble(Step::Empty, text),
            Step::Reset(key) if matches!(kind, Vanished | WindowPassed) => self.enter(Step::TakeOut(key)),
            Step::Reset(key) => self.trouble(Step::TakeOut(key), text),
            Step::PrintSlip(hand) | Step::PrintSecondHalf(hand) => {
                self.not_printed(hand, kind == NothingPrinted, text)
            }
            // The PIN is set and proven, only the touch is missing: the same step can be done again.
            step @ (Step::MakeIdentity(_) | Step::MakePasskey(_)) if kind == NoTouch => {
                self.trouble(step, text)
            }
            Step::ChangePin(hand) if kind == PinRefused => self.pin_refused(&hand, &text),
            Step::ChangePin(hand) | Step::WhichPin(hand) => self.not_known(hand, kind == Vanished, text),
            Step::ProvePin(hand) if self.rules.pass == Pass::Seal => {
                self.not_known(hand, kind == Vanished, text)
            }
            Step::SetPin(hand) if kind == PinRefused => self.pin_refused(&hand, &text),
            Step::StorePin(hand) => self.trouble(Step::StorePin(hand), text),
            Step::SetPin(hand)
            | Step::Configure(hand)
            | Step::ProvePin(hand)
            | Step::MakeIdentity(hand)
            | Step::MakePasskey(hand) => self.not_finished(&hand, &text),
            step @ (Step::PrintLabel(_) | Step::StoreKey(_) | Step::PrintRecord | Step::Export) => {
                self.trouble(step, text)
            }
            _ => return vec![],
        });
        effects
    }

    /// Asks whether to try again.
    fn trouble(&mut self, again: Step, reason: String) -> Vec<Effect> {
        let again = match again {
            Step::Empty if self.seen.is_empty() => Step::Arm,
            again => again,
        };
        self.enter(Step::Trouble {
            again: Box::new(again),
            reason,
        })
    }

    /// A slip that is not on paper for certain is void; the next one has another number and another PIN.
    fn not_printed(&mut self, hand: Hand, nothing: bool, text: String) -> Vec<Effect> {
        let Some(slip) = hand.slip else {
            return vec![];
        };
        if nothing && matches!(self.step, Step::PrintSlip(_)) {
            let mut effects = self.void(slip, "nothing was printed");
            effects.extend(self.trouble(Step::PrintSlip(hand), text));
            return effects;
        }
        self.printer_is_well = false;
        let mut effects = self.void(slip, "it did not come out of the printer for certain");
        let then = Step::Trouble {
            again: Box::new(Step::PrintSlip(hand)),
            reason: text.clone(),
        };
        let what = format!("Slip {slip} is in doubt: {text}");
        effects.extend(self.doubt(ExceptionKind::SlipVoided, Some(slip), what, then));
        effects
    }

    /// The key wants another kind of PIN: a new one is drawn, a few times.
    fn pin_refused(&mut self, hand: &Hand, text: &str) -> Vec<Effect> {
        self.refused_pins += 1;
        let again = if hand.slip.is_some() {
            Step::PrintSlip(hand.clone())
        } else {
            Step::StorePin(hand.clone())
        };
        let then = if self.refused_pins < PINS_TO_TRY {
            again
        } else {
            Step::Trouble {
                again: Box::new(again),
                reason: text.to_owned(),
            }
        };
        let Some(slip) = hand.slip else {
            let mut effects = vec![Effect::ForgetPin];
            effects.extend(self.enter(then));
            return effects;
        };
        let mut effects = self.void(slip, "the key refused its PIN");
        let what = format!("The key refused the PIN of slip {slip}: {text}");
        effects.extend(self.doubt(ExceptionKind::SlipVoided, Some(slip), what, then));
        effects
    }

    /// Nobody knows which PIN the key has: its slip stands until the key has been asked.
    fn not_known(&mut self, hand: Hand, is_gone: bool, text: String) -> Vec<Effect> {
        if let (Some(label), Some(slip)) = (self.label(), hand.slip)
            && !self.undecided.iter().any(|(l, _)| *l == label)
        {
            self.undecided.push((label, slip));
        }
        if is_gone {
            return self.enter(Step::Empty);
        }
        self.trouble(Step::WhichPin(hand), text)
    }

    /// A key that failed between its PIN and its proof starts over with a reset.
    fn not_finished(&mut self, hand: &Hand, text: &str) -> Vec<Effect> {
        let again = if self.seen.is_empty() {
            Step::Arm
        } else {
            Step::Empty
        };
        let then = Step::Trouble {
            again: Box::new(again),
            reason: text.to_owned(),
        };
        let Some(slip) = hand.slip else {
            let mut effects = vec![Effect::ForgetPin];
            effects.extend(self.enter(then));
            return effects;
        };
        let mut effects = self.void(slip, "its key was not finished");
        let what = format!("The key with slip {slip} was not finished: {text}");
        effects.extend(self.doubt(ExceptionKind::SlipVoided, Some(slip), what, then));
        effects
    }

    /// Voids a slip: its PIN is forgotten, its number never used again.
    pub(super) fn void(&mut self, slip: SlipNumber, reason: &str) -> Vec<Effect> {
        if self.slips.voided().contains(&slip) {
            return vec![];
        }
        self.slips.void(slip);
        let mut effects = vec![Effect::ForgetPin];
        // Before the slip is void: what is written last when the power fails must not be the better half.
        if !std::mem::replace(&mut self.printer_is_well, true) {
            effects.extend(self.hold_printer(slip));
        }
        effects.push(Effect::Record(Entry::SlipVoided {
            slip,
            reason: Text::new(reason),
        }));
        effects.push(Effect::Tell(Notice::SlipVoided(slip)));
        effects
    }

    /// Rejects the key in hand; the job waits for another key.
    pub(super) fn put_aside(&mut self, reason: &str, slip: Option<SlipNumber>) -> Vec<Effect> {
        // A key of the second pass that was not recognised belongs to nobody here: another one is asked for.
        let Some(label) = self.label() else {
            return self.enter(Step::Empty);
        };
        let mut effects = slip
            .map(|s| self.void(s, "its key was put aside"))
            .unwrap_or_default();
        // A registered key keeps its transport PIN and its label; it waits for another try.
        let (kind, what) = match self.rules.pass {
            Pass::Prepare => {
                effects.extend(self.reject(reason));
                effects.push(Effect::Tell(Notice::PutAside(label.clone())));
                (ExceptionKind::KeyRejected, "was put aside")
            }
            Pass::Seal => (ExceptionKind::KeyNotProven, "kept its transport PIN for now"),
        };
        let what = format!("A key for label {label} {what}: {reason}");
        effects.extend(self.doubt(kind, slip, what, Step::Empty));
        effects
    }

    /// Counts the key in hand among those that were put aside.
    pub(super) fn reject(&mut self, reason: &str) -> Vec<Effect> {
        let Some(label) = self.label() else {
            return vec![];
        };
        self.refused_pins = 0;
        self.rejected.push(RejectedKey {
            label: label.clone(),
            reason: reason.to_owned(),
        });
        vec![Effect::Record(Entry::KeyRejected {
            label,
            reason: Text::new(reason),
        })]
    }
}
