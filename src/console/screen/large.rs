//! Large letters, drawn with half blocks: a cell holds two dots, one above the other, and with the 16x32 font they are
//! square.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use super::{glyph, letters};

/// How large the letters are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Size {
    /// The console's own: one row a line.
    Plain,
    /// Five dots: three rows a line, capitals.
    Small,
    /// Eight dots: four rows a line.
    Medium,
    /// The same with every dot doubled: eight rows a line.
    Huge,
}

impl Size {
    /// From the largest.
    const ALL: [Self; 4] = [Self::Huge, Self::Medium, Self::Small, Self::Plain];

    /// Rows of cells that a line takes.
    pub(super) fn rows(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Small => 3,
            Self::Medium => 4,
            Self::Huge => 8,
        }
    }

    /// Rows from one line to the next: room for what hangs below the line.
    fn pitch(self) -> usize {
        match self {
            Self::Plain | Self::Small => self.rows(),
            Self::Medium | Self::Huge => self.rows() + 1,
        }
    }

    /// Rows that so many lines take.
    fn height(self, lines: usize) -> usize {
        (lines * self.pitch()).saturating_sub(self.pitch() - self.rows())
    }

    /// Dots between two letters.
    fn gap(self) -> usize {
        if self == Self::Huge { 2 } else { 1 }
    }

    /// Dots of a space between two words, the gap before it included.
    fn space(self) -> usize {
        match self {
            Self::Plain => 1,
            Self::Small => 3,
            Self::Medium => 5,
            Self::Huge => 10,
        }
    }

    /// Columns of dots of a character, lowest bit at the top; `None` when there is no such letter.
    fn columns(self, character: char) -> Option<Vec<u32>> {
        match self {
            Self::Plain => None,
            Self::Small => {
                let rows = letters::rows(character)?;
                let bit = |row: usize, column: usize| u32::from(rows[row].as_bytes()[column] == b'#') << row;
                Some(
                    (0..rows[0].len())
                        .map(|column| (0..5).map(|row| bit(row, column)).sum())
                        .collect(),
                )
            }
            Self::Medium => eight_dots(character),
            Self::Huge => {
                let double = |column: u32| (0..8).map(|row| (column >> row & 1) * (3 << (2 * row))).sum();
                Some(
                    eight_dots(character)?
                        .into_iter()
                        .flat_map(|c| [double(c); 2])
                        .collect(),
                )
            }
        }
    }

    /// Columns that a word takes; `None` when a letter is missing.
    fn width(self, word: &str) -> Option<usize> {
        if self == Self::Plain {
            return Some(glyph::width(word));
        }
        let mut width = 0;
        for character in word.chars() {
            width += self.columns(character)?.len() + self.gap();
        }
        Some(width.saturating_sub(self.gap()))
    }

    /// Breaks a text into lines of at most `width` columns; `None` when it cannot be set in this size.
    fn lines(self, text: &str, width: usize) -> Option<Vec<String>> {
        if self == Self::Plain {
            return Some(glyph::wrap(text, width));
        }
        let mut lines: Vec<(String, usize)> = Vec::new();
        for word in glyph::fit(text).split_whitespace() {
            let needed = self.width(word)?;
            match lines.last_mut() {
                Some((line, used)) if *used + self.space() + needed <= width => {
                    line.push(' ');
                    line.push_str(word);
                    *used += self.space() + needed;
                }
                // Broken words cannot be read from afar.
                _ if needed > width => return None,
                _ => lines.push((word.to_owned(), needed)),
            }
        }
        Some(lines.into_iter().map(|(line, _)| line).collect())
    }
}

/// The columns of a letter of the 8x8 font, without the empty ones around it.
fn eight_dots(character: char) -> Option<Vec<u32>> {
    let code = usize::try_from(u32::from(character)).ok()?;
    let rows = match code {
        0x21..0x7f => font8x8::legacy::BASIC_LEGACY[code],
        0xa1..0x100 => font8x8::legacy::LATIN_LEGACY[code - 0xa0],
        _ => return None,
    };
    let column = |x: usize| (0..8).map(|y| u32::from(rows[y] >> x & 1) << y).sum();
    let columns: Vec<u32> = (0..8).map(column).collect();
    let first = columns.iter().position(|c| *c != 0)?;
    let last = columns.iter().rposition(|c| *c != 0)?;
    Some(columns[first..=last].to_vec())
}

/// A sentence set in one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Large {
    /// The size of its letters.
    pub(super) size: Size,
    lines: Vec<String>,
}

