//! `glasskey companion drill verify`: whether a report is what its signer wrote.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::Value;

use super::super::inventory::{print, print_json};
use super::super::{Exit, Failed, usage};
use crate::id::LabelId;
use crate::inventory::{Address, Inventory};
use crate::manifest::{OpenError, StationFingerprint};
use crate::tenant::drill::report;

/// Checks the signature of a drill's report against its signer's fingerprint, and says what the report says.
///
/// The report is a file, or what the inventory keeps of the last drill of a key.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("signer").required(true).args(["signer_fingerprint", "signer_fingerprint_file"])))]
#[command(group(ArgGroup::new("which").required(true).args(["report", "label"])))]
#[command(after_long_help = "Examples:
  glasskey companion drill verify drill.jws --signer-fingerprint-file registrar.txt
  glasskey companion drill verify --label 7KQ2MX --inventory keys.sqlite --signer-fingerprint-file registrar.txt

Exit codes: 0 the signature holds, whatever the drill's result is; 2 wrong use, or a file that cannot be read; 10 it is no signed
report; 12 signed by somebody else, or changed; 14 a report that this version does not know; 50 to 55 inventory.")]
pub(in super::super) struct Verify {
    /// The report's file.
    report: Option<PathBuf>,
    /// The key whose last drill is looked up in the inventory.
    #[arg(long, value_name = "ID", requires = "inventory")]
    label: Option<LabelId>,
    /// The inventory.
    #[arg(long, value_name = "FILE|URL", conflicts_with = "report")]
    inventory: Option<String>,
    /// Fingerprint of the signer: 16 groups of digits, or 24 words.
    #[arg(long, value_name = "TEXT")]
    signer_fingerprint: Option<StationFingerprint>,
    /// The same from a file.
    #[arg(long, value_name = "FILE")]
    signer_fingerprint_file: Option<PathBuf>,
    /// Prints the report's JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(&self) -> Result<(), Failed> {
        let signer = self.signer()?;
        let report = report::verify(&self.jws()?, &signer).map_err(|error| refused(&error))?;
        if self.json {
            return print_json(&report);
        }
        print(&format!("The signature holds.\n{}", summary(&report)))
    }

    fn jws(&self) -> Result<Vec<u8>, Failed> {
        if let (Some(label), Some(inventory)) = (&self.label, &self.inventory) {
            let mut inventory = Inventory::open(&Address::parse(inventory)?)?;
            inventory.key(label)?;
            let mut drills = inventory.drills()?.into_iter().rev();
            let kept = drills.find_map(|drill| drill.evidence.filter(|_| drill.label == *label));
            return kept.map(|evidence| evidence.report.into_bytes()).ok_or_else(|| {
                let what = format!("The inventory keeps no report of a drill of the key with label {label}.");
                (Exit::NotAllowed, what, String::new())
            });
        }
        let path = self.report.as_deref().unwrap_or_else(|| std::path::Path::new(""));
        let text = super::super::read_secret_text(path)?;
        Ok(text.expose().clone().into_bytes())
    }

    fn signer(&self) -> Result<StationFingerprint, Failed> {
        match (self.signer_fingerprint, &self.signer_fingerprint_file) {
            (Some(fingerprint), _) => Ok(fingerprint),
            (None, Some(path)) => {
                let text = super::super::read_secret_text(path)?;
                // `drill key` prints digits on one line and words on the next.
                let first = text.expose().lines().next().unwrap_or_default();
                first.parse().map_err(|_| {
                    let what = format!("{} holds no fingerprint of a signer.", path.display());
                    usage(what, "`glasskey companion drill key FILE` prints it.")
                })
            }
            (None, None) => Err(usage("No fingerprint was given.", "")),
        }
    }
}

fn refused(error: &OpenError) -> Failed {
    let (exit, what) = match error {
        OpenError::WrongStation { found } => (
            Exit::WrongStation,
            format!("It was signed by another key: {found}"),
        ),
        OpenError::BadSignature => (
            Exit::WrongStation,
            "The signature does not belong to the content.".into(),
        ),
        OpenError::NewerVersion(version) => (
            Exit::Content,
            format!("It has format version {version}, which this version of glasskey does not know."),
        ),
        OpenError::Content(reason) => (Exit::Content, format!("Its content cannot be read: {reason}.")),
        _ => (Exit::Damaged, "It is no signed report of a drill.".into()),
    };
    (
        exit,
        what,
        "Ask whoever held the drill for the report and the fingerprint.".into(),
    )
}

/// What a report says, in lines.
pub(super) fn summary(report: &Value) -> String {
    let text = |pointer: &str| {
        let value = report.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
        value
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect::<String>()
    };
    let mut lines = format!(
        "drill      {}\naccount    {}\nkey        {}\ntenant     {} ({})\nheld by    {}, {}\nresult     {}\n",
        text("/drill"),
        text("/account"),
        text("/label"),
        text("/tenant/displayName"),
        text("/tenant/id"),
        text("/registrar"),
        text("/reason"),
        text("/result"),
    );
    let mut add = |name: &str, what: String| {
        // Writing to a String does not fail.
        let _ = writeln!(lines, "{name:<11}{what}");
    };
    if report["signIn"].is_object() {
        add(
            "sign-in",
            format!("{}, entry {}", text("/signIn/time"), text("/signIn/id")),
        );
    }
    for (index, _) in report["attested"].as_array().into_iter().flatten().enumerate() {
        add("attested", text(&format!("/attested/{index}/name")));
    }
    for (index, finding) in report["findings"].as_array().into_iter().flatten().enumerate() {
        if finding["outcome"] != "pass" {
            let outcome = text(&format!("/findings/{index}/outcome"));
            add(&outcome, text(&format!("/findings/{index}/found")));
        }
    }
    for (index, _) in report["alarms"].as_array().into_iter().flatten().enumerate() {
        let (time, from) = (
            text(&format!("/alarms/{index}/time")),
            text(&format!("/alarms/{index}/ipAddress")),
        );
        add(
            "ALARM",
            format!("used {time} from {from}, and no drill explains it"),
        );
    }
    if report["error"].is_object() {
        add("error", text("/error/message"));
    }
    lines
}
