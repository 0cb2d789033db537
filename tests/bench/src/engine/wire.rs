//! What the engine's thread and the outside share: two queues of reports, power, and a finger.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::Touch;
use crate::report::Report;

/// A finger rests on the key for about this long.
const PRESS: Duration = Duration::from_millis(500);
/// An unread key keeps no endless row of keepalives.
const KEEPALIVES_KEPT: usize = 4;

/// How a request for a touch goes on.
pub(super) enum Presence {
    Touched,
    Declined,
    Waiting,
    Request(Report),
    NoPower,
}

#[derive(Debug)]
struct State {
    powered: bool,
    requests: VecDeque<Report>,
    answers: VecDeque<Report>,
    touch: Touch,
    waiting_since: Option<Instant>,
    pressed: Option<Instant>,
    declined: bool,
    winking_until: Option<Instant>,
}

/// The meeting point of a key's engine and its port.
#[derive(Debug)]
pub(super) struct Wire {
    state: Mutex<State>,
    changed: Condvar,
}

impl Default for Wire {
    fn default() -> Self {
        let state = State {
            powered: false,
            requests: VecDeque::new(),
            answers: VecDeque::new(),
            touch: Touch::Auto(Duration::ZERO),
            waiting_since: None,
            pressed: None,
            declined: false,
            winking_until: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }
}

impl Wire {
    pub(super) fn power_on(&self) {
        self.change(|state| {
            state.requests.clear();
            state.answers.clear();
            state.powered = true;
        });
    }

    pub(super) fn power_off(&self) {
        // Answers go at once: nothing may come from a dead key, not even what it had ready.
        self.change(|state| {
            state.powered = false;
            state.requests.clear();
            state.answers.clear();
            state.waiting_since = None;
            state.winking_until = None;
        });
    }

    pub(super) fn push(&self, report: &Report) {
        self.change(|state| {
            if state.powered {
                state.requests.push_back(*report);
            }
        });
    }

    pub(super) fn pull(&self, timeout: Duration) -> Option<Report> {
        self.wait(timeout, |state| state.answers.pop_front())
    }

    /// Waits for the next report from outside; `None` means power off.
    pub(super) fn next_request(&self) -> Option<Report> {
        loop {
            let next = self.wait(Duration::from_mins(1), |state| {
                if state.powered {
                    state.requests.pop_front().map(Some)
                } else {
                    Some(None)
                }
            });
            if let Some(next) = next {
                return next;
            }
        }
    }

    pub(super) fn answer(&self, reports: &[Report]) {
        self.change(|state| {
            if state.powered {
                state.answers.extend(reports);
            }
        });
    }

    pub(super) fn keepalive(&self, report: &Report) {
        self.change(|state| {
            if state.powered && state.answers.len() < KEEPALIVES_KEPT {
                state.answers.push_back(*report);
            }
        });
    }

    pub(super) fn begin_touch(&self) {
        self.change(|state| {
            state.waiting_since = Some(Instant::now());
            state.declined = false;
        });
    }

    pub(super) fn end_touch(&self) {
        self.change(|state| {
            state.waiting_since = None;
            state.pressed = None;
        });
    }

    pub(super) fn wait_for_touch(&self, timeout: Duration) -> Presence {
        let end = Instant::now() + timeout;
        loop {
            let mut slice = end.saturating_duration_since(Instant::now());
            if let Some(left) = self.until_automatic_touch() {
                slice = slice.min(left);
            }
            let presence = self.wait(slice, |state| {
                if !state.powered {
                    return Some(Presence::NoPower);
                }
                if state.is_touched() {
                    return Some(Presence::Touched);
                }
                if std::mem::take(&mut state.declined) {
                    return Some(Presence::Declined);
                }
                state.requests.pop_front().map(Presence::Request)
            });
            if let Some(presence) = presence {
                return presence;
            }
            if Instant::now() >= end {
                return Presence::Waiting;
            }
        }
    }

    pub(super) fn set_touch(&self, touch: Touch) {
        self.change(|state| state.touch = touch);
    }

    pub(super) fn press(&self) {
        self.change(|state| state.pressed = Some(Instant::now()));
    }

    pub(super) fn decline(&self) {
        self.change(|state| state.declined = true);
    }

    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    pub(super) fn waits_for_touch(&self) -> bool {
        self.lock().waiting_since.is_some()
    }

    pub(super) fn set_winking(&self, winking: bool) {
        self.change(|state| state.winking_until = winking.then(|| Instant::now() + Duration::from_secs(5)));
    }

    pub(super) fn winks(&self) -> bool {
        self.lock().winking_until.is_some_and(|end| Instant::now() < end)
    }

    fn until_automatic_touch(&self) -> Option<Duration> {
        let state = self.lock();
        match (state.touch, state.waiting_since) {
            (Touch::Auto(delay), Some(since)) => {
                Some((since + delay).saturating_duration_since(Instant::now()))
            }
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait<T>(&self, timeout: Duration, mut ready: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let end = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            if let Some(found) = ready(&mut state) {
                return Some(found);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            (state, _) = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn is_touched(&mut self) -> bool {
        if self.pressed.take_if(|at| at.elapsed() >= PRESS).is_some() {
            return false;
        }
        match (self.touch, self.waiting_since) {
            (Touch::Auto(delay), Some(since)) => since.elapsed() >= delay,
            (Touch::Manual, _) => self.pressed.take().is_some(),
            _ => false,
        }
    }
}
