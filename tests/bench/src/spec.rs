//! How a key is named on a command line: `opensk`, `opensk:FILE`, `udp:PEER,BIND[,cycle=HEX]`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::hex;
use crate::udp::UdpAddress;

/// Which authenticator stands behind a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySpec {
    /// The bench's own engine: in memory, or in a key file that is made when it is missing.
    Engine {
        /// The key file.
        file: Option<PathBuf>,
    },
    /// Any authenticator at a UDP port.
    Udp(UdpAddress),
}

impl FromStr for KeySpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            None if text == "opensk" => Ok(Self::Engine { file: None }),
            Some(("opensk", file)) if !file.is_empty() => Ok(Self::Engine {
                file: Some(PathBuf::from(file)),
            }),
            Some(("udp", address)) => Ok(Self::Udp(address.parse()?)),
            _ => Err(Error::Spec(format!(
                "A key is `opensk`, `opensk:FILE` or `udp:PEER,BIND[,cycle=HEX]`, not: {text}"
            ))),
        }
    }
}

impl fmt::Display for KeySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine { file: None } => f.write_str("opensk"),
            Self::Engine { file: Some(file) } => write!(f, "opensk:{}", file.display()),
            Self::Udp(UdpAddress { peer, bind, cycle }) => {
                write!(f, "udp:{peer},{bind}")?;
                match cycle {
                    Some(cycle) => write!(f, ",cycle={}", hex::encode(cycle)),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["opensk", "opensk:/tmp/a:b.json", "udp:127.0.0.1:1,127.0.0.1:2"] {
            assert_eq!(text.parse::<KeySpec>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_other_words() {
        for text in ["", "opensk:", "yubikey", "udp:127.0.0.1:1"] {
            assert!(text.parse::<KeySpec>().is_err(), "{text}");
        }
    }
}
