//! The command line's words, and where each of them leads.

mod interactive;
mod keys;
mod serve;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;

use bench::engine::config::{Aaguid, parse_aaguid};
use bench::error::{Error, Result};
use bench::report::Report;
use bench::spec::KeySpec;
use bench::udp::{cycle_datagram, loopback};
use clap::{Args, Parser, Subcommand};

/// The virtual USB bench for Glasskey's tests.
#[derive(Debug, Parser)]
#[command(name = "bench")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a key at a UDP port, for clients that know nothing of the bench; ends with its input.
    Serve(Serve),
    /// Makes and shows key files.
    #[command(subcommand)]
    Key(Key),
    /// Starts a machine with its console on this terminal; lines that begin with `!` are for the bench.
    Interactive(Box<Interactive>),
}

#[derive(Debug, Args)]
struct Serve {
    /// The key: `opensk`, `opensk:FILE` or `udp:PEER,BIND[,cycle=HEX]`.
    #[arg(long, default_value = "opensk")]
    key: KeySpec,
    /// The port on loopback; port 0 takes a free one.
    #[arg(long, value_parser = loopback, default_value = "127.0.0.1:8111")]
    listen: SocketAddr,
    /// A datagram that switches the key off and on again.
    #[arg(long, value_parser = cycle_datagram)]
    cycle: Option<Report>,
    /// Touches by the command `touch` instead of at once.
    #[arg(long)]
    manual: bool,
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Makes a key file.
    New(NewKey),
    /// Shows a key file as JSON, without its secrets.
    Show {
        /// The key file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct NewKey {
    /// The key file, which must not exist yet.
    file: PathBuf,
    /// The model, 32 hexadecimal digits.
    #[arg(long, value_parser = parse_aaguid)]
    aaguid: Option<Aaguid>,
    /// The model in the attestation certificate, if it is to be a wrong one.
    #[arg(long, value_parser = parse_aaguid)]
    attestation_aaguid: Option<Aaguid>,
    /// The serial number in the USB descriptor.
    #[arg(long)]
    serial: Option<String>,
    /// The product name in the USB descriptor.
    #[arg(long)]
    product: Option<String>,
    /// The minimum PIN length of the new key.
    #[arg(long, default_value_t = 4)]
    min_pin_length: u8,
    /// Wrong PINs until the key is blocked.
    #[arg(long, default_value_t = 8)]
    max_pin_retries: u8,
    /// Offers PIN protocol 2 only.
    #[arg(long)]
    pin_protocol_two_only: bool,
    /// Always asks for user verification.
    #[arg(long)]
    always_uv: bool,
    /// Has a keyboard beside the FIDO interface.
    #[arg(long)]
    keyboard: bool,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
struct Interactive {
    /// Boots this kernel.
    #[arg(long, required_unless_present = "boot_stick")]
    kernel: Option<PathBuf>,
    /// Gives the kernel an initramfs.
    #[arg(long)]
    initrd: Option<PathBuf>,
    /// Gives the kernel a command line.
    #[arg(long)]
    append: Option<String>,
    /// Boots from this raw image as a USB stick.
    #[arg(long)]
    boot_stick: Option<PathBuf>,
    /// Starts with UEFI firmware.
    #[arg(long)]
    ovmf: bool,
    /// The memory in MiB.
    #[arg(long, default_value_t = 512)]
    memory: u32,
    /// A stick that is plugged in from the start, `NAME=IMAGE`.
    #[arg(long = "stick", value_parser = named_image)]
    sticks: Vec<(String, PathBuf)>,
    /// A key, in port 0, 1 and so on; plugged in by `!plug N`.
    #[arg(long = "key")]
    keys: Vec<KeySpec>,
    /// A printer, in the port after the keys.
    #[arg(long)]
    printer: bool,
    /// Plugs everything in from the start.
    #[arg(long)]
    plugged: bool,
    /// Touches keys by `!touch N` instead of at once.
    #[arg(long)]
    manual: bool,
    /// Keeps the console in this file.
    #[arg(long)]
    log: Option<PathBuf>,
}

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Serve(serve) => serve::run(&serve),
        Command::Key(Key::New(new)) => keys::new(new),
        Command::Key(Key::Show { file }) => keys::show(&file),
        Command::Interactive(interactive) => interactive::run(*interactive),
    }
}

/// Says something on the standard output.
fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").map_err(|source| Error::Io {
        what: "Writing to the standard output".to_owned(),
        source,
    })
}

fn named_image(text: &str) -> Result<(String, PathBuf)> {
    match text.split_once('=') {
        Some((name, image)) if !name.is_empty() && !image.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(image)))
        }
        _ => Err(Error::Spec(format!("A stick is `NAME=IMAGE`, not: {text}"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
        let parsed = Arguments::try_parse_from(["bench", "serve", "--listen", "0.0.0.0:1"]);
        assert!(
            parsed
                .unwrap_err()
                .to_string()
                .contains("loopback interface only")
        );
    }
}
