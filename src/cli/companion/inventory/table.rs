//! Keys and histories as plain text.

use std::fmt::Write as _;

use time::OffsetDateTime;

use crate::inventory::event::stamp;
use crate::inventory::{History, Key};

const CAPTIONS: [&str; 9] = [
    "LABEL",
    "STATE",
    "ACCOUNT",
    "CUSTODIAN",
    "SAFE",
    "SLIP",
    "PROVEN",
    "DRILLED",
    "DUE",
];

/// A table, and how many keys it has.
pub(super) fn of(keys: &[Key], present: OffsetDateTime, days: u32) -> String {
    let rows: Vec<[String; 9]> = keys.iter().map(|key| row(key, present, days)).collect();
    let mut widths = CAPTIONS.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    let captions = CAPTIONS.map(str::to_owned);
    for row in std::iter::once(&captions).chain(&rows) {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    let _ = writeln!(text, "{} keys", keys.len());
    text
}

fn row(key: &Key, present: OffsetDateTime, days: u32) -> [String; 9] {
    let due = key.due(days);
    let late = if due.is_some_and(|due| due <= present) {
        " overdue"
    } else {
        ""
    };
    let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), shown);
    [
        key.label.to_string(),
        key.state.word().to_owned(),
        key.account.to_string(),
        text(&key.custodian),
        text(&key.safe),
        key.slip.map_or_else(|| "-".to_owned(), |slip| slip.to_string()),
        day(key.proven),
        day(key.drilled),
        format!("{}{late}", day(due)),
    ]
}

/// One key, member by member, and its history.
pub(super) fn one(key: &Key, history: &[History]) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<18}{}", shown(value));
    };
    line("label", key.label.as_str());
    line("state", key.state.word());
    line("account", &format!("{} (key {})", key.account, key.place));
    line("ceremony", key.ceremony.as_str());
    line("model", &format!("{} ({})", key.product, key.aaguid));
    line("fingerprint", key.fingerprint.as_str());
    line("attested", if key.attested { "yes" } else { "no" });
    let bag = |bag: &Option<crate::id::BagNumber>| bag.as_ref().map(ToString::to_string);
    for (name, value) in [
        ("serial", key.serial.clone()),
        ("custodian", key.custodian.clone()),
        ("safe", key.safe.clone()),
        ("slip", key.slip.map(|slip| slip.to_string())),
        ("key bag", bag(&key.key_bag)),
        ("slip bag", bag(&key.slip_bag)),
        ("second slip bag", bag(&key.second_slip_bag)),
        ("tenant", key.tenant.clone()),
        ("passkey", key.method.clone()),
        ("prepared", Some(stamp(key.prepared))),
        ("registered", key.registered.map(stamp)),
        ("proven", key.proven.map(stamp)),
        ("drilled", key.drilled.map(stamp)),
        (
            "claimed by",
            key.claim
                .as_ref()
                .map(|c| format!("{} until {}", c.who, stamp(c.until))),
        ),
    ] {
        if let Some(value) = value {
            line(name, &value);
        }
    }
    text.push_str("history\n");
    for entry in history {
        let _ = writeln!(
            text,
            "  {}  {:<10}  {} ({}){}",
            stamp(entry.time),
            entry.what,
            shown(&entry.who),
            shown(&entry.source),
            details(&entry.detail)
        );
    }
    text
}

fn details(detail: &serde_json::Value) -> String {
    let members = detail.as_object().into_iter().flatten();
    members
        .filter(|(_, value)| !value.is_null())
        .fold(String::new(), |mut text, (name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // A signed report has thousands; `--json` shows it.
            let value = match value.len() {
                0..=500 => value,
                length => format!("{length} characters"),
            };
            let _ = write!(text, "\n      {name}: {}", shown(&value));
            text
        })
}

fn day(time: Option<OffsetDateTime>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| stamp(time)[..10].to_owned())
}

/// Without what could move a terminal's cursor.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}
