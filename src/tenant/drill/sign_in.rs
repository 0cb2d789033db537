//! What an entry of the sign-in log shows of one key. Pure.

use serde::Serialize;
use time::OffsetDateTime;

use crate::graph::{Passkey, SignIn};
use crate::id::Aaguid;

/// Names of the method of a security key, the present one and that of older logs.
const PASSKEY: [&str; 2] = ["Passkey (device-bound)", "FIDO2 security key"];

/// What the log tells of which key it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    /// This one, by its name.
    ThisKey,
    /// One of its model.
    ThisModel,
    /// Nothing.
    Nothing,
}

/// What one entry shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A security key opened the account.
    Opened(Told),
    /// Another security key did.
    OtherKey(String),
    /// Something else than a security key did.
    OtherMethod(String),
    /// It was opened; the entry does not tell by what, or not yet.
    Untold,
    /// It was not opened: code and reason.
    Refused(Option<i64>, String),
}

/// Judges one entry for the key whose passkey is `ours`, among all passkeys of the account.
#[must_use]
pub fn judge(entry: &SignIn, ours: &Passkey, aaguid: Aaguid, all: &[Passkey]) -> Verdict {
    if !entry.succeeded() {
        let status = entry.status.clone().unwrap_or_default();
        return Verdict::Refused(status.error_code, status.failure_reason.unwrap_or_default());
    }
    let steps = entry.authentication_details.as_deref().unwrap_or_default();
    if steps.is_empty() {
        return Verdict::Untold;
    }
    let satisfied_before = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default().to_ascii_lowercase();
        text.contains("previously satisfied") || text.contains("claim in the token")
    };
    let by_key = steps.iter().find(|step| {
        let method = step.authentication_method.as_deref().unwrap_or_default();
        step.succeeded == Some(true)
            && PASSKEY
                .iter()
                .any(|name| name.eq_ignore_ascii_case(method.trim()))
            && !satisfied_before(&step.authentication_step_result_detail)
    });
    let Some(step) = by_key else {
        let methods: Vec<&str> = steps
            .iter()
            .filter_map(|step| step.authentication_method.as_deref())
            .collect();
        return Verdict::OtherMethod(methods.join(", "));
    };
    let detail = step
        .authentication_method_detail
        .as_deref()
        .unwrap_or_default()
        .trim();
    match told(detail, ours, aaguid, all) {
        Some(told) => Verdict::Opened(told),
        None => Verdict::OtherKey(detail.to_owned()),
    }
}

/// What a detail such as `7KQ2MX - 2fc0579f-...` tells; nothing for another key.
fn told(detail: &str, ours: &Passkey, aaguid: Aaguid, all: &[Passkey]) -> Option<Told> {
    let (name, model) = match (detail.parse::<Aaguid>(), detail.rsplit_once(" - ")) {
        (Ok(model), _) => ("", Some(model)),
        (_, Some((name, model))) if model.parse::<Aaguid>().is_ok() => (name.trim(), model.parse().ok()),
        _ => (detail, None),
    };
    if model.is_some_and(|model| model != aaguid) {
        return None;
    }
    let others = || all.iter().filter(|passkey| passkey.id != ours.id);
    let is_named = |passkey: &Passkey| {
        let own = passkey.display_name.as_deref().unwrap_or_default().trim();
        !name.is_empty() && own == name
    };
    let of_model = |passkey: &Passkey| {
        let own = passkey.aa_guid.as_deref().unwrap_or_default();
        own.parse::<Aaguid>() == Ok(aaguid)
    };
    let weaker = if model.is_some() {
        Told::ThisModel
    } else {
        Told::Nothing
    };
    match (is_named(ours), others().any(is_named)) {
        (true, false) => Some(Told::ThisKey),
        (false, true) => None,
        // No name, or one that no passkey has any more, and only one key of this model.
        (false, false) if model.is_some() && !others().any(of_model) => Some(Told::ThisKey),
        // That, or names that are not unique.
        (true, true) | (false, false) => Some(weaker),
    }
}

/// What explains sign-ins since the last drill.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Entries that were made by drills.
    pub ids: Vec<String>,
    /// Times, from and to, of registrations and of drills whose entries nobody could name.
    pub times: Vec<(OffsetDateTime, OffsetDateTime)>,
}

impl Known {
    /// Whether an entry belongs to a drill or a registration.
    #[must_use]
    pub fn explains(&self, entry: &SignIn) -> bool {
        let within = |time: OffsetDateTime| self.times.iter().any(|(from, to)| (*from..=*to).contains(&time));
        self.ids.contains(&entry.id) || entry.created_date_time.is_some_and(within)
    }
}

#[cfg(test)]
#[path = "sign_in_tests.rs"]
mod sign_in_tests;
