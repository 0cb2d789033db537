//! Whatever happened, the record can be printed.

use super::*;
use crate::paper::page::Item;
use proptest::prelude::*;

prop_compose! {
    fn records()(
        letter: bool,
        people in proptest::collection::vec("[A-Za-zäß ]{0,40}", 0..9),
        keys in proptest::collection::vec(("[a-zW.@-]{1,64}", "[A-Za-z :,W]{0,90}"), 0..25),
        exceptions in proptest::collection::vec("([A-Za-z0-9 .,]{0,300}|.{0,200})", 0..30),
        head: u8,
    ) -> RecordContent {
        let mut random = |bytes: &mut [u8]| bytes.fill(7);
        let key = |(account, outcome): (String, String)| KeyLine {
            label: None,
            account,
            model: outcome.clone(),
            aaguid: "00000000-0000-0000-0000-000000000000".into(),
            slip: None,
            slip_bag: "12345678901234567890123456789012".parse().ok(),
            second_slip_bag: "12345678901234567890123456789012".parse().ok(),
            key_bag: None,
            custodian: outcome.clone(),
            safe: outcome.clone(),
            fingerprint: None,
            outcome,
        };
        RecordContent {
            paper: if letter { PaperSize::Letter } else { PaperSize::A4 },
            ceremony: CeremonyId::draw(&mut random),
            began: "2026-11-22 09:02".into(),
            ended: "2026-11-22 10:41".into(),
            rehearsal: letter,
            title: exceptions.concat(),
            pass: if letter { Pass::Sealing } else { Pass::Preparing },
            aborted: !letter,
            custody: PinCustody::Rotate,
            pin_policy: "8 digits.".into(),
            sittings: people
                .iter()
                .map(|name| Sitting { officer: name.clone(), witness: name.repeat(3), from: "now".into() })
                .collect(),
            interruptions: exceptions
                .iter()
                .map(|found| Interruption {
                    stopped: "then".into(),
                    resumed: letter.then(|| "later".into()),
                    cut: letter,
                    found: found.clone(),
                })
                .collect(),
            people: people
                .into_iter()
                .map(|name| Person { role: "Custodian".into(), name })
                .collect(),
            keys: keys.into_iter().map(key).collect(),
            slips_printed: 0,
            slips_sealed: 0,
            slips_voided: Vec::new(),
            keys_seen: 0,
            keys_prepared: 0,
            keys_rejected: 0,
            exceptions: (1..)
                .zip(exceptions)
                .map(|(number, text)| Exception {
                    number,
                    kind: "Slip voided".into(),
                    subject: "slip 0001-E".into(),
                    what: text.clone(),
                    reason: text,
                })
                .collect(),
            transcript_head: HeadDigest([head; 32]),
            transcript_lines: 77,
            station: StationFingerprint([1; 32]),
            text_language: Language::ALL[usize::from(head) % Language::ALL.len()],
            earlier_stations: vec![StationFingerprint([2; 32]); usize::from(letter)],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whatever_happened_fits_on_pages(content in records()) {
        let pages = content.pages().unwrap();
        for page in &pages {
            let (width, height) = (page.paper.width() - 10.0, page.paper.height() - 8.0);
            for item in &page.items {
                let (right, bottom) = match item {
                    Item::Text { at, style, text } => (at.x + style.width(text.expose()), at.y),
                    Item::Line { to, .. } => (to.x, to.y),
                    Item::Frame { area, .. } => (area.x + area.width, area.y + area.height),
                    Item::Modules { at, module, symbol } => {
                        let side = f32::from(symbol.side) * module;
                        (at.x + side, at.y + side)
                    }
                };
                prop_assert!(right <= width && bottom <= height, "{right} x {bottom}");
            }
        }
    }
}
