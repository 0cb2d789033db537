//! What crossed a key's wire: reports, commands by name, answers by status.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::message::{self, command_byte};
use crate::report::Report;

/// How many exchanges of one power cycle are kept.
const EXCHANGES_KEPT: usize = 10_000;

/// Everything that was counted on one key's wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// How often the key was given power.
    pub power_ups: u64,
    /// Reports to the key.
    pub reports_in: u64,
    /// Reports from the key.
    pub reports_out: u64,
    /// Keepalives from the key (they are reports too).
    pub keepalives: u64,
    /// Requests by name.
    pub commands: BTreeMap<String, u64>,
    /// Answers by name and status, such as `reset 0x30`; errors of CTAPHID as `ERROR 0x06`.
    pub answers: BTreeMap<String, u64>,
}

impl Counters {
    /// How often a request of this name was made, such as `makeCredential`.
    #[must_use]
    pub fn command(&self, name: &str) -> u64 {
        self.commands.get(name).copied().unwrap_or(0)
    }

    /// How often an answer came, such as `reset 0x00`.
    #[must_use]
    pub fn answer(&self, name: &str) -> u64 {
        self.answers.get(name).copied().unwrap_or(0)
    }
}

/// One request and how it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The request.
    pub command: Command,
    /// The CTAP status, or the code of a CTAPHID error; `None` while unanswered, and for other answers.
    pub status: Option<u8>,
}

/// Counts while reports pass.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counters: Counters,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Tally {
    pub(crate) fn power_up(&mut self) {
        self.counters.power_ups += 1;
        self.exchanges.clear();
    }

    /// Returns the command if this report begins a request.
    pub(crate) fn request(&mut self, report: &Report) -> Option<Command> {
        self.counters.reports_in += 1;
        if report[4] & 0x80 == 0 {
            return None;
        }
        let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
        let command = Command::of(report[4], &report[7..7 + length.min(57)]);
        *self.counters.commands.entry(command.to_string()).or_default() += 1;
        if self.exchanges.len() < EXCHANGES_KEPT {
            self.exchanges.push(Exchange {
                command,
                status: None,
            });
        }
        Some(command)
    }

    pub(crate) fn answer(&mut self, report: &Report) {
        self.counters.reports_out += 1;
        let status = report[7];
        let name = match report[4] {
            command_byte::KEEPALIVE => {
                self.counters.keepalives += 1;
                return;
            }
            command_byte::CBOR => {
                let open = self.exchanges.iter_mut().rev();
                let open = open.filter(|exchange| matches!(exchange.command, Command::Cbor(_)));
                match open.last_open() {
                    Some(exchange) => {
                        exchange.status = Some(status);
                        format!("{} 0x{status:02x}", exchange.command)
                    }
                    None => format!("CBOR 0x{status:02x}"),
                }
            }
            command_byte::ERROR => {
                if let Some(exchange) = self.exchanges.iter_mut().rev().last_open() {
                    exchange.status = Some(status);
                }
                format!("ERROR 0x{status:02x}")
            }
            command if command & 0x80 != 0 => Command::of(command, &[]).to_string(),
            _ => return,
        };
        *self.counters.answers.entry(name).or_default() += 1;
    }
}

/// Tells whether a report is a keepalive, and of which status.
pub(crate) fn keepalive(report: &Report) -> Option<u8> {
    (report[4] == command_byte::KEEPALIVE).then_some(report[7])
}

/// Tells whether a report is an answer's first one (not a keepalive, not a continuation).
pub(crate) fn begins_answer(report: &Report) -> bool {
    report[4] & 0x80 != 0 && keepalive(report).is_none() && message::cid(report) != [0; 4]
}

trait LastOpen<'a> {
    fn last_open(self) -> Option<&'a mut Exchange>;
}

impl<'a, I: Iterator<Item = &'a mut Exchange>> LastOpen<'a> for I {
    fn last_open(mut self) -> Option<&'a mut Exchange> {
        self.find(|exchange| exchange.status.is_none())
    }
}
