//! Writing into a part of the screen without ever leaving it, and the colours.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier, Style};

use super::glyph;
use crate::console::view::Tone;

/// A part of the screen.
pub(super) struct Pen<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) area: Rect,
}

impl Pen<'_> {
    /// Takes `rows` rows off the top.
    pub(super) fn take(&mut self, rows: usize) -> Pen<'_> {
        let rows = cells(rows).min(self.area.height);
        let area = Rect {
            height: rows,
            ..self.area
        };
        self.area.y += rows;
        self.area.height -= rows;
        Pen {
            buffer: self.buffer,
            area,
        }
    }

    /// Takes `columns` columns off the left.
    pub(super) fn take_left(&mut self, columns: usize) -> Pen<'_> {
        let columns = cells(columns).min(self.area.width);
        let area = Rect {
            width: columns,
            ..self.area
        };
        self.area.x += columns;
        self.area.width -= columns;
        Pen {
            buffer: self.buffer,
            area,
        }
    }

    pub(super) fn width(&self) -> usize {
        usize::from(self.area.width)
    }

    pub(super) fn height(&self) -> usize {
        usize::from(self.area.height)
    }

    pub(super) fn fill(&mut self, style: Style) {
        self.buffer.set_style(self.area, style);
    }

    /// Writes one line at this place and cuts it at the edge; returns the column behind it.
    pub(super) fn text(&mut self, column: usize, row: usize, text: &str, style: Style) -> usize {
        let fitted = glyph::fit(text);
        let room = self.width().saturating_sub(column);
        if row < self.height() && room > 0 {
            let (x, y) = (self.area.x + cells(column), self.area.y + cells(row));
            self.buffer.set_stringn(x, y, &fitted, room, style);
        }
        column + glyph::width(&fitted).min(room)
    }

    /// Writes one line that ends at the right edge.
    pub(super) fn text_right(&mut self, row: usize, text: &str, style: Style) {
        let column = self.width().saturating_sub(glyph::width(&glyph::fit(text)));
        self.text(column, row, text, style);
    }

    /// A row with a caption on a line: `─ LOG ────`.
    pub(super) fn caption(&mut self, row: usize, caption: &str, style: Style) {
        let line = "─".repeat(self.width());
        self.text(0, row, &line, style);
        self.text(
            1,
            row,
            &format!(" {caption} "),
            style.add_modifier(Modifier::BOLD),
        );
    }
}

/// A length in cells; screens have fewer than 65,536.
pub(super) fn cells(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// A bar of `width` cells: how many are full of `full`, then `half`, the rest of `of` is empty.
pub(super) fn bar(width: usize, full: usize, half: usize, of: usize) -> String {
    // Counts come from elsewhere and may be absurd: no product of them fits into fewer bits.
    let of = of.max(1);
    let until = |part: usize| {
        let share = part.min(of) as u128 * width as u128 / of as u128;
        usize::try_from(share).unwrap_or(width)
    };
    let (first, second) = (until(full), until(full.saturating_add(half)));
    "█".repeat(first) + &"▒".repeat(second - first) + &"░".repeat(width - second)
}

/// The word of a tone: it is told apart without colour.
pub(super) fn word(tone: Tone) -> &'static str {
    match tone {
        Tone::Working => "WAIT",
        Tone::Act => "DO:",
        Tone::Answer => "QUESTION",
        Tone::Trouble => "TROUBLE",
        Tone::Done => "DONE",
    }
}

/// The strip over a sentence. A Linux console has eight colours for the background.
pub(super) fn strip(tone: Tone) -> Style {
    let (letters, ground) = match tone {
        Tone::Working => (Color::White, Color::Blue),
        Tone::Act => (Color::Black, Color::Yellow),
        Tone::Answer => (Color::Black, Color::Cyan),
        Tone::Trouble => (Color::White, Color::Red),
        Tone::Done => (Color::Black, Color::Green),
    };
    Style::new().fg(letters).bg(ground)
}

/// The letters of a sentence.
pub(super) fn letters(tone: Tone) -> Style {
    Style::new().fg(match tone {
        Tone::Working => Color::White,
        Tone::Act => Color::LightYellow,
        Tone::Answer => Color::LightCyan,
        Tone::Trouble => Color::LightRed,
        Tone::Done => Color::LightGreen,
    })
}

/// What destroys something.
pub(super) const DANGER: Style = Style::new()
    .fg(Color::White)
    .bg(Color::Red)
    .add_modifier(Modifier::BOLD);
/// The sign of a rehearsal.
pub(super) const REHEARSAL: Style = Style::new()
    .fg(Color::White)
    .bg(Color::Magenta)
    .add_modifier(Modifier::BOLD)
    .remove_modifier(Modifier::REVERSED);
/// First row.
pub(super) const HEADER: Style = Style::new().add_modifier(Modifier::REVERSED);
/// What matters.
pub(super) const STRONG: Style = Style::new().fg(Color::White).add_modifier(Modifier::BOLD);
/// Everything else.
pub(super) const PLAIN: Style = Style::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_asked_and_shows_the_parts() {
        assert_eq!(bar(8, 1, 1, 4), "██▒▒░░░░");
        assert_eq!(bar(4, 9, 9, 4), "████");
        assert_eq!(bar(4, 0, 0, 0), "░░░░");
        assert_eq!(bar(0, 1, 1, 2), "");
    }

    #[test]
    fn nothing_is_written_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 4, 2));
        let mut pen = Pen {
            area: buffer.area,
            buffer: &mut buffer,
        };
        let mut top = pen.take(1);
        top.take_left(2).text(1, 0, "abc", PLAIN);
        pen.text(0, 1, "x", PLAIN);
        pen.text(9, 0, "x", PLAIN);
        pen.text_right(0, "abcdef", PLAIN);
        assert_eq!(buffer, Buffer::with_lines([" a  ", "abcd"]));
    }
}
