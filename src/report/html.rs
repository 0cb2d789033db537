//! The report as one HTML file: no script, nothing from elsewhere, fit for paper.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::content::{Account, Content, Line, NextDrill, Weight};
use crate::inventory::event::stamp;
use crate::inventory::{KeyState, Kind};

const STYLE: &str = include_str!("style.css");

/// Writes the report; whatever came from elsewhere is escaped.
#[must_use]
pub fn render(content: &Content) -> String {
    let mut page = String::with_capacity(16 * 1024);
    head(&mut page, content);
    summary(&mut page, content);
    findings(&mut page, content);
    push(&mut page, "<h2>Accounts and keys</h2>\n");
    if content.accounts.is_empty() {
        push(&mut page, "<p>The inventory holds no key.</p>\n");
    }
    for account in &content.accounts {
        section(&mut page, account);
    }
    foot(&mut page, content);
    page
}

fn push(page: &mut String, text: &str) {
    page.push_str(text);
}

fn head(page: &mut String, content: &Content) {
    let made = stamp(content.made);
    let _ = write!(
        page,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
        <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
        <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
        <title>Security keys of emergency-access accounts, {day}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
        <header>\n<h1>Security keys of emergency-access accounts</h1>\n\
        <p class=\"sub\">State of <b>{inventory}</b> on <time datetime=\"{made}\">{day}, {hour} UTC</time></p>\n",
        day = &made[..10],
        hour = &made[11..16],
        inventory = escaped(&content.inventory),
    );
    if content.kind == Some(Kind::Rehearsal) {
        push(
            page,
            "<p class=\"rehearsal\">REHEARSAL: no key in this report guards a real account.</p>\n",
        );
    }
    push(page, "</header>\n");
}

fn summary(page: &mut String, content: &Content) {
    let (overdue, soon) = content.drills();
    let act = content
        .findings
        .iter()
        .filter(|f| f.weight == Weight::Act)
        .count();
    push(page, "<ul class=\"figures\">\n");
    for (number, what, alarm) in [
        (content.accounts.len(), "accounts", false),
        (content.keys(), "keys", false),
        (overdue, "drills overdue", overdue > 0),
        (soon, "drills within 14 days", false),
        (act, "findings to act on", act > 0),
    ] {
        let class = if alarm { " class=\"alarm\"" } else { "" };
        let _ = writeln!(page, "<li{class}><b>{number}</b> {what}</li>");
    }
    push(page, "</ul>\n<p class=\"states\">");
    let states: Vec<String> = content
        .totals
        .iter()
        .map(|(state, count)| format!("{count} {}", state.word()))
        .collect();
    push(page, &states.join(" · "));
    push(page, "</p>\n");
}

fn findings(page: &mut String, content: &Content) {
    push(page, "<h2>Findings</h2>\n");
    if content.findings.is_empty() {
        push(
            page,
            "<p>None: every account has two keys or more, proven, drilled in time and kept apart.</p>\n",
        );
        return;
    }
    push(
        page,
        "<table class=\"findings\">\n<thead><tr><th>Weight</th><th>About</th><th>Finding</th></tr></thead>\n<tbody>\n",
    );
    for finding in &content.findings {
        let class = match finding.weight {
            Weight::Act => "act",
            Weight::Plan => "plan",
            Weight::Note => "note",
        };
        let _ = writeln!(
            page,
            "<tr class=\"{class}\"><td>{}</td><td>{}</td><td>{}</td></tr>",
            finding.weight.word(),
            escaped(&finding.about),
            escaped(&finding.text)
        );
    }
    push(page, "</tbody>\n</table>\n");
}

