//! The findings as a person reads them.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::Findings;
use crate::audit::account::{Account, KeyAccount, Outcome};
use crate::audit::content::Opened;
use crate::manifest::schema::{PinCustody, Role};

/// The whole text. Whatever a file holds, it comes out without control characters.
pub(super) fn of(findings: &Findings) -> String {
    let mut text = String::new();
    if let Some(account) = &findings.transcript {
        told(account, &mut text);
    }
    if let Some(opened) = &findings.manifest {
        manifest(opened, &mut text);
    }
    heading(&mut text, "What was checked");
    for check in &findings.report.checks {
        let mark = if check.holds { "ok  " } else { "FAIL" };
        line(&mut text, &format!("{mark}  {}: {}", check.subject, check.found));
    }
    for remark in &findings.report.remarks {
        line(&mut text, &format!("note  {remark}"));
    }
    let verdict = match findings.result {
        "holds" => "Everything that was compared holds and agrees.",
        "unfinished" => "The chain holds as far as it goes. The ceremony has no end here.",
        "chain-broken" => "The chain is BROKEN: nothing after that line counts.",
        "paper-differs" => "The paper record DIFFERS from the files.",
        "manifest-and-transcript-differ" => "Manifest and transcript DIFFER.",
        "manifest-contradicts-itself" => "The manifest CONTRADICTS itself.",
        _ => "The transcript CONTRADICTS itself.",
    };
    line(&mut text, "");
    line(&mut text, verdict);
    text
}

fn line(text: &mut String, line: &str) {
    text.extend(line.chars().map(|c| if unsafe_to_show(c) { '?' } else { c }));
    text.push('\n');
}

