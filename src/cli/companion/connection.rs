//! Which Graph a command talks to, and with which token.

mod sign_in;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args, ValueEnum};

use self::sign_in::SignIn;
use super::{Exit, Failed, usage};
use crate::graph::{Client, Cloud, Feature, Interrupt, Pace, Service, Session};

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum CloudName {
    /// graph.microsoft.com, also GCC.
    Global,
    /// graph.microsoft.us (US Government L4).
    UsGov,
    /// dod-graph.microsoft.us (US Government L5).
    UsDod,
    /// microsoftgraph.chinacloudapi.cn (21Vianet).
    China,
}

/// Options of every command that talks to Graph.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["graph", "cloud"])))]
#[command(group(ArgGroup::new("token").required(true).args(["token_file", "sign_in"])))]
pub(super) struct Connection {
    /// Base URL of a sandbox tenant on a loopback address, or of Graph.
    #[arg(long, value_name = "URL")]
    graph: Option<String>,
    /// Graph of a Microsoft cloud.
    #[arg(long, value_enum)]
    cloud: Option<CloudName>,
    /// File with the access token; read once, at the start.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    sign_in: SignIn,
}

impl Connection {
    /// Makes a client for a command, signed in for what that command needs, that says on stderr when it waits.
    ///
    /// A command that the table of permissions does not name asks for all that was consented to.
    pub(super) fn client(&self, command: &str, interrupt: Interrupt) -> Result<Client, Failed> {
        let service = self.service()?;
        for feature in service.lacks() {
            say(&format!("{} has no {}.", service.name(), feature.describe()));
        }
        let session = match &self.token_file {
            Some(path) => Session::fixed(service, super::read_secret_text(path)?),
            None => self.sign_in.session(&service, command, &interrupt)?,
        };
        let client = Client::signed_in(session, interrupt, Pace::default());
        Ok(client.with_notice(Arc::new(say)))
    }

    /// Refuses a cloud in which the command cannot work; nothing is asked and nothing is sent before.
    pub(super) fn require(&self, feature: Feature) -> Result<(), Failed> {
        let service = self.service()?;
        if !service.lacks().contains(&feature) {
            return Ok(());
        }
        Err((
            Exit::Condition,
            format!("{} has no {}.", service.name(), feature.describe()),
            match feature {
                Feature::CreationOptions if !service.lacks().contains(&Feature::TemporaryAccessPass) => {
                    "Nothing was begun. Register the keys with `--route tap`.".into()
                }
                _ => "Nothing was begun. docs/registrar.md says what works in which cloud.".into(),
            },
        ))
    }

    fn service(&self) -> Result<Service, Failed> {
        match &self.graph {
            Some(url) => at(url),
            None => Ok(self.cloud.unwrap_or(CloudName::Global).service()),
        }
    }
}

impl CloudName {
    /// Graph of the cloud.
    pub(super) fn service(self) -> Service {
        Service::cloud(match self {
            Self::Global => Cloud::Global,
            Self::UsGov => Cloud::UsGovernment,
            Self::UsDod => Cloud::UsDefense,
            Self::China => Cloud::China,
        })
    }
}

/// The service at the address that `--graph` names.
pub(super) fn at(url: &str) -> Result<Service, Failed> {
    Service::parse(url).map_err(|error| usage(format!("`--graph`: {error}."), ""))
}

fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
