//! Whatever happened, the record can be printed.

use super::*;
use crate::paper::page::Item;
use proptest::prelude::*;

prop_compose! {
    fn records()(
        letter: bool,
        people in proptest::collection::vec("[A-Za-zäß ]{0,40}", 0..9),
        keys in proptest::collection::vec(("[a-zW.@-]{1,64}", "[A-Za-z :,W]{0,90}"), 0..25),
        exceptions in proptest::collection::vec("[A-Za-z0-9 .,]{0,300}", 0..30),
    ) -> RecordContent {
        let mut random = |bytes: &mut [u8]| bytes.fill(7);
        let key = |(account, outcome): (String, String)| KeyLine {
            label: None,
            account,
            model: outcome.clone(),
            aaguid: "00000000-0000-0000-0000-000000000000".into(),
            slip: None,
            slip_bag: "12345678901234567890123456789012".parse().ok(),
            key_bag: None,
            custodian: outcome.clone(),
            fingerprint: None,
            outcome,
        };
        RecordContent {
            paper: if letter { PaperSize::Letter } else { PaperSize::A4 },
            ceremony: CeremonyId::draw(&mut random),
            began: "2026-11-22 09:02".into(),
            ended: "2026-11-22 10:41".into(),
            rehearsal: letter,
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
            exceptions,
            transcript_head: "0".repeat(64),
            station_fingerprint: "F".repeat(64),
            station_words: ["word"; 24].join(" "),
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
