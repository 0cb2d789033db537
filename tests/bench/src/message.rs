//! CTAPHID framing: messages cut into reports, and reports put together again.

use std::collections::BTreeMap;

use crate::report::Report;

/// A channel id as it stands in the first four bytes of a report.
pub type Cid = [u8; 4];

/// The channel of an INIT request.
pub const BROADCAST: Cid = [0xff; 4];

/// CTAPHID command bytes as they travel, with the initial-packet bit set.
pub mod command_byte {
    /// PING.
    pub const PING: u8 = 0x81;
    /// MSG (U2F).
    pub const MSG: u8 = 0x83;
    /// LOCK.
    pub const LOCK: u8 = 0x84;
    /// INIT.
    pub const INIT: u8 = 0x86;
    /// WINK.
    pub const WINK: u8 = 0x88;
    /// CBOR.
    pub const CBOR: u8 = 0x90;
    /// CANCEL.
    pub const CANCEL: u8 = 0x91;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 0xbb;
    /// ERROR.
    pub const ERROR: u8 = 0xbf;
}

const FIRST: usize = 57;
const NEXT: usize = 59;

/// One CTAPHID message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The channel.
    pub cid: Cid,
    /// The command byte, with the initial-packet bit set.
    pub command: u8,
    /// Everything after the length.
    pub payload: Vec<u8>,
}

impl Message {
    /// Makes a message.
    #[must_use]
    pub fn new(cid: Cid, command: u8, payload: &[u8]) -> Self {
        Self {
            cid,
            command,
            payload: payload.to_vec(),
        }
    }

    /// Cuts the message into reports.
    ///
    /// # Panics
    ///
    /// When the payload is longer than CTAPHID can carry (7609 bytes).
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        let length = u16::try_from(self.payload.len()).expect("a CTAPHID message fits 16 bits of length");
        let (head, tail) = self.payload.split_at(self.payload.len().min(FIRST));
        let mut first = [0; 64];
        first[..4].copy_from_slice(&self.cid);
        first[4] = self.command;
        first[5..7].copy_from_slice(&length.to_be_bytes());
        first[7..7 + head.len()].copy_from_slice(head);
        let mut reports = vec![first];
        for (sequence, chunk) in tail.chunks(NEXT).enumerate() {
            let mut next = [0; 64];
            next[..4].copy_from_slice(&self.cid);
            next[4] = u8::try_from(sequence)
                .ok()
                .filter(|s| *s < 0x80)
                .expect("at most 128 continuations");
            next[5..5 + chunk.len()].copy_from_slice(chunk);
            reports.push(next);
        }
        reports
    }
}

/// What one more report did to a message under assembly.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The message is complete.
    Complete(Message),
    /// More reports are to come.
    Partial,
    /// The report belongs to no message.
    Stray,
}

/// Puts reports of one direction together, channel by channel.
#[derive(Debug, Default)]
pub struct Assembler {
    partial: BTreeMap<Cid, (Message, usize, u8)>,
}

impl Assembler {
    /// Takes one more report.
    pub fn push(&mut self, report: &Report) -> Step {
        let cid = cid(report);
        if report[4] & 0x80 != 0 {
            let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
            let message = Message::new(cid, report[4], &report[7..7 + length.min(FIRST)]);
            return self.keep_or_finish(message, length, 0);
        }
        let Some((mut message, length, sequence)) = self.partial.remove(&cid) else {
            return Step::Stray;
        };
        if report[4] != sequence {
            return Step::Stray;
        }
        let missing = (length - message.payload.len()).min(NEXT);
        message.payload.extend_from_slice(&report[5..5 + missing]);
        self.keep_or_finish(message, length, sequence + 1)
    }

    /// Forgets every message under assembly.
    pub fn clear(&mut self) {
        self.partial.clear();
    }

    fn keep_or_finish(&mut self, message: Message, length: usize, sequence: u8) -> Step {
        if message.payload.len() >= length {
            self.partial.remove(&message.cid);
            return Step::Complete(message);
        }
        self.partial.insert(message.cid, (message, length, sequence));
        Step::Partial
    }
}

/// Reads the channel id of a report.
#[must_use]
pub fn cid(report: &Report) -> Cid {
    [report[0], report[1], report[2], report[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_every_length_survive_cutting_and_assembly() {
        for length in [0, 1, 57, 58, 116, 117, 1024, 7609] {
            let payload: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let message = Message::new([1, 2, 3, 4], command_byte::CBOR, &payload);
            let mut assembler = Assembler::default();
            let reports = message.reports();
            let (last, rest) = reports.split_last().unwrap();
            for report in rest {
                assert_eq!(assembler.push(report), Step::Partial);
            }
            assert_eq!(assembler.push(last), Step::Complete(message));
        }
    }

    #[test]
    fn a_wrong_sequence_number_ends_the_message() {
        let mut reports = Message::new([1, 2, 3, 4], command_byte::PING, &[7; 200]).reports();
        reports[1][4] = 5;
        let mut assembler = Assembler::default();
        assert_eq!(assembler.push(&reports[0]), Step::Partial);
        assert_eq!(assembler.push(&reports[1]), Step::Stray);
        assert_eq!(assembler.push(&reports[2]), Step::Stray);
    }
}
