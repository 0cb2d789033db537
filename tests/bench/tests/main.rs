//! The bench tested on itself: keys without a guest, the USB side against a scripted host, and a real guest.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod engine_life;
mod fault_wrapper;
mod guest;
mod host;
mod key_files;
mod medium;
mod nbd_client;
mod outside_client;
mod udp_bridge;
mod usb_host;
