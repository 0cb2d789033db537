//! Glasskey prepares FIDO2 security keys for emergency-access accounts offline and registers them online.
//!
//! One program, two modes. The **station** (feature `station`) is process 1 of a bootable image without a network;
//! the **companion** (feature `companion`) works on an ordinary machine. The image is built with `station` alone:
//! that program links no HTTP, TLS or socket code.
//!
//! Dependencies point one way, and a test holds that line (`tests/architecture`):
//!
//! | part | modules |
//! |---|---|
//! | command line | [`cli`]: arguments to typed requests, errors to text and exit codes |
//! | station, whole | [`appliance`]: process 1, the session that it supervises, its self-test, what it lets in at its USB ports; [`ceremony`]: the state machine and its driver |
//! | station, ports | [`console`], [`media`], [`printer`]; [`paper`]: what is printed, knows no device (the companion's reports are pages too); [`pin`]: draws PINs; [`vault`]: what lies encrypted on the stick |
//! | companion | [`registration`]: the routes; [`tenant`]: whether a tenant is ready, and how it gets so; [`journal`]: of writes to a tenant; [`inventory`]: what is known of every key; [`report`]: the same for auditors; [`graph`]: the only HTTP; [`sandbox`]: a tenant for rehearsals |
//! | both | [`key`]: one security key over USB; [`plan`]; [`creation_options`]: what a tenant asks of each key of a plan; [`manifest`]; [`transcript`]; [`audit`]: whether they and the paper agree; [`worker`]: child processes |
//! | core | [`ioctl`] (station): the few system calls that need `unsafe`; [`id`]: newtypes for all that is printed or typed; [`language`] and [`script`]: what papers are written in, and which characters come out on them; [`identity`]: a key's identity credential as data; [`blob`]: bytes in JSON; [`secret`]: memory that is wiped |
//!
//! A ceremony goes through them like this: process 1 (`appliance`) starts the session as its child, which mounts the
//! stick through `media` and has `plan` read what is to be done. `ceremony::state` says what comes next and knows no device; `ceremony::driver` does it through `key`,
//! `printer` and `console` and writes each act to the `transcript` before and after. A PIN comes from `pin`, goes to
//! paper through a child process of `worker`, then to the key, and into the `manifest`, which leaves the machine
//! signed and encrypted. `registration` opens it there and registers each key through `graph`.

// Core: used by both modes.
pub mod audit;
pub mod blob;
pub mod cli;
pub mod creation_options;
pub mod id;
pub mod identity;
#[cfg(any(feature = "station", feature = "companion"))]
pub mod ioctl;
pub mod key;
pub mod language;
pub mod manifest;
pub mod plan;
pub mod script;
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
pub mod pin;
#[cfg(feature = "station")]
pub mod vault;

// Pages and their languages: the station's slips, labels and records, the companion's reports.
#[cfg(any(feature = "station", feature = "companion"))]
pub mod paper;
#[cfg(any(feature = "station", feature = "companion"))]
pub mod printer;

// Companion: the online mode.
#[cfg(feature = "companion")]
pub mod graph;
#[cfg(feature = "companion")]
pub mod inventory;
#[cfg(feature = "companion")]
pub mod journal;
#[cfg(feature = "companion")]
pub mod registration;
#[cfg(feature = "companion")]
pub mod report;
#[cfg(feature = "companion")]
pub mod sandbox;
#[cfg(feature = "companion")]
pub mod tenant;
