//! The virtual USB bench: security keys, printers and sticks for an unmodified image in QEMU.
//!
//! A key is anything that takes and gives 64-byte reports ([`report::Authenticator`]): the OpenSK engine in a thread
//! ([`engine`]), or an authenticator at a UDP port ([`udp`]). [`key::VirtualKey`] puts the fault wrapper ([`faults`])
//! before it and watches the wire. Keys and printers are plugged into the ports ([`usbredir`]) of a machine ([`qemu`]),
//! which is then spoken to by its serial line ([`console`]) or its keyboard:
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
//!
//! What a test may want to go wrong, and where that is done:
//!
//! | trouble | way |
//! |---|---|
//! | key: faults on the wire | [`key::VirtualKey::set_faults`] |
//! | key: equal serial numbers, or none (the default) | [`key::VirtualKey::set_identity`], then plug in |
//! | stick: full | [`stick::Stick::fill`]; [`stick::Stick::remove`] makes room |
//! | stick: write-protected | [`qemu::Qemu::plug_stick_read_only`], [`medium::Medium::write_protect`] |
//! | stick: I/O errors, no blocks left, slow | [`medium::Medium::fail_writes`] and its neighbours |
//! | power cut at an exact write or flush: applied, torn, lost | [`medium::Medium::arm`], [`medium::Cut`] |
//! | power cut at any other moment | [`qemu::Qemu::kill`], [`qemu::Qemu::kill_switch`] |
//! | a keyboard, a network adapter, a keyboard in the guise of a key | [`usbredir::gadget::Gadget`] |
//! | screen: small or large | [`qemu::builder::Builder::screen_size`] |
//!
//! What a printer received becomes sheets of dots again in [`paper`].
//!
//! A [`stick::Stick`] is an image file that QEMU opens; a [`medium::Medium`] serves such a file to QEMU itself, and is
//! plugged in by [`qemu::builder::Builder::stick_served`] or [`qemu::Qemu::plug_stick_served`]. One port takes any
//! number of keys one after another: 200 leave no thread, file or memory behind.

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
pub mod medium;
pub mod message;
pub mod paper;
pub mod qemu;
pub mod qmp;
pub mod report;
pub mod spec;
pub mod stick;
pub mod udp;
pub mod usbredir;
