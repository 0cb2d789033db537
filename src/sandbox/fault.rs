//! Faults on request: which call fails, how, and how often.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One planned fault; the first that fits a request and has counts left is used.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// HTTP method; any when left out.
    #[serde(default)]
    pub method: Option<String>,
    /// Text that the path must contain, such as `temporaryAccessPassMethods`.
    pub path: String,
    /// How many fitting requests pass first.
    #[serde(default)]
    pub skip: u32,
    /// How many then fail.
    #[serde(default = "once")]
    pub count: u32,
    /// What happens.
    pub effect: Effect,
}

fn once() -> u32 {
    1
}

/// What a fault does to a request.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq, Eq)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Effect {
    /// Answers with this status; nothing is done. 429 may carry `retryAfter` in seconds.
    Status {
        /// The HTTP status.
        status: u16,
        /// Seconds for the `Retry-After` header; no header when left out.
        #[serde(default)]
        retry_after: Option<u32>,
        /// Graph's error code.
        #[serde(default)]
        code: Option<String>,
        /// Graph's error message.
        #[serde(default)]
        message: Option<String>,
    },
    /// Does it, but only after this time.
    Slow {
        /// The delay.
        milliseconds: u64,
    },
    /// Closes the connection without an answer; nothing is done.
    CutBefore,
    /// Does it, then closes the connection without an answer.
    CutAfter,
    /// Answers 502 with a page instead of JSON; nothing is done.
    Html,
    /// Answers 401 as if the token had expired; nothing is done.
    ExpiredToken,
}

/// Faults at random places of the Graph calls, the same ones for the same seed and order of calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RandomFaults {
    /// Where the sequence begins.
    pub seed: u64,
    /// How many of 1000 calls fail.
    pub per_mille: u16,
}

/// Draws random faults.
#[derive(Debug)]
pub(crate) struct Chance(Option<(u64, u16)>);

impl Chance {
    pub(crate) fn new(faults: Option<RandomFaults>) -> Self {
        Self(faults.map(|f| (f.seed, f.per_mille)))
    }

    /// The fault for a call of Graph, if chance has one.
    pub(crate) fn take(&mut self, path: &str) -> Option<Effect> {
        let (state, per_mille) = self.0.as_mut()?;
        if !path.starts_with("/v1.0") && !path.starts_with("/beta") {
            return None;
        }
        // SplitMix64 (Steele, Lea, Flood 2014): any seed is good, zero too.
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = *state;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        if drawn % 1000 >= u64::from(*per_mille) {
            return None;
        }
        let status = |status, retry_after| Effect::Status {
            status,
            retry_after,
            code: None,
            message: None,
        };
        Some(match (drawn >> 32) % 8 {
            0 => status(429, Some(1)),
            1 => status(429, None),
            2 => status(503, None),
            3 => status(504, None),
            4 => Effect::CutBefore,
            5 => Effect::CutAfter,
            6 => Effect::Html,
            _ => Effect::Slow { milliseconds: 50 },
        })
    }
}

/// Counts the Graph calls of the running second.
#[derive(Debug)]
pub(crate) struct Throttle {
    limit: Option<u32>,
    window: Option<(Instant, u32)>,
}

impl Throttle {
    pub(crate) fn new(limit: Option<u32>) -> Self {
        Self { limit, window: None }
    }

    /// Seconds to wait, if the second is full.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<u32> {
        let limit = self.limit?;
        match &mut self.window {
            Some((begin, count)) if now.duration_since(*begin) < Duration::from_secs(1) => {
                *count += 1;
                (*count > limit).then_some(1)
            }
            window => {
                *window = Some((now, 1));
                None
            }
        }
    }
}

/// The faults that are still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    pub(crate) fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Takes the fault for this request, if one is due.
    pub(crate) fn take(&mut self, method: &str, path: &str) -> Option<Effect> {
        let path = path.to_ascii_lowercase();
        for fault in &mut self.0 {
            let fits = fault
                .method
                .as_deref()
                .is_none_or(|m| m.eq_ignore_ascii_case(method))
                && path.contains(&fault.path.to_ascii_lowercase());
            if !fits {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if fault.count > 0 {
                fault.count -= 1;
                return Some(fault.effect.clone());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_skipped_counted_and_used_up() {
        let text = r#"[{"method": "GET", "path": "fido2methods", "skip": 1, "count": 1,
            "effect": {"status": {"status": 429, "retryAfter": 2}}}, {"path": "x", "effect": "cutAfter"}]"#;
        let mut faults = Faults::new(serde_json::from_str(text).unwrap());
        let path = "/v1.0/users/a/authentication/fido2Methods";
        assert!(faults.take("POST", path).is_none());
        assert!(faults.take("GET", path).is_none());
        assert!(matches!(
            faults.take("GET", path),
            Some(Effect::Status { status: 429, .. })
        ));
        assert!(faults.take("GET", path).is_none());
        assert_eq!(faults.take("GET", "/x"), Some(Effect::CutAfter));
    }

    #[test]
    fn random_faults_are_the_same_for_a_seed_and_as_many_as_asked() {
        let draw = |seed, per_mille| {
            let mut chance = Chance::new(Some(RandomFaults { seed, per_mille }));
            (0..2000).map(|_| chance.take("/v1.0/users")).collect::<Vec<_>>()
        };
        assert_eq!(draw(7, 300), draw(7, 300));
        assert_ne!(draw(7, 300), draw(8, 300));
        let count = draw(7, 300).iter().flatten().count();
        assert!((500..700).contains(&count), "{count}");
        assert_eq!(draw(7, 0).iter().flatten().count(), 0);
        let mut chance = Chance::new(Some(RandomFaults {
            seed: 1,
            per_mille: 1000,
        }));
        assert!(chance.take("/signin").is_none() && chance.take("/beta/users").is_some());
    }

    #[test]
    fn a_full_second_is_refused_and_the_next_one_is_not() {
        let mut throttle = Throttle::new(Some(2));
        let begin = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| throttle.wait(begin)).collect();
        assert_eq!(waits, [None, None, Some(1), Some(1)]);
        assert_eq!(throttle.wait(begin + Duration::from_secs(1)), None);
        let mut none = Throttle::new(None);
        assert!((0..100).all(|_| none.wait(begin).is_none()));
    }
}
