//! The virtual USB bench.

fn main() {}
