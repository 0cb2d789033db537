//! Newtypes for every number that is printed, typed or compared, each parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Crockford's base 32 digits: no I, L, O or U, so that a misread character is caught or harmless.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The character set of ISO/IEC 7064 MOD 37,36 check characters.
const ISO_7064: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Why a text is not the id it was read as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The number of characters differs.
    #[error("{what} has {expected} characters, this has {found}")]
    Length {
        /// Name of the kind of id.
        what: &'static str,
        /// Number of characters it has.
        expected: usize,
        /// Number of characters found.
        found: usize,
    },
    /// A character that never occurs in this kind of id.
    #[error("{what} cannot hold the character {found:?}")]
    Character {
        /// Name of the kind of id.
        what: &'static str,
        /// The offending character.
        found: char,
    },
    /// The check character does not fit: at least one character was mistyped.
    #[error("the check character of this {what} does not fit: compare it with the label again")]
    Check {
        /// Name of the kind of id.
        what: &'static str,
    },
    /// Any other shape that is not this id.
    #[error("{reason}")]
    Shape {
        /// What is wrong, as a sentence without a full stop.
        reason: String,
    },
}

/// Computes the ISO/IEC 7064 MOD 37,36 check character of upper-case alphanumeric text.
///
/// Returns `None` for a character outside `0-9A-Z`.
#[must_use]
pub fn check_character(text: &str) -> Option<char> {
    let mut product = 36_usize;
    for byte in text.bytes() {
        let value = ISO_7064.iter().position(|&c| c == byte)?;
        let sum = (product + value) % 36;
        product = (if sum == 0 { 36 } else { sum }) * 2 % 37;
    }
    let index = (37 - product) % 36;
    Some(char::from(ISO_7064[index]))
}

/// Reads `length` characters of Crockford base 32 whose last is the check character.
fn parse_checked(what: &'static str, length: usize, text: &str) -> Result<String, IdError> {
    let text = text.trim().to_ascii_uppercase();
    let found = text.chars().count();
    if found != length {
        return Err(IdError::Length {
            what,
            expected: length,
            found,
        });
    }
    if let Some(found) = text
        .chars()
        .find(|c| !u8::try_from(*c).is_ok_and(|b| ALPHABET.contains(&b)))
    {
        return Err(IdError::Character { what, found });
    }
    let (body, check) = text.split_at(length - 1);
    if check_character(body) == check.chars().next() {
        Ok(text)
    } else {
        Err(IdError::Check { what })
    }
}

/// Draws an id of `length` characters; a body whose check character is outside the alphabet gets another last digit.
fn draw_checked(length: usize, random: &mut dyn FnMut(&mut [u8])) -> String {
    let mut digits = vec![0_u8; length - 1];
    random(&mut digits);
    loop {
        let mut text: String = digits
            .iter()
            .map(|d| char::from(ALPHABET[usize::from(d % 32)]))
            .collect();
        match check_character(&text) {
            Some(check) if ALPHABET.contains(&(check as u8)) => {
                text.push(check);
                return text;
            }
            // Different last digits have different check characters, so a few steps at most are taken.
            _ => digits[length - 2] = digits[length - 2].wrapping_add(1),
        }
    }
}

macro_rules! checked_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $length:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Number of characters, the check character included.
            pub const LENGTH: usize = $length;

            /// Draws a new one from `random`, which fills the slice with random bytes.
            pub fn draw(random: &mut dyn FnMut(&mut [u8])) -> Self {
                Self(draw_checked($length, random))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_checked($what, $length, text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_id!(
    /// A ceremony: 8 characters of Crockford base 32, the last an ISO/IEC 7064 MOD 37,36 check character.
    CeremonyId, "ceremony id", 8
);
checked_id!(
    /// The asset number on a key's label: 6 characters, the last a check character.
    LabelId, "label id", 6
);

/// The running number of a slip within its ceremony, from 1; shown as `0007-5` with its check character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct SlipNumber(u32);

impl SlipNumber {
    /// Largest number that four printed digits can show.
    pub const MAX: u32 = 9999;

    /// Makes the slip number; `None` outside 1 to 9999.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The bare number.
    #[must_use]
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for SlipNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:04}", self.0);
        let check = check_character(&digits).unwrap_or('?');
        write!(f, "{digits}-{check}")
    }
}

