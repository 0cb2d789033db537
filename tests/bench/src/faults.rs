//! The fault wrapper: stands before any authenticator and spoils what passes, message by message.

mod answer;
pub mod catalogue;
pub mod info;
pub mod long_touch;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::command::Command;
use crate::error::Result;
use crate::faults::answer::{Outgoing, Spoiled};
use crate::message::{Assembler, Cid, Message, Step, command_byte};
use crate::report::{Authenticator, Report};

pub use crate::faults::catalogue::{Effect, Fault, ForeignCid, Respond, Rewrite, When};
pub use crate::faults::long_touch::LongTouch;

/// Keys send keepalives about this often.
const KEEPALIVE_GAP: Duration = Duration::from_millis(100);
/// How long one look at the authenticator may take while faults are about.
const SLICE: Duration = Duration::from_millis(10);
/// CTAP2_ERR_NOT_ALLOWED.
const NOT_ALLOWED: u8 = 0x30;

type Hook = Box<dyn Fn() + Send + Sync>;

/// An authenticator with faults before it; without any, reports pass untouched.
pub(crate) struct Faulty {
    inner: Arc<dyn Authenticator>,
    state: Mutex<State>,
    hook: Mutex<Option<Arc<Hook>>>,
}

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    requests: Assembler,
    held: Vec<Report>,
    answers: Assembler,
    out: VecDeque<(Instant, Outgoing)>,
    current: Option<(Cid, Vec<Effect>)>,
    endless: Option<(Message, Instant)>,
    last_init: Vec<Report>,
    muted: bool,
    reset_voided: bool,
    kept_back: Option<Vec<Report>>,
    step: u32,
}

/// What a request leads to, once the lock is given back.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Forward(Vec<Report>),
    Nothing,
    Unplug,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Authenticator>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
            hook: Mutex::default(),
        }
    }

    pub(crate) fn set_faults(&self, faults: Vec<Fault>) {
        let mut state = self.state();
        *state = State {
            step: state.step,
            last_init: std::mem::take(&mut state.last_init),
            ..State::default()
        };
        state.faults = faults;
    }

    pub(crate) fn on_unplug(&self, hook: Option<Hook>) {
        *self.hook.lock().unwrap_or_else(PoisonError::into_inner) = hook.map(Arc::new);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unplug(&self) {
        self.power_off();
        let hook = self.hook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(hook) = hook {
            hook();
        }
    }
}

impl Authenticator for Faulty {
    fn power_on(&self) -> Result<()> {
        let mut state = self.state();
        let faults = std::mem::take(&mut state.faults);
        *state = State {
            faults,
            last_init: std::mem::take(&mut state.last_init),
            ..State::default()
        };
        drop(state);
        self.inner.power_on()
    }

    fn power_off(&self) {
        self.inner.power_off();
        let mut state = self.state();
        state.out.clear();
        state.endless = None;
    }

    fn send(&self, report: &Report) {
        let next = self.state().request(report);
        match next {
            Next::Forward(reports) => reports.iter().for_each(|report| self.inner.send(report)),
            Next::Nothing => {}
            Next::Unplug => self.unplug(),
        }
    }

    fn recv(&self, timeout: Duration) -> Option<Report> {
        let end = Instant::now() + timeout;
        loop {
            let (due, healthy) = {
                let mut state = self.state();
                (state.due(), state.is_healthy())
            };
            match due {
                Some(Outgoing::Report(report)) => return Some(report),
                Some(Outgoing::Unplug) => self.unplug(),
                None => {}
            }
            let left = end.saturating_duration_since(Instant::now());
            let slice = if healthy {
                left.min(KEEPALIVE_GAP)
            } else {
                left.min(SLICE)
            };
            if let Some(report) = self.inner.recv(slice) {
                self.state().answer(&report);
            } else if left.is_zero() {
                return None;
            }
        }
    }
}

impl State {
    fn is_healthy(&self) -> bool {
        self.faults.is_empty() && self.out.is_empty() && self.endless.is_none()
    }

    fn due(&mut self) -> Option<Outgoing> {
        let now = Instant::now();
        if self.out.front().is_some_and(|(at, _)| *at <= now) {
            return self.out.pop_front().map(|(_, out)| out);
        }
        let (keepalive, at) = self.endless.as_mut().filter(|(_, at)| *at <= now)?;
        *at = now + KEEPALIVE_GAP;
        keepalive.reports().first().copied().map(Outgoing::Report)
    }

