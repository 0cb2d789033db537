//! Why a stick cannot be used, and what to do now: full, locked, pulled, damaged or another stick.

use std::io;

use rustix::io::Errno;

use super::PLAN;

/// Why the stick cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// No stick has a plan.
    #[error("No stick with a file `{PLAN}` was found.")]
    NoStick,
    /// More than one has.
    #[error("{0} sticks have a file `{PLAN}`.")]
    SeveralSticks(usize),
    /// Reading or writing failed for a reason that none of the others names.
    #[error("{what} failed: {source}.")]
    Io {
        /// What was tried, as the start of a sentence.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// No room is left.
    #[error("{what} failed: the stick is full.")]
    Full {
        /// What was tried, as the start of a sentence.
        what: String,
    },
    /// The stick refuses writes.
    #[error("{what} failed: the stick is write-protected.")]
    WriteProtected {
        /// What was tried, as the start of a sentence.
        what: String,
    },
    /// The stick does not answer: it was taken out, or its contact is loose.
    #[error("{what} failed: the stick does not answer; it was taken out or its contact is loose.")]
    Gone {
        /// What was tried, as the start of a sentence.
        what: String,
    },
    /// The stick answers, and its file system or its memory is damaged.
    #[error("{what} failed: the stick is damaged ({reason}).")]
    Damaged {
        /// What was tried, as the start of a sentence.
        what: String,
        /// What shows it.
        reason: String,
    },
    /// The stick cannot be unmounted, so nothing proves that it holds what was written.
    #[error("The stick cannot be read back: a file on it is still open.")]
    Busy,
    /// What is in the port is not the stick that was taken out.
    #[error("This is another stick: {0}.")]
    OtherStick(String),
    /// The two copies of the transcript say different things.
    #[error("The two copies of the transcript contradict each other from line {line}.")]
    Contradiction {
        /// First line that differs, from 1.
        line: u64,
    },
    /// A name that not every computer can read on a FAT stick.
    #[error("`{0}` is no name for a file on the stick: 1 to 8 of a-z and 0-9, and no device of DOS.")]
    Name(String),
    /// A file is larger than it can sensibly be.
    #[error("`{0}` is too large.")]
    TooLarge(String),
    /// What was read back is not what was written.
    #[error("`{0}` was written, but something else was read back: the stick is faulty.")]
    ReadBack(String),
    /// What is mounted is not the stick: writing there would go to memory and be lost.
    #[error("The stick is not mounted where it should be.")]
    NotMounted,
}

impl MediaError {
    /// What to do now.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoStick => "Put in a FAT-formatted USB stick with the plan in its top folder.",
            Self::SeveralSticks(_) => "Take out all but one.",
            Self::TooLarge(_) => "Check that this is the right stick.",
            Self::Full { .. } => {
                "Do not delete anything on this stick. Take it out, keep it with the record, and put in an empty stick that holds the plan."
            }
            Self::WriteProtected { .. } => {
                "Take the stick out, slide its lock to the open side and put it back, or use a stick without a lock."
            }
            Self::Gone { .. } => "Put the same stick back, straight into a port of this machine.",
            Self::Damaged { .. } | Self::ReadBack(_) => {
                "Take this stick out and keep it with the record; put in another one that holds the plan."
            }
            Self::Busy => "Try again. If it stays like this, switch off and take the ceremony up again.",
            Self::OtherStick(_) => {
                "Put the first stick back; if it is lost or broken, say so on the record and go on with this one."
            }
            Self::Contradiction { .. } => {
                "Do not go on with this stick: keep it as evidence, and begin a new ceremony on another one."
            }
            Self::Name(_) => "This is a fault of the program: note it and stop.",
            Self::Io { .. } | Self::NotMounted => {
                "Take the stick out and put it back, or use another one that is not write-protected."
            }
        }
    }

    /// Sorts what the system said by what a person has to do about it.
    pub(super) fn from_io(what: impl Into<String>, source: io::Error, state: State) -> Self {
        let what = what.into();
        let damaged = |what, reason: &str| Self::Damaged {
            what,
            reason: reason.into(),
        };
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            // FAT calls a file missing whose folder it cannot read any more.
            _ if state.present == Some(false) => Self::Gone { what },
            Some(Errno::NOSPC | Errno::DQUOT) => Self::Full { what },
            // FAT goes read-only by itself when it finds its tables in disorder.
            Some(Errno::ROFS) if state.locked == Some(false) => {
                damaged(what, "its file system is in disorder and was closed to writes")
            }
            Some(Errno::ROFS | Errno::ACCESS | Errno::PERM) => Self::WriteProtected { what },
            Some(Errno::IO) if state.present == Some(true) => {
                damaged(what, "a place on it cannot be read or written")
            }
            Some(Errno::IO | Errno::NXIO | Errno::NODEV | Errno::NOMEDIUM | Errno::SHUTDOWN) => {
                Self::Gone { what }
            }
            Some(Errno::UCLEAN | Errno::BADMSG) => damaged(what, "its file system is in disorder"),
            Some(Errno::BUSY) => Self::Busy,
            _ => Self::Io { what, source },
        }
    }
}

