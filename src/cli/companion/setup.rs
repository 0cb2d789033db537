//! `glasskey companion setup`: what a tenant lacks, shown as requests, and made with `--apply`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use serde_json::{Value, json};

use super::connection::Connection;
use super::terminal::Terminal;
use super::{Exit, Failed, graph_failed, interruptible, usage};
use crate::graph::{Client, Feature, Mark};
use crate::id::Aaguid;
use crate::registration::Voice as _;
use crate::tenant::rules::Condition;
use crate::tenant::setup::{Journal, Plan, Present, Setup as Work, SetupError, Wish, plan};

/// Shows what the tenant lacks for emergency access, and adds it with `--apply`.
///
/// Accounts (with a random password that nobody ever sees), their group, the group among the targets of both
/// authentication methods, and out of the registration campaign. Nothing that is there is taken away, no role is
/// given, and security defaults stay as they are. Without `--apply` nothing is written.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  glasskey companion setup --domain contoso.onmicrosoft.com --account bg-01 --account bg-02 \\
      --cloud global --token-file token
  glasskey companion setup setup.toml --cloud global --token-file token --apply

The file is TOML: accounts (list, required), domain, group, tenant_id, role_assignable, models (list of AAGUIDs).

Exit codes: 0 shown, or done; 2 wrong use; 20 the tenant is not one in which this can be done; 21 Graph or network; 24 the
tenant does not show a change in time, or nobody signed in in time; 25 interrupted; 26 the journal cannot be written. After each of them the same
command goes on where this one ended.")]
#[command(group(ArgGroup::new("wish").required(true).args(["file", "accounts"])))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(super) struct Setup {
    /// What the tenant is to have (TOML).
    file: Option<PathBuf>,
    /// An account: a sign-in name, or the part before @ with `--domain`; may be given several times.
    #[arg(long = "account", value_name = "NAME")]
    accounts: Vec<String>,
    /// Domain of accounts that are named without one: the tenant's *.onmicrosoft.com.
    #[arg(long, value_name = "DOMAIN", conflicts_with = "file")]
    domain: Option<String>,
    /// Name of the accounts' group [default: Emergency access].
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    group: Option<String>,
    /// A model of key that an enforced list must allow; may be given several times.
    #[arg(long = "aaguid", value_name = "AAGUID", conflicts_with = "file")]
    aaguids: Vec<Aaguid>,
    /// Creates the group as one that no role can be given to, whatever the licence allows.
    #[arg(long, conflicts_with = "file")]
    plain_group: bool,
    #[command(flatten)]
    connection: Connection,
    /// Writes to the tenant, after a question.
    #[arg(long)]
    apply: bool,
    /// Does not ask.
    #[arg(long, requires = "apply")]
    yes: bool,
    /// The journal of writes to the tenant [default: the file's path and `.journal`, or `glasskey-setup.journal`].
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Seconds that the tenant may take to show what was written.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    settle_seconds: u64,
    /// Prints the requests as JSON.
    #[arg(long)]
    json: bool,
}

