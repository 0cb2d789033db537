//! From text to a plan: every member in its range, nothing unknown, nothing twice.

mod entries;

use std::collections::BTreeMap;

use toml::de::DeTable;

use super::fields::{At, Fields, Lines, Problems};
use super::stock::{LabelStock, Medium, SheetCorrection};
use super::{Alphabet, Checked, KeyPolicy, Paper, PinPolicy, Plan, PlanError, advice, name};
use crate::id::Aaguid;
use crate::language::Language;
use crate::manifest::schema::PinCustody;

/// Where the parts of a plan stand in its file, in bytes.
#[derive(Default)]
pub(super) struct Places {
    /// Settings that the file names.
    pub(super) settings: BTreeMap<&'static str, usize>,
    /// Each person, as in [`Plan::people`].
    pub(super) people: Vec<usize>,
    /// Each recipient, as in [`Plan::recipients`].
    pub(super) recipients: Vec<usize>,
    /// Each key, as in [`Plan::keys`].
    pub(super) keys: Vec<usize>,
    /// Each account, in order.
    pub(super) accounts: Vec<usize>,
}

/// Reads a plan, or says all that is wrong with it.
pub(super) fn read(text: &str) -> Result<Checked, Vec<PlanError>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems = Problems::new(Lines::of(text));
    // What is recovered from a text that is no TOML is guesswork: its own mistakes come first.
    if !errors.is_empty() {
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            problems.refuse(at, error.message());
        }
        return Err(problems.end().err().unwrap_or_default());
    }
    let mut checker = Checker {
        problems,
        places: Places::default(),
    };
    let plan = checker.plan(Fields::new(table.get_ref(), 0, "the plan"));
    let Checker { problems, places } = checker;
    let lines = problems.end()?;
    let warnings = advice::warnings(&plan, &places, &lines);
    Ok(Checked { plan, warnings })
}

struct Checker {
    problems: Problems,
    places: Places,
}

impl Checker {
    /// Reads on after a problem with what would stand there by default, so that the rest is checked too.
    fn plan(&mut self, mut fields: Fields<'_>) -> Plan {
        for required in ["version", "title", "recipients", "people", "accounts"] {
            fields.require(required, &mut self.problems);
        }
        if let Some(version) = fields.number("version", &mut self.problems)
            && version.value != 1
        {
            self.refuse(version.at, "this version of glasskey reads plans of version 1");
        }
        let title = fields.text("title", &mut self.problems);
        let title = title.and_then(|title| self.name(title, "the title"));
        let rehearsal = self.flag(&mut fields, "rehearsal", false);
        let tenant_id = self.tenant(&mut fields);
        let recipients = self.recipients(&mut fields);
        let custody = [
            ("manifest", PinCustody::Manifest),
            ("slip", PinCustody::Slip),
            ("rotate", PinCustody::Rotate),
        ];
        let pin_custody = self.word(&mut fields, "pin_custody", &custody, PinCustody::Manifest);
        let (pin, split_slips) = self.pin(&mut fields);
        let required_models = self.models(&mut fields);
        let key_policy = self.key_policy(&mut fields, pin);
        let slip_shows_account = self.flag(&mut fields, "slip_shows_account", true);
        let languages = Language::ALL.map(|language| (language.code(), language));
        let language = self.word(&mut fields, "language", &languages, Language::default());
        let papers = [Paper::A4, Paper::Letter].map(|paper| (paper.name(), paper));
        let paper = self.word(&mut fields, "paper", &papers, Paper::A4);
        let (stock, first_label) = self.labels(&mut fields);
        let label_correction = self.label_correction(&mut fields, stock);
        let bags = self.flag(&mut fields, "bags", true);
        let print_test = self.flag(&mut fields, "print_test", false);
        let people = self.people(&mut fields);
        let keys = self.keys(&mut fields, split_slips);
        fields.end(&mut self.problems);
        Plan {
            title: title.unwrap_or_default(),
            rehearsal,
            tenant_id,
            recipients,
            pin_custody,
            pin,
            split_slips,
            required_models,
            key_policy,
            slip_shows_account,
            language,
            paper,
            label_stock: stock.name.to_owned(),
            first_label,
            label_correction,
            print_test,
            bags,
            people,
            keys,
        }
    }

