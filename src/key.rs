//! One security key over USB HID: find it, identify, reset, PIN, identity credential, proofs.
//!
//! Station and companion depend on [`KeyBus`]; [`KeyClient`] implements it. Every operation runs in a
//! short-lived worker process (task `key`), so a mute key costs a deadline and a panic costs one answer.
//! Raw CTAPHID ([`channel`]) does INIT, getInfo, reset, retries and authenticatorConfig; the library
//! ctap-hid-fido2 does what needs PIN cryptography. This module knows no ceremony, paper or tenant.

pub mod assertion;
pub mod attestation;
pub mod auth_data;
pub mod bus;
mod cbor;
pub mod channel;
pub mod client;
pub mod config;
pub mod credential;
pub mod device;
pub mod error;
pub mod find;
mod hid;
pub mod identity;
pub mod info;
mod library;
pub mod operation;
pub mod pin;
pub mod registration;
mod removal;
pub mod reset;
mod session;
#[cfg(test)]
mod virtual_key;

pub use crate::blob::Blob;
pub use assertion::{Assertion, CredentialQuery};
pub use bus::{KeyBus, KeyEvent, PinInForce, Watch};
pub use client::KeyClient;
pub use config::Configuration;
pub use credential::{Credential, NewCredential, UserEntity};
pub use device::{SecurityKey, SysRoot, UsbPort};
pub use error::{Effect, KeyError};
pub use identity::{IdentityCredential, IdentityProof};
pub use info::{KeyInfo, Unfit, fitness};
pub use pin::{PinProof, PinSet, PinTextError, check_pin};
