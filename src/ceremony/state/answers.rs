//! How it goes on when a question is answered.

use super::Ceremony;
use super::step::{Hand, Step};
use crate::ceremony::effect::{Effect, Notice, Part};
use crate::ceremony::event::{Answer, bag};
use crate::ceremony::job::Pass;
use crate::ceremony::team::{self, Member, Sitting};
use crate::id::{BagNumber, LabelId};
use crate::transcript::{Entry, ExceptionKind, Text};

impl Ceremony {
    pub(super) fn answered(&mut self, answer: &Answer) -> Vec<Effect> {
        match (self.step.clone(), answer) {
            (Step::NameOfficer, Answer::Text(text)) => self.name_officer(text),
            (Step::NameWitness(officer), Answer::Text(text)) => self.name_witness(officer, text),
            (Step::ConfirmErase(key, erasure), Answer::Yes) if erasure.in_use => {
                self.enter(Step::AgreeErase(key, erasure))
            }
            (Step::ConfirmErase(key, _), Answer::Yes) => self.enter(Step::TakeOut(key)),
            (Step::ConfirmErase(..), Answer::No) => self.enter(Step::Empty),
            (Step::AgreeErase(key, _), Answer::Text(text)) => match self.agrees(text) {
                Some(true) => self.enter(Step::TakeOut(key)),
                Some(false) => self.enter(Step::Empty),
                None => self.ask_again("the witness types the initials shown, or no"),
            },
            (Step::ConfirmSlip(hand, part), Answer::Yes) => {
                // Whole paper counts more than what the printer says.
                self.printer_is_well = true;
                self.enter(match (part, self.rules.pass) {
                    (Part::First, _) => Step::PrintSecondHalf(hand),
                    (Part::Whole | Part::Second, Pass::Prepare) => Step::SetPin(hand),
                    (Part::Whole | Part::Second, Pass::Seal) => Step::StorePin(hand),
                })
            }
            (Step::ConfirmSlip(hand, _), Answer::No) => self.spoiled(hand),
            (Step::ConfirmLabel(hand), Answer::Text(text)) => self.label_read(&hand, text),
            (Step::KeyBag(hand), Answer::Text(text)) => match self.unused_bag(text, &[]) {
                // The slip comes in the second pass.
                Ok(number) if hand.slip.is_none() => self.finish_key(&hand, number, Vec::new()),
                Ok(number) => {
                    self.key_bag = number;
                    let part = self.first_part();
                    self.enter(Step::SlipBag(hand, part, Vec::new()))
                }
                Err(why) => self.ask_again(&why),
            },
            (Step::SlipBag(hand, part, bags), Answer::Text(text)) => self.slip_bag(hand, part, bags, text),
            (Step::Trouble { again, .. }, Answer::Yes) => self.enter(*again),
            (Step::Trouble { again, .. }, Answer::No) if again.is_unavoidable() => self.enter(*again),
            (Step::Trouble { again, reason }, Answer::No) => self.put_aside(&reason, again.slip()),
            (Step::Explain(doubt, then), Answer::Text(text)) => self.reason_given(doubt, then, text),
            (Step::AgreeReason(doubt, reason, then), Answer::Text(text)) => match self.agrees(text) {
                Some(true) => self.reason_agreed(*doubt, &reason, *then),
                Some(false) => self.enter(Step::Explain(doubt, then)),
                None => self.ask_again("the witness types the initials shown, or no"),
            },
            (Step::ConfirmAbort(back), Answer::Yes) => self.enter(Step::AgreeAbort(back)),
            (Step::ConfirmAbort(back), Answer::No) => self.enter(*back),
            (Step::AgreeAbort(back), Answer::Text(text)) => match self.agrees(text) {
                Some(true) => self.abort(&back),
                Some(false) => self.enter(*back),
                None => self.ask_again("the witness types the initials shown, or no"),
            },
            (Step::ConfirmRecord, Answer::Yes) => self.enter(Step::Export),
            (Step::ConfirmRecord, Answer::No) => self.enter(Step::PrintRecord),
            _ => vec![],
        }
    }

    /// Says why an answer does not do, and asks again.
    fn ask_again(&mut self, why: &str) -> Vec<Effect> {
        let mut effects = vec![Effect::Tell(Notice::NotUnderstood(why.to_owned()))];
        effects.extend(self.question(&self.step).map(Effect::Ask));
        effects
    }

