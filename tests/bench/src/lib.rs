//! The virtual USB bench: security keys, printers and sticks for an unmodified image in QEMU.
//!
//! A key is anything that takes and gives 64-byte reports ([`report::Authenticator`]): the OpenSK engine in a thread
//! ([`engine`]), or an authenticator at a UDP port ([`udp`]). [`key::VirtualKey`] puts the fault wrapper ([`faults`])
//! before it and watches the wire. Keys and printers are plugged into the ports ([`usbredir`]) of a machine ([`qemu`]),
//! which is then spoken to by its serial line ([`console`]):
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use bench::{key::VirtualKey, qemu::Qemu};
//!
//! # fn main() -> bench::error::Result<()> {
//! let key = VirtualKey::open(&"opensk:key.json".parse()?)?;
//! let mut machine = Qemu::builder().kernel("vmlinuz").initrd("initrd").start()?;
//! machine.plug(0, &key)?;
//! machine.console().expect("Touch the key", Duration::from_secs(60))?;
//! key.touch();
//! machine.pull(0)?;
//! # Ok(())
//! # }
//! ```

pub mod client;
pub mod command;
pub mod console;
pub mod counters;
pub mod engine;
pub mod error;
pub mod faults;
pub mod hex;
pub mod identity;
pub mod key;
pub mod message;
pub mod qemu;
pub mod qmp;
pub mod report;
pub mod spec;
pub mod stick;
pub mod udp;
pub mod usbredir;
