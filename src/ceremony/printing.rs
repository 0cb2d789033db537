//! What the driver prints for the key in hand: its slip, with a PIN that has just been drawn, and its label.
//!
//! A slip is laid out while people are waited for, so that it only has to be sent when its turn comes.

use std::time::Duration;

use super::driver::{Driver, Press, Ready, Tray, print_failure};
use super::event::{AfterPage, Failure, Outcome};
use super::in_hand::no_job;
use super::job::Job;
use crate::console::text;
use crate::id::{KeyFingerprint, LabelId, SlipNumber};
use crate::manifest::schema::PinCustody;
use crate::paper::Document;
use crate::paper::label::{LabelContent, LabelSheet};
use crate::paper::page::PaperSize;
use crate::paper::slip::{SlipContent, SlipPart};
use crate::pin::{self, NoRandomness};
use crate::plan::{Paper, PinPolicy};
use crate::printer::{PrintError, Status};
use crate::secret::{Pin, Secret};

/// A slip that will be wanted soon.
pub(super) struct Ahead {
    slip: SlipNumber,
    label: LabelId,
    policy: PinPolicy,
    /// One paper, or one for each half.
    papers: Vec<Document>,
}

/// A slip that is laid out, with its PIN; nothing of it has reached the printer.
pub(super) struct ReadySlip {
    slip: SlipNumber,
    label: LabelId,
    policy: PinPolicy,
    pin: Pin,
    /// In the order of printing.
    papers: std::collections::VecDeque<Box<dyn Ready>>,
}

impl ReadySlip {
    /// The PIN that will be on it.
    pub(super) fn pin(&self) -> &Pin {
        &self.pin
    }
}

/// Why no slip could be laid out.
pub(super) enum NotReady {
    Random(NoRandomness),
    Print(PrintError),
}

impl Ahead {
    /// Draws a PIN and has the slip laid out.
    pub(super) fn prepare(self, press: &mut dyn Press) -> Result<ReadySlip, NotReady> {
        let pin = pin::draw(self.policy, &mut pin::kernel_random).map_err(NotReady::Random)?;
        let mut papers = std::collections::VecDeque::new();
        let halves;
        let pins: [&Pin; 2] = if self.papers.len() == 2 {
            halves = split(&pin);
            [&halves.0, &halves.1]
        } else {
            [&pin, &pin]
        };
        for (document, part) in self.papers.iter().zip(pins) {
            papers.push_back(press.prepare(document, Some(part)).map_err(NotReady::Print)?);
        }
        Ok(ReadySlip {
            slip: self.slip,
            label: self.label,
            policy: self.policy,
            pin,
            papers,
        })
    }
}

/// The two halves of a PIN; the second is the longer one.
fn split(pin: &Pin) -> (Pin, Pin) {
    let text = pin.expose();
    let count = text.chars().count() / 2;
    let at = text.chars().take(count).map(char::len_utf8).sum();
    let part = |half: &str| {
        let mut copy = Secret::new(String::with_capacity(half.len()));
        copy.expose_mut().push_str(half);
        copy
    };
    (part(&text[..at]), part(&text[at..]))
}

