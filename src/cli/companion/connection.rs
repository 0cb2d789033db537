//! Which Graph a command talks to, and with which token.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgGroup, Args, ValueEnum};

use super::{Failed, usage};
use crate::graph::{Client, Cloud, Interrupt, Pace, Service};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CloudName {
    /// graph.microsoft.com, also GCC.
    Global,
    /// graph.microsoft.us (US Government L4).
    UsGov,
    /// dod-graph.microsoft.us (US Government L5).
    UsDod,
}

/// Options of every command that talks to Graph.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("where").required(true).args(["graph", "cloud"])))]
pub(super) struct Connection {
    /// Base URL of a sandbox tenant on a loopback address, or of Graph.
    #[arg(long, value_name = "URL")]
    graph: Option<String>,
    /// Graph of a Microsoft cloud.
    #[arg(long, value_enum)]
    cloud: Option<CloudName>,
    /// File with the access token; read once, at the start.
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
}

impl Connection {
    /// Makes a client that says on stderr when it waits; nothing is sent yet.
    pub(super) fn client(&self, interrupt: Interrupt) -> Result<Client, Failed> {
        let service = self.service()?;
        let token = super::read_secret_text(&self.token_file)?;
        Ok(
            Client::new(service, token, interrupt, Pace::default()).with_notice(Arc::new(|line: &str| {
                let _ = writeln!(io::stderr(), "{line}");
            })),
        )
    }

    fn service(&self) -> Result<Service, Failed> {
        match (&self.graph, self.cloud) {
            (Some(url), _) => Service::parse(url).map_err(|error| usage(format!("`--graph`: {error}"), "")),
            (None, Some(CloudName::UsGov)) => Ok(Service::cloud(Cloud::UsGovernment)),
            (None, Some(CloudName::UsDod)) => Ok(Service::cloud(Cloud::UsDefense)),
            (None, _) => Ok(Service::cloud(Cloud::Global)),
        }
    }
}
