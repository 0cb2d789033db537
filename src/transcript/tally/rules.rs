//! The order of a ceremony, entry by entry.

use super::{ExceptionLine, InHand, PlannedLine, PreparedLine, Stage, Tally};
use crate::id::{LabelId, SlipNumber};
use crate::manifest::schema::PinCustody;
use crate::transcript::{Act, Entry, ExceptionKind};

impl Tally {
    /// Adds one entry.
    pub fn add(&mut self, entry: &Entry) {
        self.lines += 1;
        if (self.lines == 1) != matches!(entry, Entry::Started { .. }) {
            self.find("a transcript has `started` in its first line and nowhere else");
        }
        self.head(entry);
        self.starts(entry);
        self.exception(entry);
        self.printer(entry);
        self.acts(entry);
        self.keys(entry);
        self.end(entry);
    }

    /// Who, what and when.
    fn head(&mut self, entry: &Entry) {
        match entry {
            Entry::Started {
                ceremony,
                title,
                plan_sha256,
                station,
                custody,
                people,
                ..
            } => {
                self.ceremony = Some(ceremony.clone());
                self.title = Some(title.clone());
                self.plan_sha256 = Some(plan_sha256.clone());
                self.stations.push(*station);
                self.custody = Some(*custody);
                self.people.clone_from(people);
                self.stage = Stage::Preparing;
            }
            Entry::CreationOptions { .. } => self.passkeys = true,
            Entry::SelfTest {
                passed: false, check, ..
            } => self.find(format!("the self-test `{}` failed", check.as_str())),
            Entry::Planned {
                label,
                account,
                place,
                custodian,
                safe,
            } => {
                if self.planned.iter().any(|p| p.label == *label) {
                    self.find(format!("label {label} is planned twice"));
                }
                self.planned.push(PlannedLine {
                    label: label.clone(),
                    account: account.clone(),
                    place: *place,
                    custodian: custodian.clone(),
                    safe: safe.clone(),
                });
            }
            Entry::Present { officer, witness } => {
                if officer == witness {
                    self.find("officer and witness are one person");
                }
                self.present.push((officer.clone(), witness.clone()));
            }
            _ => {}
        }
    }

    /// Pauses and new starts.
    fn starts(&mut self, entry: &Entry) {
        match entry {
            Entry::Paused => {
                // A key that failed may lie there; a slip that may be in force must not.
                let open = self.in_hand.as_ref().and_then(|h| h.slip);
                if open.is_some_and(|slip| !self.undecided.iter().any(|(_, s)| *s == slip)) {
                    self.find("a pause while a slip is neither sealed nor void");
                }
                self.stage = Stage::Paused;
            }
            Entry::Resumed { station, cut, .. } => {
                if !cut && self.stage != Stage::Paused {
                    self.find("taken up again after a pause that is not there");
                }
                self.restarts += u32::from(*cut);
                self.stations.push(*station);
                // What was being done when the power failed has no end, and never will.
                if let Some(key) = &mut self.in_hand {
                    key.open = None;
                }
                if matches!(self.stage, Stage::Paused | Stage::Closing | Stage::Exported) {
                    self.stage = Stage::Preparing;
                }
            }
            Entry::SealingStarted { station, .. } => {
                let may_begin = self.is_second_pass || matches!(self.stage, Stage::Ended | Stage::Sealed);
                if self.custody != Some(PinCustody::Rotate) || !may_begin {
                    self.find("a second pass of a ceremony that has none or has not ended");
                }
                self.restarts += u32::from(self.stage == Stage::Sealing);
                self.is_aborted &= self.stage == Stage::Sealing;
                self.stations.push(*station);
                self.stage = Stage::Sealing;
                self.is_second_pass = true;
                // A key that was in hand is asked for again.
                if let Some(key) = &mut self.in_hand {
                    key.open = None;
                }
            }
            _ => {}
        }
    }

    fn exception(&mut self, entry: &Entry) {
        if let Entry::Exception {
            number,
            kind,
            key,
            slip,
            what,
            reason,
        } = entry
        {
            if usize::try_from(*number).ok() != Some(self.exceptions.len() + 1) {
                self.find(format!("exception {number} is out of order"));
            }
            self.is_aborted |= *kind == ExceptionKind::Abort;
            self.exceptions.push(ExceptionLine {
                number: *number,
                kind: *kind,
                key: key.clone(),
                slip: *slip,
                what: what.clone(),
                reason: reason.clone(),
            });
        }
    }

