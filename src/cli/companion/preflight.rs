//! `glasskey companion preflight`: findings of a tenant as text or JSON.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;

use super::connection::Connection;
use super::opening::{Station, chosen};
use super::route::RouteName;
use super::{Exit, Failed, graph_failed, interruptible, usage};
use crate::graph::Mark;
use crate::id::{Aaguid, Upn};
use crate::manifest::schema::PreparedKey;
use crate::tenant::facts::{Facts, Model, Question, Wanted};
use crate::tenant::preflight::{self, Finding, Outcome};

/// Reads the tenant and says what would stop a registration, and why. Nothing is written.
///
/// Each finding passes, warns, fails or could not be checked; the last three say what to change. Give the manifest
/// of a ceremony, or the accounts.
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:
  glasskey companion preflight manifest.age --identity registrar.txt \\
      --station-fingerprint-file fingerprint.txt --cloud global --token-file token
  glasskey companion preflight --account bg-01@contoso.onmicrosoft.com \\
      --account bg-02@contoso.onmicrosoft.com --aaguid 2fc0579f-8113-47ea-b116-bb5a8db9202a \\
      --cloud global --token-file token --json
  glasskey companion preflight --account bg-01@contoso.onmicrosoft.com --cloud global \
      --sign-in browser --tenant contoso.onmicrosoft.com --client-id GUID

Exit codes: 0 nothing fails (warnings are possible); 2 wrong use; 10 to 15 manifest; 20 something fails; 21 Graph,
sign-in or network; 24 nobody signed in in time; 25 interrupted.")]
#[command(group(ArgGroup::new("subject").required(true).multiple(true).args(["manifest", "accounts"])))]
pub(super) struct Preflight {
    /// The manifest from the ceremony's stick.
    #[arg(requires = "identity", requires = "station")]
    manifest: Option<PathBuf>,
    /// The age identity file of this registrar.
    #[arg(long, value_name = "FILE", requires = "manifest")]
    identity: Option<PathBuf>,
    #[command(flatten)]
    station: Station,
    #[command(flatten)]
    connection: Connection,
    /// An account; may be given several times. With a manifest, only these of its accounts.
    #[arg(long = "account", value_name = "UPN")]
    accounts: Vec<String>,
    /// A model of key that is to be registered, when there is no manifest; may be given several times.
    #[arg(long = "aaguid", value_name = "AAGUID", conflicts_with = "manifest")]
    aaguids: Vec<Aaguid>,
    /// The accounts' group: its name or object id [default: found through the policies].
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// By which route the keys are to be registered: only `tap` needs Temporary Access Passes.
    #[arg(long, value_enum, default_value = "tap")]
    route: RouteName,
    /// Prints the findings as JSON.
    #[arg(long)]
    json: bool,
}

impl Preflight {
    /// Runs the command.
    pub(super) fn run(&self) -> Result<(), Failed> {
        if self.route != RouteName::Tap {
            self.connection.require(self.route.feature())?;
        }
        let question = self.question()?;
        let graph = self.connection.client("preflight", interruptible()?)?;
        let facts = Facts::read(&graph, &question).map_err(|error| graph_failed(&error))?;
        let findings = preflight::judge(&question, &facts);
        let failures = count(&findings, Outcome::Failure);
        let text = if self.json {
            json_text(&facts, &findings)
        } else {
            lines(&facts, &findings)
        };
        io::stdout().write_all(text.as_bytes()).map_err(|error| {
            (
                Exit::File,
                format!("The findings cannot be written: {error}"),
                String::new(),
            )
        })?;
        if failures == 0 {
            return Ok(());
        }
        Err((
            Exit::Condition,
            format!("{failures} of {} checks fail.", findings.len()),
            "Put right what the findings name, then repeat the command.".into(),
        ))
    }

    fn question(&self) -> Result<Question, Failed> {
        let mut question = Question {
            group: self.group.clone(),
            without_pass: self.route != RouteName::Tap,
            ..Question::default()
        };
        let (Some(path), Some(identity)) = (&self.manifest, &self.identity) else {
            let models = self.aaguids.iter().map(|aaguid| Model {
                aaguid: *aaguid,
                product: None,
            });
            let models: Vec<Model> = models.collect();
            for name in &self.accounts {
                if !name.contains('@') {
                    return Err(usage(format!("{name:?} is not a sign-in name: it has no @."), ""));
                }
                question.accounts.push(Wanted {
                    name: name.clone(),
                    models: models.clone(),
                });
            }
            return Ok(question);
        };
        let (manifest, _) = self.station.open(path, identity)?;
        let accounts: Vec<Upn> = self
            .accounts
            .iter()
            .map(|name| {
                name.parse()
                    .map_err(|error| usage(format!("`--account`: {error}."), ""))
            })
            .collect::<Result<_, _>>()?;
        question.rehearsal = Some(manifest.ceremony.rehearsal);
        question.planned_tenant.clone_from(&manifest.tenant_id);
        question.accounts = wanted(&chosen(&manifest, &accounts)?);
        Ok(question)
    }
}

/// The accounts of some keys, each once, with the models of its keys.
fn wanted(keys: &[&PreparedKey]) -> Vec<Wanted> {
    let mut accounts: Vec<Wanted> = Vec::new();
    for key in keys {
        let model = Model {
            aaguid: key.model.aaguid,
            product: Some(key.model.product.clone()),
        };
        let name = key.account.as_str();
        match accounts.iter_mut().find(|a| a.name.eq_ignore_ascii_case(name)) {
            Some(account) => account.models.push(model),
            None => accounts.push(Wanted {
                name: name.to_owned(),
                models: vec![model],
            }),
        }
    }
    accounts
}

fn count(findings: &[Finding], outcome: Outcome) -> usize {
    findings.iter().filter(|f| f.outcome == outcome).count()
}

fn sums(findings: &[Finding]) -> String {
    format!(
        "{} passed, {} warnings, {} failures, {} not checked",
        count(findings, Outcome::Pass),
        count(findings, Outcome::Warning),
        count(findings, Outcome::Failure),
        count(findings, Outcome::NotChecked)
    )
}

/// What fails first, then what warns; what passes last.
fn lines(facts: &Facts, findings: &[Finding]) -> String {
    let tenant = &facts.organization;
    let mut text = format!("Tenant {} ({})\n\n", tenant.display_name, tenant.id);
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|f| f.outcome);
    for finding in sorted {
        let word = match finding.outcome {
            Outcome::Failure => "FAILURE",
            Outcome::Warning => "warning",
            Outcome::NotChecked => "not checked",
            Outcome::Pass => "pass",
        };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{word:<11}  {}: {}", finding.subject, finding.found);
        if let Some(change) = &finding.change {
            let _ = writeln!(text, "{:<11}  -> {change}", "");
        }
    }
    let _ = writeln!(text, "\n{}.", sums(findings));
    text
}

fn json_text(facts: &Facts, findings: &[Finding]) -> String {
    let failed = count(findings, Outcome::Failure) > 0;
    let document = json!({
        "format": "glasskey-preflight",
        "version": 1,
        "toolVersion": env!("CARGO_PKG_VERSION"),
        "tenant": {
            "id": facts.organization.id,
            "displayName": facts.organization.display_name,
            "sandbox": facts.organization.mark != Mark::Absent,
        },
        "result": if failed { "fails" } else { "ready" },
        "findings": findings,
    });
    format!("{document:#}\n")
}
