//! `glasskey companion options`: creation options for the keys of a plan, as a file for the ceremony's stick.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::connection::Connection;
use super::register::exit_of;
use super::{Exit, Failed, interruptible, usage};
use crate::cli::input;
use crate::creation_options::{CreationOptions, FILE};
use crate::graph::Feature;
use crate::plan::Plan;
use crate::registration::air_gapped::options::{LONGEST, SHORTEST, fetch};

/// Fetches creation options for every key of a plan, so that the keys make their passkeys at the station.
///
/// Copy the file onto the ceremony's stick, beside plan.toml, before the ceremony. Each key then makes its passkey offline, and
/// `glasskey companion submit` registers it from the manifest. Nothing in the tenant is changed here. The challenges are good
/// once and for as long as the file says; a sandbox tenant's are for rehearsals alone. The service is in beta.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  Options that live for 30 days, onto the stick:
    glasskey companion options plan.toml --out /media/stick/creation-options.json --cloud global --token-file token
  For a rehearsal, from a sandbox tenant:
    glasskey companion options plan.toml --graph http://127.0.0.1:8080 --token-file token

Exit codes: 0 written; 2 wrong use, or a plan that is refused; 20 tenant refused or not ready; 21 Graph or network;
25 interrupted; 26 the file cannot be written.")]
pub(super) struct Options {
    /// The plan of the ceremony.
    plan: PathBuf,
    #[command(flatten)]
    connection: Connection,
    /// Where the file goes.
    #[arg(long, value_name = "FILE", default_value = FILE)]
    out: PathBuf,
    /// Minutes that the challenges live.
    #[arg(long, value_name = "N", default_value_t = LONGEST, value_parser = clap::value_parser!(u32).range(i64::from(SHORTEST)..=i64::from(LONGEST)))]
    minutes: u32,
    /// Prints what was written as JSON.
    #[arg(long)]
    json: bool,
}

impl Options {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        self.connection.require(Feature::CreationOptions)?;
        let text = input::read_text(&self.plan).map_err(|what| usage(what, ""))?;
        let plan = Plan::parse(text.expose()).map_err(|problems| {
            usage(
                format!("The plan {} is refused:\n{problems}", self.plan.display()),
                "Mend it, and have `glasskey plan check` read it.",
            )
        })?;
        let graph = self.connection.client("options", interruptible()?)?;
        let mut say = |line: &str| {
            let _ = writeln!(io::stderr(), "{line}");
        };
        let options = fetch(&graph, &plan, self.minutes, &mut say)
            .map_err(|error| (exit_of(&error), error.to_string(), error.hint()))?;
        let file = options
            .to_json()
            .map_err(|error| cannot(&self.out, &error.into()))?;
        write(&self.out, &file).map_err(|error| cannot(&self.out, &error))?;
        io::stdout()
            .write_all(self.text(&options).as_bytes())
            .map_err(|error| cannot(Path::new("standard output"), &error))
    }

    fn text(&self, options: &CreationOptions) -> String {
        let expires = options.expires().unwrap_or(options.issued);
        if self.json {
            let format = &time::format_description::well_known::Rfc3339;
            let document = json!({
                "format": "glasskey-options",
                "version": 1,
                "toolVersion": env!("CARGO_PKG_VERSION"),
                "tenant": {"id": options.tenant_id, "sandbox": options.sandbox},
                "file": self.out,
                "keys": options.keys.iter().map(|k| json!({"account": k.account, "place": k.place})).collect::<Vec<_>>(),
                "expires": expires.format(format).unwrap_or_default(),
            });
            return format!("{document:#}\n");
        }
        let kind = if options.sandbox {
            " (a sandbox: for a rehearsal)"
        } else {
            ""
        };
        format!(
            "Options for {} keys of tenant {}{kind} are in {}. They are good until {expires}.\nCopy the file onto the \
             ceremony's stick as {FILE}, beside plan.toml. After the ceremony: glasskey companion submit.\n",
            options.keys.len(),
            options.tenant_id,
            self.out.display(),
        )
    }
}

/// Writes the whole file or none.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let mut file = std::fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)
}

fn cannot(path: &Path, error: &io::Error) -> Failed {
    let what = format!("{} cannot be written: {error}.", path.display());
    (Exit::File, what, "Give another file with `--out`.".into())
}
