//! PIN policy and generator: drawn from the kernel's random numbers, never invented by a person.

use std::fmt;

use crate::plan::PinPolicy;
use crate::secret::{Pin, Secret};

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

/// Draws a PIN: every PIN that is not trivial is equally likely.
pub fn draw(policy: PinPolicy, random: Random<'_>) -> Result<Pin, NoRandomness> {
    let length = usize::from(policy.length);
    loop {
        let mut pin = Secret::new(String::with_capacity(length));
        while pin.expose().len() < length {
            let mut byte = [0_u8; 1];
            random(&mut byte)?;
            // 250 is the largest multiple of ten in a byte: above it digits 0 to 5 would come too often.
            if byte[0] < 250 {
                pin.expose_mut().push(char::from(b'0' + byte[0] % 10));
            }
            zeroize::Zeroize::zeroize(&mut byte);
        }
        if !is_trivial(pin.expose()) {
            return Ok(pin);
        }
    }
}

/// Tells whether a PIN is one that people try first: one digit or a short block repeated, or a plain row.
#[must_use]
pub fn is_trivial(pin: &str) -> bool {
    let digits = pin.as_bytes();
    let repeats = |block: usize| digits.chunks(block).all(|c| c == &digits[..c.len()]);
    let row = |step: u8| {
        digits
            .windows(2)
            .all(|w| (w[1] - b'0') == (w[0] - b'0' + step) % 10)
    };
    let palindrome = digits.iter().eq(digits.iter().rev());
    (1..=digits.len() / 2).any(repeats) || row(1) || row(9) || palindrome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Alphabet;
    use proptest::prelude::*;

    #[test]
    fn trivial_pins_are_known_and_others_pass() {
        for pin in [
            "00000000", "12345678", "87654321", "78901234", "12121212", "12341234", "12344321",
        ] {
            assert!(is_trivial(pin), "{pin}");
        }
        for pin in ["73915082", "12345679", "10000000", "11223344"] {
            assert!(!is_trivial(pin), "{pin}");
        }
    }

    #[test]
    fn a_trivial_draw_is_drawn_again() {
        let mut bytes = [0_u8; 8].into_iter().chain([7, 3, 9, 1, 5, 0, 8, 2]);
        let mut random = |slice: &mut [u8]| {
            slice[0] = bytes.next().ok_or(NoRandomness)?;
            Ok(())
        };
        assert_eq!(
            draw(PinPolicy::default(), &mut random).unwrap().expose(),
            "73915082"
        );
    }

    #[test]
    fn bytes_that_would_bias_are_skipped() {
        let mut bytes = [250, 255, 7, 253, 3, 9, 1, 5, 0, 8, 249].into_iter();
        let mut random = |slice: &mut [u8]| {
            slice[0] = bytes.next().ok_or(NoRandomness)?;
            Ok(())
        };
        assert_eq!(
            draw(PinPolicy::default(), &mut random).unwrap().expose(),
            "73915089"
        );
    }

    #[test]
    fn a_failing_generator_gives_no_pin() {
        assert!(draw(PinPolicy::default(), &mut |_| Err(NoRandomness)).is_err());
    }

    proptest! {
        #[test]
        fn has_the_length_asked_for_and_digits_only(length in PinPolicy::MIN..=PinPolicy::MAX) {
            let policy = PinPolicy { length, alphabet: Alphabet::Digits };
            let pin = draw(policy, &mut kernel_random).unwrap();
            prop_assert_eq!(pin.expose().len(), usize::from(length));
            prop_assert!(pin.expose().bytes().all(|b| b.is_ascii_digit()));
            prop_assert_eq!(pin.expose().capacity(), usize::from(length));
        }
    }
}
