//! How it goes on when work is done.

use super::Ceremony;
use super::step::{Erasure, Hand, Step, done_notice};
use crate::ceremony::effect::{Effect, Ending, Notice, Part};
use crate::ceremony::event::{Outcome, SeenKey};
use crate::ceremony::job::{Pass, PreparedJob};
use crate::id::{BagNumber, LabelId};
use crate::manifest::schema::PinCustody;
use crate::transcript::{Entry, ExceptionKind, Text};

impl Ceremony {
    pub(super) fn done(&mut self, outcome: Outcome) -> Vec<Effect> {
        match (self.step.clone(), outcome) {
            (
                Step::Identify(key),
                Outcome::Identified {
                    description,
                    long_touch,
                    in_use,
                },
            ) => {
                let Some(job) = self.job().cloned() else {
                    return vec![];
                };
                let erasure = Erasure {
                    description,
                    account: job.account,
                    label: job.label,
                    long_touch,
                    in_use,
                };
                self.enter(Step::ConfirmErase(key, Box::new(erasure)))
            }
            (Step::Identify(key), Outcome::Recognised(label)) => self.recognised(key, &label),
            (Step::Reset(key), Outcome::Reset) if self.rules.custody == PinCustody::Rotate => {
                self.enter(Step::StorePin(Hand { key, slip: None }))
            }
            (Step::Reset(key), Outcome::Reset) => self.new_slip(key),
            (Step::PrintSlip(hand), Outcome::SlipPrinted(after)) => {
                let part = self.first_part();
                let mut effects = self.slip_is_taken(after);
                effects.extend(self.enter(Step::ConfirmSlip(hand, part)));
                effects
            }
            (Step::PrintSecondHalf(hand), Outcome::SecondHalfPrinted(after)) => {
                let mut effects = self.slip_is_taken(after);
                effects.extend(self.enter(Step::ConfirmSlip(hand, Part::Second)));
                effects
            }
            (Step::StorePin(hand), Outcome::PinStored) => self.enter(match self.rules.pass {
                Pass::Prepare => Step::SetPin(hand),
                Pass::Seal => Step::ChangePin(hand),
            }),
            (Step::ChangePin(hand), Outcome::PinChanged)
            | (Step::WhichPin(hand), Outcome::PinInForce { new: true }) => self.enter(Step::ProvePin(hand)),
            (Step::WhichPin(hand), Outcome::PinInForce { new: false }) => self.not_changed(hand),
            (Step::SetPin(hand), Outcome::PinSet) if self.rules.configures => {
                self.enter(Step::Configure(hand))
            }
            (Step::SetPin(hand), Outcome::PinSet) | (Step::Configure(hand), Outcome::Configured) => {
                self.enter(Step::ProvePin(hand))
            }
            (Step::ProvePin(hand), Outcome::PinProven) => match self.rules.pass {
                Pass::Prepare => self.enter(Step::MakeIdentity(hand)),
                Pass::Seal => self.ask_bags(hand),
            },
            (Step::MakeIdentity(hand), Outcome::IdentityMade { fingerprint }) => {
                self.fingerprint = fingerprint;
                self.enter(if self.rules.passkeys {
                    Step::MakePasskey(hand)
                } else {
                    Step::PrintLabel(hand)
                })
            }
            (Step::MakePasskey(hand), Outcome::PasskeyMade { .. }) => self.enter(Step::PrintLabel(hand)),
            (Step::PrintLabel(hand), Outcome::LabelPrinted) => self.enter(Step::ConfirmLabel(hand)),
            (Step::StoreKey(job), Outcome::KeyStored) => self.key_stored(*job),
            (Step::PrintRecord, Outcome::RecordPrinted) => self.enter(Step::ConfirmRecord),
            (Step::Export, Outcome::Exported) => {
                self.step = Step::Ended;
                vec![Effect::End(Ending::Finished)]
            }
            _ => vec![],
        }
    }

    /// A key of the second pass was recognised: its label says whether the right one is in hand.
    fn recognised(&mut self, key: SeenKey, label: &LabelId) -> Vec<Effect> {
        let Some(place) = self.jobs.iter().position(|j| j.label == *label) else {
            return vec![];
        };
        if self.prepared.iter().any(|p| p.job.label == *label) {
            let why = format!("The key {label} has its final PIN already. Nothing has been changed on it");
            let mut effects = vec![Effect::Tell(Notice::NotUnderstood(why))];
            effects.extend(self.enter(Step::Empty));
            return effects;
        }
        self.recognised = Some(place);
        let slip = self
            .undecided
            .iter()
            .find(|(l, _)| l == label)
            .map(|(_, slip)| *slip);
        self.enter(Step::ConfirmLabel(Hand { key, slip }))
    }

    /// The transport PIN is still in force: the slip that should have replaced it is void.
    fn not_changed(&mut self, hand: Hand) -> Vec<Effect> {
        let Some(slip) = hand.slip else {
            return vec![];
        };
        self.undecided.retain(|(_, undecided)| *undecided != slip);
        let mut effects = self.void(slip, "its key kept the transport PIN");
        let what = format!("The key kept its transport PIN; slip {slip} is not in use.");
        effects.extend(self.doubt(ExceptionKind::SlipVoided, Some(slip), what, Step::PrintSlip(hand)));
        effects
    }

    /// All is known of the key in hand: it is written to the stick before it counts.
    pub(super) fn finish_key(
        &mut self,
        hand: &Hand,
        key_bag: Option<BagNumber>,
        slip_bags: Vec<BagNumber>,
    ) -> Vec<Effect> {
        let Some(job) = self.job().cloned() else {
            return vec![];
        };
        self.enter(Step::StoreKey(Box::new(PreparedJob {
            job,
            slip: hand.slip,
            key_bag,
            slip_bags,
            fingerprint: self.fingerprint.clone(),
        })))
    }

    fn key_stored(&mut self, job: PreparedJob) -> Vec<Effect> {
        if let Some(slip) = job.slip {
            self.slips.seal(slip);
        }
        let (label, slip_bag) = (job.job.label.clone(), job.slip_bags.first().cloned());
        let second_slip_bag = job.slip_bags.get(1).cloned();
        self.undecided.retain(|(undecided, _)| *undecided != label);
        let entry = match (self.rules.pass, job.slip) {
            (Pass::Seal, Some(slip)) => Entry::KeySealed {
                label,
                slip,
                key_bag: job.key_bag.clone(),
                slip_bag,
                second_slip_bag,
            },
            (_, slip) => Entry::KeyPrepared {
                label,
                slip,
                key_bag: job.key_bag.clone(),
                slip_bag,
                second_slip_bag,
                fingerprint: Text::new(&job.fingerprint),
            },
        };
        let notice = done_notice(self.rules.pass, &job);
        let mut effects = vec![Effect::Record(entry)];
        if self.rules.pass == Pass::Seal {
            effects.push(Effect::ForgetStored(job.job.label.clone()));
        }
        effects.push(Effect::Tell(notice));
        self.prepared.push(job);
        // The notice says to take the key out; a key that is out already is not waited for.
        effects.extend(self.enter(Step::Remove));
        effects
    }
}
