//! Glasskey prepares FIDO2 security keys for emergency-access accounts offline and registers them online.

// Core: used by both modes.
pub mod cli;
pub mod id;
pub mod key;
pub mod manifest;
pub mod plan;
pub mod secret;
pub mod transcript;
pub mod worker;

// Station: the offline mode.
#[cfg(feature = "station")]
pub mod appliance;
#[cfg(feature = "station")]
pub mod ceremony;
#[cfg(feature = "station")]
pub mod console;
#[cfg(feature = "station")]
pub mod media;
#[cfg(feature = "station")]
pub mod paper;
#[cfg(feature = "station")]
pub mod pin;
#[cfg(feature = "station")]
pub mod printer;

// Companion: the online mode.
#[cfg(feature = "companion")]
pub mod graph;
#[cfg(feature = "companion")]
pub mod registration;
#[cfg(feature = "companion")]
pub mod sandbox;
