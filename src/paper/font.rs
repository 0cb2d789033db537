//! The two fonts on paper: what they cover and how wide a text is.

use super::LayoutError;
use super::face::Face;
use super::page::{MILLIMETRES_PER_POINT, Millimetres, Points};
use crate::script::is_printable;

/// A font of this program; both files are unchanged releases of DejaVu 2.37 (`fonts/LICENSE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Font {
    /// DejaVu Sans, for text.
    Sans,
    /// DejaVu Sans Mono Bold, for PINs and ids: its zero is dotted, its 1 and 7, 6 and 8 differ clearly.
    Mono,
}

impl Font {
    /// All fonts.
    pub const ALL: [Self; 2] = [Self::Sans, Self::Mono];

    /// The font file.
    #[must_use]
    pub fn file(self) -> &'static [u8] {
        match self {
            Self::Sans => include_bytes!("fonts/DejaVuSans.ttf"),
            Self::Mono => include_bytes!("fonts/DejaVuSansMono-Bold.ttf"),
        }
    }

    /// The parsed font.
    #[must_use]
    pub fn face(self) -> Face<'static> {
        Face::parse(self.file()).expect("the file is part of the program, and a test parses it")
    }
}

/// A font at a size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// Which font.
    pub font: Font,
    /// Size of the em.
    pub size: Points,
}

impl Style {
    /// Text at this size.
    #[must_use]
    pub const fn sans(size: Points) -> Self {
        Self {
            font: Font::Sans,
            size,
        }
    }

    /// PINs and ids at this size.
    #[must_use]
    pub const fn mono(size: Points) -> Self {
        Self {
            font: Font::Mono,
            size,
        }
    }

    /// How far a text reaches; characters without a glyph count nothing.
    #[must_use]
    pub fn width(self, text: &str) -> Millimetres {
        let face = self.font.face();
        let units: u32 = text
            .chars()
            .filter_map(|c| face.glyph(c))
            .map(|glyph| u32::from(face.advance(glyph)))
            .sum();
        // Texts are far shorter than the 16,777,216 units that f32 counts exactly.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let ems = units as f32 / f32::from(face.units_per_em);
        ems * self.size * MILLIMETRES_PER_POINT
    }

    /// Refuses text that would not come out as it is written.
    pub fn check(self, field: &str, text: &str) -> Result<(), LayoutError> {
        let face = self.font.face();
        let missing = |c: &char| !is_printable(*c) || face.glyph(*c).is_none();
        match text.chars().find(missing) {
            None => Ok(()),
            Some(character) => Err(LayoutError::Uncovered {
                field: field.to_owned(),
                character,
            }),
        }
    }

    /// The text with `?` for each character that would not come out as it is written.
    #[must_use]
    pub fn legible(self, text: &str) -> String {
        let face = self.font.face();
        let shown = |c: char| is_printable(c) && face.glyph(c).is_some();
        text.chars().map(|c| if shown(c) { c } else { '?' }).collect()
    }

    /// The same font, made smaller down to `smallest` until the text fits into `width`.
    pub fn fitted(
        self,
        field: &str,
        text: &str,
        width: Millimetres,
        smallest: Points,
    ) -> Result<Self, LayoutError> {
        let natural = self.width(text);
        if natural <= width {
            return Ok(self);
        }
        // Half a per mille less, so that rounding never puts the last letter over the edge.
        let size = self.size * width / natural * 0.9995;
        if size < smallest {
            return Err(LayoutError::TooLong {
                field: field.to_owned(),
            });
        }
        Ok(Self { size, ..self })
    }

    /// Breaks text into lines of at most `width`, at spaces or, in longer words, anywhere.
    #[must_use]
    pub fn wrapped(self, text: &str, width: Millimetres) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(line) + self.width(" ") + self.width(word) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.extend(self.broken(word, width)),
            }
        }
        lines
    }

    /// Breaks a word into pieces of at most `width`, of one character at least.
    fn broken(self, word: &str, width: Millimetres) -> Vec<String> {
        let mut pieces = vec![String::new()];
        for character in word.chars() {
            if let Some(piece) = pieces.last_mut() {
                piece.push(character);
                if piece.chars().count() > 1 && self.width(piece) > width {
                    piece.pop();
                    pieces.push(character.to_string());
                }
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn font_files_are_the_released_ones() {
        let released = [
            (
                Font::Sans,
                "abdc775b21b1bc470d50c97e790d276f2054b7504e56e5bd3e64f48d68582322",
            ),
            (
                Font::Mono,
                "2964f6dac8e6e9d71613928340f17bf868e9ea51692cca333c79e74962f02233",
            ),
        ];
        for (font, expected) in released {
            let digest = ring::digest::digest(&ring::digest::SHA256, font.file());
            // Debug of a ring digest is its name, a colon and lower-case hexadecimal digits.
            assert_eq!(format!("{digest:?}"), format!("SHA256:{expected}"));
        }
    }

    #[test]
    fn both_fonts_cover_printable_ascii_and_mono_is_mono() {
        for font in Font::ALL {
            let style = Style { font, size: 10.0 };
            let ascii: String = (' '..='~').collect();
            assert_eq!(style.check("text", &ascii), Ok(()));
        }
        let face = Font::Mono.face();
        let widths: Vec<u16> = ('0'..='Z')
            .filter_map(|c| face.glyph(c))
            .map(|g| face.advance(g))
            .collect();
        assert!(widths.len() > 30 && widths.iter().all(|w| *w == widths[0]));
    }

    #[test]
    fn text_has_a_glyph_for_every_printable_character() {
        let face = Font::Sans.face();
        let printable = ('\0'..=char::MAX).filter(|c| is_printable(*c));
        let missing: Vec<char> = printable.filter(|c| face.glyph(*c).is_none()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn refuses_what_would_come_out_wrong() {
        let style = Style::sans(10.0);
        assert_eq!(style.check("name", "Zoë Łukasz Ωμέγα Иван €"), Ok(()));
        for text in ["日本", "e\u{301}", "שלום", "a\nb", "\u{ad}", "\u{202e}", "🔑"] {
            assert!(
                matches!(
                    style.check("name", text),
                    Err(LayoutError::Uncovered { ref field, .. }) if field == "name"
                ),
                "{text:?}"
            );
            let legible = style.legible(text);
            assert!(
                legible.contains('?') && style.check("name", &legible).is_ok(),
                "{legible}"
            );
        }
        assert_eq!(style.legible("Zoë Ωμέγα Иван €"), "Zoë Ωμέγα Иван €");
    }

    #[test]
    fn wraps_at_spaces_and_shrinks_to_the_limit_only() {
        let style = Style::sans(10.0);
        let lines = style.wrapped("one two three four five six", 20.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| style.width(line) <= 20.0));
        assert_eq!(lines.join(" "), "one two three four five six");
        let broken = style.wrapped("see 0123456789abcdefghij", 12.0);
        assert!(broken.len() > 2 && broken.iter().all(|line| style.width(line) <= 12.0));
        assert_eq!(broken.concat(), "see0123456789abcdefghij");
        let small = style.fitted("text", "one two three", 15.0, 5.0).unwrap();
        assert!(small.size < 10.0 && small.width("one two three") <= 15.0);
        assert!(style.fitted("text", "one two three", 5.0, 5.0).is_err());
    }
}
