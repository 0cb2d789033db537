//! Why an operation on a key has no result: one variant per situation of the person in front of it.

use serde::{Deserialize, Serialize};

use super::device::UsbPort;
use super::info::Unfit;
use super::pin::PinTextError;
use crate::id::Aaguid;

/// Whether a failed operation changed the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// The key is as it was.
    Nothing,
    /// The command had been sent and its answer is missing: the key may or may not have done it.
    Unknown,
}

impl Effect {
    fn sentence(self) -> &'static str {
        match self {
            Self::Nothing => "Nothing has been changed on it.",
            Self::Unknown => "It is not known whether the key carried out the last command.",
        }
    }
}

/// Why an operation on a key has no result.
///
/// `Display` says what happened and whether anything was changed; [`KeyError::hint`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum KeyError {
    /// No FIDO device is plugged in.
    #[error("No security key is plugged in.")]
    NoKey,
    /// More than one FIDO device is plugged in.
    #[error("{} security keys are plugged in, and only one may be: {}", .names.len(), .names.join(", "))]
    SeveralKeys {
        /// What each calls itself, with its port.
        names: Vec<String>,
    },
    /// The system offers no way to reach HID devices.
    #[error("This system cannot reach security keys: {reason}.")]
    NoHidraw {
        /// What is missing, as a clause.
        reason: String,
    },
    /// The user may not open the device.
    #[error("The key at {node} may not be opened by this user. Nothing has been changed on it.")]
    NoAccess {
        /// Device node.
        node: String,
    },
    /// The key was taken out, or replaced by another device at the same port.
    #[error("The key on port {port} is gone. {}", .effect.sentence())]
    Vanished {
        /// Where it was.
        port: UsbPort,
        /// Whether it changed.
        effect: Effect,
    },
    /// The key gave no answer in time.
    #[error("The key does not answer. {}", .effect.sentence())]
    Mute {
        /// Whether it changed.
        effect: Effect,
    },
    /// The key is busy with a command of another program.
    #[error("The key is busy with something else. Nothing has been changed on it.")]
    Busy,
    /// The key that came back has another model number than the one that was taken out.
    #[error(
        "The key that came back is not the one that was taken out: its model number is {found}, \
         expected {expected}. Nothing has been erased."
    )]
    OtherModel {
        /// Model number before.
        expected: Aaguid,
        /// Model number now.
        found: Aaguid,
    },
    /// The key refuses the reset because it was plugged in too long ago.
    #[error(
        "The time for a reset has passed: a key accepts it only within 10 seconds after it was plugged in. Nothing has been erased."
    )]
    WindowPassed,
    /// The key reported a reset but still has a PIN.
    #[error("The key said that it was reset, but it still has a PIN.")]
    ResetIncomplete,
    /// The PIN cannot be given to any key.
    #[error("{0} Nothing has been changed on the key.")]
    PinText(PinTextError),
    /// The PIN is wrong.
    #[error("The key says that the PIN is wrong.{}", retries_sentence(*.retries_left))]
    PinWrong {
        /// Attempts the key still allows, where it told.
        retries_left: Option<u8>,
    },
    /// No attempts are left; only a reset helps.
    #[error("The PIN of this key is blocked: too many wrong PINs were tried.")]
    PinBlocked,
    /// Three wrong PINs in a row: the key wants to be taken out first.
    #[error("The key refuses further PINs until it has been taken out and put back.")]
    PinPaused,
    /// The key has no PIN yet.
    #[error("The key has no PIN. Nothing has been changed on it.")]
    PinNotSet,
    /// The key already has a PIN.
    #[error("The key already has a PIN. Nothing has been changed on it.")]
    PinAlreadySet,
    /// The key refuses this new PIN by a rule of its own model; another PIN may be accepted.
    #[error(
        "The key refuses this PIN by the rules of its model. It has not been set; a PIN that the key had before is still in force."
    )]
    PinPolicy,
    /// The key wants its PIN changed before anything else.
    #[error(
        "The key insists on a new PIN before it does anything else (forcePINChange). Nothing has been changed on it."
    )]
    PinChangeForced,
    /// The key wants the PIN for this.
    #[error("The key wants its PIN for this. Nothing has been changed on it.")]
    PinRequired,
    /// Nobody touched the key in time.
    #[error("The key was not touched in time. Nothing has been changed on it.")]
    NoTouch,
    /// The key, or the person at it, refused.
    #[error("The key refused. Nothing has been changed on it.")]
    Refused,
    /// The operation was stopped on request.
    #[error("The operation was stopped. {}", .effect.sentence())]
    Cancelled {
        /// Whether it changed.
        effect: Effect,
    },
    /// The key holds no such credential: it is another key, or it was reset.
    #[error(
        "The key does not hold this credential: it is another key, or it was reset since. Nothing has been changed on it."
    )]
    NotHeld,
    /// The key already holds a credential of the exclude list.
    #[error("The key already holds a credential for this account. Nothing has been changed on it.")]
    AlreadyHeld,
    /// The key answered, but its answer proves nothing.
    #[error("The key's answer does not prove what it should: {reason}.")]
    NotProven {
        /// What does not fit, as a clause.
        reason: String,
    },
    /// The key has no room left.
    #[error("The memory of the key is full. Nothing has been changed on it.")]
    StoreFull,
    /// The key does not know this command or option.
    #[error("The key does not support this: {what}. Nothing has been changed on it.")]
    Unsupported {
        /// What it does not support.
        what: String,
    },
    /// A policy setting that this model does not have.
    #[error("This model of key cannot {what}. Nothing has been changed on it.")]
    ModelCannot {
        /// What it cannot do, as a verb with its object.
        what: String,
    },
    /// The key cannot serve as an emergency key.
    #[error("The key is not fit for this use: {0} Nothing has been changed on it.")]
    Unfit(Unfit),
    /// The key, or something between, sent what no key may send.
    #[error("The key sent something that makes no sense: {detail}. {}", .effect.sentence())]
    Protocol {
        /// What was wrong, as a clause.
        detail: String,
        /// Whether it changed.
        effect: Effect,
    },
    /// The key answered with a status that has no meaning of its own here.
    #[error("The key answered with status 0x{code:02X}. {}", .effect.sentence())]
    Status {
        /// CTAP status code.
        code: u8,
        /// Whether it changed.
        effect: Effect,
    },
    /// The worker process failed.
    #[error("The part of the program that talks to the key failed: {reason}. {}", .effect.sentence())]
    Worker {
        /// Why, as a clause.
        reason: String,
        /// Whether the key changed.
        effect: Effect,
    },
}

