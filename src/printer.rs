//! From pages to a printer on a USB port, without a spooler: found, opened and written to directly.
//!
//! The parent names the document; a child process lays it out, renders it in the printer's language and
//! writes it, so that page bytes with a PIN on them never come back. No real printer has been tried yet.

pub mod brother_ql;
pub mod calibration;
pub mod child;
pub mod device_id;
pub mod discovery;
pub mod labels;
pub mod language;
pub mod loaded;
mod packbits;
pub mod pcl5;
pub mod pdf;
pub mod pjl;
pub mod postscript;
pub mod pwg;
pub mod raster;
#[cfg(test)]
mod round_trip;
pub mod sink;
pub mod spool;
pub mod status;
pub mod zpl;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::paper::{Document, LayoutError};
use crate::secret::{self, Pin};
use crate::worker::{Launcher, Running, Time, WorkerError};
pub use calibration::Offset;
pub use language::Language;
use raster::Resolution;
pub use status::Status;

/// Longest time in which a printer may say that it is out of paper; it does not count against a page's deadline.
pub const PAPER_WAIT: Duration = Duration::from_mins(10);

/// A printer on a USB port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printer {
    /// The kernel's name, `lp0`; another one after a replug.
    pub name: String,
    /// Its device node.
    pub node: PathBuf,
    /// The USB port it hangs on, `1-2`.
    pub port: String,
    /// Maker, as the printer says it; escaped.
    pub make: String,
    /// Model, as the printer says it; escaped.
    pub model: String,
    /// The languages it says it knows; escaped.
    pub commands: Vec<String>,
    /// The best of these that this version speaks.
    pub language: Option<Language>,
    /// How far its pages are moved.
    pub offset: Offset,
}

/// What happens while a document is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintProgress {
    /// Pages are laid out and rendered.
    Rendered {
        /// Number of pages.
        pages: usize,
        /// Bytes that go to the printer.
        bytes: usize,
    },
    /// The printer took bytes.
    Sent {
        /// So far.
        bytes: usize,
        /// In all.
        of: usize,
    },
    /// The printer says that it has no paper; told again and again for as long as it lasts.
    OutOfPaper,
    /// It says so no more.
    PaperAgain,
}

/// The printer took everything; whether whole paper came out, only the officer can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// Number of pages.
    pub pages: usize,
    /// Bytes sent.
    pub bytes: usize,
    /// What it said of itself afterwards; nothing where it does not answer.
    #[serde(default)]
    pub status: Option<Status>,
}

/// Why nothing was printed, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PrintError {
    /// No USB printer is there.
    #[error("No printer was found on USB.")]
    NoPrinter,
    /// More than one is there; choosing is not for the program.
    #[error("There are {} printers: {}.", .0.len(), .0.join(", "))]
    SeveralPrinters(
        /// Make, model and port of each.
        Vec<String>,
    ),
    /// The plan's labels are on a roll, and no printer for it is there.
    #[error(
        "The plan's labels are on the roll {stock}, and no label printer for it ({language}) was found on USB."
    )]
    NoLabelPrinter {
        /// Name of the label stock.
        stock: String,
        /// What such a printer speaks.
        language: String,
    },
    /// The label printer says that it cannot print these labels.
    #[error("The label printer says that {reason}.")]
    LabelsNotLoaded {
        /// What it says.
        reason: String,
    },
    /// The printer knows no language of this version.
    #[error("{printer} speaks no language that this is printed in; it says: {}", list(.commands))]
    UnsupportedLanguage {
        /// Make and model.
        printer: String,
        /// What it says it knows.
        commands: Vec<String>,
        /// What this version prints in.
        supported: Vec<String>,
    },
    /// PINs are not printed in this language.
    #[error("A PIN is not printed in {0}.")]
    PinRefused(
        /// Name of the language.
        String,
    ),
    /// The document cannot be put on paper.
    #[error("The page cannot be printed: {0}.")]
    Layout(LayoutError),
    /// The device node is no USB printer.
    #[error("{0} is not a USB printer device.")]
    NotAPrinter(
        /// The node.
        String,
    ),
    /// The device node could not be opened.
    #[error("The printer at {node} could not be opened: {reason}")]
    Open {
        /// The node.
        node: String,
        /// What the kernel said.
        reason: String,
    },
    /// The printer went away while it was written to.
    #[error("The printer went away after {sent} of {of} bytes.")]
    Vanished {
        /// Bytes it took.
        sent: usize,
        /// Bytes in all.
        of: usize,
    },
    /// The printer took no more bytes.
    #[error("The printer refused more after {sent} of {of} bytes: {reason}")]
    Refused {
        /// Bytes it took.
        sent: usize,
        /// Bytes in all.
        of: usize,
        /// What the kernel said.
        reason: String,
    },
    /// The printer did not take all bytes in time.
    #[error("The printer did not take the page within {seconds} s.")]
    Deadline {
        /// How long it had.
        seconds: u64,
    },
    /// It was out of paper all the time that people had to add some.
    #[error("The printer was out of paper for {minutes} minutes.")]
    NoPaper {
        /// How long they had.
        minutes: u64,
    },
    /// The officer stopped it.
    #[error("Printing was stopped.")]
    Cancelled,
    /// The printing process did not begin to print.
    #[error("Printing could not begin: {0}.")]
    NotStarted(
        /// Why.
        String,
    ),
    /// The printing process gave no usable answer.
    #[error("The printing process failed: {0}")]
    Worker(
        /// Why.
        String,
    ),
}

