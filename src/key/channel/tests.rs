//! A scripted key that keeps and breaks the rules of CTAPHID.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

pub(in crate::key) const ID: [u8; 4] = [0xDE, 0xAD, 0xBE, 0xEF];

/// Answers each whole message with the reports that the script returns; no reports is silence.
pub(in crate::key) struct Scripted<F> {
    script: F,
    out: VecDeque<Report>,
    incoming: Option<(u8, usize, Vec<u8>)>,
    pub(in crate::key) log: Vec<(u8, Vec<u8>)>,
    gone: bool,
}

impl<F: FnMut(u8, &[u8]) -> Vec<Report>> Scripted<F> {
    pub(in crate::key) fn new(script: F) -> Self {
        Self {
            script,
            out: VecDeque::new(),
            incoming: None,
            log: Vec::new(),
            gone: false,
        }
    }
}

impl<F: FnMut(u8, &[u8]) -> Vec<Report>> ReportPipe for Scripted<F> {
    fn send(&mut self, report: &Report) -> Result<(), PipeError> {
        if report[4] & 0x80 != 0 {
            let length = usize::from(u16::from_be_bytes([report[5], report[6]]));
            self.incoming = Some((report[4], length, report[7..].to_vec()));
        } else if let Some((_, _, bytes)) = &mut self.incoming {
            bytes.extend_from_slice(&report[5..]);
        }
        if let Some((command, length, mut bytes)) = self.incoming.take() {
            if bytes.len() < length {
                self.incoming = Some((command, length, bytes));
                return Ok(());
            }
            bytes.truncate(length);
            self.log.push((command, bytes.clone()));
            let reports = (self.script)(command, &bytes);
            if reports.first() == Some(&PULLED) {
                self.gone = true;
            }
            self.out.extend(reports);
        }
        Ok(())
    }

    fn recv(&mut self, _: Duration) -> Result<Option<Report>, PipeError> {
        if self.gone {
            return Err(PipeError::Gone);
        }
        Ok(self.out.pop_front())
    }
}

/// In a script's place: the key is pulled out.
const PULLED: Report = [0xEE; 64];

pub(in crate::key) fn report(id: [u8; 4], command: u8, payload: &[u8]) -> Vec<Report> {
    let mut reports = Vec::new();
    let mut first = [0_u8; 64];
    first[..4].copy_from_slice(&id);
    first[4] = command;
    first[5..7].copy_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
    let (head, rest) = payload.split_at(payload.len().min(57));
    first[7..7 + head.len()].copy_from_slice(head);
    reports.push(first);
    for (sequence, part) in (0_u8..).zip(rest.chunks(59)) {
        let mut next = [0_u8; 64];
        next[..4].copy_from_slice(&id);
        next[4] = sequence;
        next[5..5 + part.len()].copy_from_slice(part);
        reports.push(next);
    }
    reports
}

pub(in crate::key) fn init_answer(nonce: &[u8], id: [u8; 4]) -> Vec<Report> {
    let mut payload = nonce.to_vec();
    payload.extend_from_slice(&id);
    payload.extend_from_slice(&[2, 1, 0, 0, 0x05]);
    report(BROADCAST, INIT, &payload)
}

/// A key whose INIT works and that answers CBOR messages by `answer`.
pub(in crate::key) fn key(
    mut answer: impl FnMut(&[u8]) -> Vec<Report>,
) -> Scripted<impl FnMut(u8, &[u8]) -> Vec<Report>> {
    Scripted::new(move |command, message| match command {
        INIT => init_answer(message, ID),
        CBOR => answer(message),
        _ => Vec::new(),
    })
}

fn quick() -> Limits {
    Limits {
        busy: Duration::from_millis(20),
        busy_pause: Duration::from_millis(5),
        ..Limits::default()
    }
}

/// Sends getInfo and returns the outcome, what the key told, and what it was sent.
fn talk(
    pipe: Scripted<impl FnMut(u8, &[u8]) -> Vec<Report>>,
    total: Duration,
    stop: bool,
) -> (Result<Vec<u8>, ChannelError>, Vec<KeyEvent>, Vec<u8>) {
    let mut events = Vec::new();
    let mut channel = match Channel::open(pipe, quick()) {
        Ok(channel) => channel,
        Err(error) => return (Err(error), events, Vec::new()),
    };
    let stop = AtomicBool::new(stop);
    let result = channel.cbor(
        0x04,
        &[],
        &mut Call {
            total,
            stop: &stop,
            expects_touch: true,
            on_event: &mut |event| events.push(event),
        },
    );
    let sent = channel
        .into_pipe()
        .log
        .iter()
        .map(|(command, _)| *command)
        .collect();
    (result, events, sent)
}

fn outcome(pipe: Scripted<impl FnMut(u8, &[u8]) -> Vec<Report>>) -> Result<Vec<u8>, ChannelError> {
    talk(pipe, Duration::from_secs(35), false).0
}