/// What the kernel knows of the device, to tell errors apart that look alike; `None` for a plain directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Whether it is still plugged in.
    pub(super) present: Option<bool>,
    /// Whether the device itself refuses writes.
    pub(super) locked: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: State = State {
        present: Some(true),
        locked: Some(false),
    };
    const AWAY: State = State {
        present: Some(false),
        locked: None,
    };
    const LOCKED: State = State {
        present: Some(true),
        locked: Some(true),
    };

    fn sorted(errno: Errno, state: State) -> MediaError {
        MediaError::from_io("Writing", errno.into(), state)
    }

    #[test]
    fn errors_are_told_apart_by_what_is_to_be_done() {
        type Expected = fn(&MediaError) -> bool;
        let unknown = State::default();
        let cases: [(Errno, State, Expected); 15] = [
            (Errno::NOSPC, HERE, |e| matches!(e, MediaError::Full { .. })),
            (Errno::ROFS, LOCKED, |e| {
                matches!(e, MediaError::WriteProtected { .. })
            }),
            (Errno::ROFS, unknown, |e| {
                matches!(e, MediaError::WriteProtected { .. })
            }),
            (Errno::ROFS, HERE, |e| matches!(e, MediaError::Damaged { .. })),
            (Errno::ACCESS, HERE, |e| {
                matches!(e, MediaError::WriteProtected { .. })
            }),
            (Errno::IO, HERE, |e| matches!(e, MediaError::Damaged { .. })),
            (Errno::IO, AWAY, |e| matches!(e, MediaError::Gone { .. })),
            (Errno::IO, unknown, |e| matches!(e, MediaError::Gone { .. })),
            (Errno::NXIO, AWAY, |e| matches!(e, MediaError::Gone { .. })),
            (Errno::NOENT, AWAY, |e| matches!(e, MediaError::Gone { .. })),
            (Errno::NOENT, HERE, |e| matches!(e, MediaError::Io { .. })),
            (Errno::NOENT, unknown, |e| matches!(e, MediaError::Io { .. })),
            (Errno::UCLEAN, HERE, |e| matches!(e, MediaError::Damaged { .. })),
            (Errno::BUSY, HERE, |e| matches!(e, MediaError::Busy)),
            (Errno::INVAL, HERE, |e| matches!(e, MediaError::Io { .. })),
        ];
        for (errno, state, expected) in cases {
            let error = sorted(errno, state);
            assert!(expected(&error), "{errno:?} {state:?}: {error:?}");
        }
    }

    #[test]
    fn each_kind_says_something_else_to_do() {
        let hints: Vec<&str> = [
            sorted(Errno::NOSPC, HERE),
            sorted(Errno::ROFS, LOCKED),
            sorted(Errno::IO, AWAY),
            sorted(Errno::IO, HERE),
            MediaError::OtherStick("it holds no ceremony".into()),
        ]
        .iter()
        .map(MediaError::hint)
        .collect();
        let mut different = hints.clone();
        different.sort_unstable();
        different.dedup();
        assert_eq!(different.len(), hints.len(), "{hints:?}");
    }
}
