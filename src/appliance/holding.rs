//! Holds one ceremony on a stick that is ready: plan, printer and keys brought together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use time::OffsetDateTime;

use super::check::Check;
use super::print_test::{self, Bench};
use crate::ceremony::driver::{Finished, PaperWatch, Ports, Press, Ready, Tray};
use crate::ceremony::{self, Ending, SeenPrinter};
use crate::console::{Console, ConsoleError};
use crate::key::{KeyClient, SysRoot};
use crate::manifest::seal;
use crate::media::Stick;
use crate::paper::Document;
use crate::paper::stock::Stock;
use crate::plan::{Paper, Plan};
use crate::printer::calibration::Offsets;
use crate::printer::discovery::Roots;
use crate::printer::{self, Language, Offset, Prepared, PrintError, PrintProgress, Printer, Status, loaded};
use crate::secret::Pin;
use crate::transcript::{Entry, hex};
use crate::worker::Launcher;

/// Longest time a printer may take for one document, waiting for paper left out.
const PRINT_DEADLINE: Duration = Duration::from_mins(3);

/// Reads the plan, shows it, and holds the ceremony on a stick that is ready.
pub fn hold(
    console: &mut dyn Console,
    mut checks: Vec<Entry>,
    stick: &mut Stick,
    launcher: &Launcher,
) -> Result<(), String> {
    let text = stick.read_plan().map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let checked = Plan::read(&text).map_err(|e| {
        format!("The plan cannot be used: {e}.\n   Mend it on another machine. Nothing has been done.")
    })?;
    let plan = checked.plan;
    let plan_sha256 = sha256(&text);
    let roots = Roots::default();
    let (offsets, unread) = print_test::offsets(stick);
    let found = roots
        .page_printer()
        .and_then(|p| p.slip_language().map(|l| (p.describe(), l)));
    let (printer, language) = found.map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let label_printer = label_printer(&roots, &plan).map_err(|e| format!("{e}\n   {}", e.hint()))?;
    let say = |e: ConsoleError| e.to_string();
    console
        .tell(&format!(
            "Plan: {} ({} keys{})\nPrinter: {printer}, {}",
            plan.title,
            plan.keys.len(),
            if plan.rehearsal { ", REHEARSAL" } else { "" },
            language.name(),
        ))
        .map_err(say)?;
    if let Some(labels) = label_printer {
        console.tell(&format!("Label printer: {labels}")).map_err(say)?;
        checks.push(Check::report("label printer", labels).entry());
    }
    for warning in checked.warnings {
        let line = format!("!  Line {} of the plan: {}", warning.line, warning.text);
        console.tell(&line).map_err(say)?;
    }
    let keys = KeyClient::new(launcher.clone(), SysRoot::default());
    let mut press = UsbPress::new(launcher.clone(), offsets);
    if let Some(unread) = unread {
        console.tell(&unread).map_err(say)?;
    }
    if plan.print_test {
        print_test(console, &mut press, stick, plan.paper).map_err(say)?;
    }
    let offset = press
        .printer()
        .map_or_else(|_| Offset::default(), |p| press.moved(p).offset);
    let moved = if offset.is_none() {
        String::new()
    } else {
        format!(", pages moved {offset}")
    };
    checks.push(Check::report("printer", format!("{printer}, {}{moved}", language.name())).entry());
    let sealer = |jws: &_, recipients: &[String]| seal::seal_in_child(launcher, jws, recipients);
    let ports = Ports {
        keys: &keys,
        press: &mut press,
        console,
        seal: &sealer,
        launcher,
        now: &OffsetDateTime::now_utc,
    };
    let finished = ceremony::run(&plan, &plan_sha256, checks, stick, ports).map_err(|e| e.to_string())?;
    console.tell(&words(&finished)).map_err(say)
}

/// The label printer that the plan's roll wants, ready with that roll as far as it tells; none for a sheet.
fn label_printer(roots: &Roots, plan: &Plan) -> Result<Option<String>, PrintError> {
    let Some(stock) = Stock::named(&plan.label_stock).filter(|stock| stock.roll().is_some()) else {
        return Ok(None);
    };
    let printer = roots.label_printer(stock)?;
    loaded::check(&printer, stock)?;
    let language = printer.usable_language()?.name();
    Ok(Some(format!(
        "{}, {language}, labels {stock}",
        printer.describe()
    )))
}

