//! The SHA-256 of a published file, in the forms in which it is compared: hexadecimal, and words to read aloud.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use ring::digest::{Context, SHA256};

use super::digest;
use crate::id::IdError;

/// The SHA-256 of a whole file. Written as 64 lower-case digits, as `sha256sum` does; 24 words are read as well.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FileDigest(pub [u8; 32]);

impl FileDigest {
    /// Reads to the end: the digest, and the number of bytes.
    pub fn of(mut file: impl Read) -> io::Result<(Self, u64)> {
        let mut context = Context::new(&SHA256);
        let mut block = vec![0_u8; 1 << 16];
        let mut length = 0;
        loop {
            let count = match file.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            context.update(&block[..count]);
            length += count as u64;
        }
        let mut bytes = [0_u8; 32];
        bytes.copy_from_slice(context.finish().as_ref());
        Ok((Self(bytes), length))
    }

    /// The digest as 24 words for reading aloud, the last with a checksum.
    #[must_use]
    pub fn words(&self) -> String {
        digest::words(&self.0)
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for FileDigest {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        digest::parse("SHA-256", text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_digest_is_that_of_the_standard() {
        // FIPS 180-4, example "abc".
        let (digest, length) = FileDigest::of(&b"abc"[..]).unwrap();
        assert_eq!(
            digest.to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(length, 3);
    }

    proptest! {
        #[test]
        fn digits_and_words_read_back(bytes: [u8; 32]) {
            let digest = FileDigest(bytes);
            prop_assert_eq!(digest.to_string().parse(), Ok(digest));
            prop_assert_eq!(digest.words().parse(), Ok(digest));
        }

        #[test]
        fn the_parser_never_panics(text: String) {
            let _ = text.parse::<FileDigest>();
        }
    }
}
