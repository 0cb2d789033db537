//! The layout: a board on a screen of any size.
//!
//! From the top: the header, what to do in large letters, what will be erased, the time that runs out, then key, steps
//! and batch beside the log (below it on a narrow screen), and at the bottom the question with what is typed.

use std::time::Instant;

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use super::board::{Board, Typed};
use super::large::{Large, Size};
use super::pen::{self, DANGER, HEADER, PLAIN, Pen, REHEARSAL, STRONG, cells};
use super::{glyph, panel};
use crate::console::view::Tone;

/// From this width on, the log stands beside the panels.
const WIDE: usize = 96;
/// From this height on, letters may be huge and what is typed is large too.
const TALL: usize = 48;

/// Draws a board at `now` over the whole buffer.
pub fn draw(board: &Board, now: Instant, buffer: &mut Buffer) {
    buffer.reset();
    let heights = Heights::of(board, buffer.area);
    let mut pen = Pen {
        area: buffer.area,
        buffer,
    };
    // Whatever has no room, the question has: its rows are taken off first.
    let above = pen.height().saturating_sub(heights.question);
    let mut top = pen.take(above);
    header(board, now, &mut top.take(1));
    people(board, &mut top.take(heights.people));
    instruction(board, now, &heights, &mut top.take(heights.instruction()));
    erases(board, &mut top.take(heights.erases));
    clock(board, now, &mut top.take(heights.clock));
    panels(board, &mut top);
    question(board, &mut pen);
}

/// How many rows each part gets.
struct Heights {
    people: usize,
    letters: Large,
    detail: Large,
    /// Empty rows above and below the letters.
    air: usize,
    erases: usize,
    clock: usize,
    question: usize,
}

impl Heights {
    /// Rows between large letters and a detail in large letters.
    fn gap(&self) -> usize {
        usize::from(self.detail.size > Size::Plain && self.detail.height() > 0)
    }

    fn of(board: &Board, area: Rect) -> Self {
        let (width, height) = (usize::from(area.width), usize::from(area.height));
        let view = board.view();
        let instruction = board.instruction();
        let named = !(view.officer.is_empty() && view.witness.is_empty());
        let people = usize::from(named && height >= 16);
        let question = question_rows(board, width, height);
        let erases = view
            .erases
            .as_ref()
            .map_or(0, |what| erase_text(what, width, height).height() + 2);
        let clock = match (&view.clock, height) {
            (None, _) => 0,
            (Some(_), ..16) => 1,
            (Some(_), ..TALL) => 3,
            (Some(_), _) => 8,
        };
        // The strip over the letters, and the least that panels and log need.
        let others = 1 + people + erases + clock + question + 1;
        let least = if width < WIDE {
            // One row for the log.
            panel::needed(&panel::narrow(view, width.saturating_sub(2))) + 1
        } else {
            panel::needed(&panel::wide(view, left_width(width) - 3))
        };
        let free = height.saturating_sub(others + least.clamp(height / 5, height * 2 / 5));
        let width = width.saturating_sub(2);
        let (largest, side) = if height >= TALL {
            (Size::Huge, Size::Medium)
        } else {
            (Size::Medium, Size::Plain)
        };
        let mut detail = Large::set(&instruction.detail, width, free / 3, side);
        detail.cut(free / 3);
        let room = (free - detail.height()).min(height / 2);
        let mut letters = Large::set(&instruction.sentence, width, room, largest);
        letters.cut(room.max(1));
        let air = usize::from(letters.height() + detail.height() + 4 <= free);
        Self {
            people,
            letters,
            detail,
            air,
            erases,
            clock,
            question,
        }
    }

    fn instruction(&self) -> usize {
        1 + self.letters.height() + self.detail.height() + self.gap() + 2 * self.air
    }
}

fn header(board: &Board, now: Instant, pen: &mut Pen<'_>) {
    let view = board.view();
    pen.fill(HEADER);
    let mut column = pen.text(1, 0, "Glasskey", HEADER) + 2;
    if view.rehearsal {
        column = pen.text(column, 0, " REHEARSAL ", REHEARSAL) + 2;
    }
    pen.text(column, 0, &view.title, HEADER);
    let mut right = format!("  {} ", board.moving_sign(now));
    if !view.ceremony.is_empty() && column + glyph::width(&view.ceremony) + 6 <= pen.width() {
        right.insert_str(0, &format!("  {}", view.ceremony));
    }
    pen.text_right(0, &right, HEADER);
}

