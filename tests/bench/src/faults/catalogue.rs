//! The faults there are: when one strikes, and what it does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ciborium::Value;

use crate::command::Command;
use crate::faults::info::InfoEdit;
use crate::message::{Message, command_byte};

/// Which requests a fault strikes. CANCEL is never struck.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// Every request.
    Always,
    /// Requests of one command.
    On(Command),
    /// Every CTAP command that is not listed; CTAPHID's own commands (INIT, PING, WINK) are left alone.
    CtapExcept(Vec<Command>),
    /// clientPIN with this subcommand.
    PinSubCommand(u8),
    /// authenticatorConfig with this subcommand.
    ConfigSubCommand(u8),
    /// Requests that any of these strikes.
    AnyOf(Vec<When>),
    /// The request with this number since power-up, counted from 1.
    Step(u32),
    /// The request with this number and all later ones.
    FromStep(u32),
}

/// Where a report with somebody else's channel turns up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignCid {
    /// A whole foreign answer before the right one.
    Before,
    /// A foreign report after the right answer's first one.
    Between,
    /// Only the foreign answer.
    Instead,
}

/// A change of an answer's payload: status byte and CBOR in, the same out.
#[derive(Clone)]
pub struct Rewrite(Arc<Change>);

type Change = dyn Fn(&[u8]) -> Vec<u8> + Send + Sync;

impl Rewrite {
    /// Wraps a function.
    pub fn new(change: impl Fn(&[u8]) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self(Arc::new(change))
    }

    pub(super) fn apply(&self, payload: &[u8]) -> Vec<u8> {
        (self.0)(payload)
    }
}

impl fmt::Debug for Rewrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rewrite")
    }
}

/// An answer made from the request's payload, command number and CBOR; `None` lets the key answer.
#[derive(Clone)]
pub struct Respond(Arc<Response>);

type Response = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

impl Respond {
    /// Wraps a function.
    pub fn new(respond: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(respond))
    }

    pub(super) fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        (self.0)(request)
    }
}

impl fmt::Debug for Respond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Respond")
    }
}

/// What a fault does.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Effect {
    /// The request is lost, and the key says nothing any more until power-up.
    Mute,
    /// The request is lost.
    Swallow,
    /// The answer ends after this many reports, and the key is mute from then on.
    MuteAfter(usize),
    /// The key is pulled out instead of answering.
    Unplug,
    /// The key is pulled out after this many reports of its answer.
    UnplugAfter(usize),
    /// The answer comes this much later, with keepalives of this status meanwhile.
    Slow {
        /// How much later.
        by: Duration,
        /// The status of the keepalives; `None` is silence.
        keepalive: Option<u8>,
    },
    /// Keepalives of this status without end; the request never reaches the key.
    Keepalives(u8),
    /// INIT answers with another nonce.
    WrongNonce,
    /// Reports of a foreign channel.
    WrongCid(ForeignCid),
    /// The answer's continuation has a wrong sequence number; a short answer gets a stray continuation.
    WrongSequence,
    /// The answer claims to be this much longer than it is.
    LongLength(u16),
    /// The answer has another command byte.
    WrongCommand(u8),
    /// CTAPHID_ERROR with this code; the request never reaches the key.
    Error(u8),
    /// An old INIT answer comes before the right answer.
    StaleInit,
    /// This CTAP status; the request never reaches the key.
    Status(u8),
    /// This CTAP status, although the key has done the work.
    StatusAfterwards(u8),
    /// These bytes as the answer's payload, status included; the request never reaches the key.
    Answer(Vec<u8>),
    /// The wrapper answers instead of the key where it wants to.
    Respond(Respond),
    /// The answer's payload is cut to this length.
    Cut(usize),
    /// These bytes follow the answer's payload.
    Append(Vec<u8>),
    /// The answer's payload is rewritten, for example an attestation without certificates.
    Rewrite(Rewrite),
    /// The answer is kept back until the host gives up and sends CANCEL; keepalives of this status until then.
    AfterCancel(u8),
    /// The getInfo answer is rewritten.
    Info(InfoEdit),
    /// From now on this power cycle's reset answers 0x30.
    VoidReset,
}

/// One fault of a key.
#[derive(Clone, Debug)]
pub struct Fault {
    when: When,
    effect: Effect,
    skip: u32,
    left: Option<u32>,
}

impl Fault {
    /// Makes a fault that strikes every time.
    #[must_use]
    pub fn new(when: When, effect: Effect) -> Self {
        Self {
            when,
            effect,
            skip: 0,
            left: None,
        }
    }

