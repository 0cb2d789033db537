//! A plan as text that people read aloud to one another.

use std::fmt::Write as _;

use super::counted;
use crate::manifest::schema::{PinCustody, Role};
use crate::plan::{Plan, PlannedKey, custody_name};

/// The whole plan.
pub(super) fn plan(plan: &Plan) -> String {
    let mut text = format!("{}\n\n", plan.title);
    for (name, value) in facts(plan) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<11}{value}");
    }
    let (keys, accounts) = (plan.keys.len(), plan.accounts().len());
    let (keys, accounts) = (counted(keys, "key"), counted(accounts, "account"));
    let _ = writeln!(text, "\n{keys} for {accounts}\n");
    text.push_str(&columns(&rows(plan)));
    text
}

fn facts(plan: &Plan) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let kind = if plan.rehearsal {
        "REHEARSAL: keys are registered in sandbox tenants only"
    } else {
        "a real ceremony"
    };
    facts.push(("Kind", kind.to_owned()));
    let tenant = plan.tenant_id.as_deref().unwrap_or("none named");
    facts.push(("Tenant", tenant.to_owned()));
    for (role, title) in [
        (Role::Officer, "Officer"),
        (Role::Witness, "Witness"),
        (Role::Custodian, "Custodian"),
    ] {
        let named = plan.people.iter().filter(|person| person.role == role);
        facts.extend(named.map(|person| (title, person.name.clone())));
    }
    let pin = plan.pin;
    let characters = match pin.alphabet.characters().len() {
        10 => "digits".to_owned(),
        count => format!("characters out of {count} without look-alikes"),
    };
    let slips = if plan.split_slips {
        "on paper in two halves, each useless alone"
    } else {
        "on paper in one slip"
    };
    facts.push((
        "PIN",
        format!("{} {characters} ({:.0} bits), {slips}", pin.length, pin.bits()),
    ));
    facts.push((
        "Custody",
        format!(
            "{}: {}",
            custody_name(plan.pin_custody),
            custody(plan.pin_custody)
        ),
    ));
    facts.push(("Key policy", policy(plan)));
    let models: Vec<String> = plan.required_models.iter().map(ToString::to_string).collect();
    let models = if models.is_empty() {
        "any that is fit".to_owned()
    } else {
        models.join(", ")
    };
    facts.push(("Models", models));
    let bags = if plan.bags { "numbered bags" } else { "no bags" };
    let account = if plan.slip_shows_account {
        "slips name the account"
    } else {
        "slips do not name the account"
    };
    facts.push((
        "Paper",
        format!(
            "{}, language {}; {account}; label sheet {}, first free label {}; {bags}",
            plan.paper.name(),
            plan.language.code(),
            plan.label_stock,
            plan.first_label
        ),
    ));
    facts.extend(
        plan.recipients
            .iter()
            .map(|recipient| ("Recipient", recipient.clone())),
    );
    facts
}

/// What a custody means for the people of the ceremony.
fn custody(custody: PinCustody) -> &'static str {
    match custody {
        PinCustody::Manifest => {
            "each PIN is on its slip and, encrypted, in the manifest; nobody opens a slip for the registration"
        }
        PinCustody::Slip => "each PIN is on its slip alone; the slip is opened for the registration",
        PinCustody::Rotate => {
            "the manifest holds a transport PIN; after the registration the key comes back to the station, \
             which changes the PIN and prints the slip"
        }
    }
}

fn policy(plan: &Plan) -> String {
    let policy = plan.key_policy;
    let minimum = policy.min_pin_length;
    let mut settings: Vec<String> = minimum
        .map(|n| format!("no PIN shorter than {n}"))
        .into_iter()
        .collect();
    for (set, text) in [
        (policy.always_uv, "PIN for every use"),
        (policy.enterprise_attestation, "enterprise attestation allowed"),
        (policy.long_touch_for_reset, "long touch for a reset"),
        (policy.force_pin_change, "PIN MUST BE CHANGED at the first use"),
    ] {
        settings.extend(set.then(|| text.to_owned()));
    }
    if settings.is_empty() {
        "as the keys come".to_owned()
    } else {
        settings.join(", ")
    }
}

/// A heading and one row for each key; columns that nothing stands in are left out.
fn rows(plan: &Plan) -> Vec<Vec<String>> {
    let named = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let halves = |key: &PlannedKey| key.slip_custodians.as_ref().map(|both| both.join(" + "));
    let with_halves = plan.split_slips;
    let with_serials = plan.keys.iter().any(|key| key.usb_serial.is_some());
    let row = |mut cells: Vec<String>, half: String, serial: String| {
        cells.extend(with_halves.then_some(half));
        cells.extend(with_serials.then_some(serial));
        cells
    };
    let heading = ["No.", "Account", "Key", "Custodian", "Safe"].map(str::to_owned);
    let mut rows = vec![row(
        heading.to_vec(),
        "Halves of the slip".into(),
        "USB serial".into(),
    )];
    let mut number = 0;
    for (account, keys) in plan.accounts() {
        for key in keys {
            number += 1;
            let cells = vec![
                number.to_string(),
                account.to_string(),
                format!("{} of {}", key.place, keys.len()),
                named(&key.custodian),
                named(&key.safe),
            ];
            rows.push(row(cells, named(&halves(key)), named(&key.usb_serial)));
        }
    }
    rows
}

/// Rows with their cells one below the other.
fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