impl PrintError {
    /// What the officer can do, and whether something may have been printed.
    #[must_use]
    pub fn hint(&self) -> String {
        const PARTLY: &str = "A page may be half printed: void a slip, take paper with a PIN to the shredder, \
                              and switch the printer off and on before the next page.";
        match self {
            Self::NoPrinter => "Connect the printer by USB and switch it on. Nothing was printed.".into(),
            Self::SeveralPrinters(_) => "Unplug all but one. Nothing was printed.".into(),
            Self::NoLabelPrinter { .. } => {
                "Connect the label printer by USB and switch it on, or name a label \
                                            sheet in the plan. Nothing was printed."
                    .into()
            }
            Self::LabelsNotLoaded { .. } => {
                "Put the plan's roll into the label printer and close its cover. Nothing was printed.".into()
            }
            Self::UnsupportedLanguage { supported, .. } => format!(
                "Use a printer that speaks one of: {}. Nothing was printed.",
                list(supported)
            ),
            Self::PinRefused(_) => "Use a printer with another language. Nothing was printed.".into(),
            Self::Layout(error) => error.hint().into(),
            Self::NotAPrinter(_) => "Unplug the printer and plug it in again. Nothing was printed.".into(),
            Self::NotStarted(_) => "Try again. Nothing was printed.".into(),
            Self::Open { .. } => {
                "Switch the printer off and on; nothing else may be using it. Nothing was printed.".into()
            }
            Self::Vanished { .. } => format!("Look at cable and power. {PARTLY}"),
            Self::Refused { .. } => format!("Look at paper, toner and covers. {PARTLY}"),
            Self::Deadline { .. } => format!("Look at paper and at the printer's display. {PARTLY}"),
            Self::NoPaper { .. } => format!("Add paper. {PARTLY}"),
            Self::Cancelled | Self::Worker(_) => PARTLY.into(),
        }
    }

    /// Whether it is certain that the printer got nothing of the page.
    #[must_use]
    pub fn nothing_was_printed(&self) -> bool {
        !matches!(
            self,
            Self::Vanished { .. }
                | Self::Refused { .. }
                | Self::Deadline { .. }
                | Self::NoPaper { .. }
                | Self::Cancelled
                | Self::Worker(_)
        )
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}

impl Printer {
    /// Make, model and port, for the screen.
    #[must_use]
    pub fn describe(&self) -> String {
        let name = format!("{} {}", self.make, self.model);
        let name = if name.trim().is_empty() {
            "a printer"
        } else {
            name.trim()
        };
        format!("{name} on port {}", self.port)
    }

    /// The language to print slips in, or a refusal that lists those that may carry a PIN.
    pub fn slip_language(&self) -> Result<Language, PrintError> {
        let found = self.language.filter(|language| language.may_carry_pin());
        found.ok_or_else(|| PrintError::UnsupportedLanguage {
            printer: self.describe(),
            commands: self.commands.clone(),
            supported: Language::supported()
                .filter(|language| language.may_carry_pin())
                .map(|language| language.name().to_owned())
                .collect(),
        })
    }

    /// The dots of its head, as far as its model tells them.
    #[must_use]
    pub fn resolution(&self) -> Resolution {
        let language = self.language.unwrap_or(Language::HostBased);
        language.resolution(&self.model)
    }

