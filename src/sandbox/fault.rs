//! Faults on request: which call fails, how, and how often.

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
}