    fn request(&mut self, report: &Report) -> Next {
        if self.muted {
            return Next::Nothing;
        }
        match self.requests.push(report) {
            Step::Complete(message) => {
                let mut reports = std::mem::take(&mut self.held);
                reports.push(*report);
                self.decide(&message, reports)
            }
            // The wrapper has to know the whole request before the key hears of it.
            Step::Partial if !self.faults.is_empty() => {
                self.held.push(*report);
                Next::Nothing
            }
            Step::Partial | Step::Stray => Next::Forward(vec![*report]),
        }
    }

    fn decide(&mut self, request: &Message, reports: Vec<Report>) -> Next {
        if request.command == command_byte::CANCEL {
            return self.cancel(reports);
        }
        self.step += 1;
        self.endless = None;
        self.kept_back = None;
        let command = Command::of(request.command, &request.payload);
        let step = self.step;
        let effects: Vec<Effect> = self
            .faults
            .iter_mut()
            .filter_map(|fault| fault.strike(step, request))
            .collect();
        if command == Command::RESET && self.reset_voided {
            return self.answer_now(request, command_byte::CBOR, &[NOT_ALLOWED]);
        }
        let mut next = Next::Forward(reports);
        for effect in &effects {
            match effect {
                Effect::Mute => {
                    self.muted = true;
                    self.out.clear();
                    next = Next::Nothing;
                }
                Effect::Swallow => next = Next::Nothing,
                Effect::Unplug => next = Next::Unplug,
                Effect::Status(status) => next = self.answer_now(request, command_byte::CBOR, &[*status]),
                Effect::Answer(payload) => next = self.answer_now(request, request.command, payload),
                Effect::Respond(respond) => {
                    if let Some(answer) = respond.answer(&request.payload) {
                        next = self.answer_now(request, command_byte::CBOR, &answer);
                    }
                }
                Effect::Error(code) => next = self.answer_now(request, command_byte::ERROR, &[*code]),
                Effect::Keepalives(status) => {
                    let keepalive = Message::new(request.cid, command_byte::KEEPALIVE, &[*status]);
                    self.endless = Some((keepalive, Instant::now()));
                    next = Next::Nothing;
                }
                Effect::AfterCancel(status) => {
                    let keepalive = Message::new(request.cid, command_byte::KEEPALIVE, &[*status]);
                    self.endless = Some((keepalive, Instant::now()));
                    self.kept_back = Some(Vec::new());
                }
                Effect::VoidReset => self.reset_voided = true,
                _ => {}
            }
        }
        self.current = Some((request.cid, effects));
        next
    }

    /// An answer that waited for CANCEL goes out now, and the key never hears of the CANCEL.
    fn cancel(&mut self, reports: Vec<Report>) -> Next {
        let Some(answer) = self.kept_back.take() else {
            return Next::Forward(reports);
        };
        let now = Instant::now();
        self.endless = None;
        self.out
            .extend(answer.into_iter().map(|report| (now, Outgoing::Report(report))));
        Next::Nothing
    }

    fn answer_now(&mut self, request: &Message, command: u8, payload: &[u8]) -> Next {
        let now = Instant::now();
        let answer = Message::new(request.cid, command, payload);
        self.out.extend(
            answer
                .reports()
                .into_iter()
                .map(|report| (now, Outgoing::Report(report))),
        );
        Next::Nothing
    }

    fn answer(&mut self, report: &Report) {
        if self.muted {
            return;
        }
        if let Some(kept) = &mut self.kept_back {
            if report[4] != command_byte::KEEPALIVE {
                kept.push(*report);
            }
            return;
        }
        let now = Instant::now();
        let spoil = !self.faults.is_empty() && report[4] != command_byte::KEEPALIVE;
        match (spoil, self.answers.push(report)) {
            (true, Step::Complete(message)) => self.spoil(message),
            (true, Step::Partial) => {}
            (_, step) => {
                if let Step::Complete(message) = step {
                    self.remember(&message);
                }
                self.out.push_back((now, Outgoing::Report(*report)));
            }
        }
    }

    fn spoil(&mut self, message: Message) {
        self.remember(&message);
        let effects = match self.current.take() {
            Some((cid, effects)) if cid == message.cid => effects,
            other => {
                self.current = other;
                Vec::new()
            }
        };
        let spoiled = Spoiled::new(message, &effects, &self.last_init);
        let now = Instant::now();
        self.out
            .extend(spoiled.out.into_iter().map(|(delay, out)| (now + delay, out)));
        self.muted |= spoiled.mute;
    }

    fn remember(&mut self, message: &Message) {
        if message.command == command_byte::INIT && self.last_init.is_empty() {
            self.last_init = message.reports();
        }
    }
}
