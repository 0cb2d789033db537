//! What a Linux console understands: ECMA-48 sequences for place and colour, written to a terminal.

use std::io::{self, Write};

use ratatui_core::backend::{Backend, ClearType, WindowSize};
use ratatui_core::buffer::Cell;
use ratatui_core::layout::{Position, Size};
use ratatui_core::style::{Color, Modifier};

use super::tty::Tty;

/// UTF-8 on, normal attributes, no cursor, no screen saver, no power saving, empty.
const ENTER: &[u8] = b"\x1b%G\x1b[0m\x1b[?25l\x1b[9;0]\x1b[14;0]\x1b[2J\x1b[H";
/// Normal attributes, cursor on, empty.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[2J\x1b[H";

/// Foreground, background and attributes of a cell.
type Look = (Color, Color, Modifier);

/// A terminal that ratatui draws on.
pub(super) struct Vt {
    tty: Tty,
    /// What is not written yet.
    out: Vec<u8>,
}

impl Vt {
    pub(super) fn new(tty: Tty) -> Self {
        Self {
            tty,
            out: ENTER.to_vec(),
        }
    }
}

impl Drop for Vt {
    fn drop(&mut self) {
        let _ = self.tty.write_all(LEAVE);
    }
}

/// The number of a colour in the sequence "select graphic rendition"; 39 and 49 are the terminal's own.
fn number(colour: Color, ground: bool) -> u8 {
    let foreground = match colour {
        Color::Black => 30,
        Color::Red => 31,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Blue => 34,
        Color::Magenta => 35,
        Color::Cyan => 36,
        Color::Gray => 37,
        Color::DarkGray => 90,
        Color::LightRed => 91,
        Color::LightGreen => 92,
        Color::LightYellow => 93,
        Color::LightBlue => 94,
        Color::LightMagenta => 95,
        Color::LightCyan => 96,
        Color::White => 97,
        // Sixteen colours are all there are.
        Color::Reset | Color::Rgb(..) | Color::Indexed(_) => 39,
    };
    if ground { foreground + 10 } else { foreground }
}

fn write_look(out: &mut Vec<u8>, look: Look) -> io::Result<()> {
    let (letters, ground, attributes) = look;
    write!(out, "\x1b[0;{};{}", number(letters, false), number(ground, true))?;
    if attributes.contains(Modifier::BOLD) {
        out.extend_from_slice(b";1");
    }
    if attributes.contains(Modifier::REVERSED) {
        out.extend_from_slice(b";7");
    }
    out.push(b'm');
    Ok(())
}

impl Backend for Vt {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut look: Option<Look> = None;
        let mut next = None;
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                write!(self.out, "\x1b[{};{}H", u32::from(y) + 1, u32::from(x) + 1)?;
            }
            let wanted = (cell.fg, cell.bg, cell.modifier);
            if look != Some(wanted) {
                write_look(&mut self.out, wanted)?;
                look = Some(wanted);
            }
            self.out.extend_from_slice(cell.symbol().as_bytes());
            next = x.checked_add(1).map(|x| (x, y));
        }
        self.out.extend_from_slice(b"\x1b[0m");
        Ok(())
    }

    // The cursor is hidden from the beginning to the end.
    fn hide_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, _: P) -> io::Result<()> {
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.out.extend_from_slice(b"\x1b[0m\x1b[2J");
        Ok(())
    }

    /// Clears everything whatever is asked: ratatui clears a part only for a viewport that is not the whole screen.
    fn clear_region(&mut self, _: ClearType) -> io::Result<()> {
        self.clear()
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.tty.size())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: self.tty.size(),
            pixels: Size::ZERO,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.tty.write_all(&self.out);
        self.out.clear();
        written
    }
}
