//! What PINs are drawn, and what every key is set to.

/// Fewest values that the unknown part of a split PIN may have, for whoever holds the other part.
///
/// A key allows eight tries, so a holder of one half guesses right with at most 8 in 10^6.
pub const SPLIT_POSSIBILITIES: u64 = 1_000_000;

/// What PINs are drawn (CTAP 2.1, 6.5.1: 4 to 63 code points, at most 63 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinPolicy {
    /// Code points, 6 to 63.
    pub length: u8,
    /// What they are drawn from.
    pub alphabet: Alphabet,
}

impl PinPolicy {
    /// Fewest code points a plan may ask for: the key itself allows eight tries.
    pub const MIN: u8 = 6;
    /// Most of them: CTAP pads a PIN to 64 bytes with at least one zero.
    pub const MAX: u8 = 63;

    /// The same policy for a key that takes no PIN shorter than `minimum` code points (getInfo `minPINLength`).
    ///
    /// Never shorter than the plan says, never longer than [`Self::MAX`]: a key that wants more has no valid PIN.
    #[must_use]
    pub fn at_least(self, minimum: u32) -> Self {
        let minimum = u8::try_from(minimum).unwrap_or(Self::MAX).min(Self::MAX);
        Self {
            length: self.length.max(minimum),
            ..self
        }
    }

    /// Strength in bits: each PIN is drawn with equal probability.
    #[must_use]
    pub fn bits(self) -> f64 {
        f64::from(self.length) * self.alphabet.bits()
    }

    /// Whether a slip may be split: the shorter half alone has [`SPLIT_POSSIBILITIES`] values or more.
    #[must_use]
    pub fn may_be_split(self) -> bool {
        let characters = self.alphabet.characters().len() as u64;
        characters.saturating_pow(u32::from(self.length / 2)) >= SPLIT_POSSIBILITIES
    }

    /// The shortest PIN of this alphabet that may be split.
    #[must_use]
    pub fn shortest_to_split(alphabet: Alphabet) -> u8 {
        let split = |length: &u8| {
            let length = *length;
            Self { length, alphabet }.may_be_split()
        };
        (Self::MIN..=Self::MAX).find(split).unwrap_or(Self::MAX)
    }
}

impl Default for PinPolicy {
    fn default() -> Self {
        Self {
            length: 8,
            alphabet: Alphabet::Digits,
        }
    }
}

/// What PINs are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Alphabet {
    /// 0 to 9: 3.32 bits a character.
    #[default]
    Digits,
    /// Digits and capital letters without those that look alike on paper: 23 characters, 4.52 bits each.
    Alphanumeric,
}

impl Alphabet {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Digits, Self::Alphanumeric];

    /// The characters, each once, all of them ASCII.
    ///
    /// Of each group that is mistaken for one another in print or handwriting (0 O, 1 I L, 2 Z, 5 S, 8 B, U V) none is
    /// used, so that a reader never has to know which of a group was meant.
    #[must_use]
    pub const fn characters(self) -> &'static str {
        match self {
            Self::Digits => "0123456789",
            Self::Alphanumeric => "34679ACDEFGHJKMNPQRTWXY",
        }
    }

    /// Bits that one character is worth.
    #[must_use]
    pub fn bits(self) -> f64 {
        // At most 36 characters, so nothing is lost.
        f64::from(u8::try_from(self.characters().len()).unwrap_or(u8::MAX)).log2()
    }

    /// The name in a plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::Alphanumeric => "alphanumeric",
        }
    }
}

/// Settings of a key beyond its PIN (authenticatorConfig, CTAP 2.1, 6.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting of a key")]
pub struct KeyPolicy {
    /// Shortest PIN that the key will accept from now on.
    pub min_pin_length: Option<u8>,
    /// PIN for every use.
    pub always_uv: bool,
    /// Enterprise attestation allowed.
    pub enterprise_attestation: bool,
    /// A reset wants a long touch (CTAP 2.3).
    pub long_touch_for_reset: bool,
    /// The PIN must be changed before its first use: unfit for emergencies, where nobody has time for it.
    pub force_pin_change: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alphabets_hold_each_character_once_and_no_look_alikes() {
        for alphabet in Alphabet::ALL {
            let mut characters: Vec<char> = alphabet.characters().chars().collect();
            assert!(characters.iter().all(char::is_ascii));
            characters.sort_unstable();
            let count = characters.len();
            characters.dedup();
            assert_eq!(characters.len(), count);
        }
        let paper = Alphabet::Alphanumeric.characters();
        assert_eq!(paper.len(), 23);
        assert!(paper.chars().all(|c| !"0O1IL2Z5S8BUV".contains(c)));
        assert!((Alphabet::Alphanumeric.bits() - 4.52).abs() < 0.01);
        assert!((PinPolicy::default().bits() - 26.58).abs() < 0.01);
    }

    #[test]
    fn half_of_a_split_pin_leaves_a_million() {
        for (alphabet, shortest) in [(Alphabet::Digits, 12), (Alphabet::Alphanumeric, 10)] {
            assert_eq!(PinPolicy::shortest_to_split(alphabet), shortest);
            let length = shortest - 1;
            assert!(!PinPolicy { length, alphabet }.may_be_split());
            let length = PinPolicy::MAX;
            assert!(PinPolicy { length, alphabet }.may_be_split());
        }
    }

    #[test]
    fn a_key_that_wants_longer_pins_gets_them() {
        let policy = PinPolicy::default();
        for (minimum, length) in [(0, 8), (4, 8), (8, 8), (9, 9), (63, 63), (64, 63), (u32::MAX, 63)] {
            assert_eq!(policy.at_least(minimum).length, length);
            assert_eq!(policy.at_least(minimum).alphabet, policy.alphabet);
        }
    }
}