    /// The language to print in, or a refusal that lists those of this version.
    pub fn usable_language(&self) -> Result<Language, PrintError> {
        self.language.ok_or_else(|| PrintError::UnsupportedLanguage {
            printer: self.describe(),
            commands: self.commands.clone(),
            supported: Language::supported()
                .filter(|language| !language.is_for_labels())
                .map(|language| language.name().to_owned())
                .collect(),
        })
    }
}

/// A document that waits in its child process, laid out and rendered.
pub struct Prepared {
    child: Running,
    language: Language,
    resolution: Resolution,
    pjl: bool,
    offset: Offset,
}

/// Lays a document out in a child process; `pin` goes with slips and with nothing else.
///
/// Nothing reaches the printer before [`Prepared::print`]; dropped, the child ends and its memory is wiped.
pub fn prepare(
    launcher: &Launcher,
    printer: &Printer,
    document: &Document,
    pin: Option<&Pin>,
) -> Result<Prepared, PrintError> {
    let language = printer.usable_language()?;
    if document.takes_pin() != pin.is_some() {
        return Err(PrintError::Layout(LayoutError::PinMismatch));
    }
    let is_roll = document.labels().is_some_and(|stock| stock.roll().is_some());
    if is_roll != language.is_for_labels() {
        return Err(PrintError::NotStarted(format!(
            "{} does not take this paper",
            printer.describe()
        )));
    }
    if pin.is_some() && !language.may_carry_pin() {
        return Err(PrintError::PinRefused(language.name().to_owned()));
    }
    let document = document.at_dots(printer.resolution().per_inch());
    document.check_printable().map_err(PrintError::Layout)?;
    let pjl = pjl::is_known(&printer.commands);
    let request = child::Request {
        document,
        language,
        pjl,
        offset: printer.offset,
    };
    let request = serde_json::to_vec(&request).map_err(fault)?;
    let secret = pin.map(|pin| {
        let mut bytes = secret::with_capacity(pin.expose().len());
        bytes.expose_mut().extend_from_slice(pin.expose().as_bytes());
        bytes
    });
    let child = launcher
        .start("print", &request, secret.as_ref())
        .map_err(|error| PrintError::NotStarted(error.to_string()))?;
    Ok(Prepared {
        child,
        language,
        resolution: printer.resolution(),
        pjl,
        offset: printer.offset,
    })
}

impl Prepared {
    /// Whether this printer takes it as it is.
    #[must_use]
    pub fn fits(&self, printer: &Printer) -> bool {
        printer.language == Some(self.language)
            && printer.resolution() == self.resolution
            && pjl::is_known(&printer.commands) == self.pjl
            && printer.offset == self.offset
    }

    /// Sends it; returns when the printer has taken all bytes.
    ///
    /// The deadline covers everything until then but the time in which the printer says that it is out of paper:
    /// that may last [`PAPER_WAIT`] in all. Setting `cancel` then gives the page up.
    pub fn print(
        mut self,
        printer: &Printer,
        deadline: Duration,
        cancel: &AtomicBool,
        on_progress: &mut dyn FnMut(PrintProgress),
    ) -> Result<Printed, PrintError> {
        let go = child::Go {
            node: printer.node.clone(),
        };
        let word = serde_json::to_vec(&go).map_err(fault)?;
        if !self.fits(printer) || self.child.go(&word).is_err() {
            return Err(PrintError::NotStarted(
                "the page was made for another printer".into(),
            ));
        }
        let mut is_out = false;
        let mut on_event = |event: &[u8]| {
            if let Ok(progress) = serde_json::from_slice(event) {
                is_out = progress == PrintProgress::OutOfPaper;
                on_progress(progress);
            }
            if is_out { Time::IsHeld } else { Time::Counts }
        };
        let answer = self.child.wait_held(deadline, PAPER_WAIT, cancel, &mut on_event);
        match answer {
            Ok(answer) => serde_json::from_slice(&answer).map_err(fault),
            Err(WorkerError::Failed(failure)) => Err(serde_json::from_slice(&failure).unwrap_or_else(fault)),
            Err(WorkerError::Deadline(_)) if is_out => Err(PrintError::NoPaper {
                minutes: PAPER_WAIT.as_secs() / 60,
            }),
            Err(WorkerError::Deadline(deadline)) => Err(PrintError::Deadline {
                seconds: deadline.as_secs(),
            }),
            Err(WorkerError::Cancelled) => Err(PrintError::Cancelled),
            Err(error @ (WorkerError::Io(_) | WorkerError::Died)) => {
                Err(PrintError::Worker(error.to_string()))
            }
        }
    }
}

/// Prints a document in a child process, in one go.
pub fn print(
    launcher: &Launcher,
    printer: &Printer,
    document: &Document,
    pin: Option<&Pin>,
    deadline: Duration,
    cancel: &AtomicBool,
    on_progress: &mut dyn FnMut(PrintProgress),
) -> Result<Printed, PrintError> {
    prepare(launcher, printer, document, pin)?.print(printer, deadline, cancel, on_progress)
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn fault(error: serde_json::Error) -> PrintError {
    PrintError::Worker(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_a_sentence_and_says_whether_paper_is_in_doubt() {
        let errors = [
            PrintError::NoPrinter,
            PrintError::NoLabelPrinter {
                stock: "brother-62".into(),
                language: "Brother QL raster".into(),
            },
            PrintError::LabelsNotLoaded {
                reason: "its cover is open".into(),
            },
            PrintError::SeveralPrinters(vec!["A B on port 1-1".into(), "C D on port 1-2".into()]),
            PrintError::Layout(LayoutError::Pin),
            PrintError::Vanished { sent: 8192, of: 9000 },
            PrintError::Deadline { seconds: 60 },
            PrintError::PinRefused("PDF".into()),
            PrintError::NoPaper { minutes: 10 },
            PrintError::Cancelled,
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                text.starts_with(char::is_uppercase) && text.ends_with('.'),
                "{text}"
            );
            assert_eq!(
                error.nothing_was_printed(),
                error.hint().contains("Nothing was printed."),
                "{text}"
            );
        }
    }
}
