//! `glasskey companion monitor`: alarms for the accounts, as files for whoever runs the workspace of the logs.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::connection::Connection;
use super::{Exit, Failed, graph_failed, interruptible, usage};
use crate::tenant::facts::{Facts, Question, Wanted};
use crate::tenant::monitor::{Guid, Rule, Watched, azure, bicep, rules};

/// Writes queries and templates that raise an alarm when an emergency account signs in or is changed.
///
/// The accounts' object ids are read from the tenant; nothing is written there, and nothing is deployed. The folder
/// must be new: it gets one `.kql` file for each query, `alerts.bicep` and `alerts.json` (Azure Monitor, severity 0), and
/// `sentinel.json` (analytics rules of Microsoft Sentinel).
#[derive(Debug, Args)]
#[command(after_long_help = "Example:
  glasskey companion monitor --account bg-01@contoso.onmicrosoft.com --account bg-02@contoso.onmicrosoft.com \\
      --group 'Emergency access' --cloud global --token-file token --out monitoring
  az deployment group create --resource-group logs --template-file monitoring/alerts.bicep \\
      --parameters workspaceResourceId=... actionGroupResourceId=...

Exit codes: 0 written; 2 wrong use; 20 an account or the group is not there; 21 Graph,
sign-in or network; 24 nobody signed in in time; 25 interrupted; 26 the files cannot be written.")]
pub(super) struct Monitor {
    #[command(flatten)]
    connection: Connection,
    /// An account; may be given several times.
    #[arg(long = "account", value_name = "UPN", required = true)]
    accounts: Vec<String>,
    /// The accounts' group: its name or object id [default: found through the policies].
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// A new folder for the files.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Prints the names of the files as JSON.
    #[arg(long)]
    json: bool,
}

impl Monitor {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        if let Some(name) = self.accounts.iter().find(|name| !name.contains('@')) {
            return Err(usage(format!("{name:?} is not a sign-in name: it has no @."), ""));
        }
        let question = Question {
            accounts: self.accounts.iter().map(|name| wanted(name)).collect(),
            group: self.group.clone(),
            ..Question::default()
        };
        let graph = self.connection.client("monitor", interruptible()?)?;
        let facts = Facts::read(&graph, &question).map_err(|error| graph_failed(&error))?;
        let watched = self.watched(&facts)?;
        let rules = rules(&watched);
        let files = files(&rules);
        std::fs::create_dir(&self.out).map_err(|error| cannot(&self.out, &error))?;
        for (name, content) in &files {
            let path = self.out.join(name);
            std::fs::write(&path, content).map_err(|error| cannot(&path, &error))?;
        }
        let text = self.text(&watched, &files);
        io::stdout()
            .write_all(text.as_bytes())
            .map_err(|error| cannot(Path::new("standard output"), &error))
    }

    fn watched(&self, facts: &Facts) -> Result<Watched, Failed> {
        let condition = |what: String, hint: &str| (Exit::Condition, what, hint.to_owned());
        let id =
            |text: &str| Guid::new(text).map_err(|error| condition(format!("Graph says that {error}."), ""));
        let mut accounts = Vec::new();
        for account in &facts.accounts {
            let Some(found) = &account.found else {
                let what = format!("The tenant has no account {}.", account.wanted.name);
                return Err(condition(
                    what,
                    "Look at its name, or create it with `companion setup`.",
                ));
            };
            accounts.push((found.user.user_principal_name.clone(), id(&found.user.id)?));
        }
        let group = match (&facts.group, &self.group) {
            (Some(found), _) => Some(id(&found.group.id)?),
            (None, Some(name)) => {
                let what = format!("The tenant has no group {name}, or several of that name.");
                return Err(condition(what, "Give its object id."));
            }
            (None, None) => None,
        };
        Ok(Watched { accounts, group })
    }

    fn text(&self, watched: &Watched, files: &[(String, String)]) -> String {
        if self.json {
            let names: Vec<&String> = files.iter().map(|(name, _)| name).collect();
            let document = json!({
                "format": "glasskey-monitoring",
                "version": 1,
                "toolVersion": env!("CARGO_PKG_VERSION"),
                "accounts": watched.accounts.iter().map(|(_, id)| id.as_str()).collect::<Vec<_>>(),
                "group": watched.group.as_ref().map(Guid::as_str),
                "files": names,
            });
            return format!("{document:#}\n");
        }
        let group = match &watched.group {
            Some(id) => format!("the group {}", id.as_str()),
            None => "no group: membership is not watched".to_owned(),
        };
        let names: Vec<String> = files.iter().map(|(name, _)| format!("  {name}\n")).collect();
        format!(
            "{} accounts and {group}. In {}:\n{}Deploy one of alerts.bicep, alerts.json and sentinel.json, then sign in once and see \
             that the alarm comes.\n",
            watched.accounts.len(),
            self.out.display(),
            names.concat()
        )
    }
}

fn wanted(name: &str) -> Wanted {
    Wanted {
        name: name.to_owned(),
        models: Vec::new(),
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failed {
    let hint = "Give the name of a folder that does not exist yet, in one that does.";
    let what = format!("{} cannot be written: {error}.", path.display());
    (Exit::File, what, hint.to_owned())
}

/// Name and content of every file.
fn files(rules: &[Rule]) -> Vec<(String, String)> {
    let queries = rules.iter().map(|rule| {
        let comment = format!("// {}\n// {}\n", rule.title, rule.description);
        (format!("{}.kql", rule.name), comment + &rule.query)
    });
    let mut files: Vec<(String, String)> = queries.collect();
    files.push(("alerts.bicep".into(), bicep::alerts(rules)));
    files.push(("alerts.json".into(), format!("{:#}\n", azure::alerts(rules))));
    files.push(("sentinel.json".into(), format!("{:#}\n", azure::sentinel(rules))));
    files
}
