//! A printer that may hold the page of a void slip: nothing is printed before it was switched off and on.
//!
//! Whether it was is seen on the bus: the printers of the moment when the slip was sent are gone, and one is there.

use super::Ceremony;
use super::step::Step;
use crate::ceremony::effect::{Effect, Notice};
use crate::ceremony::event::{AfterPage, SeenPrinter};
use crate::id::SlipNumber;
use crate::transcript::Entry;

/// The page of a void slip that may come out of a printer yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    slip: SlipNumber,
    /// The printers that may have it; `None` as long as nobody has looked, after a restart.
    printers: Option<Vec<SeenPrinter>>,
    /// Whether all of them were off since.
    was_off: bool,
}

impl Held {
    /// Takes note of the printers there are.
    fn look(&mut self, seen: &[SeenPrinter]) {
        let printers = self.printers.get_or_insert_with(|| seen.to_vec());
        self.was_off |= !printers.iter().any(|printer| seen.contains(printer));
    }
}

impl Ceremony {
    /// A slip is about to be sent: these are the printers that can have it.
    pub(super) fn slip_is_sent(&mut self) {
        self.sent_to.clone_from(&self.printers);
    }

    /// Takes note that a printer may hold the page of this slip.
    pub(super) fn hold_printer(&mut self, slip: SlipNumber) -> Vec<Effect> {
        let printers = if self.sent_to.is_empty() {
            &self.printers
        } else {
            &self.sent_to
        };
        let mut held = Held {
            slip,
            printers: Some(printers.clone()),
            was_off: false,
        };
        held.look(&self.printers);
        self.held = Some(held);
        vec![Effect::Record(Entry::PrinterDoubt { slip })]
    }

    /// The same for what an earlier start left; which printers there are is seen later.
    pub(super) fn hold_unseen_printer(&mut self, slip: SlipNumber) {
        self.held = Some(Held {
            slip,
            printers: None,
            was_off: false,
        });
    }

    /// What the printer said after a slip.
    pub(super) fn slip_is_taken(&mut self, after: AfterPage) -> Vec<Effect> {
        self.printer_is_well = after.is_well();
        if after == AfterPage::OutOfPaper {
            vec![Effect::Tell(Notice::PaperForSlip)]
        } else {
            vec![]
        }
    }

    pub(super) fn printers_changed(&mut self, seen: Vec<SeenPrinter>) -> Vec<Effect> {
        self.printers = seen;
        let Some(held) = &mut self.held else {
            return vec![];
        };
        let was_off = held.was_off;
        held.look(&self.printers);
        match (self.step.clone(), was_off, held.was_off) {
            (Step::CyclePrinter(then), false, true) => self.cycle_printer(*then),
            (Step::CyclePrinter(then), true, _) if !self.printers.is_empty() => self.cycle_printer(*then),
            _ => vec![],
        }
    }

    /// Goes on with a step that prints, once no printer holds an old page.
    pub(super) fn cycle_printer(&mut self, then: Step) -> Vec<Effect> {
        let Some(Held { slip, was_off, .. }) = self.held else {
            return self.enter(then);
        };
        if was_off && !self.printers.is_empty() {
            self.held = None;
            let mut effects = vec![Effect::Record(Entry::PrinterCycled { slip })];
            effects.extend(self.enter(then));
            return effects;
        }
        self.step = Step::CyclePrinter(Box::new(then));
        vec![Effect::Tell(if was_off {
            Notice::SwitchPrinterOn
        } else {
            Notice::SwitchPrinterOff(slip)
        })]
    }
}