/// Whether the stick holds a ceremony by this plan whose keys wait for their second pass.
pub fn waits_for_second_pass(stick: &Stick, plan: &str) -> Result<bool, String> {
    ceremony::waits_for_second_pass(stick, &sha256(plan)).map_err(|e| e.to_string())
}

fn sha256(text: &str) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref())
}

/// How a ceremony was left.
fn words(finished: &Finished) -> String {
    match finished.ending {
        Ending::Finished => format!(
            "*** Ceremony {} is finished: {} keys prepared. What it leaves is on the stick and was read back.",
            finished.ceremony, finished.prepared
        ),
        Ending::Paused => format!(
            "*** Ceremony {} is paused: {} keys prepared so far.",
            finished.ceremony, finished.prepared
        ),
    }
}

/// Prints test pages, where the people want them today.
fn print_test(
    console: &mut dyn Console,
    press: &mut UsbPress,
    stick: &mut Stick,
    paper: Paper,
) -> Result<(), ConsoleError> {
    console.ask("?? The plan has test pages printed. Press Enter to print them, or type skip:")?;
    if console.wait_line()?.trim().eq_ignore_ascii_case("skip") {
        return Ok(());
    }
    let today = OffsetDateTime::now_utc().date().to_string();
    press.offsets = print_test::run(console, press, stick, paper, &today)?;
    Ok(())
}

/// The printers on USB, looked for anew for every document: their nodes can change.
pub struct UsbPress {
    launcher: Launcher,
    roots: Roots,
    offsets: Offsets,
}

impl UsbPress {
    /// The printer at this machine's USB ports; pages are moved as `offsets` says.
    #[must_use]
    pub fn new(launcher: Launcher, offsets: Offsets) -> Self {
        Self {
            launcher,
            roots: Roots::default(),
            offsets,
        }
    }

    /// A printer whose pages are moved as far as people found out.
    fn moved(&self, mut printer: Printer) -> Printer {
        // A label printer feeds its labels itself: the test pages are for sheets.
        if !printer.language.is_some_and(Language::is_for_labels) {
            printer.offset = self.offsets.of(&printer);
        }
        printer
    }
}

impl Bench for UsbPress {
    fn printer(&mut self) -> Result<Printer, PrintError> {
        self.roots.page_printer()
    }

    fn print(&mut self, printer: &Printer, document: &Document) -> Result<(), PrintError> {
        let never = AtomicBool::new(false);
        printer::prepare(&self.launcher, printer, document, None)?
            .print(printer, PRINT_DEADLINE, &never, &mut |_| {})
            .map(drop)
    }
}

impl Press for UsbPress {
    fn prepare(&mut self, document: &Document, pin: Option<&Pin>) -> Result<Box<dyn Ready>, PrintError> {
        let printer = self.moved(self.roots.printer_for(document)?);
        Ok(Box::new(ReadyPage {
            prepared: printer::prepare(&self.launcher, &printer, document, pin)?,
            labels: document.labels(),
            offset: printer.offset,
            roots: self.roots.clone(),
        }))
    }

    fn printers(&mut self) -> Vec<SeenPrinter> {
        let plugged = self.roots.plugged().into_iter();
        plugged.map(|(bus, device)| SeenPrinter(bus, device)).collect()
    }
}

/// A page in its process; the printer is looked for when its turn comes.
struct ReadyPage {
    /// What labels are printed on, where it has any.
    labels: Option<Stock>,
    prepared: Prepared,
    offset: Offset,
    roots: Roots,
}

impl Ready for ReadyPage {
    fn print(self: Box<Self>, paper: &mut PaperWatch<'_>) -> Result<Option<Status>, PrintError> {
        let mut printer = match self.labels {
            Some(stock) => {
                let printer = self.roots.label_printer(stock)?;
                loaded::check(&printer, stock)?;
                printer
            }
            None => self.roots.page_printer()?,
        };
        printer.offset = self.offset;
        let cancel = AtomicBool::new(false);
        let mut on_progress = |progress| {
            let stops = match progress {
                PrintProgress::OutOfPaper => paper(Tray::Empty),
                PrintProgress::PaperAgain => paper(Tray::Filled),
                PrintProgress::Rendered { .. } | PrintProgress::Sent { .. } => false,
            };
            cancel.fetch_or(stops, Ordering::Relaxed);
        };
        let sent = self
            .prepared
            .print(&printer, PRINT_DEADLINE, &cancel, &mut on_progress)?;
        Ok(sent.status)
    }
}
