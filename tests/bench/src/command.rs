//! The name of a request, as the specifications spell it: INIT, getInfo, makeCredential.

use std::fmt;

use crate::message::command_byte;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// A CTAPHID command other than CBOR, by its byte (initial-packet bit set).
    Hid(u8),
    /// A CTAP2 command, by its number.
    Cbor(u8),
}

impl Command {
    /// CTAPHID_INIT.
    pub const INIT: Self = Self::Hid(command_byte::INIT);
    /// CTAPHID_CANCEL.
    pub const CANCEL: Self = Self::Hid(command_byte::CANCEL);
    /// authenticatorMakeCredential.
    pub const MAKE_CREDENTIAL: Self = Self::Cbor(0x01);
    /// authenticatorGetAssertion.
    pub const GET_ASSERTION: Self = Self::Cbor(0x02);
    /// authenticatorGetInfo.
    pub const GET_INFO: Self = Self::Cbor(0x04);
    /// authenticatorClientPIN.
    pub const CLIENT_PIN: Self = Self::Cbor(0x06);
    /// authenticatorReset.
    pub const RESET: Self = Self::Cbor(0x07);
    /// authenticatorCredentialManagement.
    pub const CREDENTIAL_MANAGEMENT: Self = Self::Cbor(0x0a);
    /// authenticatorSelection.
    pub const SELECTION: Self = Self::Cbor(0x0b);
    /// authenticatorConfig.
    pub const CONFIG: Self = Self::Cbor(0x0d);

    /// Reads the command out of a message's command byte and payload.
    #[must_use]
    pub fn of(command: u8, payload: &[u8]) -> Self {
        match (command, payload.first()) {
            (command_byte::CBOR, Some(number)) => Self::Cbor(*number),
            _ => Self::Hid(command),
        }
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Hid(command_byte::PING) => "PING",
            Self::Hid(command_byte::MSG) => "MSG",
            Self::Hid(command_byte::LOCK) => "LOCK",
            Self::Hid(command_byte::INIT) => "INIT",
            Self::Hid(command_byte::WINK) => "WINK",
            Self::Hid(command_byte::CBOR) => "CBOR",
            Self::Hid(command_byte::CANCEL) => "CANCEL",
            Self::Cbor(0x01) => "makeCredential",
            Self::Cbor(0x02) => "getAssertion",
            Self::Cbor(0x04) => "getInfo",
            Self::Cbor(0x06) => "clientPIN",
            Self::Cbor(0x07) => "reset",
            Self::Cbor(0x08) => "getNextAssertion",
            Self::Cbor(0x09) => "bioEnrollment",
            Self::Cbor(0x0a) => "credentialManagement",
            Self::Cbor(0x0b) => "selection",
            Self::Cbor(0x0c) => "largeBlobs",
            Self::Cbor(0x0d) => "authenticatorConfig",
            Self::Hid(byte) => return write!(f, "CTAPHID 0x{byte:02x}"),
            Self::Cbor(number) => return write!(f, "CTAP 0x{number:02x}"),
        };
        f.write_str(name)
    }
}
