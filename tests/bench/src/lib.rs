//! The virtual USB bench: security keys, printers and sticks for an unmodified image in QEMU.
//!
//! A key is anything that takes and gives 64-byte reports ([`report::Authenticator`]): the OpenSK engine in a thread
//! ([`engine`]), or an authenticator at a UDP port ([`udp`]). [`key::VirtualKey`] puts the fault wrapper ([`faults`])
//! before it and watches the wire.

pub mod command;
pub mod counters;
pub mod engine;
pub mod error;
pub mod faults;
pub mod hex;
pub mod identity;
pub mod key;
pub mod message;
pub mod report;
pub mod spec;
pub mod udp;