/// Control characters, and those that turn the direction of what follows.
pub(super) fn unsafe_to_show(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn heading(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    line(text, name);
}

fn time(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{} {:02}:{:02}:{:02} UTC",
        at.date(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

fn custody(custody: PinCustody) -> &'static str {
    match custody {
        PinCustody::Manifest => "manifest (on the slip and, encrypted, in the manifest)",
        PinCustody::Slip => "slip (on the slip alone)",
        PinCustody::Rotate => "rotate (a transport PIN in the manifest, replaced in a second pass)",
    }
}

fn told(account: &Account, text: &mut String) {
    let none = || "none".to_owned();
    let id = account.ceremony.as_ref().map_or_else(none, ToString::to_string);
    heading(
        text,
        &format!(
            "Ceremony {id}: {}",
            account.title.as_deref().unwrap_or("no title")
        ),
    );
    if let (Some(began), Some(last)) = (account.began, account.last) {
        line(
            text,
            &format!("  first line {}, last line {}", time(began), time(last)),
        );
    }
    if let Some(kind) = account.custody {
        line(text, &format!("  PIN custody: {}", custody(kind)));
    }
    if let Some(plan) = &account.plan_sha256 {
        line(text, &format!("  SHA-256 of the plan: {plan}"));
    }
    for (start, (station, version)) in account.stations.iter().zip(&account.versions).enumerate() {
        let signer = if account.signer == Some(*station) {
            ", signed the manifest"
        } else {
            ""
        };
        line(
            text,
            &format!(
                "  start {}, version {version}, station {station}{signer}",
                start + 1
            ),
        );
    }
    people(account, text);
    heading(text, "Keys");
    for key in &account.keys {
        self::key(key, text);
    }
    for (label, why) in &account.rejected {
        line(text, &format!("  put aside, meant for label {label}: {why}"));
    }
    exceptions(account, text);
    sums(account, text);
}

fn people(account: &Account, text: &mut String) {
    heading(text, "People");
    for person in &account.people {
        let role = match person.role {
            Role::Officer => "officer",
            Role::Witness => "witness",
            Role::Custodian => "custodian",
        };
        line(text, &format!("  {role}: {}", person.name));
    }
    for sitting in &account.sittings {
        let (officer, witness) = (&sitting.officer, &sitting.witness);
        line(
            text,
            &format!(
                "  from {}: {officer} as officer, {witness} as witness",
                time(sitting.from)
            ),
        );
    }
}

fn key(key: &KeyAccount, text: &mut String) {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".into());
    let outcome = match key.outcome {
        Outcome::Prepared => "prepared",
        Outcome::Sealed => "prepared, and its PIN replaced",
        Outcome::InHand => "in hand when the transcript ends",
        Outcome::Missing => "not prepared",
    };
    let account = or_none(key.account.as_ref().map(ToString::to_string));
    line(
        text,
        &format!("  {}  {account} (key {}): {outcome}", key.label, key.place),
    );
    if key.prepared.is_none() {
        return;
    }
    let bags: Vec<String> = key.slip_bags.iter().map(ToString::to_string).collect();
    let mut detail = format!(
        "slip {}, bag of the slip {}, bag of the key {}, fingerprint {}",
        or_none(key.slip.map(|s| s.to_string())),
        or_none((!bags.is_empty()).then(|| bags.join(" and "))),
        or_none(key.key_bag.as_ref().map(ToString::to_string)),
        or_none(key.fingerprint.clone())
    );
    for (name, value) in [
        ("custodian", &key.custodian),
        ("safe", &key.safe),
        ("model", &key.product),
    ] {
        if let Some(value) = value {
            let _ = write!(detail, ", {name} {value}");
        }
    }
    line(text, &format!("          {detail}"));
}

fn exceptions(account: &Account, text: &mut String) {
    heading(text, "Exceptions");
    if account.exceptions.is_empty() {
        line(text, "  none");
    }
    for exception in &account.exceptions {
        line(
            text,
            &format!(
                "  {}. {} {}",
                exception.number,
                time(exception.at),
                exception.what
            ),
        );
        line(text, &format!("     reason given: {}", exception.reason));
    }
    if account.interruptions.is_empty() {
        return;
    }
    heading(text, "Pauses and restarts");
    for stop in &account.interruptions {
        let kind = if stop.cut {
            "power cut or crash after"
        } else {
            "paused at"
        };
        let resumed = stop.resumed.map_or("not taken up again".into(), |at| {
            format!("taken up again at {}", time(at))
        });
        line(text, &format!("  {kind} {}, {resumed}", time(stop.stopped)));
        if !stop.found.is_empty() {
            line(text, &format!("     {}", stop.found));
        }
    }
}

fn sums(account: &Account, text: &mut String) {
    heading(text, "Sums");
    let prepared = account.keys.iter().filter(|k| k.prepared.is_some()).count();
    let rejected = account.rejected.len();
    line(
        text,
        &format!(
            "  keys: {} planned, {prepared} prepared, {rejected} put aside",
            account.keys.len()
        ),
    );
    let voided: Vec<String> = account.slips_voided.iter().map(ToString::to_string).collect();
    let names = if voided.is_empty() {
        String::new()
    } else {
        format!(" ({})", voided.join(", "))
    };
    line(
        text,
        &format!(
            "  slips: {} printed, {} sealed, {} void{names}",
            account.slips_printed,
            account.slips_sealed,
            voided.len()
        ),
    );
    line(
        text,
        &format!("  head (SHA-256 of line {}): {}", account.lines, account.head),
    );
}

fn manifest(opened: &Opened, text: &mut String) {
    let kind = if opened.rehearsal { "rehearsal" } else { "ceremony" };
    heading(
        text,
        &format!("Manifest of {kind} {}: {}", opened.ceremony, opened.title),
    );
    line(text, &format!("  signed by station {}", opened.station));
    line(text, &format!("  in words: {}", opened.station.words()));
    line(text, &format!("  PIN custody: {}", custody(opened.custody)));
    line(
        text,
        &format!("  {} keys, PINs of {} of them", opened.labels.len(), opened.pins),
    );
    for recipient in &opened.recipients {
        line(text, &format!("  recipient {recipient}"));
    }
}
