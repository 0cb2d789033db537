//! The ways of a key into a tenant.

use crate::graph::Feature;

/// How a key is registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A Temporary Access Pass, and a person at a browser ([`super::tap`]).
    Tap,
    /// Creation options, the key at this machine, and a POST ([`super::on_behalf`]).
    OnBehalf,
    /// Creation options that travel to the station, which makes the passkey; a POST later ([`super::air_gapped`]).
    AirGapped,
}

impl Route {
    /// Its name on the command line and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::OnBehalf => "on-behalf",
            Self::AirGapped => "air-gapped",
        }
    }

    /// What a cloud must have for it.
    #[must_use]
    pub fn needs(self) -> Feature {
        match self {
            Self::Tap => Feature::TemporaryAccessPass,
            Self::OnBehalf | Self::AirGapped => Feature::CreationOptions,
        }
    }
}
