//! Frames on a worker's pipes: one byte of kind, a little-endian 32-bit length, the body.

use std::io::{self, Read, Write};

use crate::secret::{self, Secret};

/// Largest body accepted from either side, in bytes: a manifest of several hundred keys fits.
pub const MAX_BODY: usize = 16 << 20;

/// What a frame's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What to do (parent to child).
    Request = 1,
    /// What only the child may see, possibly empty (parent to child, right after the request).
    Secret = 2,
    /// Something worth telling while the work goes on (child to parent).
    Event = 3,
    /// The result; the last frame (child to parent).
    Answer = 4,
    /// Why there is no result; the last frame (child to parent).
    Failure = 5,
    /// The word to go on, for a child that waits for it (parent to child).
    Go = 6,
}

/// One frame; its body is wiped on drop, whatever its kind.
pub struct Frame {
    /// What the body is.
    pub kind: Kind,
    /// The bytes.
    pub body: Secret<Vec<u8>>,
}

/// Writes one frame.
pub fn write(to: &mut dyn Write, kind: Kind, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_BODY);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "frame too large"))?;
    let mut head = [kind as u8; 5];
    head[1..].copy_from_slice(&length.to_le_bytes());
    to.write_all(&head)?;
    to.write_all(body)?;
    to.flush()
}

/// Reads one frame; `None` at a clean end of the stream.
pub fn read(from: &mut dyn Read) -> io::Result<Option<Frame>> {
    let mut head = [0_u8; 5];
    if from.read(&mut head[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut head[1..])?;
    let kind = match head[0] {
        1 => Kind::Request,
        2 => Kind::Secret,
        3 => Kind::Event,
        4 => Kind::Answer,
        5 => Kind::Failure,
        6 => Kind::Go,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "unknown kind of frame",
            ));
        }
    };
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > MAX_BODY {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "frame too large"));
    }
    let mut body = secret::with_capacity(length);
    body.expose_mut().resize(length, 0);
    from.read_exact(body.expose_mut())?;
    Ok(Some(Frame { kind, body }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_was_written_and_refuses_a_cut_frame() {
        let mut bytes = Vec::new();
        write(&mut bytes, Kind::Answer, b"hello").unwrap();
        let frame = read(&mut &bytes[..]).unwrap().unwrap();
        assert_eq!(
            (frame.kind, &frame.body.expose()[..]),
            (Kind::Answer, &b"hello"[..])
        );
        assert!(read(&mut &bytes[..7]).is_err());
        assert!(read(&mut &[][..]).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read(&mut &bytes[..]);
        }
    }
}
