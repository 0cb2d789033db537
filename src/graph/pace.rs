//! Waiting: how long between attempts, and how an interruption ends every wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom as _, SystemRandom};

/// Somebody asked the program to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// A flag that a signal handler sets and that every wait looks at.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Follows this flag.
    #[must_use]
    pub fn new(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }

    /// One that is never set: for cleaning up, which must not be cut short.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// The flag itself, for operations that poll it.
    #[must_use]
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Fails once the flag is set.
    pub fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) {
            Err(Interrupted)
        } else {
            Ok(())
        }
    }

    /// Sleeps in short steps, so that an interruption is noticed within a tenth of a second.
    pub fn sleep(&self, duration: Duration) -> Result<(), Interrupted> {
        let end = Instant::now() + duration;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }
}

/// How patiently calls are repeated.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Pause between two calls: at most two per second, as the service publishes no limit for methods.
    pub gap: Duration,
    /// First pause before a repetition; it doubles each time.
    pub first: Duration,
    /// Longest pause that we choose ourselves.
    pub longest: Duration,
    /// After this time a call is given up.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            gap: Duration::from_millis(500),
            first: Duration::from_secs(1),
            longest: Duration::from_mins(1),
            patience: Duration::from_mins(5),
        }
    }
}

impl Pace {
    /// The pause before repetition `attempt` (from 0): what the service asked for, else backoff with jitter.
    #[must_use]
    pub(super) fn pause(&self, attempt: u32, retry_after: Option<Duration>) -> Duration {
        if let Some(asked) = retry_after {
            return asked;
        }
        let full = self
            .first
            .saturating_mul(2_u32.saturating_pow(attempt))
            .min(self.longest);
        let mut random = [0_u8; 1];
        // Without randomness the pause is merely the full one.
        let _ = SystemRandom::new().fill(&mut random);
        full.mul_f64(0.5 + f64::from(255 - random[0]) / 510.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_obey_retry_after() {
        let pace = Pace::default();
        for attempt in 0..40 {
            let pause = pace.pause(attempt, None);
            assert!(pause <= pace.longest && pause >= pace.first / 2);
        }
        assert!(pace.pause(6, None) > pace.pause(0, None));
        let asked = Duration::from_secs(17);
        assert_eq!(pace.pause(0, Some(asked)), asked);
    }

    #[test]
    fn an_interruption_ends_a_wait() {
        let interrupt = Interrupt::never();
        assert_eq!(interrupt.sleep(Duration::from_millis(1)), Ok(()));
        interrupt.flag().store(true, Ordering::Relaxed);
        assert_eq!(interrupt.sleep(Duration::from_mins(10)), Err(Interrupted));
    }
}
