//! Every document as a PDF, read back by independent programs: poppler for pixels and text, zbar for codes,
//! tesseract for the PIN.

mod labels;
mod raster;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use glasskey::id::{CeremonyId, KeyFingerprint, LabelId, SlipNumber};
use glasskey::manifest::schema::PinCustody;
use glasskey::manifest::{HeadDigest, RecordCode, StationFingerprint};
use glasskey::paper::Document;
use glasskey::paper::font::Style;
use glasskey::paper::label::{LabelContent, LabelPayload, LabelSheet};
use glasskey::paper::page::{Format, Item, Page, PaperSize};
use glasskey::paper::record::{Exception, Interruption, KeyLine, Pass, Person, RecordContent, Sitting};
use glasskey::paper::slip::{SlipContent, SlipPart};
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
        part: SlipPart::Whole,
    })
}

fn stock(name: &str) -> Stock {
    Stock::named(name).expect("it is in the table")
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
        second_slip_bag: None,
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
        title: "Emergency access, first issue 2026".into(),
        pass: Pass::Preparing,
        aborted: false,
        custody: PinCustody::Manifest,
        pin_policy: "8 random digits; trivial ones are drawn again.".into(),
        sittings: vec![Sitting {
            officer: "Margarethe Oberhuber".into(),
            witness: "José Ångström".into(),
            from: "2026-11-22 09:02".into(),
        }],
        interruptions: Vec::new(),
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
            exception(
                1,
                "Slip voided",
                "slip 0004-8",
                "The slip did not come out whole.",
            ),
            exception(
                2,
                "Key put aside",
                "label F5GV99",
                "The key did not answer to touch within 30 s.",
            ),
        ],
        transcript_head: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            .parse()
            .expect("64 digits"),
        transcript_lines: 143,
        station: "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
            .parse()
            .expect("64 digits"),
        earlier_stations: Vec::new(),
    }
}

fn exception(number: u32, kind: &str, subject: &str, what: &str) -> Exception {
    Exception {
        number,
        kind: kind.into(),
        subject: subject.into(),
        what: what.into(),
        reason: "creased in the tray; both of us saw it".into(),
    }
}

/// A record of a day on which a lot happened: eight exceptions, a change of people, a pause and a power cut.
fn eventful(paper: PaperSize, keys: u32) -> RecordContent {
    let mut content = record(paper, keys);
    content.exceptions.extend((3..=8).map(|number| {
        let mut exception = exception(
            number,
            "Restart",
            "",
            "The ceremony was taken up again after a power cut. A reset of the key in hand was begun and may have happened.",
        );
        exception.reason = "The cleaner unplugged the station by mistake while we were waiting for the touch; the \
                            key lay on the table the whole time and neither of us left the room. 山田 has been told."
            .into();
        exception
    }));
    content.sittings.push(Sitting {
        officer: "José Ångström".into(),
        witness: "Zoë Łukaszewicz-Brandt".into(),
        from: "2026-11-22 10:05".into(),
    });
    let stop = |cut: bool, found: &str| Interruption {
        stopped: "2026-11-22 09:50".into(),
        resumed: Some("2026-11-22 10:05".into()),
        cut,
        found: found.into(),
    };
    content.interruptions = vec![
        stop(false, "No key was in hand."),
        stop(
            true,
            "The key in hand may have been reset; it had no PIN of this ceremony.",
        ),
    ];
    content.keys[0].second_slip_bag = "KT-0001-4473".parse().ok();
    content.earlier_stations = vec![StationFingerprint([0xA5; 32]), StationFingerprint([0x3C; 32])];
    content
}

fn rendered(language: Language, pages: &[Page]) -> Vec<u8> {
    let spool = language.render(pages).expect("the language is supported");
    spool.joined().expose().clone()
}

