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

    /// Whether a text is on the sheet: one in eight of its letters may be misread, and none of its digits.
    ///
    /// Letters and digits alone count, and those that look alike count as the same.
    #[must_use]
    pub fn contains(&self, wanted: &str) -> bool {
        self.holds(wanted, NEVER)
    }

    /// The same for a run of digits that is known from elsewhere: one in eight of these may be misread too.
    #[must_use]
    pub fn resembles(&self, wanted: &str) -> bool {
        self.holds(wanted, 1)
    }

    fn holds(&self, wanted: &str, digit: usize) -> bool {
        let (text, wanted) = (alike(&self.0), alike(wanted));
        !wanted.is_empty() && nearest(&text, &wanted, digit) <= wanted.len() / 8
    }
}

/// What a misread digit costs where none may be misread.
const NEVER: usize = 1 << 16;

/// A letter or digit, as what it looks like.
#[derive(Debug, Clone, Copy)]
struct Shape {
    alike: char,
    is_digit: bool,
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters and digits alone, one for all that look alike.
fn alike(text: &str) -> Vec<Shape> {
    let one = |c: char| match c.to_ascii_uppercase() {
        '0' | 'O' | 'D' | '8' | 'B' | 'Q' | '6' | 'G' | '@' => '0',
        '5' | 'S' => '5',
        '1' | 'I' | 'L' | '|' => '1',
        '2' | 'Z' => '2',
        other => other,
    };
    let shapes = text.chars().map(|c| Shape {
        alike: one(c),
        is_digit: c.is_ascii_digit(),
    });
    shapes.filter(|shape| shape.alike.is_alphanumeric()).collect()
}

/// What it takes at the least to make `wanted` of a part of `text`: 1 for a letter that is changed, added or left out,
/// `digit` for a digit.
fn nearest(text: &[Shape], wanted: &[Shape], digit: usize) -> usize {
    let cost = |shape: &Shape| if shape.is_digit { digit } else { 1 };
    let mut column = vec![0];
    for shape in wanted {
        column.push(column[column.len() - 1] + cost(shape));
    }
    let mut least = column[wanted.len()];
    for read in text {
        let mut diagonal = 0;
        for (place, expected) in (1..).zip(wanted) {
            let differs = read.alike != expected.alike;
            let changed = diagonal
                + if differs {
                    cost(expected).max(cost(read))
                } else {
                    0
                };
            diagonal = column[place];
            let added = column[place] + cost(read);
            let left_out = column[place - 1] + cost(expected);
            column[place] = changed.min(added).min(left_out);
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
    fn no_digit_may_be_another_one() {
        let sheet = Recognised::new("Slips: 3 printed = 1 sealed + 2 voided: agrees. 12 keys, 0001-E".into());
        assert!(sheet.contains("Slips: 3 printed = 1 sealed + 2 voided: agrees."));
        for other in [
            "Slips: 2 printed = 1 sealed + 2 voided: agrees.",
            "Slips: 3 printed = 1 sealed + 3 voided: agrees.",
            "Slips: 13 printed = 1 sealed + 2 voided: agrees.",
            "Slips: printed = 1 sealed + 2 voided: agrees.",
            "agrees. 2 keys, 0001",
            "Voided: 0002",
        ] {
            assert!(!sheet.contains(other), "{other}");
        }
        let digits = Recognised::new("427E 5129 SD14 94F7".into());
        assert!(digits.resembles("427E51295D1494F6") && !digits.contains("427E51295D1494F1"));
        assert!(!digits.resembles("0123456789ABCDEF"));
    }

    #[test]
    fn the_nearest_place_counts() {
        let count = |text: &str, wanted: &str| nearest(&alike(text), &alike(wanted), 1);
        assert_eq!(count("achefk", "chef"), 0);
        assert_eq!(count("achefk", "cxef"), 1);
        assert_eq!(count("achefk", "chxef"), 1);
        assert_eq!(count("achefk", "cef"), 1);
        assert_eq!(count("", "ce"), 2);
    }
}
