//! The engine's clock: real time, plus what a test has moved it ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// OpenSK drops a request whose reports come more than 100 ms apart; a loaded test host needs more patience.
const FRAME_GAP: (usize, usize) = (100, 2000);

/// A clock that all power cycles of a key share.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    start: Instant,
    ahead: Arc<AtomicUsize>,
}

/// The moment a timer ends; the default one has ended already.
#[derive(Debug, Default)]
pub(super) struct Timer {
    end: usize,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            ahead: Arc::default(),
        }
    }
}

impl Clock {
    pub(super) fn advance(&self, by: Duration) {
        self.ahead.fetch_add(milliseconds(by), Ordering::SeqCst);
    }

    fn now(&self) -> usize {
        milliseconds(self.start.elapsed()).saturating_add(self.ahead.load(Ordering::SeqCst))
    }
}

impl opensk::api::clock::Clock for Clock {
    type Timer = Timer;

    fn make_timer(&mut self, milliseconds: usize) -> Timer {
        let patience = if milliseconds == FRAME_GAP.0 {
            FRAME_GAP.1
        } else {
            milliseconds
        };
        Timer {
            end: self.now().saturating_add(patience),
        }
    }

    fn is_elapsed(&mut self, timer: &Timer) -> bool {
        self.now() >= timer.end
    }
}

fn milliseconds(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX)
}