    /// Strikes this often, then never again.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            left: Some(times),
            ..self
        }
    }

    /// Lets this many matching requests pass first.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Silent from the first request on.
    #[must_use]
    pub fn mute() -> Self {
        Self::new(When::Always, Effect::Mute)
    }

    /// Answers INIT and nothing else.
    #[must_use]
    pub fn mute_after_init() -> Self {
        Self::new(When::CtapExcept(Vec::new()), Effect::Mute)
    }

    /// This CTAP status for one command.
    #[must_use]
    pub fn status(command: Command, status: u8) -> Self {
        Self::new(When::On(command), Effect::Status(status))
    }

    /// This CTAP status for every CTAP command but the listed ones.
    #[must_use]
    pub fn status_except(commands: &[Command], status: u8) -> Self {
        Self::new(When::CtapExcept(commands.to_vec()), Effect::Status(status))
    }

    /// Any CTAP command but getInfo takes the permission to reset away, as on some real keys.
    #[must_use]
    pub fn reset_voided_by_others() -> Self {
        Self::new(
            When::CtapExcept(vec![Command::GET_INFO, Command::RESET]),
            Effect::VoidReset,
        )
    }

    /// Refuses the next PINs that are to be set or changed, as keys with rules for PINs do (0x37).
    ///
    /// Strikes before the key has seen the PIN: even a wrong current PIN costs no attempt then.
    #[must_use]
    pub fn refuse_pins(times: u32) -> Self {
        const SET: u8 = 0x03;
        const CHANGE: u8 = 0x04;
        const PIN_POLICY_VIOLATION: u8 = 0x37;
        let new_pin = When::AnyOf(vec![When::PinSubCommand(SET), When::PinSubCommand(CHANGE)]);
        Self::new(new_pin, Effect::Status(PIN_POLICY_VIOLATION)).times(times)
    }

    /// Announces rules for PINs and where they can be read, and refuses the next PINs.
    #[must_use]
    pub fn pin_complexity_policy(url: &str, refusals: u32) -> Vec<Self> {
        let edit = InfoEdit {
            set: vec![
                (0x1b, Value::from(true)),
                (0x1c, Value::Bytes(url.as_bytes().to_vec())),
            ],
            ..InfoEdit::default()
        };
        vec![
            Self::new(When::On(Command::GET_INFO), Effect::Info(edit)),
            Self::refuse_pins(refusals),
        ]
    }

    /// Makes a key look and behave like one of CTAP 2.0.
    #[must_use]
    pub fn ctap_2_0() -> Vec<Self> {
        const INVALID_COMMAND: u8 = 0x01;
        const INVALID_SUBCOMMAND: u8 = 0x3e;
        let mut faults = vec![Self::new(
            When::On(Command::GET_INFO),
            Effect::Info(InfoEdit::ctap_2_0()),
        )];
        let later = [
            Command::CREDENTIAL_MANAGEMENT,
            Command::SELECTION,
            Command::CONFIG,
            Command::Cbor(0x0c),
        ];
        faults.extend(later.map(|command| Self::status(command, INVALID_COMMAND)));
        faults.extend([0x06, 0x07, 0x09].map(|subcommand| {
            Self::new(
                When::PinSubCommand(subcommand),
                Effect::Status(INVALID_SUBCOMMAND),
            )
        }));
        faults
    }

    pub(super) fn strike(&mut self, step: u32, request: &Message) -> Option<Effect> {
        if !self.when.matches(step, request) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1)?;
        }
        Some(self.effect.clone())
    }
}

impl When {
    fn matches(&self, step: u32, request: &Message) -> bool {
        let command = Command::of(request.command, &request.payload);
        match self {
            Self::Always => true,
            Self::On(wanted) => command == *wanted,
            Self::CtapExcept(spared) => matches!(command, Command::Cbor(_)) && !spared.contains(&command),
            Self::PinSubCommand(wanted) => member_of(request, 0x06, 2) == Some(*wanted),
            Self::ConfigSubCommand(wanted) => member_of(request, 0x0d, 1) == Some(*wanted),
            Self::AnyOf(any) => any.iter().any(|when| when.matches(step, request)),
            Self::Step(wanted) => step == *wanted,
            Self::FromStep(wanted) => step >= *wanted,
        }
    }
}

/// A small number in a request of one CTAP command.
fn member_of(request: &Message, command: u8, key: i64) -> Option<u8> {
    if request.command != command_byte::CBOR {
        return None;
    }
    number(&request.payload, command, key)
}

/// The same from a request's payload.
pub(super) fn number(payload: &[u8], command: u8, key: i64) -> Option<u8> {
    member(payload, command, key)?
        .into_integer()
        .ok()?
        .try_into()
        .ok()
}

/// A member of a request's map.
pub(super) fn member(payload: &[u8], command: u8, key: i64) -> Option<Value> {
    let (_, map) = payload.split_first().filter(|(first, _)| **first == command)?;
    let Value::Map(members) = ciborium::from_reader(map).ok()? else {
        return None;
    };
    let (_, value) = members.into_iter().find(|(name, _)| *name == Value::from(key))?;
    Some(value)
}
