//! The line editor: bytes of a keyboard or a scanner to lines.
//!
//! It knows Backspace, ctrl-U and Enter. Every other control character and every escape sequence (arrows, function
//! keys, Alt) does nothing.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use crate::secret::Secret;

/// Longest line in bytes; a scanner or a cat on the keyboard cannot fill the memory.
pub const MAX_LINE: usize = 512;
/// Bytes that may wait behind a finished line.
const MAX_AHEAD: usize = 2048;
/// The bytes of an escape sequence come together; what comes later was typed after the Escape key alone.
const SEQUENCE: Duration = Duration::from_millis(100);

/// Where an escape sequence stands (ECMA-48; the Linux console sends `ESC [ [ A` for F1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Begun,
    Control,
    OneMore,
}

/// A line that is being typed.
pub struct Editor {
    /// What was typed; its memory never moves, and it is wiped when it is taken or dropped.
    line: Secret<String>,
    /// The bytes of a character that is not whole yet.
    partial: Vec<u8>,
    ahead: VecDeque<u8>,
    escape: Escape,
    last: Option<Instant>,
    /// A carriage return ended the last line: a line feed right behind it belongs to it.
    returned: bool,
}

impl Default for Editor {
    fn default() -> Self {
        Self {
            line: Secret::new(String::with_capacity(MAX_LINE)),
            partial: Vec::with_capacity(4),
            ahead: VecDeque::with_capacity(MAX_AHEAD),
            escape: Escape::No,
            last: None,
            returned: false,
        }
    }
}

