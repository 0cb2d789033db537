//! What a plan may say and people should think about once more: known failures, single points of failure, people with
//! two halves of a secret.

use super::check::Places;
use super::fields::Lines;
use super::stock::{LabelStock, Medium};
use super::{Plan, PlannedKey, Warning, same_name};
use crate::id::Upn;
use crate::manifest::schema::{PinCustody, Role};

/// From this length on, sign-in pages and keys are known to fail with a user principal name.
const LONG_UPN: usize = 50;

/// Domains that a tenant always has, in the clouds that there are.
const TENANT_DOMAINS: [&str; 3] = [".onmicrosoft.com", ".onmicrosoft.us", ".partner.onmschina.cn"];

/// Everything that is unwise in a plan, in the order of its file.
pub(super) fn warnings(plan: &Plan, places: &Places, lines: &Lines) -> Vec<Warning> {
    let mut advice = Advice {
        plan,
        places,
        lines,
        found: Vec::new(),
    };
    advice.tenant();
    advice.recipients();
    advice.pins();
    advice.labels();
    advice.accounts();
    let mut first = 0;
    for ((account, keys), at) in plan.accounts().into_iter().zip(&places.accounts) {
        advice.account(account, *at);
        advice.keys_of_one(account, keys, &places.keys[first..first + keys.len()]);
        first += keys.len();
    }
    for (key, at) in plan.keys.iter().zip(&places.keys) {
        advice.key(key, *at);
    }
    let mut found = advice.found;
    found.sort_by_key(|warning| warning.line);
    found
}

struct Advice<'a> {
    plan: &'a Plan,
    places: &'a Places,
    lines: &'a Lines,
    found: Vec<Warning>,
}

