//! Which inventory, and in whose name.

use std::path::PathBuf;

use clap::Args;

use super::super::Failed;
use crate::inventory::{Address, Author, Inventory, InventoryError};

/// Which inventory a command works with.
#[derive(Debug, Args)]
pub(in super::super) struct Place {
    /// The inventory: a file, or `postgres://USER@HOST/DATABASE` [default: glasskey/inventory.sqlite in the state directory].
    ///
    /// Passwords come from `~/.pgpass` or the file in PGPASSFILE. Over a network the connection is encrypted and the server's
    /// certificate checked; `?sslrootcert=FILE` names its authority.
    #[arg(long, value_name = "FILE|URL")]
    inventory: Option<String>,
}

/// In whose name a command writes.
#[derive(Debug, Args)]
pub(in super::super) struct Name {
    /// The name in histories and claims [default: user and machine].
    #[arg(long, value_name = "NAME", value_parser = super::line)]
    registrar: Option<String>,
}

impl Place {
    pub(in super::super) fn address(&self) -> Result<Address, InventoryError> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from);
        match &self.inventory {
            Some(text) => Address::parse(text),
            None => Address::default_file(folder("XDG_STATE_HOME"), folder("HOME")),
        }
    }

    pub(in super::super) fn open(&self) -> Result<Inventory, Failed> {
        Ok(Inventory::open(&self.address()?)?)
    }

    pub(in super::super) fn open_or_create(&self) -> Result<Inventory, Failed> {
        Ok(Inventory::open_or_create(&self.address()?)?)
    }
}

impl Name {
    /// Who writes, and by which command.
    pub(in super::super) fn author(&self, command: &str) -> Author {
        Author {
            who: self.registrar.clone().unwrap_or_else(user_and_machine),
            source: command.to_owned(),
        }
    }
}

fn user_and_machine() -> String {
    let named = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let user = named.unwrap_or_else(|| format!("user {}", rustix::process::getuid().as_raw()));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}")
}
