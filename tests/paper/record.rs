//! The ceremony record: everything is on it, and its code scans.

use glasskey::manifest::schema::PinCustody;
use glasskey::manifest::{HeadDigest, RecordCode};
use glasskey::paper::Document;
use glasskey::paper::page::PaperSize;
use glasskey::paper::record::Pass;

use crate::fixtures::{eventful, record};
use crate::tools::{codes_of, pdf, saved, text_of, text_of_page};

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
            let pages = flat
                .matches(&format!("Ceremony {}, page 1 of", content.ceremony))
                .count();
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