fn section(page: &mut String, account: &Account) {
    let _ = write!(
        page,
        "<section>\n<h3>{}</h3>\n<p class=\"usable\">{}</p>\n<table class=\"keys\">\n<thead><tr><th>Key</th><th>State</th>\
        <th>Kept by and where</th><th>Slip and bags</th><th>Last proof</th><th>Last drill</th><th>Next drill</th></tr></thead>\n<tbody>\n",
        escaped(&account.name),
        usable(account),
    );
    for line in &account.keys {
        row(page, line);
    }
    push(page, "</tbody>\n</table>\n</section>\n");
}

/// How many keys open an account, as a clause.
pub(super) fn usable(account: &Account) -> String {
    let keys = account.keys.len();
    match account.usable {
        0 => format!("None of {keys} keys opens it."),
        1 => format!("1 of {keys} keys opens it."),
        usable => format!("{usable} of {keys} keys open it."),
    }
}

fn row(page: &mut String, line: &Line) {
    let key = &line.key;
    let class = if key.state.is_in_service() {
        ""
    } else {
        " class=\"gone\""
    };
    let (due, mark) = next(line.drill);
    let state = match key.state {
        KeyState::Lost => "lost",
        KeyState::Proven | KeyState::Drilled => "good",
        _ => "plain",
    };
    let papers: Vec<String> = papers(line).iter().map(|paper| escaped(paper)).collect();
    let _ = writeln!(
        page,
        "<tr{class}><td><code>{}</code><small>{}</small></td><td class=\"{state}\">{}</td><td>{}<small>{}</small></td>\
        <td><small>{}</small></td><td>{}</td><td>{}</td><td{mark}>{due}</td></tr>",
        key.label,
        escaped(&key.product),
        key.state.word(),
        escaped(key.custodian.as_deref().unwrap_or("not recorded")),
        escaped(key.safe.as_deref().unwrap_or("no safe recorded")),
        papers.join("<br>"),
        day(key.proven),
        day(key.drilled),
    );
}

/// Slip and bags, each as a clause.
pub(super) fn papers(line: &Line) -> Vec<String> {
    let key = &line.key;
    let slip = key.slip.map(|slip| format!("slip {slip}"));
    let bag =
        |what: &str, bag: &Option<crate::id::BagNumber>| bag.as_ref().map(|bag| format!("{what} {bag}"));
    let all = [
        slip,
        bag("key bag", &key.key_bag),
        bag("slip bag", &key.slip_bag),
        bag("second half", &key.second_slip_bag),
    ];
    all.into_iter().flatten().collect()
}

fn next(drill: NextDrill) -> (String, &'static str) {
    match drill {
        NextDrill::None => ("–".into(), ""),
        NextDrill::Later(due) => (day(Some(due)), ""),
        NextDrill::Soon(due) => (
            format!("{}<small>soon</small>", day(Some(due))),
            " class=\"soon\"",
        ),
        NextDrill::Overdue(due) => (
            format!("{}<small>overdue</small>", day(Some(due))),
            " class=\"overdue\"",
        ),
    }
}

/// A day, or a dash.
pub(super) fn day(time: Option<OffsetDateTime>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| stamp(time)[..10].to_owned())
}

/// What the report's words mean; on paper and screen alike.
pub(super) fn legend(days: u32) -> String {
    format!(
        "A proof is a touch by which the key shows that it is the one that the station prepared and was not reset since. A drill is a \
        sign-in with it; one is due every {days} days. Times are UTC. The report shows what the inventory knows: it does not ask the \
        tenant, and it never holds a PIN."
    )
}

fn foot(page: &mut String, content: &Content) {
    let _ = write!(
        page,
        "<footer><p>{}</p><p>glasskey {}</p></footer>\n</body>\n</html>\n",
        legend(content.days),
        env!("CARGO_PKG_VERSION")
    );
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            control if control.is_control() => safe.push(' '),
            // They could make a line read otherwise than it is written.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_becomes_markup(text: String) {
            let safe = escaped(&text);
            prop_assert!(!safe.contains(['<', '>', '"', '\'']));
            prop_assert!(!safe.chars().any(char::is_control));
        }
    }
}
