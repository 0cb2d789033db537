//! The ceremony plan: TOML on the officer's stick, parsed into valid types or refused with line and reason.

use std::collections::HashSet;

use serde::Deserialize;
use toml::Spanned;

use crate::id::{Aaguid, Upn};
use crate::manifest::schema::{Person, PinCustody, Role};

/// Most keys one plan may hold.
pub const MAX_KEYS: usize = 999;

/// Longest name of a person or title, in characters.
const MAX_NAME: usize = 60;

/// A plan that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Title, printed on the record.
    pub title: String,
    /// True for rehearsals: their manifests are registered in sandbox tenants only.
    pub rehearsal: bool,
    /// The tenant (GUID) the keys are for, where named.
    pub tenant_id: Option<String>,
    /// age recipients (`age1…`) of the manifest.
    pub recipients: Vec<String>,
    /// Where PINs are kept.
    pub pin_custody: PinCustody,
    /// What PINs are drawn.
    pub pin: PinPolicy,
    /// Whether each PIN is printed in two halves, for two custodians.
    pub split_slips: bool,
    /// Models that may be prepared; empty for any that is fit.
    pub required_models: Vec<Aaguid>,
    /// Settings that every key gets.
    pub key_policy: KeyPolicy,
    /// Paper in the printer.
    pub paper: Paper,
    /// Label sheet, by the maker's number.
    pub label_stock: String,
    /// First free label on the sheet, from 1.
    pub first_label: u16,
    /// Whether keys and slips go into numbered bags.
    pub bags: bool,
    /// Officer, witness and others.
    pub people: Vec<Person>,
    /// The keys to prepare, in order.
    pub keys: Vec<PlannedKey>,
}

/// One key to prepare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedKey {
    /// The account it is for.
    pub account: Upn,
    /// Its place among the keys of this account, from 1: the primary key, then its backups.
    pub place: u8,
    /// Who will keep it.
    pub custodian: Option<String>,
    /// Where it will be kept.
    pub safe: Option<String>,
    /// Who will keep the two halves of a split slip.
    pub slip_custodians: Option<[String; 2]>,
    /// USB serial that the key must report, where it is known.
    pub usb_serial: Option<String>,
}

/// What PINs are drawn (CTAP 2.1, 6.5.1: 4 to 63 code points, at most 63 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PinPolicy {
    /// Code points, 6 to 63.
    pub length: u8,
    /// What they are drawn from.
    pub alphabet: Alphabet,
}

impl PinPolicy {
    /// Fewest code points a plan may ask for: the key itself allows eight tries.
    pub const MIN: u8 = 6;
    /// Most of them: CTAP pads a PIN to 64 bytes with at least one zero.
    pub const MAX: u8 = 63;
}

impl Default for PinPolicy {
    fn default() -> Self {
        Self {
            length: 8,
            alphabet: Alphabet::Digits,
        }
    }
}

/// What PINs are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// 0 to 9.
    #[default]
    Digits,
    /// Digits and capital letters without those that look alike on paper.
    Alphanumeric,
}

/// Settings of a key beyond its PIN (authenticatorConfig, CTAP 2.1, 6.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one setting of a key")]
pub struct KeyPolicy {
    /// Shortest PIN that the key will accept from now on.
    pub min_pin_length: Option<u8>,
    /// PIN for every use.
    pub always_uv: bool,
    /// Enterprise attestation allowed.
    pub enterprise_attestation: bool,
    /// A reset wants a long touch (CTAP 2.3).
    pub long_touch_for_reset: bool,
    /// The PIN must be changed before its first use: unfit for emergencies, where nobody has time for it.
    pub force_pin_change: bool,
}

