//! The plan of a rehearsal: one key for each account.

use std::fmt::Write;

/// A plan that is being written.
#[derive(Debug, Clone)]
pub struct Plan {
    accounts: usize,
    recipient: String,
    custody: String,
    settings: String,
    policy: String,
    serials: Vec<String>,
    people: Vec<(String, String)>,
    is_split: bool,
}

impl Plan {
    /// A plan for so many accounts whose manifest is for `recipient`.
    #[must_use]
    pub fn new(accounts: usize, recipient: &str) -> Self {
        let person = |name: &str, role: &str| (name.to_owned(), role.to_owned());
        Self {
            accounts,
            recipient: recipient.into(),
            custody: "manifest".into(),
            settings: String::new(),
            policy: String::new(),
            serials: Vec::new(),
            people: vec![
                person("Ada Lovelace", "officer"),
                person("Grace Hopper", "witness"),
            ],
            is_split: false,
        }
    }

    /// With PINs kept another way than in the manifest: `slip` or `rotate`.
    #[must_use]
    pub fn custody(mut self, custody: &str) -> Self {
        self.custody = custody.into();
        self
    }

    /// With one more setting, a line of TOML.
    #[must_use]
    pub fn setting(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }

    /// With one more setting of the keys, a line of TOML.
    #[must_use]
    pub fn key_policy(mut self, line: &str) -> Self {
        self.policy.push_str(line);
        self.policy.push('\n');
        self
    }

    /// With the serial that the next key must report over USB.
    #[must_use]
    pub fn usb_serial(mut self, serial: &str) -> Self {
        self.serials.push(serial.into());
        self
    }

    /// With slips of two halves, each for a custodian of its own.
    #[must_use]
    pub fn split(mut self) -> Self {
        self.is_split = true;
        self.setting("split_slips = true")
    }

    /// With one more person.
    #[must_use]
    pub fn person(mut self, name: &str, role: &str) -> Self {
        self.people.push((name.into(), role.into()));
        self
    }

    /// The plan as its file says it.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "version = 1\n\
             title = \"Rehearsal of the break-glass ceremony\"\n\
             rehearsal = true\n\
             recipients = [\"{}\"]\n\
             pin_custody = \"{}\"\n{}",
            self.recipient, self.custody, self.settings
        );
        if !self.policy.is_empty() {
            let _ = write!(text, "\n[key_policy]\n{}", self.policy);
        }
        for (name, role) in &self.people {
            let _ = write!(text, "\n[[people]]\nname = \"{name}\"\nrole = \"{role}\"\n");
        }
        let custodians = ["Alan Turing", "Hedy Lamarr", "Claude Shannon"];
        let halves = if self.is_split {
            ", slip_custodians = [\"Joan Clarke\", \"Max Newman\"]"
        } else {
            ""
        };
        for (number, custodian) in (1..=self.accounts).zip(custodians.iter().cycle()) {
            let serial = self.serials.get(number - 1);
            let serial = serial.map_or_else(String::new, |serial| format!(", usb_serial = \"{serial}\""));
            let _ = write!(
                text,
                "\n[[accounts]]\nupn = \"{}\"\nkeys = [{{ custodian = \"{custodian}\"{halves}{serial} }}]\n",
                account(number)
            );
        }
        text
    }
}

/// Writes a plan for `accounts` accounts whose manifest is for `recipient`.
#[must_use]
pub fn plan(accounts: usize, recipient: &str) -> String {
    Plan::new(accounts, recipient).text()
}

/// Name of the account with this number, from 1.
#[must_use]
pub fn account(number: usize) -> String {
    format!("bg-{number:02}@contoso.onmicrosoft.com")
}
