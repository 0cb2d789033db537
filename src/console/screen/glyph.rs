//! What the console font can show: the 256 characters of code page 437, each one cell wide.

use unicode_normalization::UnicodeNormalization;

/// The upper half of code page 437, and the arrows and marks of its lowest 32 places that the kernel maps.
const BEYOND_ASCII: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
                            αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■•►◄↕↑↓→←▲▼§¶";
/// What stands for a character that the font does not have.
const UNKNOWN: char = '?';

/// Whether the font has this character.
#[must_use]
pub fn known(character: char) -> bool {
    matches!(character, ' '..='~') || BEYOND_ASCII.contains(character)
}

/// One line of text in characters that the font has, each one cell wide.
///
/// An accent that it lacks is left off (`Ł` has none to leave off and becomes `?`); control characters become spaces.
#[must_use]
pub fn fit(text: &str) -> String {
    let mut fitted = String::with_capacity(text.len());
    for character in text.nfc() {
        match character {
            c if known(c) => fitted.push(c),
            c if c.is_control() || c.is_whitespace() => fitted.push(' '),
            '\u{2010}'..='\u{2015}' => fitted.push('-'),
            '\u{2018}' | '\u{2019}' => fitted.push('\''),
            '\u{201c}'..='\u{201e}' => fitted.push('"'),
            '\u{2026}' => fitted.push_str("..."),
            c => fitted.push(std::iter::once(c).nfkd().find(|c| known(*c)).unwrap_or(UNKNOWN)),
        }
    }
    fitted
}

/// How many cells a fitted text takes.
#[must_use]
pub fn width(fitted: &str) -> usize {
    fitted.chars().count()
}

/// Breaks text into lines of at most `width` cells, at spaces where there are any.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    if width == 0 {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in fit(paragraph).split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            let used = self::width(&line);
            if used > 0 && used + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            // A word longer than a line, such as an account's name, goes on in the next one.
            while word.len() > width {
                lines.push(word.drain(..width).collect());
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(word);
        }
        if !line.is_empty() {
            lines.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_the_font_has_and_replaces_the_rest() {
        assert_eq!(fit("Straße 5 \u{2013} caf\u{e9} √"), "Straße 5 - café √");
        assert_eq!(fit("e\u{301}"), "é");
        assert_eq!(fit("Šárka Ōe 東"), "Sárka Oe ?");
        assert_eq!(fit("a\u{1b}[2Jb\tc"), "a [2Jb c");
    }

    #[test]
    fn lines_break_at_spaces_and_inside_words_that_are_too_long() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("an abcdefghij k", 4), ["an", "abcd", "efgh", "ij k"]);
        assert_eq!(wrap("\n\na\nb", 4), ["a", "b"]);
        assert!(wrap("anything", 0).is_empty());
    }

    proptest! {
        #[test]
        fn every_line_fits(text in "\\PC{0,200}", width in 1_usize..80) {
            for line in wrap(&text, width) {
                prop_assert!(self::width(&line) <= width, "{line}");
                prop_assert!(line.chars().all(known), "{line}");
            }
        }
    }
}