fn pdf(document: &Document, pin: Option<&Pin>) -> Vec<u8> {
    let pages = document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out");
    rendered(Language::Pdf, &pages)
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
            panic!("{program} is needed for this test (Debian: poppler-utils, tesseract-ocr, zbar-tools): {error}")
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
        rendered(Language::Pdf, &pages)
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
    for stock in Stock::all() {
        let content = label(5);
        let expected = content.payload(stock);
        // The last position shows drift at its worst.
        let sheet = LabelSheet::new(stock, stock.count(), vec![content]);
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
    let stock = stock("L7651");
    let labels: Vec<_> = (1..=65).map(label).collect();
    let document = Document::Labels(LabelSheet::new(stock, 1, labels.clone()));
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
        for (keys, pages) in [(2, 1), (4, 2), (10, 2), (23, 4)] {
            let content = record(paper, keys);
            let document = Document::Record(Box::new(content.clone()));
            assert_eq!(document.check_printable(), Ok(()));
            let path = saved(&format!("record-{name}-{keys}.pdf"), &pdf(&document, None));
            let text = text_of(&path);
            for key in &content.keys {
                assert!(text.contains(&key.account), "{}", key.account);
            }
            for word in [
                "José Ångström",
                "Иван Петров",
                "9F86 D081",
                "agrees",
                "line 143",
                "trivial ones are drawn again",
            ] {
                assert!(text.contains(word), "{word}: {text}");
            }
            let made = text.matches("Ceremony record").count();
            assert!(made <= pages, "{name}: {made} pages for {keys} keys");
            let codes: Vec<_> = (1..=made)
                .flat_map(|page| {
                    let page = page.to_string();
                    let has_code = text_of_page(&path, &page).contains("Transcript head");
                    if has_code {
                        codes_of(&path, "300", &page)
                    } else {
                        Vec::new()
                    }
                })
                .collect();
            assert_eq!(codes, [content.code().to_string()]);
            let code: RecordCode = codes[0].parse().expect("it reads back");
            let words = |words: String| words.split(' ').all(|word| text.contains(word));
            assert!(words(code.station.words()) && words(code.head.words()), "{text}");
        }
    }
}

fn text_of_page(path: &Path, page: &str) -> String {
    let file = path.display().to_string();
    tool("pdftotext", &["-f", page, "-l", page, &file, "-"])
}

#[test]
fn record_tells_of_an_eventful_day() {
    for (paper, name) in [(PaperSize::A4, "a4"), (PaperSize::Letter, "letter")] {
        for keys in [2, 12] {
            let mut content = eventful(paper, keys);
            content.aborted = keys == 2;
            let path = saved(
                &format!("record-eventful-{name}-{keys}.pdf"),
                &pdf(&Document::Record(Box::new(content.clone())), None),
            );
            let text = text_of(&path);
            let words: Vec<&str> = text.split_whitespace().collect();
            let flat = words.join(" ");
            for wanted in [
                "8. Restart: The ceremony was taken up again",
                "neither of us left the room. ?? has been told.",
                "At the station from 2026-11-22 10:05 UTC: José Ångström as officer",
                "Paused at 2026-11-22 09:50 UTC, taken up again",
                "Power cut or crash after 2026-11-22 09:50 UTC",
                "A5A5 A5A5",
                "Half 2 KT-0001-4473",
            ] {
                assert!(flat.contains(wanted), "{wanted}: {flat}");
            }
            assert_eq!(flat.contains("BROKEN OFF"), content.aborted);
            for person in &content.people {
                assert!(flat.contains(&format!("{}: {} (date, signature)", person.role, person.name)));
            }
            let pages = flat.matches("page 1 of").count();
            assert_eq!(pages, 1, "{flat}");
        }
    }
}

#[test]
fn record_of_the_second_pass_says_so() {
    let mut content = record(PaperSize::A4, 2);
    content.custody = PinCustody::Rotate;
    content.pass = Pass::Sealing;
    content.transcript_head = HeadDigest([9; 32]);
    let text = text_of(&saved(
        "record-sealing.pdf",
        &pdf(&Document::Record(Box::new(content)), None),
    ));
    assert!(text.contains("Ceremony record, second pass"), "{text}");
    assert!(text.contains("0909 0909"), "{text}");
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
        commands: vec!["PCL".into()],
        language: Some(Language::Pcl5),
        offset: printer::Offset::default(),
    }
}

