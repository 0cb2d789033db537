//! `glasskey plan new`: arguments, and a table of accounts, to a commented plan.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::{REFUSED, UNUSABLE, counted, fail, print, problems, tell_warnings, warnings};
use crate::language::Language;
use crate::manifest::schema::PinCustody;
use crate::plan::stock::LabelStock;
use crate::plan::{Alphabet, Draft, DraftKey, Paper, PinPolicy, Plan};

#[cfg(feature = "companion")]
pub(super) const EXAMPLES: &str = "Examples:
  Two accounts with two keys each; each custodian and each safe gets one key of every account:
    glasskey plan new --title \"Break-glass keys\" --officer \"Ada Lovelace\" --witness \"Grace Hopper\" \\
        --recipient age1... --account bg-01@contoso.onmicrosoft.com --account bg-02@contoso.onmicrosoft.com \\
        --custodian \"Alan Turing\" --custodian \"Joan Clarke\" --safe \"Safe 1\" --safe \"Safe 2\"
  Keys from a table, one row for each key, with columns upn, custodian, safe, usb_serial,
  slip_custodian_1, slip_custodian_2 (all but upn may be left out), separated by , or ;
    glasskey plan new --title \"Break-glass keys\" --officer \"Ada Lovelace\" --witness \"Grace Hopper\" \\
        --recipient age1... --accounts-csv keys.csv --split-slips --output stick/plan.toml";

#[cfg(not(feature = "companion"))]
pub(super) const EXAMPLES: &str = "Example:
  Two accounts with two keys each; each custodian and each safe gets one key of every account:
    glasskey plan new --title \"Break-glass keys\" --officer \"Ada Lovelace\" --witness \"Grace Hopper\" \\
        --recipient age1... --account bg-01@contoso.onmicrosoft.com --account bg-02@contoso.onmicrosoft.com \\
        --custodian \"Alan Turing\" --custodian \"Joan Clarke\" --safe \"Safe 1\" --safe \"Safe 2\"";

/// Custodies as arguments.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum CustodyArgument {
    /// On the slip and, encrypted, in the manifest.
    Manifest,
    /// On the slip alone.
    Slip,
    /// A transport PIN in the manifest, replaced after the registration.
    Rotate,
}

/// Alphabets as arguments.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum AlphabetArgument {
    /// 0 to 9.
    Digits,
    /// Digits and capital letters without look-alikes.
    Alphanumeric,
}

/// Papers as arguments.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum PaperArgument {
    /// 210 x 297 mm.
    #[value(name = "A4", alias = "a4")]
    A4,
    /// 8.5 x 11 inches.
    #[value(name = "Letter", alias = "letter")]
    Letter,
}

/// Arguments of `glasskey plan new`.
#[derive(Debug, Args)]
pub struct New {
    /// Title of the ceremony, printed on the record.
    #[arg(long)]
    title: String,
    /// Who works at the station; may be given several times.
    #[arg(long = "officer", value_name = "NAME", required = true)]
    officers: Vec<String>,
    /// Who watches and signs; may be given several times.
    #[arg(long = "witness", value_name = "NAME", required = true)]
    witnesses: Vec<String>,
    /// age recipient that can open the manifest; give two, so that one lost identity is no disaster.
    #[arg(long = "recipient", value_name = "age1...", required = true)]
    recipients: Vec<String>,
    /// User principal name of an emergency-access account; may be given several times.
    #[arg(long = "account", value_name = "UPN")]
    #[cfg_attr(feature = "companion", arg(required_unless_present = "accounts_csv"))]
    #[cfg_attr(not(feature = "companion"), arg(required = true))]
    accounts: Vec<String>,
    /// Table of keys in CSV, one row each: columns upn, custodian, safe, `usb_serial`, `slip_custodian_1`, `slip_custodian_2`.
    #[cfg(feature = "companion")]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["accounts", "keys_per_account", "custodians", "safes"])]
    accounts_csv: Option<PathBuf>,
    /// Keys of each account.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=20))]
    keys_per_account: u8,
    /// Who keeps the first key of every account; given again, the second, and so on.
    #[arg(long = "custodian", value_name = "NAME")]
    custodians: Vec<String>,
    /// Where the first key of every account lies; given again, the second, and so on.
    #[arg(long = "safe", value_name = "NAME")]
    safes: Vec<String>,
    /// The tenant the keys are for.
    #[arg(long, value_name = "GUID")]
    tenant_id: Option<String>,
    /// Makes it a rehearsal: its keys are registered in sandbox tenants only.
    #[arg(long)]
    rehearsal: bool,
    /// Where PINs are kept.
    #[arg(long, value_enum, default_value = "manifest")]
    custody: CustodyArgument,
    /// What PINs are made of.
    #[arg(long, value_enum, default_value = "digits")]
    pin_alphabet: AlphabetArgument,
    /// Characters of a PIN, 6 to 63 [default: 8; with --split-slips the fewest that may be split].
    #[arg(long, value_name = "N")]
    pin_length: Option<u8>,
    /// Prints each slip in two halves for two custodians.
    #[arg(long)]
    split_slips: bool,
    /// Language of slips, labels, record and inventory: en or de.
    #[arg(long, value_name = "CODE", default_value = "en")]
    language: Language,
    /// Paper in the printer.
    #[arg(long, value_enum, default_value = "A4")]
    paper: PaperArgument,
    /// Label sheet by the maker's number, or roll [default: L7651, for paper Letter 5160].
    #[arg(long, value_name = "NUMBER")]
    label_stock: Option<String>,
    /// Where the plan is written; `-` for standard output.
    #[arg(long, short, value_name = "FILE", default_value = "plan.toml")]
    output: PathBuf,
    /// Replaces a file that is there already.
    #[arg(long)]
    force: bool,
}

