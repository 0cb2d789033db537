//! By which route keys are registered.

use clap::ValueEnum;

use crate::graph::Feature;
use crate::registration::Route;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RouteName {
    /// A Temporary Access Pass, and a person at a browser.
    Tap,
    /// Creation options from Graph, and the key at this machine; no browser and no pass. Global cloud only.
    OnBehalf,
    /// Passkeys that the keys made at the station, from `glasskey companion options`; as `glasskey companion submit`.
    AirGapped,
}

impl RouteName {
    /// The route that was chosen.
    pub(super) fn route(self) -> Route {
        match self {
            Self::Tap => Route::Tap,
            Self::OnBehalf => Route::OnBehalf,
            Self::AirGapped => Route::AirGapped,
        }
    }

    /// What a cloud must have for it.
    pub(super) fn feature(self) -> Feature {
        self.route().needs()
    }

    /// The command whose permissions it needs (`tenant::permissions`).
    pub(super) fn command(self) -> &'static str {
        match self {
            Self::Tap => "register",
            Self::OnBehalf => "register --route on-behalf",
            Self::AirGapped => "submit",
        }
    }
}
