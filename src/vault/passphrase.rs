//! The passphrase of a vault: two parts, each typed by one person and known to nobody else.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;

use crate::secret::{self, Secret};

/// Fewest characters of a part.
pub const MIN_PART: usize = 8;
/// Most characters of a part.
pub const MAX_PART: usize = 64;
/// Fewest different characters of a part.
const MIN_DIFFERENT: usize = 4;
/// Stands between the parts and never within one, so that two pairs of parts never make the same passphrase.
pub const SEPARATOR: char = '/';

/// Why a part is refused; none of them quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// Too short.
    #[error(
        "this part has fewer than {MIN_PART} characters: four or more words that belong to no saying are good"
    )]
    Short,
    /// Too long.
    #[error("this part has more than {MAX_PART} characters")]
    Long,
    /// It holds the separator, or something that no keyboard types in a line.
    #[error("this part holds the character `{SEPARATOR}` or a control character: leave it out")]
    Character,
    /// A space at its begin or end gets lost on paper and in memory.
    #[error("this part begins or ends with a space: leave it out")]
    Space,
    /// It consists of a few characters again and again.
    #[error("this part has fewer than {MIN_DIFFERENT} different characters: it is guessed at once")]
    Repeated,
    /// Its characters follow each other in the alphabet or in counting.
    #[error("this part is a run of neighbours like 12345678: it is guessed at once")]
    Run,
    /// Both parts are the same, so one person alone could open the vault.
    #[error("both parts are the same: the witness must type another one, unseen by the officer")]
    Same,
}

/// Both parts, joined: `<officer's part>/<witness's part>` in Unicode NFC.
pub struct Passphrase(Secret<Vec<u8>>);

impl Passphrase {
    /// Checks one part, so that each person hears at once what is wrong with theirs.
    pub fn check(part: &Secret<String>) -> Result<(), PassphraseError> {
        normalised(part).map(drop)
    }

    /// Joins the two parts.
    pub fn join(officer: &Secret<String>, witness: &Secret<String>) -> Result<Self, PassphraseError> {
        let (officer, witness) = (normalised(officer)?, normalised(witness)?);
        if officer.expose() == witness.expose() {
            return Err(PassphraseError::Same);
        }
        let length = officer.expose().len() + SEPARATOR.len_utf8() + witness.expose().len();
        let mut joined = secret::with_capacity(length);
        joined.expose_mut().extend_from_slice(officer.expose().as_bytes());
        joined.expose_mut().push(SEPARATOR as u8);
        joined.expose_mut().extend_from_slice(witness.expose().as_bytes());
        Ok(Self(joined))
    }

    /// The joined text, in UTF-8.
    pub(super) fn expose(&self) -> &Secret<Vec<u8>> {
        &self.0
    }
}

/// A part in Unicode NFC, so that every keyboard and every system makes the same bytes of it.
fn normalised(part: &Secret<String>) -> Result<Secret<String>, PassphraseError> {
    let typed = part.expose();
    // Composed text is never longer than three times the typed one (Unicode Standard Annex 15).
    let mut text = Secret::new(String::with_capacity(typed.len() * 3));
    if typed.is_ascii() {
        text.expose_mut().push_str(typed);
    } else {
        text.expose_mut().extend(typed.nfc());
    }
    check(text.expose())?;
    Ok(text)
}

fn check(text: &str) -> Result<(), PassphraseError> {
    let count = text.chars().count();
    let neighbours = |step: i64| {
        let mut pairs = text.chars().zip(text.chars().skip(1));
        pairs.all(|(a, b)| i64::from(u32::from(b)) - i64::from(u32::from(a)) == step)
    };
    // Lengths first: an empty part is short before it is anything else.
    if count < MIN_PART {
        Err(PassphraseError::Short)
    } else if count > MAX_PART {
        Err(PassphraseError::Long)
    } else if text.chars().any(|c| c.is_control() || c == SEPARATOR) {
        Err(PassphraseError::Character)
    } else if text.trim() != text {
        Err(PassphraseError::Space)
    } else if text.chars().collect::<BTreeSet<char>>().len() < MIN_DIFFERENT {
        Err(PassphraseError::Repeated)
    } else if neighbours(1) || neighbours(-1) {
        Err(PassphraseError::Run)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn joined(officer: &str, witness: &str) -> Result<String, PassphraseError> {
        let joined = Passphrase::join(&part(officer), &part(witness))?;
        Ok(String::from_utf8(joined.expose().expose().clone()).unwrap())
    }

    #[test]
    fn weak_parts_are_refused_with_a_reason_and_their_neighbours_are_not() {
        let cases = [
            ("copper7", "copper 7", PassphraseError::Short),
            ("", "lamp oil", PassphraseError::Short),
            ("copper/lamp", "copper lamp", PassphraseError::Character),
            ("copper\tlamp", "copper-lamp", PassphraseError::Character),
            ("copperlamp ", "copperlamp", PassphraseError::Space),
            ("aaaaaaaaaaaa", "aaaabbbbccccdddd", PassphraseError::Repeated),
            ("abcabcabc", "abcdabcd", PassphraseError::Repeated),
            ("12345678", "12345687", PassphraseError::Run),
            ("hgfedcba", "hgfedcbb", PassphraseError::Run),
        ];
        for (refused, accepted, why) in cases {
            assert_eq!(Passphrase::check(&part(refused)), Err(why), "{refused:?}");
            assert_eq!(Passphrase::check(&part(accepted)), Ok(()), "{accepted:?}");
        }
        let long = "copper lamp ".repeat(6);
        assert_eq!(Passphrase::check(&part(&long[..65])), Err(PassphraseError::Long));
        assert_eq!(Passphrase::check(&part(&long[..64])), Ok(()));
    }

    #[test]
    fn two_people_type_two_different_parts() {
        assert_eq!(
            joined("copper lamp", "seven birds").unwrap(),
            "copper lamp/seven birds"
        );
        assert_eq!(joined("copper lamp", "copper lamp"), Err(PassphraseError::Same));
        assert_eq!(joined("seven birds", "seven"), Err(PassphraseError::Short));
    }

    #[test]
    fn the_same_letters_are_the_same_passphrase_however_they_were_typed() {
        let composed = joined("Zürich 1291", "Genève 1815").unwrap();
        assert_eq!(
            joined("Zu\u{308}rich 1291", "Gene\u{300}ve 1815").unwrap(),
            composed
        );
        assert_eq!(
            joined("Zürich 1291", "Gene\u{300}ve 1815")
                .unwrap()
                .split(SEPARATOR)
                .count(),
            2
        );
    }

    proptest! {
        #[test]
        fn different_parts_make_different_passphrases_and_nothing_panics(
            a in "\\PC{0,20}", b in "\\PC{0,20}", c in "\\PC{0,20}", d in "\\PC{0,20}",
        ) {
            if let (Ok(first), Ok(second)) = (joined(&a, &b), joined(&c, &d)) {
                let nfc = |text: &str| text.nfc().collect::<String>();
                prop_assert_eq!(first == second, nfc(&a) == nfc(&c) && nfc(&b) == nfc(&d));
            }
        }
    }
}