impl TryFrom<u32> for SlipNumber {
    type Error = IdError;
    fn try_from(number: u32) -> Result<Self, IdError> {
        Self::new(number).ok_or_else(|| IdError::Shape {
            reason: format!("slip numbers run from 1 to 9999, not {number}"),
        })
    }
}

impl From<SlipNumber> for u32 {
    fn from(slip: SlipNumber) -> u32 {
        slip.0
    }
}

/// The printed number of a tamper-evident bag: 1 to 32 letters, digits, `-`, `/` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BagNumber(String);

impl FromStr for BagNumber {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '.');
        if (1..=32).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Shape {
                reason: "a bag number is 1 to 32 letters, digits, -, / or .".into(),
            })
        }
    }
}

impl TryFrom<String> for BagNumber {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<BagNumber> for String {
    fn from(bag: BagNumber) -> Self {
        bag.0
    }
}

impl fmt::Display for BagNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The model number of an authenticator (WebAuthn, 6.5.1): 16 bytes, shown as a lower-case UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Aaguid(pub [u8; 16]);

impl fmt::Display for Aaguid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Aaguid {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let digits: Vec<u8> = text
            .trim()
            .chars()
            .filter(|c| *c != '-')
            .map_while(|c| c.to_digit(16))
            .filter_map(|d| u8::try_from(d).ok())
            .collect();
        let clean = text.trim().chars().filter(|c| *c != '-').count();
        if digits.len() != 32 || clean != 32 {
            return Err(IdError::Shape {
                reason: format!("an AAGUID has 32 hexadecimal digits, this is {text:?}"),
            });
        }
        let mut bytes = [0_u8; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Aaguid {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Aaguid> for String {
    fn from(aaguid: Aaguid) -> Self {
        aaguid.to_string()
    }
}

/// The user principal name of an emergency-access account, in the characters Entra ID allows.
///
/// At most 64 bytes as a whole: longer ones are known to fail in sign-in pages and on some keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upn(String);

impl Upn {
    /// Largest length of the whole name in bytes.
    pub const MAX: usize = 64;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Upn {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let shape = |reason: String| Err(IdError::Shape { reason });
        if text.len() > Self::MAX {
            return shape(format!(
                "the user principal name has {} bytes; more than {} fail at sign-in",
                text.len(),
                Self::MAX
            ));
        }
        let Some((user, domain)) = text.split_once('@') else {
            return shape(format!("{text:?} is not a user principal name: it has no @"));
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c);
        if user.is_empty() || !user.chars().all(allowed) {
            return shape(format!(
                "the part before @ in {text:?} may hold letters, digits and ' . - _ ! # ^ ~ only"
            ));
        }
        let label = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !domain.contains('.') || !domain.split('.').all(label) {
            return shape(format!("the domain in {text:?} is not a domain name"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Upn {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Upn> for String {
    fn from(upn: Upn) -> Self {
        upn.0
    }
}

impl fmt::Display for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The short fingerprint of a key's identity credential: 8 characters of Crockford base 32.
///
/// It stands in a label's QR code, where the code's own error correction guards it: no check character.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyFingerprint(String);

impl KeyFingerprint {
    /// Number of characters.
    pub const LENGTH: usize = 8;

    /// The first 40 bits of the SHA-256 of the identity credential's public key bytes.
    #[must_use]
    pub fn of(public_key: &[u8]) -> Self {
        let digest = ring::digest::digest(&ring::digest::SHA256, public_key);
        let bits = digest.as_ref()[..5]
            .iter()
            .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digit = |index: usize| char::from(ALPHABET[(bits >> (35 - 5 * index) & 31) as usize]);
        Self((0..Self::LENGTH).map(digit).collect())
    }

    /// The fingerprint as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyFingerprint {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let what = "key fingerprint";
        let text = text.trim().to_ascii_uppercase();
        let found = text.chars().count();
        if found != Self::LENGTH {
            return Err(IdError::Length {
                what,
                expected: Self::LENGTH,
                found,
            });
        }
        match text
            .chars()
            .find(|c| !u8::try_from(*c).is_ok_and(|b| ALPHABET.contains(&b)))
        {
            Some(found) => Err(IdError::Character { what, found }),
            None => Ok(Self(text)),
        }
    }
}

impl TryFrom<String> for KeyFingerprint {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<KeyFingerprint> for String {
    fn from(fingerprint: KeyFingerprint) -> Self {
        fingerprint.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn check_characters_follow_the_standard() {
        // The worked example that accompanies ISO/IEC 7064 MOD 37,36 (Global Release Identifier).
        assert_eq!(check_character("A12425GABC1234002"), Some('M'));
        assert_eq!(check_character("a"), None);
    }

    fn seeded(seed: u64) -> impl FnMut(&mut [u8]) {
        let mut state = seed | 1;
        move |bytes: &mut [u8]| {
            for byte in bytes {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                *byte = state.to_le_bytes()[3];
            }
        }
    }

    proptest! {
        #[test]
        fn drawn_ids_parse_and_every_single_change_is_refused(seed: u64, at in 0_usize..6, with in 0_usize..32) {
            let id = LabelId::draw(&mut seeded(seed));
            prop_assert_eq!(id.as_str().parse::<LabelId>(), Ok(id.clone()));
            let mut bytes = id.as_str().as_bytes().to_vec();
            prop_assume!(bytes[at] != ALPHABET[with]);
            bytes[at] = ALPHABET[with];
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(changed.parse::<LabelId>(), Err(IdError::Check { what: "label id" }));
        }

        #[test]
        fn parsers_never_panic(text: String) {
            let _ = text.parse::<LabelId>();
            let _ = text.parse::<CeremonyId>();
            let _ = text.parse::<Aaguid>();
            let _ = text.parse::<Upn>();
            let _ = text.parse::<BagNumber>();
        }
    }

    #[test]
    fn drawing_ends_whatever_the_random_bytes_are() {
        for byte in 0..=255 {
            let id = CeremonyId::draw(&mut |bytes| bytes.fill(byte));
            assert_eq!(id.as_str().parse::<CeremonyId>(), Ok(id));
        }
    }

    #[test]
    fn slip_numbers_show_four_digits_and_a_check_character() {
        let slip = SlipNumber::new(7).unwrap();
        assert_eq!(
            slip.to_string(),
            format!("0007-{}", check_character("0007").unwrap())
        );
        assert!(SlipNumber::new(0).is_none() && SlipNumber::new(10_000).is_none());
    }

    #[test]
    fn aaguid_reads_what_it_writes() {
        let text = "8876631b-d4a0-427f-5773-0ec71c9e0279";
        assert_eq!(text.parse::<Aaguid>().unwrap().to_string(), text);
        assert!("8876631b-d4a0-427f-5773-0ec71c9e027".parse::<Aaguid>().is_err());
    }

    #[test]
    fn upn_accepts_entra_names_and_refuses_long_ones() {
        assert!("bg-01@contoso.onmicrosoft.com".parse::<Upn>().is_ok());
        assert!("bg 01@contoso.onmicrosoft.com".parse::<Upn>().is_err());
        let long = format!("{}@contoso.onmicrosoft.com", "a".repeat(45));
        assert!(long.len() > 64 && long.parse::<Upn>().is_err());
    }

    #[test]
    fn key_fingerprints_are_the_first_40_bits_of_the_digest() {
        // SHA-256 of "abc" begins BA 78 16 BF 8F (FIPS 180-4 example).
        let fingerprint = KeyFingerprint::of(b"abc");
        assert_eq!(fingerprint.as_str(), "Q9W1DFWF");
        assert_eq!(fingerprint.as_str().parse(), Ok(fingerprint.clone()));
        assert!("Q9W1DFW".parse::<KeyFingerprint>().is_err());
        assert!("Q9W1DFWU".parse::<KeyFingerprint>().is_err());
    }
}