fn retries_sentence(left: Option<u8>) -> String {
    match left {
        Some(0) => " It is blocked now.".into(),
        Some(1) => " It allows one more attempt.".into(),
        Some(left) => format!(" It allows {left} more attempts."),
        None => String::new(),
    }
}

impl KeyError {
    /// What to do about it, as full sentences; empty where the message says it all.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoKey => "Plug in the key.",
            Self::SeveralKeys { .. } => "Take out all keys but one.",
            Self::NoHidraw { .. } => "The kernel needs USB HID and hidraw (CONFIG_HIDRAW).",
            Self::NoAccess { .. } => {
                "Install the udev rules that come with glasskey, then put the key in again."
            }
            Self::Vanished { .. } => "Put the same key back and start this step again.",
            Self::Mute { .. } => {
                "Take the key out, put it back and start this step again; a key that stays silent is rejected."
            }
            Self::Busy => "Close other programs that use the key, then take it out and put it back.",
            Self::OtherModel { .. } => "Take it out and put the first key back.",
            Self::WindowPassed => "Take the key out and put it back; the reset is sent by itself.",
            Self::PinText(_) => "Choose another PIN.",
            Self::PinWrong { .. } => "Compare the PIN and the number on the label before another attempt.",
            Self::PinBlocked => "Only a reset makes the key usable again; it erases all credentials on it.",
            Self::PinPaused => "Take the key out and put it back.",
            Self::PinNotSet => "Set the PIN first.",
            Self::PinAlreadySet => "Reset the key first.",
            Self::PinPolicy => {
                "Set another PIN; if the key refuses several, look up the model's rules for PINs and adapt the plan."
            }
            Self::PinChangeForced => "Reset the key, or change its PIN.",
            Self::PinRequired => "Give the PIN of this key.",
            Self::NoTouch => "Start this step again and touch the key when it blinks.",
            Self::Refused => "Start this step again, or reject the key.",
            Self::Cancelled { .. } => "Start this step again when ready.",
            Self::NotHeld => "Compare the label, and look for the right key.",
            Self::AlreadyHeld => {
                "Look at the sign-in methods of the account; this key may be registered already."
            }
            Self::ResetIncomplete | Self::NotProven { .. } => "Reject this key.",
            Self::StoreFull => "Reset the key, or use another one.",
            Self::Unsupported { .. } | Self::ModelCannot { .. } | Self::Unfit(_) => {
                "Use another model of key, or adapt the plan."
            }
            Self::Protocol { .. } | Self::Status { .. } => {
                "Take the key out, put it back and start this step again; if it happens again, reject the key."
            }
            Self::Worker { .. } => "Take the key out, put it back and start this step again.",
        }
    }

    /// Whether the key may have changed although the operation failed.
    #[must_use]
    pub fn effect(&self) -> Effect {
        match self {
            Self::Vanished { effect, .. }
            | Self::Mute { effect }
            | Self::Cancelled { effect }
            | Self::Protocol { effect, .. }
            | Self::Status { effect, .. }
            | Self::Worker { effect, .. } => *effect,
            Self::ResetIncomplete | Self::NotProven { .. } | Self::PinWrong { .. } => Effect::Unknown,
            _ => Effect::Nothing,
        }
    }

    /// The same error with another answer to "was anything changed?", where that is open.
    #[must_use]
    pub fn with_effect(mut self, new: Effect) -> Self {
        match &mut self {
            Self::Vanished { effect, .. }
            | Self::Mute { effect }
            | Self::Cancelled { effect }
            | Self::Protocol { effect, .. }
            | Self::Status { effect, .. }
            | Self::Worker { effect, .. } => *effect = new,
            _ => {}
        }
        self
    }

    /// A protocol violation before anything could have changed.
    pub(crate) fn protocol(detail: impl Into<String>) -> Self {
        Self::Protocol {
            detail: detail.into(),
            effect: Effect::Nothing,
        }
    }
}