    fn refuse(&mut self, at: usize, reason: impl Into<String>) {
        self.problems.refuse(at, reason);
    }

    fn name(&mut self, text: At<&str>, what: &str) -> Option<String> {
        let clean = name(text.value, what);
        clean.map_err(|reason| self.refuse(text.at, reason)).ok()
    }

    fn flag(&mut self, fields: &mut Fields<'_>, name: &'static str, default: bool) -> bool {
        let found = fields.flag(name, &mut self.problems);
        self.placed(name, found).unwrap_or(default)
    }

    fn word<T: Copy>(
        &mut self,
        fields: &mut Fields<'_>,
        name: &'static str,
        words: &[(&str, T)],
        default: T,
    ) -> T {
        let found = fields.word(name, words, &mut self.problems);
        self.placed(name, found).unwrap_or(default)
    }

    /// Notes where a setting stands.
    fn placed<T>(&mut self, name: &'static str, found: Option<At<T>>) -> Option<T> {
        let found = found?;
        self.places.settings.insert(name, found.at);
        Some(found.value)
    }

    fn tenant(&mut self, fields: &mut Fields<'_>) -> Option<String> {
        let tenant = fields.text("tenant_id", &mut self.problems)?;
        let groups: Vec<&str> = tenant.value.split('-').collect();
        let right = groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12])
            && groups.concat().chars().all(|c| c.is_ascii_hexdigit());
        if !right {
            let example = "5a4db0c5-0000-4000-8000-000000000001";
            self.refuse(tenant.at, format!("tenant_id must be a GUID such as {example}"));
        }
        self.placed("tenant_id", Some(tenant)).map(str::to_owned)
    }

    fn recipients(&mut self, fields: &mut Fields<'_>) -> Vec<String> {
        let Some(list) = fields.texts("recipients", &mut self.problems) else {
            return Vec::new();
        };
        if list.value.is_empty() {
            let reason = "recipients must name at least one age recipient (age1…)";
            self.refuse(list.at, reason);
        }
        for recipient in &list.value {
            if let Err(reason) = crate::manifest::seal::check_recipient(recipient.value) {
                self.refuse(recipient.at, reason);
            }
        }
        self.places.recipients = list.value.iter().map(|r| r.at).collect();
        list.value.into_iter().map(|r| r.value.to_owned()).collect()
    }

    fn pin(&mut self, fields: &mut Fields<'_>) -> (PinPolicy, bool) {
        let mut pin = PinPolicy::default();
        let alphabets = Alphabet::ALL.map(|alphabet| (alphabet.name(), alphabet));
        pin.alphabet = self.word(fields, "pin_alphabet", &alphabets, pin.alphabet);
        let (least, most) = (PinPolicy::MIN, PinPolicy::MAX);
        let mut readable = true;
        if let Some(length) = fields.number("pin_length", &mut self.problems) {
            let fits = u8::try_from(length.value)
                .ok()
                .filter(|n| (least..=most).contains(n));
            readable = fits.is_some();
            pin.length = fits.unwrap_or(pin.length);
            if !readable {
                self.refuse(
                    length.at,
                    format!("pin_length must be {least} to {most} characters"),
                );
            }
            self.places.settings.insert("pin_length", length.at);
        }
        let split = fields.flag("split_slips", &mut self.problems);
        let split_slips = self.placed("split_slips", split).unwrap_or(false);
        if let Some(At { at, value: true }) = split
            && readable
            && !pin.may_be_split()
        {
            let (needed, alphabet) = (PinPolicy::shortest_to_split(pin.alphabet), pin.alphabet.name());
            self.refuse(
                at,
                format!(
                    "split_slips needs pin_length = {needed} or more with pin_alphabet = \"{alphabet}\", here it is {}: \
                     whoever holds one half must still have a million PINs to try",
                    pin.length
                ),
            );
        }
        (pin, split_slips)
    }

    fn models(&mut self, fields: &mut Fields<'_>) -> Vec<Aaguid> {
        let list = fields.texts("required_models", &mut self.problems);
        let mut models = Vec::new();
        for text in list.map_or_else(Vec::new, |list| list.value) {
            match text.value.parse() {
                Ok(model) => models.push(model),
                Err(error) => self.refuse(text.at, format!("required_models: {error}")),
            }
        }
        models
    }

    fn key_policy(&mut self, fields: &mut Fields<'_>, pin: PinPolicy) -> KeyPolicy {
        let Some(mut fields) = fields.table("key_policy", "key_policy", &mut self.problems) else {
            return KeyPolicy::default();
        };
        let mut policy = KeyPolicy {
            min_pin_length: None,
            always_uv: self.flag(&mut fields, "always_uv", false),
            enterprise_attestation: self.flag(&mut fields, "enterprise_attestation", false),
            long_touch_for_reset: self.flag(&mut fields, "long_touch_for_reset", false),
            force_pin_change: self.flag(&mut fields, "force_pin_change", false),
        };
        if let Some(minimum) = fields.number("min_pin_length", &mut self.problems) {
            let value = u8::try_from(minimum.value).unwrap_or(u8::MAX);
            policy.min_pin_length = Some(value);
            if !(4..=PinPolicy::MAX).contains(&value) {
                self.refuse(minimum.at, "min_pin_length must be 4 to 63 characters");
            } else if value > pin.length {
                let reason = format!(
                    "min_pin_length = {value} is above pin_length, which is {}: no key could be given its PIN; \
                     lower the one or raise the other",
                    pin.length
                );
                self.refuse(minimum.at, reason);
            }
        }
        fields.end(&mut self.problems);
        policy
    }

    fn labels(&mut self, fields: &mut Fields<'_>) -> (&'static LabelStock, u16) {
        let mut stock = LabelStock::default_for(Paper::A4);
        if let Some(text) = fields.text("label_stock", &mut self.problems) {
            if let Some(known) = LabelStock::named(text.value) {
                stock = known;
            } else {
                let (found, known) = (text.value, LabelStock::names());
                let reason = format!("label_stock {found:?} is not known; use one of {known}");
                self.refuse(text.at, reason);
            }
            self.places.settings.insert("label_stock", text.at);
        }
        let mut first_label = 1;
        if let Some(first) = fields.number("first_label", &mut self.problems) {
            match u16::try_from(first.value) {
                Ok(number) if (1..=stock.labels()).contains(&number) => first_label = number,
                _ => {
                    let (name, labels) = (stock.name, stock.labels());
                    let reason = format!(
                        "first_label counts the labels of the sheet from 1, and {name} has {labels} of them"
                    );
                    self.refuse(first.at, reason);
                }
            }
        }
        (stock, first_label)
    }

    fn label_correction(&mut self, fields: &mut Fields<'_>, stock: &LabelStock) -> SheetCorrection {
        let name = "label_correction";
        let Some(mut fields) = fields.table(name, name, &mut self.problems) else {
            return SheetCorrection::default();
        };
        if !matches!(stock.medium, Medium::Sheet(_)) {
            let reason = format!(
                "label_correction is for sheets, and {} is a roll: its printer is set up at the printer",
                stock.name
            );
            self.refuse(fields.at(), reason);
        }
        let mut length = |name, parts, most| {
            let length = fields.millimetres(name, parts, most, &mut self.problems);
            length.unwrap_or_default()
        };
        let correction = SheetCorrection {
            right: length("right", 10, SheetCorrection::MAX_MOVE),
            down: length("down", 10, SheetCorrection::MAX_MOVE),
            wider: length("wider", 100, SheetCorrection::MAX_STRETCH),
            taller: length("taller", 100, SheetCorrection::MAX_STRETCH),
        };
        if matches!(stock.medium, Medium::Sheet(_)) && !stock.takes(correction) {
            let reason = format!(
                "this label_correction moves labels of {} off the sheet",
                stock.name
            );
            self.refuse(fields.at(), reason);
        }
        fields.end(&mut self.problems);
        correction
    }
}