fn violates(pipe: Scripted<impl FnMut(u8, &[u8]) -> Vec<Report>>) -> bool {
    matches!(outcome(pipe), Err(ChannelError::Violation(_)))
}

#[test]
fn takes_answers_of_every_length() {
    for length in [1, 57, 58, 116, 117, 1200, MAX_MESSAGE] {
        let mut payload = vec![0_u8; length];
        if let Some(last) = payload.last_mut().filter(|_| length > 1) {
            *last = 0x42;
        }
        let expected = payload[1..].to_vec();
        assert_eq!(outcome(key(move |_| report(ID, CBOR, &payload))), Ok(expected));
    }
}

#[test]
fn sends_long_commands_in_order() {
    let body: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let mut channel = Channel::open(key(|_| report(ID, CBOR, &[0])), quick()).unwrap();
    let stop = AtomicBool::new(false);
    let mut call = Call {
        total: Duration::from_secs(1),
        stop: &stop,
        expects_touch: true,
        on_event: &mut |_| {},
    };
    channel.cbor(0x01, &body, &mut call).unwrap();
    let log = channel.into_pipe().log;
    assert_eq!(log[1], (CBOR, [&[0x01], &body[..]].concat()));
}

#[test]
fn skips_foreign_and_stale_reports() {
    let pipe = Scripted::new(|command, message: &[u8]| match command {
        INIT => [
            init_answer(&[9; 8], [1; 4]),
            report(ID, CBOR, &[0x00]),
            init_answer(message, ID),
        ]
        .concat(),
        _ => [
            init_answer(&[7; 8], [2; 4]),
            report([3; 4], CBOR, &[0x31]),
            report(ID, CBOR, &[0x00, 0xA0]),
        ]
        .concat(),
    });
    assert_eq!(outcome(pipe), Ok(vec![0xA0]));
}

#[test]
fn a_mute_key_costs_seconds_and_no_more() {
    assert_eq!(
        outcome(Scripted::new(|_, _: &[u8]| Vec::new())),
        Err(ChannelError::Mute)
    );
    let (result, _, sent) = talk(key(|_| Vec::new()), Duration::from_secs(35), false);
    assert_eq!(result, Err(ChannelError::Mute));
    assert_eq!(sent, [INIT, CBOR, CANCEL]);
    // Silence in the middle of an answer.
    assert_eq!(
        outcome(key(|_| report(ID, CBOR, &[0; 200])[..2].to_vec())),
        Err(ChannelError::Mute)
    );
}

#[test]
fn foreign_reports_do_not_keep_a_mute_key_alive() {
    struct Foreign;
    impl ReportPipe for Foreign {
        fn send(&mut self, _: &Report) -> Result<(), PipeError> {
            Ok(())
        }
        fn recv(&mut self, _: Duration) -> Result<Option<Report>, PipeError> {
            std::thread::sleep(Duration::from_millis(1));
            Ok(report([3; 4], KEEPALIVE, &[2]).first().copied())
        }
    }
    let mut channel = Channel {
        pipe: Foreign,
        limits: Limits {
            gap: Duration::from_millis(20),
            drain: Duration::from_millis(20),
            ..quick()
        },
        id: ID,
        capabilities: 4,
    };
    let stop = AtomicBool::new(false);
    let mut call = Call {
        total: Duration::from_secs(35),
        stop: &stop,
        expects_touch: true,
        on_event: &mut |_| {},
    };
    assert_eq!(channel.cbor(0x04, &[], &mut call), Err(ChannelError::Mute));
}

#[test]
fn tells_of_work_and_touch_once_each() {
    let pipe = key(|_| {
        [
            report(ID, KEEPALIVE, &[1]),
            report(ID, KEEPALIVE, &[1]),
            report(ID, KEEPALIVE, &[2]),
            report(ID, KEEPALIVE, &[2]),
            report(ID, CBOR, &[0x00]),
        ]
        .concat()
    });
    let (result, events, _) = talk(pipe, Duration::from_secs(35), false);
    assert_eq!(result, Ok(vec![]));
    assert_eq!(events, [KeyEvent::Working, KeyEvent::TouchNeeded]);
}

#[test]
fn cancels_on_request_and_reads_the_last_word() {
    let stopping = |last: u8| {
        Scripted::new(move |command, message: &[u8]| match command {
            INIT => init_answer(message, ID),
            CANCEL => [report(ID, KEEPALIVE, &[2]), report(ID, CBOR, &[last])].concat(),
            _ => report(ID, KEEPALIVE, &[2]),
        })
    };
    let (result, _, sent) = talk(stopping(0x2D), Duration::from_secs(35), true);
    assert_eq!(result, Err(ChannelError::Stopped));
    assert_eq!(sent, [INIT, CBOR, CANCEL]);
    // The key had just finished: that is what counts.
    let (result, _, _) = talk(stopping(0x00), Duration::from_secs(35), true);
    assert_eq!(result, Ok(vec![]));
    let (result, _, _) = talk(stopping(0x2D), Duration::ZERO, false);
    assert_eq!(result, Err(ChannelError::TimedOut));
}

