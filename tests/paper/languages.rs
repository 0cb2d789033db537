//! Every language on every paper: each text fits its place, and German papers are German.

use glasskey::id::Upn;
use glasskey::language::Language;
use glasskey::manifest::schema::PinCustody;
use glasskey::paper::Document;
use glasskey::paper::form;
use glasskey::paper::label::LabelSheet;
use glasskey::paper::page::PaperSize;
use glasskey::paper::record::{Pass, RecordContent};
use glasskey::paper::slip::{SlipContent, SlipPart};
use glasskey::paper::stock::Stock;
use glasskey::plan::MAX_NAME;

use crate::fixtures::{eventful, in_language, label, pin, record, seeded, slip_content, slip_with};
use crate::tools::{pdf, saved, text_of};

const PAPERS: [PaperSize; 2] = [PaperSize::A4, PaperSize::Letter];
/// Names and accounts of the greatest length that a plan takes.
const LONG_NAME: &str = "Dr. Maximiliane Freifrau von Hohenzollern-Oettingen in Ulm/D";
const LONG_ACCOUNT: &str = "notfallkonto-nummer-1@verwaltungsgesellschaft-no.onmicrosoft.com";

#[test]
fn slips_and_forms_fit_their_panels() {
    assert_eq!(
        (LONG_NAME.chars().count(), LONG_ACCOUNT.len()),
        (MAX_NAME, Upn::MAX)
    );
    for language in Language::ALL {
        let code = language.code();
        for paper in PAPERS {
            for part in [SlipPart::Whole, SlipPart::FirstHalf, SlipPart::SecondHalf] {
                let slip = Document::Slip(SlipContent {
                    custodian: LONG_NAME.into(),
                    account: Some(LONG_ACCOUNT.into()),
                    ..slip_content(paper, part, language)
                });
                for length in [6, 16, 17, 40, 63] {
                    let pages = slip.pages(Some(&pin(&"7".repeat(length))), &mut seeded(1));
                    assert!(pages.is_ok(), "{code}, {paper:?}, {part:?}: {:?}", pages.err());
                }
            }
            assert!(form::page(paper, language).is_ok(), "{code}, {paper:?}");
        }
    }
}

#[test]
fn records_and_labels_fit_their_pages() {
    for language in Language::ALL {
        let code = language.code();
        for content in PAPERS.into_iter().flat_map(|p| [record(p, 23), eventful(p, 12)]) {
            for (rehearsal, aborted) in [(false, false), (true, false), (false, true), (true, true)] {
                let content = RecordContent {
                    rehearsal,
                    aborted,
                    pass: if aborted { Pass::Sealing } else { Pass::Preparing },
                    custody: PinCustody::Rotate,
                    ..in_language(content.clone(), language)
                };
                let document = Document::Record(Box::new(content));
                assert_eq!(document.check_printable(), Ok(()), "{code}");
            }
        }
        for stock in Stock::all() {
            let sheet = LabelSheet::new(stock, 1, vec![label(5)]).written_in(language);
            assert_eq!(
                Document::Labels(sheet).check_printable(),
                Ok(()),
                "{code}, {stock}"
            );
        }
    }
}

#[test]
fn a_german_slip_and_a_german_record_are_german() {
    let german = Language::ALL[1];
    let slip = slip_with(PaperSize::A4, SlipPart::Whole, german);
    let text = text_of(&saved("slip-german.pdf", &pdf(&slip, Some(&pin("90417263")))));
    for word in [
        "Versiegelter PIN-Brief",
        "Geöffnet nicht annehmen.",
        "Notfallkonto",
        "Verwahrer/in",
        "Siegelbeutel",
        "Sicherheitsschlüssel",
        "2026-11-22",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("Sealed") && !text.contains('{'), "{text}");
    let content = in_language(record(PaperSize::A4, 4), german);
    let foot = format!("Zeremonie {}, Seite 1 von", content.ceremony);
    let document = Document::Record(Box::new(content));
    let text = text_of(&saved("record-german.pdf", &pdf(&document, None)));
    for word in [
        "Protokoll der Zeremonie",
        "PIN-Briefe: 5 gedruckt = 4 versiegelt + 1 ungültig: stimmt.",
        "Schlüssel: 4 gesehen = 3 vorbereitet + 1 ausgesondert: stimmt.",
        "Schlüsselinventar",
        "Sicherheitsleitung: Margarethe Oberhuber (Datum, Unterschrift)",
        &foot,
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(!text.contains("agrees") && !text.contains('{'), "{text}");
}
