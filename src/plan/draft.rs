//! A new plan as text: every setting with a comment that explains it.

use std::fmt::Write as _;

use super::stock::LabelStock;
use super::{Alphabet, Paper, PinPolicy, custody_name};
use crate::language::Language;
use crate::manifest::schema::PinCustody;

/// What a new plan shall say. Nothing here is checked: [`Plan::read`](super::Plan::read) checks the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Title, printed on the record.
    pub title: String,
    /// Whether it is for a rehearsal.
    pub rehearsal: bool,
    /// The tenant (GUID).
    pub tenant_id: Option<String>,
    /// age recipients of the manifest.
    pub recipients: Vec<String>,
    /// Officers' names.
    pub officers: Vec<String>,
    /// Witnesses' names.
    pub witnesses: Vec<String>,
    /// Where PINs are kept.
    pub pin_custody: PinCustody,
    /// What PINs are drawn.
    pub pin: PinPolicy,
    /// Whether slips are printed in two halves.
    pub split_slips: bool,
    /// What papers are written in.
    pub language: Language,
    /// Paper in the printer.
    pub paper: Paper,
    /// Label sheet.
    pub label_stock: String,
    /// Accounts with their keys, in order.
    pub accounts: Vec<(String, Vec<DraftKey>)>,
}

/// One key of a new plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DraftKey {
    /// Who will keep it.
    pub custodian: Option<String>,
    /// Where it will be kept.
    pub safe: Option<String>,
    /// Who will keep the halves of its slip.
    pub slip_custodians: Option<[String; 2]>,
    /// USB serial it must report.
    pub usb_serial: Option<String>,
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

