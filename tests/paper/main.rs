//! Every document as a PDF, read back by independent programs: poppler for pixels and text, zbar for codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use glasskey::id::{CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use glasskey::paper::Document;
use glasskey::paper::label::{LabelContent, LabelPayload, LabelSheet};
use glasskey::paper::page::PaperSize;
use glasskey::paper::record::{KeyLine, Person, RecordContent};
use glasskey::paper::slip::SlipContent;
use glasskey::paper::stock::Stock;
use glasskey::printer::{self, Language, PrintError, Printer};
use glasskey::secret::{Pin, Secret};
use glasskey::worker::Launcher;

/// A generator with a seed, so that pages are the same in every run.
fn seeded(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
    }
}

fn pin(text: &str) -> Pin {
    Secret::new(text.to_owned())
}

fn ceremony() -> CeremonyId {
    CeremonyId::draw(&mut seeded(1))
}

fn slip(paper: PaperSize) -> Document {
    Document::Slip(SlipContent {
        slip: SlipNumber::new(7).expect("in range"),
        label: LabelId::draw(&mut seeded(2)),
        ceremony: ceremony(),
        date: "2026-11-22".into(),
        custodian: "Zoë Łukaszewicz-Brandt, safe in building 2".into(),
        paper,
    })
}

fn label(seed: u64) -> LabelContent {
    LabelContent {
        label: LabelId::draw(&mut seeded(seed)),
        ceremony: ceremony(),
        fingerprint: KeyFingerprint::of(&seed.to_le_bytes()),
    }
}

fn record(paper: PaperSize, keys: u32) -> RecordContent {
    let person = |role: &str, name: &str| Person {
        role: role.into(),
        name: name.into(),
    };
    let key = |number: u32| KeyLine {
        label: Some(LabelId::draw(&mut seeded(number.into()))),
        account: format!("bg-{number:02}-emergency@contoso-international.onmicrosoft.com"),
        model: "Token2 PIN+ Dual Release 3".into(),
        aaguid: "eabb46cc-e241-80bf-ae9e-96fa6d2975cf".into(),
        slip: SlipNumber::new(number),
        slip_bag: format!("KT-00{number:02}-4471").parse().ok(),
        key_bag: format!("KT-00{number:02}-4472").parse().ok(),
        custodian: "Zoë Łukaszewicz-Brandt".into(),
        fingerprint: Some(KeyFingerprint::of(&number.to_le_bytes())),
        outcome: "Prepared".into(),
    };
    let mut lines: Vec<KeyLine> = (1..=keys).map(key).collect();
    if let Some(last) = lines.last_mut() {
        last.outcome = "Rejected: no touch within 30 s, returned to the vendor".into();
        last.slip_bag = None;
        last.key_bag = None;
        last.fingerprint = None;
    }
    RecordContent {
        paper,
        ceremony: ceremony(),
        began: "2026-11-22 09:02".into(),
        ended: "2026-11-22 10:41".into(),
        rehearsal: false,
        people: vec![
            person("Security officer", "Margarethe Oberhuber"),
            person("Witness", "José Ångström"),
            person("Custodian", "Zoë Łukaszewicz-Brandt"),
            person("Custodian", "Иван Петров"),
        ],
        keys: lines,
        slips_printed: keys + 1,
        slips_sealed: keys,
        slips_voided: vec![SlipNumber::new(4).expect("in range")],
        keys_seen: keys,
        keys_prepared: keys - 1,
        keys_rejected: 1,
        exceptions: vec![
            "Slip 0004 came out creased; its number was voided and a new PIN was drawn.".into(),
            "One key did not answer to touch and was rejected.".into(),
        ],
        transcript_head: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        station_fingerprint: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752".into(),
        station_words: "zoo wrong abandon ability able about above absent absorb abstract absurd abuse \
                        access accident account accuse achieve acid acoustic acquire across act action \
                        actor"
            .into(),
    }
}

fn pdf(document: &Document, pin: Option<&Pin>) -> Vec<u8> {
    let pages = document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out");
    Language::Pdf.render(&pages).expect("PDF is supported")
}

fn saved(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the folder for test output is writable");
    path
}

/// Runs a tool and returns its output.
fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!("{program} is needed for this test (Debian: poppler-utils, zbar-tools): {error}")
        });
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn text_of(path: &Path) -> String {
    tool("pdftotext", &["-layout", &path.display().to_string(), "-"])
}

