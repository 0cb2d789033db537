//! What the driver prints for the key in hand: its slip, with a PIN that has just been drawn, and its label.

use super::driver::{Driver, print_failure};
use super::event::{Failure, Outcome};
use super::in_hand::no_job;
use super::state::Job;
use crate::id::{KeyFingerprint, LabelId, SlipNumber};
use crate::paper::Document;
use crate::paper::label::{LabelContent, LabelSheet};
use crate::paper::page::PaperSize;
use crate::paper::slip::SlipContent;
use crate::pin::{self, NoRandomness};
use crate::plan::Paper;

impl Driver<'_> {
    pub(super) fn print_slip(
        &mut self,
        slip: SlipNumber,
        job: Option<&Job>,
    ) -> Result<Result<Outcome, Failure>, NoRandomness> {
        self.in_hand.pin = None;
        let Some(job) = job else { return Ok(Err(no_job())) };
        let pin = pin::draw(self.plan.pin, &mut pin::kernel_random)?;
        let document = self.slip(slip, job);
        Ok(match self.ports.press.print(&document, Some(&pin)) {
            Ok(()) => {
                self.in_hand.pin = Some((slip, pin));
                Ok(Outcome::SlipPrinted)
            }
            Err(error) => Err(print_failure(&error)),
        })
    }

    /// The slip of a key, without its PIN.
    pub(super) fn slip(&self, slip: SlipNumber, job: &Job) -> Document {
        Document::Slip(SlipContent {
            slip,
            label: job.label.clone(),
            ceremony: self.id.clone(),
            date: self.started.date().to_string(),
            custodian: job.custodian.clone().unwrap_or_default(),
            paper: self.paper(),
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
        let sheet = LabelSheet::new(self.stock, start, vec![content]);
        let next = sheet.next_start().unwrap_or(1);
        let printed = self.ports.press.print(&Document::Labels(sheet), None);
        // A label that may be on the sheet uses up its place.
        if printed
            .as_ref()
            .map_or_else(|e| !e.nothing_was_printed(), |()| true)
        {
            self.next_label = next;
        }
        printed
            .map(|()| Outcome::LabelPrinted)
            .map_err(|e| print_failure(&e))
    }
}
