//! What became of a ceremony whose power failed, as rows of the table in `docs/reliability.md`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use glasskey::transcript::{Act, Entry};

use crate::stage::Left;

/// One cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// The step of the journal after which the power failed.
    pub(crate) step: String,
    /// What the next start said, its labels and slips by number.
    pub(crate) said: String,
    /// What happened then.
    pub(crate) done: String,
}

/// A line of the ceremony without a cut, in words; line 0 is the time before the first one.
pub(crate) fn step(whole: &Left, line: usize) -> String {
    let Some(entry) = line.checked_sub(1).and_then(|place| whole.entries.get(place)) else {
        return "nothing is written".into();
    };
    let json = serde_json::to_value(entry).unwrap();
    let text = |name: &str| json[name].as_str().map(str::to_owned);
    let mut words = json["event"].as_str().unwrap().to_owned();
    if let Some(what) = text("effect").or_else(|| text("question")) {
        let _ = write!(words, " `{what}`");
    }
    if let Some(key) = text("key").or_else(|| text("label")) {
        let place = whole.tally.planned.iter().position(|p| p.label.as_str() == key);
        let _ = write!(words, ", key {}", place.map_or(0, |place| place + 1));
    }
    words
}

pub(crate) fn row(whole: &Left, left: &Left, call: usize, all: &[usize]) -> Row {
    let line = whole.lines[call];
    let is_first = all.iter().find(|point| whole.lines[**point] == line) == Some(&call);
    let (this, next) = (step(whole, line), step(whole, line + 1));
    let step = if is_first {
        format!("{line}: after {this}")
    } else {
        format!("{line}: before {next}")
    };
    Row {
        step,
        said: said(left),
        done: done(whole, left),
    }
}

/// The paragraph about what was found.
fn said(left: &Left) -> String {
    let Some(told) = left.told.get(1) else {
        return "(nothing is left to do)".into();
    };
    let found = told.iter().find(|text| text.starts_with("!! "));
    let mut found = found.map_or_else(|| "(a new ceremony begins)".into(), |text| text[3..].to_owned());
    for (place, line) in left.tally.planned.iter().enumerate() {
        found = found.replace(line.label.as_str(), &format!("LABEL{}", place + 1));
    }
    for slip in (1..=left.tally.printed).filter_map(glasskey::id::SlipNumber::new) {
        found = found.replace(&slip.to_string(), &format!("SLIP{}", slip.number()));
    }
    found
}

fn count(left: &Left, act: Act, label: &str) -> usize {
    let is_it = |entry: &&Entry| matches!(entry, Entry::Done { effect, key: Some(key), .. } if *effect == act && key.as_str() == label);
    left.entries.iter().filter(is_it).count()
}

fn done(_: &Left, left: &Left) -> String {
    let mut done = Vec::new();
    for (place, line) in left.tally.planned.iter().enumerate() {
        let slip = left
            .tally
            .prepared
            .iter()
            .find(|p| p.label == line.label)
            .and_then(|p| p.slip);
        let slip = slip.map_or_else(|| "no slip".into(), |slip| format!("slip {}", slip.number()));
        let resets = count(left, Act::Reset, line.label.as_str());
        let resets = if resets > 1 { ", reset again" } else { "" };
        done.push(format!("key {} has {slip}{resets}", place + 1));
    }
    let voided: Vec<String> = left
        .tally
        .voided
        .iter()
        .map(|slip| slip.number().to_string())
        .collect();
    if !voided.is_empty() {
        done.push(format!("void: {}", voided.join(", ")));
    }
    done.join("; ")
}

/// Neighbours with the same outcome, as one row.
fn table(rows: &[Row]) -> String {
    let mut text = String::from("| the power fails | the next start says | at the end |\n|---|---|---|\n");
    let mut place = 0;
    while place < rows.len() {
        let first = &rows[place];
        let is_same = |row: &&Row| row.said == first.said && row.done == first.done;
        let same = rows[place..].iter().take_while(is_same).count();
        let last = &rows[place + same - 1];
        let steps = if first.step == last.step {
            first.step.clone()
        } else {
            format!("{} … {}", first.step, last.step)
        };
        let _ = writeln!(text, "| {steps} | {} | {} |", first.said, first.done);
        place += same;
    }
    text
}

/// Leaves numbers and table of a run under `target/power-cut`.
pub(crate) fn note(name: &str, summary: &str, rows: &[Row]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("power-cut");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(
        folder.join(format!("{name}.md")),
        format!("{summary}\n\n{}", table(rows)),
    )
    .unwrap();
}

/// The table of custody `slip` stands in the documentation; `GLASSKEY_ACCEPT=1` writes it anew.
pub(crate) fn compare_with_docs(rows: &[Row]) {
    const BEGIN: &str = "<!-- written by tests/station: begin -->\n";
    const END: &str = "<!-- written by tests/station: end -->\n";
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reliability.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (old, after) = rest.split_once(END).unwrap();
    let new = table(rows);
    if std::env::var_os("GLASSKEY_ACCEPT").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{new}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(old, new, "run with GLASSKEY_ACCEPT=1 and review the difference");
}