/// What a CTAP status means where the command gives it no meaning of its own (CTAP 2.1, 8.2).
pub(super) fn of_status(code: u8, effect: Effect) -> KeyError {
    let unsupported = |what: &str| KeyError::Unsupported { what: what.into() };
    match code {
        0x01 | 0x3E => unsupported("this command"),
        0x05 | 0x2F | 0x3A => KeyError::NoTouch,
        0x06 => KeyError::Busy,
        0x19 => KeyError::AlreadyHeld,
        0x26 => unsupported("the signature algorithm"),
        0x27 => KeyError::Refused,
        0x28 => KeyError::StoreFull,
        0x2B | 0x2C => unsupported("an option of the command"),
        0x2D => KeyError::Cancelled {
            effect: Effect::Nothing,
        },
        0x2E => KeyError::NotHeld,
        0x31 => KeyError::PinWrong { retries_left: None },
        0x32 => KeyError::PinBlocked,
        0x34 => KeyError::PinPaused,
        0x35 => KeyError::PinNotSet,
        0x36 => KeyError::PinRequired,
        0x37 => KeyError::PinPolicy,
        0x40 => unsupported("this use of the PIN"),
        code => KeyError::Status { code, effect },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every() -> Vec<KeyError> {
        let effect = Effect::Unknown;
        let text = || "x".to_owned();
        vec![
            KeyError::NoKey,
            KeyError::SeveralKeys {
                names: vec![text(), text()],
            },
            KeyError::NoHidraw { reason: text() },
            KeyError::NoAccess { node: text() },
            KeyError::Vanished {
                port: UsbPort::new("1-2"),
                effect,
            },
            KeyError::Mute { effect },
            KeyError::Busy,
            KeyError::OtherModel {
                expected: Aaguid([0; 16]),
                found: Aaguid([1; 16]),
            },
            KeyError::WindowPassed,
            KeyError::ResetIncomplete,
            KeyError::PinText(PinTextError::Nul),
            KeyError::PinWrong {
                retries_left: Some(7),
            },
            KeyError::PinBlocked,
            KeyError::PinPaused,
            KeyError::PinNotSet,
            KeyError::PinAlreadySet,
            KeyError::PinPolicy,
            KeyError::PinChangeForced,
            KeyError::PinRequired,
            KeyError::NoTouch,
            KeyError::Refused,
            KeyError::Cancelled { effect },
            KeyError::NotHeld,
            KeyError::AlreadyHeld,
            KeyError::NotProven { reason: text() },
            KeyError::StoreFull,
            KeyError::Unsupported { what: text() },
            KeyError::ModelCannot { what: text() },
            KeyError::Unfit(Unfit::NoPin),
            KeyError::Protocol {
                detail: text(),
                effect,
            },
            KeyError::Status { code: 0x7F, effect },
            KeyError::Worker {
                reason: text(),
                effect,
            },
        ]
    }

    #[test]
    fn every_message_and_hint_is_full_sentences_and_survives_json() {
        for error in every() {
            let message = error.to_string();
            let first = message.chars().next().unwrap();
            assert!(first.is_uppercase() || first.is_ascii_digit(), "{message}");
            // A list comes last, after a colon and without a full stop.
            let ends = message.ends_with('.') || matches!(error, KeyError::SeveralKeys { .. });
            assert!(ends && !message.contains("  "), "{message}");
            assert!(error.hint().ends_with('.'), "{message}");
            let json = serde_json::to_string(&error).unwrap();
            assert_eq!(serde_json::from_str::<KeyError>(&json).unwrap(), error);
        }
    }

    #[test]
    fn says_that_nothing_changed_only_where_that_is_known() {
        for error in every() {
            let known = error.clone().with_effect(Effect::Nothing);
            let differs = error.effect() != known.effect();
            assert_eq!(differs, error.to_string() != known.to_string(), "{error}");
        }
        assert_eq!(
            KeyError::PinWrong {
                retries_left: Some(1)
            }
            .to_string(),
            "The key says that the PIN is wrong. It allows one more attempt."
        );
    }
}