    fn name_officer(&mut self, typed: &str) -> Vec<Effect> {
        match team::find(&self.team.officers, typed).cloned() {
            Some(officer) => self.enter(Step::NameWitness(officer)),
            None => self.ask_again("that is nobody whom the plan names as an officer"),
        }
    }

    fn name_witness(&mut self, officer: Member, typed: &str) -> Vec<Effect> {
        match team::find(&self.team.witnesses, typed).cloned() {
            Some(witness) if witness.name != officer.name => self.seated(officer, witness),
            _ => self.ask_again("that is nobody whom the plan names as a witness"),
        }
    }

    fn seated(&mut self, officer: Member, witness: Member) -> Vec<Effect> {
        let mut effects = vec![
            Effect::Record(Entry::Present {
                officer: Text::new(&officer.name),
                witness: Text::new(&witness.name),
            }),
            Effect::Tell(Notice::Seated {
                officer: officer.name.clone(),
                witness: witness.name.clone(),
            }),
        ];
        self.sitting = Some(Sitting { officer, witness });
        // What an earlier start left is explained before anything is done to a key.
        effects.extend(match self.left_over.take() {
            Some(doubt) => self.enter(Step::Explain(Box::new(doubt), Box::new(Step::Remove))),
            None => self.next_key(),
        });
        effects
    }

    /// Whether the witness agrees; `None` when the text is neither yes nor no.
    fn agrees(&self, typed: &str) -> Option<bool> {
        let witness = &self.sitting.as_ref()?.witness;
        if typed.trim().eq_ignore_ascii_case("no") {
            Some(false)
        } else {
            team::find(std::slice::from_ref(witness), typed).map(|_| true)
        }
    }

    fn spoiled(&mut self, hand: Hand) -> Vec<Effect> {
        let Some(slip) = hand.slip else {
            return vec![];
        };
        let mut effects = self.void(slip, "the officer called it spoiled");
        let what = format!("Slip {slip} did not come out whole.");
        effects.extend(self.doubt(ExceptionKind::SlipVoided, Some(slip), what, Step::PrintSlip(hand)));
        effects
    }

    fn label_read(&mut self, hand: &Hand, text: &str) -> Vec<Effect> {
        let Some(label) = self.label() else {
            return vec![];
        };
        let why = match read_label(text) {
            Ok(typed) if typed == label => {
                return match (self.rules.pass, hand.slip) {
                    (Pass::Prepare, _) => self.ask_bags(hand.clone()),
                    (Pass::Seal, None) => self.new_slip(hand.key.clone()),
                    // An earlier change was cut off: which PIN is in force?
                    (Pass::Seal, Some(_)) => self.enter(Step::WhichPin(hand.clone())),
                };
            }
            Ok(other) => format!("that is label {other}, this key's label is {label}"),
            Err(why) => why,
        };
        self.ask_again(&why)
    }

    /// Asks for bag numbers where bags are used.
    pub(super) fn ask_bags(&mut self, hand: Hand) -> Vec<Effect> {
        if self.rules.bags {
            self.enter(Step::KeyBag(hand))
        } else {
            self.finish_key(&hand, None, Vec::new())
        }
    }

    fn slip_bag(&mut self, hand: Hand, part: Part, mut bags: Vec<BagNumber>, text: &str) -> Vec<Effect> {
        let mut others: Vec<BagNumber> = bags.clone();
        others.extend(self.key_bag.clone());
        match self.unused_bag(text, &others) {
            Ok(number) => bags.extend(number),
            Err(why) => return self.ask_again(&why),
        }
        if part == Part::First {
            self.enter(Step::SlipBag(hand, Part::Second, bags))
        } else {
            let key_bag = self.key_bag.take();
            self.finish_key(&hand, key_bag, bags)
        }
    }

    /// Reads a bag number that no other key or slip of this ceremony went into; `others` are bags of the same key.
    fn unused_bag(&self, text: &str, others: &[BagNumber]) -> Result<Option<BagNumber>, String> {
        let number = bag(text)?;
        let used = |n: &BagNumber| {
            let mut bags = self
                .prepared
                .iter()
                .flat_map(|p| p.key_bag.iter().chain(&p.slip_bags));
            others.contains(n) || self.spent_bags.contains(n) || bags.any(|b| b == n)
        };
        match number {
            Some(n) if used(&n) => Err(format!(
                "bag {n} is in use already: every key and every slip has its own bag"
            )),
            number => Ok(number),
        }
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