impl Draft {
    /// The text of the plan. Settings that are left to their default stand there as comments.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# A plan for `glasskey`. Check it with `glasskey plan check FILE`, read it aloud with `glasskey plan show FILE`,\n\
             # then put it on the officer's stick as `plan.toml`.\n\
             version = 1\n\n\
             # Printed on the record.\n\
             title = {}\n\n\
             # true: a rehearsal, whose keys are registered in sandbox tenants only.\n\
             rehearsal = {}\n",
            quoted(&self.title),
            self.rehearsal
        )?;
        writeln!(
            out,
            "# The tenant that the keys are for (a GUID): the companion registers them nowhere else."
        )?;
        match &self.tenant_id {
            Some(id) => writeln!(out, "tenant_id = {}\n", quoted(id))?,
            None => writeln!(out, "# tenant_id = \"00000000-0000-0000-0000-000000000000\"\n")?,
        }
        writeln!(
            out,
            "# Who can open the manifest: age recipients. Name two, so that one lost identity is no disaster.\n\
             recipients = ["
        )?;
        for recipient in &self.recipients {
            writeln!(out, "    {},", quoted(recipient))?;
        }
        writeln!(out, "]\n")?;
        self.write_pins(out)?;
        self.write_paper(out)?;
        writeln!(
            out,
            "# Who is there: at least one officer and one witness. Custodians may be listed too (role = \"custodian\")."
        )?;
        let officers = self.officers.iter().map(|name| (name, "officer"));
        let witnesses = self.witnesses.iter().map(|name| (name, "witness"));
        for (name, role) in officers.chain(witnesses) {
            writeln!(out, "[[people]]\nname = {}\nrole = \"{role}\"\n", quoted(name))?;
        }
        self.write_accounts(out)
    }

    fn write_pins(&self, out: &mut String) -> std::fmt::Result {
        let (pin, split) = (self.pin, self.split_slips);
        let [digits, alphanumeric] = Alphabet::ALL.map(PinPolicy::shortest_to_split);
        writeln!(
            out,
            "# Where each PIN is kept:\n\
             #   \"manifest\"  on its slip and, encrypted, in the manifest: the registrar does not open the slip\n\
             #   \"slip\"      on its slip alone, which is opened at the registration\n\
             #   \"rotate\"    the manifest holds a transport PIN; after the registration the station replaces it and\n\
             #               prints the slip: the PIN in the safe was never on a networked machine\n\
             pin_custody = \"{}\"\n\n\
             # Characters of a PIN: 6 to 63. \"digits\", or \"alphanumeric\": digits and capital letters without look-alikes.\n\
             pin_length = {}\n\
             pin_alphabet = \"{}\"\n\n\
             # true: each slip in two halves for two custodians. Needs {digits} digits or {alphanumeric} alphanumeric characters.\n\
             split_slips = {split}\n\n\
             # false: a slip does not name its account beside the PIN; whoever opens it looks the account up by the label.\n\
             # slip_shows_account = true\n",
            custody_name(self.pin_custody),
            pin.length,
            pin.alphabet.name(),
        )
    }

    fn write_paper(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# Language of slips, labels, record and inventory: {}.\n\
             language = \"{}\"\n\n\
             # \"A4\" or \"Letter\".\n\
             paper = \"{}\"\n\n\
             # Label sheet or roll: {}.\n\
             label_stock = {}\n\
             # First free label on the sheet; 1 for a roll.\n\
             first_label = 1\n\
             # Whether test pages are offered before the first key, to see what the printer does and to move its pages.\n\
             print_test = false\n\n\
             # Whether the numbers of tamper-evident bags are asked for.\n\
             bags = true\n\n\
             # Models (AAGUID) that may be prepared; leave it out for any that is fit.\n\
             # required_models = [\"00000000-0000-0000-0000-000000000000\"]\n\n\
             # What each key is set to, where it can be.\n\
             [key_policy]\n\
             # Shortest PIN that the key will take from now on, even from whoever knows the present one.\n\
             # min_pin_length = {}\n\
             # PIN for every use, also where a site does not ask for it.\n\
             always_uv = false\n\
             # Lets organisations that the vendor has listed tell this single key from others of its model.\n\
             enterprise_attestation = false\n\
             # A reset by accident becomes harder.\n\
             long_touch_for_reset = false\n\
             # Leave this false: with true, the PIN on the slip works for nothing but choosing another.\n\
             force_pin_change = false\n\n\
             # Where the labels of a sheet are not hit: millimetres for the whole sheet, and for each next column and row.\n\
             # [label_correction]\n\
             # right = 0.5\n\
             # down = -0.3\n\
             # wider = 0.02\n\
             # taller = 0.02\n",
            Language::codes(),
            self.language.code(),
            self.paper.name(),
            LabelStock::names(),
            quoted(&self.label_stock),
            self.pin.length,
        )
    }

    fn write_accounts(&self, out: &mut String) -> std::fmt::Result {
        writeln!(
            out,
            "# The accounts and the keys of each, in the order in which they are prepared. Per key, all optional:\n\
             #   custodian        who keeps it; another person for each key of an account\n\
             #   safe             where it lies; another place for each key of an account\n\
             #   slip_custodians  [\"...\", \"...\"]: who keeps the halves of a split slip; nobody who keeps the key\n\
             #   usb_serial       the serial that the key must report over USB; many models report none"
        )?;
        for (upn, keys) in &self.accounts {
            writeln!(out, "\n[[accounts]]\nupn = {}", quoted(upn))?;
            for key in keys {
                writeln!(out, "\n[[accounts.keys]]")?;
                let members = [
                    ("custodian", &key.custodian),
                    ("safe", &key.safe),
                    ("usb_serial", &key.usb_serial),
                ];
                for (member, value) in members {
                    match value {
                        Some(value) => writeln!(out, "{member} = {}", quoted(value))?,
                        None if member == "usb_serial" => {}
                        None => writeln!(out, "# {member} = \"...\"")?,
                    }
                }
                match &key.slip_custodians {
                    Some([first, second]) => {
                        writeln!(out, "slip_custodians = [{}, {}]", quoted(first), quoted(second))?;
                    }
                    None if self.split_slips => writeln!(out, "# slip_custodians = [\"...\", \"...\"]")?,
                    None => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, PlannedKey};
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization as _;

    const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    pub(crate) fn draft() -> Draft {
        Draft {
            title: "Break-glass keys".into(),
            rehearsal: false,
            tenant_id: None,
            recipients: vec![RECIPIENT.into()],
            officers: vec!["Ada Lovelace".into()],
            witnesses: vec!["Grace Hopper".into()],
            pin_custody: PinCustody::Rotate,
            pin: PinPolicy {
                length: 12,
                alphabet: Alphabet::Digits,
            },
            split_slips: true,
            language: Language::ALL[1],
            paper: Paper::Letter,
            label_stock: "5160".into(),
            accounts: vec![(
                "bg-01@contoso.onmicrosoft.com".into(),
                vec![
                    DraftKey {
                        custodian: Some("Alan \"T\" Turing".into()),
                        safe: Some("Safe 1".into()),
                        slip_custodians: Some(["Joan Clarke".into(), "Max Newman".into()]),
                        usb_serial: Some("0123".into()),
                    },
                    DraftKey::default(),
                ],
            )],
        }
    }

    #[test]
    fn a_draft_reads_back_as_what_it_says() {
        let draft = draft();
        let plan = Plan::parse(&draft.to_toml()).unwrap();
        assert_eq!(
            (plan.title, plan.pin_custody, plan.pin, plan.split_slips),
            (draft.title, draft.pin_custody, draft.pin, true)
        );
        assert_eq!((plan.paper, plan.label_stock), (draft.paper, draft.label_stock));
        assert_eq!((plan.language, plan.slip_shows_account), (draft.language, true));
        let key = &draft.accounts[0].1[0];
        let expected = PlannedKey {
            account: draft.accounts[0].0.parse().unwrap(),
            place: 1,
            custodian: key.custodian.clone(),
            safe: key.safe.clone(),
            slip_custodians: key.slip_custodians.clone(),
            usb_serial: key.usb_serial.clone(),
        };
        assert_eq!(plan.keys[0], expected);
        assert_eq!((plan.keys.len(), plan.keys[1].place), (2, 2));
    }

    #[test]
    fn settings_that_stand_as_comments_are_valid_when_taken_in() {
        let text = draft().to_toml();
        let taken_in = text
            .replace("# tenant_id", "tenant_id")
            .replace("# required_models", "required_models")
            .replace("# slip_shows_account = true", "slip_shows_account = false")
            .replace("# min_pin_length", "min_pin_length")
            .replace("# custodian = \"...\"", "custodian = \"A\"");
        assert_eq!(text.matches("\n# custodian = ").count(), 1);
        let plan = Plan::parse(&taken_in).unwrap();
        assert!(plan.tenant_id.is_some() && plan.required_models.len() == 1);
        assert!(!plan.slip_shows_account);
        assert_eq!(plan.key_policy.min_pin_length, Some(12));
        assert_eq!(plan.keys[1].custodian.as_deref(), Some("A"));
    }

    proptest! {
        /// Text from a command line or a table cannot become another setting.
        #[test]
        fn any_text_stays_inside_its_quotation_marks(title: String, name in "[ -~]{1,60}", upn: String) {
            let mut draft = draft();
            draft.title.clone_from(&title);
            draft.accounts[0].1[0].custodian = Some(name.clone());
            draft.accounts.push((upn, Vec::new()));
            draft.accounts[1].1.push(DraftKey::default());
            match Plan::parse(&draft.to_toml()) {
                Ok(plan) => {
                    prop_assert_eq!(plan.title, title.trim().nfc().collect::<String>());
                    prop_assert_eq!(plan.keys[0].custodian.as_deref(), Some(name.trim()));
                }
                Err(errors) => for problem in errors.as_slice() {
                    let of_a_value = ["must have 1 to 60", "cannot be printed", "user principal name", "before @", "domain"];
                    prop_assert!(of_a_value.iter().any(|part| problem.reason.contains(part)), "{}", problem);
                }
            }
        }
    }
}