impl Advice<'_> {
    fn warn(&mut self, at: usize, text: impl Into<String>) {
        self.found.push(Warning {
            line: self.lines.line(at),
            text: text.into(),
        });
    }

    /// Where a setting stands; the first line for one that is left to its default.
    fn setting(&self, name: &str) -> usize {
        self.places.settings.get(name).copied().unwrap_or(0)
    }

    fn tenant(&mut self) {
        match (self.plan.rehearsal, &self.plan.tenant_id) {
            (false, None) => self.warn(
                0,
                "no tenant_id: the companion cannot tell whether it registers the keys in the right tenant",
            ),
            (true, Some(_)) => self.warn(
                self.setting("tenant_id"),
                "a rehearsal with a tenant_id: its keys are registered in sandbox tenants only, so this must be a sandbox's id",
            ),
            _ => {}
        }
    }

    fn recipients(&mut self) {
        let recipients = &self.plan.recipients;
        for (index, recipient) in recipients.iter().enumerate() {
            if recipients[..index].contains(recipient) {
                let at = self.places.recipients.get(index).copied().unwrap_or(0);
                self.warn(at, "this recipient is listed twice: was another one meant?");
            }
        }
        if recipients.len() == 1 {
            let at = self.places.recipients.first().copied().unwrap_or(0);
            self.warn(
                at,
                "only one recipient: if that identity is lost, nobody can open the manifest",
            );
        }
    }

    fn pins(&mut self) {
        let plan = self.plan;
        if plan.pin.length < 8 {
            let reason = "a PIN shorter than 8: some models refuse it, and a key allows eight tries";
            self.warn(self.setting("pin_length"), reason);
        }
        if plan.key_policy.force_pin_change {
            self.warn(
                self.setting("force_pin_change"),
                "force_pin_change is unfit for emergencies: the PIN on the slip works only for choosing another one, \
                 so the slip is worthless from the first use on, and the key cannot be proven or drilled before",
            );
        }
        if plan.key_policy.always_uv && plan.pin_custody == PinCustody::Slip {
            self.warn(
                self.setting("always_uv"),
                "always_uv with pin_custody = \"slip\": the companion can prove which key it is only when \
                 somebody opens the slip and types the PIN, at every drill too",
            );
        }
    }

    fn labels(&mut self) {
        let stock = LabelStock::named(&self.plan.label_stock);
        if let Some(LabelStock {
            name,
            medium: Medium::Sheet(sheet),
            ..
        }) = stock
            && *sheet != self.plan.paper
        {
            let (sheet, paper) = (sheet.name(), self.plan.paper.name());
            let text = format!(
                "label sheet {name} has size {sheet}, and paper is {paper}: the printer must take both"
            );
            self.warn(self.setting("label_stock"), text);
        }
    }

    fn accounts(&mut self) {
        let Some(first) = self.places.accounts.first().copied() else {
            return;
        };
        if self.places.accounts.len() == 1 {
            self.warn(
                first,
                "only one account: if it is locked or deleted, there is no other way in",
            );
        }
        let accounts = self.plan.accounts();
        let named = accounts.iter().zip(&self.places.accounts);
        let mut named = named.filter_map(|((upn, _), at)| Some((tenant(upn)?, *at)));
        if let Some((one, _)) = named.next()
            && let Some((other, at)) = named.find(|(other, _)| !other.eq_ignore_ascii_case(one))
        {
            self.warn(at, format!("{one} and {other} are two domains: is one misspelt?"));
        }
    }

    fn account(&mut self, account: &Upn, at: usize) {
        let text = account.as_str();
        let (user, _) = text.split_once('@').unwrap_or((text, ""));
        if text.len() >= LONG_UPN {
            let bytes = text.len();
            self.warn(
                at,
                format!(
                    "{text} has {bytes} bytes: names from {LONG_UPN} on are known to fail at registration \
                     (the PIN is asked for again and again); choose a shorter one"
                ),
            );
        }
        if user.contains(['\'', '!', '#', '^', '~']) {
            let text = format!(
                "{text} holds ' ! # ^ or ~: hard to type on a foreign keyboard; use letters, digits and -"
            );
            self.warn(at, text);
        }
        if user.ends_with('.') {
            self.warn(
                at,
                format!("{text} has a full stop before the @, which Entra ID refuses"),
            );
        }
        if tenant(account).is_none() {
            self.warn(
                at,
                format!(
                    "{text} is not of the tenant's own domain (*.onmicrosoft.com): the account fails when that \
                     domain, its DNS or its federation does"
                ),
            );
        }
    }

    /// An account whose keys can all be lost at once.
    fn keys_of_one(&mut self, account: &Upn, keys: &[PlannedKey], at: &[usize]) {
        if let ([_], [at]) = (keys, at) {
            let text =
                format!("{account} has no second key: if the only one is lost or broken, so is the account");
            self.warn(*at, text);
        }
        let shared = |name: fn(&PlannedKey) -> Option<&str>, index: usize| {
            let mine = name(&keys[index])?;
            let before = keys[..index].iter().filter_map(name);
            before
                .into_iter()
                .any(|other| same_name(other, mine))
                .then(|| mine.to_owned())
        };
        for (index, at) in at.iter().enumerate() {
            if let Some(custodian) = shared(|key| key.custodian.as_deref(), index) {
                let text = format!(
                    "{custodian} keeps two keys of {account}: both are out of reach when one person is"
                );
                self.warn(*at, text);
            }
            if let Some(safe) = shared(|key| key.safe.as_deref(), index) {
                let text = format!(
                    "two keys of {account} lie in {safe}: one fire or one lost combination takes both"
                );
                self.warn(*at, text);
            }
        }
    }

    /// A key whose people hold more than they should.
    fn key(&mut self, key: &PlannedKey, at: usize) {
        let keepers = key.custodian.iter().chain(key.slip_custodians.iter().flatten());
        let mut keepers: Vec<&String> = keepers.collect();
        if let Some([first, second]) = &key.slip_custodians {
            if same_name(first, second) {
                self.warn(
                    at,
                    format!("{first} keeps both halves of a split slip: that is a whole one"),
                );
            } else if let Some(custodian) = &key.custodian
                && (same_name(custodian, first) || same_name(custodian, second))
            {
                let text = format!(
                    "{custodian} keeps the key and half of its PIN: let a third person keep that half"
                );
                self.warn(at, text);
            }
        } else if self.plan.split_slips {
            let text = format!(
                "nobody is named for the halves of the slip of key {} of {}",
                key.place, key.account
            );
            self.warn(at, text);
        }
        keepers.dedup_by(|a, b| same_name(a, b));
        let listed_custodians = self
            .plan
            .people
            .iter()
            .any(|person| person.role == Role::Custodian);
        for keeper in keepers {
            let person = self
                .plan
                .people
                .iter()
                .find(|person| same_name(&person.name, keeper));
            match person.map(|person| person.role) {
                Some(Role::Officer) => self.warn(
                    at,
                    format!(
                        "{keeper} is an officer and a custodian: an officer has every key and every slip in hand, \
                         so nobody else keeps watch over what this custodian received"
                    ),
                ),
                Some(Role::Witness) => self.warn(
                    at,
                    format!("{keeper} is a witness and a custodian: nobody independent saw what this custodian received"),
                ),
                None if listed_custodians => self.warn(
                    at,
                    format!("{keeper} is not among people: is the name misspelt? Only some custodians are listed there"),
                ),
                _ => {}
            }
        }
    }
}

/// The tenant's name in an address of its own domain, such as `contoso.onmicrosoft.com`.
fn tenant(account: &Upn) -> Option<&str> {
    let (_, domain) = account.as_str().split_once('@')?;
    let lower = domain.to_ascii_lowercase();
    TENANT_DOMAINS
        .iter()
        .any(|known| lower.ends_with(known))
        .then_some(domain)
}
