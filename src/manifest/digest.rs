//! A SHA-256 as people read and type it: groups of digits, or 24 words.

use std::fmt;

use bip39::{Language, Mnemonic};

use crate::id::IdError;

/// The digest as 24 words of the BIP-39 English list, the last with a checksum.
pub(super) fn words(digest: &[u8; 32]) -> String {
    // 32 bytes are one of the lengths that BIP-39 defines, so this cannot fail.
    Mnemonic::from_entropy_in(Language::English, digest)
        .map(|m| m.to_string())
        .unwrap_or_default()
}

/// Writes 16 groups of four upper-case digits.
pub(super) fn write_groups(digest: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (index, pair) in digest.chunks_exact(2).enumerate() {
        let gap = if index == 0 { "" } else { " " };
        write!(f, "{gap}{:02X}{:02X}", pair[0], pair[1])?;
    }
    Ok(())
}

/// Hexadecimal digits, one number each; `None` where something else stands between them than spaces, `-`, `:`.
pub(super) fn digits(text: &str) -> Option<Vec<u8>> {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | ':'))
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect()
}

/// Reads either form; `what` names it in an error.
pub(super) fn parse(what: &str, text: &str) -> Result<[u8; 32], IdError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() == 24 {
        let joined = words.join(" ").to_lowercase();
        let mnemonic =
            Mnemonic::parse_in_normalized(Language::English, &joined).map_err(|_| IdError::Shape {
                reason: format!("these 24 words are not a {what}: compare each with the record"),
            })?;
        let (entropy, _) = mnemonic.to_entropy_array();
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(&entropy[..32]);
        return Ok(bytes);
    }
    match digits(text) {
        Some(digits) if digits.len() == 64 => {
            let mut bytes = [0_u8; 32];
            for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                *byte = pair[0] << 4 | pair[1];
            }
            Ok(bytes)
        }
        _ => Err(IdError::Shape {
            reason: format!("a {what} is 64 hexadecimal digits in 16 groups, or 24 words"),
        }),
    }
}