    /// What a printer may hold.
    fn printer(&mut self, entry: &Entry) {
        let is_slip = |act: &Act| matches!(act, Act::PrintSlip | Act::PrintSecondHalf);
        match entry {
            Entry::Intended { effect, slip, .. } => {
                let prints = is_slip(effect) || matches!(effect, Act::PrintLabel | Act::PrintRecord);
                if let (true, Some(held)) = (prints, self.printer_doubt) {
                    self.find(format!(
                        "{effect:?} begins while a printer may hold slip {held}: it was not switched off and on"
                    ));
                }
                if is_slip(effect) {
                    self.sending = *slip;
                }
            }
            Entry::Done { effect, .. } if is_slip(effect) => self.sending = None,
            // What it means for the printer is told before.
            Entry::SlipVoided { slip, .. } if self.sending == Some(*slip) => self.sending = None,
            Entry::PrinterDoubt { slip } => self.printer_doubt = Some(*slip),
            Entry::PrinterCycled { slip } if self.printer_doubt.take() != Some(*slip) => {
                self.find(format!("no printer was to be switched off for slip {slip}"));
            }
            _ => {}
        }
    }

    /// What was intended, and how it ended.
    fn acts(&mut self, entry: &Entry) {
        match entry {
            Entry::Intended { effect, key, slip } => self.intended(*effect, key.as_ref(), *slip),
            Entry::Done { effect, result, .. } => {
                self.close(*effect);
                if let Some(hand) = &mut self.in_hand {
                    hand.done.push(*effect);
                    if *effect == Act::WhichPin && result.as_ref().is_some_and(|r| r.as_str() == "new") {
                        hand.done.push(Act::ChangePin);
                    }
                }
                if *effect == Act::PrintRecord && self.stage == Stage::Preparing {
                    self.stage = Stage::Closing;
                }
            }
            Entry::Failed { effect, .. } => self.close(*effect),
            Entry::Answered { question, answer, .. } if question.as_str() == "slip-whole" => {
                if let Some(hand) = &mut self.in_hand {
                    hand.slip_is_confirmed = answer.as_str() == "yes";
                }
            }
            Entry::SlipVoided { slip, .. } => {
                if self.voided.contains(slip) || self.sealed().any(|s| s == *slip) {
                    self.find(format!("slip {slip} is void already, or in use"));
                }
                self.voided.push(*slip);
                self.undecided.retain(|(_, undecided)| undecided != slip);
                if let Some(hand) = &mut self.in_hand
                    && hand.slip == Some(*slip)
                {
                    hand.slip = None;
                    hand.slip_is_confirmed = false;
                }
            }
            _ => {}
        }
    }

    fn intended(&mut self, act: Act, key: Option<&LabelId>, slip: Option<SlipNumber>) {
        if let Some(open) = self.in_hand.as_ref().and_then(|h| h.open) {
            self.find(format!("{act:?} begins before {open:?} has ended"));
        }
        if act == Act::Identify
            && !self.is_second_pass
            && let Some(label) = key
        {
            // A key whose slip still stands is not given up without voiding it.
            if let Some(slip) = self.in_hand.as_ref().and_then(|h| h.slip) {
                self.find(format!(
                    "slip {slip} is neither sealed nor void, and the next key begins"
                ));
            }
            self.in_hand = Some(InHand {
                label: label.clone(),
                done: Vec::new(),
                open: None,
                slip: None,
                slip_is_confirmed: false,
            });
        }
        if act == Act::PrintSlip {
            self.new_slip(slip);
        }
        let Some(hand) = &mut self.in_hand else {
            return;
        };
        hand.open = Some(act);
        let confirmed = hand.slip_is_confirmed && hand.slip.is_some() && slip == hand.slip;
        let stored = hand.done.contains(&Act::StorePin) && self.custody == Some(PinCustody::Rotate);
        match act {
            Act::PrintSlip => {
                hand.slip = slip;
                hand.slip_is_confirmed = false;
            }
            Act::SetPin if !confirmed && !stored => {
                self.find("a PIN is set whose slip was not confirmed");
            }
            Act::ChangePin => {
                let undecided = (hand.label.clone(), slip);
                if !confirmed || !stored {
                    self.find("a PIN is changed whose slip was not confirmed or that is not on the stick");
                }
                if let (label, Some(slip)) = undecided {
                    self.undecided.retain(|(l, _)| *l != label);
                    self.undecided.push((label, slip));
                }
            }
            _ => {}
        }
    }

    fn new_slip(&mut self, slip: Option<SlipNumber>) {
        match slip {
            Some(slip) if slip.number() == self.printed + 1 => self.printed += 1,
            Some(slip) => {
                self.find(format!("slip {slip} is printed out of order, or twice"));
                self.printed = self.printed.max(slip.number());
            }
            None => self.find("a slip is printed without a number"),
        }
    }

    fn close(&mut self, act: Act) {
        let Some(hand) = &mut self.in_hand else {
            return;
        };
        if hand.open.take() != Some(act) {
            self.find(format!("{act:?} ends and was not begun"));
        }
    }

