//! A printer that keeps what it printed: the papers on the table, with their PINs.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use glasskey::ceremony::SeenPrinter;
use glasskey::ceremony::driver::{PaperWatch, Press, Ready};
use glasskey::paper::Document;
use glasskey::paper::slip::SlipPart;
use glasskey::printer::{PrintError, Status};
use glasskey::secret::Pin;

use crate::power::Power;

/// A slip that came out of the printer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slip {
    pub(crate) number: u32,
    pub(crate) label: String,
    pub(crate) part: SlipPart,
    pub(crate) pin: String,
}

/// Everything that was ever printed.
#[derive(Default)]
pub(crate) struct Pile {
    pub(crate) slips: Vec<Slip>,
    /// Labels in the order of printing.
    pub(crate) labels: Vec<String>,
    pub(crate) records: usize,
}

impl Pile {
    /// The PIN of a slip, from one paper or from both halves.
    pub(crate) fn pin(&self, number: u32) -> Option<String> {
        let part = |part| self.slips.iter().find(|s| s.number == number && s.part == part);
        match (
            part(SlipPart::Whole),
            part(SlipPart::FirstHalf),
            part(SlipPart::SecondHalf),
        ) {
            (Some(whole), None, None) => Some(whole.pin.clone()),
            (None, Some(first), Some(second)) => Some(format!("{}{}", first.pin, second.pin)),
            _ => None,
        }
    }
}

/// The printer of a station.
pub(crate) struct Printer {
    pub(crate) pile: Rc<RefCell<Pile>>,
    pub(crate) power: Rc<Power>,
    /// Its device number on the bus, another one each time it is switched on.
    pub(crate) device: Rc<Cell<u16>>,
}

/// A page that was laid out and not printed.
struct Page {
    document: Document,
    pin: Option<String>,
    pile: Rc<RefCell<Pile>>,
    power: Rc<Power>,
}

impl Press for Printer {
    fn prepare(&mut self, document: &Document, pin: Option<&Pin>) -> Result<Box<dyn Ready>, PrintError> {
        self.power.call();
        Ok(Box::new(Page {
            document: document.clone(),
            pin: pin.map(|pin| pin.expose().clone()),
            pile: Rc::clone(&self.pile),
            power: Rc::clone(&self.power),
        }))
    }

    fn printers(&mut self) -> Vec<SeenPrinter> {
        vec![SeenPrinter(1, self.device.get())]
    }
}

impl Ready for Page {
    fn print(self: Box<Self>, _: &mut PaperWatch<'_>) -> Result<Option<Status>, PrintError> {
        self.power.call();
        let mut pile = self.pile.borrow_mut();
        match (self.document, self.pin) {
            (Document::Slip(content), Some(pin)) => pile.slips.push(Slip {
                number: content.slip.number(),
                label: content.label.to_string(),
                part: content.part,
                pin,
            }),
            (Document::Labels(sheet), None) => {
                let labels = sheet.labels.iter().map(|label| label.label.to_string());
                pile.labels.extend(labels);
            }
            (Document::Record(_), None) => pile.records += 1,
            (document, _) => unreachable!("a PIN goes on slips alone: {document:?}"),
        }
        drop(pile);
        self.power.call();
        Ok(None)
    }
}
