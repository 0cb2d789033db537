//! The inventory: every key with all that is known of it, ten on a page, each page with its signatures.

use glasskey::paper::Document;
use glasskey::paper::page::PaperSize;

use crate::fixtures::record;
use crate::tools::{pdf, saved, text_of_page, tool};

#[test]
fn every_key_stands_on_the_inventory_and_every_page_can_be_signed() {
    for (paper, name) in [(PaperSize::A4, "a4"), (PaperSize::Letter, "letter")] {
        let content = record(paper, 23);
        let document = Document::Record(Box::new(content.clone()));
        let path = saved(&format!("inventory-{name}.pdf"), &pdf(&document, None));
        let info = tool("pdfinfo", &[&path.display().to_string()]);
        let count = info.lines().find_map(|line| line.strip_prefix("Pages:"));
        let count: u32 = count
            .expect("a number of pages")
            .trim()
            .parse()
            .expect("a number");
        let pages: Vec<String> = (1..=count)
            .map(|page| text_of_page(&path, &page.to_string()))
            .collect();
        let inventory: Vec<&String> = pages
            .iter()
            .filter(|page| page.contains("Key inventory"))
            .collect();
        assert_eq!(inventory.len(), 3, "{name}");
        for (number, (page, keys)) in (1..).zip(inventory.iter().zip(content.keys.chunks(10))) {
            let foot = format!(
                "Key inventory of ceremony {}, page {number} of 3",
                content.ceremony
            );
            for text in [
                foot.as_str(),
                "Officer (name, date, signature)",
                "Witness (name, date, signature)",
                "Received by (name, date, signature)",
            ] {
                assert!(page.contains(text), "{text}: {page}");
            }
            for key in keys {
                let (user, domain) = key.account.split_once('@').expect("an account");
                let ids = [
                    key.label.as_ref().map(ToString::to_string),
                    key.slip.map(|slip| slip.to_string()),
                    key.slip_bag.as_ref().map(ToString::to_string),
                    key.key_bag.as_ref().map(ToString::to_string),
                    key.fingerprint.as_ref().map(ToString::to_string),
                ];
                let texts = [user, domain, &key.model, &key.aaguid, &key.custodian, &key.safe];
                for text in ids.iter().flatten().map(String::as_str).chain(texts) {
                    assert!(page.contains(text), "{text}: {page}");
                }
            }
        }
        assert!(inventory[2].contains("no touch"), "{}", inventory[2]);
    }
}

#[test]
fn a_record_without_keys_has_no_inventory() {
    let pages = |keys: usize| {
        let mut content = record(PaperSize::A4, 1);
        content.keys.truncate(keys);
        content.exceptions.clear();
        content.pages().expect("laid out").len()
    };
    assert_eq!(pages(0) + 1, pages(1));
}
