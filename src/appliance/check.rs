//! One check of the self-test: what was asked, what was found, and what to do when it does not hold.

use crate::transcript::{Entry, Text};

/// What to do when the kernel or the program is not what it should be.
pub(super) const OTHER_IMAGE: &str = "Do not use this image: make it anew from the published source, compare its hash on a second machine, and \
     start from that.";

/// Result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub name: &'static str,
    /// Whether it held. What is only reported has always held.
    pub passed: bool,
    /// What was found.
    pub found: String,
    /// What to do now, for one that failed.
    pub advice: &'static str,
}

impl Check {
    /// A check with its result.
    pub(super) fn new(
        name: &'static str,
        passed: bool,
        found: impl Into<String>,
        advice: &'static str,
    ) -> Self {
        Self {
            name,
            passed,
            found: found.into(),
            advice,
        }
    }

    /// Something that goes on the record and stops nothing, whatever it is.
    pub(super) fn report(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, true, found, "")
    }

    /// The line on the screen.
    #[must_use]
    pub fn line(&self) -> String {
        let mark = if self.passed { "ok " } else { "FAILED" };
        format!("   {mark} {}: {}", self.name, self.found)
    }

    /// The line in the transcript.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry::SelfTest {
            check: Text::new(self.name),
            passed: self.passed,
            found: Text::new(&self.found),
        }
    }
}
