//! Every raster language on paper: turned back into dots by the bench's strict readers or Ghostscript, then judged by
//! poppler's drawing of the PDF, by zbar and by tesseract.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bench::paper::{Bitmap, jobs};
use glasskey::paper::Document;
use glasskey::paper::label::LabelSheet;
use glasskey::paper::page::{Page, PaperSize};
use glasskey::printer::{self, Language, PrintError, Printer};
use glasskey::secret::Pin;
use glasskey::worker::Launcher;

use crate::fixtures::{label, pin, seeded, slip, stock};
use crate::process::printer_at;
use crate::tools::{pdf, rendered, saved, tool};

const RASTER: [Language; 3] = [Language::Pcl5, Language::PostScript, Language::Pwg];

fn pages(document: &Document, pin: Option<&Pin>) -> Vec<Page> {
    document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out")
}

fn sheets(language: Language, pages: &[Page]) -> Vec<Bitmap> {
    let jobs = jobs(&rendered(language, pages)).expect("the readers know every command");
    assert_eq!(jobs.len(), 1);
    jobs.into_iter().flat_map(|job| job.pages).collect()
}

/// Black dots of one sheet that have no black dot of the other one within reach.
fn strays(of: &Bitmap, other: &Bitmap, reach: usize) -> usize {
    let near = |x: usize, y: usize| {
        let rows = y.saturating_sub(reach)..=y + reach;
        rows.into_iter()
            .any(|y| (x.saturating_sub(reach)..=x + reach).any(|x| other.is_black(x, y)))
    };
    let lonely = |(at, (mine, theirs)): (usize, (&u8, &u8))| {
        let (x, y) = (at % of.row_bytes() * 8, at / of.row_bytes());
        let alone = mine & !theirs;
        (0..8)
            .filter(|bit| alone & (0x80 >> bit) != 0 && !near(x + bit, y))
            .count()
    };
    of.bits.iter().zip(&other.bits).enumerate().map(lonely).sum()
}

#[test]
fn all_languages_print_the_same_dots_and_the_pdf_agrees() {
    let secret = pin("90417263");
    let pages = pages(&slip(PaperSize::A4), Some(&secret));
    let drawn: BTreeMap<&str, Bitmap> = RASTER
        .map(|language| (language.name(), sheets(language, &pages).remove(0)))
        .into();
    assert!(drawn["PostScript"] == drawn["PWG raster"]);
    // What PCL does not reach are the outer 6 mm, where no printer prints.
    let inner = [160, 0, 4600, 7015];
    assert!(drawn["PCL 5"].cut(inner) == drawn["PostScript"].cut(inner));
    for (name, sheet) in &drawn {
        saved(
            &format!("raster-slip-{}.pbm", name.replace(' ', "-")),
            &sheet.to_pbm(),
        );
    }
    let path = saved("raster-slip.pdf", &pdf(&slip(PaperSize::A4), Some(&secret)));
    let root = path.with_extension("poppler").display().to_string();
    let file = path.display().to_string();
    tool("pdftoppm", &["-r", "600", "-mono", "-singlefile", &file, &root]);
    let (width, height, bits) = pbm(&std::fs::read(format!("{root}.pbm")).expect("poppler wrote it"));
    let mut poppler = Bitmap::new(width, height, 600);
    poppler.bits = bits;
    let black: u32 = poppler.bits.iter().map(|byte| byte.count_ones()).sum();
    let raster = &drawn["PWG raster"];
    let poppler = poppler.cut([0, 0, raster.width, raster.height]);
    // Rounding moves an edge by a dot or two, and in a PDF, whose widths are rounded too, long lines drift.
    let wrong = strays(raster, &poppler, 3) + strays(&poppler, raster, 3);
    assert!(black > 1_000_000 && wrong < 6000, "{wrong} of {black} dots");
}

