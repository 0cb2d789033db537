//! Text as an optical reader made it out of dots: here and there another character than the printed one.

use std::fmt;

/// What a reader makes of a sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recognised(String);

impl Recognised {
    /// Takes what the reader said.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Whether a text is on the sheet: letters and digits count, and one in eight of them may be misread.
    ///
    /// Characters that look alike count as the same, so that of numbers the shape is compared, and not every digit.
    #[must_use]
    pub fn contains(&self, wanted: &str) -> bool {
        let (text, wanted) = (alike(&self.0), alike(wanted));
        !wanted.is_empty() && nearest(&text, &wanted) <= wanted.len() / 8
    }
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters and digits alone, one for all that look alike.
fn alike(text: &str) -> Vec<char> {
    let one = |c: char| match c.to_ascii_uppercase() {
        '0' | 'O' | 'D' | '8' | 'B' | 'Q' | '6' | 'G' | '@' => '0',
        '5' | 'S' => '5',
        '1' | 'I' | 'L' | '|' => '1',
        '2' | 'Z' => '2',
        other => other,
    };
    text.chars().map(one).filter(|c| c.is_alphanumeric()).collect()
}

/// Characters to change, add or leave out until `wanted` stands somewhere in `text`, at the least.
fn nearest(text: &[char], wanted: &[char]) -> usize {
    let mut column: Vec<usize> = (0..=wanted.len()).collect();
    let mut least = wanted.len();
    for read in text {
        let mut diagonal = 0;
        for (place, expected) in (1..).zip(wanted) {
            let changed = diagonal + usize::from(read != expected);
            diagonal = column[place];
            column[place] = changed.min(column[place] + 1).min(column[place - 1] + 1);
        }
        least = least.min(column[wanted.len()]);
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_with_few_misread_characters_and_not_with_many() {
        let sheet = Recognised::new("Slips: 2 printed =\n1 sea1ed + | voided; agrees. Ada Love1ace".into());
        assert!(sheet.contains("Slips: 2 printed = 1 sealed + 1 voided: agrees."));
        assert!(sheet.contains("Ada Lovelace"));
        assert!(Recognised::new("x the cab!e cane loose x".into()).contains("the cable came loose"));
        for other in ["Grace Hopper", "Keys: 2 seen = 1 prepared", "1 rejected", ""] {
            assert!(!sheet.contains(other), "{other}");
        }
    }

    #[test]
    fn the_nearest_place_counts() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let count = |text: &str, wanted: &str| nearest(&chars(text), &chars(wanted));
        assert_eq!(count("abcdef", "cde"), 0);
        assert_eq!(count("abcdef", "cxe"), 1);
        assert_eq!(count("abcdef", "cdxe"), 1);
        assert_eq!(count("abcdef", "ce"), 1);
        assert_eq!(count("", "ce"), 2);
    }
}
