//! Signing in: how the tool comes by tokens of its own, and by new ones when they end.
//!
//! An application signs in with its certificate (RFC 7523), a person in the system's browser (authorization code with
//! PKCE, RFC 7636 and 8252) or, where there is none, with a device code (RFC 8628). No client secret, no password.
//! Tokens are held in memory; a person's sign-in may outlive the command in the kernel's keyring.

mod browser;
mod certificate;
mod device_code;
mod endpoint;
mod error;
mod keyring;
mod loopback;
mod session;

pub use certificate::Certificate;
pub use endpoint::Application;
pub use error::SignInError;
pub use keyring::Kept;
pub use session::Session;

/// What a person has to be told and shown while he signs in.
pub trait Guide {
    /// Says a line.
    fn say(&self, line: &str);
    /// Opens a page in the person's browser; false where that cannot be done.
    fn open(&self, url: &str) -> bool;
}