/// Width, height and rows of a PBM file without comments.
pub(crate) fn pbm(file: &[u8]) -> (usize, usize, Vec<u8>) {
    let mut lines = file.splitn(3, |byte| *byte == b'\n');
    assert_eq!(lines.next(), Some(&b"P4"[..]));
    let size = String::from_utf8_lossy(lines.next().expect("a size")).into_owned();
    let (width, height) = size.split_once(' ').expect("two numbers");
    let number = |text: &str| text.parse().expect("a number");
    (
        number(width),
        number(height),
        lines.next().expect("rows").to_vec(),
    )
}

#[test]
fn codes_scan_and_pins_read_from_the_dots_of_every_language() {
    let content = label(5);
    let expected = content.payload(stock("L4732")).to_string();
    let sheet = Document::Labels(LabelSheet::new(stock("L4732"), 80, vec![content]));
    for language in RASTER {
        let name = language.name().replace(' ', "-");
        let dots = sheets(language, &pages(&sheet, None)).remove(0);
        let path = saved(&format!("raster-label-{name}.pbm"), &dots.to_pbm());
        let picture = path.display().to_string();
        let code = tool(
            "zbarimg",
            &["-q", "--raw", "-Sdisable", "-Sqrcode.enable", &picture],
        );
        assert_eq!(code.trim(), expected, "{name}");
        let dots = sheets(language, &pages(&slip(PaperSize::A4), Some(&pin("9041726358")))).remove(0);
        let panel = dots.cut([640, 2780, 3680, 280]).halved();
        let path = saved(&format!("raster-pin-{name}.pbm"), &panel.to_pbm());
        let picture = path.display().to_string();
        let digits = ["--psm", "7", "-c", "tessedit_char_whitelist=0123456789"];
        let read = tool("tesseract", &[&[picture.as_str(), "-"], &digits[..]].concat());
        let read: String = read.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(read, "9041726358", "{name}");
    }
}

/// Not a test of anything: makes the table on paper of `docs/benchmarks.md`, in the folder for test output.
#[test]
#[ignore = "figures for the documentation; GLASSKEY_PROGRAM names an optimised program"]
fn figures_of_a_slip() {
    let program =
        std::env::var("GLASSKEY_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_glasskey").to_owned());
    let launcher = Launcher::program(program);
    let secret = pin("90417263");
    let document = slip(PaperSize::A4);
    let mut table = String::new();
    for language in RASTER {
        let printer = Printer {
            commands: vec!["PJL".into()],
            language: Some(language),
            ..printer_at(Path::new("/dev/null"))
        };
        let mut times = Vec::new();
        let mut peak = 0;
        for _ in 0..5 {
            let start = Instant::now();
            let prepared =
                printer::prepare(&launcher, &printer, &document, Some(&secret)).expect("it starts");
            let done = prepared.print(
                &printer,
                Duration::from_mins(1),
                &AtomicBool::new(false),
                &mut |_| {},
            );
            assert!(matches!(done, Err(PrintError::NotAPrinter(_))), "{done:?}");
            times.push(start.elapsed());
            let waiting = printer::prepare(&launcher, &printer, &document, Some(&secret)).expect("it starts");
            std::thread::sleep(4 * times[0]);
            peak = peak.max(memory_of_children());
            drop(waiting);
        }
        times.sort_unstable();
        let bytes = rendered(language, &pages(&document, Some(&secret))).len();
        writeln!(
            table,
            "{}: {} bytes, {:?} for a process from start to end, {peak} KiB at most",
            language.name(),
            bytes,
            times[times.len() / 2],
        )
        .expect("a string takes it");
    }
    saved("slip-figures.txt", table.as_bytes());
}

/// The most memory that a child of this process has had resident, in KiB.
fn memory_of_children() -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").expect("procfs");
    let children = tasks
        .flatten()
        .map(|task| std::fs::read_to_string(task.path().join("children")));
    let pids = children.flatten().collect::<Vec<_>>().join(" ");
    let peak = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    pids.split_whitespace().filter_map(peak).max().unwrap_or(0)
}