impl Large {
    /// Sets a sentence in the largest letters, up to `largest`, with which it fits into this room.
    ///
    /// Where not even the console's own fit, the end is left out when it is drawn.
    pub(super) fn set(text: &str, width: usize, height: usize, largest: Size) -> Self {
        let fits = |size: Size| {
            let lines = size.lines(text, width)?;
            (size == Size::Plain || size.height(lines.len()) <= height).then_some(Self { size, lines })
        };
        Size::ALL
            .into_iter()
            .filter(|size| *size <= largest)
            .find_map(fits)
            .unwrap_or(Self {
                size: Size::Plain,
                lines: Vec::new(),
            })
    }

    /// Leaves out the lines that have no room in `height` rows.
    pub(super) fn cut(&mut self, height: usize) {
        while self.height() > height {
            self.lines.pop();
        }
    }

    /// Rows of cells that it takes.
    pub(super) fn height(&self) -> usize {
        self.size.height(self.lines.len())
    }

    /// Columns of cells that its longest line takes.
    pub(super) fn width(&self) -> usize {
        let line_width = |line: &String| {
            let words = line.split(' ').filter_map(|word| self.size.width(word));
            words.map(|width| width + self.size.space()).sum::<usize>()
        };
        let widest = self.lines.iter().map(line_width).max().unwrap_or(0);
        widest.saturating_sub(self.size.space())
    }

    /// Draws it into the upper left corner of `area`.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer, style: Style) {
        let area = area.intersection(buffer.area);
        let mut top = area.y;
        for line in &self.lines {
            if self.size == Size::Plain {
                if top < area.bottom() {
                    buffer.set_stringn(area.x, top, line, usize::from(area.width), style);
                }
            } else {
                self.draw_line(line, top, area, buffer, style);
            }
            top = top.saturating_add(u16::try_from(self.size.pitch()).unwrap_or(1));
        }
    }

    fn draw_line(&self, line: &str, top: u16, area: Rect, buffer: &mut Buffer, style: Style) {
        let mut left = usize::from(area.x);
        for (index, word) in line.split(' ').enumerate() {
            left += if index == 0 { 0 } else { self.size.space() };
            for (place, character) in word.chars().enumerate() {
                left += if place == 0 { 0 } else { self.size.gap() };
                for column in self.size.columns(character).unwrap_or_default() {
                    for row in 0..self.size.rows() {
                        let symbol = match column >> (2 * row) & 3 {
                            0 => continue,
                            1 => "▀",
                            2 => "▄",
                            _ => "█",
                        };
                        let (Ok(x), Ok(row)) = (u16::try_from(left), u16::try_from(row)) else {
                            continue;
                        };
                        let y = top.saturating_add(row);
                        if x < area.right()
                            && y < area.bottom()
                            && let Some(cell) = buffer.cell_mut((x, y))
                        {
                            cell.set_symbol(symbol).set_style(style);
                        }
                    }
                    left += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENTENCE: &str = "Put in the security key for this label.";

    #[test]
    fn the_largest_letters_that_fit_are_taken() {
        let size = |width, height| Large::set(SENTENCE, width, height, Size::Huge).size;
        assert_eq!(size(240, 30), Size::Huge);
        assert_eq!(size(120, 14), Size::Medium);
        assert_eq!(size(64, 12), Size::Small);
        assert_eq!(size(64, 5), Size::Plain);
        assert_eq!(Large::set(SENTENCE, 240, 30, Size::Medium).size, Size::Medium);
    }

    #[test]
    fn a_word_that_is_too_long_and_a_foreign_letter_take_smaller_letters() {
        let account = "emergency-access-one@contoso.onmicrosoft.com";
        assert_eq!(Large::set(account, 64, 20, Size::Huge).size, Size::Plain);
        assert_eq!(Large::set("Schlüssel", 240, 20, Size::Huge).size, Size::Huge);
        assert_eq!(Large::set("α", 240, 20, Size::Huge).size, Size::Plain);
    }

    #[test]
    fn letters_are_drawn_within_their_room() {
        let area = Rect::new(0, 0, 12, 3);
        let mut buffer = Buffer::empty(area);
        Large::set("In", 12, 3, Size::Huge).draw(area, &mut buffer, Style::new());
        let drawn = Buffer::with_lines(["█ █▄ █      ", "█ █ ▀█      ", "▀ ▀  ▀      "]);
        assert_eq!(buffer, drawn);
        assert_eq!(Large::set("In", 12, 3, Size::Huge).width(), 6);
        let large = Large::set(SENTENCE, 100, 100, Size::Huge);
        large.draw(Rect::new(5, 1, 100, 100), &mut buffer, Style::new());
        assert!(large.width() <= 100);
    }
}
