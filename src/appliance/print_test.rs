//! The test pages: printed before a ceremony, read by people, and how far this printer's pages have to be moved.

use crate::console::{Console, ConsoleError};
use crate::media::Stick;
use crate::paper::page::PaperSize;
use crate::paper::test_page::TestPages;
use crate::paper::{Document, LayoutError};
use crate::plan::Paper;
use crate::printer::calibration::{self, Offset, Offsets};
use crate::printer::{PrintError, Printer};

/// What the dialogue needs of a printer: where it is, and a way to print on it.
pub trait Bench {
    /// The printer, looked for anew.
    fn printer(&mut self) -> Result<Printer, PrintError>;
    /// Prints a document on it; returns when it has taken all bytes.
    fn print(&mut self, printer: &Printer, document: &Document) -> Result<(), PrintError>;
}

/// What is known of printers' offsets on this stick, and a line for people when the file cannot be used.
#[must_use]
pub fn offsets(stick: &Stick) -> (Offsets, Option<String>) {
    let read = stick
        .read_beside_plan(calibration::FILE, calibration::MAX_FILE)
        .map_err(|e| e.to_string())
        .and_then(|file| {
            file.map_or_else(
                || Ok(Offsets::default()),
                |f| Offsets::parse(&f).map_err(|e| e.to_string()),
            )
        });
    match read {
        Ok(offsets) => (offsets, None),
        Err(why) => (
            Offsets::default(),
            Some(format!("!  {why} Until then no page is moved.")),
        ),
    }
}

/// What the test pages say of a printer.
#[must_use]
pub fn pages(printer: &Printer, offset: Offset, paper: PaperSize, date: &str) -> TestPages {
    let name = format!("{} {}", printer.make, printer.model);
    let shown = |text: &str| crate::paper::font::Style::sans(10.0).legible(text);
    TestPages {
        printer: shown(match name.trim() {
            "" => "a printer without a name",
            name => name,
        }),
        language: printer.language.map_or("no language", |l| l.name()).to_owned(),
        date: date.to_owned(),
        moved: offset.to_string(),
        paper,
    }
}

/// The same pages as a PDF file, for people who have no printer at hand.
pub fn pdf(paper: Paper, date: &str) -> Result<Vec<u8>, LayoutError> {
    let pages = TestPages {
        printer: "no printer".into(),
        language: "PDF".into(),
        date: date.to_owned(),
        moved: String::new(),
        paper: sheet(paper),
    };
    pages.pages().map(|pages| crate::printer::pdf::render(&pages))
}

fn sheet(paper: Paper) -> PaperSize {
    match paper {
        Paper::A4 => PaperSize::A4,
        Paper::Letter => PaperSize::Letter,
    }
}

/// Prints the test pages and asks what the folds say, until people are content; the offset is kept on the stick.
pub fn run(
    console: &mut dyn Console,
    bench: &mut dyn Bench,
    stick: &mut Stick,
    paper: Paper,
    date: &str,
) -> Result<Offsets, ConsoleError> {
    let (mut offsets, problem) = offsets(stick);
    if let Some(problem) = problem {
        console.tell(&problem)?;
    }
    let mut offset = Offset::default();
    loop {
        let tried = bench.printer().and_then(|mut printer| {
            offset = offsets.of(&printer);
            printer.offset = offset;
            let document = Document::Test(pages(&printer, offset, sheet(paper), date));
            bench.print(&printer, &document).map(|()| printer)
        });
        let printer = match tried {
            Ok(printer) => printer,
            Err(error) => {
                console.tell(&format!("!! {error}\n   {}", error.hint()))?;
                if console_line(
                    console,
                    "?? Press Enter to print the test pages again, or type skip:",
                )? == "skip"
                {
                    return Ok(offsets);
                }
                continue;
            }
        };
        console.tell(
            "Two test pages were sent. Look at the first: is everything there, solid and sharp? Fold the second as it says.",
        )?;
        let more = Offset {
            right: reading(console, "A (fold from left to right)")?,
            down: reading(console, "B (fold from top to bottom)")?,
        };
        if more.is_none() {
            console.tell("   Nothing has to be moved further.")?;
            return Ok(offsets);
        }
        offset = offset.plus(more);
        offsets.set(&printer, offset);
        let told = if offset.is_none() {
            "not moved".to_owned()
        } else {
            format!("moved {offset}")
        };
        match stick.write_beside_plan(calibration::FILE, &offsets.to_bytes()) {
            Ok(()) => console.tell(&format!(
                "   Pages on this printer are {told} from now on; the stick remembers it in `{}`.",
                calibration::FILE
            ))?,
            Err(error) => console.tell(&format!(
                "!! {error}\n   {}\n   Pages on this printer are {told} until the machine is switched off.",
                error.hint()
            ))?,
        }
        if console_line(
            console,
            "?? Press Enter to print the test pages again and check, or type skip:",
        )? == "skip"
        {
            return Ok(offsets);
        }
    }
}

fn console_line(console: &mut dyn Console, question: &str) -> Result<String, ConsoleError> {
    console.ask(question)?;
    Ok(console.wait_line()?.trim().to_ascii_lowercase())
}

