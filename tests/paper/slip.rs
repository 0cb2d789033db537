//! Slips: the PIN can be read by whoever opens one, and by nobody else.

use glasskey::id::SlipNumber;
use glasskey::language::Language as TextLanguage;
use glasskey::paper::Document;
use glasskey::paper::page::PaperSize;
use glasskey::paper::slip::{SlipContent, SlipPart};
use glasskey::printer::Language;

use crate::fixtures::{pin, seeded, slip, slip_content};
use crate::tools::{pdf, rendered, saved, text_within, tool};

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
fn slip_names_its_number_on_cover_and_inside() {
    let path = saved("slip.pdf", &pdf(&slip(PaperSize::A4), Some(&pin("90417263"))));
    let number = SlipNumber::new(7).expect("in range").to_string();
    let cover = text_within(&path, [0.0, 0.0, 210.0, 54.0]);
    for text in [
        "Sealed PIN slip",
        "Do not accept if opened.",
        "Bag number",
        "Officer, signature",
        "Witness, signature",
        "Zoë Łukaszewicz-Brandt",
        &number,
        "2026-11-22",
    ] {
        assert!(cover.contains(text), "{text}: {cover}");
    }
    let inside = text_within(&path, [0.0, 198.0, 210.0, 55.0]);
    for text in ["In an emergency", "If the seal is broken", &number] {
        assert!(inside.contains(text), "{text}: {inside}");
    }
}

/// Text of the cover and of the middle panel.
fn panels(content: SlipContent, secret: &str) -> [String; 2] {
    let third = content.paper.height() / 3.0;
    let path = saved(
        "slip-panels.pdf",
        &pdf(&Document::Slip(content), Some(&pin(secret))),
    );
    [0.0, third].map(|top| text_within(&path, [0.0, top, 216.0, third]))
}

#[test]
fn account_stands_beside_the_pin_where_the_plan_wants_it_and_never_on_the_cover() {
    let account = "emergency-one@contoso-international.onmicrosoft.com";
    let secret = "90417263".repeat(8);
    for paper in [PaperSize::A4, PaperSize::Letter] {
        for length in [8, 20, 60] {
            let content = SlipContent {
                account: Some(account.into()),
                ..slip_content(paper, SlipPart::Whole, TextLanguage::default())
            };
            let bare = SlipContent {
                account: None,
                ..content.clone()
            };
            let [cover, middle] = panels(content, &secret[..length]);
            assert!(middle.contains(account), "{middle}");
            assert!(!cover.contains('@'), "{cover}");
            let [cover, middle] = panels(bare, &secret[..length]);
            assert!(!cover.contains('@') && !middle.contains('@'), "{middle}");
            assert!(!middle.contains("Account"), "{middle}");
        }
    }
}

#[test]
fn names_in_alphabets_are_printed_as_they_are_written() {
    for name in [
        "Zoë Łukaszewicz-Brandt",
        "Nguyễn Thị Hồng Nhung",
        "Οδυσσέας Παπαδόπουλος",
        "Іван Петренко",
        "Արմեն Սարգսյան",
    ] {
        let content = SlipContent {
            custodian: name.into(),
            ..slip_content(PaperSize::A4, SlipPart::Whole, TextLanguage::default())
        };
        let [cover, _] = panels(content, "90417263");
        assert!(cover.contains(name), "{name}: {cover}");
    }
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
fn unprintable_names_are_found_without_a_pin() {
    for (name, told) in [
        ("山田太郎", "'山' (U+5C71)"),
        ("محمد", "'م' (U+0645)"),
        ("A שלום", "'ש' (U+05E9)"),
    ] {
        let content = SlipContent {
            custodian: name.into(),
            ..slip_content(PaperSize::A4, SlipPart::FirstHalf, TextLanguage::default())
        };
        let error = Document::Slip(content)
            .check_printable()
            .expect_err("not covered");
        assert_eq!(
            error.to_string(),
            format!("the character {told} in the custodian cannot be printed")
        );
    }
    assert!(slip(PaperSize::A4).check_printable().is_ok());
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
