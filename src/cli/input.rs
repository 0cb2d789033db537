//! Files that a command reads: bounded, wiped, and a manifest's failure as an exit code.

use std::io::Read as _;
use std::path::Path;

use crate::manifest::OpenError;
use crate::secret::{Secret, with_capacity};

/// Largest transcript, identity, token or fingerprint file that is read.
const FILE_LIMIT: usize = 16 * 1024 * 1024;

/// Largest manifest that the companion reads: more than fifty thousand keys.
#[cfg(feature = "companion")]
const MANIFEST_LIMIT: usize = 256 * 1024 * 1024;

/// Reads a file; the error is a sentence.
pub(super) fn read(path: &Path) -> Result<Secret<Vec<u8>>, String> {
    read_up_to(path, FILE_LIMIT)
}

/// Reads a manifest; the error is a sentence.
#[cfg(feature = "companion")]
pub(super) fn read_manifest(path: &Path) -> Result<Secret<Vec<u8>>, String> {
    read_up_to(path, MANIFEST_LIMIT)
}

fn read_up_to(path: &Path, limit: usize) -> Result<Secret<Vec<u8>>, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("{} cannot be read: {error}", path.display());
    let file = std::fs::File::open(path).map_err(|e| cannot(&e))?;
    let length = usize::try_from(file.metadata().map_err(|e| cannot(&e))?.len()).unwrap_or(usize::MAX);
    if length > limit {
        return Err(cannot(&"it is too large"));
    }
    let mut bytes = with_capacity(length + 1);
    file.take(length as u64)
        .read_to_end(bytes.expose_mut())
        .map_err(|e| cannot(&e))?;
    Ok(bytes)
}

/// Reads a file of text without the white space around it.
pub(super) fn read_text(path: &Path) -> Result<Secret<String>, String> {
    let bytes = read(path)?;
    match std::str::from_utf8(bytes.expose()) {
        Ok(text) => Ok(Secret::new(text.trim().to_owned())),
        Err(_) => Err(format!("{} is not text.", path.display())),
    }
}

/// Exit code of a manifest that cannot be used; the same in every command (docs/formats.md).
pub(super) fn open_code(error: &OpenError) -> u8 {
    match error {
        OpenError::Damaged(_) => 10,
        OpenError::WrongIdentity => 11,
        OpenError::WrongStation { .. } | OpenError::BadSignature => 12,
        OpenError::UnintendedRecipient(_) => 13,
        OpenError::Content(_) | OpenError::NewerVersion(_) => 14,
        OpenError::Truncated { .. } => 15,
    }
}

/// Why a manifest cannot be used, as a sentence.
pub(super) fn open_sentence(error: &OpenError) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    let sentence: String = first.into_iter().chain(letters).collect();
    format!("{sentence}.")
}