fn people(board: &Board, pen: &mut Pen<'_>) {
    let view = board.view();
    let half = pen.width() / 2;
    for (name, person) in [("Officer", &view.officer), ("Witness", &view.witness)] {
        if !person.is_empty() {
            pen.take_left(half)
                .text(1, 0, &format!("{name}: {person}"), PLAIN);
        }
    }
}

fn instruction(board: &Board, now: Instant, heights: &Heights, pen: &mut Pen<'_>) {
    let tone = board.instruction().tone;
    let strip = pen::strip(tone);
    let mut top = pen.take(1);
    top.fill(strip);
    let after = top.text(1, 0, pen::word(tone), strip);
    if tone == Tone::Working {
        top.text(after + 1, 0, &board.moving_sign(now).to_string(), strip);
    }
    if board.view().rehearsal {
        top.text_right(0, " REHEARSAL ", REHEARSAL);
    }
    pen.take(heights.air);
    let mut sentence = pen.take(heights.letters.height());
    sentence.take_left(1);
    heights
        .letters
        .draw(sentence.area, sentence.buffer, pen::letters(tone));
    pen.take(heights.air + heights.gap());
    pen.take_left(1);
    heights.detail.draw(pen.area, pen.buffer, PLAIN);
}

/// What is in the red frame; on a tall screen large, as the sentence over it.
fn erase_text(what: &str, width: usize, height: usize) -> Large {
    let largest = if height >= TALL { Size::Medium } else { Size::Plain };
    let mut text = Large::set(
        &format!("Yes ERASES for good: {what}"),
        width.saturating_sub(4),
        height / 4,
        largest,
    );
    text.cut(height / 4);
    text
}

fn erases(board: &Board, pen: &mut Pen<'_>) {
    let Some(what) = &board.view().erases else {
        return;
    };
    let (inner, last) = (pen.width().saturating_sub(2), pen.height().saturating_sub(1));
    let text = erase_text(what, pen.width(), usize::from(pen.buffer.area.height));
    pen.fill(DANGER);
    for row in 1..last {
        pen.text(0, row, "║", DANGER);
        pen.text_right(row, "║", DANGER);
    }
    pen.text(0, last, &format!("╚{}╝", "═".repeat(inner)), DANGER);
    pen.text(0, 0, &format!("╔{}╗", "═".repeat(inner)), DANGER);
    pen.text(2, 0, " ERASES ", DANGER);
    pen.take(1);
    let mut inside = pen.take(last.saturating_sub(1));
    inside.take_left(2);
    text.draw(inside.area, inside.buffer, DANGER);
}

fn clock(board: &Board, now: Instant, pen: &mut Pen<'_>) {
    let (Some(clock), Some(left)) = (&board.view().clock, board.time_left(now)) else {
        return;
    };
    // A second that has begun counts.
    let seconds = left.as_millis().div_ceil(1000);
    let said = if left.is_zero() {
        format!("{}: the time is over", clock.name)
    } else {
        format!("{}: {seconds} s left of {} s", clock.name, clock.lasts.as_secs())
    };
    let style = pen::letters(if left.is_zero() { Tone::Trouble } else { Tone::Act });
    let parts = |time: std::time::Duration| usize::try_from(time.as_millis()).unwrap_or(usize::MAX >> 20);
    let rows = pen.height();
    if rows < 3 {
        let column = pen.text(1, 0, &said, style) + 1;
        let width = pen.width().saturating_sub(column + 1);
        pen.text(
            column,
            0,
            &pen::bar(width, parts(left), 0, parts(clock.lasts)),
            style,
        );
        return;
    }
    let number = Large::set(&seconds.to_string(), pen.width() / 4, rows, Size::Huge);
    let mut column = pen.take_left(number.width() + 3);
    column.take_left(1);
    number.draw(column.area, column.buffer, style);
    pen.text(0, 0, &said, style);
    let width = pen.width().saturating_sub(1);
    let bar = pen::bar(width, parts(left), 0, parts(clock.lasts));
    for row in 1..rows - usize::from(rows > 3) {
        pen.text(0, row, &bar, style);
    }
}

/// Columns of the panels beside the log.
fn left_width(width: usize) -> usize {
    (width * 9 / 20).clamp(46, 84)
}

