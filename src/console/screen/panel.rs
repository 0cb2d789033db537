//! The panels: the key in hand, its steps, and the batch, as lines of which the least important go first.

use ratatui_core::style::Style;

use super::glyph;
use super::pen::{self, DANGER, PLAIN, Pen, STRONG};
use crate::console::view::{CheckItem, CheckState, KeyPanel, View};

/// A line of a panel.
pub(super) struct Line {
    text: String,
    style: Style,
    /// A caption on a line of its own.
    caption: bool,
    /// From 0; where room is short, the highest goes first.
    rank: u8,
}

fn line(text: impl Into<String>, style: Style, rank: u8) -> Line {
    Line {
        text: text.into(),
        style,
        caption: false,
        rank,
    }
}

fn caption(text: &str, rank: u8) -> Line {
    Line {
        caption: true,
        ..line(text, PLAIN, rank)
    }
}

/// Takes lines away until they fit into `room` rows: the least important first, of these the last.
pub(super) fn shorten(lines: &mut Vec<Line>, room: usize) {
    while lines.len() > room {
        let least = (0..lines.len()).max_by_key(|index| (lines[*index].rank, *index));
        least.map(|index| lines.remove(index));
    }
}

pub(super) fn write(lines: &[Line], pen: &mut Pen<'_>) {
    for (row, line) in lines.iter().enumerate() {
        if line.caption {
            pen.caption(row, &line.text, line.style);
        } else {
            pen.text(1, row, &line.text, line.style);
        }
    }
}

/// How many of the lines say what is in hand and how it stands.
pub(super) fn needed(lines: &[Line]) -> usize {
    lines.iter().filter(|line| line.rank <= 2).count()
}

/// For a screen without room beside each other.
pub(super) fn narrow(view: &View, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(key) = &view.key {
        lines.extend(key_lines(key, width));
    }
    let items: Vec<String> = view.checklist.iter().map(item).collect();
    for text in flow(&items, width) {
        lines.push(line(text, PLAIN, 1));
    }
    lines.extend(batch_lines(view, width));
    lines
}

/// For a column of its own.
pub(super) fn wide(view: &View, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(key) = &view.key {
        lines.push(caption("KEY", 6));
        lines.extend(key_lines(key, width));
    }
    if !view.checklist.is_empty() {
        lines.push(caption("STEPS", 6));
        for check in &view.checklist {
            let style = match check.state {
                CheckState::Failed => DANGER,
                CheckState::Doing => STRONG,
                CheckState::Done | CheckState::Waiting => PLAIN,
            };
            // What is open or failed matters more than what is done.
            let rank = if check.state == CheckState::Done { 3 } else { 1 };
            lines.push(line(item(check), style, rank));
        }
    }
    let batch = batch_lines(view, width);
    if !batch.is_empty() {
        lines.push(caption("BATCH", 6));
        lines.extend(batch);
    }
    lines
}

fn key_lines(key: &KeyPanel, width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let head = format!(
        "Key {} of {}: label {}, {}",
        key.number, key.of, key.label, key.place
    );
    let head = glyph::wrap(&head, width).into_iter();
    lines.extend(head.map(|text| line(text, STRONG, 0)));
    let more = [
        ("For", &key.account, 0),
        ("Kept by", &key.custodian, 5),
        ("Model:", &key.model, 4),
    ];
    for (name, text, rank) in more {
        if !text.is_empty() {
            let wrapped = glyph::wrap(&format!("{name} {text}"), width).into_iter();
            lines.extend(wrapped.map(|text| line(text, if rank == 0 { STRONG } else { PLAIN }, rank)));
        }
    }
    lines
}

/// One step: its state is a sign, and a failed one a word too.
fn item(check: &CheckItem) -> String {
    let name = check.name;
    match check.state {
        CheckState::Waiting => format!("[ ] {name}"),
        CheckState::Doing => format!("[►] {name}"),
        CheckState::Done => format!("[√] {name}"),
        CheckState::Failed => format!("[!] {name} FAILED"),
    }
}

/// Items beside each other, none broken where it can be helped.
fn flow(items: &[String], width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in items {
        match lines.last_mut() {
            Some(line) if glyph::width(line) + 3 + glyph::width(item) <= width => {
                line.push_str("   ");
                line.push_str(item);
            }
            _ => lines.push(item.clone()),
        }
    }
    lines
}

fn batch_lines(view: &View, width: usize) -> Vec<Line> {
    let batch = &view.batch;
    if batch.keys == 0 {
        return Vec::new();
    }
    let mut counts = vec![format!("{} of {} prepared", batch.prepared, batch.keys)];
    let more = [
        (batch.rejected, "put aside", "put aside"),
        (
            usize::try_from(batch.slips_printed).unwrap_or(usize::MAX),
            "slip",
            "slips",
        ),
        (batch.slips_voided, "void", "void"),
        (batch.exceptions, "exception", "exceptions"),
    ];
    for (count, one, many) in more {
        if count > 0 {
            counts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    }
    let bar = pen::bar(width.min(60), batch.prepared, 0, batch.keys);
    let texts = glyph::wrap(&counts.join(", "), width).into_iter();
    let mut lines: Vec<Line> = texts.map(|text| line(text, PLAIN, 2)).collect();
    lines.push(line(bar, PLAIN, 3));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_important_lines_go_first() {
        let mut lines = vec![
            line("a", PLAIN, 0),
            line("b", PLAIN, 2),
            line("c", PLAIN, 1),
            line("d", PLAIN, 2),
        ];
        let left = |lines: &[Line]| lines.iter().map(|l| l.text.clone()).collect::<String>();
        shorten(&mut lines, 3);
        assert_eq!(left(&lines), "abc");
        shorten(&mut lines, 1);
        assert_eq!(left(&lines), "a");
        shorten(&mut lines, 0);
        assert_eq!(left(&lines), "");
    }

    #[test]
    fn every_state_of_a_step_is_told_without_colour() {
        let states = [
            CheckState::Waiting,
            CheckState::Doing,
            CheckState::Done,
            CheckState::Failed,
        ];
        let texts = states.map(|state| item(&CheckItem { name: "PIN", state }));
        assert_eq!(texts, ["[ ] PIN", "[►] PIN", "[√] PIN", "[!] PIN FAILED"]);
        assert_eq!(
            flow(&texts, 20),
            ["[ ] PIN   [►] PIN", "[√] PIN", "[!] PIN FAILED"]
        );
    }
}
