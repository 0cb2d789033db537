//! A person plays the officer: the station's console in this terminal, keys by commands.

use std::io::{BufRead, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use bench::key::VirtualKey;

use crate::Result;
use crate::station::Station;

const HELP: &str = "Type answers as at the station. Keys are moved by commands:
  !plug N   put key N into its socket        !pull N   take it out
  !touch N  touch it                         !help     this text";

/// Hands the console to the terminal until the station switches itself off.
pub fn play(station: &mut Station, keys: &[VirtualKey]) -> Result<()> {
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "{HELP}\nThere are {} keys.\n", keys.len());
    station.console().echo(true);
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(std::result::Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        match lines.recv_timeout(Duration::from_millis(300)) {
            Ok(line) => match line.strip_prefix('!') {
                Some(command) => {
                    if let Err(error) = obey(station, keys, command) {
                        let _ = writeln!(stderr, "{error}");
                    }
                }
                None => station.console().send_line(&line)?,
            },
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(Duration::from_millis(300)),
        }
        if station.console().text().contains("Switching off.") {
            return Ok(());
        }
    }
}

fn obey(station: &mut Station, keys: &[VirtualKey], command: &str) -> Result<()> {
    let mut words = command.split_whitespace();
    let (verb, number) = (
        words.next().unwrap_or_default(),
        words.next().and_then(|n| n.parse::<usize>().ok()),
    );
    let Some((index, key)) = number.and_then(|n| Some((n.checked_sub(1)?, keys.get(n.checked_sub(1)?)?)))
    else {
        let _ = writeln!(std::io::stderr(), "{HELP}");
        return Ok(());
    };
    match verb {
        // Every key has its own socket, as far as there are any; the last is the printer's.
        "plug" => station.machine().plug(index % 3, key)?,
        "pull" => station.machine().pull(index % 3)?,
        "touch" => key.touch(),
        _ => {
            let _ = writeln!(std::io::stderr(), "{HELP}");
        }
    }
    Ok(())
}