fn panels(board: &Board, pen: &mut Pen<'_>) {
    let view = board.view();
    if pen.width() < WIDE {
        let mut lines = panel::narrow(view, pen.width().saturating_sub(2));
        // The log keeps its newest lines: on a narrow screen it is the only place for what has just happened.
        let kept = pen.height() / 3;
        panel::shorten(&mut lines, pen.height().saturating_sub(kept));
        panel::write(&lines, &mut pen.take(lines.len()));
        log(board, pen);
    } else {
        let left = left_width(pen.width());
        let mut lines = panel::wide(view, left - 3);
        if !lines.is_empty() {
            panel::shorten(&mut lines, pen.height());
            let mut panels = pen.take_left(left);
            panel::write(&lines, &mut panels);
            let edge = panels.width().saturating_sub(1);
            for row in 0..panels.height() {
                panels.text(edge, row, "│", PLAIN);
            }
        }
        log(board, pen);
    }
}

/// The last lines that were told, the newest at the bottom.
fn log(board: &Board, pen: &mut Pen<'_>) {
    if pen.height() >= 3 {
        pen.caption(0, "LOG", PLAIN);
        pen.take(1);
    }
    let (width, rows) = (pen.width().saturating_sub(2), pen.height());
    let mut lines: Vec<(String, bool)> = Vec::new();
    for text in board.log().rev() {
        if lines.len() >= rows {
            break;
        }
        let detail = text.starts_with("   ");
        let indent = if detail { 3 } else { 0 };
        let mut wrapped = glyph::wrap(text, width.saturating_sub(3));
        if lines.is_empty() {
            // Where not even the newest fits, its beginning is shown.
            wrapped.truncate(rows);
        }
        let trouble = text.starts_with("!!");
        for (index, line) in wrapped.iter().enumerate().rev() {
            let indent = if index > 0 { 3 } else { indent };
            lines.push((" ".repeat(indent) + line, trouble));
        }
    }
    lines.truncate(rows);
    for (row, (line, trouble)) in lines.iter().rev().enumerate() {
        pen.text(1, row, line, if *trouble { STRONG } else { PLAIN });
    }
}

fn question_rows(board: &Board, width: usize, height: usize) -> usize {
    let lines = question_lines(board, width).len();
    if lines == 0 {
        return 1;
    }
    let typed = if height >= TALL { 4 } else { 1 };
    (1 + lines + typed).min((height / 2).max(2))
}

fn question_lines(board: &Board, width: usize) -> Vec<String> {
    let width = width.saturating_sub(2);
    board
        .question()
        .iter()
        .flat_map(|line| glyph::wrap(line, width))
        .collect()
}

fn question(board: &Board, pen: &mut Pen<'_>) {
    let lines = question_lines(board, pen.width());
    if lines.is_empty() {
        typed(board, pen, PLAIN);
        return;
    }
    let hidden = matches!(board.typed, Typed::Hidden(_));
    let strip = pen::strip(Tone::Answer);
    let mut top = pen.take(1);
    top.fill(strip);
    top.text(1, 0, "ANSWER, then press Enter", strip);
    match top.width() {
        _ if !hidden => {}
        56.. => top.text_right(0, "what you type is not shown ", strip),
        40.. => top.text_right(0, "not shown ", strip),
        _ => {}
    }
    let rows = pen
        .height()
        .saturating_sub(if pen.height() > 4 && lines.len() + 4 <= pen.height() {
            4
        } else {
            1
        });
    // The last line is the one to answer.
    let first = lines.len().saturating_sub(rows);
    let mut text = pen.take(rows);
    for (row, line) in lines[first..].iter().enumerate() {
        text.text(1, row, line, STRONG);
    }
    typed(board, pen, pen::letters(Tone::Answer));
}

/// The line that is being typed, its end in view.
fn typed(board: &Board, pen: &mut Pen<'_>, style: ratatui_core::style::Style) {
    let text = match &board.typed {
        Typed::Shown(text) => glyph::fit(text),
        Typed::Hidden(count) => "*".repeat(*count),
    };
    let large = Large::set(
        &format!("> {text}_"),
        pen.width().saturating_sub(2),
        pen.height(),
        Size::Medium,
    );
    if pen.height() >= 4 && large.size > Size::Plain {
        let area = Rect {
            x: pen.area.x.saturating_add(cells(1)),
            ..pen.area
        };
        large.draw(area, pen.buffer, style);
        return;
    }
    let room = pen.width().saturating_sub(5);
    let skipped = glyph::width(&text).saturating_sub(room);
    let shown: String = text.chars().skip(skipped).collect();
    let column = pen.text(1, 0, "> ", style);
    let column = pen.text(column, 0, &shown, style);
    pen.text(column, 0, "_", style);
}
