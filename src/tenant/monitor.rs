//! Alarms for emergency accounts: what is to be noticed ([`rules`]), as templates for Azure ([`azure`], [`bicep`]).
//!
//! Files are made and nothing is sent: whoever runs the workspace deploys them. The ids of accounts and group go into
//! the queries, and an id is a GUID or refused, because a query is a program.

pub mod azure;
pub mod bicep;
pub mod rules;

use ring::digest::{SHA256, digest};

pub use rules::{Rule, rules};

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// The accounts: name for people, object id.
    pub accounts: Vec<(String, Guid)>,
    /// The accounts' group, if there is one.
    pub group: Option<Guid>,
}

/// An object id of Entra, in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Guid(String);

/// A text that is no object id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no object id")]
pub struct NotAnObjectId(pub String);

impl Guid {
    /// Takes a text of the form `8-4-4-4-12`, hexadecimal.
    pub fn new(text: &str) -> Result<Self, NotAnObjectId> {
        let parts: Vec<usize> = text.split('-').map(str::len).collect();
        let is_hex = text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit());
        if parts == [8, 4, 4, 4, 12] && is_hex {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(NotAnObjectId(text.to_owned()))
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An id of its own for a thing that is made twice from the same name, so that a second deployment changes the first.
    #[must_use]
    pub fn derived(name: &str) -> Self {
        let digest = digest(&SHA256, name.as_bytes());
        let bytes = digest.as_ref()[..16].iter();
        let hex = bytes.map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat();
        // RFC 9562, 5.8: version 8 is for ids that an application makes in its own way.
        Self(format!(
            "{}-{}-8{}-a{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[13..16],
            &hex[17..20],
            &hex[20..32]
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_guids_and_nothing_else() {
        let text = "0A1b2c3d-1111-4222-8333-444455556666";
        assert_eq!(Guid::new(text).unwrap().as_str(), text.to_ascii_lowercase());
        for wrong in [
            "",
            "bg-01@contoso.onmicrosoft.com",
            "0a1b2c3d-1111-4222-8333-44445555666",
            "0a1b2c3d-1111-4222-8333-44445555666g",
            "0a1b2c3d-1111-4222-8333-4444555566\") or 1",
            "0a1b2c3d11114222833344445555666600",
        ] {
            assert!(Guid::new(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn derived_ids_are_guids_that_stay_the_same() {
        let one = Guid::derived("one");
        assert_eq!(one, Guid::derived("one"));
        assert_ne!(one, Guid::derived("two"));
        assert_eq!(Guid::new(one.as_str()), Ok(one));
    }
}