    /// What became of keys.
    fn keys(&mut self, entry: &Entry) {
        match entry {
            Entry::KeyPrepared {
                label,
                slip,
                key_bag,
                slip_bag,
                second_slip_bag,
                fingerprint,
            } => {
                self.check_prepared(label, *slip);
                self.prepared.push(PreparedLine {
                    label: label.clone(),
                    slip: *slip,
                    key_bag: key_bag.clone(),
                    slip_bags: [slip_bag, second_slip_bag]
                        .into_iter()
                        .flatten()
                        .cloned()
                        .collect(),
                    fingerprint: fingerprint.clone(),
                    is_sealed: false,
                });
                self.in_hand = None;
            }
            Entry::KeyIdentified { label, .. } if self.is_second_pass => {
                let undecided = self.undecided.iter().find(|(l, _)| l == label);
                let slip = undecided.map(|(_, slip)| *slip);
                self.in_hand = Some(InHand {
                    label: label.clone(),
                    done: slip.map(|_| Act::StorePin).into_iter().collect(),
                    open: Some(Act::Identify),
                    slip,
                    slip_is_confirmed: slip.is_some(),
                });
            }
            Entry::KeyRejected { label, reason } => {
                self.rejected.push((label.clone(), reason.clone()));
                self.in_hand = None;
            }
            Entry::KeySealed {
                label,
                slip,
                key_bag,
                slip_bag,
                second_slip_bag,
            } => {
                let proven = |h: &InHand| {
                    h.label == *label
                        && h.done.contains(&Act::ChangePin)
                        && h.done.contains(&Act::ProvePin)
                        && h.slip == Some(*slip)
                };
                if !self.in_hand.as_ref().is_some_and(proven) {
                    self.find(format!("key {label} is sealed without proof"));
                }
                match self
                    .prepared
                    .iter_mut()
                    .find(|p| p.label == *label && !p.is_sealed)
                {
                    Some(line) => {
                        line.is_sealed = true;
                        line.slip = Some(*slip);
                        // The first one was opened for the registration.
                        if key_bag.is_some() {
                            line.key_bag.clone_from(key_bag);
                        }
                        line.slip_bags = [slip_bag, second_slip_bag]
                            .into_iter()
                            .flatten()
                            .cloned()
                            .collect();
                    }
                    None => self.find(format!("key {label} is sealed twice, or was never prepared")),
                }
                self.undecided.retain(|(l, _)| l != label);
                self.in_hand = None;
            }
            _ => {}
        }
    }

    fn check_prepared(&mut self, label: &LabelId, slip: Option<SlipNumber>) {
        if !self.planned.iter().any(|p| p.label == *label) {
            self.find(format!("key {label} is not in the plan"));
        }
        if self.prepared.iter().any(|p| p.label == *label) {
            self.find(format!("label {label} is given to two keys"));
        }
        let steps = [
            Act::Reset,
            Act::SetPin,
            Act::ProvePin,
            Act::MakeIdentity,
            Act::PrintLabel,
        ];
        let proven = |h: &InHand| {
            h.label == *label
                && steps.iter().all(|step| h.done.contains(step))
                && (!self.passkeys || h.done.contains(&Act::MakePasskey))
                && h.slip == slip
                && (slip.is_some() || h.done.contains(&Act::StorePin))
        };
        if !self.in_hand.as_ref().is_some_and(proven) {
            self.find(format!("key {label} counts as prepared without proof"));
        }
    }

    /// The end and its sums.
    fn end(&mut self, entry: &Entry) {
        match entry {
            Entry::ManifestWritten { sha256, bytes } => {
                self.manifest = Some((sha256.clone(), *bytes));
                self.signer = self.stations.last().copied();
                self.stage = Stage::Exported;
            }
            Entry::Ended {
                prepared,
                rejected,
                slips_printed,
                slips_voided,
                exceptions,
                aborted,
            } => {
                if *aborted != self.is_aborted {
                    self.find("it ends as broken off without an exception, or the other way round");
                }
                let says = [*prepared, *rejected, *slips_printed, *slips_voided, *exceptions];
                let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
                let adds_up = [
                    count(self.prepared.len()),
                    count(self.rejected.len()),
                    self.printed,
                    count(self.voided.len()),
                    count(self.exceptions.len()),
                ];
                let names = [
                    "prepared keys",
                    "keys put aside",
                    "printed slips",
                    "void slips",
                    "exceptions",
                ];
                for ((says, adds_up), name) in says.into_iter().zip(adds_up).zip(names) {
                    if says != adds_up {
                        self.find(format!(
                            "it says {says} {name}, and its lines add up to {adds_up}"
                        ));
                    }
                }
                if !self.slips_balance() {
                    self.find("slips printed are not those sealed and those void");
                }
                self.stage = if self.stage == Stage::Sealing {
                    Stage::Sealed
                } else {
                    Stage::Ended
                };
            }
            _ => {}
        }
    }
}