impl Driver<'_> {
    /// The slip that this job will need, unless it lies ready.
    pub(super) fn ahead(&self, slip: Option<SlipNumber>, job: Option<&Job>) -> Option<Ahead> {
        let (slip, job) = (slip?, job?);
        let is_ready = |r: &ReadySlip| r.slip == slip && r.label == job.label;
        if self.plan.pin_custody == PinCustody::Rotate || self.ready.as_ref().is_some_and(is_ready) {
            return None;
        }
        // What a key that is not here yet wants of its PIN is not known: a longer one is drawn then.
        Some(self.wanted(slip, job, self.plan.pin))
    }

    fn wanted(&self, slip: SlipNumber, job: &Job, policy: PinPolicy) -> Ahead {
        let parts: &[SlipPart] = if self.plan.split_slips {
            &[SlipPart::FirstHalf, SlipPart::SecondHalf]
        } else {
            &[SlipPart::Whole]
        };
        Ahead {
            slip,
            label: job.label.clone(),
            policy,
            papers: parts.iter().map(|part| self.slip(slip, job, *part)).collect(),
        }
    }

    pub(super) fn print_slip(
        &mut self,
        slip: SlipNumber,
        job: Option<&Job>,
    ) -> Result<Result<Outcome, Failure>, NoRandomness> {
        self.in_hand.pin = None;
        let Some(job) = job else { return Ok(Err(no_job())) };
        let policy = self.pin_policy();
        let fits = |r: &ReadySlip| r.slip == slip && r.label == job.label && r.policy == policy;
        let mut ready = match self.ready.take().filter(fits) {
            Some(ready) => ready,
            None => match self.wanted(slip, job, policy).prepare(self.ports.press) {
                Ok(ready) => ready,
                Err(NotReady::Random(error)) => return Err(error),
                Err(NotReady::Print(error)) => return Ok(Err(print_failure(&error))),
            },
        };
        let Some(paper) = ready.papers.pop_front() else {
            return Ok(Err(no_job()));
        };
        Ok(match self.send(paper) {
            Ok(status) => {
                self.in_hand.second_half = ready.papers.pop_front();
                self.in_hand.pin = Some((Some(slip), ready.pin));
                Ok(Outcome::SlipPrinted(after_page(status)))
            }
            Err(error) => Err(print_failure(&error)),
        })
    }

    pub(super) fn print_second_half(&mut self) -> Result<Outcome, Failure> {
        let Some(paper) = self.in_hand.second_half.take() else {
            return Err(no_job());
        };
        self.send(paper)
            .map(|status| Outcome::SecondHalfPrinted(after_page(status)))
            .map_err(|e| print_failure(&e))
    }

    /// Prints a document without a PIN.
    pub(super) fn print(&mut self, document: &Document) -> Result<Option<Status>, PrintError> {
        let paper = self.ports.press.prepare(document, None)?;
        self.send(paper)
    }

    /// Sends a page; people hear when there is no paper, and can give the page up.
    fn send(&mut self, paper: Box<dyn Ready>) -> Result<Option<Status>, PrintError> {
        let mut is_told = false;
        paper.print(&mut |tray| match tray {
            Tray::Empty => {
                if !std::mem::replace(&mut is_told, true) {
                    self.tell_of_paper(text::OUT_OF_PAPER);
                }
                self.wants_to_stop()
            }
            Tray::Filled => {
                if std::mem::take(&mut is_told) {
                    self.tell_of_paper(text::PAPER_AGAIN);
                }
                false
            }
        })
    }

    fn tell_of_paper(&mut self, said: &str) {
        self.scene.interrupted(said);
        // A console that fails says so at the next question: the page goes on as it can.
        let _ = self.ports.console.tell(said);
        let _ = self.ports.console.show(self.scene.view());
    }

    /// Whether somebody typed the word that gives up; anything else answers nothing and is thrown away.
    fn wants_to_stop(&mut self) -> bool {
        let typed = self.ports.console.poll(Duration::ZERO).ok().flatten();
        typed.is_some_and(|line| line.trim().eq_ignore_ascii_case(text::STOP))
    }

    /// The plan's policy, made longer where the key in hand wants it.
    pub(super) fn pin_policy(&self) -> PinPolicy {
        let least = self.in_hand.info.as_ref().map_or(0, |info| info.min_pin_length);
        self.plan.pin.at_least(least)
    }

    /// The slip of a key, without its PIN.
    pub(super) fn slip(&self, slip: SlipNumber, job: &Job, part: SlipPart) -> Document {
        let halves = self.planned(job).and_then(|k| k.slip_custodians.clone());
        let custodian = match (part, halves) {
            (SlipPart::FirstHalf, Some([first, _])) => Some(first),
            (SlipPart::SecondHalf, Some([_, second])) => Some(second),
            _ => job.custodian.clone(),
        };
        Document::Slip(SlipContent {
            slip,
            label: job.label.clone(),
            account: self.plan.slip_shows_account.then(|| job.account.to_string()),
            ceremony: self.id.clone(),
            date: self.started.date().to_string(),
            custodian: custodian.unwrap_or_default(),
            paper: self.paper(),
            part,
            text_language: self.plan.language,
        })
    }

    pub(super) fn paper(&self) -> PaperSize {
        match self.plan.paper {
            Paper::A4 => PaperSize::A4,
            Paper::Letter => PaperSize::Letter,
        }
    }

    pub(super) fn print_label(&mut self, label: &LabelId) -> Result<Outcome, Failure> {
        let Some(identity) = &self.in_hand.identity else {
            return Err(no_job());
        };
        let content = LabelContent {
            label: label.clone(),
            ceremony: self.id.clone(),
            fingerprint: KeyFingerprint::of(identity.public_key.as_slice()),
        };
        let start = self.next_label.min(self.stock.count()).max(1);
        let sheet = LabelSheet::new(self.stock, start, vec![content])
            .written_in(self.plan.language)
            .corrected(self.plan.label_correction);
        let next = sheet.next_start().unwrap_or(1);
        let printed = self.print(&Document::Labels(sheet));
        // A label that may be on the sheet uses up its place.
        if printed
            .as_ref()
            .map_or_else(|e| !e.nothing_was_printed(), |_| true)
        {
            self.next_label = next;
        }
        printed
            .map(|_| Outcome::LabelPrinted)
            .map_err(|e| print_failure(&e))
    }
}

fn after_page(status: Option<Status>) -> AfterPage {
    match status {
        None => AfterPage::Silent,
        Some(Status::Well) => AfterPage::Well,
        Some(Status::OutOfPaper) => AfterPage::OutOfPaper,
        Some(Status::Trouble) => AfterPage::Trouble,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halves_make_the_pin() {
        for text in ["739150826143", "ABCDEFGHJKL", "äöüß12"] {
            let (first, second) = split(&Secret::new(text.to_owned()));
            assert_eq!(format!("{}{}", first.expose(), second.expose()), text);
            assert_eq!(first.expose().chars().count(), text.chars().count() / 2);
            assert_eq!(second.expose().len(), second.expose().capacity());
        }
    }
}
