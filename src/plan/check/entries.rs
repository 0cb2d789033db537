//! People, accounts and keys of a plan.

use std::collections::HashSet;

use super::super::fields::{At, Fields};
use super::super::{MAX_KEYS, PlannedKey, same_name};
use super::Checker;
use crate::id::Upn;
use crate::manifest::schema::{Person, Role};

impl Checker {
    pub(super) fn people(&mut self, fields: &mut Fields<'_>) -> Vec<Person> {
        let Some(list) = fields.tables("people", "a person", &mut self.problems) else {
            return Vec::new();
        };
        let roles = [
            ("officer", Role::Officer),
            ("witness", Role::Witness),
            ("custodian", Role::Custodian),
        ];
        let mut people: Vec<Person> = Vec::new();
        let mut all_read = true;
        for mut entry in list.value {
            entry.require("name", &mut self.problems);
            entry.require("role", &mut self.problems);
            let text = entry.text("name", &mut self.problems);
            let role = entry.word("role", &roles, &mut self.problems);
            let at = text.map_or(entry.at(), |text| text.at);
            let name = text.and_then(|text| self.name(text, "a person's name"));
            entry.end(&mut self.problems);
            let (Some(name), Some(role)) = (name, role) else {
                all_read = false;
                continue;
            };
            if people.iter().any(|other| same_name(&other.name, &name)) {
                self.refuse(at, format!("{name} is listed twice; each person has one role"));
            }
            self.places.people.push(at);
            people.push(Person {
                name,
                role: role.value,
            });
        }
        for (title, role) in &roles[..2] {
            if all_read && !people.iter().any(|person| person.role == *role) {
                let reason = format!("people must name at least one person with role = \"{title}\"");
                self.refuse(list.at, reason);
            }
        }
        people
    }

    pub(super) fn keys(&mut self, fields: &mut Fields<'_>, split_slips: bool) -> Vec<PlannedKey> {
        let Some(accounts) = fields.tables("accounts", "an account", &mut self.problems) else {
            return Vec::new();
        };
        let mut keys: Vec<PlannedKey> = Vec::new();
        let (mut upns, mut count) = (HashSet::new(), 0);
        for mut entry in accounts.value {
            entry.require("upn", &mut self.problems);
            let upn = entry.text("upn", &mut self.problems);
            let at = upn.map_or(entry.at(), |upn| upn.at);
            let account = upn.and_then(|upn| {
                let parsed = upn.value.parse::<Upn>();
                parsed
                    .map_err(|error| self.refuse(upn.at, error.to_string()))
                    .ok()
            });
            if let Some(account) = &account
                && !upns.insert(account.as_str().to_lowercase())
            {
                let reason = format!("{account} is listed twice; list its keys under one entry");
                self.refuse(at, reason);
            }
            self.places.accounts.push(at);
            let before = keys.len();
            match entry.tables("keys", "a key", &mut self.problems) {
                None => {
                    count += 1;
                    self.key(None, at, account.as_ref(), split_slips, &mut keys);
                }
                Some(list) => {
                    count += list.value.len();
                    if list.value.is_empty() {
                        let whose = upn.map_or("this account", |upn| upn.value);
                        self.refuse(
                            list.at,
                            format!("{whose} has no key: leave keys out to give it one"),
                        );
                    }
                    for key in list.value {
                        let at = key.at();
                        self.key(Some(key), at, account.as_ref(), split_slips, &mut keys);
                    }
                }
            }
            for (place, key) in (1..=u8::MAX).zip(keys.iter_mut().skip(before)) {
                key.place = place;
            }
            if keys.len() - before > usize::from(u8::MAX) {
                self.refuse(at, format!("an account has at most {} keys", u8::MAX));
            }
            entry.end(&mut self.problems);
        }
        if count == 0 || count > MAX_KEYS {
            let reason = format!("a plan holds 1 to {MAX_KEYS} keys, this one {count}");
            self.refuse(accounts.at, reason);
        }
        keys
    }

    /// Reads one key into `keys`, if its account is known.
    fn key(
        &mut self,
        fields: Option<Fields<'_>>,
        at: usize,
        account: Option<&Upn>,
        split_slips: bool,
        keys: &mut Vec<PlannedKey>,
    ) {
        let mut texts = [None, None, None];
        let mut slip_custodians = None;
        if let Some(mut fields) = fields {
            let members = [
                ("custodian", "a custodian's name"),
                ("safe", "a safe's name"),
                ("usb_serial", "a USB serial"),
            ];
            for ((member, what), text) in members.into_iter().zip(&mut texts) {
                let found = fields.text(member, &mut self.problems);
                *text = found.and_then(|found| {
                    let value = self.name(found, what)?;
                    Some(At { at: found.at, value })
                });
            }
            slip_custodians = self.halves(&mut fields, split_slips);
            fields.end(&mut self.problems);
        }
        let [custodian, safe, usb_serial] = texts;
        if let Some(serial) = &usb_serial {
            let reports_it = |key: &PlannedKey| {
                let other = key.usb_serial.as_deref();
                other.is_some_and(|other| other.eq_ignore_ascii_case(&serial.value))
            };
            if keys.iter().any(reports_it) {
                let reason = format!(
                    "usb_serial {:?} stands at two keys; leave it out for models whose keys all report one serial",
                    serial.value
                );
                self.refuse(serial.at, reason);
            }
        }
        if let Some(account) = account {
            self.places.keys.push(at);
            keys.push(PlannedKey {
                account: account.clone(),
                place: 1,
                custodian: custodian.map(|text| text.value),
                safe: safe.map(|text| text.value),
                slip_custodians,
                usb_serial: usb_serial.map(|text| text.value),
            });
        }
    }

    fn halves(&mut self, fields: &mut Fields<'_>, split_slips: bool) -> Option<[String; 2]> {
        let list = fields.texts("slip_custodians", &mut self.problems)?;
        if !split_slips {
            let reason =
                "slip_custodians keep the halves of a split slip: set split_slips = true, or leave them out";
            self.refuse(list.at, reason);
        }
        let [first, second] = list.value[..] else {
            self.refuse(list.at, "slip_custodians must be two names, one for each half");
            return None;
        };
        let what = "a slip custodian's name";
        let (first, second) = (self.name(first, what), self.name(second, what));
        Some([first?, second?])
    }
}
