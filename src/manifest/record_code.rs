//! What the paper record says for machines: its QR code, and the transcript head in digits and words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::StationFingerprint;
use super::digest;
use crate::id::{CeremonyId, IdError};

/// Before the fingerprint in the QR code of records that name the station alone.
pub(super) const STATION_PREFIX: &str = "GLASSKEY-STATION:1:";
/// Before the parts of a record's QR code.
const PREFIX: &str = "GLASSKEY-RECORD:1:";

/// The transcript head on paper: SHA-256 of the line that was the last one when the record was printed.
///
/// Shown and read like a [`StationFingerprint`]: 16 groups of four digits, or 24 words.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HeadDigest(pub [u8; 32]);

impl HeadDigest {
    /// The digest as 24 words for reading aloud.
    #[must_use]
    pub fn words(&self) -> String {
        digest::words(&self.0)
    }
}

impl fmt::Display for HeadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        digest::write_groups(&self.0, f)
    }
}

impl fmt::Debug for HeadDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for HeadDigest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        digest::parse("transcript head", text).map(Self)
    }
}

impl TryFrom<String> for HeadDigest {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<HeadDigest> for String {
    fn from(head: HeadDigest) -> Self {
        head.to_string()
    }
}

/// A transcript head as an auditor types it: all of it, or its first digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadStart {
    /// Lower-case hexadecimal digits.
    digits: String,
}

impl HeadStart {
    /// Fewest digits that are taken for a head: 64 bits, so that nobody finds another line with them.
    pub const FEWEST: usize = 16;

    /// Whether a SHA-256 in lower-case hexadecimal begins with it.
    #[must_use]
    pub fn fits(&self, sha256: &str) -> bool {
        sha256.starts_with(&self.digits)
    }
}

impl fmt::Display for HeadStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.digits)
    }
}

impl From<HeadDigest> for HeadStart {
    fn from(head: HeadDigest) -> Self {
        let digits = head.to_string().replace(' ', "").to_lowercase();
        Self { digits }
    }
}

impl FromStr for HeadStart {
    type Err = IdError;

    /// Reads 24 words, 16 to 64 hexadecimal digits, or the text of the record's QR code.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if let Ok(code) = text.parse::<RecordCode>() {
            return Ok(code.head.into());
        }
        if text.split_whitespace().count() == 24 {
            return text.parse::<HeadDigest>().map(Self::from);
        }
        match digest::digits(text) {
            Some(digits) if (Self::FEWEST..=64).contains(&digits.len()) => Ok(Self {
                digits: digits
                    .into_iter()
                    .filter_map(|d| char::from_digit(d.into(), 16))
                    .collect(),
            }),
            _ => Err(IdError::Shape {
                reason:
                    "a transcript head is 24 words, or 64 hexadecimal digits of which the first 16 are enough"
                        .into(),
            }),
        }
    }
}

/// The text of the record's QR code: `GLASSKEY-RECORD:1:<ceremony id>:<station fingerprint>:<transcript head>`.
///
/// Digits are in upper case, so that the code needs its alphanumeric mode only (ISO/IEC 18004, 7.4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCode {
    /// The ceremony.
    pub ceremony: CeremonyId,
    /// Fingerprint of the station key that signs the manifest.
    pub station: StationFingerprint,
    /// The transcript's head when the record was printed.
    pub head: HeadDigest,
}

impl fmt::Display for RecordCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}:", self.ceremony)?;
        self.station
            .0
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02X}"))?;
        f.write_str(":")?;
        self.head.0.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl FromStr for RecordCode {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let parts: Option<Vec<&str>> = text
            .trim()
            .strip_prefix(PREFIX)
            .map(|rest| rest.split(':').collect());
        let Some([ceremony, station, head]) = parts.as_deref() else {
            return Err(IdError::Shape {
                reason: format!(
                    "the record's code reads {PREFIX}, ceremony id, station fingerprint and transcript head"
                ),
            });
        };
        Ok(Self {
            ceremony: ceremony.parse()?,
            station: StationFingerprint(digest::parse("station fingerprint", station)?),
            head: HeadDigest(digest::parse("transcript head", head)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn code(station: [u8; 32], head: [u8; 32]) -> RecordCode {
        RecordCode {
            ceremony: CeremonyId::draw(&mut |bytes| bytes.fill(station[0])),
            station: StationFingerprint(station),
            head: HeadDigest(head),
        }
    }

    proptest! {
        #[test]
        fn the_code_reads_back_and_gives_each_part(station: [u8; 32], head: [u8; 32]) {
            let code = code(station, head);
            let text = code.to_string();
            prop_assert_eq!(text.len(), 156);
            prop_assert!(!text.contains(|c: char| c.is_lowercase()));
            prop_assert_eq!(text.parse::<RecordCode>(), Ok(code.clone()));
            prop_assert_eq!(text.parse::<StationFingerprint>(), Ok(code.station));
            prop_assert_eq!(text.parse::<HeadStart>(), Ok(code.head.into()));
            prop_assert_eq!(code.head.words().parse::<HeadStart>(), Ok(code.head.into()));
            let digits = code.head.to_string();
            let first = digits[..19].parse::<HeadStart>().unwrap();
            prop_assert!(first.fits(&digits.replace(' ', "").to_lowercase()));
            let alone = format!("{STATION_PREFIX}{}", code.station).replace(' ', "");
            prop_assert_eq!(alone.parse::<StationFingerprint>(), Ok(code.station));
        }

        #[test]
        fn parsers_never_panic(text: String) {
            let _ = text.parse::<RecordCode>();
            let _ = text.parse::<HeadStart>();
            let _ = text.parse::<HeadDigest>();
        }
    }

    #[test]
    fn a_code_with_a_part_missing_or_a_short_head_is_refused() {
        let good = code([1; 32], [2; 32]).to_string();
        assert!(good.parse::<RecordCode>().is_ok());
        let (short, _) = good.rsplit_once(':').unwrap();
        assert!(short.parse::<RecordCode>().is_err());
        assert!(good.replace(":1:", ":2:").parse::<RecordCode>().is_err());
        assert!("0123456789ABCDE".parse::<HeadStart>().is_err());
        assert!("0123456789ABCDEF".parse::<HeadStart>().is_ok());
    }
}