impl Setup {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        let wish = self.wish()?;
        self.connection.require(Feature::TemporaryAccessPass)?;
        let interrupt = interruptible()?;
        let graph = self.connection.client("setup", interrupt.clone())?;
        let present = Present::read(&graph, &wish).map_err(|error| graph_failed(&error))?;
        let plan = plan(&wish, &present).map_err(unmet)?;
        let text = if self.json {
            json_text(&graph, &present, &plan)
        } else {
            lines(&graph, &present, &plan)
        };
        io::stdout().write_all(text.as_bytes()).map_err(|error| {
            (
                Exit::File,
                format!("The requests cannot be written: {error}"),
                String::new(),
            )
        })?;
        let mut terminal = Terminal::new(None, interrupt);
        if plan.changes.is_empty() {
            terminal.say("Nothing is missing.");
            return Ok(());
        }
        if !self.apply {
            terminal.say("Nothing was written. `--apply` does it.");
            return Ok(());
        }
        if !self.yes {
            let question = format!(
                "Make these {} changes in the tenant {}?",
                plan.changes.len(),
                present.organization.id
            );
            match terminal.ask(&question) {
                Some(true) => {}
                Some(false) => return Err(usage("Nothing was written.", "")),
                None => {
                    return Err(usage(
                        "There is no terminal on which to ask. Nothing was written.",
                        "Give `--yes` if the changes are as you want them.",
                    ));
                }
            }
        }
        self.apply(&graph, &wish, &mut terminal)
    }

    fn apply(&self, graph: &Client, wish: &Wish, terminal: &mut Terminal) -> Result<(), Failed> {
        let path = self.journal_path();
        let mut journal = Journal::open(&path).map_err(|error| {
            let what = format!("The journal {} cannot be used: {error}", path.display());
            let hint = "Close the other run, or give `--journal`.";
            (Exit::File, what, hint.to_owned())
        })?;
        let made = Work {
            graph,
            journal: &mut journal,
            wish,
            say: &mut |line| terminal.say(line),
            settle: Duration::from_secs(self.settle_seconds),
            poll: Duration::from_secs(2),
        }
        .run()
        .map_err(failed)?;
        terminal.say(&format!(
            "{made} changes were made, and the tenant shows them. Next: `glasskey companion preflight`."
        ));
        Ok(())
    }

    fn wish(&self) -> Result<Wish, Failed> {
        let unusable = |error: &dyn std::fmt::Display| usage(error.to_string(), "");
        if let Some(path) = &self.file {
            let text = super::input::read_text(path).map_err(|what| usage(what, ""))?;
            return Wish::read(text.expose()).map_err(|error| unusable(&error));
        }
        let mut wish = Wish::new(self.domain.as_deref(), &self.accounts, self.group.clone())
            .map_err(|error| unusable(&error))?;
        wish.models.clone_from(&self.aaguids);
        wish.role_assignable = self.plain_group.then_some(false);
        Ok(wish)
    }

    fn journal_path(&self) -> PathBuf {
        let beside = || {
            let mut path = self.file.clone()?.into_os_string();
            path.push(".journal");
            Some(path.into())
        };
        self.journal
            .clone()
            .or_else(beside)
            .unwrap_or_else(|| "glasskey-setup.journal".into())
    }
}

fn unmet(condition: Condition) -> Failed {
    (Exit::Condition, condition.what, condition.hint)
}

fn failed(error: SetupError) -> Failed {
    let what = error.to_string();
    let repeat = "Repeat the command: it goes on where this run ended.";
    match error {
        SetupError::Condition(condition) => unmet(condition),
        SetupError::Graph(error) => {
            let (exit, what, hint) = graph_failed(&error);
            let refused = error.refusal().is_some_and(|r| r.status == 400);
            let hint = if refused {
                "Compare the request above with the tenant; a group may need `--plain-group` without a licence.".into()
            } else {
                hint
            };
            (exit, what, hint)
        }
        SetupError::NotShown(_) => (Exit::TimedOut, what, repeat.into()),
        SetupError::File(_) | SetupError::NoRandomness => (Exit::File, what, repeat.into()),
    }
}

fn lines(graph: &Client, present: &Present, plan: &Plan) -> String {
    let tenant = &present.organization;
    let mut text = format!("Tenant {} ({})\n", tenant.display_name, tenant.id);
    for (index, (_, request)) in plan.changes.iter().enumerate() {
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "\n{}. {} {}{}",
            index + 1,
            request.method,
            graph.service().origin(),
            request.path
        );
        let body = format!("{:#}", request.body);
        for line in body.lines() {
            let _ = writeln!(text, "     {line}");
        }
        for line in &request.difference {
            let _ = writeln!(text, "   {line}");
        }
    }
    if !plan.notices.is_empty() {
        text.push('\n');
    }
    for notice in &plan.notices {
        let _ = writeln!(text, "note: {notice}");
    }
    text.push('\n');
    text
}

fn json_text(graph: &Client, present: &Present, plan: &Plan) -> String {
    let requests: Vec<Value> = plan
        .changes
        .iter()
        .map(|(_, request)| {
            json!({
                "method": request.method,
                "url": format!("{}{}", graph.service().origin(), request.path),
                "body": request.body,
                "difference": request.difference,
            })
        })
        .collect();
    let document = json!({
        "format": "glasskey-setup",
        "version": 1,
        "toolVersion": env!("CARGO_PKG_VERSION"),
        "tenant": {
            "id": present.organization.id,
            "displayName": present.organization.display_name,
            "sandbox": present.organization.mark != Mark::Absent,
        },
        "requests": requests,
        "notices": plan.notices,
    });
    format!("{document:#}\n")
}
