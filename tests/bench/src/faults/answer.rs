//! What becomes of one answer on its way out.

use std::time::Duration;

use crate::faults::KEEPALIVE_GAP;
use crate::faults::catalogue::{Effect, ForeignCid};
use crate::message::{Message, command_byte};
use crate::report::Report;

/// A channel that nobody was given.
const FOREIGN: [u8; 4] = [0xf0, 0x0d, 0xca, 0xfe];

/// What the wrapper lets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Report(Report),
    Unplug,
}

/// An answer after all effects, with the time each part waits.
#[derive(Debug)]
pub(super) struct Spoiled {
    pub(super) out: Vec<(Duration, Outgoing)>,
    pub(super) mute: bool,
}

impl Spoiled {
    pub(super) fn new(mut message: Message, effects: &[Effect], stale: &[Report]) -> Self {
        for effect in effects {
            change_content(&mut message, effect);
        }
        let mut reports = message.reports();
        for effect in effects {
            change_frames(&mut reports, effect, &message, stale);
        }
        let mut spoiled = Self {
            out: reports
                .into_iter()
                .map(|report| (Duration::ZERO, Outgoing::Report(report)))
                .collect(),
            mute: false,
        };
        for effect in effects {
            spoiled.change_course(effect, &message);
        }
        spoiled
    }

    fn change_course(&mut self, effect: &Effect, message: &Message) {
        match effect {
            Effect::MuteAfter(reports) => {
                self.out.truncate(*reports);
                self.mute = true;
            }
            Effect::UnplugAfter(reports) => {
                self.out.truncate(*reports);
                self.out.push((Duration::ZERO, Outgoing::Unplug));
            }
            Effect::Slow { by, keepalive } => {
                self.out.iter_mut().for_each(|(delay, _)| *delay += *by);
                if let Some(status) = keepalive {
                    let keepalive =
                        Message::new(message.cid, command_byte::KEEPALIVE, &[*status]).reports()[0];
                    let mut early = Vec::new();
                    let mut at = Duration::ZERO;
                    while at < *by {
                        early.push((at, Outgoing::Report(keepalive)));
                        at += KEEPALIVE_GAP;
                    }
                    early.append(&mut self.out);
                    self.out = early;
                }
            }
            _ => {}
        }
    }
}

fn change_content(message: &mut Message, effect: &Effect) {
    match effect {
        Effect::WrongNonce if message.command == command_byte::INIT => {
            message.payload.iter_mut().take(8).for_each(|byte| *byte ^= 0xff);
        }
        Effect::StatusAfterwards(status) => message.payload = vec![*status],
        Effect::Cut(length) => message.payload.truncate(*length),
        Effect::Append(bytes) => message.payload.extend_from_slice(bytes),
        Effect::Info(edit) => {
            if let Some(payload) = edit.apply(&message.payload) {
                message.payload = payload;
            }
        }
        Effect::Rewrite(rewrite) => message.payload = rewrite.apply(&message.payload),
        Effect::WrongCommand(command) => message.command = *command,
        Effect::WrongCid(ForeignCid::Instead) => message.cid = FOREIGN,
        _ => {}
    }
}

fn change_frames(reports: &mut Vec<Report>, effect: &Effect, message: &Message, stale: &[Report]) {
    match effect {
        Effect::WrongCid(ForeignCid::Before) => {
            let foreign = Message {
                cid: FOREIGN,
                ..message.clone()
            };
            reports.splice(0..0, foreign.reports());
        }
        Effect::WrongCid(ForeignCid::Between) => {
            let mut foreign = reports[0];
            foreign[..4].copy_from_slice(&FOREIGN);
            reports.insert(1, foreign);
        }
        Effect::WrongSequence => {
            if let Some(continuation) = reports.get_mut(1) {
                continuation[4] = continuation[4].wrapping_add(3) & 0x7f;
            } else {
                let mut stray = [0; 64];
                stray[..4].copy_from_slice(&message.cid);
                stray[4] = 3;
                reports.insert(0, stray);
            }
        }
        Effect::LongLength(more) => {
            let claimed = u16::from_be_bytes([reports[0][5], reports[0][6]]).saturating_add(*more);
            reports[0][5..7].copy_from_slice(&claimed.to_be_bytes());
        }
        Effect::StaleInit => {
            reports.splice(0..0, stale.iter().copied());
        }
        _ => {}
    }
}
