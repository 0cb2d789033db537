//! Which characters come out on paper as they are written: decided here, so that a plan is refused before it travels.
//!
//! Papers set glyph after glyph. Combining marks, Arabic, Hebrew or Indic scripts need shaping, which is not done, and the
//! fonts hold no Chinese, Japanese or Korean; a test of the fonts holds this list and their coverage together.

use std::ops::RangeInclusive;

/// Runs of characters that DejaVu Sans 2.37 has and that stand by themselves, from left to right, in order.
const RUNS: &[RangeInclusive<char>] = &[
    // Latin with all its accents, and phonetic letters
    ' '..='~',
    '\u{a0}'..='\u{ac}',
    '\u{ae}'..='\u{2e9}',
    '\u{2ec}'..='\u{2ee}',
    '\u{2f3}'..='\u{2f3}',
    '\u{2f7}'..='\u{2f7}',
    // Greek and Cyrillic
    '\u{370}'..='\u{377}',
    '\u{37a}'..='\u{37f}',
    '\u{384}'..='\u{38a}',
    '\u{38c}'..='\u{38c}',
    '\u{38e}'..='\u{3a1}',
    '\u{3a3}'..='\u{482}',
    '\u{48a}'..='\u{525}',
    // Armenian and Georgian
    '\u{531}'..='\u{556}',
    '\u{559}'..='\u{55f}',
    '\u{561}'..='\u{587}',
    '\u{589}'..='\u{589}',
    '\u{10a0}'..='\u{10c5}',
    '\u{10d0}'..='\u{10fc}',
    // Latin for Vietnamese and others, Greek with all its accents
    '\u{1e00}'..='\u{1efb}',
    '\u{1f00}'..='\u{1f15}',
    '\u{1f18}'..='\u{1f1d}',
    '\u{1f20}'..='\u{1f45}',
    '\u{1f48}'..='\u{1f4d}',
    '\u{1f50}'..='\u{1f57}',
    '\u{1f59}'..='\u{1f59}',
    '\u{1f5b}'..='\u{1f5b}',
    '\u{1f5d}'..='\u{1f5d}',
    '\u{1f5f}'..='\u{1f7d}',
    '\u{1f80}'..='\u{1fb4}',
    '\u{1fb6}'..='\u{1fc4}',
    '\u{1fc6}'..='\u{1fd3}',
    '\u{1fd6}'..='\u{1fdb}',
    '\u{1fdd}'..='\u{1fef}',
    '\u{1ff2}'..='\u{1ff4}',
    '\u{1ff6}'..='\u{1ffe}',
    // Punctuation, currencies, signs
    '\u{2010}'..='\u{2027}',
    '\u{2030}'..='\u{205e}',
    '\u{2070}'..='\u{2071}',
    '\u{2074}'..='\u{208e}',
    '\u{20a0}'..='\u{20b5}',
    '\u{20b8}'..='\u{20ba}',
    '\u{20bd}'..='\u{20bd}',
    '\u{2100}'..='\u{2109}',
    '\u{210b}'..='\u{2149}',
    '\u{2190}'..='\u{22ff}',
];

/// Whether a character comes out as it is written.
#[must_use]
pub fn is_printable(character: char) -> bool {
    let after = RUNS.partition_point(|run| *run.end() < character);
    RUNS.get(after).is_some_and(|run| run.contains(&character))
}

/// The first character of a text that would not come out as it is written.
#[must_use]
pub fn unprintable(text: &str) -> Option<char> {
    text.chars().find(|character| !is_printable(*character))
}

/// How people find a character: `U+5C71`.
#[must_use]
pub fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_in_order_and_apart() {
        assert!(RUNS.windows(2).all(|pair| pair[0].end() < pair[1].start()));
        assert!(RUNS.iter().all(|run| run.start() <= run.end()));
    }

    #[test]
    fn names_in_alphabets_are_printable_and_others_name_their_first_character() {
        for name in [
            "Zoë Łukaszewicz-Brandt",
            "Nguyễn Thị Hồng Nhung",
            "Ὀδυσσεύς Παπαδόπουλος",
            "Иван Петров, Київ",
            "Արմեն Սարգսյան",
            "გიორგი",
        ] {
            assert_eq!(unprintable(name), None, "{name}");
        }
        for (name, first) in [
            ("محمد", 'م'),
            ("A שלום", 'ש'),
            ("山田太郎", '山'),
            ("김", '김'),
            // The same Vietnamese letter, written as a letter and marks.
            ("Nguye\u{302}\u{303}n", '\u{302}'),
            ("a\u{202e}b", '\u{202e}'),
            ("a\tb", '\t'),
            ("soft\u{ad}hyphen", '\u{ad}'),
        ] {
            assert_eq!(unprintable(name), Some(first), "{name:?}");
        }
        assert_eq!(code_point('山'), "U+5C71");
    }
}
