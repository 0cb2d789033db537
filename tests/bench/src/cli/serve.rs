//! A key at a UDP port, with a person at the terminal who touches it.

use std::io::BufRead as _;
use std::sync::Arc;

use bench::engine::Touch;
use bench::error::{Error, Result};
use bench::key::VirtualKey;
use bench::udp::server::Server;

use crate::cli::{Serve, say};

/// Serves until the input ends.
pub(super) fn run(arguments: &Serve) -> Result<()> {
    let key = VirtualKey::open(&arguments.key)?;
    if arguments.manual {
        key.set_touch(Touch::Manual);
    }
    let server = Server::start(arguments.listen, Arc::new(key.clone()), arguments.cycle)?;
    say(&format!("serving at: {}", server.address()))?;
    say("commands: touch, decline, counters, quit")?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|source| Error::Io {
            what: "Reading the standard input".to_owned(),
            source,
        })?;
        match line.trim() {
            "" => {}
            "touch" => key.touch(),
            "decline" => key.decline(),
            "counters" => say(&counters(&key))?,
            "quit" => return Ok(()),
            other => say(&format!("unknown command: {other}"))?,
        }
    }
    Ok(())
}

/// A key's counters as JSON.
pub(super) fn counters(key: &VirtualKey) -> String {
    serde_json::to_string_pretty(&key.counters()).unwrap_or_default()
}
