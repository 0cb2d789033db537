//! Passwords that nobody ever sees: drawn, sent once, wiped.

use ring::rand::{SecureRandom as _, SystemRandom};

use crate::secret::Secret;

/// Shortest password; Graph takes 8 to 256 characters.
const SHORTEST: u8 = 100;
/// How many lengths there are: 100 to 256.
const LENGTHS: u8 = 157;
/// Of all four classes; 64 characters, so that six bits choose one without bias.
const ALPHABET: &[u8; 64] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// Draws a password of 100 to 256 characters; nothing if the kernel's generator fails.
#[must_use]
pub fn random() -> Option<Secret<String>> {
    let generator = SystemRandom::new();
    draw(&mut |bytes| generator.fill(bytes).is_ok())
}

fn draw(fill: &mut dyn FnMut(&mut [u8]) -> bool) -> Option<Secret<String>> {
    let length = loop {
        let mut byte = [0_u8];
        if !fill(&mut byte) {
            return None;
        }
        if byte[0] < LENGTHS {
            break usize::from(SHORTEST) + usize::from(byte[0]);
        }
    };
    let mut bytes = zeroize::Zeroizing::new([0_u8; 256]);
    loop {
        if !fill(&mut bytes[..length]) {
            return None;
        }
        let mut password = Secret::new(String::with_capacity(length));
        for byte in &bytes[..length] {
            password
                .expose_mut()
                .push(char::from(ALPHABET[usize::from(byte & 63)]));
        }
        if has_all_classes(password.expose()) {
            return Some(password);
        }
    }
}

fn has_all_classes(password: &str) -> bool {
    let has = |class: fn(&u8) -> bool| password.as_bytes().iter().any(class);
    has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_punctuation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_of_all_classes_and_never_the_same() {
        let mut lengths = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let password = random().unwrap();
            let text = password.expose();
            assert!((100..=256).contains(&text.len()) && has_all_classes(text));
            lengths.push(text.len());
            assert!(seen.insert(text.clone()));
        }
        assert!(lengths.iter().min() < Some(&110) && lengths.iter().max() > Some(&246));
    }

    #[test]
    fn what_lacks_a_class_or_would_bias_the_length_is_drawn_again() {
        let mut calls = 0;
        let password = draw(&mut |bytes| {
            calls += 1;
            match calls {
                1 => bytes.fill(LENGTHS),
                2 | 3 => bytes.fill(0),
                _ => bytes.iter_mut().zip(0_u8..).for_each(|(b, n)| *b = n),
            }
            true
        });
        assert_eq!((calls, password.unwrap().expose().len()), (4, 100));
        assert!(draw(&mut |_| false).is_none());
    }
}