/// The words on a page inside a rectangle in millimetres: x, y, width, height.
fn text_within(path: &Path, area: [f32; 4]) -> String {
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
fn codes_of(path: &Path, dpi: &str, page: &str) -> Vec<String> {
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

#[test]
fn only_the_pin_stands_in_digits_on_the_middle_panel() {
    for (paper, height, name) in [(PaperSize::A4, 297.0, "a4"), (PaperSize::Letter, 279.4, "letter")] {
        // With half the height of the box around the PIN, in millimetres.
        for (secret, half) in [
            ("4821", 7.0),
            ("90417263", 7.0),
            ("174068352991", 7.0),
            ("3856209471", 7.0),
            ("ACDE-3479-acde-3479-HKMN", 13.0),
            (&"3479".repeat(15), 16.0),
        ] {
            let path = saved(
                &format!("slip-{name}-{}.pdf", secret.len()),
                &pdf(&slip(paper), Some(&pin(secret))),
            );
            let panel = height / 3.0;
            let words = text_within(&path, [0.0, panel + 25.0 - half, 216.0, 2.0 * half]);
            let joined: String = words.split_whitespace().collect();
            assert_eq!(joined, secret, "{name}: {words:?}");
            let whole = text_within(&path, [0.0, panel + 2.0, 216.0, panel - 4.0]);
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            assert_eq!(digits(&whole), digits(secret), "{name}: {whole:?}");
            assert!(whole.contains("Spaces are not typed."));
        }
    }
}

#[test]
fn slip_names_its_number_on_cover_and_inside_but_no_account() {
    let path = saved("slip.pdf", &pdf(&slip(PaperSize::A4), Some(&pin("90417263"))));
    let number = SlipNumber::new(7).expect("in range").to_string();
    let cover = text_within(&path, [0.0, 0.0, 210.0, 54.0]);
    for text in [
        "Sealed PIN slip",
        "Do not accept if opened.",
        "Bag number",
        &number,
        "2026-11-22",
    ] {
        assert!(cover.contains(text), "{text}: {cover}");
    }
    let inside = text_within(&path, [0.0, 198.0, 210.0, 55.0]);
    assert!(
        inside.contains(&number) && inside.contains("In an emergency"),
        "{inside}"
    );
    assert!(!text_of(&path).contains('@'));
}

#[test]
fn slip_refuses_a_pin_that_could_be_misread() {
    for wrong in ["", "12 34", "12\u{e9}4", "１２３４", &"1".repeat(64)] {
        let refused = slip(PaperSize::A4).pages(Some(&pin(wrong)), &mut seeded(1));
        assert!(refused.is_err(), "{wrong:?}");
    }
}

#[test]
fn obscuring_digits_differ_from_slip_to_slip() {
    let document = slip(PaperSize::A4);
    let secret = pin("90417263");
    let draw = |seed| {
        let pages = document
            .pages(Some(&secret), &mut seeded(seed))
            .expect("laid out");
        Language::Pdf.render(&pages)
    };
    assert_ne!(draw(1), draw(2));
}

#[test]
fn equal_pages_give_equal_bytes() {
    let documents = [
        (slip(PaperSize::A4), Some(pin("90417263"))),
        (Document::Record(Box::new(record(PaperSize::A4, 4))), None),
    ];
    for (document, secret) in documents {
        let first = pdf(&document, secret.as_ref());
        assert_eq!(first, pdf(&document, secret.as_ref()));
        assert!(first.len() < 100_000, "{} bytes", first.len());
    }
}

#[test]
fn labels_of_every_stock_scan_at_300_and_600_dpi() {
    for stock in Stock::ALL {
        let content = label(5);
        let expected = content.payload(stock);
        // The last position shows drift at its worst.
        let sheet = LabelSheet {
            stock,
            start: stock.count(),
            shift: (0, 0),
            labels: vec![content],
        };
        let path = saved(
            &format!("label-{stock}.pdf"),
            &pdf(&Document::Labels(sheet), None),
        );
        for dpi in ["300", "600"] {
            let codes = codes_of(&path, dpi, "1");
            assert_eq!(codes, [expected.to_string()], "{stock} at {dpi} dpi");
            assert_eq!(codes[0].parse::<LabelPayload>().as_ref(), Ok(&expected));
        }
    }
}

#[test]
fn every_label_on_a_full_sheet_scans_by_itself() {
    let stock = Stock::L7651;
    let labels: Vec<_> = (1..=65).map(label).collect();
    let document = Document::Labels(LabelSheet {
        stock,
        start: 1,
        shift: (0, 0),
        labels: labels.clone(),
    });
    let path = saved("labels-full.pdf", &pdf(&document, None));
    let file = path.display().to_string();
    let geometry = stock.geometry();
    // Cut out along the edges of the label, as scissors would; zbar misses codes where dozens are in sight.
    for position in [0_u16, 4, 7, 32, 47, 60, 64] {
        let (column, row) = (position % geometry.columns, position / geometry.columns);
        let dots = |length: f32| format!("{:.0}", length / 25.4 * 600.0);
        let x = dots(geometry.left + f32::from(column) * geometry.pitch_x);
        let y = dots(geometry.top + f32::from(row) * geometry.pitch_y);
        let (w, h) = (dots(geometry.width), dots(geometry.height));
        let root = path.with_extension(format!("cut{position}"));
        let root = root.display().to_string();
        let cut = [
            "-r",
            "600",
            "-mono",
            "-singlefile",
            "-x",
            &x,
            "-y",
            &y,
            "-W",
            &w,
            "-H",
            &h,
            &file,
            &root,
        ];
        tool("pdftoppm", &cut);
        let picture = format!("{root}.pbm");
        let code = tool(
            "zbarimg",
            &["-q", "--raw", "-Sdisable", "-Sqrcode.enable", &picture],
        );
        let expected = labels[usize::from(position)].payload(stock).to_string();
        assert_eq!(code.trim(), expected, "position {position}");
    }
}

#[test]
fn record_shows_everything_and_its_code_scans() {
    for (paper, name) in [(PaperSize::A4, "a4"), (PaperSize::Letter, "letter")] {
        for (keys, pages) in [(4, 1), (10, 2), (23, 4)] {
            let content = record(paper, keys);
            let document = Document::Record(Box::new(content.clone()));
            assert_eq!(document.check_printable(), Ok(()));
            let path = saved(&format!("record-{name}-{keys}.pdf"), &pdf(&document, None));
            let text = text_of(&path);
            for key in &content.keys {
                assert!(text.contains(&key.account), "{}", key.account);
            }
            for word in ["José Ångström", "Иван Петров", "9F86 D081", "acoustic", "agrees"] {
                assert!(text.contains(word), "{word}: {text}");
            }
            let made = text.matches("Ceremony record").count();
            assert!(made <= pages, "{name}: {made} pages for {keys} keys");
            let codes: Vec<_> = (1..=made)
                .flat_map(|page| {
                    let page = page.to_string();
                    let has_code = text_of_page(&path, &page).contains("Transcript head");
                    has_code
                        .then(|| codes_of(&path, "300", &page))
                        .unwrap_or_default()
                })
                .collect();
            let fingerprint = content.station_fingerprint.to_uppercase();
            assert_eq!(codes, [format!("GLASSKEY-STATION:1:{fingerprint}")]);
        }
    }
}

fn text_of_page(path: &Path, page: &str) -> String {
    let file = path.display().to_string();
    tool("pdftotext", &["-f", page, "-l", page, &file, "-"])
}

#[test]
fn record_says_when_numbers_do_not_agree() {
    let mut content = record(PaperSize::A4, 4);
    content.slips_printed += 1;
    let path = saved(
        "record-disagrees.pdf",
        &pdf(&Document::Record(Box::new(content)), None),
    );
    assert!(text_of(&path).contains("DOES NOT AGREE"));
}

#[test]
fn unprintable_names_are_found_without_a_pin() {
    let Document::Slip(mut content) = slip(PaperSize::A4) else {
        panic!("it is a slip")
    };
    content.custodian = "山田太郎".into();
    let error = Document::Slip(content)
        .check_printable()
        .expect_err("not covered");
    assert_eq!(
        error.to_string(),
        "the character '山' (U+5C71) in the custodian cannot be printed"
    );
    assert!(slip(PaperSize::A4).check_printable().is_ok());
}

fn printer_at(node: &Path) -> Printer {
    Printer {
        name: "lp0".into(),
        node: node.to_owned(),
        port: "1-1".into(),
        make: "ACME".into(),
        model: "Laser".into(),
        commands: vec!["PDF".into()],
        language: Some(Language::Pdf),
    }
}

fn print_at(node: &Path) -> PrintError {
    printer::print(
        &Launcher::program(env!("CARGO_BIN_EXE_glasskey")),
        &printer_at(node),
        &slip(PaperSize::A4),
        Some(&pin("90417263")),
        Duration::from_secs(60),
        &AtomicBool::new(false),
        &mut |_| {},
    )
    .expect_err("there is no printer")
}

#[test]
fn the_printing_process_never_makes_a_file_of_a_missing_printer() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-lp0");
    assert!(matches!(print_at(&missing), PrintError::Open { .. }));
    assert!(!missing.exists());
    let plain = saved("plain-lp0", b"before");
    assert!(matches!(print_at(&plain), PrintError::NotAPrinter(_)));
    assert_eq!(fs::read(&plain).expect("it is there"), b"before");
    assert!(matches!(
        print_at(Path::new("/dev/null")),
        PrintError::NotAPrinter(_)
    ));
}
