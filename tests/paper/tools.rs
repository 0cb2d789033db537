//! Papers as PDF, and the independent programs that read them back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use glasskey::paper::Document;
use glasskey::paper::page::Page;
use glasskey::printer::Language;
use glasskey::secret::Pin;

use crate::fixtures::seeded;

pub(crate) fn rendered(language: Language, pages: &[Page]) -> Vec<u8> {
    let spool = language.render(pages);
    let spool = spool.ok().flatten().expect("the language is supported");
    spool.joined().expose().clone()
}

pub(crate) fn pdf(document: &Document, pin: Option<&Pin>) -> Vec<u8> {
    let pages = document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out");
    rendered(Language::Pdf, &pages)
}

pub(crate) fn saved(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the folder for test output is writable");
    path
}

/// Runs a tool and returns its output.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} is needed for this test (Debian: poppler-utils, tesseract-ocr, zbar-tools): {error}")
        });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn text_of(path: &Path) -> String {
    tool("pdftotext", &["-layout", &path.display().to_string(), "-"])
}

pub(crate) fn text_of_page(path: &Path, page: &str) -> String {
    let file = path.display().to_string();
    tool("pdftotext", &["-f", page, "-l", page, &file, "-"])
}

/// The words on a page inside a rectangle in millimetres: x, y, width, height.
pub(crate) fn text_within(path: &Path, area: [f32; 4]) -> String {
    // At 254 dpi a millimetre has ten pixels.
    let [x, y, w, h] = area.map(|length| format!("{:.0}", length * 10.0));
    tool(
        "pdftotext",
        &[
            "-r",
            "254",
            "-x",
            &x,
            "-y",
            &y,
            "-W",
            &w,
            "-H",
            &h,
            &path.display().to_string(),
            "-",
        ],
    )
}

/// The texts of all QR codes on a page, as a one-bit printer would print it.
pub(crate) fn codes_of(path: &Path, dpi: &str, page: &str) -> Vec<String> {
    let root = path.with_extension(format!("p{page}-{dpi}"));
    let root = root.display().to_string();
    let file = path.display().to_string();
    tool(
        "pdftoppm",
        &[
            "-r",
            dpi,
            "-mono",
            "-f",
            page,
            "-l",
            page,
            "-singlefile",
            &file,
            &root,
        ],
    );
    let picture = format!("{root}.pbm");
    tool(
        "zbarimg",
        &["-q", "--raw", "-Sdisable", "-Sqrcode.enable", &picture],
    )
    .lines()
    .map(str::to_owned)
    .collect()
}
