//! A job's bytes in pieces that are never moved while they grow, so that each is wiped where it was written.

use super::sink::CHUNK;
use crate::secret::{self, Secret};

/// Bytes for a printer; they can show a PIN, and are wiped.
#[derive(Default)]
pub struct Spool {
    chunks: Vec<Secret<Vec<u8>>>,
}

impl Spool {
    /// Adds bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = self.chunks.last().map_or(0, |last| CHUNK - last.expose().len());
            if room == 0 {
                self.chunks.push(secret::with_capacity(CHUNK));
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            if let Some(last) = self.chunks.last_mut() {
                last.expose_mut().extend_from_slice(now);
            }
            bytes = later;
        }
    }

    /// Adds another job's bytes, in its own pieces.
    pub fn append(&mut self, other: Self) {
        self.chunks.extend(other.chunks);
    }

    /// The pieces in their order, each of [`CHUNK`] bytes at most.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.chunks.iter().map(|chunk| chunk.expose().as_slice())
    }

    /// Bytes in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chunks().map(<[u8]>::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All bytes in one piece.
    #[must_use]
    pub fn joined(&self) -> Secret<Vec<u8>> {
        let mut joined = secret::with_capacity(self.len());
        for chunk in self.chunks() {
            joined.expose_mut().extend_from_slice(chunk);
        }
        joined
    }
}

impl From<&[u8]> for Spool {
    fn from(bytes: &[u8]) -> Self {
        let mut spool = Self::default();
        spool.push(bytes);
        spool
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keeps_all_bytes_in_order_and_never_grows_a_piece(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20_000), 0..6),
        ) {
            let mut spool = Spool::default();
            for part in &parts {
                spool.push(part);
            }
            spool.append(Spool::from(&b"end"[..]));
            let joined = spool.joined();
            prop_assert_eq!(joined.expose(), &[parts.concat(), b"end".to_vec()].concat());
            prop_assert!(spool.chunks.iter().all(|chunk| chunk.expose().capacity() == CHUNK));
        }
    }
}
