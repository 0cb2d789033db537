//! The feature longTouchForReset (CTAP 2.3), which the engine does not know: the wrapper plays it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ciborium::Value;

use crate::command::Command;
use crate::faults::catalogue::{self, Effect, Fault, Respond, Rewrite, When};
use crate::faults::info::InfoEdit;

const OK: u8 = 0x00;
const MISSING_PARAMETER: u8 = 0x14;
const PIN_AUTH_INVALID: u8 = 0x33;
const PUAT_REQUIRED: u8 = 0x36;

const CLIENT_PIN: u8 = 0x06;
const TOKEN_WITH_PERMISSIONS: u8 = 0x09;
const CONFIG: u8 = 0x0d;
const ENABLE_LONG_TOUCH: u8 = 0x04;
/// The bit of the permission for authenticatorConfig.
const ACFG: u8 = 0x20;

/// One key's long touch: announced in getInfo, turned on by authenticatorConfig, turned off by a reset.
///
/// The key's token never leaves it, so the wrapper cannot check a signature by it. It wants to have seen the key
/// give a token for authenticatorConfig since the last power-up or reset, and a parameter of the right length.
/// How long a touch lasts is not looked at.
#[derive(Clone, Debug)]
pub struct LongTouch(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    on: bool,
    asked: bool,
    authorised: bool,
}

impl LongTouch {
    /// Makes the feature, turned on or off.
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            on,
            asked: false,
            authorised: false,
        })))
    }

    /// Tells whether a reset wants a long touch now.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.state().on
    }

    /// The faults that give a key this feature.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let (info, ask, give, enable, init, reset) = (
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
            self.clone(),
        );
        let token = When::PinSubCommand(TOKEN_WITH_PERMISSIONS);
        vec![
            Fault::new(
                When::On(Command::GET_INFO),
                Effect::Rewrite(Rewrite::new(move |answer| info.announce(answer))),
            ),
            Fault::new(
                token.clone(),
                Effect::Respond(Respond::new(move |request| ask.token_asked(request))),
            ),
            Fault::new(
                token,
                Effect::Rewrite(Rewrite::new(move |answer| give.token_given(answer))),
            ),
            Fault::new(
                When::ConfigSubCommand(ENABLE_LONG_TOUCH),
                Effect::Respond(Respond::new(move |request| Some(vec![enable.enable(request)]))),
            ),
            Fault::new(
                When::Step(1),
                Effect::Respond(Respond::new(move |_| init.powered_up())),
            ),
            Fault::new(
                When::On(Command::RESET),
                Effect::Rewrite(Rewrite::new(move |answer| reset.was_reset(answer))),
            ),
        ]
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn announce(&self, answer: &[u8]) -> Vec<u8> {
        let edit = InfoEdit {
            set: vec![(0x18, Value::from(self.is_on()))],
            ..InfoEdit::default()
        };
        edit.apply(answer).unwrap_or_else(|| answer.to_vec())
    }

    fn token_asked(&self, request: &[u8]) -> Option<Vec<u8>> {
        let permissions = catalogue::number(request, CLIENT_PIN, 0x09).unwrap_or(0);
        self.state().asked = permissions & ACFG != 0;
        None
    }

    fn token_given(&self, answer: &[u8]) -> Vec<u8> {
        let mut state = self.state();
        // A new token ends the old one, whatever the new one is for.
        if answer.first() == Some(&OK) {
            state.authorised = state.asked;
        }
        answer.to_vec()
    }

    fn enable(&self, request: &[u8]) -> u8 {
        let Some(Value::Bytes(tag)) = catalogue::member(request, CONFIG, 0x04) else {
            return PUAT_REQUIRED;
        };
        let length = match catalogue::number(request, CONFIG, 0x03) {
            Some(1) => 16,
            Some(2) => 32,
            _ => return MISSING_PARAMETER,
        };
        let mut state = self.state();
        if !state.authorised || tag.len() != length {
            return PIN_AUTH_INVALID;
        }
        state.on = true;
        OK
    }

    fn powered_up(&self) -> Option<Vec<u8>> {
        self.state().authorised = false;
        None
    }

    fn was_reset(&self, answer: &[u8]) -> Vec<u8> {
        if answer.first() == Some(&OK) {
            let mut state = self.state();
            state.on = false;
            state.authorised = false;
        }
        answer.to_vec()
    }
}