impl Editor {
    /// Takes bytes that came at `now`.
    pub fn feed(&mut self, bytes: &[u8], now: Instant) {
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) > SEQUENCE)
        {
            self.escape = Escape::No;
        }
        self.last = Some(now);
        let room = MAX_AHEAD.saturating_sub(self.ahead.len());
        self.ahead.extend(bytes.iter().take(room));
    }

    /// Works through the bytes that came, up to the end of a line; true when there is one: [`Editor::take`] it then.
    pub fn finish_line(&mut self) -> bool {
        while let Some(mut byte) = self.ahead.pop_front() {
            let ended = self.byte(byte);
            byte.zeroize();
            if ended {
                return true;
            }
        }
        // What was typed may be a passphrase; an empty queue keeps no copy of it.
        self.wipe_ahead();
        false
    }

    /// The line as it stands.
    #[must_use]
    pub fn line(&self) -> &Secret<String> {
        &self.line
    }

    /// Takes the line out and begins a new one.
    pub fn take(&mut self) -> Secret<String> {
        std::mem::replace(&mut self.line, Secret::new(String::with_capacity(MAX_LINE)))
    }

    /// Forgets the line and all that was typed behind it.
    pub fn clear(&mut self) {
        self.line.expose_mut().zeroize();
        // Wiping keeps the room, and with it the place in memory.
        self.partial.zeroize();
        self.wipe_ahead();
        self.escape = Escape::No;
        self.returned = false;
    }

    fn wipe_ahead(&mut self) {
        self.ahead.resize(MAX_AHEAD, 0);
        self.ahead.iter_mut().for_each(Zeroize::zeroize);
        self.ahead.clear();
    }

    /// One byte; true at the end of a line.
    fn byte(&mut self, byte: u8) -> bool {
        let returned = std::mem::take(&mut self.returned);
        match (self.escape, byte) {
            (_, 0x1b) => self.escape = Escape::Begun,
            (Escape::Begun, b'[' | b'O') => self.escape = Escape::Control,
            // F1 to F5 of the Linux console: one more byte follows the second bracket.
            (Escape::Control, b'[') => self.escape = Escape::OneMore,
            (Escape::Control, 0x20..=0x3f) => {}
            // Enter is never part of a sequence: a broken one must not swallow it.
            (Escape::Begun | Escape::Control | Escape::OneMore, b'\r' | b'\n') | (Escape::No, _) => {
                self.escape = Escape::No;
                return self.plain(byte, returned);
            }
            (Escape::Begun | Escape::Control | Escape::OneMore, _) => self.escape = Escape::No,
        }
        false
    }

    /// A byte outside of escape sequences.
    fn plain(&mut self, byte: u8, returned: bool) -> bool {
        if byte < 0x80 {
            self.partial.zeroize();
        }
        match byte {
            b'\r' => {
                self.returned = true;
                return true;
            }
            b'\n' => return !returned,
            0x08 | 0x7f => {
                self.line.expose_mut().pop();
            }
            // Ctrl-U
            0x15 => self.line.expose_mut().zeroize(),
            0x20..=0x7e => self.push(char::from(byte)),
            0x80.. => self.part_of_character(byte),
            _ => {}
        }
        false
    }

    /// A byte of a character beyond ASCII, in UTF-8; bytes that make none are dropped.
    fn part_of_character(&mut self, byte: u8) {
        if byte >= 0xc0 || self.partial.len() >= 4 {
            self.partial.zeroize();
        }
        self.partial.push(byte);
        let whole = std::str::from_utf8(&self.partial).ok();
        if let Some(character) = whole.and_then(|text| text.chars().next()) {
            self.partial.zeroize();
            if !character.is_control() {
                self.push(character);
            }
        }
    }

    fn push(&mut self, character: char) {
        let line = self.line.expose_mut();
        if line.len() + character.len_utf8() <= MAX_LINE {
            line.push(character);
        }
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines that come of these bytes, and what is left in the editor.
    fn typed(bytes: &[u8]) -> (Vec<String>, String) {
        let mut editor = Editor::default();
        editor.feed(bytes, Instant::now());
        let mut lines = Vec::new();
        while editor.finish_line() {
            lines.push(editor.take().expose().clone());
        }
        (lines, editor.line().expose().clone())
    }

    fn left(bytes: &[u8]) -> String {
        typed(bytes).1
    }

    #[test]
    fn enter_ends_a_line_whichever_way_it_is_sent() {
        assert_eq!(
            typed(b"one\rtwo\nthree\r\n\rfour"),
            (
                vec!["one".into(), "two".into(), "three".into(), String::new()],
                "four".into()
            )
        );
    }

    #[test]
    fn backspace_and_ctrl_u_take_back() {
        assert_eq!(left("\x7faö\x7f\x08b".as_bytes()), "b");
        assert_eq!(left(b"abc\x15d"), "d");
    }

    #[test]
    fn characters_may_come_in_pieces_and_broken_ones_are_dropped() {
        let mut editor = Editor::default();
        for byte in "ß東".as_bytes() {
            editor.feed(&[*byte], Instant::now());
            assert!(!editor.finish_line());
        }
        assert_eq!(editor.line().expose(), "ß東");
        assert_eq!(left(b"a\xc3b\xff\xbf\xc3\xa4"), "abä");
    }

    #[test]
    fn control_characters_and_escape_sequences_do_nothing() {
        let keys: [&[u8]; 10] = [
            b"\x03",
            b"\x1a",
            b"\x1c",
            b"\x04",
            b"\x13",
            b"\t",
            b"\x1b[A",
            b"\x1b[[A",
            b"\x1b[24;5~",
            b"\x1bOP",
        ];
        for key in keys {
            assert_eq!(left(&[b"y", key, b"es"].concat()), "yes", "{key:?}");
        }
        assert_eq!(left(b"\x1bxyes"), "yes");
        // A sequence that never ends does not swallow the Enter.
        assert_eq!(typed(b"yes\x1b[\r").0, ["yes"]);
    }

    #[test]
    fn what_is_typed_after_the_escape_key_counts() {
        let mut editor = Editor::default();
        let now = Instant::now();
        editor.feed(b"\x1b", now);
        editor.finish_line();
        editor.feed(b"no", now + Duration::from_millis(500));
        editor.finish_line();
        assert_eq!(editor.line().expose(), "no");
    }

    #[test]
    fn a_line_has_a_greatest_length_and_never_moves() {
        let mut editor = Editor::default();
        let place = editor.line().expose().as_ptr();
        for _ in 0..4 {
            editor.feed(&[b'x'; 400], Instant::now());
            editor.finish_line();
        }
        assert_eq!(editor.line().expose().len(), MAX_LINE);
        assert_eq!(editor.line().expose().as_ptr(), place);
        editor.clear();
        assert!(editor.line().expose().is_empty());
        assert_eq!(editor.line().expose().capacity(), MAX_LINE);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..40)) {
            let mut editor = Editor::default();
            for piece in pieces {
                editor.feed(&piece, Instant::now());
                while editor.finish_line() {
                    let line = editor.take();
                    prop_assert!(line.expose().len() <= MAX_LINE && !line.expose().contains(char::is_control));
                }
                prop_assert!(editor.line().expose().len() <= MAX_LINE);
            }
        }
    }
}
