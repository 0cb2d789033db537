//! A thousand slips and a thousand labels as PDF, against ReportLab, which draws the very same pages.
//!
//!     target/venv/bin/pip install -r benches/requirements.txt
//!     cargo bench --bench papers
//!
//! Layout is ours alone, so it is timed apart: the peer gets the places of all text, lines and codes.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a program for people at a terminal"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use glasskey::id::{CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use glasskey::language::Language;
use glasskey::paper::Document;
use glasskey::paper::font::Font;
use glasskey::paper::label::{LabelContent, LabelSheet};
use glasskey::paper::page::{Item, Page, PaperSize};
use glasskey::paper::slip::{SlipContent, SlipPart};
use glasskey::paper::stock::Stock;
use glasskey::printer::pdf;
use glasskey::secret::Secret;
use serde_json::{Value, json};

const COUNT: u16 = 1000;

fn main() {
    // `cargo test --benches` only wants to know that it starts.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-papers");
    std::fs::create_dir_all(&folder).unwrap();
    println!("| pages | what | seconds | pages per second | against ReportLab |\n|---|---|---|---|---|");
    compare("slips", &folder, slips);
    compare("labels", &folder, labels);
}

/// Random enough for a pattern of digits, and the same in every run.
fn random() -> impl FnMut(&mut [u8]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

fn slips() -> Vec<Page> {
    let mut random = random();
    let mut pages = Vec::new();
    for number in 1..=COUNT {
        let content = SlipContent {
            slip: SlipNumber::new(number.into()).unwrap(),
            label: LabelId::draw(&mut random),
            account: Some("bg-01@contoso.onmicrosoft.com".into()),
            ceremony: CeremonyId::draw(&mut random),
            date: "2026-11-23".into(),
            custodian: "Joan Clarke".into(),
            paper: PaperSize::A4,
            part: SlipPart::Whole,
            text_language: Language::default(),
        };
        let pin = Secret::new(format!("{:08}", u32::from(number) * 90_017 % 100_000_000));
        pages.extend(Document::Slip(content).pages(Some(&pin), &mut random).unwrap());
    }
    pages
}

fn labels() -> Vec<Page> {
    let mut random = random();
    let label = |number: u16| LabelContent {
        label: LabelId::draw(&mut random),
        ceremony: CeremonyId::draw(&mut random),
        fingerprint: KeyFingerprint::of(&number.to_le_bytes()),
    };
    let labels = (0..COUNT).map(label).collect();
    LabelSheet::new(Stock::named("L7651").unwrap(), 1, labels)
        .pages()
        .unwrap()
}

fn compare(name: &str, folder: &Path, pages: fn() -> Vec<Page>) {
    let start = Instant::now();
    let pages = pages();
    let laid_out = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let file = pdf::render(&pages);
    let ours = start.elapsed().as_secs_f64();
    std::fs::write(folder.join(format!("{name}.pdf")), file).unwrap();
    let theirs = reportlab(name, folder, &pages);
    let count = f64::from(u32::try_from(pages.len()).unwrap());
    for (what, seconds) in [
        ("layout", laid_out),
        ("PDF, printpdf", ours),
        ("PDF, ReportLab", theirs),
    ] {
        let rate = count / seconds;
        println!(
            "| {count} of {name} | {what} | {seconds:.2} | {rate:.0} | {:.2} |",
            theirs / seconds
        );
    }
}

/// Seconds that ReportLab needs for the same pages.
fn reportlab(name: &str, folder: &Path, pages: &[Page]) -> f64 {
    let mut lines = String::new();
    for page in pages {
        let items: Vec<Value> = page.items.iter().map(item).collect();
        let page = json!({"width": page.paper.width(), "height": page.paper.height(), "items": items});
        writeln!(lines, "{page}").unwrap();
    }
    let source = folder.join(format!("{name}.jsonl"));
    std::fs::write(&source, lines).unwrap();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python =
        std::env::var_os("BENCH_PYTHON").map_or_else(|| top.join("target/venv/bin/python"), Into::into);
    let done = Command::new(python)
        .arg(top.join("benches/papers.py"))
        .arg(source)
        .arg(folder.join(format!("{name}-reportlab.pdf")))
        .arg(top.join("src/paper/fonts/DejaVuSans.ttf"))
        .arg(top.join("src/paper/fonts/DejaVuSansMono-Bold.ttf"))
        .output()
        .expect("the virtual environment of tests/run is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().parse().unwrap()
}

fn item(item: &Item) -> Value {
    match item {
        Item::Text { at, style, text } => json!({
            "kind": "text", "x": at.x, "y": at.y, "size": style.size, "text": text.expose(),
            "font": match style.font { Font::Sans => "sans", Font::Mono => "mono" },
        }),
        Item::Line {
            from,
            to,
            thickness,
            dashed,
        } => json!({
            "kind": "line", "x": from.x, "y": from.y, "x2": to.x, "y2": to.y, "thickness": thickness,
            "dashed": dashed,
        }),
        Item::Frame { area, thickness } => json!({
            "kind": "frame", "x": area.x, "y": area.y, "width": area.width, "height": area.height,
            "thickness": thickness,
        }),
        Item::Modules { at, module, symbol } => {
            let dark: String = symbol
                .dark
                .iter()
                .map(|dark| if *dark { '1' } else { '0' })
                .collect();
            json!({
                "kind": "modules", "x": at.x, "y": at.y, "module": module, "side": symbol.side, "dark": dark,
            })
        }
    }
}
