//! The words on paper, from one file for each language.
//!
//! A file has a table for each document and a text for each name below; `{name}` stands for what is filled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::de::DeTable;

use crate::language::Language;

/// Declares the texts, so that a text that no file could have does not compile.
macro_rules! texts {
    ($($table:ident: $texts:ident { $($key:ident),* $(,)? })*) => {
        $(
            #[doc = concat!("Texts of the table `", stringify!($table), "`.")]
            #[derive(Debug)]
            pub(super) struct $texts {
                $(pub(super) $key: String,)*
            }
        )*

        /// All texts of a language.
        #[derive(Debug)]
        pub(super) struct Texts {
            $(pub(super) $table: $texts,)*
        }

        impl Texts {
            fn taken(mut from: BTreeMap<(String, String), String>) -> Option<Self> {
                let texts = Self {
                    $($table: $texts {
                        $($key: from.remove(&(stringify!($table).to_owned(), stringify!($key).to_owned()))?,)*
                    },)*
                };
                from.is_empty().then_some(texts)
            }
        }
    };
}

texts! {
    slip: SlipTexts {
        title_whole, title_first, title_second, number, label, ceremony, date, custodian, warning, compare, bag, officer_signs, witness_signs, fold_back, fold_up, pin_whole, pin_first, pin_second, spaces, account, log, log_rule, log_time, log_name, log_reason, log_signature, emergency, emergency_whole, emergency_half, broken, broken_rule, footer,
    }
    record: RecordTexts {
        title, title_sealing, ceremony, times, rehearsal, aborted, rehearsal_aborted, foot, note, custody, custody_manifest, custody_slip, custody_rotate, pins, pins_digits, pins_alphanumeric, pins_halves, people, officer, witness, custodian, sitting, keys, keys_continued, column_label, column_account, column_bags, column_custodian, key_bag, second_bag, prepared, sealed, transport_pin, put_aside, reconciliation, slips_sum, keys_sum, agrees, disagrees, voided, exceptions, none, reason, slip_void, key_put_aside, restart, broken_off, pin_typed, key_not_proven, subject_key, subject_slip, stops, cut_at, paused_at, resumed_at, not_resumed, fingerprints, station_key, head, station_words, head_words, earlier_stations, signatures, statement, signs,
    }
    inventory: InventoryTexts {
        title, as_of, foot, note, column_custodian, seen, signatures, officer, witness, keeper,
    }
    form: FormTexts {
        title, title_note, number, label, ceremony, date, custodian, bag, witness, warning, compare, fold_back, fold_up, grid, end, rules, rule_1, rule_2, rule_3, rule_4, emergency, emergency_rule, footer,
    }
    label: LabelTexts {
        title, ceremony, fingerprint,
    }
}

/// The texts of a language.
pub(super) fn of(language: Language) -> &'static Texts {
    static TEXTS: LazyLock<Vec<(Language, Texts)>> = LazyLock::new(|| {
        let read = |language: Language| Some((language, Texts::taken(read(language.texts())?)?));
        Language::ALL.into_iter().filter_map(read).collect()
    });
    let found = TEXTS.iter().find(|(known, _)| *known == language);
    &found
        .expect("the files are part of the program, and a test reads them")
        .1
}

/// Every text of a file by table and name; nothing of a file that is no such table.
fn read(file: &str) -> Option<BTreeMap<(String, String), String>> {
    let file = DeTable::parse(file).ok()?;
    let mut texts = BTreeMap::new();
    for (table, members) in file.get_ref() {
        for (name, text) in members.get_ref().as_table()? {
            let key = (table.get_ref().to_string(), name.get_ref().to_string());
            texts.insert(key, text.get_ref().as_str()?.to_owned());
        }
    }
    Some(texts)
}

/// The text with what stands for `{name}`; what is filled in is taken as it is.
pub(super) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        out.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::font::{Font, Style};

    fn placeholders(text: &str) -> Vec<&str> {
        let mut names: Vec<&str> = text
            .split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}').map(|(name, _)| name))
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn all_files_have_the_same_texts_with_the_same_places_to_fill() {
        let [first, others @ ..] = &Language::ALL;
        let reference = read(first.texts()).unwrap();
        for language in others {
            let texts = read(language.texts()).unwrap();
            let code = language.code();
            assert!(texts.keys().eq(reference.keys()), "{code}");
            for (key, text) in &texts {
                assert_eq!(
                    placeholders(text),
                    placeholders(&reference[key]),
                    "{code}: {key:?}"
                );
            }
        }
    }

    #[test]
    fn every_file_is_whole_and_one_with_a_text_more_or_less_is_not() {
        for language in Language::ALL {
            let texts = read(language.texts()).unwrap();
            assert!(Texts::taken(texts.clone()).is_some(), "{}", language.code());
            let mut less = texts.clone();
            less.pop_last();
            assert!(Texts::taken(less).is_none());
            let mut more = texts;
            more.insert(("slip".into(), "unheard-of".into()), String::new());
            assert!(Texts::taken(more).is_none());
        }
        assert!(read("slip = 1").is_none() && read("not toml").is_none());
    }

    #[test]
    fn every_text_can_be_printed_and_says_something() {
        for language in Language::ALL {
            for (key, text) in read(language.texts()).unwrap() {
                assert_eq!(text.trim(), text, "{key:?}");
                assert!(!text.is_empty(), "{key:?}");
                for font in Font::ALL {
                    assert_eq!(Style { font, size: 10.0 }.check("text", &text), Ok(()), "{key:?}");
                }
            }
        }
    }

    #[test]
    fn places_are_filled_and_what_is_filled_in_stays_as_it_is() {
        let filled = |text| filled(text, &[("a", "{b}"), ("b", "2")]);
        assert_eq!(filled("{a} and {b}{c}."), "{b} and 2.");
        assert_eq!(filled("nothing { here"), "nothing { here");
    }
}