impl New {
    pub(super) fn run(self) -> ExitCode {
        let accounts = match self.accounts() {
            Ok(accounts) => accounts,
            Err(exit) => return exit,
        };
        let (output, force) = (self.output.clone(), self.force);
        let text = self.draft(accounts).to_toml();
        let checked = match Plan::read(&text) {
            Ok(checked) => checked,
            Err(errors) => {
                // Nobody has seen the lines of this text yet.
                let reasons = errors
                    .as_slice()
                    .iter()
                    .map(|error| format!("\n  {}", error.reason));
                let what = format!(
                    "The plan would be refused, with {}:{}",
                    problems(&errors),
                    reasons.collect::<String>()
                );
                return fail(REFUSED, &what, "Nothing was written. Give other values.");
            }
        };
        if output == Path::new("-") {
            print(&text);
            tell_warnings(&checked.warnings);
            return ExitCode::SUCCESS;
        }
        if let Err(error) = write(&output, &text, force) {
            let name = output.display();
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                let what = format!("{name} is there already. It was left as it is.");
                return fail(
                    UNUSABLE,
                    &what,
                    "Give another --output, or --force to replace it.",
                );
            }
            return fail(UNUSABLE, &format!("{name} cannot be written: {error}."), "");
        }
        let keys = counted(checked.plan.keys.len(), "key");
        print(&format!(
            "{}: a plan for {keys}, {}\n",
            output.display(),
            warnings(&checked)
        ));
        tell_warnings(&checked.warnings);
        ExitCode::SUCCESS
    }

    fn draft(self, accounts: Vec<(String, Vec<DraftKey>)>) -> Draft {
        let alphabet = match self.pin_alphabet {
            AlphabetArgument::Digits => Alphabet::Digits,
            AlphabetArgument::Alphanumeric => Alphabet::Alphanumeric,
        };
        let default = if self.split_slips {
            PinPolicy::shortest_to_split(alphabet)
        } else {
            PinPolicy::default().length
        };
        let paper = match self.paper {
            PaperArgument::A4 => Paper::A4,
            PaperArgument::Letter => Paper::Letter,
        };
        let stock = LabelStock::default_for(paper);
        Draft {
            title: self.title,
            rehearsal: self.rehearsal,
            tenant_id: self.tenant_id,
            recipients: self.recipients,
            officers: self.officers,
            witnesses: self.witnesses,
            pin_custody: match self.custody {
                CustodyArgument::Manifest => PinCustody::Manifest,
                CustodyArgument::Slip => PinCustody::Slip,
                CustodyArgument::Rotate => PinCustody::Rotate,
            },
            pin: PinPolicy {
                length: self.pin_length.unwrap_or(default),
                alphabet,
            },
            split_slips: self.split_slips,
            language: self.language,
            paper,
            label_stock: self.label_stock.unwrap_or_else(|| stock.name.to_owned()),
            accounts,
        }
    }

    /// Accounts from the table, or from the arguments.
    fn accounts(&self) -> Result<Vec<(String, Vec<DraftKey>)>, ExitCode> {
        #[cfg(feature = "companion")]
        if let Some(table) = &self.accounts_csv {
            return read_table(table);
        }
        let most = self.custodians.len().max(self.safes.len());
        if most > usize::from(self.keys_per_account) {
            let (keys, named) = (counted(self.keys_per_account.into(), "key"), most);
            let what = format!("{named} custodians or safes are named, and each account has {keys}.");
            return Err(fail(
                2,
                &what,
                "Name one for each key of an account, or raise --keys-per-account.",
            ));
        }
        let keys: Vec<DraftKey> = (0..usize::from(self.keys_per_account))
            .map(|place| DraftKey {
                custodian: self.custodians.get(place).cloned(),
                safe: self.safes.get(place).cloned(),
                ..DraftKey::default()
            })
            .collect();
        Ok(self
            .accounts
            .iter()
            .map(|upn| (upn.clone(), keys.clone()))
            .collect())
    }
}

#[cfg(feature = "companion")]
fn read_table(path: &Path) -> Result<crate::plan::rows::Accounts, ExitCode> {
    const SHOWN: usize = 20;
    let bytes = super::read_bytes(path);
    let bytes = bytes.map_err(|what| fail(UNUSABLE, &what, "Give the path of a table in CSV."))?;
    crate::plan::rows::read(&bytes).map_err(|errors| {
        let shown = errors.iter().take(SHOWN).map(|error| format!("\n  {error}"));
        let rest = errors.len().saturating_sub(SHOWN);
        let more = if rest > 0 {
            format!("\n  and {rest} more")
        } else {
            String::new()
        };
        let (name, count) = (path.display(), counted(errors.len(), "problem"));
        let what = format!("{name} has {count}:{}{more}", shown.collect::<String>());
        fail(
            REFUSED,
            &what,
            "Nothing was written. Mend the table and try again.",
        )
    })
}

/// Writes a file that is new, or replaces one; an old one is never followed by half a new one.
fn write(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    if !force {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        return file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}