/// A number from a scale, in tenths of a millimetre; Enter means 0.
fn reading(console: &mut dyn Console, scale: &str) -> Result<i16, ConsoleError> {
    loop {
        let typed = console_line(
            console,
            &format!("?? Scale {scale}: the number where the fold crosses it, Enter for 0:"),
        )?;
        if typed.is_empty() {
            return Ok(0);
        }
        match Offset::reading(&typed) {
            Ok(tenths) => return Ok(tenths),
            Err(error) => console.tell(&format!("!! {error}"))?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::script::{ScriptConsole, Shown};
    use crate::printer::Language;

    /// A printer that keeps what it was given, after it failed `failures` times.
    struct Desk {
        failures: usize,
        printed: Vec<(Offset, TestPages)>,
    }

    fn laser() -> Printer {
        Printer {
            name: "lp0".into(),
            node: "/dev/usb/lp0".into(),
            port: "1-1".into(),
            make: "Bench".into(),
            model: "Laser \u{5c71}".into(),
            commands: Vec::new(),
            language: Some(Language::Pcl5),
            offset: Offset::default(),
        }
    }

    impl Bench for Desk {
        fn printer(&mut self) -> Result<Printer, PrintError> {
            if self.failures > 0 {
                self.failures -= 1;
                return Err(PrintError::NoPrinter);
            }
            Ok(laser())
        }

        fn print(&mut self, printer: &Printer, document: &Document) -> Result<(), PrintError> {
            assert!(document.check_printable().is_ok());
            let Document::Test(pages) = document else {
                panic!("{document:?}");
            };
            self.printed.push((printer.offset, pages.clone()));
            Ok(())
        }
    }

    /// Plays answers on a new stick, or on one that a test has filled; gives what was printed and told.
    fn play(stick: &mut Stick, failures: usize, answers: &[(&str, &str)]) -> (Desk, Vec<String>, Offsets) {
        let mut console = ScriptConsole::with_answers(answers.iter().copied());
        let mut desk = Desk {
            failures,
            printed: Vec::new(),
        };
        let offsets = run(&mut console, &mut desk, stick, Paper::A4, "2026-11-23").unwrap();
        let told = console.record().iter().filter_map(|shown| match shown {
            Shown::Told(text) => Some(text.clone()),
            _ => None,
        });
        (desk, told.collect(), offsets)
    }

    #[test]
    fn readings_add_up_and_the_stick_remembers_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut stick = Stick::directory(folder.path());
        let answers = [
            ("Scale A", "1.5"),
            ("Scale B", "half"),
            ("Scale B", "-0,5"),
            ("print the test pages again and check", ""),
            ("Scale A", "-0.2"),
            ("Scale B", ""),
            ("print the test pages again and check", "skip"),
        ];
        let (desk, told, offsets) = play(&mut stick, 0, &answers);
        let first = Offset { right: 15, down: -5 };
        let both = Offset { right: 13, down: -5 };
        assert_eq!(offsets.of(&laser()), both);
        let moved: Vec<Offset> = desk.printed.iter().map(|(offset, _)| *offset).collect();
        assert_eq!(moved, [Offset::default(), first]);
        assert_eq!(desk.printed[1].1.moved, "1.5 mm right, 0.5 mm up");
        assert_eq!(desk.printed[0].1.printer, "Bench Laser ?");
        assert!(
            told.iter().any(|t| t.contains("\"half\" is no distance")),
            "{told:?}"
        );

        let (desk, told, offsets) = play(&mut stick, 0, &[("Scale A", "0"), ("Scale B", "")]);
        assert_eq!((desk.printed[0].0, offsets.of(&laser())), (both, both));
        assert!(
            told.iter().any(|t| t.contains("Nothing has to be moved further")),
            "{told:?}"
        );
    }

    #[test]
    fn a_printer_that_is_missing_is_told_and_tried_again_or_left() {
        let folder = tempfile::tempdir().unwrap();
        let mut stick = Stick::directory(folder.path());
        let again = [
            ("print the test pages again", ""),
            ("Scale A", ""),
            ("Scale B", ""),
        ];
        let (desk, told, _) = play(&mut stick, 1, &again);
        assert_eq!(desk.printed.len(), 1);
        assert!(told[0].starts_with("!! No printer was found"), "{told:?}");
        let (desk, ..) = play(&mut stick, 1, &[("print the test pages again", "skip")]);
        assert!(desk.printed.is_empty());
        assert!(!folder.path().join(calibration::FILE).exists());
    }

    #[test]
    fn a_file_that_cannot_be_read_moves_nothing_and_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let mut stick = Stick::directory(folder.path());
        assert_eq!(offsets(&stick), (Offsets::default(), None));
        std::fs::write(folder.path().join(calibration::FILE), b"{\"version\":1,\"prin").unwrap();
        let (read, problem) = offsets(&stick);
        assert_eq!(read, Offsets::default());
        assert!(
            problem
                .unwrap()
                .contains("`printers.json` on the stick cannot be read")
        );
        let (_, told, _) = play(
            &mut stick,
            0,
            &[("Scale A", "1"), ("Scale B", ""), ("check", "skip")],
        );
        assert!(told[0].contains("cannot be read"), "{told:?}");
        let (read, problem) = offsets(&stick);
        assert_eq!((read.of(&laser()).right, problem), (10, None));
    }
}
