//! What a USB device says of itself: numbers and strings of its descriptors.

use serde::{Deserialize, Serialize};

/// The descriptor fields by which an operating system tells devices apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsbIdentity {
    /// Vendor id.
    pub vendor: u16,
    /// Product id.
    pub product: u16,
    /// Device release, binary-coded decimal.
    pub release: u16,
    /// Manufacturer string.
    pub manufacturer_text: String,
    /// Product string.
    pub product_text: String,
    /// Serial number string; `None` leaves the descriptor out.
    pub serial: Option<String>,
    /// Whether a boot keyboard stands beside the FIDO interface, as on keys that type passwords.
    #[serde(default)]
    pub keyboard: bool,
}

impl Default for UsbIdentity {
    // pid.codes sets 1209:0001 to 1209:0010 aside for tests.
    fn default() -> Self {
        Self {
            vendor: 0x1209,
            product: 0x0001,
            release: 0x0100,
            manufacturer_text: "Virtual".to_owned(),
            product_text: "Bench Key".to_owned(),
            serial: None,
            keyboard: false,
        }
    }
}