fn print_at(node: &Path) -> PrintError {
    printer::print(
        &Launcher::program(env!("CARGO_BIN_EXE_glasskey")),
        &printer_at(node),
        &slip(PaperSize::A4),
        Some(&pin("90417263")),
        Duration::from_mins(1),
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

#[test]
fn an_optical_reader_reads_the_pin() {
    // Every digit beside every other one, but for a gap here and there.
    let pairs: String = (0..10_u8)
        .flat_map(|a| (a..10).flat_map(move |b| if a == b { vec![a] } else { vec![a, b] }))
        .map(|digit| char::from(b'0' + digit))
        .collect();
    for secret in pairs.as_bytes().chunks(16) {
        let secret = String::from_utf8_lossy(secret).into_owned();
        let path = saved(
            &format!("slip-ocr-{secret}.pdf"),
            &pdf(&slip(PaperSize::A4), Some(&pin(&secret))),
        );
        let root = path.with_extension("panel").display().to_string();
        let file = path.display().to_string();
        // 300 dpi: the box around the PIN, without its frame.
        let cut = [
            "-x",
            "320",
            "-y",
            "1390",
            "-W",
            "1840",
            "-H",
            "140",
            "-r",
            "300",
            "-singlefile",
        ];
        tool("pdftoppm", &[&cut[..], &["-gray", &file, &root]].concat());
        let picture = format!("{root}.pgm");
        let digits = ["--psm", "7", "-c", "tessedit_char_whitelist=0123456789"];
        let read = tool("tesseract", &[&[picture.as_str(), "-"], &digits[..]].concat());
        let read: String = read.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(read, secret);
    }
}

/// A page as text, one item a line, so that a change of layout is reviewed like code.
fn snapshot(document: &Document, pin: Option<&Pin>) -> String {
    let pages = document
        .pages(pin, &mut seeded(99))
        .expect("the page is laid out");
    let mut lines = Vec::new();
    for (index, page) in pages.iter().enumerate() {
        let Format::Sheet(paper) = page.paper else {
            panic!("a layout on a sheet");
        };
        lines.push(format!("page {} {paper:?}", index + 1));
        for item in &page.items {
            lines.push(match item {
                Item::Text { at, style, text } => {
                    let Style { font, size } = style;
                    format!("{:6.1} {:6.1}  {font:?} {size:.1}  {}", at.x, at.y, text.expose())
                }
                Item::Line {
                    from,
                    to,
                    thickness,
                    dashed,
                } => {
                    let kind = if *dashed { "dashes" } else { "line" };
                    format!(
                        "{:6.1} {:6.1}  {kind} to {:.1} {:.1}, {thickness:.2}",
                        from.x, from.y, to.x, to.y
                    )
                }
                Item::Frame { area, thickness } => {
                    let [x, y, w, h] = [area.x, area.y, area.width, area.height];
                    format!("{x:6.1} {y:6.1}  frame {w:.1} x {h:.1}, {thickness:.2}")
                }
                Item::Modules { at, module, symbol } => {
                    format!(
                        "{:6.1} {:6.1}  code of {} modules, {module:.3}",
                        at.x, at.y, symbol.side
                    )
                }
            });
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn layouts_are_the_reviewed_ones() {
    let labels = Document::Labels(LabelSheet::new(stock("L7651"), 7, vec![label(5)]));
    let cases = [
        ("slip-a4", slip(PaperSize::A4), Some(pin("90417263"))),
        ("slip-letter", slip(PaperSize::Letter), Some(pin("90417263"))),
        ("label-l7651", labels, None),
        (
            "record-a4",
            Document::Record(Box::new(record(PaperSize::A4, 4))),
            None,
        ),
    ];
    for (name, document, secret) in cases {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/paper/{name}.txt"));
        let now = snapshot(&document, secret.as_ref());
        if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
            fs::write(&path, &now).expect("the reviewed layout is writable");
        }
        let reviewed = fs::read_to_string(&path).expect("there is a reviewed layout");
        assert_eq!(
            now, reviewed,
            "{name}: run with GLASSKEY_ACCEPT=1 and review the difference"
        );
    }
}
