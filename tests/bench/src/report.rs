//! The trait under everything: 64-byte reports in, 64-byte reports out, and power.
//!
//! Engines, bridges and the fault wrapper all look like this, so any of them can stand behind any port.

use std::time::Duration;

use crate::error::Result;

/// One HID report of a security key, without a report id.
pub type Report = [u8; 64];

/// A security key as its USB cable sees it.
///
/// Methods take `&self`: one thread sends while another waits in `recv`.
pub trait Authenticator: Send + Sync {
    /// Gives power; a key that has power already loses it first, as in a replug.
    ///
    /// # Errors
    ///
    /// The key cannot be brought up, for example because its peer cannot be reached.
    fn power_on(&self) -> Result<()>;

    /// Takes power away: nothing is answered any more, state outside the store is gone.
    fn power_off(&self);

    /// Hands one report to the key; without power it is lost.
    fn send(&self, report: &Report);

    /// Waits for a report from the key; `None` means that none came in time.
    fn recv(&self, timeout: Duration) -> Option<Report>;
}
