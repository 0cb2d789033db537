//! The states of a key and the steps between them: one pure table.

use serde::{Deserialize, Serialize};

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It left the station and is in no tenant yet.
    Prepared,
    /// The tenant has a passkey of it.
    Registered,
    /// It proved by touch that it is the prepared key and holds that passkey.
    Proven,
    /// It opened its account in a drill.
    Drilled,
    /// Nobody knows where it is.
    Lost,
    /// Its passkey was taken off the account.
    Revoked,
    /// It is out of service for good.
    Retired,
}

/// What can happen to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Its passkey was added to its account.
    Registered,
    /// It proved itself by touch.
    Proven,
    /// It opened its account in a drill.
    Drilled,
    /// It is missed.
    Lost,
    /// Its passkey was taken off the account.
    Revoked,
    /// It was put out of service.
    Retired,
}

impl KeyState {
    /// All states, in the order of a key's life.
    pub const ALL: [Self; 7] = [
        Self::Prepared,
        Self::Registered,
        Self::Proven,
        Self::Drilled,
        Self::Lost,
        Self::Revoked,
        Self::Retired,
    ];

    /// The state after a step, or `None` where that step cannot happen.
    ///
    /// A lost key never comes back into service: it may have been in strange hands, so the station prepares it anew,
    /// under another label.
    #[must_use]
    pub fn after(self, step: Step) -> Option<Self> {
        use KeyState as S;
        Some(match (self, step) {
            (S::Prepared | S::Registered | S::Proven | S::Drilled, Step::Registered) => S::Registered,
            (S::Registered | S::Proven, Step::Proven) => S::Proven,
            // A drill proves more than a touch.
            (S::Drilled, Step::Proven) | (S::Registered | S::Proven | S::Drilled, Step::Drilled) => {
                S::Drilled
            }
            (S::Prepared | S::Registered | S::Proven | S::Drilled, Step::Lost) => S::Lost,
            (S::Registered | S::Proven | S::Drilled | S::Lost, Step::Revoked) => S::Revoked,
            (S::Prepared | S::Registered | S::Proven | S::Drilled | S::Lost | S::Revoked, Step::Retired) => {
                S::Retired
            }
            _ => return None,
        })
    }

    /// Whether a registration, a proof or a drill may use it.
    #[must_use]
    pub fn is_in_service(self) -> bool {
        matches!(
            self,
            Self::Prepared | Self::Registered | Self::Proven | Self::Drilled
        )
    }

    /// Whether it opens its account today, as far as is known.
    #[must_use]
    pub fn is_usable(self) -> bool {
        matches!(self, Self::Registered | Self::Proven | Self::Drilled)
    }

    /// The word in tables, files and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Registered => "registered",
            Self::Proven => "proven",
            Self::Drilled => "drilled",
            Self::Lost => "lost",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
        }
    }

    /// The state with that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 6] = [
        Self::Registered,
        Self::Proven,
        Self::Drilled,
        Self::Lost,
        Self::Revoked,
        Self::Retired,
    ];

    /// The word in histories.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Proven => "proven",
            Self::Drilled => "drilled",
            Self::Lost => "lost",
            Self::Revoked => "revoked",
            Self::Retired => "retired",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Every allowed step; what is not here is refused. Columns: registered, proven, drilled, lost, revoked, retired.
    const TABLE: [(KeyState, [Option<KeyState>; 6]); 7] = {
        use KeyState::{
            Drilled as D, Lost as L, Prepared as Q, Proven as P, Registered as R, Retired as X, Revoked as V,
        };
        const N: Option<KeyState> = None;
        [
            (Q, [Some(R), N, N, Some(L), N, Some(X)]),
            (R, [Some(R), Some(P), Some(D), Some(L), Some(V), Some(X)]),
            (P, [Some(R), Some(P), Some(D), Some(L), Some(V), Some(X)]),
            (D, [Some(R), Some(D), Some(D), Some(L), Some(V), Some(X)]),
            (L, [N, N, N, N, Some(V), Some(X)]),
            (V, [N, N, N, N, N, Some(X)]),
            (X, [N, N, N, N, N, N]),
        ]
    };

    #[test]
    fn the_table_holds_for_every_state_and_step() {
        for ((state, row), expected) in TABLE.into_iter().zip(KeyState::ALL) {
            assert_eq!(state, expected);
            for (step, after) in Step::ALL.into_iter().zip(row) {
                assert_eq!(state.after(step), after, "{state:?} {step:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_left_service_never_returns(steps in prop::collection::vec(prop::sample::select(&Step::ALL[..]), 0..12)) {
            let mut state = KeyState::Prepared;
            let mut gone = false;
            for step in steps {
                state = state.after(step).unwrap_or(state);
                prop_assert!(!(gone && state.is_in_service()));
                gone |= !state.is_in_service();
                prop_assert!(state.is_in_service() || !state.is_usable());
            }
        }
    }

    #[test]
    fn words_read_back() {
        for state in KeyState::ALL {
            assert_eq!(KeyState::from_word(state.word()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.word());
        }
        assert_eq!(KeyState::from_word("sold"), None);
    }
}
