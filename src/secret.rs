//! Values that must not leak: wiped on drop, never printed, copied or serialised.
//!
//! ```compile_fail
//! let pin = glasskey::secret::Secret::new(vec![1_u8]);
//! println!("{pin:?}"); // no Debug
//! ```
//! ```compile_fail
//! let pin = glasskey::secret::Secret::new(vec![1_u8]);
//! let copy = pin.clone(); // no Clone
//! ```
//! ```compile_fail
//! let pin = glasskey::secret::Secret::new(String::new());
//! serde_json::to_string(&pin); // no Serialize
//! ```
//! ```compile_fail
//! let pin = glasskey::secret::Secret::new(String::new());
//! pin.to_string(); // no Display
//! ```

use zeroize::Zeroize;

/// Keeps every page of this process in RAM, those to come as well. A lock is not inherited by children.
///
/// Fails where the user may not lock that much (`RLIMIT_MEMLOCK`).
pub fn lock_memory() -> Result<(), rustix::io::Errno> {
    use rustix::mm::MlockAllFlags;
    rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE)
}

/// A value that is wiped when it is dropped and comes out only through [`Secret::expose`].
///
/// It is boxed so that moving the owner leaves no copy behind; a growing value inside would leave
/// copies, so reserve its full capacity first (see [`with_capacity`]).
pub struct Secret<T: Zeroize>(Box<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes ownership of a value that from now on is secret.
    pub fn new(value: T) -> Self {
        Self(Box::new(value))
    }

    /// Lends the value; the borrow is the only way to it, so `expose` marks every use in the source.
    #[must_use]
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// Lends the value for filling in place.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Makes an empty secret byte buffer that holds `capacity` bytes without reallocating.
#[must_use]
pub fn with_capacity(capacity: usize) -> Secret<Vec<u8>> {
    Secret::new(Vec::with_capacity(capacity))
}

/// A PIN of a security key: text in Unicode NFC (CTAP 2.1, 6.5.5), wiped on drop.
pub type Pin = Secret<String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_what_was_put_in() {
        let mut secret = with_capacity(4);
        secret.expose_mut().extend_from_slice(b"1234");
        assert_eq!(secret.expose(), b"1234");
        assert_eq!(secret.expose().capacity(), 4);
    }
}
