//! The station key's fingerprint: printed on the record, read aloud, typed into the companion.

use std::fmt;
use std::str::FromStr;

use bip39::{Language, Mnemonic};
use serde::{Deserialize, Serialize};

use crate::id::IdError;

/// The RFC 7638 thumbprint (SHA-256) of the Ed25519 key that signed a ceremony's manifest.
///
/// Shown as 16 groups of four hexadecimal digits; [`StationFingerprint::words`] gives the 24 words (BIP-39
/// English list, whose last word carries a checksum) for reading aloud. Either form is parsed.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StationFingerprint(pub [u8; 32]);

impl StationFingerprint {
    /// The fingerprint as 24 words for reading aloud.
    #[must_use]
    pub fn words(&self) -> String {
        // 32 bytes are one of the lengths that BIP-39 defines, so this cannot fail.
        Mnemonic::from_entropy_in(Language::English, &self.0)
            .map(|m| m.to_string())
            .unwrap_or_default()
    }

    /// The thumbprint in base64url, as the JWS header's `kid` spells it.
    #[must_use]
    pub fn key_id(&self) -> String {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Display for StationFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pair) in self.0.chunks_exact(2).enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{:02X}{:02X}", pair[0], pair[1])?;
        }
        Ok(())
    }
}

impl fmt::Debug for StationFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for StationFingerprint {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.len() == 24 {
            let joined = words.join(" ").to_lowercase();
            let mnemonic =
                Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|_| IdError::Shape {
                    reason: "these 24 words are not a fingerprint: compare each with the record".into(),
                })?;
            let (entropy, _) = mnemonic.to_entropy_array();
            let mut bytes = [0_u8; 32];
            bytes.copy_from_slice(&entropy[..32]);
            return Ok(Self(bytes));
        }
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | ':'))
            .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
            .collect();
        match digits {
            Some(digits) if digits.len() == 64 => {
                let mut bytes = [0_u8; 32];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair[0] << 4 | pair[1];
                }
                Ok(Self(bytes))
            }
            _ => Err(IdError::Shape {
                reason: "a station fingerprint is 64 hexadecimal digits in 16 groups, or 24 words".into(),
            }),
        }
    }
}

impl TryFrom<String> for StationFingerprint {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<StationFingerprint> for String {
    fn from(fingerprint: StationFingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_printed_forms_read_back(bytes: [u8; 32]) {
            let fingerprint = StationFingerprint(bytes);
            prop_assert_eq!(fingerprint.to_string().parse::<StationFingerprint>(), Ok(fingerprint));
            prop_assert_eq!(fingerprint.to_string().to_lowercase().replace(' ', "").parse(), Ok(fingerprint));
            prop_assert_eq!(fingerprint.words().to_uppercase().parse::<StationFingerprint>(), Ok(fingerprint));
        }

        #[test]
        fn parser_never_panics(text: String) {
            let _ = text.parse::<StationFingerprint>();
        }
    }

    #[test]
    fn a_swapped_word_is_refused() {
        let mut words: Vec<String> = StationFingerprint([7; 32])
            .words()
            .split(' ')
            .map(str::to_owned)
            .collect();
        words[3] = if words[3] == "zoo" {
            "abandon".into()
        } else {
            "zoo".into()
        };
        assert!(words.join(" ").parse::<StationFingerprint>().is_err());
    }
}