#[test]
fn endless_keepalives_end_at_the_deadline() {
    struct Endless(bool, u32);
    impl ReportPipe for Endless {
        fn send(&mut self, sent: &Report) -> Result<(), PipeError> {
            self.0 |= sent[4] == CANCEL;
            Ok(())
        }
        fn recv(&mut self, _: Duration) -> Result<Option<Report>, PipeError> {
            self.1 += 1;
            std::thread::sleep(Duration::from_millis(1));
            let reports = if self.0 {
                report(ID, CBOR, &[0x2D])
            } else {
                report(ID, KEEPALIVE, &[2])
            };
            Ok(reports.first().copied())
        }
    }
    let mut channel = Channel {
        pipe: Endless(false, 0),
        limits: quick(),
        id: ID,
        capabilities: 4,
    };
    let stop = AtomicBool::new(false);
    let mut call = Call {
        total: Duration::from_millis(30),
        stop: &stop,
        expects_touch: true,
        on_event: &mut |_| {},
    };
    assert_eq!(channel.cbor(0x07, &[], &mut call), Err(ChannelError::TimedOut));
    assert!(channel.into_pipe().1 > 2);
}

#[test]
fn asks_a_busy_key_again_and_gives_up() {
    let mut left = 2;
    let pipe = key(move |_| {
        left -= 1;
        match left {
            1 => report(ID, ERROR, &[STATUS_BUSY]),
            0 => report(ID, CBOR, &[0x00, 0x01]),
            _ => Vec::new(),
        }
    });
    assert_eq!(outcome(pipe), Ok(vec![0x01]));
    let busy = key(|_| report(ID, ERROR, &[STATUS_BUSY]));
    assert_eq!(outcome(busy), Err(ChannelError::Busy));
}

#[test]
fn opens_a_lost_channel_once_more() {
    let mut inits = 0;
    let pipe = Scripted::new(move |command, message: &[u8]| match command {
        INIT => {
            inits += 1;
            init_answer(message, [inits; 4])
        }
        _ if inits == 1 => report([1; 4], ERROR, &[STATUS_BAD_CHANNEL]),
        _ => report([2; 4], CBOR, &[0x00]),
    });
    assert_eq!(outcome(pipe), Ok(vec![]));
    let lost = key(|_| report(ID, ERROR, &[STATUS_BAD_CHANNEL]));
    assert_eq!(outcome(lost), Err(ChannelError::Transport(STATUS_BAD_CHANNEL)));
}

#[test]
fn refuses_broken_framing() {
    // Wrong sequence number, a new message within one, an unknown command, nothing at all, too much.
    assert!(violates(key(|_| {
        let mut reports = report(ID, CBOR, &[0; 200]);
        reports.swap(1, 2);
        reports
    })));
    assert!(violates(key(|_| [
        report(ID, CBOR, &[0; 200])[..1].to_vec(),
        report(ID, CBOR, &[0; 3])
    ]
    .concat())));
    assert!(violates(key(|_| report(ID, 0x83, &[0]))));
    assert!(violates(key(|_| report(ID, 0x00, &[0]))));
    assert!(violates(key(|_| report(ID, CBOR, &[]))));
    assert!(violates(key(|_| {
        let mut reports = report(ID, CBOR, &[0; 57]);
        reports[0][5..7].copy_from_slice(&[0xFF, 0xFF]);
        reports
    })));
    for code in [0x00, 0x01, 0x05, 0x7F] {
        assert_eq!(
            outcome(key(move |_| report(ID, ERROR, &[code]))),
            Err(ChannelError::Transport(code))
        );
    }
    for id in [[0; 4], BROADCAST] {
        let pipe = Scripted::new(move |_, message: &[u8]| init_answer(message, id));
        assert!(violates(pipe));
    }
}

#[test]
fn a_pulled_key_ends_the_command_at_once() {
    assert_eq!(outcome(key(|_| vec![PULLED])), Err(ChannelError::Gone));
}

#[test]
fn statuses_come_through() {
    assert_eq!(
        outcome(key(|_| report(ID, CBOR, &[0x30]))),
        Err(ChannelError::Status(0x30))
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn foreign_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        exercise(&bytes);
    }

    /// Reports that fit so far, so that the inner readers are reached.
    #[test]
    fn fitting_reports_with_foreign_contents_never_panic(
        rest in prop::collection::vec((0_u8..8, prop::collection::vec(any::<u8>(), 64)), 1..20),
    ) {
        let mut bytes = vec![0x07];
        let mut init = [0x55_u8; 64];
        init[5..7].copy_from_slice(&[0, 17]);
        bytes.extend_from_slice(&init);
        for (instructions, mut body) in rest {
            if instructions & 2 != 0 {
                body[5] = 0;
            }
            bytes.push(instructions);
            bytes.extend(body);
        }
        exercise(&bytes);
    }
}
