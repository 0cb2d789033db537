//! The host side of usbredir: QEMU is the guest's host controller, the devices are ours.
//!
//! One [`port::Port`] per `usb-redir` device of QEMU; a [`device::Device`] can be plugged into it and pulled.

pub mod codec;
pub mod descriptors;
pub mod device;
pub mod gadget;
pub mod hid_key;
pub mod port;
pub mod printer;
