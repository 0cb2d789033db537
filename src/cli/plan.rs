//! `glasskey plan`: a plan is written and checked before anybody stands at the station.

mod json;
mod new;
mod table;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::fail;
use crate::plan::{Checked, Plan, PlanErrors, Warning};

/// Exit code for a plan that is refused.
const REFUSED: u8 = 3;
/// Exit code for a file that cannot be read or written.
const UNUSABLE: u8 = 4;
/// Largest plan or table that is read: the station reads no larger one.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Subcommands of `glasskey plan`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a new plan with a comment for every setting.
    ///
    /// The plan passes `glasskey plan check`; what is unwise in it is told at once. Edit it with any editor, then
    /// check it again.
    ///
    /// Exit codes: 0 written, 2 wrong use, 3 it would be refused, 4 a file cannot be read or written.
    #[command(after_long_help = new::EXAMPLES)]
    New(Box<new::New>),
    /// Reads a plan as the station does and says everything that is wrong or unwise in it.
    ///
    /// Exit codes: 0 good, with warnings or without; 3 refused, or warnings with --strict; 4 not readable.
    #[command(after_long_help = "Examples:
  Check a plan before it goes onto the stick:
    glasskey plan check plan.toml
  In a script, and let warnings count:
    glasskey plan check --strict --json plan.toml")]
    Check {
        /// Which plan.
        #[command(flatten)]
        source: Source,
        /// Ends with exit code 3 when there are warnings.
        #[arg(long)]
        strict: bool,
    },
    /// Shows a plan as a table for reading aloud: people, PINs, keys, custodians, safes.
    ///
    /// Exit codes: 0 shown, 3 refused, 4 not readable.
    #[command(after_long_help = "Example:
  glasskey plan show plan.toml")]
    Show {
        /// Which plan.
        #[command(flatten)]
        source: Source,
    },
}

/// Which plan, and in which form it is answered.
#[derive(Debug, Args)]
pub struct Source {
    /// The plan (TOML).
    file: PathBuf,
    /// Prints one JSON object (docs/plan.md), also for a plan that is refused.
    #[arg(long)]
    json: bool,
}

impl Command {
    pub(crate) fn run(self) -> ExitCode {
        match self {
            Self::New(new) => new.run(),
            Self::Check { source, strict } => source.run(strict, |checked| {
                let mut text = format!(
                    "{}: {}\n",
                    checked.plan.title,
                    counted(checked.plan.keys.len(), "key")
                );
                for (number, key) in checked.plan.keys.iter().enumerate() {
                    let custodian = key.custodian.as_deref().unwrap_or("no custodian named");
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "{:>4}. {} ({custodian})", number + 1, key.account);
                }
                text
            }),
            Self::Show { source } => source.run(false, |checked| table::plan(&checked.plan)),
        }
    }
}

impl Source {
    fn run(&self, strict: bool, text: impl Fn(&Checked) -> String) -> ExitCode {
        let content = match read(&self.file) {
            Ok(content) => content,
            Err(what) => return fail(UNUSABLE, &what, "Give the path of a plan in TOML."),
        };
        let read = Plan::read(&content);
        if self.json {
            print(&format!("{:#}\n", json::answer(&read)));
        }
        match read {
            Ok(checked) => {
                if !self.json {
                    print(&text(&checked));
                    tell_warnings(&checked.warnings);
                }
                if strict && !checked.warnings.is_empty() {
                    let what = format!("The plan has {} and --strict lets none pass.", warnings(&checked));
                    return fail(REFUSED, &what, "Mend these lines, or check without --strict.");
                }
                ExitCode::SUCCESS
            }
            Err(errors) if self.json => {
                let what = format!("The plan is refused: {}.", problems(&errors));
                fail(REFUSED, &what, "The answer in JSON names them.")
            }
            Err(errors) => {
                let what = format!("The plan is refused: {}.\n{errors}.", problems(&errors));
                fail(REFUSED, &what, "Mend these lines and check again.")
            }
        }
    }
}

/// Reads a text file that is no larger than a plan may be.
/// A plan's text; the error says why there is none.
pub(super) fn read(path: &Path) -> Result<String, String> {
    let bytes = read_bytes(path)?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not text in UTF-8.", path.display()))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}.", path.display());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(format!("{} is larger than {FILE_LIMIT} bytes.", path.display()));
    }
    Ok(bytes)
}

fn print(text: &str) {
    // A reader that went away has seen enough.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

fn tell_warnings(warnings: &[Warning]) {
    let mut stderr = std::io::stderr().lock();
    for warning in warnings {
        let _ = writeln!(stderr, "warning: {warning}.");
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn warnings(checked: &Checked) -> String {
    counted(checked.warnings.len(), "warning")
}

fn problems(errors: &PlanErrors) -> String {
    counted(errors.as_slice().len(), "problem")
}
