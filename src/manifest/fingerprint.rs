//! The station key's fingerprint: printed on the record, read aloud, typed into the companion.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::digest;
use super::record_code::{RecordCode, STATION_PREFIX};
use crate::id::IdError;

/// The RFC 7638 thumbprint (SHA-256) of the Ed25519 key that signed a ceremony's manifest.
///
/// Shown as 16 groups of four hexadecimal digits; [`StationFingerprint::words`] gives the 24 words (BIP-39
/// English list, whose last word carries a checksum) for reading aloud. Either form is parsed,
/// and so is the text of the record's QR code.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StationFingerprint(pub [u8; 32]);

impl StationFingerprint {
    /// The fingerprint as 24 words for reading aloud.
    #[must_use]
    pub fn words(&self) -> String {
        digest::words(&self.0)
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
        digest::write_groups(&self.0, f)
    }
}

impl fmt::Debug for StationFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for StationFingerprint {
    type Err = IdError;

    /// Reads what is printed: digits, words, or what a reader of QR codes makes of the record.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let trimmed = text.trim();
        if let Ok(code) = trimmed.parse::<RecordCode>() {
            return Ok(code.station);
        }
        let text = trimmed.strip_prefix(STATION_PREFIX).unwrap_or(trimmed);
        digest::parse("station fingerprint", text).map(Self)
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
