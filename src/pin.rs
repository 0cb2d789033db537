//! Draws PINs from the kernel's random numbers; no person ever invents one.
//!
//! Every PIN of the policy's alphabet and length that is not [trivial](is_trivial) is equally likely.

mod trivial;

use std::fmt;

use zeroize::Zeroize;

use crate::plan::PinPolicy;
use crate::secret::{Pin, Secret};
pub use trivial::is_trivial;

/// The kernel gave no random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the kernel gave no random numbers")
    }
}

impl std::error::Error for NoRandomness {}

/// Source of random bytes; fills the whole slice or fails.
pub type Random<'a> = &'a mut dyn FnMut(&mut [u8]) -> Result<(), NoRandomness>;

/// Fills a slice from the kernel's generator (`getrandom`), blocking until it is seeded.
pub fn kernel_random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    use ring::rand::{SecureRandom, SystemRandom};
    SystemRandom::new().fill(bytes).map_err(|_| NoRandomness)
}

/// Draws a PIN of exactly `policy.length` code points, at most 63 bytes: every one that is not trivial is equally likely.
pub fn draw(policy: PinPolicy, random: Random<'_>) -> Result<Pin, NoRandomness> {
    // The characters are ASCII, so code points are bytes; no longer one is a PIN (CTAP 2.1, 6.5.1).
    let length = usize::from(policy.length.min(PinPolicy::MAX));
    let characters = policy.alphabet.characters().as_bytes();
    loop {
        let mut pin = Secret::new(String::with_capacity(length));
        while pin.expose().len() < length {
            pin.expose_mut().push(draw_character(characters, random)?);
        }
        if !is_trivial(pin.expose()) {
            return Ok(pin);
        }
    }
}

/// Draws one of at most 256 characters without bias: a byte beyond the largest multiple of their number is drawn again.
fn draw_character(characters: &[u8], random: Random<'_>) -> Result<char, NoRandomness> {
    let mut byte = [0_u8; 1];
    loop {
        random(&mut byte)?;
        let drawn = usize::from(byte[0]);
        if drawn < 256 - 256 % characters.len() {
            byte.zeroize();
            return Ok(char::from(characters[drawn % characters.len()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Alphabet;
    use proptest::prelude::*;

    fn policy(length: u8, alphabet: Alphabet) -> PinPolicy {
        PinPolicy { length, alphabet }
    }

    /// Gives these bytes, one for each call, and then nothing.
    fn bytes(bytes: &[u8]) -> impl FnMut(&mut [u8]) -> Result<(), NoRandomness> + '_ {
        let mut bytes = bytes.iter().copied();
        move |slice| {
            slice[0] = bytes.next().ok_or(NoRandomness)?;
            Ok(())
        }
    }

    /// SplitMix64: the same numbers in every run.
    fn seeded(mut state: u64) -> impl FnMut() -> u8 {
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            (z ^ (z >> 31)).to_le_bytes()[0]
        }
    }

    /// Chi-square statistic of how often each character of an alphabet was drawn.
    fn chi_square(characters: &str, drawn: impl Iterator<Item = char>) -> f64 {
        let mut counts = vec![0_u32; characters.len()];
        for character in drawn {
            counts[characters.find(character).unwrap()] += 1;
        }
        let expected =
            f64::from(counts.iter().sum::<u32>()) / f64::from(u32::try_from(counts.len()).unwrap());
        counts
            .iter()
            .map(|count| (f64::from(*count) - expected).powi(2) / expected)
            .sum()
    }

    #[test]
    fn a_trivial_draw_is_drawn_again() {
        let mut random = bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 7, 3, 9, 1, 5, 0, 8, 2]);
        assert_eq!(
            draw(PinPolicy::default(), &mut random).unwrap().expose(),
            "73915082"
        );
    }

    #[test]
    fn bytes_that_would_bias_are_skipped() {
        let mut random = bytes(&[250, 255, 7, 253, 3, 9, 1, 5, 0, 8, 249]);
        assert_eq!(
            draw(PinPolicy::default(), &mut random).unwrap().expose(),
            "73915089"
        );
        // 253 is 11 times 23: only the last three bytes are skipped.
        let mut random = bytes(&[255, 252, 0, 254, 5, 17, 253, 22, 9]);
        let drawn = draw(policy(6, Alphabet::Alphanumeric), &mut random).unwrap();
        assert_eq!(drawn.expose(), "Y3AQYF");
    }

    #[test]
    fn a_failing_generator_gives_no_pin() {
        assert!(draw(PinPolicy::default(), &mut |_| Err(NoRandomness)).is_err());
        assert!(draw(PinPolicy::default(), &mut bytes(&[7, 3, 9])).is_err());
    }

    /// One in a hundred thousand fair generators would exceed the bounds; this one is the same in every run.
    #[test]
    fn every_character_comes_equally_often_and_a_biased_draw_would_show() {
        for (alphabet, bound) in [(Alphabet::Digits, 40.0), (Alphabet::Alphanumeric, 61.0)] {
            let characters = alphabet.characters();
            let mut next = seeded(1);
            let mut random = |slice: &mut [u8]| {
                slice.fill_with(&mut next);
                Ok(())
            };
            let mut columns = vec![String::new(); 8];
            for _ in 0..20_000 {
                let pin = draw(policy(8, alphabet), &mut random).unwrap();
                for (column, character) in columns.iter_mut().zip(pin.expose().chars()) {
                    column.push(character);
                }
            }
            let all = chi_square(characters, columns.iter().flat_map(|column| column.chars()));
            assert!(all < bound, "{alphabet:?}: {all}");
            for (place, column) in columns.iter().enumerate() {
                let found = chi_square(characters, column.chars());
                assert!(found < bound, "{alphabet:?}, place {place}: {found}");
            }
            let mut next = seeded(1);
            let count = characters.len();
            let biased = (0..160_000).map(|_| char::from(characters.as_bytes()[usize::from(next()) % count]));
            let found = chi_square(characters, biased);
            assert!(found > bound, "{alphabet:?}: {found}");
        }
    }

    proptest! {
        #[test]
        fn has_the_length_and_the_characters_asked_for(
            length in PinPolicy::MIN..=PinPolicy::MAX,
            alphabet in proptest::sample::select(&Alphabet::ALL[..]),
            minimum in 0_u32..100,
        ) {
            let policy = policy(length, alphabet).at_least(minimum);
            let pin = draw(policy, &mut kernel_random).unwrap();
            let points = pin.expose().chars().count();
            prop_assert_eq!(points, usize::from(policy.length));
            prop_assert!(points >= usize::from(length) && points >= minimum.min(63) as usize);
            prop_assert!(pin.expose().len() <= 63);
            prop_assert!(pin.expose().chars().all(|c| alphabet.characters().contains(c)));
            prop_assert!(!is_trivial(pin.expose()));
            // A string that had to grow would have left a copy behind.
            prop_assert_eq!(pin.expose().capacity(), points);
        }
    }
}