/// Paper size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Paper {
    /// 210 x 297 mm.
    A4,
    /// 215.9 x 279.4 mm.
    Letter,
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the plan: {reason}")]
pub struct PlanError {
    /// Line in the file, from 1.
    pub line: usize,
    /// What is wrong there and what would do.
    pub reason: String,
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    version: Spanned<u32>,
    title: Spanned<String>,
    #[serde(default)]
    rehearsal: bool,
    tenant_id: Option<Spanned<String>>,
    recipients: Spanned<Vec<Spanned<String>>>,
    #[serde(default = "default_custody")]
    pin_custody: PinCustody,
    #[serde(default = "default_pin_length")]
    pin_length: Spanned<u8>,
    #[serde(default)]
    pin_alphabet: Alphabet,
    #[serde(default)]
    split_slips: bool,
    #[serde(default)]
    required_models: Vec<Aaguid>,
    #[serde(default)]
    key_policy: KeyPolicy,
    #[serde(default = "default_paper")]
    paper: Paper,
    #[serde(default = "default_stock")]
    label_stock: Spanned<String>,
    #[serde(default = "default_first_label")]
    first_label: Spanned<u16>,
    #[serde(default = "default_bags")]
    bags: bool,
    people: Spanned<Vec<PersonEntry>>,
    accounts: Spanned<Vec<AccountEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonEntry {
    name: Spanned<String>,
    role: Role,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountEntry {
    upn: Spanned<Upn>,
    #[serde(default = "one_key")]
    keys: Spanned<Vec<KeyEntry>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    custodian: Option<Spanned<String>>,
    safe: Option<Spanned<String>>,
    slip_custodians: Option<[Spanned<String>; 2]>,
    usb_serial: Option<Spanned<String>>,
}

fn default_custody() -> PinCustody {
    PinCustody::Manifest
}
fn default_pin_length() -> Spanned<u8> {
    Spanned::new(0..0, 8)
}
fn default_paper() -> Paper {
    Paper::A4
}
fn default_stock() -> Spanned<String> {
    Spanned::new(0..0, "L7651".into())
}
fn default_first_label() -> Spanned<u16> {
    Spanned::new(0..0, 1)
}
fn default_bags() -> bool {
    true
}
fn one_key() -> Spanned<Vec<KeyEntry>> {
    Spanned::new(0..0, vec![KeyEntry::default()])
}

impl Plan {
    /// Reads and checks a plan.
    pub fn parse(text: &str) -> Result<Self, PlanError> {
        let line_of = |at: usize| {
            text.get(..at)
                .map_or(1, |before| before.matches('\n').count() + 1)
        };
        let file: PlanFile = toml::from_str(text).map_err(|error| PlanError {
            line: error.span().map_or(1, |span| line_of(span.start)),
            reason: error.message().to_owned(),
        })?;
        Checker { line_of: &line_of }.check(file)
    }
}

struct Checker<'a> {
    line_of: &'a dyn Fn(usize) -> usize,
}

impl Checker<'_> {
    fn refuse<T, R>(&self, at: &Spanned<T>, reason: impl Into<String>) -> Result<R, PlanError> {
        Err(PlanError {
            line: (self.line_of)(at.span().start),
            reason: reason.into(),
        })
    }

    fn check(&self, file: PlanFile) -> Result<Plan, PlanError> {
        if *file.version.get_ref() != 1 {
            return self.refuse(&file.version, "this version of glasskey reads plans of version 1");
        }
        let title = self.name(&file.title, "the title")?;
        if let Some(tenant) = &file.tenant_id {
            self.guid(tenant)?;
        }
        if file.recipients.get_ref().is_empty() {
            return self.refuse(
                &file.recipients,
                "recipients must name at least one age recipient (age1…)",
            );
        }
        for recipient in file.recipients.get_ref() {
            if let Err(reason) = crate::manifest::seal::check_recipient(recipient.get_ref()) {
                return self.refuse(recipient, reason);
            }
        }
        if !(6..=63).contains(file.pin_length.get_ref()) {
            return self.refuse(&file.pin_length, "pin_length must be 6 to 63 digits");
        }
        if !(1..=300).contains(file.first_label.get_ref()) {
            return self.refuse(
                &file.first_label,
                "first_label counts the labels of the sheet from 1",
            );
        }
        let people = self.people(&file.people)?;
        let keys = self.keys(&file.accounts)?;
        Ok(Plan {
            title,
            rehearsal: file.rehearsal,
            tenant_id: file.tenant_id.map(Spanned::into_inner),
            recipients: file
                .recipients
                .into_inner()
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
            pin_custody: file.pin_custody,
            pin: PinPolicy {
                length: file.pin_length.into_inner(),
                alphabet: file.pin_alphabet,
            },
            split_slips: file.split_slips,
            required_models: file.required_models,
            key_policy: file.key_policy,
            paper: file.paper,
            label_stock: file.label_stock.into_inner(),
            first_label: file.first_label.into_inner(),
            bags: file.bags,
            people,
            keys,
        })
    }

    /// Text for paper: not empty, not too long, no control characters.
    fn name(&self, text: &Spanned<String>, what: &str) -> Result<String, PlanError> {
        let clean = text.get_ref().trim();
        if clean.is_empty() || clean.chars().count() > MAX_NAME || clean.chars().any(char::is_control) {
            return self.refuse(
                text,
                format!("{what} must have 1 to {MAX_NAME} characters on one line"),
            );
        }
        Ok(clean.to_owned())
    }

    fn guid(&self, text: &Spanned<String>) -> Result<(), PlanError> {
        let groups: Vec<&str> = text.get_ref().split('-').collect();
        let right = groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
            && groups.concat().chars().all(|c| c.is_ascii_hexdigit());
        if right {
            Ok(())
        } else {
            self.refuse(text, "tenant_id must be a GUID such as 8f3c…-….")
        }
    }

