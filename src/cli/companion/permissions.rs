//! `glasskey companion permissions`: what a token must hold.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::{Value, json};

use super::{Exit, Failed};
use crate::tenant::permissions::{ALL, Needs, of};

/// Says which permissions of Microsoft Graph each command needs, what for, and which role its caller must have.
///
/// These are the least; a broader one that includes them does as well. Consent to a set of its own for each command, and
/// take `setup`'s away when it is done. `inventory`, `report` and a sandbox tenant need none.
#[derive(Debug, Args)]
#[command(after_long_help = "Exit codes: 0 said; 2 wrong use.")]
pub(super) struct Permissions {
    /// One command alone.
    #[arg(value_parser = PossibleValuesParser::new(ALL.map(|needs| needs.command)))]
    command: Option<String>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl Permissions {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        let one = self.command.as_deref().and_then(of);
        let chosen: Vec<&Needs> = one.map_or_else(|| ALL.iter().collect(), |needs| vec![needs]);
        let text = if self.json {
            let commands: Vec<Value> = chosen.into_iter().map(json_of).collect();
            let document = json!({"format": "glasskey-permissions", "version": 1, "commands": commands});
            format!("{document:#}\n")
        } else {
            chosen.into_iter().map(lines).collect::<Vec<_>>().join("\n")
        };
        io::stdout().write_all(text.as_bytes()).map_err(|error| {
            let what = format!("The permissions cannot be written: {error}.");
            (Exit::File, what, String::new())
        })
    }
}

fn json_of(needs: &Needs) -> Value {
    let permissions: Vec<Value> = needs
        .permissions
        .iter()
        .map(|p| json!({"name": p.name, "purpose": p.purpose, "otherwise": p.otherwise}))
        .collect();
    json!({"command": needs.command, "permissions": permissions, "roles": needs.roles})
}

fn lines(needs: &Needs) -> String {
    let mut text = format!("companion {}\n", needs.command);
    for permission in needs.permissions {
        // Writing to a String does not fail.
        let _ = write!(text, "  {:<38}  {}", permission.name, permission.purpose);
        if let Some(otherwise) = permission.otherwise {
            let _ = write!(text, " (without it: {otherwise})");
        }
        text.push('\n');
    }
    for role in needs.roles {
        let _ = writeln!(text, "  role: {role}");
    }
    text
}
