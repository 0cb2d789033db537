//! Bytes as lower-case hexadecimal text, in files and on the command line.

use std::fmt::Write as _;

/// Writes bytes as text.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Reads text as bytes; hyphens, as in an AAGUID, are skipped.
#[must_use]
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|&c| c != '-')
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Byte strings inside JSON files.
pub(crate) mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &impl AsRef<[u8]>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&super::encode(bytes.as_ref()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, B: TryFrom<Vec<u8>>>(d: D) -> Result<B, D::Error> {
        let text = String::deserialize(d)?;
        super::decode(&text)
            .and_then(|bytes| B::try_from(bytes).ok())
            .ok_or_else(|| D::Error::custom(format!("these are not the expected bytes: {text}")))
    }
}

/// Byte strings inside JSON files that may be missing.
pub(crate) mod optional_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
    pub(crate) fn serialize<S: Serializer, B: AsRef<[u8]>>(
        bytes: &Option<B>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        bytes
            .as_ref()
            .map(|bytes| super::encode(bytes.as_ref()))
            .serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, B: TryFrom<Vec<u8>>>(
        d: D,
    ) -> Result<Option<B>, D::Error> {
        let Some(text) = Option::<String>::deserialize(d)? else {
            return Ok(None);
        };
        super::decode(&text)
            .and_then(|bytes| B::try_from(bytes).ok())
            .map(Some)
            .ok_or_else(|| D::Error::custom(format!("these are not the expected bytes: {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_bytes_are_the_same_thing() {
        assert_eq!(encode(&[0xac, 0x10, 0x05]), "ac1005");
        assert_eq!(decode("AC-1005"), Some(vec![0xac, 0x10, 0x05]));
        assert_eq!(decode("ac1"), None);
        assert_eq!(decode("zz"), None);
    }
}