    fn people(&self, entries: &Spanned<Vec<PersonEntry>>) -> Result<Vec<Person>, PlanError> {
        let mut people = Vec::new();
        let mut names = HashSet::new();
        for entry in entries.get_ref() {
            let name = self.name(&entry.name, "a person's name")?;
            if !names.insert(name.to_lowercase()) {
                return self.refuse(
                    &entry.name,
                    format!("{name} is listed twice; each person has one role"),
                );
            }
            people.push(Person {
                name,
                role: entry.role,
            });
        }
        for (role, title) in [(Role::Officer, "officer"), (Role::Witness, "witness")] {
            if !people.iter().any(|p| p.role == role) {
                return self.refuse(
                    entries,
                    format!("people must name at least one person with role = \"{title}\""),
                );
            }
        }
        Ok(people)
    }

    fn keys(&self, accounts: &Spanned<Vec<AccountEntry>>) -> Result<Vec<PlannedKey>, PlanError> {
        let mut keys = Vec::new();
        let mut upns = HashSet::new();
        for entry in accounts.get_ref() {
            let account = entry.upn.get_ref().clone();
            if !upns.insert(account.as_str().to_lowercase()) {
                return self.refuse(
                    &entry.upn,
                    format!("{account} is listed twice; list its keys under one entry"),
                );
            }
            if entry.keys.get_ref().is_empty() {
                return self.refuse(&entry.keys, format!("{account} has no key"));
            }
            for (place, key) in (1..).zip(entry.keys.get_ref()) {
                let named = |text: &Option<Spanned<String>>, what: &str| {
                    text.as_ref().map(|t| self.name(t, what)).transpose()
                };
                let halves = key.slip_custodians.as_ref().map(|[first, second]| {
                    let name = |c| self.name(c, "a custodian's name");
                    Ok([name(first)?, name(second)?])
                });
                keys.push(PlannedKey {
                    account: account.clone(),
                    place,
                    custodian: named(&key.custodian, "a custodian's name")?,
                    safe: named(&key.safe, "a safe's name")?,
                    slip_custodians: halves.transpose()?,
                    usb_serial: named(&key.usb_serial, "a USB serial")?,
                });
            }
        }
        if keys.is_empty() || keys.len() > MAX_KEYS {
            return self.refuse(
                accounts,
                format!("a plan holds 1 to {MAX_KEYS} keys, this one {}", keys.len()),
            );
        }
        Ok(keys)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A plan for two accounts.
    pub(crate) const GOOD: &str = r#"version = 1
title = "Rehearsal of the break-glass ceremony"
rehearsal = true
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]

[[people]]
name = "Ada Lovelace"
role = "officer"

[[people]]
name = "Grace Hopper"
role = "witness"

[[accounts]]
upn = "bg-01@contoso.onmicrosoft.com"
keys = [{ custodian = "Alan Turing" }]

[[accounts]]
upn = "bg-02@contoso.onmicrosoft.com"
"#;

    #[test]
    fn reads_a_good_plan_with_its_defaults() {
        let plan = Plan::parse(GOOD).unwrap();
        assert_eq!(plan.keys.len(), 2);
        assert_eq!(plan.keys[0].custodian.as_deref(), Some("Alan Turing"));
        assert_eq!(
            (plan.pin.length, plan.paper, plan.first_label, plan.bags),
            (8, Paper::A4, 1, true)
        );
    }

    #[test]
    fn refusals_name_line_and_reason() {
        let cases = [
            ("version = 1", "version = 2", 1, "version 1"),
            ("rehearsal = true", "reheasal = true", 3, "unknown field"),
            ("age1ql3z7h", "age1xxxxxx", 4, "not an age X25519 recipient"),
            ("rehearsal = true", "pin_length = 5", 3, "6 to 63"),
            ("rehearsal = true", "tenant_id = \"contoso\"", 3, "GUID"),
            ("role = \"witness\"", "role = \"officer\"", 6, "witness"),
            ("Grace Hopper", "ada lovelace", 11, "listed twice"),
            ("bg-02@contoso", "BG-01@contoso", 19, "listed twice"),
            ("bg-02@contoso.onmicrosoft.com", "bg-02", 19, "no @"),
            (
                "keys = [{ custodian = \"Alan Turing\" }]",
                "keys = []",
                16,
                "has no key",
            ),
            (
                "title = \"Rehearsal of the break-glass ceremony\"",
                "title = \"\"",
                2,
                "1 to 60",
            ),
            ("rehearsal = true", "rehearsal = maybe", 3, ""),
        ];
        for (from, to, line, reason) in cases {
            assert!(GOOD.contains(from), "{from}");
            let error = Plan::parse(&GOOD.replace(from, to)).unwrap_err();
            assert_eq!(error.line, line, "{to}: {error}");
            assert!(error.reason.contains(reason), "{to}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = Plan::parse(&text);
        }
    }
}
